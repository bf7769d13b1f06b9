/** Metrics of predictions against targets, in double. */

/** Metrics of a regression. */
export interface RegressionMetrics {
  /** Root of the mean squared error, in the target's unit. */
  rmse: number
  /** 1 − residual sum of squares / total sum of squares, over all outputs; 0 for predicting each mean. */
  r2: number
}

/**
 * RMSE and R² over rows of `outputs` numbers; R² is the mean over the outputs.
 *
 * @source Draper, Smith 1998, Applied Regression Analysis, section 1.3
 * @example
 * regressionMetrics([1, 2, 3], [1, 2, 4], 1) // { rmse: 0.577…, r2: 0.785… }
 */
export function regressionMetrics(
  predictions: ArrayLike<number>,
  targets: ArrayLike<number>,
  outputs: number,
): RegressionMetrics {
  const rows = targets.length / outputs
  let squares = 0
  let r2 = 0
  for (let j = 0; j < outputs; j++) {
    let mean = 0
    for (let row = 0; row < rows; row++) mean += targets[row * outputs + j]
    mean /= rows
    let residual = 0
    let total = 0
    for (let row = 0; row < rows; row++) {
      const i = row * outputs + j
      residual += (predictions[i] - targets[i]) ** 2
      total += (targets[i] - mean) ** 2
    }
    squares += residual
    r2 += total > 0 ? 1 - residual / total : residual === 0 ? 1 : 0
  }
  return { rmse: Math.sqrt(squares / targets.length), r2: r2 / outputs }
}
