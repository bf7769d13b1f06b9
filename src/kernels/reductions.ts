/** Sums, through sixteen lanes or column by column (docs/numerics.md): the same bits on every machine. */

import type { FloatArray } from '../ops/arithmetic.ts'
import { compute, lengthOf, readShape, type RowShape } from './call.ts'

/**
 * Sum of all elements. Synchronous.
 *
 * @throws SpecError if x is no floating-point array
 * @example
 * sum(Float32Array.of(1, 2, 3)) // 6
 */
export function sum(x: FloatArray): number {
  return compute('sum', 'sum', [lengthOf('sum: x', x)], [], { x }, undefined)[0]
}

/**
 * Sum of the squares of all elements. Synchronous.
 *
 * @throws SpecError if x is no floating-point array
 * @example
 * squaredNorm(Float32Array.of(3, 4)) // 25
 */
export function squaredNorm(x: FloatArray): number {
  return compute('squaredNorm', 'squared_norm', [lengthOf('squaredNorm: x', x)], [], { x }, undefined)[0]
}

/**
 * Sum of each column in increasing row: the gradient of a bias. Synchronous.
 *
 * @param x [rows, n]
 * @param out [n], default a new array; must not overlap x
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @example
 * sumColumns(Float32Array.of(1, 2, 3, 4), { rows: 2, n: 2 }) // Float32Array [ 4, 6 ]
 */
export function sumColumns<T extends FloatArray>(x: T, shape: RowShape, out?: T): T {
  const { rows, n } = readShape('sumColumns', shape)
  return compute('sumColumns', 'sum_columns', [n, rows], [], { x }, out)
}

/**
 * Sum of each row. Synchronous.
 *
 * @param x [rows, n]
 * @param out [rows], default a new array; must not overlap x
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @example
 * sumRows(Float32Array.of(1, 2, 3, 4), { rows: 2, n: 2 }) // Float32Array [ 3, 7 ]
 */
export function sumRows<T extends FloatArray>(x: T, shape: RowShape, out?: T): T {
  const { rows, n } = readShape('sumRows', shape)
  return compute('sumRows', 'sum_rows', [rows, n], [], { x }, out)
}
