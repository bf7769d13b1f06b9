/** Sums: by the sixteen virtual lanes of docs/numerics.md, or by columns. */

import { arithmeticOf, type Arithmetic, type FloatArray } from './arithmetic.ts'
import { defineOp, type Op } from './op.ts'

/** Sums over the elements [start, start + count) of arrays, element i in lane i mod 16. */
export interface LaneReductions {
  sum(x: FloatArray, start: number, count: number): number
  dot(a: FloatArray, aStart: number, b: FloatArray, bStart: number, count: number): number
  /** Sum of value(i) for i in [0, count). */
  sumOf(count: number, value: (i: number) => number): number
  /** Lanes of `step(i, lane)` for i in [0, count). */
  reduce(count: number, step: (i: number, lane: number) => number): number
}

/** The lane reductions of one arithmetic. */
export function laneReductions({ round, mulAdd }: Arithmetic): LaneReductions {
  const lanes = new Float64Array(16)

  // Lane j takes in lane j + 8, + 4, + 2, + 1; lane 0 is the result.
  function tree(): number {
    for (let half = 8; half >= 1; half /= 2) {
      for (let j = 0; j < half; j++) lanes[j] = round(lanes[j] + lanes[j + half])
    }
    return lanes[0]
  }

  return {
    sum(x, start, count) {
      lanes.fill(0)
      for (let i = 0; i < count; i++) lanes[i & 15] = round(lanes[i & 15] + x[start + i])
      return tree()
    },
    dot(a, aStart, b, bStart, count) {
      lanes.fill(0)
      for (let i = 0; i < count; i++) lanes[i & 15] = mulAdd(a[aStart + i], b[bStart + i], lanes[i & 15])
      return tree()
    },
    sumOf(count, value) {
      lanes.fill(0)
      for (let i = 0; i < count; i++) lanes[i & 15] = round(lanes[i & 15] + value(i))
      return tree()
    },
    reduce(count, step) {
      lanes.fill(0)
      for (let i = 0; i < count; i++) lanes[i & 15] = step(i, lanes[i & 15])
      return tree()
    },
  }
}

/** The ops of this family. */
export const reductions: readonly Op[] = [
  defineOp('sum', 'serial', '(rows | | x[rows]) -> s[1]', (arithmetic) => {
    const lanes = laneReductions(arithmetic)
    return ({ operands: [x, s], rows }) => {
      s[0] = lanes.sum(x, 0, rows)
    }
  }),
  defineOp('weighted_sum', 'serial', '(rows | | x[rows] weight[rows]) -> s[1]', (arithmetic) => {
    const lanes = laneReductions(arithmetic)
    return ({ operands: [x, weight, s], rows }) => {
      s[0] = lanes.dot(x, 0, weight, 0, rows)
    }
  }),
  defineOp('squared_norm', 'serial', '(count | | x[count]) -> s[1]', (arithmetic) => {
    const lanes = laneReductions(arithmetic)
    return ({ operands: [x, s], dims: [count] }) => {
      s[0] = lanes.dot(x, 0, x, 0, count)
    }
  }),
  // In double whatever the element type: squares of large gradients do not overflow.
  defineOp('euclidean_norm', 'serial', '(count | | x[count]) -> norm:f64[1]', () => {
    const lanes = laneReductions(arithmeticOf('float64', true))
    return ({ operands: [x], doubles: [, norm], dims: [count] }) => {
      norm[0] = Math.sqrt(lanes.sumOf(count, (i) => x[i] * x[i]))
    }
  }),
  defineOp('absolute_sum', 'serial', '(count | | x[count]) -> s[1]', (arithmetic) => {
    const lanes = laneReductions(arithmetic)
    return ({ operands: [x, s], dims: [count] }) => {
      s[0] = lanes.sumOf(count, (i) => Math.abs(x[i]))
    }
  }),
  defineOp('sum_columns', 'n', '(n rows | | x[rows n]) -> s[n]', () => {
    return ({ operands: [x, s], dims: [n], rows }) => {
      s.fill(0, 0, n)
      for (let row = 0; row < rows * n; row += n) {
        for (let j = 0; j < n; j++) s[j] += x[row + j]
      }
    }
  }),
  defineOp('dot_columns', 'n', '(n rows | | a[rows n] b[rows n]) -> s[n]', ({ mulAdd }) => {
    return ({ operands: [a, b, s], dims: [n], rows }) => {
      for (let j = 0; j < n; j++) {
        let chain = 0
        for (let row = 0; row < rows; row++) chain = mulAdd(a[row * n + j], b[row * n + j], chain)
        s[j] = chain
      }
    }
  }),
  defineOp('sum_rows', 'rows', '(rows n | | x[rows n]) -> s[rows]', (arithmetic) => {
    const lanes = laneReductions(arithmetic)
    return ({ operands: [x, s], dims: [, n], rows }) => {
      for (let row = 0; row < rows; row++) s[row] = lanes.sum(x, row * n, n)
    }
  }),
  // `accumulate` of `sum`, and `find_nonfinite` of it.
  defineOp(
    'tally',
    'serial',
    '(rows | | x[rows] total:f64[1] flag:u32[1]) -> total:f64[1] flag:u32[1]',
    (arithmetic) => {
      const lanes = laneReductions(arithmetic)
      return ({ operands: [x], doubles: [, total], words: [, , flag], rows }) => {
        const s = lanes.sum(x, 0, rows)
        if (!Number.isFinite(s)) flag[0] = 1
        total[0] += s
      }
    },
  ),
  defineOp('accumulate', 'serial', '(| | s[1] total:f64[1]) -> total:f64[1]', () => {
    return ({ operands: [s], doubles: [, total] }) => {
      total[0] += s[0]
    }
  }),
]
