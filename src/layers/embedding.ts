/** Embedding layer: a table with a learned row for each category. */

import { checkInteger } from '../check.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { normalizeInitializer, type Initializer } from './initializers.ts'
import { placement, PLACEMENT, type LayerType, type SharedPlacement } from './layer.ts'

/** Embedding layer as plain data. */
export interface EmbeddingSpec extends SharedPlacement {
  readonly type: 'embedding'
  readonly categories: number
  readonly units: number
  readonly initializer: Initializer
}

/** Settings of {@link embedding}. */
export interface EmbeddingOptions extends SharedPlacement {
  /** Initializer of the table, default `{ name: 'normal', deviation: 1 }`. */
  initializer?: Initializer
}

/**
 * A learned row of numbers for each category: `y = weight[x]`. The same as a dense layer without bias behind one-hot inputs,
 * without the zeros.
 *
 * Input [batch, 1] with whole numbers from 0 to below `categories` (numbers between are rounded down; others give NaN, which
 * ends a training), output [batch, units]; parameter weight [categories, units].
 *
 * @param categories rows of the table, an integer from 1 to 2²⁴
 * @param units numbers for each category, an integer ≥ 1
 * @throws SpecError if a number is none of these, or an option is unknown; when the network is made, if the layer takes in more
 *   than one column
 * @source Guo, Berkhahn 2016, Entity Embeddings of Categorical Variables, eq. 5
 * @example
 * new Network({
 *   inputs: { city: 1, sizes: 4 },
 *   layers: [embedding(300, 8, { from: 'city', name: 'place' }), concat(['place', 'sizes']), dense(1)],
 * })
 */
export function embedding(categories: number, units: number, options: EmbeddingOptions = {}): EmbeddingSpec {
  rejectUnknownKeys('embedding', options, ['initializer', ...PLACEMENT])
  const { initializer = { name: 'normal', deviation: 1 } } = options
  const spec: EmbeddingSpec = {
    type: 'embedding',
    ...placement(options),
    categories,
    units,
    initializer: normalizeInitializer(initializer, 'embedding: initializer'),
  }
  embeddingLayer.validate(spec, 'embedding')
  return spec
}

/** Row of the layer table. */
export const embeddingLayer: LayerType<EmbeddingSpec> = {
  type: 'embedding',
  validate({ categories, units, initializer }, where) {
    checkInteger(`${where}: categories`, categories, { min: 1, max: 2 ** 24 })
    checkInteger(`${where}: units`, units, { min: 1, max: 2 ** 24 })
    normalizeInitializer(initializer, `${where}: initializer`)
  },
  outputs({ units }, inputs) {
    if (inputs === 1) return units
    throw new SpecError({
      code: 'HADAMARD_WIRING',
      where: 'embedding',
      expected: 'one column with the numbers of categories',
      received: `${inputs} columns`,
      cure: "Name the column in the network's inputs, and the layer's from",
    })
  },
  parameters: ({ categories, units, initializer }) => [
    { name: 'weight', shape: [categories, units], initializer, isPenalised: true },
  ],
  describe: ({ categories }) => `${categories} categories`,
  forward: (_, x, { builder, name, parameter }) =>
    builder.emit('embed', { x, w: parameter('weight') }, {}, {}, name),
}
