/** Metrics of predicted classes: accuracies, precision, recall, F1 and the confusion matrix behind them. */

import { checkOneOf, describeValue } from '../check.ts'
import { DataError, SpecError } from '../errors.ts'
import {
  checkLabels,
  distinctLabels,
  positiveLabel,
  readWeights,
  type Label,
  type MetricOptions,
  type PositiveOptions,
} from './arguments.ts'

/** Settings of {@link confusionMatrix}. */
export interface ConfusionOptions extends MetricOptions {
  /** The labels in the order of the matrix, all that occur among them; default those that occur, ascending. */
  labels?: ArrayLike<Label>
}

/** How often each class was taken for each. */
export interface ConfusionMatrix {
  /** Labels of rows and columns. */
  labels: Label[]
  /** `counts[i][j]`: rows of class `labels[i]` that were predicted to be `labels[j]`, or the sum of their weights. */
  counts: number[][]
}

/**
 * How {@link precision}, {@link recall} and {@link f1} make one number of several classes.
 *
 * @useDeclaredType
 */
export type Average = (typeof AVERAGES)[number]

/** Settings of {@link precision}, {@link recall} and {@link f1}. */
export interface ClassScoreOptions extends PositiveOptions {
  /**
   * `binary` (default): of the positive class alone. `macro`: mean over the classes that occur. `weighted`: the mean
   * weighted by the classes' shares of the targets. `micro`: from the counts of all classes together.
   */
  average?: Average
}

const AVERAGES = ['binary', 'macro', 'micro', 'weighted'] as const

/** Counts of one class, or of all. */
interface Tally {
  readonly hits: number
  readonly predicted: number
  readonly actual: number
}

/**
 * Share of rows whose prediction is the target, 0 to 1.
 *
 * @param targets labels [rows]
 * @param predictions labels [rows]
 * @throws DataError if lengths differ or a label is missing; SpecError if an option is unknown
 * @source Sokolova, Lapalme 2009, A systematic analysis of performance measures for classification tasks, table 2
 * @example
 * accuracy([0, 1, 2, 3], [0, 2, 1, 3]) // 0.5
 */
export function accuracy(
  targets: ArrayLike<Label>,
  predictions: ArrayLike<Label>,
  options: MetricOptions = {},
): number {
  checkLabels('accuracy', { targets, predictions })
  const weights = readWeights('accuracy', options, targets.length)
  let right = 0
  let total = 0
  for (let row = 0; row < targets.length; row++) {
    if (targets[row] === predictions[row]) right += weights[row]
    total += weights[row]
  }
  return right / total
}

/**
 * Mean over the classes of the targets of the share of their rows that are predicted right, 0 to 1; guessing one class
 * gives 1/classes, however rare the others are. Classes that occur among the predictions alone do not count.
 *
 * @param targets labels [rows]
 * @param predictions labels [rows]
 * @throws DataError if lengths differ or a label is missing; SpecError if an option is unknown
 * @source Brodersen, Ong, Stephan, Buhmann 2010, The balanced accuracy and its posterior distribution
 * @example
 * balancedAccuracy([0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1]) // 0.625
 */
export function balancedAccuracy(
  targets: ArrayLike<Label>,
  predictions: ArrayLike<Label>,
  options: MetricOptions = {},
): number {
  const weights = readWeights('balancedAccuracy', options, targets.length)
  const present = tallies(confuse('balancedAccuracy', targets, predictions, weights)).filter(
    ({ actual }) => actual > 0,
  )
  return present.reduce((sum, tally) => sum + scores.recall(tally), 0) / present.length
}

/**
 * The confusion matrix: how many rows of each class were predicted to be of each.
 *
 * @param targets labels [rows]
 * @param predictions labels [rows]
 * @throws DataError if lengths differ, a label is missing, or one is not among `labels`; SpecError if an option is
 *   unknown
 * @source Sokolova, Lapalme 2009, A systematic analysis of performance measures for classification tasks, table 1
 * @example
 * confusionMatrix([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2]).counts // [ [ 2, 0, 0 ], [ 0, 0, 1 ], [ 1, 0, 2 ] ]
 */
export function confusionMatrix(
  targets: ArrayLike<Label>,
  predictions: ArrayLike<Label>,
  options: ConfusionOptions = {},
): ConfusionMatrix {
  const weights = readWeights('confusionMatrix', options, targets.length, ['labels'])
  const { labels } = options
  return confuse('confusionMatrix', targets, predictions, weights, labels && Array.from(labels))
}

/**
 * Precision: share of the rows predicted to be of a class that are, 0 to 1; 0 for a class that is never predicted.
 *
 * @param targets labels [rows]
 * @param predictions labels [rows]
 * @throws DataError if lengths differ, a label is missing, or there are more than two classes without an `average`;
 *   SpecError if an option is unknown
 * @source Sokolova, Lapalme 2009, A systematic analysis of performance measures for classification tasks, tables 2 and 3
 * @example
 * precision([0, 1, 1, 0], [0, 1, 0, 1]) // 0.5
 * precision(['a', 'b', 'c', 'a', 'b', 'c'], ['a', 'c', 'b', 'a', 'a', 'b'], { average: 'macro' }) // 0.222…
 */
export function precision(
  targets: ArrayLike<Label>,
  predictions: ArrayLike<Label>,
  options: ClassScoreOptions = {},
): number {
  return classScore('precision', targets, predictions, options)
}

/**
 * Recall: share of the rows of a class that are predicted to be, 0 to 1; 0 for a class that no target has.
 *
 * @param targets labels [rows]
 * @param predictions labels [rows]
 * @throws DataError if lengths differ, a label is missing, or there are more than two classes without an `average`;
 *   SpecError if an option is unknown
 * @source Sokolova, Lapalme 2009, A systematic analysis of performance measures for classification tasks, tables 2 and 3
 * @example
 * recall([0, 1, 1, 1, 0], [0, 1, 0, 1, 1]) // 0.666…
 * recall([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], { average: 'macro' }) // 0.333…
 */
export function recall(
  targets: ArrayLike<Label>,
  predictions: ArrayLike<Label>,
  options: ClassScoreOptions = {},
): number {
  return classScore('recall', targets, predictions, options)
}

/**
 * F1: harmonic mean of precision and recall, 2·hits/(predicted + actual), 0 to 1; 0 for a class that neither targets nor
 * predictions have.
 *
 * @param targets labels [rows]
 * @param predictions labels [rows]
 * @throws DataError if lengths differ, a label is missing, or there are more than two classes without an `average`;
 *   SpecError if an option is unknown
 * @source van Rijsbergen 1979, Information Retrieval, chapter 7
 * @example
 * f1([0, 1, 1, 0], [0, 1, 0, 0]) // 0.666…
 * f1([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], { average: 'macro' }) // 0.266…
 */
export function f1(
  targets: ArrayLike<Label>,
  predictions: ArrayLike<Label>,
  options: ClassScoreOptions = {},
): number {
  return classScore('f1', targets, predictions, options)
}

const scores = {
  precision: ({ hits, predicted }: Tally) => (predicted > 0 ? hits / predicted : 0),
  recall: ({ hits, actual }: Tally) => (actual > 0 ? hits / actual : 0),
  f1: ({ hits, predicted, actual }: Tally) =>
    predicted + actual > 0 ? (2 * hits) / (predicted + actual) : 0,
}

type ScoreOfClasses = (classes: readonly Tally[], score: (tally: Tally) => number) => number

const averages: Readonly<Record<Exclude<Average, 'binary'>, ScoreOfClasses>> = {
  macro: (classes, score) => sumOf(classes, score) / classes.length,
  weighted: (classes, score) =>
    sumOf(classes, (tally) => tally.actual * score(tally)) / sumOf(classes, ({ actual }) => actual),
  micro: (classes, score) =>
    score({
      hits: sumOf(classes, ({ hits }) => hits),
      predicted: sumOf(classes, ({ predicted }) => predicted),
      actual: sumOf(classes, ({ actual }) => actual),
    }),
}

function classScore(
  metric: keyof typeof scores,
  targets: ArrayLike<Label>,
  predictions: ArrayLike<Label>,
  options: ClassScoreOptions,
): number {
  const weights = readWeights(metric, options, targets.length, ['average', 'positive'])
  const { average = 'binary', positive } = options
  checkOneOf(`${metric}: average`, average, AVERAGES)
  const confusion = confuse(metric, targets, predictions, weights)
  const classes = tallies(confusion)
  if (average !== 'binary') {
    if (positive === undefined) return averages[average](classes, scores[metric])
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: `${metric}: positive`,
      expected: `nothing with average '${average}', which takes all classes`,
      received: describeValue(positive),
      cure: "Leave it out, or use average 'binary'",
    })
  }
  if (classes.length > 2) {
    throw new DataError({
      code: 'HADAMARD_METRIC_LABEL',
      where: `${metric}: targets and predictions`,
      expected: 'labels of two classes',
      received: `${classes.length} classes`,
      cure: "Set average to 'macro', 'micro' or 'weighted'",
    })
  }
  const index = confusion.labels.indexOf(positiveLabel(metric, confusion.labels, positive))
  return index < 0 ? 0 : scores[metric](classes[index])
}

function confuse(
  metric: string,
  targets: ArrayLike<Label>,
  predictions: ArrayLike<Label>,
  weights: ArrayLike<number>,
  given?: Label[],
): ConfusionMatrix {
  checkLabels(metric, { targets, predictions })
  const labels = given ?? distinctLabels(targets, predictions)
  const indices = new Map(labels.map((label, i) => [label, i]))
  // Class indices need no search.
  const areIndices = labels.every((label, i) => label === i)
  const counts = labels.map(() => labels.map(() => 0))
  const indexOf = (label: Label, name: string, row: number): number => {
    const index = areIndices && isIndex(label, labels.length) ? label : indices.get(label)
    if (index !== undefined) return index
    throw new DataError({
      code: 'HADAMARD_METRIC_LABEL',
      where: `${metric}: ${name}: row ${row}`,
      expected: `one of the labels ${labels.map(describeValue).join(', ')}`,
      received: describeValue(label),
    })
  }
  for (let row = 0; row < targets.length; row++) {
    const actual = indexOf(targets[row], 'targets', row)
    counts[actual][indexOf(predictions[row], 'predictions', row)] += weights[row]
  }
  return { labels, counts }
}

function isIndex(label: Label, count: number): label is number {
  return typeof label === 'number' && Number.isInteger(label) && label >= 0 && label < count
}

function tallies({ counts }: ConfusionMatrix): Tally[] {
  return counts.map((row, i) => ({
    hits: row[i],
    predicted: sumOf(counts, (other) => other[i]),
    actual: sumOf(row, (count) => count),
  }))
}

function sumOf<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((sum, value) => sum + of(value), 0)
}
