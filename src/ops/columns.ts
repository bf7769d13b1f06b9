/** Columns of matrices, cut out and put side by side: values are moved, never computed with. */

import type { FloatArray } from './arithmetic.ts'
import { defineOp, type Op } from './op.ts'

// The column that `first` stands for: a whole number from 0 to `limit`, which is also what anything else becomes.
function columnFrom(first: number, limit: number): number {
  return first >= 0 && first <= limit ? Math.trunc(first) : limit
}

// y[row, at…] = x[row, from…], as many columns as both have.
function copyColumns(
  rows: number,
  { x, n, from = 0 }: { x: FloatArray; n: number; from?: number },
  { y, m, at = 0 }: { y: FloatArray; m: number; at?: number },
): void {
  const count = Math.min(n - from, m - at)
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < count; j++) y[row * m + at + j] = x[row * n + from + j]
  }
}

/** The ops of this family: slice and place are each other's gradients. */
export const columns: readonly Op[] = [
  defineOp(
    'slice_columns',
    'rows',
    '(rows n total | first | x[rows total]) -> y[rows n]',
    () =>
      ({ operands: [x, y], dims: [, n, total], scalars: [first], rows }) => {
        y.fill(0, 0, rows * n)
        copyColumns(rows, { x, n: total, from: columnFrom(first, total) }, { y, m: n })
      },
    (g, { inputs: { x }, scalars: { first } }, dy) => ({
      x: () => g.emit('place_columns', { x: dy }, { first }, { y: g.like(x) }),
    }),
  ),
  defineOp(
    'place_columns',
    'rows',
    '(rows n total | first | x[rows n]) -> y[rows total]',
    () =>
      ({ operands: [x, y], dims: [, n, total], scalars: [first], rows }) => {
        y.fill(0, 0, rows * total)
        copyColumns(rows, { x, n }, { y, m: total, at: columnFrom(first, total) })
      },
    (g, { inputs: { x }, scalars: { first } }, dy) => ({
      x: () => g.emit('slice_columns', { x: dy }, { first }, { y: g.like(x) }),
    }),
  ),
  defineOp(
    'concat_columns',
    'rows',
    '(rows n m total | | a[rows n] b[rows m]) -> y[rows total]',
    () =>
      ({ operands: [a, b, y], dims: [, n, m, total], rows }) => {
        y.fill(0, 0, rows * total)
        copyColumns(rows, { x: a, n }, { y, m: total })
        copyColumns(rows, { x: b, n: m }, { y, m: total, at: Math.min(n, total) })
      },
    (g, { inputs: { a, b }, dims: [, n] }, dy) => ({
      a: () => g.emit('slice_columns', { x: dy }, { first: 0 }, { y: g.like(a) }),
      b: () => g.emit('slice_columns', { x: dy }, { first: n }, { y: g.like(b) }),
    }),
  ),
]
