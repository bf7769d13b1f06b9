/** Random networks that are no chains: several inputs, fan-out, merges, residual blocks, shared weights. */

import { activation, type ActivationName } from '../../src/layers/activation.ts'
import { dense } from '../../src/layers/dense.ts'
import type { LayerSpec } from '../../src/layers/index.ts'
import { layerNorm } from '../../src/layers/layer-norm.ts'
import { add, concat, multiply, residual } from '../../src/layers/merge.ts'
import { randomStream } from '../../src/random.ts'
import type { NetworkOptions } from '../../src/spec.ts'

const SMOOTH: readonly ActivationName[] = ['tanh', 'logistic', 'softplus', 'gelu', 'silu', 'linear']
const MOST_NODES = 9

/** A graph of at most 12 nodes, the last of which has `outputs` outputs. */
export function randomGraph(seed: number, outputs: number): Pick<NetworkOptions, 'inputs' | 'layers'> {
  const random = randomStream(seed, 'graph')
  let draws = 0
  const below = (bound: number): number => random.below(bound, draws++)
  const pick = <T>(values: readonly T[]): T => values[below(values.length)]
  const inputs = { left: 1 + below(3), right: 2 + below(2) }
  const sizes = new Map<string, number>([['input', inputs.left + inputs.right], ...Object.entries(inputs)])
  const inSize = new Map<string, number>()
  const layers: LayerSpec[] = []
  const put = (name: string, size: number, layer: LayerSpec): void => {
    layers.push(layer)
    sizes.set(name, size)
  }
  const kinds: readonly ((name: string) => void)[] = [
    (name) => {
      const [from, units] = [pick([...sizes.keys()]), 1 + below(4)]
      inSize.set(name, sizes.get(from) ?? 0)
      put(name, units, dense(units, pick(SMOOTH), { name, from, bias: below(3) > 0 }))
    },
    (name) => {
      const from = pick([...sizes.keys()])
      put(name, sizes.get(from) ?? 0, activation(pick(SMOOTH), { name, from }))
    },
    (name) => {
      const from = pick([...sizes.keys()])
      const size = sizes.get(from) ?? 0
      put(name, size, size < 3 ? activation('tanh', { name, from }) : layerNorm({ name, from, epsilon: 0.5 }))
    },
    (name) => {
      const from = [pick([...sizes.keys()]), pick([...sizes.keys()])]
      const size = from.reduce((sum, source) => sum + (sizes.get(source) ?? 0), 0)
      put(name, size, concat(from, { name }))
    },
    (name) => {
      const a = pick([...sizes.keys()])
      const same = [...sizes].flatMap(([other, size]) => (size === sizes.get(a) ? [other] : []))
      put(name, sizes.get(a) ?? 0, pick([add, multiply])([a, pick(same)], { name }))
    },
    (name) => {
      const size = sizes.get(layers.at(-1)?.name ?? 'input') ?? 0
      const inner = [
        dense(3, pick(SMOOTH), { name: `${name}-in` }),
        dense(size, 'linear', { name: `${name}-out` }),
      ]
      put(name, size, residual(inner, { name }))
    },
    (name) => {
      const owners = layers.flatMap((layer) =>
        layer.type === 'dense' && inSize.has(layer.name ?? '') ? [layer] : [],
      )
      if (owners.length === 0) return
      const owner = pick(owners)
      const shareWith = owner.name ?? ''
      const fitting = [...sizes].flatMap(([other, size]) => (size === inSize.get(shareWith) ? [other] : []))
      const { units, bias } = owner
      put(name, units, dense(units, pick(SMOOTH), { name, from: pick(fitting), bias, shareWith }))
    },
  ]
  const nodes = 4 + below(MOST_NODES - 3)
  for (let i = 0; i < nodes; i++) pick(kinds)(`node${i}`)
  layers.push(dense(outputs, 'linear', { name: 'end' }))
  return { inputs, layers }
}
