/** Mean and spread of a few figures that stand for many, such as the scores of folds. */

/** Mean and spread over the folds. */
export interface Spread {
  mean: number
  /** Sample standard deviation: the squares are divided by the folds less one. */
  deviation: number
}

/**
 * Mean and sample standard deviation.
 *
 * @example
 * spreadOf([1, 2, 3]) // { mean: 2, deviation: 1 }
 */
export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 }
}
