/** Arithmetic element by element. */

import type { FloatArray } from '../ops/arithmetic.ts'
import { checkScalar, commonLength, compute, computeEach, readShape, run, type RowShape } from './call.ts'

/**
 * `a + b`, element by element. Synchronous.
 *
 * @param b as long as a
 * @param out as long as a, default a new array; may be a or b
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * add(Float32Array.of(1, 2), Float32Array.of(3, 4)) // Float32Array [ 4, 6 ]
 */
export function add<T extends FloatArray>(a: T, b: T, out?: T): T {
  return computeEach('add', 'add', [], { a, b }, out)
}

/**
 * `a − b`, element by element. Synchronous.
 *
 * @param b as long as a
 * @param out as long as a, default a new array; may be a or b
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * subtract(Float32Array.of(1, 2), Float32Array.of(3, 4)) // Float32Array [ -2, -2 ]
 */
export function subtract<T extends FloatArray>(a: T, b: T, out?: T): T {
  return computeEach('subtract', 'subtract', [], { a, b }, out)
}

/**
 * The Hadamard product: `a ∘ b`, element by element. Synchronous.
 *
 * @param b as long as a
 * @param out as long as a, default a new array; may be a or b
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * hadamard(Float32Array.of(1, 2), Float32Array.of(3, 4)) // Float32Array [ 3, 8 ]
 */
export function hadamard<T extends FloatArray>(a: T, b: T, out?: T): T {
  return computeEach('hadamard', 'hadamard', [], { a, b }, out)
}

/**
 * `a / b`, element by element. Synchronous.
 *
 * @param b as long as a
 * @param out as long as a, default a new array; may be a or b
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * divide(Float32Array.of(1, -2), Float32Array.of(4, 0)) // Float32Array [ 0.25, -Infinity ]
 */
export function divide<T extends FloatArray>(a: T, b: T, out?: T): T {
  return computeEach('divide', 'divide', [], { a, b }, out)
}

/**
 * `alpha · x`, element by element. Synchronous.
 *
 * @param alpha any number, rounded to the element type first
 * @param out as long as x, default a new array; may be x
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * scale(2, Float32Array.of(1, -3)) // Float32Array [ 2, -6 ]
 */
export function scale<T extends FloatArray>(alpha: number, x: T, out?: T): T {
  checkScalar('scale: alpha', alpha)
  return computeEach('scale', 'scale', [alpha], { x }, out)
}

/**
 * BLAS axpy: `y += alpha · x`, element by element. Synchronous, allocates nothing.
 *
 * @param alpha any number, rounded to the element type first
 * @param y as long as x, changed in place; must not overlap x
 * @returns y
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * axpy(10, Float32Array.of(1, 2), Float32Array.of(3, 4)) // Float32Array [ 13, 24 ]
 */
export function axpy<T extends FloatArray>(alpha: number, x: T, y: T): T {
  checkScalar('axpy: alpha', alpha)
  run('axpy', 'axpy', [commonLength('axpy', { x, y })], [alpha], { x, y })
  return y
}

/**
 * Adds a bias to every row. Synchronous.
 *
 * @param x [rows, n]
 * @param bias [n]
 * @param out [rows, n], default a new array; may be x
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @example
 * addBias(Float32Array.of(1, 2, 3, 4), Float32Array.of(10, 20), { rows: 2, n: 2 }) // Float32Array [ 11, 22, 13, 24 ]
 */
export function addBias<T extends FloatArray>(x: T, bias: T, shape: RowShape, out?: T): T {
  const { rows, n } = readShape('addBias', shape)
  return compute('addBias', 'add_bias', [rows, n], [], { x, bias }, out)
}

/**
 * `eˣ`, element by element, by our own polynomial: the same bits on every machine (docs/numerics.md). Synchronous.
 *
 * @param out as long as x, default a new array; may be x
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * exp(Float32Array.of(0, 1)) // Float32Array [ 1, 2.71828… ]
 */
export function exp<T extends FloatArray>(x: T, out?: T): T {
  return computeEach('exp', 'exp', [], { x }, out)
}

/**
 * The natural logarithm, element by element; −∞ at 0 and NaN below. Synchronous.
 *
 * @param out as long as x, default a new array; may be x
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * log(Float32Array.of(1, 0, -1)) // Float32Array [ 0, -Infinity, NaN ]
 */
export function log<T extends FloatArray>(x: T, out?: T): T {
  return computeEach('log', 'log', [], { x }, out)
}
