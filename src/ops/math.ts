/** The elementary functions of both element types on single values: the polynomials of native/simd/math_*.inc. */

import type { Arithmetic } from './arithmetic.ts'
import { float32Functions } from './math-float32.ts'
import { float64Functions } from './math-float64.ts'

/**
 * The elementary functions of one arithmetic. Arguments and results are values of its element type; every result is
 * within 2 ulp, with the worst errors in docs/numerics.md.
 */
export interface ElementaryFunctions {
  readonly exp: (x: number) => number
  /** e^x − 1, accurate around 0. */
  readonly expm1: (x: number) => number
  readonly log: (x: number) => number
  /** log(1 + x), accurate around 0; NaN below −1. */
  readonly log1p: (x: number) => number
  readonly tanh: (x: number) => number
  /** 1/(1 + e^−x) */
  readonly logistic: (x: number) => number
  /** log(1 + e^x), which neither overflows nor loses its tails. */
  readonly softplus: (x: number) => number
  readonly erf: (x: number) => number
  readonly atan: (x: number) => number
}

/**
 * The elementary functions over an arithmetic; order of operations and coefficients as docs/numerics.md states them.
 *
 * @example
 * elementaryFunctions(exactFloat32).exp(1) // 2.7182817459106445
 */
export function elementaryFunctions(arithmetic: Arithmetic): ElementaryFunctions {
  return arithmetic.dtype === 'float32' ? float32Functions(arithmetic) : float64Functions
}
