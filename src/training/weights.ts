/** Weights of rows and of classes, checked and multiplied to one weight per row. */

import { checkInteger, checkNumber, describeValue } from '../check.ts'
import { DataError, SpecError } from '../errors.ts'
import type { Dtype, FloatArray } from '../ops/arithmetic.ts'
import { describeLoss, lossOf, outputsOf, type NetworkSpec } from '../spec.ts'
import { checkRows, toRows } from './arrays.ts'

/** A weight for every row, finite and at least 0, one of them above 0. */
export type SampleWeights = Float32Array | Float64Array | readonly number[]

/**
 * Weights of classes, finite and at least 0: one for each class in their order, or by class index, 1 for those left out.
 * `balanced` gives every class that occurs the same weight in total, `rows / (classes · rows of the class)`, as
 * scikit-learn does. They need one class per row: class indices, one-hot rows, or for a single output 0 and 1 (for hinge
 * −1 and 1, the classes 0 and 1).
 */
export type ClassWeights = 'balanced' | SampleWeights | Readonly<Record<number, number>>

/**
 * Weights of rows as numbers of an element type.
 *
 * @throws DataError at the first that is not a finite number of at least 0, or where their number is not that of the rows
 */
export function toSampleWeights(
  weights: SampleWeights,
  rows: number,
  dtype: Dtype,
  where = 'sampleWeights',
): FloatArray {
  const flat = toRows(weights, { where, features: 1, dtype, reason: 'a weight for each row of x' })
  checkRows(where, flat.length, rows)
  const negative = flat.findIndex((weight) => weight < 0)
  if (negative >= 0) {
    throw new DataError({
      code: 'HADAMARD_WEIGHT',
      where: `${where}: row ${negative}`,
      expected: 'a weight of at least 0',
      received: String(flat[negative]),
    })
  }
  return flat
}

/**
 * Refuses rows that all weigh nothing.
 *
 * @throws DataError if none of the rows has a weight above 0
 */
export function checkSomeWeight(weights: FloatArray, rows: Iterable<number>, where: string): void {
  for (const row of rows) if (weights[row] > 0) return
  throw new DataError({
    code: 'HADAMARD_WEIGHT',
    where,
    expected: 'at least one row with a weight above 0',
    received: 'only 0',
  })
}

/**
 * Multiplies weights of rows by those of their classes.
 *
 * @param y checked targets: class indices, or [rows · outputs] numbers
 * @param rows the rows to weigh; those that `balanced` counts
 * @throws SpecError if the loss has no classes or a class weight cannot be; DataError if a row has no single class
 */
export function applyClassWeights(
  weights: FloatArray,
  classWeights: ClassWeights,
  spec: NetworkSpec,
  y: FloatArray | Uint32Array,
  rows: Uint32Array,
): void {
  const classOf = classReader(spec, y)
  const classes = rows.map(classOf)
  const byClass = weightsByClass(classWeights, Math.max(2, outputsOf(spec)), classes)
  rows.forEach((row, i) => (weights[row] *= byClass[classes[i]]))
}

/** Weights that give each class that occurs the same weight in all: rows / (classes · rows of the class). */
export function balancedWeights(classes: ArrayLike<number>, count: number): number[] {
  const counts = new Array<number>(count).fill(0)
  for (let row = 0; row < classes.length; row++) counts[classes[row]]++
  return weightsByCount(counts)
}

/** The same from the number of rows of each class. */
export function weightsByCount(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, rows) => sum + rows, 0)
  const occurring = counts.filter((rows) => rows > 0).length
  return counts.map((rows) => (rows === 0 ? 0 : total / (occurring * rows)))
}

function weightsByClass(given: unknown, count: number, classes: Uint32Array): readonly number[] {
  const where = 'fit: classWeights'
  if (given === 'balanced') return balancedWeights(classes, count)
  const isList = Array.isArray(given) || given instanceof Float32Array || given instanceof Float64Array
  if (typeof given !== 'object' || given === null || (isList && given.length !== count)) {
    throw new SpecError({
      code: 'HADAMARD_SHAPE',
      where,
      expected: `'balanced', ${count} numbers, or an object of numbers by class index`,
      received: isList ? `${given.length} numbers` : describeValue(given),
    })
  }
  const weights = new Array<number>(count).fill(1)
  for (const [key, weight] of Object.entries(given) as [string, unknown][]) {
    checkInteger(`${where}: class index`, Number(key), { min: 0, max: count - 1 })
    checkNumber(`${where}: class ${key}`, weight, { min: 0 })
    weights[Number(key)] = weight
  }
  return weights
}

// The class index of a row of checked targets.
function classReader(spec: NetworkSpec, y: FloatArray | Uint32Array): (row: number) => number {
  if (y instanceof Uint32Array) return (row) => y[row]
  const outputs = outputsOf(spec)
  const { task } = lossOf(spec)
  if (spec.outputs === undefined && task === 'margin' && outputs === 1) return (row) => Number(y[row] > 0)
  if (spec.outputs !== undefined || (task !== 'classes' && (task !== 'binary' || outputs > 1))) {
    throw new SpecError({
      code: 'HADAMARD_TASK',
      where: 'fit: classWeights',
      expected:
        'a loss of one class per row: a categorical one, or a binary one or hinge with a single output',
      received: `${describeLoss(spec)} with ${outputs} ${outputs === 1 ? 'output' : 'outputs'}`,
      cure: 'Use sampleWeights',
    })
  }
  return (row) => {
    const shares = y.subarray(row * outputs, (row + 1) * outputs)
    if (shares.every((share) => share === 0 || share === 1))
      return outputs === 1 ? shares[0] : shares.indexOf(1)
    throw new DataError({
      code: 'HADAMARD_TARGET_VALUE',
      where: `y: row ${row}`,
      expected: 'a single class, for class weights',
      received: `shares such as ${shares.find((share) => share !== 0 && share !== 1)}`,
      cure: 'Use sampleWeights',
    })
  }
}
