/** Layers that bring several others together: sums, products, columns side by side; and the residual connection. */

import { describeValue } from '../check.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import type { Builder, Value } from '../compiler/builder.ts'
import type { LayerSpec } from './index.ts'
import { placement, type LayerContext, type LayerType } from './layer.ts'

/** What a merging layer takes in: the name of a layer or an input, or layers of its own, which follow the layer before. */
export type Source = string | readonly LayerSpec[]

/** Merging layer as plain data; in a network's spec all sources are names. */
export interface MergeSpec {
  readonly type: 'add' | 'multiply' | 'concat'
  readonly name?: string
  readonly from: readonly Source[]
}

/**
 * Sum of layers, element by element: all [batch, n] → [batch, n].
 *
 * @param from at least two sources: names of layers or inputs, or arrays of layers that follow the layer before, an empty one
 *   being that layer itself
 * @throws SpecError if there are less than two; when the network is made, if their sizes differ
 * @example
 * add(['left', 'right'], { name: 'both' }).from // ['left', 'right']
 */
export function add(from: readonly Source[], options: { name?: string } = {}): MergeSpec {
  return merge('add', from, options)
}

/**
 * Product of layers, element by element, as for gates: all [batch, n] → [batch, n]. Sources as for {@link add}.
 *
 * @throws SpecError if there are less than two; when the network is made, if their sizes differ
 * @example
 * multiply([[dense(4)], [dense(4, 'logistic')]]).type // 'multiply'
 */
export function multiply(from: readonly Source[], options: { name?: string } = {}): MergeSpec {
  return merge('multiply', from, options)
}

/**
 * Columns of layers side by side: [batch, n], [batch, m], … → [batch, n + m + …]. Sources as for {@link add}.
 *
 * @throws SpecError if there are less than two
 * @example
 * concat([[dense(3, 'relu')], [dense(2, 'tanh')]]).from.length // 2
 */
export function concat(from: readonly Source[], options: { name?: string } = {}): MergeSpec {
  return merge('concat', from, options)
}

/**
 * Residual connection: `y = x + f(x)`, where f is the given layers and x the layer before. Shapes [batch, n] → [batch, n].
 *
 * @throws SpecError, when the network is made, if the layers have another number of outputs than inputs
 * @source He et al. 2016, Deep Residual Learning for Image Recognition, eq. 1
 * @example
 * new Network({ inputs: 2, layers: [dense(4), residual([dense(8, 'relu'), dense(4)]), dense(1)], loss: 'squaredError' })
 */
export function residual(layers: readonly LayerSpec[], options: { name?: string } = {}): MergeSpec {
  return merge('add', [[], layers], options)
}

function merge(type: MergeSpec['type'], from: readonly Source[], options: { name?: string }): MergeSpec {
  rejectUnknownKeys(type, options, ['name'])
  const spec: MergeSpec = { type, ...placement(options), from }
  mergeLayers[type].validate(spec, type)
  return spec
}

/** Adds the node that puts the columns of two values side by side. */
export function concatColumns(builder: Builder, a: Value, b: Value, name: string): Value {
  const y = builder.value(name, ['rows', Number(a.shape[1]) + Number(b.shape[1])])
  return builder.emit('concat_columns', { a, b }, {}, { y })
}

interface MergeInfo {
  /** Whether all sources have one size, which is also that of the output. */
  readonly areSizesEqual: boolean
  /** Adds the node that brings two values together. */
  readonly join: (a: Value, b: Value, context: LayerContext) => Value
}

const elementwise = (op: string): MergeInfo => ({
  areSizesEqual: true,
  join: (a, b, { builder, name }) => builder.emit(op, { a, b }, {}, {}, name),
})

const mergeTable: Record<MergeSpec['type'], MergeInfo> = {
  add: elementwise('add'),
  multiply: elementwise('hadamard'),
  concat: {
    areSizesEqual: false,
    join: (a, b, { builder, name }) => concatColumns(builder, a, b, name),
  },
}

function mergeLayer(type: MergeSpec['type']): LayerType<MergeSpec> {
  const { areSizesEqual, join } = mergeTable[type]
  return {
    type,
    validate({ from }, where) {
      if (Array.isArray(from) && from.length >= 2) return
      throw new SpecError({
        code: 'HADAMARD_WIRING',
        where: `${where}: from`,
        expected: 'an array of at least two sources',
        received: describeValue(from),
      })
    },
    checkInputs(sources, where) {
      const [first] = sources
      const other = sources.find(({ size }) => size !== first.size)
      if (!areSizesEqual || other === undefined) return
      throw new SpecError({
        code: 'HADAMARD_WIRING',
        where,
        expected: 'sources of one size',
        received: `${first.size} of ${first.name} and ${other.size} of ${other.name}`,
        cure: 'Give one of them as many outputs as the other by a dense layer, or use concat',
      })
    },
    outputs: (_, ...sizes) => (areSizesEqual ? sizes[0] : sizes.reduce((a, b) => a + b, 0)),
    parameters: () => [],
    describe: ({ type }) => type,
    forward: (_, x, context) => context.others.reduce((a, b) => join(a, b, context), x),
  }
}

/** Rows of the layer table. */
export const mergeLayers = {
  add: mergeLayer('add'),
  multiply: mergeLayer('multiply'),
  concat: mergeLayer('concat'),
}
