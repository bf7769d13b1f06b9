/** Metrics of scores that rank rows: how well they put the positive class first, whatever the threshold. */

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
  for (const { positive, negative } of rankedGroups('rocAuc', targets, scores, options)) {
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
  let hits = 0
  let predicted = 0
  let area = 0
  for (const { positive, negative } of rankedGroups('averagePrecision', targets, scores, options)) {
    hits += positive
    predicted += positive + negative
    if (positive > 0) area += positive * (hits / predicted)
  }
  return hits > 0 ? area / hits : 0
}

// Rows of equal scores together, the highest score first.
function rankedGroups(
  metric: string,
  targets: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: PositiveOptions,
): Group[] {
  checkLabels(metric, { targets })
  checkLength(`${metric}: scores`, scores, targets.length)
  const { values } = toMatrix(`${metric}: scores`, scores, 1)
  const weights = readWeights(metric, options, targets.length, ['positive'])
  const label = positiveLabel(metric, distinctLabels(targets), options.positive)
  const groups = new Map<number, { positive: number; negative: number }>()
  for (const score of Float64Array.from(values).sort().reverse())
    if (!groups.has(score)) groups.set(score, { positive: 0, negative: 0 })
  for (let row = 0; row < values.length; row++) {
    const group = groups.get(values[row])
    if (group !== undefined) group[targets[row] === label ? 'positive' : 'negative'] += weights[row]
  }
  return [...groups.values()]
}
