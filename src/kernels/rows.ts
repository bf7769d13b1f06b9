/** Rows of data into batches, in a seeded order, and seeded masks for dropout. */

import { checkInteger, checkNumber, describeValue } from '../check.ts'
import { SpecError } from '../errors.ts'
import type { FloatArray } from '../ops/arithmetic.ts'
import { streamKey } from '../random.ts'
import { allocate } from '../typed-arrays.ts'
import { checkSizes, compute, lengthOf, MAX_SIZE, readOptions, run } from './call.ts'

const MAX_WORD = 2 ** 32 - 1

/**
 * Fills a mask for inverted dropout: each element is 0 with probability `rate`, else 1 / (1 − rate). The same seed, name
 * and step give the same mask, on every machine. Multiply with {@link hadamard}. Synchronous, in place.
 *
 * @param mask changed in place
 * @param options.rate from 0 to below 1
 * @param options.seed an integer from 0 to 2⁵³ − 1
 * @param options.step which mask of the stream, an integer from 0 to 2³² − 1, default 0
 * @param options.name of the random stream, default `dropout`; a network uses its layer's name
 * @returns mask
 * @throws SpecError if an option or the type does not fit
 * @source Srivastava et al. 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting
 * @example
 * dropoutMask(new Float32Array(4), { rate: 0.5, seed: 1 }) // Float32Array [ 2, 2, 0, 0 ]
 */
export function dropoutMask<T extends FloatArray>(
  mask: T,
  options: { rate: number; seed: number; step?: number; name?: string },
): T {
  const given = readOptions('dropoutMask', options, ['rate', 'seed', 'step', 'name'])
  const { rate, seed, step = 0, name = 'dropout' } = given
  checkNumber('dropoutMask: rate', rate, { min: 0, below: 1 })
  checkInteger('dropoutMask: step', step, { min: 0, max: MAX_WORD })
  const length = lengthOf('dropoutMask: mask', mask)
  const key = keyOf('dropoutMask', seed, name)
  run('dropoutMask', 'dropout_mask', [length, 1], [rate], { key, step: Uint32Array.of(step), mask })
  return mask
}

/**
 * A seeded permutation of the integers below `count`, unbiased; the same seed, name and epoch give the same one, on
 * every machine. Synchronous.
 *
 * @param count an integer from 0 to 2³¹ − 1
 * @param options.seed an integer from 0 to 2⁵³ − 1
 * @param options.epoch which permutation of the stream, an integer from 0 to 2³² − 1, default 0
 * @param options.name of the random stream, default `shuffle`, as in a network
 * @param out [count], default a new array
 * @throws SpecError if an option, the type or the length does not fit
 * @source Durstenfeld 1964, Algorithm 235: Random Permutation
 * @example
 * permutation(4, { seed: 1 }) // Uint32Array [ 1, 3, 2, 0 ]
 */
export function permutation(
  count: number,
  options: { seed: number; epoch?: number; name?: string },
  out?: Uint32Array,
): Uint32Array {
  const given = readOptions('permutation', options, ['seed', 'epoch', 'name'])
  const { seed, epoch = 0, name = 'shuffle' } = given
  checkSizes('permutation', { count })
  checkInteger('permutation: epoch', epoch, { min: 0, max: MAX_WORD })
  const key = keyOf('permutation', seed, name)
  const base = identity('permutation', count)
  const order = out ?? (allocate('permutation: out', 'Uint32Array', count) as Uint32Array)
  run('permutation', 'permute', [count], [], { base, key, epoch: Uint32Array.of(epoch), out: order })
  return order
}

/**
 * Copies rows in the order of their indices: row i of the result is row order[i] of the source, and NaN where the source
 * has no such row. Synchronous.
 *
 * @param source [rows of the source, n]
 * @param order [rows of the result]; an index may occur several times
 * @param options.n numbers per row, an integer from 1 to 2³¹ − 1
 * @param out [rows of the result, n], default a new array; must not overlap the source
 * @throws SpecError if the source is not made of whole rows, or n, types, lengths or overlap do not fit
 * @example
 * gatherRows(Float32Array.of(1, 2, 3, 4), Uint32Array.of(1, 1, 0), { n: 2 }) // Float32Array [ 3, 4, 3, 4, 1, 2 ]
 */
export function gatherRows<T extends FloatArray>(
  source: T,
  order: Uint32Array,
  options: { n: number },
  out?: T,
): T {
  const { n } = readOptions('gatherRows', options, ['n'])
  checkInteger('gatherRows: n', n, { min: 1, max: MAX_SIZE })
  const length = lengthOf('gatherRows: source', source)
  if (length % n !== 0) {
    const expected = `whole rows of ${n}`
    throw new SpecError({
      code: 'HADAMARD_SHAPE',
      where: 'gatherRows: source',
      expected,
      received: `${length} elements`,
    })
  }
  const rows = lengthOf('gatherRows: order', order, ['Uint32Array'])
  return compute('gatherRows', 'gather_rows', [rows, n, length / n, rows], [], { source, order }, out)
}

/**
 * Classes as rows with a 1 at the class and 0 elsewhere; a class that is not below n gives a row of NaN. Synchronous.
 *
 * @param labels [rows], classes from 0
 * @param options.n number of classes, an integer from 1 to 2³¹ − 1
 * @param out [rows, n], default a new Float32Array
 * @throws SpecError if n, types, lengths or overlap do not fit
 * @example
 * oneHot(Uint32Array.of(1, 0), { n: 3 }) // Float32Array [ 0, 1, 0, 1, 0, 0 ]
 */
export function oneHot<T extends FloatArray = Float32Array>(
  labels: Uint32Array,
  options: { n: number },
  out?: T,
): T {
  const { n } = readOptions('oneHot', options, ['n'])
  checkInteger('oneHot: n', n, { min: 1, max: MAX_SIZE })
  const rows = lengthOf('oneHot: labels', labels, ['Uint32Array'])
  const order = identity('oneHot', rows)
  return compute('oneHot', 'gather_one_hot', [rows, n, rows, rows], [], { labels, order }, out)
}

function identity(kernel: string, count: number): Uint32Array {
  const order = allocate(`${kernel}: order`, 'Uint32Array', count) as Uint32Array
  for (let i = 0; i < count; i++) order[i] = i
  return order
}

function keyOf(kernel: string, seed: number, name: string): Uint32Array {
  checkInteger(`${kernel}: seed`, seed, { min: 0 })
  if (typeof name === 'string') return streamKey(seed, name)
  throw new SpecError({ where: `${kernel}: name`, expected: 'a text', received: describeValue(name) })
}
