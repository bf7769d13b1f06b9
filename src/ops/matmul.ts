/** Products. Every output element is one fma chain over k in increasing order; n = 1 with A not transposed uses lanes. */

import { logisticBackward, tanhBackward } from './activations.ts'
import type { Arithmetic, FloatArray } from './arithmetic.ts'
import { elementaryFunctions } from './math.ts'
import { defineOp, type Emitter, type Op } from './op.ts'
import { vectorTiles } from './product-module.ts'
import { COLUMNS, K_BLOCK, plainTiles, TILE_COLUMNS, TILE_ROWS, type ProductTiles } from './product-tiles.ts'

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

// Rows or columns of a tile, of which a panel holds TILE_ROWS or TILE_COLUMNS side by side.
const SIDE: typeof TILE_COLUMNS = TILE_ROWS

/** Where numbers of a matrix lie: of a tile's side one after the other, and along k. */
interface Strides {
  readonly side: number
  readonly k: number
}

// `count` rows of op(a) or columns of op(b), side by side, as panel [k, SIDE]. Where there are fewer the first stands again.
function pack(
  panel: Float64Array,
  to: number,
  source: FloatArray,
  start: number,
  count: number,
  { side, k: step }: Strides,
  k: number,
): void {
  const second = count > 1 ? side : 0
  const third = count > 2 ? 2 * side : 0
  const fourth = count > 3 ? 3 * side : 0
  for (let end = to + k * SIDE, at = start; to < end; to += SIDE, at += step) {
    panel[to] = source[at]
    panel[to + 1] = source[at + second]
    panel[to + 2] = source[at + third]
    panel[to + 3] = source[at + fourth]
  }
}

/** Multiply-adds after which a module, which takes some hundredths of a second to make, has been worth it. */
const WORK_FOR_MODULE = 2 ** 20

// One module for all products of an arithmetic.
const modules = new Map<Arithmetic, ProductTiles>()

function bestTiles(arithmetic: Arithmetic): ProductTiles {
  const tiles = modules.get(arithmetic) ?? vectorTiles(arithmetic) ?? plainTiles(arithmetic)
  modules.set(arithmetic, tiles)
  return tiles
}

// Few products, as those of the self-test in every process that trains natively, take the tiles in TypeScript.
function tilesByWork(arithmetic: Arithmetic): (work: number) => ProductTiles {
  let done = 0
  let plain: ProductTiles | undefined
  return (work) => {
    done += work
    if (done <= WORK_FOR_MODULE) return (plain ??= plainTiles(arithmetic))
    return bestTiles(arithmetic)
  }
}

/** gemm over one arithmetic; its tiles are made at the first product that needs them. */
export function gemm(arithmetic: Arithmetic, tilesOf?: (arithmetic: Arithmetic) => ProductTiles): Gemm {
  const { round, mulAdd } = arithmetic
  const lanes = new Float64Array(16)
  let given: ProductTiles | undefined
  const ofWork = tilesByWork(arithmetic)

  function startValue(c: FloatArray, index: number, beta: number): number {
    return beta === 0 ? 0 : beta === 1 ? c[index] : round(beta * c[index])
  }

  // A block of c into sums [TILE_ROWS, COLUMNS].
  function start(
    sums: Float64Array,
    c: FloatArray,
    at: number,
    ldc: number,
    rows: number,
    columns: number,
    beta: number,
  ): void {
    for (let row = 0; row < rows; row++) {
      for (let j = 0; j < columns; j++) sums[row * COLUMNS + j] = startValue(c, at + row * ldc + j, beta)
    }
  }

  function finish(
    sums: Float64Array,
    c: FloatArray,
    at: number,
    ldc: number,
    rows: number,
    columns: number,
  ): void {
    for (let row = 0; row < rows; row++) {
      for (let j = 0; j < columns; j++) c[at + row * ldc + j] = sums[row * COLUMNS + j]
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
    const tiles = tilesOf === undefined ? ofWork(m * n * k) : (given ??= tilesOf(arithmetic))
    const { rows: rowPanel, columns: columnPanel, sums, add } = tiles
    const ofA = transA ? { side: 1, k: lda } : { side: lda, k: 1 }
    const ofB = transB ? { side: ldb, k: 1 } : { side: 1, k: ldb }
    for (let j0 = 0; j0 < n; j0 += COLUMNS) {
      const columns = Math.min(COLUMNS, n - j0)
      for (let p0 = 0; p0 < k; p0 += K_BLOCK) {
        const depth = Math.min(K_BLOCK, k - p0)
        for (let j = 0; j < columns; j += TILE_COLUMNS) {
          const first = (j0 + j) * ofB.side + p0 * ofB.k
          pack(columnPanel, j * depth, b, first, columns - j, ofB, depth)
        }
        for (let i = 0; i < m; i += TILE_ROWS) {
          pack(rowPanel, 0, a, i * ofA.side + p0 * ofA.k, m - i, ofA, depth)
          if (alpha !== 1) for (let p = 0; p < depth * SIDE; p++) rowPanel[p] = round(alpha * rowPanel[p])
          const rows = Math.min(TILE_ROWS, m - i)
          const factor = p0 === 0 ? beta : 1
          if (factor !== 0) start(sums, c, i * ldc + j0, ldc, rows, columns, factor)
          add(depth, Math.ceil(columns / TILE_COLUMNS), Number(factor !== 0))
          finish(sums, c, i * ldc + j0, ldc, rows, columns)
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

// Finishes the rows of a product with the help of a third operand.
type Finish = (y: FloatArray, third: FloatArray, rows: number, n: number) => void

// x · w, then finished, as the ops in the name do it one after another.
function fused(name: string, third: string, finishOf: (arithmetic: Arithmetic) => Finish): Op {
  return defineOp(name, 'rows', `(rows n k | | x[rows k] w[k n] ${third}) -> y[rows n]`, (arithmetic) => {
    const multiply = gemm(arithmetic)
    const finish = finishOf(arithmetic)
    return ({ operands: [x, w, other, y], dims: [, n, k], rows }) => {
      multiply(false, false, rows, n, k, 1, x, k, w, n, 0, y, n)
      finish(y, other, rows, n)
    }
  })
}

const addBias: Finish = (y, b, rows, n) => {
  for (let row = 0; row < rows * n; row += n) {
    for (let j = 0; j < n; j++) y[row + j] += b[j]
  }
}

// x · w + b, then an activation.
function activated(name: string, activation: (arithmetic: Arithmetic) => (x: number) => number): Op {
  return fused(name, 'b[n]', (arithmetic) => {
    const f = activation(arithmetic)
    return (y, b, rows, n) => {
      addBias(y, b, rows, n)
      for (let j = 0; j < rows * n; j++) y[j] = f(y[j])
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
    return (y, output, rows, n) => {
      for (let j = 0; j < rows * n; j++) y[j] = f(y[j], output[j])
    }
  })
}

// Signs are as good as random, and a branch that nobody foresees costs more than the rest of the loop. So relu looks at the bits
// of a float: those of positive numbers are positive integers, up to those of infinity. Behind these is NaN.
const INFINITY_BITS = 0x7f800000

function bitsOf(x: Float32Array, count: number): Int32Array {
  return new Int32Array(x.buffer, x.byteOffset, count)
}

const addBiasRelu: Finish = (y, b, rows, n) => {
  addBias(y, b, rows, n)
  if (y instanceof Float32Array) {
    const bits = bitsOf(y, rows * n)
    for (let j = 0; j < rows * n; j++) {
      const isNan = (INFINITY_BITS - (bits[j] & 0x7fffffff)) >> 31
      bits[j] &= ~(bits[j] >> 31) | isNan
    }
  } else for (let j = 0; j < rows * n; j++) if (y[j] <= 0) y[j] = 0
}

const maskByRelu: Finish = (y, mask, rows, n) => {
  if (y instanceof Float32Array && mask instanceof Float32Array) {
    const bits = bitsOf(y, rows * n)
    const maskBits = bitsOf(mask, rows * n)
    for (let j = 0; j < rows * n; j++) bits[j] &= -Number((maskBits[j] - 1) >>> 0 < INFINITY_BITS)
  } else for (let j = 0; j < rows * n; j++) if (!(mask[j] > 0)) y[j] = 0
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
  fused('matmul_bias_relu', 'b[n]', () => addBiasRelu),
  activated('matmul_bias_tanh', (arithmetic) => elementaryFunctions(arithmetic).tanh),
  activated('matmul_bias_logistic', (arithmetic) => elementaryFunctions(arithmetic).logistic),
  derived('matmul_tanh_backward', tanhBackward),
  derived('matmul_logistic_backward', logisticBackward),
  fused('matmul_relu_backward', 'mask[rows n]', () => maskByRelu),
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
