/** Softmax over each row. */

import type { Arithmetic, FloatArray } from './arithmetic.ts'
import { gradientOfOutput } from './activations.ts'
import { elementaryFunctions } from './math.ts'
import { defineOp, type Op } from './op.ts'
import { laneReductions } from './reductions.ts'

/** The largest of the row, NaN where one is NaN; 0 where it is empty. */
export function rowMax(x: FloatArray, start: number, n: number): number {
  let largest = n === 0 ? 0 : x[start]
  for (let j = start + 1; j < start + n; j++) if (x[j] > largest || x[j] !== x[j]) largest = x[j]
  return largest
}

/** Writes y = exp(x − max of the row) for the row at `start` and gives the lane sum of y. */
export function shiftedExponentials(
  arithmetic: Arithmetic,
): (x: FloatArray, y: FloatArray, start: number, n: number) => number {
  const { round } = arithmetic
  const { exp } = elementaryFunctions(arithmetic)
  const lanes = laneReductions(arithmetic)
  return (x, y, start, n) => {
    const largest = rowMax(x, start, n)
    for (let j = start; j < start + n; j++) y[j] = exp(round(x[j] - largest))
    return lanes.sum(y, start, n)
  }
}

/** The ops of this family. */
export const softmax: readonly Op[] = [
  defineOp(
    'softmax',
    'rows',
    '(rows n | | x[rows n]) -> y~x[rows n]',
    (arithmetic) => {
      const exponentials = shiftedExponentials(arithmetic)
      return ({ operands: [x, y], dims: [, n], rows }) => {
        for (let start = 0; start < rows * n; start += n) {
          const total = exponentials(x, y, start, n)
          for (let j = start; j < start + n; j++) y[j] = y[j] / total
        }
      }
    },
    gradientOfOutput('softmax_backward'),
  ),
  defineOp('softmax_backward', 'rows', '(rows n | | dy[rows n] y[rows n]) -> dx~dy[rows n]', (arithmetic) => {
    const { round } = arithmetic
    const lanes = laneReductions(arithmetic)
    return ({ operands: [dy, y, dx], dims: [, n], rows }) => {
      for (let start = 0; start < rows * n; start += n) {
        const dot = lanes.dot(dy, start, y, start, n)
        for (let j = start; j < start + n; j++) dx[j] = round(y[j] * round(dy[j] - dot))
      }
    }
  }),
]
