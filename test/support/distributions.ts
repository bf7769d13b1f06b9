/** Tests of distributions: statistics, and the values that they exceed in one of a thousand samples. */

/** The standard normal deviate that one of a thousand exceeds. */
const DEVIATE = 3.0902

/**
 * χ² that one of a thousand samples exceeds, by Wilson and Hilferty's approximation.
 *
 * @source Wilson, Hilferty 1931, The Distribution of Chi-Square
 */
export function criticalChiSquare(freedom: number): number {
  const variance = 2 / (9 * freedom)
  return freedom * (1 - variance + DEVIATE * Math.sqrt(variance)) ** 3
}

/** χ² of counts against expectations, equal ones where none are given. */
export function chiSquare(counts: ArrayLike<number>, expected?: ArrayLike<number>): number {
  const observed = Array.from(counts)
  const equal = observed.reduce((sum, count) => sum + count, 0) / observed.length
  return observed.reduce((sum, count, i) => {
    const expectation = expected?.[i] ?? equal
    return sum + (count - expectation) ** 2 / expectation
  }, 0)
}

/** Largest distance of an empirical distribution from a cumulative distribution function, times √n. */
export function kolmogorov(values: ArrayLike<number>, cumulative: (value: number) => number): number {
  const sorted = Float64Array.from(values).sort()
  const n = sorted.length
  const distance = sorted.reduce((largest, value, i) => {
    const expected = cumulative(value)
    return Math.max(largest, expected - i / n, (i + 1) / n - expected)
  }, 0)
  return distance * Math.sqrt(n)
}

/** √n times the distance that one of a thousand large samples exceeds: 2·e^(−2d²) = 0.001. */
export const CRITICAL_KOLMOGOROV = Math.sqrt(Math.log(2000) / 2)

/** Cumulative distribution function of a uniform on [−range, range]. */
export function uniformCdf(range: number): (value: number) => number {
  return (value) => Math.min(1, Math.max(0, (value / range + 1) / 2))
}

/**
 * Cumulative distribution function of a normal of mean 0, within 7.5e-8.
 *
 * @source Abramowitz, Stegun 1964, Handbook of Mathematical Functions, 26.2.17
 */
export function normalCdf(deviation: number): (value: number) => number {
  return (value) => {
    const z = Math.abs(value / deviation)
    const t = 1 / (1 + 0.2316419 * z)
    const series = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.31938153]
    const tail =
      (series.reduce((sum, coefficient) => sum * t + coefficient, 0) * t * Math.exp((-z * z) / 2)) /
      Math.sqrt(2 * Math.PI)
    return value > 0 ? 1 - tail : tail
  }
}
