/** Metrics of predicted numbers, in double. */

import { DataError } from '../errors.ts'
import { checkColumns, readWeights, toMatrix, type MetricOptions, type NumberRows } from './arguments.ts'

/** Settings of metrics of numbers. */
export interface RegressionOptions extends MetricOptions {
  /** Numbers per row of flat targets and predictions, default 1. The metric is the mean over them. */
  outputs?: number
}

/** What is reported of a regression. */
export interface RegressionMetrics {
  /** Root of the mean squared error, in the target's unit; the mean over the outputs. */
  rmse: number
  /** Mean absolute error, in the target's unit; the mean over the outputs. */
  mae: number
  /** 1 − residual sum of squares / total sum of squares, the mean over the outputs; 0 for predicting each mean. */
  r2: number
}

/**
 * Mean squared error, in the target's unit squared; 0 at best. Of several outputs, the mean.
 *
 * @param targets [rows · outputs], flat or as an array of rows
 * @param predictions like the targets
 * @throws DataError if sizes differ or a number is not finite; SpecError if an option is unknown
 * @source Draper, Smith 1998, Applied Regression Analysis, section 1.3
 * @example
 * meanSquaredError([3, -0.5, 2, 7], [2.5, 0, 2, 8]) // 0.375
 */
export function meanSquaredError(
  targets: NumberRows,
  predictions: NumberRows,
  options: RegressionOptions = {},
): number {
  return checkedScore('meanSquaredError', targets, predictions, options)
}

/**
 * Root of the mean squared error, in the target's unit; 0 at best. Of several outputs, the mean of their roots.
 *
 * @param targets [rows · outputs], flat or as an array of rows
 * @param predictions like the targets
 * @throws DataError if sizes differ or a number is not finite; SpecError if an option is unknown
 * @source Draper, Smith 1998, Applied Regression Analysis, section 1.3
 * @example
 * rootMeanSquaredError([3, -0.5, 2, 7], [2.5, 0, 2, 8]) // 0.61237…
 */
export function rootMeanSquaredError(
  targets: NumberRows,
  predictions: NumberRows,
  options: RegressionOptions = {},
): number {
  return checkedScore('rootMeanSquaredError', targets, predictions, options)
}

/**
 * Mean absolute error, in the target's unit; 0 at best. Of several outputs, the mean.
 *
 * @param targets [rows · outputs], flat or as an array of rows
 * @param predictions like the targets
 * @throws DataError if sizes differ or a number is not finite; SpecError if an option is unknown
 * @source Willmott, Matsuura 2005, Advantages of the mean absolute error over the root mean square error
 * @example
 * meanAbsoluteError([[0.5, 1], [-1, 1], [7, -6]], [[0, 2], [-1, 2], [8, -5]]) // 0.75
 */
export function meanAbsoluteError(
  targets: NumberRows,
  predictions: NumberRows,
  options: RegressionOptions = {},
): number {
  return checkedScore('meanAbsoluteError', targets, predictions, options)
}

/**
 * Coefficient of determination R² = 1 − Σ(prediction − target)²/Σ(target − mean)²; 1 at best, 0 for predicting the mean,
 * without lower limit. Of several outputs, the mean. An output whose targets are all the same, as with one row, counts 1
 * where it is predicted exactly and 0 otherwise.
 *
 * @param targets [rows · outputs], flat or as an array of rows
 * @param predictions like the targets
 * @throws DataError if sizes differ or a number is not finite; SpecError if an option is unknown
 * @source Draper, Smith 1998, Applied Regression Analysis, section 1.3
 * @example
 * r2([3, -0.5, 2, 7], [2.5, 0, 2, 8]) // 0.948…
 */
export function r2(targets: NumberRows, predictions: NumberRows, options: RegressionOptions = {}): number {
  return checkedScore('r2', targets, predictions, options)
}

/** All metrics of outputs that are known to fit; what is not finite makes them so. */
export function regressionMetrics(
  targets: ArrayLike<number>,
  predictions: ArrayLike<number>,
  outputs: number,
): RegressionMetrics {
  const pairs = { targets, predictions, outputs, weights: new Float64Array(targets.length / outputs).fill(1) }
  return {
    rmse: meanOverOutputs(pairs, scores.rootMeanSquaredError),
    mae: meanOverOutputs(pairs, scores.meanAbsoluteError),
    r2: meanOverOutputs(pairs, scores.r2),
  }
}

interface Pairs {
  readonly targets: ArrayLike<number>
  readonly predictions: ArrayLike<number>
  readonly outputs: number
  readonly weights: ArrayLike<number>
}

/** Mean over the rows of a function of one output's target and prediction. */
type Mean = (of: (target: number, prediction: number) => number) => number

const meanSquare = (mean: Mean): number => mean((target, prediction) => (prediction - target) ** 2)

const scores = {
  meanSquaredError: meanSquare,
  rootMeanSquaredError: (mean: Mean) => Math.sqrt(meanSquare(mean)),
  meanAbsoluteError: (mean: Mean) => mean((target, prediction) => Math.abs(prediction - target)),
  r2: (mean: Mean) => {
    // From the first target on: equal ones then have exactly their value as their mean.
    let first: number | undefined
    const shift = mean((target) => target - (first ??= target))
    const total = mean((target) => (target - (first ?? 0) - shift) ** 2)
    const residual = meanSquare(mean)
    return total > 0 ? 1 - residual / total : residual === 0 ? 1 : 0
  },
}

function checkedScore(
  metric: keyof typeof scores,
  given: NumberRows,
  predicted: NumberRows,
  options: RegressionOptions,
): number {
  const { outputs = 1 } = options
  checkColumns(`${metric}: outputs`, outputs)
  const { values: targets, rows, columns } = toMatrix(`${metric}: targets`, given, outputs)
  const predictions = toMatrix(`${metric}: predictions`, predicted, columns)
  if (predictions.rows !== rows || predictions.columns !== columns) {
    throw new DataError({
      code: 'HADAMARD_SHAPE',
      where: `${metric}: predictions`,
      expected: `${rows} rows of ${columns}, as the targets`,
      received: `${predictions.rows} of ${predictions.columns}`,
    })
  }
  const weights = readWeights(metric, options, rows, ['outputs'])
  return meanOverOutputs(
    { targets, predictions: predictions.values, outputs: columns, weights },
    scores[metric],
  )
}

function meanOverOutputs(
  { targets, predictions, outputs, weights }: Pairs,
  score: (mean: Mean) => number,
): number {
  let sum = 0
  for (let j = 0; j < outputs; j++) {
    sum += score((of) => {
      let weighted = 0
      let total = 0
      for (let row = 0; row < weights.length; row++) {
        const i = row * outputs + j
        weighted += weights[row] * of(targets[i], predictions[i])
        total += weights[row]
      }
      return weighted / total
    })
  }
  return sum / outputs
}
