/** Dense layers that are one: without an activation between them, their weights are factors of a single matrix. */

import { matmul } from './kernels/products.ts'
import type { LayerSpec } from './layers/index.ts'
import type { NetworkSpec } from './spec.ts'

type NamedLayer = LayerSpec & { readonly name: string }
type Arrays = Readonly<Record<string, { readonly data: ArrayLike<number> }>>

/** A network with fewer layers: what is left of them, and the parameters of all. */
export interface Simplified {
  readonly layers: readonly NamedLayer[]
  readonly parameters: Record<string, Float64Array>
}

/**
 * Leaves linear activations out, and joins each dense layer to the linear one in front of it:
 * (x·V + c)·W + b = x·(V·W) + (c·W + b), in double precision.
 */
export function joinLinearLayers({ layers }: NetworkSpec, parameters: Arrays): Simplified {
  const joined = new Map(
    Object.entries(parameters).map(([name, { data }]) => [name, Float64Array.from(data)] as const),
  )
  const kept: NamedLayer[] = []
  for (const layer of layers) {
    if (layer.type === 'activation' && layer.activation === 'linear') continue
    const last = kept.at(-1)
    if (isPlain(layer) && isPlain(last) && last.activation === 'linear') {
      kept[kept.length - 1] = { ...layer, bias: layer.bias || last.bias }
      joinInto(joined, last, layer)
    } else kept.push(layer)
  }
  return { layers: kept, parameters: Object.fromEntries(joined) }
}

type Dense = Extract<NamedLayer, { type: 'dense' }>

// A layer whose product is divided has a factor of its own.
function isPlain(layer: NamedLayer | undefined): layer is Dense {
  return layer?.type === 'dense' && layer.parametrization === undefined
}

function joinInto(parameters: Map<string, Float64Array>, first: Dense, second: Dense): void {
  const take = (name: string): Float64Array => {
    const values = parameters.get(name) ?? new Float64Array()
    parameters.delete(name)
    return values
  }
  const [v, c] = [take(`${first.name}.weight`), take(`${first.name}.bias`)]
  const [w, b] = [take(`${second.name}.weight`), take(`${second.name}.bias`)]
  const [k, n] = [first.units, second.units]
  parameters.set(`${second.name}.weight`, matmul(v, w, { m: v.length / k, n, k }))
  const shifted = first.bias ? matmul(c, w, { m: 1, n, k }) : new Float64Array(n)
  if (second.bias) b.forEach((value, j) => (shifted[j] += value))
  if (first.bias || second.bias) parameters.set(`${second.name}.bias`, shifted)
}
