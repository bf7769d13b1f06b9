/**
 * Losses row by row, and their gradients with respect to the network's output. The gradients take a reduction: `sum`
 * (the default) over everything, `mean_samples` divided by the rows, `mean_elements` by rows · n.
 */

import { checkNumber, checkOneOf } from '../check.ts'
import type { FloatArray } from '../ops/arithmetic.ts'
import { REDUCTIONS, type Reduction } from '../ops/losses.ts'
import { compute, checkSizes, readOptions, readShape, type RowShape } from './call.ts'

export type { Reduction } from '../ops/losses.ts'

/**
 * `factor · Σ (y − t)²` over each row. Synchronous.
 *
 * @param y outputs [rows, n]
 * @param t targets [rows, n]
 * @param options.factor default 1; 0.5 is the other common form
 * @param out [rows], default a new array; must not overlap y or t
 * @throws SpecError if the factor, sizes, types, lengths or overlap do not fit
 * @example
 * squaredError(Float32Array.of(1, 2), Float32Array.of(0, 4), { rows: 1, n: 2 }) // Float32Array [ 5 ]
 */
export function squaredError<T extends FloatArray>(
  y: T,
  t: T,
  options: RowShape & { factor?: number },
  out?: T,
): T {
  const { rows, n, factor = 1 } = readOptions('squaredError', options, ['rows', 'n', 'factor'])
  checkSizes('squaredError', { rows, n })
  checkNumber('squaredError: factor', factor)
  return compute('squaredError', 'squared_error', [rows, n], [factor], { y, t }, out)
}

/**
 * `dy = 2 · factor · (y − t)`, divided as the reduction says. Synchronous.
 *
 * @param y outputs [rows, n]
 * @param t targets [rows, n]
 * @param options.factor that of {@link squaredError}, default 1
 * @param options.reduction default `sum`
 * @param out [rows, n], default a new array; may be y
 * @throws SpecError if an option, sizes, types, lengths or overlap do not fit
 * @example
 * squaredErrorBackward(Float32Array.of(1, 2), Float32Array.of(0, 4), { rows: 1, n: 2 }) // Float32Array [ 2, -4 ]
 */
export function squaredErrorBackward<T extends FloatArray>(
  y: T,
  t: T,
  options: RowShape & { factor?: number; reduction?: Reduction },
  out?: T,
): T {
  const kernel = 'squaredErrorBackward'
  const given = readOptions(kernel, options, ['rows', 'n', 'factor', 'reduction'])
  const { rows, n, factor = 1, reduction } = given
  checkSizes(kernel, { rows, n })
  checkNumber(`${kernel}: factor`, factor)
  const scalars = [factor, reductionIndex(kernel, reduction)]
  return compute(kernel, 'squared_error_backward', [rows, n], scalars, { y, t }, out)
}

/**
 * `−Σ (t · log p + (1 − t) · log(1 − p))` over each row, for p = logistic(z), from the logits z: finite where p is
 * rounded to 0 or 1. Synchronous.
 *
 * @param z logits [rows, n]
 * @param t targets [rows, n], from 0 to 1
 * @param out [rows], default a new array; must not overlap z or t
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @source Bishop 2006, Pattern Recognition and Machine Learning, eq. 5.21
 * @example
 * binaryCrossEntropyFromLogits(Float32Array.of(0, 1000), Float32Array.of(1, 0), { rows: 2, n: 1 }) // Float32Array [ 0.6931…, 1000 ]
 */
export function binaryCrossEntropyFromLogits<T extends FloatArray>(z: T, t: T, shape: RowShape, out?: T): T {
  return lossOfLogits('binaryCrossEntropyFromLogits', 'binary_cross_entropy_with_logits', z, t, shape, out)
}

/**
 * `dz = logistic(z) − t`, divided as the reduction says. Synchronous.
 *
 * @param z logits [rows, n]
 * @param t targets [rows, n], from 0 to 1
 * @param options.reduction default `sum`
 * @param out [rows, n], default a new array; may be z
 * @throws SpecError if an option, sizes, types, lengths or overlap do not fit
 * @example
 * binaryCrossEntropyFromLogitsBackward(Float32Array.of(0, 0), Float32Array.of(1, 0), { rows: 2, n: 1 }) // Float32Array [ -0.5, 0.5 ]
 */
export function binaryCrossEntropyFromLogitsBackward<T extends FloatArray>(
  z: T,
  t: T,
  options: RowShape & { reduction?: Reduction },
  out?: T,
): T {
  const kernel = 'binaryCrossEntropyFromLogitsBackward'
  return gradientOfLogits(kernel, 'binary_cross_entropy_with_logits_backward', z, t, options, out)
}

/**
 * `−Σ tⱼ · log pⱼ` over each row, for p = softmax(z), from the logits z: finite where a p is rounded to 0. Synchronous.
 *
 * @param z logits [rows, n]
 * @param t targets [rows, n], one-hot or probabilities
 * @param out [rows], default a new array; must not overlap z or t
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @source Bishop 2006, Pattern Recognition and Machine Learning, eq. 5.24
 * @example
 * categoricalCrossEntropyFromLogits(Float32Array.of(0, 1000), Float32Array.of(1, 0), { rows: 1, n: 2 }) // Float32Array [ 1000 ]
 */
export function categoricalCrossEntropyFromLogits<T extends FloatArray>(
  z: T,
  t: T,
  shape: RowShape,
  out?: T,
): T {
  const kernel = 'categoricalCrossEntropyFromLogits'
  return lossOfLogits(kernel, 'categorical_cross_entropy_with_logits', z, t, shape, out)
}

/**
 * `dz = softmax(z) · Σ t − t` over each row, divided as the reduction says. Synchronous.
 *
 * @param z logits [rows, n]
 * @param t targets [rows, n], one-hot or probabilities
 * @param options.reduction default `sum`
 * @param out [rows, n], default a new array; may be z
 * @throws SpecError if an option, sizes, types, lengths or overlap do not fit
 * @example
 * categoricalCrossEntropyFromLogitsBackward(Float32Array.of(0, 0), Float32Array.of(1, 0), { rows: 1, n: 2 }) // Float32Array [ -0.5, 0.5 ]
 */
export function categoricalCrossEntropyFromLogitsBackward<T extends FloatArray>(
  z: T,
  t: T,
  options: RowShape & { reduction?: Reduction },
  out?: T,
): T {
  const kernel = 'categoricalCrossEntropyFromLogitsBackward'
  return gradientOfLogits(kernel, 'categorical_cross_entropy_with_logits_backward', z, t, options, out)
}

/**
 * Right answers row by row, 1 or 0: the first largest of y is that of t; where n is 1, y > 0 (a logit) tells what
 * t > 0.5 tells. Synchronous.
 *
 * @param y outputs [rows, n]
 * @param t targets [rows, n], one-hot or, where n is 1, 0 and 1
 * @param out [rows], default a new array; must not overlap y or t
 * @throws SpecError if sizes, types, lengths or overlap do not fit
 * @example
 * correctRows(Float32Array.of(1, 3, 2, 1), Float32Array.of(0, 1, 0, 1), { rows: 2, n: 2 }) // Float32Array [ 1, 0 ]
 */
export function correctRows<T extends FloatArray>(y: T, t: T, shape: RowShape, out?: T): T {
  const { rows, n } = readShape('correctRows', shape)
  return compute('correctRows', 'count_correct', [rows, n], [], { y, t }, out)
}

function lossOfLogits<T extends FloatArray>(
  kernel: string,
  op: string,
  z: T,
  t: T,
  shape: RowShape,
  out: T | undefined,
): T {
  const { rows, n } = readShape(kernel, shape)
  return compute(kernel, op, [rows, n], [], { z, t }, out)
}

function gradientOfLogits<T extends FloatArray>(
  kernel: string,
  op: string,
  z: T,
  t: T,
  options: RowShape & { reduction?: Reduction },
  out: T | undefined,
): T {
  const { rows, n, reduction } = readOptions(kernel, options, ['rows', 'n', 'reduction'])
  checkSizes(kernel, { rows, n })
  return compute(kernel, op, [rows, n], [reductionIndex(kernel, reduction)], { z, t }, out)
}

function reductionIndex(kernel: string, reduction: Reduction = 'sum'): number {
  checkOneOf(`${kernel}: reduction`, reduction, REDUCTIONS)
  return REDUCTIONS.indexOf(reduction)
}
