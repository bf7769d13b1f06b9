/** Activations, and their gradients in terms of the output y. */

import { checkNumber } from '../check.ts'
import type { FloatArray } from '../ops/arithmetic.ts'
import { compute, computeEach, readShape, type RowShape } from './call.ts'

/**
 * The hyperbolic tangent, element by element. Synchronous.
 *
 * @param out as long as x, default a new array; may be x
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * tanh(Float32Array.of(0, 1)) // Float32Array [ 0, 0.76159… ]
 */
export function tanh<T extends FloatArray>(x: T, out?: T): T {
  return computeEach('tanh', 'tanh', [], { x }, out)
}

/**
 * `dx = dy · (1 − y²)` for y = tanh(x). Synchronous.
 *
 * @param y as long as dy
 * @param out as long as dy, default a new array; may be dy
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * tanhBackward(Float32Array.of(2), Float32Array.of(0.5)) // Float32Array [ 1.5 ]
 */
export function tanhBackward<T extends FloatArray>(dy: T, y: T, out?: T): T {
  return computeEach('tanhBackward', 'tanh_backward', [], { dy, y }, out)
}

/**
 * `1 / (1 + e⁻ˣ)`, element by element, without overflow for any x. Synchronous.
 *
 * @param out as long as x, default a new array; may be x
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * logistic(Float32Array.of(0, 1000)) // Float32Array [ 0.5, 1 ]
 */
export function logistic<T extends FloatArray>(x: T, out?: T): T {
  return computeEach('logistic', 'logistic', [], { x }, out)
}

/**
 * `dx = dy · y · (1 − y)` for y = logistic(x). Synchronous.
 *
 * @param y as long as dy
 * @param out as long as dy, default a new array; may be dy
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * logisticBackward(Float32Array.of(2), Float32Array.of(0.5)) // Float32Array [ 0.5 ]
 */
export function logisticBackward<T extends FloatArray>(dy: T, y: T, out?: T): T {
  return computeEach('logisticBackward', 'logistic_backward', [], { dy, y }, out)
}

/**
 * `max(0, x)`, element by element; NaN stays NaN. Synchronous.
 *
 * @param out as long as x, default a new array; may be x
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * relu(Float32Array.of(-1, 2, NaN)) // Float32Array [ 0, 2, NaN ]
 */
export function relu<T extends FloatArray>(x: T, out?: T): T {
  return computeEach('relu', 'relu', [], { x }, out)
}

/**
 * `dx = y > 0 ? dy : 0` for y = relu(x). Synchronous.
 *
 * @param y as long as dy
 * @param out as long as dy, default a new array; may be dy
 * @throws SpecError if types, lengths or overlap do not fit
 * @example
 * reluBackward(Float32Array.of(5, 5), Float32Array.of(0, 2)) // Float32Array [ 0, 5 ]
 */
export function reluBackward<T extends FloatArray>(dy: T, y: T, out?: T): T {
  return computeEach('reluBackward', 'relu_backward', [], { dy, y }, out)
}

/**
 * `x ≥ 0 ? x : slope · x`, element by element. Synchronous.
 *
 * @param slope at least 0
 * @param out as long as x, default a new array; may be x
 * @throws SpecError if the slope, types, lengths or overlap do not fit
 * @source Maas, Hannun, Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models
 * @example
 * leakyRelu(Float32Array.of(-2, 2), 0.25) // Float32Array [ -0.5, 2 ]
 */
export function leakyRelu<T extends FloatArray>(x: T, slope: number, out?: T): T {
  checkNumber('leakyRelu: slope', slope, { min: 0 })
  return computeEach('leakyRelu', 'leaky_relu', [slope], { x }, out)
}

/**
 * `dx = y > 0 ? dy : slope · dy` for y = leakyRelu(x, slope). Synchronous.
 *
 * @param y as long as dy
 * @param slope at least 0
 * @param out as long as dy, default a new array; may be dy
 * @throws SpecError if the slope, types, lengths or overlap do not fit
 * @example
 * leakyReluBackward(Float32Array.of(4, 4), Float32Array.of(-0.5, 2), 0.25) // Float32Array [ 1, 4 ]
 */
export function leakyReluBackward<T extends FloatArray>(dy: T, y: T, slope: number, out?: T): T {
  checkNumber('leakyReluBackward: slope', slope, { min: 0 })
  return computeEach('leakyReluBackward', 'leaky_relu_backward', [slope], { dy, y }, out)
}

/**
 * `e^xⱼ / Σ e^xᵢ` over each row, without overflow for any x. Synchronous.
 *
 * @param x [rows, n]
 * @param out [rows, n], default a new array; may be x
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @source Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.62
 * @example
 * softmax(Float32Array.of(1, 2, 3), { rows: 1, n: 3 }) // Float32Array [ 0.0900…, 0.2447…, 0.6652… ]
 */
export function softmax<T extends FloatArray>(x: T, shape: RowShape, out?: T): T {
  const { rows, n } = readShape('softmax', shape)
  return compute('softmax', 'softmax', [rows, n], [], { x }, out)
}

/**
 * `dxⱼ = yⱼ · (dyⱼ − Σ dyᵢ · yᵢ)` over each row, for y = softmax(x). Synchronous.
 *
 * @param dy [rows, n]
 * @param y [rows, n]
 * @param out [rows, n], default a new array; may be dy
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @example
 * softmaxBackward(Float32Array.of(4, 0), Float32Array.of(0.25, 0.75), { rows: 1, n: 2 }) // Float32Array [ 0.75, -0.75 ]
 */
export function softmaxBackward<T extends FloatArray>(dy: T, y: T, shape: RowShape, out?: T): T {
  const { rows, n } = readShape('softmaxBackward', shape)
  return compute('softmaxBackward', 'softmax_backward', [rows, n], [], { dy, y }, out)
}
