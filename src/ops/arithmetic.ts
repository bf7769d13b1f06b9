/** The arithmetic that the TypeScript kernels are written in: how each element type and mode rounds. */

/** Arrays that hold a program's own element type. */
export type FloatArray = Float32Array | Float64Array

/** The element types that programs may have. */
export const DTYPES = ['float32', 'float64'] as const

/**
 * Element type of a program.
 *
 * @useDeclaredType
 */
export type Dtype = (typeof DTYPES)[number]

/** The array of an element type. */
export type FloatArrayOf<D extends Dtype> = D extends 'float32' ? Float32Array : Float64Array

/** Bytes of one element. */
export function bytesOfDtype(dtype: Dtype): number {
  return dtype === 'float32' ? 4 : 8
}

/** Whether a value is an array that holds floating-point numbers. */
export function isFloatArray(value: unknown): value is FloatArray {
  return value instanceof Float32Array || value instanceof Float64Array
}

/** The element type of an array. */
export function dtypeOf(array: FloatArray): Dtype {
  return array instanceof Float32Array ? 'float32' : 'float64'
}

/** A new array of an element type; of a buffer from `byteOffset` on where one is given. */
export function floatArray(
  dtype: Dtype,
  length: number,
  buffer?: ArrayBufferLike,
  byteOffset = 0,
): FloatArray {
  const memory = buffer ?? new ArrayBuffer(length * bytesOfDtype(dtype))
  return dtype === 'float32'
    ? new Float32Array(memory, byteOffset, length)
    : new Float64Array(memory, byteOffset, length)
}

/** Rounding and fused multiply-add of one element type. */
export interface Arithmetic {
  readonly dtype: Dtype
  /** Below it numbers are subnormal. */
  readonly smallestNormal: number
  /** Rounds a double to the element type. */
  readonly round: (value: number) => number
  /** a·b + c: float32 rounded once (in fast mode: almost always), float64 after the product and after the sum. */
  readonly mulAdd: (a: number, b: number, c: number) => number
}

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)
// Index of the low word of a double in this machine's byte order.
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1
const SMALLEST_NORMAL = 2 ** -126

/**
 * a·b + c of three float32 values, rounded once to float32, subnormals included.
 *
 * The product is exact in a double and its sum with c is rounded to one. Rounding that again to float32 gives the wrong
 * neighbour only where the double lies exactly half-way between two floats; there the lost residual decides.
 *
 * @source Boldo, Melquiond 2008, Emulation of FMA and Correctly Rounded Sums
 * @example
 * fmaExact(1 + 2 ** -12, 1 + 2 ** -12, 2 ** -60) // 1.00048828125 + 2^-23, where the fast form gives 1.00048828125
 */
export function fmaExact(a: number, b: number, c: number): number {
  const product = a * b
  const sum = product + c
  double[0] = sum
  // The 29 bits that a double has beyond a float. Among subnormals the half-way point is at one of the bits above them.
  const rest = words[LOW] & 0x1fffffff
  if (rest !== 0x10000000 && (rest !== 0 || !isSubnormal(sum))) return Math.fround(sum)
  // Rounded here, because V8 would box every result in the heap if one way ended in a call that is not inlined.
  return Math.fround(forceToOdd(product, c, sum))
}

function isSubnormal(value: number): boolean {
  return Math.abs(value) < SMALLEST_NORMAL && value !== 0
}

// Forces an inexact sum to odd in the direction of its residual, so that the second rounding decides as a single one.
function forceToOdd(product: number, addend: number, sum: number): number {
  const back = sum - product
  const residual = product - (sum - back) + (addend - back)
  if (residual === 0 || residual !== residual) return sum
  double[0] = sum
  if ((words[LOW] & 1) === 0) {
    if (residual > 0 === sum > 0) words[LOW] |= 1
    else {
      if (words[LOW] === 0) words[1 - LOW] -= 1
      words[LOW] -= 1
    }
  }
  return double[0]
}

/**
 * The default of the fallback: the double sum is rounded a second time. Differs from {@link fmaExact} only where the
 * double sum is inexact and stands at a tie of float32, about once in 5·10⁹ operations.
 */
export function fmaFast(a: number, b: number, c: number): number {
  return Math.fround(a * b + c)
}

/** float32 with the fma that agrees with the native core bit for bit. */
export const exactFloat32: Arithmetic = {
  dtype: 'float32',
  smallestNormal: 2 ** -126,
  round: Math.fround,
  mulAdd: fmaExact,
}

/** float32 with the fast fma. */
export const fastFloat32: Arithmetic = { ...exactFloat32, mulAdd: fmaFast }

/** float64: what JavaScript computes with. */
export const float64: Arithmetic = {
  dtype: 'float64',
  smallestNormal: 2 ** -1022,
  round: (value) => value,
  mulAdd: (a, b, c) => a * b + c,
}

/** The arithmetic of an element type; `isExact` chooses the fma of float32. */
export function arithmeticOf(dtype: Dtype, isExact: boolean): Arithmetic {
  if (dtype === 'float64') return float64
  return isExact ? exactFloat32 : fastFloat32
}
