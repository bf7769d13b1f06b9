/** Products. Every output element is one fma chain over k in increasing order; n = 1 with A not transposed uses lanes. */

import { logisticBackward, tanhBackward } from './activations.ts'
import type { Arithmetic, FloatArray } from './arithmetic.ts'
import { elementaryFunctions } from './math.ts'
import { defineOp, type Emitter, type Op } from './op.ts'
import { TILE_COLUMNS, TILE_ROWS, tileKernel } from './product-tiles.ts'

/** `c = alpha · op(a) · op(b) + beta · c`, row-major, the BLAS way. Sizes are not checked here. */
export type Gemm = (
  transA: boolean,
  transB: boolean,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: FloatArray,
  lda: number,
  b: FloatArray,
  ldb: number,
  beta: number,
  c: FloatArray,
  ldc: number,
) => void

// Numbers of the second factor that are packed at once: 256 KiB, which stay in the second-level cache.
const PACKED = 32768

// Packed operands of the product that runs; products never overlap in time.
let packedRows = new Float64Array(2048)
let packedColumns = new Float64Array(PACKED)

// Rows of op(a), TILE_ROWS side by side, as packedRows [k, TILE_ROWS]. Where one row is left it stands there twice.
function packRows(a: FloatArray, start: number, rows: number, row: number, step: number, k: number): void {
  const second = rows > 1 ? row : 0
  for (let p = 0, at = start; p < k; p++, at += step) {
    packedRows[2 * p] = a[at]
    packedRows[2 * p + 1] = a[at + second]
  }
}

// Columns of op(b), TILE_COLUMNS side by side, as packedColumns [columns / TILE_COLUMNS, k, TILE_COLUMNS]. Columns that the
// last tile has too many repeat its first.
function packColumns(
  b: FloatArray,
  start: number,
  columns: number,
  column: number,
  step: number,
  k: number,
): void {
  for (let j = 0, to = 0; j < columns; j += TILE_COLUMNS) {
    const first = start + j * column
    const second = j + 1 < columns ? column : 0
    const third = j + 2 < columns ? 2 * column : 0
    const fourth = j + 3 < columns ? 3 * column : 0
    for (let p = 0, at = first; p < k; p++, at += step, to += TILE_COLUMNS) {
      packedColumns[to] = b[at]
      packedColumns[to + 1] = b[at + second]
      packedColumns[to + 2] = b[at + third]
      packedColumns[to + 3] = b[at + fourth]
    }
  }
}

/** gemm over one arithmetic. */
export function gemm(arithmetic: Arithmetic): Gemm {
  const { round, mulAdd } = arithmetic
  const lanes = new Float64Array(16)
  const tile = new Float64Array(TILE_ROWS * TILE_COLUMNS)
  const addProducts = tileKernel(arithmetic)

  function startValue(c: FloatArray, index: number, beta: number): number {
    return beta === 0 ? 0 : beta === 1 ? c[index] : round(beta * c[index])
  }

  function loadTile(c: FloatArray, at: number, ldc: number, rows: number, width: number, beta: number): void {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < width; column++) {
        tile[row * TILE_COLUMNS + column] = startValue(c, at + row * ldc + column, beta)
      }
    }
  }

  // One dot product through the lanes; alpha multiplies a first.
  function laneDot(
    k: number,
    alpha: number,
    a: FloatArray,
    a0: number,
    b: FloatArray,
    bStride: number,
  ): number {
    lanes.fill(0)
    for (let p = 0; p < k; p++) {
      const x = alpha === 1 ? a[a0 + p] : round(alpha * a[a0 + p])
      lanes[p & 15] = mulAdd(x, b[p * bStride], lanes[p & 15])
    }
    for (let half = 8; half >= 1; half /= 2) {
      for (let j = 0; j < half; j++) lanes[j] = round(lanes[j] + lanes[j + half])
    }
    return lanes[0]
  }

  return (transA, transB, m, n, k, alphaGiven, a, lda, b, ldb, betaGiven, c, ldc) => {
    const alpha = round(alphaGiven)
    const beta = round(betaGiven)
    if (alpha === 0 || k === 0) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) c[i * ldc + j] = startValue(c, i * ldc + j, beta)
      }
      return
    }
    if (n === 1 && !transA) {
      for (let i = 0; i < m; i++) {
        const result = laneDot(k, alpha, a, i * lda, b, transB ? 1 : ldb)
        c[i * ldc] = beta === 0 ? result : startValue(c, i * ldc, beta) + result
      }
      return
    }
    const aRow = transA ? 1 : lda
    const aStep = transA ? lda : 1
    const bColumn = transB ? ldb : 1
    const bStep = transB ? 1 : ldb
    const block = Math.max(1, Math.floor(PACKED / (k * TILE_COLUMNS))) * TILE_COLUMNS
    if (packedRows.length < k * TILE_ROWS) packedRows = new Float64Array(k * TILE_ROWS)
    if (packedColumns.length < k * TILE_COLUMNS) packedColumns = new Float64Array(k * TILE_COLUMNS)
    for (let j0 = 0; j0 < n; j0 += block) {
      const columns = Math.min(block, n - j0)
      packColumns(b, j0 * bColumn, columns, bColumn, bStep, k)
      for (let i = 0; i < m; i += TILE_ROWS) {
        const rows = Math.min(TILE_ROWS, m - i)
        packRows(a, i * aRow, rows, aRow, aStep, k)
        if (alpha !== 1) for (let p = 0; p < k * TILE_ROWS; p++) packedRows[p] = round(alpha * packedRows[p])
        for (let j = 0; j < columns; j += TILE_COLUMNS) {
          const width = Math.min(TILE_COLUMNS, columns - j)
          const at = i * ldc + j0 + j
          if (beta === 0) for (let t = 0; t < tile.length; t++) tile[t] = 0
          else loadTile(c, at, ldc, rows, width, beta)
          addProducts(k, packedRows, packedColumns, j * k, tile)
          for (let row = 0; row < rows; row++) {
            for (let column = 0; column < width; column++) {
              c[at + row * ldc + column] = tile[row * TILE_COLUMNS + column]
            }
          }
        }
      }
    }
  }
}

/** Elements of a weight up to which a transposed copy, made once in a step, is cheaper than a transposing product. */
const MAX_COPY = 65536

// dy · wᵀ; the chains are the same either way.
function inputGradient<V>(g: Emitter<V>, w: V, dy: V, elements: number): V {
  return elements <= MAX_COPY
    ? g.emit('matmul_nn', { x: dy, w: g.emit('transpose', { x: w }) })
    : g.emit('matmul_nt', { dy, w })
}

// Finishes a row of a product with the help of a third operand.
type Finish = (y: FloatArray, third: FloatArray, row: number, n: number) => void

// x · w, each row then finished, as the ops in the name do it one after another.
function fused(name: string, third: string, finishOf: (arithmetic: Arithmetic) => Finish): Op {
  return defineOp(name, 'rows', `(rows n k | | x[rows k] w[k n] ${third}) -> y[rows n]`, (arithmetic) => {
    const multiply = gemm(arithmetic)
    const finish = finishOf(arithmetic)
    return ({ operands: [x, w, other, y], dims: [, n, k], rows }) => {
      multiply(false, false, rows, n, k, 1, x, k, w, n, 0, y, n)
      for (let row = 0; row < rows * n; row += n) finish(y, other, row, n)
    }
  })
}

const addBias: Finish = (y, b, row, n) => {
  for (let j = 0; j < n; j++) y[row + j] += b[j]
}

// x · w + b, then an activation.
function activated(name: string, activation: (arithmetic: Arithmetic) => (x: number) => number): Op {
  return fused(name, 'b[n]', (arithmetic) => {
    const f = activation(arithmetic)
    return (y, b, row, n) => {
      addBias(y, b, row, n)
      for (let j = row; j < row + n; j++) y[j] = f(y[j])
    }
  })
}

// dy = x · w, then the gradient of an activation by its output.
function derived(
  name: string,
  gradient: (arithmetic: Arithmetic) => (dy: number, output: number) => number,
): Op {
  return fused(name, 'output[rows n]', (arithmetic) => {
    const f = gradient(arithmetic)
    return (y, output, row, n) => {
      for (let j = row; j < row + n; j++) y[j] = f(y[j], output[j])
    }
  })
}

/** The ops of this family. */
export const matmul: readonly Op[] = [
  defineOp(
    'matmul_nn',
    'rows',
    '(rows n k | | x[rows k] w[k n]) -> y[rows n]',
    (arithmetic) => {
      const multiply = gemm(arithmetic)
      return ({ operands: [x, w, y], dims: [, n, k], rows }) =>
        multiply(false, false, rows, n, k, 1, x, k, w, n, 0, y, n)
    },
    (g, { inputs: { x, w }, dims: [, n, k] }, dy) => ({
      x: () => inputGradient(g, w, dy, n * k),
      w: () => g.emit('matmul_tn', { x, dy }),
    }),
  ),
  fused('matmul_bias', 'b[n]', () => addBias),
  activated('matmul_bias_relu', () => (x) => (x <= 0 ? 0 : x)),
  activated('matmul_bias_tanh', (arithmetic) => elementaryFunctions(arithmetic).tanh),
  activated('matmul_bias_logistic', (arithmetic) => elementaryFunctions(arithmetic).logistic),
  derived('matmul_tanh_backward', tanhBackward),
  derived('matmul_logistic_backward', logisticBackward),
  fused('matmul_relu_backward', 'mask[rows n]', () => (y, mask, row, n) => {
    for (let j = 0; j < n; j++) if (!(mask[row + j] > 0)) y[row + j] = 0
  }),
  defineOp('matmul_tn', 'm', '(m n rows | | x[rows m] dy[rows n]) -> dw[m n]', (arithmetic) => {
    const multiply = gemm(arithmetic)
    return ({ operands: [x, dy, dw], dims: [m, n], rows }) =>
      multiply(true, false, m, n, rows, 1, x, m, dy, n, 0, dw, n)
  }),
  defineOp('matmul_nt', 'rows', '(rows n k | | dy[rows k] w[n k]) -> dx[rows n]', (arithmetic) => {
    const multiply = gemm(arithmetic)
    return ({ operands: [dy, w, dx], dims: [, n, k], rows }) =>
      multiply(false, true, rows, n, k, 1, dy, k, w, k, 0, dx, n)
  }),
  defineOp('transpose', 'm', '(m n | | x[m n]) -> y[n m]', () => ({ operands: [x, y], dims: [m, n] }) => {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) y[j * m + i] = x[i * n + j]
    }
  }),
]
