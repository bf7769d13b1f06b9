/** The data of a fit or an evaluation: users' x and y checked against a network, and divided into rows. */

import { DataError } from '../errors.ts'
import { dtypeOf, floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { randomStream } from '../random.ts'
import { describeLoss, headsOf, outputsOf, type Head, type NetworkSpec } from '../spec.ts'
import {
  allocate,
  allocateIndices,
  checkRows,
  isIntegerArray,
  toLabels,
  toRows,
  toSharedIndices,
  type IntegerArray,
  type Rows,
  type Targets,
} from './arrays.ts'
import type { FitSettings, Validation } from './options.ts'
import { applyClassWeights, checkSomeWeight, toSampleWeights } from './weights.ts'

/** How far from 1 the shares of a row's classes may sum: soft targets are often written with three digits. */
const SHARES_TOLERANCE = 1e-3

/** Everything of a fit's data, on shared memory. */
export interface TrainingData {
  /** [rows · inputs]. */
  readonly x: FloatArray
  /** [rows · outputs] numbers, or [rows] class indices. */
  readonly y: FloatArray | Uint32Array
  readonly trainRows: Uint32Array
  readonly validationRows: Uint32Array
  /** [rows]; undefined where every row counts once. */
  readonly weights?: FloatArray
}

/**
 * Inputs of a network as flat rows.
 *
 * @throws DataError if a row has another number of features, or a value is not finite
 */
export function toInputs(spec: NetworkSpec, x: Rows, where = 'x', isShared = false): FloatArray {
  const { inputs: features, dtype } = spec
  return toRows(x, { where, features, dtype, reason: "as the network's inputs" }, { isShared })
}

/**
 * A number for each output of each row, flat.
 *
 * @throws DataError if a row has another number of values, a value is not finite, or there are other rows than in x
 */
export function toRowsOfOutputs(spec: NetworkSpec, values: Rows, rows: number, where: string): FloatArray {
  const features = outputsOf(spec)
  const flat = toRows(values, { where, features, dtype: spec.dtype, reason: "as the network's outputs" })
  checkRows(where, flat.length / features, rows)
  return flat
}

/**
 * Targets of a network as [rows · outputs] numbers, class indices as one-hot rows.
 *
 * @throws DataError if the targets do not fit the loss, or have another number of rows
 */
export function toDenseTargets(spec: NetworkSpec, y: Targets, rows: number): FloatArray {
  const targets = toTargets(spec, y, rows)
  return targets instanceof Uint32Array ? oneHot(spec, targets) : targets
}

/** Class indices as one-hot rows [labels · outputs]. */
export function oneHot(spec: NetworkSpec, labels: readonly number[] | Uint32Array): FloatArray {
  const outputs = outputsOf(spec)
  const rows = floatArray(spec.dtype, labels.length * outputs)
  labels.forEach((label, row) => (rows[row * outputs + label] = 1))
  return rows
}

/**
 * Checks and divides the data of a fit; arrays on shared memory are used in place, all others are copied.
 *
 * @throws DataError at the first thing that does not fit
 */
export function toTrainingData(
  spec: NetworkSpec,
  x: Rows,
  y: Targets,
  options: Pick<FitSettings, 'validation' | 'sampleWeights' | 'classWeights'>,
): TrainingData {
  const data = toRowSets(spec, x, y, options.validation)
  const weights = toWeights(spec, data, options)
  return weights === undefined ? data : { ...data, weights }
}

function toRowSets(
  spec: NetworkSpec,
  x: Rows,
  y: Targets,
  validation: Validation | undefined,
): Omit<TrainingData, 'weights'> {
  const flat = toInputs(spec, x, 'x', true)
  const rows = flat.length / spec.inputs
  const targets = toTargets(spec, y, rows, 'y', true)
  if (isOtherData(validation)) {
    const moreX = toInputs(spec, validation.x, 'validation.x')
    const more = moreX.length / spec.inputs
    return {
      x: joinNumbers(flat, moreX),
      y: joinTargets(targets, toTargets(spec, validation.y, more, 'validation.y')),
      trainRows: rowNumbers(rows, 0),
      validationRows: rowNumbers(more, rows),
    }
  }
  const heldOut =
    typeof validation === 'number' ? drawRows(rows, validation, spec.seed) : (validation ?? new Uint32Array())
  return { x: flat, y: targets, ...divideRows(rows, heldOut) }
}

// One weight per row of the joined data: that of the row, for training rows times that of its class.
function toWeights(
  spec: NetworkSpec,
  { x, y, trainRows, validationRows }: TrainingData,
  { validation, sampleWeights, classWeights }: Parameters<typeof toTrainingData>[3],
): FloatArray | undefined {
  const other = isOtherData(validation) ? validation : undefined
  if (sampleWeights === undefined && classWeights === undefined && other?.sampleWeights === undefined) {
    return undefined
  }
  const total = x.length / spec.inputs
  const rows = other === undefined ? total : trainRows.length
  const weights = allocate(spec.dtype, total, true).fill(1)
  if (sampleWeights !== undefined) weights.set(toSampleWeights(sampleWeights, rows, spec.dtype))
  if (other?.sampleWeights !== undefined) {
    const where = 'validation.sampleWeights'
    weights.set(toSampleWeights(other.sampleWeights, total - rows, spec.dtype, where), rows)
  }
  if (classWeights !== undefined) applyClassWeights(weights, classWeights, spec, y, trainRows)
  checkSomeWeight(weights, trainRows, 'weights of the training rows')
  if (validationRows.length > 0) checkSomeWeight(weights, validationRows, 'weights of the validation rows')
  return weights
}

function isOtherData(
  validation: Validation | undefined,
): validation is Exclude<Validation, number | Uint32Array> {
  return typeof validation === 'object' && !(validation instanceof Uint32Array)
}

/**
 * Targets of a network as numbers, or as class indices where the loss takes one-hot rows.
 *
 * @throws DataError if the targets do not fit the loss, or have another number of rows
 */
export function toTargets(
  spec: NetworkSpec,
  y: Targets,
  rows: number,
  where = 'y',
  isShared = false,
): FloatArray | Uint32Array {
  const outputs = outputsOf(spec)
  const heads = headsOf(spec)
  if (isClassIndices(y, outputs)) {
    const { task } = heads[0].info
    if (
      spec.outputs !== undefined ||
      task === 'regression' ||
      task === 'margin' ||
      (task === 'binary' && outputs > 1)
    ) {
      throw new DataError({
        code: 'HADAMARD_TARGET_VALUE',
        where,
        expected: `numbers, ${outputs} per row, for the loss ${describeLoss(spec)}`,
        received: 'class indices (an integer array, or one number per row)',
        cure: outputs === 1 ? 'Use Float32Array.from(y)' : undefined,
      })
    }
    const labels = toLabels(y, task === 'binary' ? 2 : outputs, where)
    checkRows(where, labels.length, rows)
    if (task === 'classes') return labels
    const numbers = allocate(spec.dtype, rows, isShared)
    numbers.set(labels)
    return numbers
  }
  const targets = toRows(
    y,
    { where, features: outputs, dtype: spec.dtype, reason: "as the network's outputs" },
    { isShared },
  )
  checkRows(where, targets.length / outputs, rows)
  for (const head of heads) checkTargets(targets, outputs, head, where)
  return targets
}

// What the targets of one output may be, which stand in its columns of rows of `outputs` numbers.
function checkTargets(targets: FloatArray, outputs: number, head: Head, where: string): void {
  const { first, columns, info, loss } = head
  const { task, hasDecisions = false } = info
  if (task === 'regression') return
  const isMargin = task === 'margin'
  const isOutside = (value: number): boolean =>
    isMargin ? Math.abs(value) !== 1 : hasDecisions ? value !== 0 && value !== 1 : value < 0 || value > 1
  const outside = targets.findIndex((value, i) => {
    const column = (i % outputs) - first
    return column >= 0 && column < columns && isOutside(value)
  })
  if (outside >= 0) {
    throw new DataError({
      code: 'HADAMARD_TARGET_VALUE',
      where: `${where}: row ${Math.floor(outside / outputs)}`,
      expected: `targets ${isMargin ? '−1 or 1' : hasDecisions ? '0 or 1' : 'from 0 to 1'} for the loss ${loss.name}`,
      received: String(targets[outside]),
    })
  }
  if (task === 'classes') checkShares(targets, outputs, head, where)
}

// The cross-entropy of classes is that of a distribution; targets of another sum are a mistake more often than meant.
function checkShares(
  targets: FloatArray,
  outputs: number,
  { first, columns, loss }: Head,
  where: string,
): void {
  for (let start = first; start < targets.length; start += outputs) {
    let sum = 0
    for (let j = 0; j < columns; j++) sum += targets[start + j]
    if (Math.abs(sum - 1) <= SHARES_TOLERANCE) continue
    throw new DataError({
      code: 'HADAMARD_TARGET_VALUE',
      where: `${where}: row ${Math.floor(start / outputs)}`,
      expected: `shares of the classes that sum to 1, for the loss ${loss.name}`,
      received: `a sum of ${sum}`,
      cure: 'For several classes at once use logistic outputs and binaryCrossEntropy, for weights sampleWeights',
    })
  }
}

function isClassIndices(y: Targets, outputs: number): y is IntegerArray | number[] {
  if (isIntegerArray(y)) return true
  return outputs > 1 && Array.isArray(y) && y.length > 0 && y.every((label) => typeof label === 'number')
}

// The first rows of a seeded permutation.
function drawRows(rows: number, share: number, seed: number): Uint32Array {
  const random = randomStream(seed, 'validation')
  const order = rowNumbers(rows, 0)
  for (let i = rows - 1; i > 0; i--) {
    const j = random.below(i + 1, i)
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order.slice(0, Math.round(rows * share))
}

function divideRows(rows: number, heldOut: Uint32Array): Pick<TrainingData, 'trainRows' | 'validationRows'> {
  const isHeldOut = new Uint8Array(rows)
  for (const row of heldOut) {
    if (row >= rows || isHeldOut[row] === 1) {
      const received = row >= rows ? String(row) : `${row} twice`
      throw new DataError({
        code: 'HADAMARD_SPLIT',
        where: 'fit: validation',
        expected: `different row numbers below ${rows}`,
        received,
      })
    }
    isHeldOut[row] = 1
  }
  if (rows === heldOut.length) {
    throw new DataError({
      code: 'HADAMARD_SPLIT',
      where: 'fit: validation',
      expected: 'at least one row left to train on',
      received: 'all rows',
    })
  }
  // Filled in place: of many rows, every copy of their numbers counts.
  const trainRows = allocateIndices(rows - heldOut.length)
  for (let row = 0, next = 0; row < rows; row++) {
    if (isHeldOut[row] === 0) trainRows[next++] = row
  }
  return { trainRows, validationRows: toSharedIndices(heldOut) }
}

// On shared memory.
function rowNumbers(count: number, first: number): Uint32Array {
  const numbers = allocateIndices(count)
  for (let i = 0; i < count; i++) numbers[i] = first + i
  return numbers
}

function joinNumbers(a: FloatArray, b: FloatArray): FloatArray {
  const both = allocate(dtypeOf(a), a.length + b.length, true)
  both.set(a)
  both.set(b, a.length)
  return both
}

function joinTargets(a: FloatArray | Uint32Array, b: FloatArray | Uint32Array): FloatArray | Uint32Array {
  if (a instanceof Uint32Array && b instanceof Uint32Array) {
    const both = allocateIndices(a.length + b.length)
    both.set(a)
    both.set(b, a.length)
    return both
  }
  if (!(a instanceof Uint32Array || b instanceof Uint32Array)) return joinNumbers(a, b)
  throw new DataError({
    code: 'HADAMARD_TARGET_VALUE',
    where: 'validation.y',
    expected: 'targets of the same kind as y (class indices, or numbers)',
    received: 'the other kind',
  })
}
