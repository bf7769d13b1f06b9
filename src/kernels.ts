/**
 * The kernels below the network level, on Float32Array: products, element-wise ops, activations, sums.
 *
 * All are synchronous and run on the calling thread. Results go to `out` where it is given, else to a new array. Arrays
 * are read and written in place; element-wise ops may write over an input (`out` exactly the same memory), products may
 * not. Sizes, types and overlap are checked: a bad argument throws a SpecError and changes nothing.
 */

import { chooseBackend } from './backends/choose.ts'
import { checkInteger, checkNumber, describeValue } from './check.ts'
import { SpecError } from './errors.ts'

/** Sizes of a matrix of rows. */
export interface RowShape {
  rows: number
  /** Numbers per row. */
  n: number
}

const MAX_SIZE = 2 ** 31 - 1

/**
 * `c = op(a) · op(b)`, with op(a) [m, k], op(b) [k, n] and c [m, n], row-major without gaps.
 *
 * @param options.transA a is stored [k, m]
 * @param options.transB b is stored [n, k]
 * @param options.out where c goes, default a new array; must not overlap a or b
 * @param options.accumulate add to `out` instead of replacing it
 * @throws SpecError if sizes, lengths or overlap do not fit
 * @example
 * matmul(Float32Array.of(1, 2), Float32Array.of(3, 4), { m: 1, n: 1, k: 2 }) // Float32Array [ 11 ]
 */
export function matmul(
  a: Float32Array,
  b: Float32Array,
  options: {
    m: number
    n: number
    k: number
    transA?: boolean
    transB?: boolean
    out?: Float32Array
    accumulate?: boolean
  },
): Float32Array {
  const { m, n, k, transA = false, transB = false, accumulate = false } = options
  checkSizes('matmul', { m, n, k })
  const out = options.out ?? new Float32Array(m * n)
  gemm(
    transA,
    transB,
    m,
    n,
    k,
    1,
    a,
    Math.max(1, transA ? m : k),
    b,
    Math.max(1, transB ? k : n),
    accumulate ? 1 : 0,
    out,
    Math.max(1, n),
  )
  return out
}

/**
 * BLAS gemm, row-major: `c = alpha · op(a) · op(b) + beta · c`, rows of the stored matrices `ld` elements apart.
 *
 * beta = 0 never reads c; alpha = 0 or k = 0 never reads a or b. Each element is one chain over k in increasing order.
 *
 * @throws SpecError if a size is not an integer from 0 to 2³¹ − 1, an `ld` is smaller than a row, an array is too short
 *   or not a Float32Array, or c overlaps a or b
 * @source Dongarra et al. 1990, A Set of Level 3 Basic Linear Algebra Subprograms
 * @example
 * gemm(false, true, m, n, k, 1, a, lda, b, ldb, 0, c, ldc)
 */
export function gemm(
  transA: boolean,
  transB: boolean,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: Float32Array,
  lda: number,
  b: Float32Array,
  ldb: number,
  beta: number,
  c: Float32Array,
  ldc: number,
): void {
  checkSizes('gemm', { m, n, k })
  for (const [name, value] of Object.entries({ alpha, beta })) {
    if (typeof value !== 'number') {
      throw new SpecError({ where: `gemm: ${name}`, expected: 'a number', received: describeValue(value) })
    }
  }
  checkMatrix('a', a, lda, transA ? k : m, transA ? m : k)
  checkMatrix('b', b, ldb, transB ? n : k, transB ? k : n)
  checkMatrix('c', c, ldc, m, n)
  if (m === 0 || n === 0) return
  const spanOfC = bytesOfMatrix(c, ldc, m, n)
  const others = {
    a: bytesOfMatrix(a, lda, transA ? k : m, transA ? m : k),
    b: bytesOfMatrix(b, ldb, transB ? n : k, transB ? k : n),
  }
  for (const [name, span] of Object.entries(others)) {
    if (span.buffer !== spanOfC.buffer || span.end <= spanOfC.start || spanOfC.end <= span.start) continue
    throw new SpecError({
      where: 'gemm: c',
      expected: `memory that does not overlap ${name}`,
      received: 'overlapping views of one buffer',
    })
  }
  chooseBackend().gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

/**
 * Adds the gradient of a dense layer's weight over a batch: `dw += xᵀ · dy`.
 *
 * @param dw [inputs, outputs], changed in place
 * @param x [rows, inputs]
 * @param dy [rows, outputs]
 * @returns dw
 * @throws SpecError if sizes or lengths do not fit
 * @source Bishop 2006, Pattern Recognition and Machine Learning, eq. 5.53, summed over the batch
 * @example
 * accumulateGradient(Float32Array.of(1), Float32Array.of(2, 3), Float32Array.of(10, 1), { rows: 2, inputs: 1, outputs: 1 })
 * // Float32Array [ 24 ]
 */
export function accumulateGradient(
  dw: Float32Array,
  x: Float32Array,
  dy: Float32Array,
  { rows, inputs, outputs }: { rows: number; inputs: number; outputs: number },
): Float32Array {
  return matmul(x, dy, { m: inputs, n: outputs, k: rows, transA: true, out: dw, accumulate: true })
}

/** Element-wise `a + b`; `out` may be a or b. */
export function add(a: Float32Array, b: Float32Array, out?: Float32Array): Float32Array {
  return binary('add', a, b, out)
}

/** Element-wise `a − b`; `out` may be a or b. */
export function subtract(a: Float32Array, b: Float32Array, out?: Float32Array): Float32Array {
  return binary('subtract', a, b, out)
}

/**
 * The Hadamard product: element-wise `a ∘ b`; `out` may be a or b.
 *
 * @example
 * hadamard(Float32Array.of(1, 2), Float32Array.of(3, 4)) // Float32Array [ 3, 8 ]
 */
export function hadamard(a: Float32Array, b: Float32Array, out?: Float32Array): Float32Array {
  return binary('hadamard', a, b, out)
}

/** Element-wise `a / b`; `out` may be a or b. */
export function divide(a: Float32Array, b: Float32Array, out?: Float32Array): Float32Array {
  return binary('divide', a, b, out)
}

/** `alpha · x`; `out` may be x. */
export function scale(alpha: number, x: Float32Array, out?: Float32Array): Float32Array {
  checkNumber('scale: alpha', alpha)
  return unary('scale', x, out, [alpha])
}

/** `y += alpha · x`, each element with one rounding; gives y. */
export function axpy(alpha: number, x: Float32Array, y: Float32Array): Float32Array {
  checkNumber('axpy: alpha', alpha)
  checkLengths('axpy', x, y)
  chooseBackend().call('axpy', [x.length], [alpha], [x, y])
  return y
}

/** Adds a bias [n] to every row of x [rows, n]; `out` may be x. */
export function addBias(
  x: Float32Array,
  bias: Float32Array,
  { rows, n }: RowShape,
  out?: Float32Array,
): Float32Array {
  checkSizes('addBias', { rows, n })
  const y = out ?? new Float32Array(rows * n)
  chooseBackend().call('add_bias', [rows, n], [], [x, bias, y])
  return y
}

/** e^x, within 1 ulp or so of the exact value; `out` may be x. */
export function exp(x: Float32Array, out?: Float32Array): Float32Array {
  return unary('exp', x, out)
}

/** Natural logarithm; −∞ at 0 and NaN below; `out` may be x. */
export function log(x: Float32Array, out?: Float32Array): Float32Array {
  return unary('log', x, out)
}

/** Hyperbolic tangent; `out` may be x. */
export function tanh(x: Float32Array, out?: Float32Array): Float32Array {
  return unary('tanh', x, out)
}

/** `dy · (1 − y²)` for y = tanh(x); `out` may be dy. */
export function tanhBackward(dy: Float32Array, y: Float32Array, out?: Float32Array): Float32Array {
  return binary('tanh_backward', dy, y, out)
}

/** `1 / (1 + e^−x)`, without overflow for any x; `out` may be x. */
export function logistic(x: Float32Array, out?: Float32Array): Float32Array {
  return unary('logistic', x, out)
}

/** `dy · y · (1 − y)` for y = logistic(x); `out` may be dy. */
export function logisticBackward(dy: Float32Array, y: Float32Array, out?: Float32Array): Float32Array {
  return binary('logistic_backward', dy, y, out)
}

/** `max(0, x)`, NaN stays; `out` may be x. */
export function relu(x: Float32Array, out?: Float32Array): Float32Array {
  return unary('relu', x, out)
}

/** `y > 0 ? dy : 0` for y = relu(x); `out` may be dy. */
export function reluBackward(dy: Float32Array, y: Float32Array, out?: Float32Array): Float32Array {
  return binary('relu_backward', dy, y, out)
}

/** `x ≥ 0 ? x : slope · x`; `out` may be x. */
export function leakyRelu(x: Float32Array, slope: number, out?: Float32Array): Float32Array {
  checkNumber('leakyRelu: slope', slope, { min: 0 })
  return unary('leaky_relu', x, out, [slope])
}

/** `y > 0 ? dy : slope · dy` for y = leakyRelu(x, slope); `out` may be dy. */
export function leakyReluBackward(
  dy: Float32Array,
  y: Float32Array,
  slope: number,
  out?: Float32Array,
): Float32Array {
  checkNumber('leakyReluBackward: slope', slope, { min: 0 })
  return binary('leaky_relu_backward', dy, y, out, [slope])
}

/**
 * Softmax over each row of x [rows, n]; `out` may be x.
 *
 * @example
 * softmax(Float32Array.of(1, 2, 3), { rows: 1, n: 3 }) // Float32Array [ 0.0900…, 0.2447…, 0.6652… ]
 */
export function softmax(x: Float32Array, { rows, n }: RowShape, out?: Float32Array): Float32Array {
  checkSizes('softmax', { rows, n })
  const y = out ?? new Float32Array(rows * n)
  chooseBackend().call('softmax', [rows, n], [], [x, y])
  return y
}

/**
 * Sum of all elements, through sixteen lanes (docs/numerics.md): the same bits on every machine.
 *
 * @example
 * sum(Float32Array.of(1, 2, 3)) // 6
 */
export function sum(x: Float32Array): number {
  const s = new Float32Array(1)
  chooseBackend().call('sum', [lengthOf('sum: x', x)], [], [x, s])
  return s[0]
}

/** Sum of each column of x [rows, n], in increasing row: the gradient of a bias. */
export function sumColumns(x: Float32Array, { rows, n }: RowShape, out?: Float32Array): Float32Array {
  checkSizes('sumColumns', { rows, n })
  const s = out ?? new Float32Array(n)
  chooseBackend().call('sum_columns', [n, rows], [], [x, s])
  return s
}

/** Sum of each row of x [rows, n]. */
export function sumRows(x: Float32Array, { rows, n }: RowShape, out?: Float32Array): Float32Array {
  checkSizes('sumRows', { rows, n })
  const s = out ?? new Float32Array(rows)
  chooseBackend().call('sum_rows', [rows, n], [], [x, s])
  return s
}

function unary(
  op: string,
  x: Float32Array,
  out: Float32Array | undefined,
  scalars: number[] = [],
): Float32Array {
  const length = lengthOf(`${op}: x`, x)
  const y = out ?? new Float32Array(length)
  checkLengths(op, x, y)
  chooseBackend().call(op, [length, 1], scalars, [x, y])
  return y
}

function binary(
  op: string,
  a: Float32Array,
  b: Float32Array,
  out: Float32Array | undefined,
  scalars: number[] = [],
): Float32Array {
  checkLengths(op, a, b)
  const y = out ?? new Float32Array(a.length)
  checkLengths(op, a, y)
  chooseBackend().call(op, [a.length, 1], scalars, [a, b, y])
  return y
}

function lengthOf(where: string, array: unknown): number {
  if (array instanceof Float32Array) return array.length
  throw new SpecError({ where, expected: 'a Float32Array', received: describeValue(array) })
}

function checkLengths(op: string, a: Float32Array, b: Float32Array): void {
  const [expected, received] = [lengthOf(op, a), lengthOf(op, b)]
  if (expected === received) return
  throw new SpecError({
    where: op,
    expected: `arrays of one length, ${expected}`,
    received: String(received),
  })
}

function checkSizes(where: string, sizes: Record<string, number>): void {
  for (const [name, size] of Object.entries(sizes))
    checkInteger(`${where}: ${name}`, size, { min: 0, max: MAX_SIZE })
}

// Elements from the first to behind the last of a matrix whose rows are ld apart.
function spanOf(ld: number, rows: number, columns: number): number {
  return rows === 0 || columns === 0 ? 0 : (rows - 1) * ld + columns
}

function checkMatrix(name: string, array: Float32Array, ld: number, rows: number, columns: number): void {
  const length = lengthOf(`gemm: ${name}`, array)
  checkInteger(`gemm: ld${name}`, ld, { min: Math.max(1, columns), max: MAX_SIZE })
  const expected = spanOf(ld, rows, columns)
  if (length >= expected) return
  throw new SpecError({
    where: `gemm: ${name}`,
    expected: `at least ${expected} elements for ${rows} rows of ${columns}, ${ld} apart`,
    received: String(length),
  })
}

function bytesOfMatrix(
  array: Float32Array,
  ld: number,
  rows: number,
  columns: number,
): { buffer: ArrayBufferLike; start: number; end: number } {
  const { buffer, byteOffset } = array
  return { buffer, start: byteOffset, end: byteOffset + 4 * spanOf(ld, rows, columns) }
}
