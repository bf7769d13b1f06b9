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
  const joined: Record<string, Float64Array> = Object.fromEntries(
    Object.entries(parameters).map(([name, { data }]) => [name, Float64Array.from(data)]),
  )
  const kept: NamedLayer[] = []
  for (const layer of layers) {
    if (layer.type === 'activation' && layer.activation === 'linear') continue
    const last = kept.at(-1)
    if (layer.type === 'dense' && last?.type === 'dense' && last.activation === 'linear') {
      kept[kept.length - 1] = { ...layer, bias: layer.bias || last.bias }
      joinInto(joined, last, layer)
    } else kept.push(layer)
  }
  return { layers: kept, parameters: joined }
}

type Dense = Extract<NamedLayer, { type: 'dense' }>

function joinInto(parameters: Record<string, Float64Array>, first: Dense, second: Dense): void {
  const [v, c] = [parameters[`${first.name}.weight`], parameters[`${first.name}.bias`]]
  const [w, b] = [parameters[`${second.name}.weight`], parameters[`${second.name}.bias`]]
  const [k, n] = [first.units, second.units]
  delete parameters[`${first.name}.weight`]
  delete parameters[`${first.name}.bias`]
  parameters[`${second.name}.weight`] = matmul(v, w, { m: v.length / k, n, k })
  if (!first.bias) return
  const shifted = matmul(c, w, { m: 1, n, k })
  parameters[`${second.name}.bias`] = second.bias ? shifted.map((value, j) => value + b[j]) : shifted
}
