/** The element types that tests of kernels loop over. */

import type { FloatArray } from '../../src/ops/arithmetic.ts'

/** One element type with what a test needs to know of its numbers. */
export interface TestedDtype {
  dtype: 'float32' | 'float64'
  array: (length: number) => FloatArray
  from: (values: ArrayLike<number>) => FloatArray
  view: (buffer: ArrayBufferLike, byteOffset?: number, length?: number) => FloatArray
  bytes: number
  /** Rounds a double to the type. */
  round: (value: number) => number
  /** Unit roundoff: half the distance from 1 to the next number. */
  unit: number
  /** The smallest positive number. */
  smallest: number
}

const float32: TestedDtype = {
  dtype: 'float32',
  array: (length) => new Float32Array(length),
  from: (values) => Float32Array.from(values),
  view: (buffer, byteOffset, length) => new Float32Array(buffer as ArrayBuffer, byteOffset, length),
  bytes: 4,
  round: Math.fround,
  unit: 2 ** -24,
  smallest: 2 ** -149,
}

const float64: TestedDtype = {
  dtype: 'float64',
  array: (length) => new Float64Array(length),
  from: (values) => Float64Array.from(values),
  view: (buffer, byteOffset, length) => new Float64Array(buffer as ArrayBuffer, byteOffset, length),
  bytes: 8,
  round: (value) => value,
  unit: 2 ** -53,
  smallest: 2 ** -1074,
}

/** The types under test. */
export const dtypes: readonly TestedDtype[] = [float32, float64]
