/** Products of matrices, row-major. */

import { chooseBackend } from '../backends/choose.ts'
import { checkInteger } from '../check.ts'
import { SpecError } from '../errors.ts'
import type { FloatArray } from '../ops/arithmetic.ts'
import {
  allocate,
  FLOAT_KINDS,
  overlaps,
  ownArray,
  viewOf,
  type FloatKind,
  type View,
} from '../typed-arrays.ts'
import { checkBoolean } from '../check.ts'
import { checkScalar, checkSizes, MAX_SIZE, readOptions } from './call.ts'

/**
 * `c = op(a) · op(b)`, with op(a) [m, k], op(b) [k, n] and c [m, n], row-major without gaps. Synchronous.
 *
 * @param options.transA a is stored [k, m], default false
 * @param options.transB b is stored [n, k], default false
 * @param options.out where c goes, default a new array; must not overlap a or b, which may be the same array
 * @param options.accumulate add to `out` instead of replacing it, default false
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @example
 * matmul(Float32Array.of(1, 2), Float32Array.of(3, 4), { m: 1, n: 1, k: 2 }) // Float32Array [ 11 ]
 */
export function matmul<T extends FloatArray>(
  a: T,
  b: T,
  options: {
    m: number
    n: number
    k: number
    transA?: boolean
    transB?: boolean
    out?: T
    accumulate?: boolean
  },
): T {
  const known = ['m', 'n', 'k', 'transA', 'transB', 'out', 'accumulate'] as const
  const {
    m,
    n,
    k,
    transA = false,
    transB = false,
    out,
    accumulate = false,
  } = readOptions('matmul', options, known)
  checkSizes('matmul', { m, n, k })
  checkBoolean('matmul: accumulate', accumulate)
  return dense(MATMUL, transA, transB, m, n, k, a, b, accumulate, out)
}

/**
 * Adds the gradient of a dense layer's weight over a batch: `dw += xᵀ · dy`. Synchronous, allocates nothing.
 *
 * @param dw [inputs, outputs], changed in place; must not overlap x or dy
 * @param x [rows, inputs]
 * @param dy [rows, outputs]
 * @returns dw
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @source Bishop 2006, Pattern Recognition and Machine Learning, eq. 5.53, summed over the batch
 * @example
 * accumulateGradient(Float32Array.of(1), Float32Array.of(2, 3), Float32Array.of(10, 1), { rows: 2, inputs: 1, outputs: 1 })
 * // Float32Array [ 24 ]
 */
export function accumulateGradient<T extends FloatArray>(
  dw: T,
  x: T,
  dy: T,
  shape: { rows: number; inputs: number; outputs: number },
): T {
  const { rows, inputs, outputs } = readOptions('accumulateGradient', shape, ['rows', 'inputs', 'outputs'])
  checkSizes('accumulateGradient', { rows, inputs, outputs })
  viewOf('accumulateGradient: dw', dw, FLOAT_KINDS)
  return dense(ACCUMULATE_GRADIENT, true, false, inputs, outputs, rows, x, dy, true, dw)
}

/**
 * BLAS gemm, row-major: `c = alpha · op(a) · op(b) + beta · c`, rows of the stored matrices `ld` elements apart.
 * Synchronous, allocates nothing; elements between the rows are neither read nor written.
 *
 * beta = 0 never reads c; alpha = 0 or k = 0 never reads a or b; zeros within them are never skipped. alpha and beta may
 * be infinite or NaN. Each element is one chain over k in increasing order (docs/numerics.md).
 *
 * @param transA a is stored [k, m] instead of [m, k]
 * @param transB b is stored [n, k] instead of [k, n]
 * @param c [m, n], changed in place; must not overlap a or b, which may be the same array
 * @throws SpecError if there are not 13 arguments, a size is not an integer from 0 to 2³¹ − 1, an `ld` is smaller than a
 *   stored row, an array is too short or of another class than a, or c overlaps a or b
 * @source Dongarra et al. 1990, A Set of Level 3 Basic Linear Algebra Subprograms
 * @example
 * const a = Float32Array.of(1, 2)
 * const c = Float32Array.of(5)
 * gemm(false, true, 1, 1, 2, 1, a, 2, a, 2, 10, c, 1)
 * c // Float32Array [ 55 ]
 */
export function gemm<T extends FloatArray>(
  transA: boolean,
  transB: boolean,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: T,
  lda: number,
  b: T,
  ldb: number,
  beta: number,
  c: T,
  ldc: number,
): void
export function gemm(...given: readonly unknown[]): void {
  if (given.length !== 13) {
    throw new SpecError({ where: 'gemm', expected: '13 arguments', received: String(given.length) })
  }
  const [transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc] = given as Parameters<
    typeof gemm<FloatArray>
  >
  checkSizes('gemm', { m, n, k })
  checkScalar('gemm: alpha', alpha)
  checkScalar('gemm: beta', beta)
  viewOf('gemm: c', c, FLOAT_KINDS)
  product(GEMM, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// What a caller calls the three matrices.
interface Names {
  readonly kernel: string
  readonly a: string
  readonly b: string
  readonly c: string
}
const GEMM: Names = { kernel: 'gemm', a: 'a', b: 'b', c: 'c' }
const MATMUL: Names = { kernel: 'matmul', a: 'a', b: 'b', c: 'out' }
const ACCUMULATE_GRADIENT: Names = { kernel: 'accumulateGradient', a: 'x', b: 'dy', c: 'dw' }

// The product of matrices without gaps.
function dense<T extends FloatArray>(
  names: Names,
  transA: boolean,
  transB: boolean,
  m: number,
  n: number,
  k: number,
  a: T,
  b: T,
  accumulate: boolean,
  c: T | undefined,
): T {
  const lda = Math.max(1, transA ? m : k)
  const ldb = Math.max(1, transB ? k : n)
  return product(names, transA, transB, m, n, k, 1, a, lda, b, ldb, accumulate ? 1 : 0, c, Math.max(1, n))
}

// Sizes and scalars are checked; c is made where there is none.
function product<T extends FloatArray>(
  names: Names,
  transA: boolean,
  transB: boolean,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: T,
  lda: number,
  b: T,
  ldb: number,
  beta: number,
  c: T | undefined,
  ldc: number,
): T {
  checkBoolean(`${names.kernel}: transA`, transA)
  checkBoolean(`${names.kernel}: transB`, transB)
  const matrixA = checkMatrix(names, 'a', a, lda, transA ? k : m, transA ? m : k, FLOAT_KINDS)
  const kinds = [matrixA.view.kind]
  const matrixB = checkMatrix(names, 'b', b, ldb, transB ? n : k, transB ? k : n, kinds)
  const result = c ?? (allocate(`${names.kernel}: ${names.c}`, kinds[0], m * n) as T)
  const matrixC = checkMatrix(names, 'c', result, ldc, m, n, kinds)
  for (const [input, name] of [
    [matrixA, names.a],
    [matrixB, names.b],
  ] as const) {
    if (!overlaps(matrixC.view, matrixC.span, input.view, input.span)) continue
    throw new SpecError({
      code: 'HADAMARD_OVERLAP',
      where: `${names.kernel}: ${names.c}`,
      expected: `memory that does not overlap ${name}`,
      received: 'overlapping views of one buffer',
    })
  }
  if (m === 0 || n === 0) return result
  const own = [ownArray(a, matrixA.view), ownArray(b, matrixB.view), ownArray(result, matrixC.view)] as const
  chooseBackend().gemm(transA, transB, m, n, k, alpha, own[0], lda, own[1], ldb, beta, own[2], ldc)
  return result
}

// A stored matrix of rows `ld` apart; its span reaches from the first to behind the last element.
function checkMatrix(
  names: Names,
  which: 'a' | 'b' | 'c',
  array: FloatArray,
  ld: number,
  rows: number,
  columns: number,
  kinds: readonly FloatKind[],
): { view: View<FloatKind>; span: number } {
  const where = `${names.kernel}: ${names[which]}`
  const view = viewOf(where, array, kinds)
  checkInteger(`${names.kernel}: ld${which}`, ld, { min: Math.max(1, columns), max: MAX_SIZE })
  const span = rows === 0 || columns === 0 ? 0 : (rows - 1) * ld + columns
  if (view.length >= span) return { view, span }
  throw new SpecError({
    code: 'HADAMARD_SHAPE',
    where,
    expected: `at least ${span} elements for ${rows} rows of ${columns}, ${ld} apart`,
    received: String(view.length),
  })
}
