/** Products. Every output element is one fma chain over k in increasing order; n = 1 with A not transposed uses lanes. */

import type { Arithmetic, FloatArray } from './arithmetic.ts'
import { defineOp, type Emitter, type Op } from './op.ts'

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

const TILE = 4

/** gemm over one arithmetic. */
export function gemm(arithmetic: Arithmetic): Gemm {
  const { round, mulAdd } = arithmetic
  const lanes = new Float64Array(16)

  function startValue(c: FloatArray, index: number, beta: number): number {
    return beta === 0 ? 0 : beta === 1 ? c[index] : round(beta * c[index])
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
    for (let i = 0; i < m; i++) {
      let j = 0
      // Four columns at a time share the loads of a; the chains stay one per element.
      for (; j + TILE <= n; j += TILE) {
        const at = i * ldc + j
        let s0 = startValue(c, at, beta)
        let s1 = startValue(c, at + 1, beta)
        let s2 = startValue(c, at + 2, beta)
        let s3 = startValue(c, at + 3, beta)
        for (let p = 0, ai = i * aRow, bi = j * bColumn; p < k; p++, ai += aStep, bi += bStep) {
          const x = alpha === 1 ? a[ai] : round(alpha * a[ai])
          s0 = mulAdd(x, b[bi], s0)
          s1 = mulAdd(x, b[bi + bColumn], s1)
          s2 = mulAdd(x, b[bi + 2 * bColumn], s2)
          s3 = mulAdd(x, b[bi + 3 * bColumn], s3)
        }
        c[at] = s0
        c[at + 1] = s1
        c[at + 2] = s2
        c[at + 3] = s3
      }
      for (; j < n; j++) {
        let s = startValue(c, i * ldc + j, beta)
        for (let p = 0; p < k; p++) {
          const x = alpha === 1 ? a[i * aRow + p * aStep] : round(alpha * a[i * aRow + p * aStep])
          s = mulAdd(x, b[p * bStep + j * bColumn], s)
        }
        c[i * ldc + j] = s
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

// x · w, each row then finished with the help of a third operand, as the ops in the name do it one after another.
function fused(
  name: string,
  third: string,
  finish: (y: FloatArray, third: FloatArray, row: number, n: number) => void,
): Op {
  return defineOp(name, 'rows', `(rows n k | | x[rows k] w[k n] ${third}) -> y[rows n]`, (arithmetic) => {
    const multiply = gemm(arithmetic)
    return ({ operands: [x, w, other, y], dims: [, n, k], rows }) => {
      multiply(false, false, rows, n, k, 1, x, k, w, n, 0, y, n)
      for (let row = 0; row < rows * n; row += n) finish(y, other, row, n)
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
  fused('matmul_bias', 'b[n]', (y, b, row, n) => {
    for (let j = 0; j < n; j++) y[row + j] += b[j]
  }),
  fused('matmul_bias_relu', 'b[n]', (y, b, row, n) => {
    for (let j = 0; j < n; j++) {
      y[row + j] += b[j]
      if (y[row + j] <= 0) y[row + j] = 0
    }
  }),
  fused('matmul_relu_backward', 'mask[rows n]', (y, mask, row, n) => {
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
