/** A network's twin in double that takes in the learned vectors of embeddings: between two of them there is a way, between two categories none. */

import { SpecError } from '../errors.ts'
import { Network } from '../network.ts'
import type { Dtype } from '../ops/arithmetic.ts'
import type { NamedLayer } from '../wiring.ts'
import { doubleOf } from './double.ts'

/** The twin of a network whose embedded inputs have become their vectors. */
export interface VectorTwin {
  readonly network: Network<'float64'>
  /** How many inputs of the twin each input of the network has become, [inputs]. */
  readonly widths: readonly number[]
  /** Rows of the network [rows · inputs] as rows of the twin. */
  readonly vectorsOf: (x: Float64Array) => Float64Array
}

type Embedding = NamedLayer & { readonly type: 'embedding' }

/**
 * The twin; of a network without embeddings it has the same inputs.
 *
 * @throws SpecError if an embedding takes in something else than an input of its own name
 */
export function vectorTwinOf(original: Network<Dtype>): VectorTwin {
  const { spec, parameters } = original
  const embeddings = spec.layers.filter(isEmbedding)
  if (embeddings.length === 0) {
    const widths = Array.from({ length: spec.inputs }, () => 1)
    return { network: doubleOf(original), widths, vectorsOf: (x) => x }
  }
  const inputs = Object.entries(spec.inputColumns ?? {})
  checkPlaces(embeddings, inputs)
  const embeddingOf = (name: string): Embedding | undefined => embeddings.find(({ from }) => from === name)
  const network = new Network({
    ...spec,
    inputs: Object.fromEntries(
      inputs.map(([name, columns]): [string, number] => {
        const layer = embeddingOf(name)
        return layer === undefined ? [name, columns] : [layer.name, layer.units]
      }),
    ),
    layers: withoutEmbeddings(spec.layers),
    dtype: 'float64',
    backend: original.backend.name,
  })
  const kept = Object.keys(network.parameters).map((name) => [name, parameters[name]])
  network.setParameters(Object.fromEntries(kept) as typeof parameters)
  network.setState(original.state)
  const tables = inputs.flatMap(([name, columns]) => {
    const layer = embeddingOf(name)
    const table = layer && { units: layer.units, weight: parameters[`${layer.name}.weight`].data }
    return Array.from({ length: columns }, () => table)
  })
  const vectorsOf = (x: Float64Array): Float64Array =>
    Float64Array.from(
      Array.from(x).flatMap((value, i) => {
        const table = tables[i % tables.length]
        if (table === undefined) return [value]
        return Array.from(table.weight.subarray(value * table.units, (value + 1) * table.units))
      }),
    )
  return { network, widths: tables.map((table) => table?.units ?? 1), vectorsOf }
}

function isEmbedding(layer: NamedLayer): layer is Embedding {
  return layer.type === 'embedding'
}

function checkPlaces(embeddings: readonly Embedding[], inputs: readonly [string, number][]): void {
  const astray = embeddings.find(({ from }) => !inputs.some(([name]) => name === from))
  if (astray === undefined) return
  throw new SpecError({
    code: 'HADAMARD_NOT_POSSIBLE',
    where: 'explain: attributions',
    expected: 'embeddings that take in an input of the network by its name',
    received: `${astray.name}, which does not`,
  })
}

// An embedding's name becomes that of an input; what stands right behind one is told to take it in.
function withoutEmbeddings(layers: readonly NamedLayer[]): NamedLayer[] {
  return layers.flatMap((layer, i) => {
    if (isEmbedding(layer)) return []
    const before = i === 0 ? undefined : layers[i - 1]
    const isBehind = layer.from === undefined && before !== undefined && isEmbedding(before)
    return [isBehind ? ({ ...layer, from: before.name } as NamedLayer) : layer]
  })
}
