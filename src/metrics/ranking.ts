/** Metrics of scores that rank rows: how well they put the positive class first, whatever the threshold. */

import { atOnce, ROWS_AT_ONCE, sortInTurns, type Paced } from '../paced.ts'
import {
  checkLabels,
  checkLength,
  distinctLabels,
  positiveLabel,
  readWeights,
  toMatrix,
  type Label,
  type PositiveOptions,
} from './arguments.ts'

/** Weights of the positive and negative rows of one score. */
interface Group {
  readonly positive: number
  readonly negative: number
}

/**
 * Area under the ROC curve: the probability that a positive row has a higher score than a negative one, ties counting
 * half; 0 to 1, 0.5 for scores that say nothing. NaN where one of the classes is missing.
 *
 * @param targets labels of two classes [rows]
 * @param scores of the positive class, such as probabilities or logits [rows]
 * @throws DataError if lengths differ, a score is not finite, or there are more than two classes; SpecError if an option
 *   is unknown
 * @source Hanley, McNeil 1982, The meaning and use of the area under a receiver operating characteristic (ROC) curve
 * @example
 * rocAuc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) // 0.75
 */
export function rocAuc(
  targets: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: PositiveOptions = {},
): number {
  let positives = 0
  let negatives = 0
  let won = 0
  for (const { positive, negative } of atOnce(rankedGroups('rocAuc', targets, scores, options))) {
    won += negative * (positives + positive / 2)
    positives += positive
    negatives += negative
  }
  return won / (positives * negatives)
}

/**
 * Average precision: the area under the steps of precision over recall, Σ (Rₙ − Rₙ₋₁)·Pₙ over the different scores as
 * thresholds, without interpolation; 0 to 1, about the share of positives for scores that say nothing. 0 where there is
 * no positive row.
 *
 * @param targets labels of two classes [rows]
 * @param scores of the positive class, such as probabilities or logits [rows]
 * @throws DataError if lengths differ, a score is not finite, or there are more than two classes; SpecError if an option
 *   is unknown
 * @source Manning, Raghavan, Schütze 2008, Introduction to Information Retrieval, section 8.4
 * @example
 * averagePrecision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) // 0.833…
 */
export function averagePrecision(
  targets: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: PositiveOptions = {},
): number {
  return atOnce(averagePrecisionInTurns(targets, scores, options))
}

/** The same by pieces of the rows. */
export function* averagePrecisionInTurns(
  targets: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: PositiveOptions,
): Paced<number> {
  let hits = 0
  let predicted = 0
  let area = 0
  for (const { positive, negative } of yield* rankedGroups('averagePrecision', targets, scores, options)) {
    hits += positive
    predicted += positive + negative
    if (positive > 0) area += positive * (hits / predicted)
  }
  return hits > 0 ? area / hits : 0
}

// Rows of equal scores together, the highest score first.
function* rankedGroups(
  metric: string,
  targets: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: PositiveOptions,
): Paced<Generator<Group, void, void>> {
  checkLabels(metric, { targets })
  checkLength(`${metric}: scores`, scores, targets.length)
  const { values } = toMatrix(`${metric}: scores`, scores, 1)
  const weights = readWeights(metric, options, targets.length, ['positive'])
  const label = positiveLabel(metric, distinctLabels(targets), options.positive)
  const sorted = yield* sortInTurns(new Float64Array(values))
  // Each score once, ascending. Searching them is several times faster than a map of as many numbers.
  const distinct = sorted.filter((score, i) => i === 0 || score !== sorted[i - 1])
  const sums = [new Float64Array(distinct.length), new Float64Array(distinct.length)]
  for (let row = 0; row < values.length; row++) {
    if (row % ROWS_AT_ONCE === 0) yield
    sums[targets[row] === label ? 0 : 1][placeOf(values[row], distinct)] += weights[row]
  }
  return descending(sums)
}

function placeOf(score: number, ascending: Float64Array): number {
  let [low, high] = [0, ascending.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle] < score) low = middle + 1
    else high = middle
  }
  return low
}

function* descending([positives, negatives]: readonly Float64Array[]): Generator<Group, void, void> {
  for (let i = positives.length - 1; i >= 0; i--) yield { positive: positives[i], negative: negatives[i] }
}
