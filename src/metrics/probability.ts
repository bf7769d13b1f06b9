/** Metrics of predicted probabilities: log loss, Brier score and calibration error. */

import { checkInteger, describeValue } from '../check.ts'
import { DataError, rejectUnknownKeys } from '../errors.ts'
import { atOnce, ROWS_AT_ONCE, type Paced } from '../paced.ts'
import {
  checkLabels,
  checkLength,
  distinctLabels,
  positiveLabel,
  readWeights,
  toMatrix,
  type Label,
  type Matrix,
  type NumberRows,
  type PositiveOptions,
} from './arguments.ts'

/** Settings of {@link logLoss} and {@link brierScore}. */
export interface ProbabilityOptions extends PositiveOptions {
  /**
   * Label of each column of probabilities. Default: the labels of the targets, ascending, where there is one for each
   * column, otherwise class indices from 0.
   */
  labels?: ArrayLike<Label>
}

/** How far the probabilities of a row may be from adding up to 1: enough for printed digits. */
const SUM_TOLERANCE = 1e-3

/**
 * Log loss (cross-entropy): mean over the rows of −ln of the probability given to the row's class; 0 at best, without
 * upper limit. Probabilities are held within [ε, 1 − ε] first, ε being 2⁻²³ where they are float32 and 2⁻⁵² otherwise,
 * so that a certain mistake costs about 15.9 or 36.
 *
 * @param targets labels [rows]
 * @param probabilities of the positive class [rows], or of each class [rows · classes], flat or as an array of rows
 * @throws DataError if lengths differ, a probability is outside of [0, 1], a row's do not add up to 1, or a target has no
 *   column; SpecError if an option is unknown
 * @source Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.90 and 4.108
 * @example
 * logLoss(['spam', 'ham', 'ham', 'spam'], [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]]) // 0.21616…
 */
export function logLoss(
  targets: ArrayLike<Label>,
  probabilities: NumberRows,
  options: ProbabilityOptions = {},
): number {
  return atOnce(pacedScores.logLoss(targets, probabilities, options))
}

/**
 * Brier score: mean squared difference between probability and outcome; 0 at best. Of two classes it is that of the
 * positive one, at most 1; of more it is the sum over the classes, at most 2.
 *
 * @param targets labels [rows]
 * @param probabilities of the positive class [rows], or of each class [rows · classes], flat or as an array of rows
 * @throws DataError if lengths differ, a probability is outside of [0, 1], a row's do not add up to 1, or a target has no
 *   column; SpecError if an option is unknown
 * @source Brier 1950, Verification of forecasts expressed in terms of probability
 * @example
 * brierScore([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]) // 0.0374…
 */
export function brierScore(
  targets: ArrayLike<Label>,
  probabilities: NumberRows,
  options: ProbabilityOptions = {},
): number {
  return atOnce(pacedScores.brierScore(targets, probabilities, options))
}

/** Settings of {@link calibrationError}. */
export interface CalibrationOptions extends ProbabilityOptions {
  /** Bins of equal width that confidences fall into, an integer ≥ 1, default 15. */
  bins?: number
}

/**
 * Expected calibration error: how far confidence and accuracy lie apart, Σ (rows of a bin / rows)·|accuracy − mean
 * confidence| over bins of the confidence, which is the probability of the most probable class; 0 at best, at most 1.
 *
 * @param targets labels [rows]
 * @param probabilities of the positive class [rows], or of each class [rows · classes], flat or as an array of rows
 * @throws DataError if lengths differ, a probability is outside of [0, 1], a row's do not add up to 1, or a target has no
 *   column; SpecError if an option is unknown or out of range
 * @source Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern Neural Networks, eq. 3
 * @example
 * calibrationError([0, 1, 1, 0], [0.2, 0.9, 0.7, 0.4]) // 0.25
 */
export function calibrationError(
  targets: ArrayLike<Label>,
  probabilities: NumberRows,
  options: CalibrationOptions = {},
): number {
  return atOnce(pacedScores.calibrationError(targets, probabilities, options))
}

type PacedScore<Options> = (
  targets: ArrayLike<Label>,
  probabilities: NumberRows,
  options: Options,
) => Paced<number>

/** The metrics of this file by pieces of the rows. */
export const pacedScores = {
  logLoss: (targets, probabilities, options) => {
    const epsilon = isFloat32(probabilities) ? 2 ** -23 : 2 ** -52
    return meanOverRows('logLoss', targets, probabilities, options, (row, index) => {
      return -Math.log(Math.min(Math.max(row(index), epsilon), 1 - epsilon))
    })
  },
  brierScore: (targets, probabilities, options) =>
    meanOverRows('brierScore', targets, probabilities, options, (row, index, classes) => {
      let squares = 0
      for (let j = 0; j < classes; j++) squares += (row(j) - Number(j === index)) ** 2
      return classes === 2 ? squares / 2 : squares
    }),
  calibrationError: calibrationErrorInTurns,
} satisfies Record<string, PacedScore<ProbabilityOptions>>

function* calibrationErrorInTurns(
  targets: ArrayLike<Label>,
  probabilities: NumberRows,
  options: CalibrationOptions,
): Paced<number> {
  rejectUnknownKeys('calibrationError', options, ['bins', 'labels', 'positive', 'sampleWeights'])
  const { bins = 15, ...rest } = options
  checkInteger('calibrationError: bins', bins, { min: 1 })
  const sums = Array.from({ length: bins }, () => ({ confidence: 0, right: 0 }))
  const total = yield* forEachRow(
    'calibrationError',
    targets,
    probabilities,
    rest,
    (row, index, classes, weight) => {
      let best = 0
      for (let j = 1; j < classes; j++) if (row(j) > row(best)) best = j
      // Bins are open below: a confidence on an edge belongs to the bin that ends there.
      const bin = sums[Math.max(0, Math.ceil(row(best) * bins) - 1)]
      bin.confidence += weight * row(best)
      bin.right += weight * Number(best === index)
    },
  )
  return sums.reduce((sum, { right, confidence }) => sum + Math.abs(right - confidence), 0) / total
}

/** One row: the probability of each class, the index of the right one, the number of classes, the row's weight. */
type RowVisitor<R> = (row: (index: number) => number, index: number, classes: number, weight: number) => R

function* meanOverRows(
  metric: string,
  targets: ArrayLike<Label>,
  probabilities: NumberRows,
  options: ProbabilityOptions,
  loss: RowVisitor<number>,
): Paced<number> {
  let sum = 0
  const total = yield* forEachRow(metric, targets, probabilities, options, (row, index, classes, weight) => {
    sum += weight * loss(row, index, classes, weight)
  })
  return sum / total
}

// Gives the sum of the weights.
function* forEachRow(
  metric: string,
  targets: ArrayLike<Label>,
  probabilities: NumberRows,
  options: ProbabilityOptions,
  visit: RowVisitor<void>,
): Paced<number> {
  checkLabels(metric, { targets })
  const where = `${metric}: probabilities`
  checkLength(where, probabilities)
  const isFlat = typeof probabilities[0] !== 'object'
  if (!isFlat) checkLength(where, probabilities, targets.length)
  const columns = isFlat ? Math.max(1, Math.floor(probabilities.length / targets.length)) : 1
  const matrix = toMatrix(where, probabilities, columns)
  checkLength(where, { length: matrix.rows }, targets.length)
  checkProbabilities(where, matrix)
  const { values, columns: classes } = matrix
  const indexOf =
    classes === 1 ? indexOfTwo(metric, targets, options) : indexOfColumn(metric, targets, classes, options)
  const weights = readWeights(metric, options, targets.length, [classes === 1 ? 'positive' : 'labels'])
  let row = 0
  const probability = (j: number): number => {
    return classes > 1 ? values[row * classes + j] : j === 1 ? values[row] : 1 - values[row]
  }
  let total = 0
  for (; row < targets.length; row++) {
    visit(probability, indexOf(targets[row], row), Math.max(2, classes), weights[row])
    total += weights[row]
    if (row % ROWS_AT_ONCE === 0) yield
  }
  return total
}

// One column is the second class of two.
function indexOfTwo(
  metric: string,
  targets: ArrayLike<Label>,
  { positive }: ProbabilityOptions,
): (label: Label) => number {
  const label = positiveLabel(metric, distinctLabels(targets), positive)
  return (target) => Number(target === label)
}

function indexOfColumn(
  metric: string,
  targets: ArrayLike<Label>,
  classes: number,
  { labels: given }: ProbabilityOptions,
): (label: Label, row: number) => number {
  const labels = given ? Array.from(given) : distinctLabels(targets)
  const indices = new Map(
    given !== undefined || labels.length === classes
      ? labels.map((label, i) => [label, i])
      : Array.from({ length: classes }, (_, i) => [i as Label, i]),
  )
  if (indices.size !== classes) {
    throw new DataError({
      code: 'HADAMARD_METRIC_LABEL',
      where: `${metric}: labels`,
      expected: `${classes} different labels, one for each column of probabilities`,
      received: String(indices.size),
    })
  }
  return (target, row) => {
    const index = indices.get(target)
    if (index !== undefined) return index
    throw new DataError({
      code: 'HADAMARD_METRIC_LABEL',
      where: `${metric}: targets: row ${row}`,
      expected: `one of the labels ${[...indices.keys()].map(describeValue).join(', ')}`,
      received: describeValue(target),
      cure: given === undefined ? 'Name the columns with labels' : undefined,
    })
  }
}

function checkProbabilities(where: string, { values, rows, columns }: Matrix): void {
  for (let row = 0; row < rows; row++) {
    let sum = 0
    for (let j = 0; j < columns; j++) {
      const probability = values[row * columns + j]
      if (probability < 0 || probability > 1) {
        throw new DataError({
          code: 'HADAMARD_PROBABILITY',
          where: `${where}: row ${row}`,
          expected: 'probabilities from 0 to 1',
          received: String(probability),
        })
      }
      sum += probability
    }
    if (columns === 1 || Math.abs(sum - 1) <= SUM_TOLERANCE) continue
    throw new DataError({
      code: 'HADAMARD_PROBABILITY',
      where: `${where}: row ${row}`,
      expected: 'probabilities that add up to 1',
      received: `a sum of ${sum}`,
    })
  }
}

function isFloat32(probabilities: NumberRows): boolean {
  return probabilities instanceof Float32Array || probabilities[0] instanceof Float32Array
}
