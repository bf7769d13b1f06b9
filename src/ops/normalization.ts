/** Normalisation of columns (batch norm) and rows (layer norm). Scale and shift behind it are ops of their own. */

import type { Arithmetic } from './arithmetic.ts'
import { defineOp, type Op } from './op.ts'
import { laneReductions } from './reductions.ts'

// 1 / √(variance + ε), an operation at a time.
function inverseDeviation({ round }: Arithmetic): (variance: number, epsilon: number) => number {
  return (variance, epsilon) => round(1 / round(Math.sqrt(round(variance + epsilon))))
}

// dx from dy and the normalised y, given the means of dy and of dy∘y over what was normalised together.
function gradientOfNormalized({
  round,
  mulAdd,
}: Arithmetic): (dy: number, y: number, inverse: number, mean: number, dot: number) => number {
  return (dy, y, inverse, mean, dot) => round(mulAdd(-y, dot, round(dy - mean)) * inverse)
}

/** The ops of this family. */
export const normalization: readonly Op[] = [
  // Sums run over the differences from the first row: a constant column has exactly its value as mean, and variance 0.
  // One row has no variance; the running statistics stand in.
  defineOp(
    'batch_statistics',
    'n',
    '(n rows | | x[rows n] runningMean[n] runningVariance[n]) -> mean[n] variance[n]',
    ({ round, mulAdd }) => {
      return ({ operands: [x, runningMean, runningVariance, mean, variance], dims: [n], rows }) => {
        if (rows < 2) {
          mean.set(runningMean)
          variance.set(runningVariance)
          return
        }
        const count = round(rows)
        for (let j = 0; j < n; j++) {
          let sum = 0
          for (let row = 0; row < rows; row++) sum = round(sum + round(x[row * n + j] - x[j]))
          mean[j] = x[j] + round(sum / count)
          let squares = 0
          for (let row = 0; row < rows; row++) {
            const d = round(x[row * n + j] - mean[j])
            squares = mulAdd(d, d, squares)
          }
          variance[j] = squares / count
        }
      }
    },
  ),
  // The batch's variance is that of the sample; the running one estimates that of the population.
  defineOp(
    'update_running',
    'n',
    '(n rows | momentum | mean[n] variance[n] runningMean[n] runningVariance[n]) -> runningMean[n] runningVariance[n]',
    ({ round, mulAdd }) => {
      return ({ operands: [mean, variance, runningMean, runningVariance], dims: [n], scalars, rows }) => {
        if (rows < 2) return
        const momentum = round(scalars[0])
        const rest = round(1 - scalars[0])
        const unbiased = round(rows / (rows - 1))
        for (let j = 0; j < n; j++) {
          runningMean[j] = mulAdd(rest, runningMean[j], round(momentum * mean[j]))
          const sample = round(momentum * round(unbiased * variance[j]))
          runningVariance[j] = mulAdd(rest, runningVariance[j], sample)
        }
      }
    },
  ),
  defineOp('inverse_deviation', 'n', '(n | epsilon | variance[n]) -> inverse[n]', (arithmetic) => {
    const invert = inverseDeviation(arithmetic)
    return ({ operands: [variance, inverse], dims: [n], scalars }) => {
      const epsilon = arithmetic.round(scalars[0])
      for (let j = 0; j < n; j++) inverse[j] = invert(variance[j], epsilon)
    }
  }),
  // The gradient takes mean and deviation to be those of x, whose gradients it contains, unless the node says that they are
  // constant: a setting of the gradient alone, which the op does not get.
  defineOp(
    'normalize_columns',
    'rows',
    '(rows n | | x[rows n] mean[n] inverse[n]) -> y~x[rows n]',
    ({ round }) => {
      return ({ operands: [x, mean, inverse, y], dims: [, n], rows }) => {
        for (let row = 0; row < rows; row++) {
          for (let j = 0; j < n; j++) y[row * n + j] = round(x[row * n + j] - mean[j]) * inverse[j]
        }
      }
    },
    (g, { inputs: { inverse }, output: y, scalars }, dy) => ({
      x: () => {
        if (scalars.areConstant === 1) return g.emit('multiply_columns', { x: dy, w: inverse })
        const sum = g.emit('sum_columns', { x: dy })
        const dot = g.emit('dot_columns', { a: dy, b: y })
        return g.emit('normalize_columns_backward', { dy, y, inverse, sum, dot })
      },
    }),
  ),
  // Source: Ioffe, Szegedy 2015, Batch Normalization, section 3. The statistics of a single row are constants.
  defineOp(
    'normalize_columns_backward',
    'rows',
    '(rows n | | dy[rows n] y[rows n] inverse[n] sum[n] dot[n]) -> dx~dy[rows n]',
    (arithmetic) => {
      const { round } = arithmetic
      const gradient = gradientOfNormalized(arithmetic)
      return ({ operands: [dy, y, inverse, sum, dot, dx], dims: [, n], rows }) => {
        const share = rows < 2 ? 0 : round(1 / rows)
        for (let i = 0; i < rows * n; i++) {
          const j = i % n
          dx[i] = gradient(dy[i], y[i], inverse[j], round(share * sum[j]), round(share * dot[j]))
        }
      }
    },
  ),
  // Source: Ba, Kiros, Hinton 2016, Layer Normalization, eq. 3.
  defineOp(
    'normalize_rows',
    'rows',
    '(rows n | epsilon | x[rows n]) -> y~x[rows n] inverse[rows]',
    (arithmetic) => {
      const { round, mulAdd } = arithmetic
      const lanes = laneReductions(arithmetic)
      const invert = inverseDeviation(arithmetic)
      return ({ operands: [x, y, inverse], dims: [, n], scalars, rows }) => {
        const epsilon = round(scalars[0])
        const count = round(n)
        for (let row = 0; row < rows; row++) {
          const start = row * n
          const mean = round(lanes.sum(x, start, n) / count)
          const squares = lanes.reduce(n, (i, lane) => {
            const d = round(x[start + i] - mean)
            return mulAdd(d, d, lane)
          })
          inverse[row] = invert(round(squares / count), epsilon)
          for (let j = start; j < start + n; j++) y[j] = round(x[j] - mean) * inverse[row]
        }
      }
    },
    (g, { inputs: { inverse }, output: y }, dy) => ({
      x: () => g.emit('normalize_rows_backward', { dy, y, inverse }),
    }),
  ),
  defineOp(
    'normalize_rows_backward',
    'rows',
    '(rows n | | dy[rows n] y[rows n] inverse[rows]) -> dx~dy[rows n]',
    (arithmetic) => {
      const { round } = arithmetic
      const lanes = laneReductions(arithmetic)
      const gradient = gradientOfNormalized(arithmetic)
      return ({ operands: [dy, y, inverse, dx], dims: [, n], rows }) => {
        const count = round(n)
        for (let row = 0; row < rows; row++) {
          const start = row * n
          const mean = round(lanes.sum(dy, start, n) / count)
          const dot = round(lanes.dot(dy, start, y, start, n) / count)
          for (let j = start; j < start + n; j++) dx[j] = gradient(dy[j], y[j], inverse[row], mean, dot)
        }
      }
    },
  ),
]
