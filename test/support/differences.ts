/** Central differences, and how far a gradient is from them. */

const STEP = 1e-5

/** The derivative of f with respect to each of the values, which are moved in place and put back. */
export function centralDifferences(values: Float64Array, f: () => number): Float64Array {
  return values.map((value, i) => {
    values[i] = value + STEP
    const above = f()
    values[i] = value - STEP
    const below = f()
    values[i] = value
    return (above - below) / (2 * STEP)
  })
}

/** The largest difference between two arrays, as a share of the largest entry of the second. */
export function relativeError(analytic: ArrayLike<number>, numeric: ArrayLike<number>): number {
  const largest = Math.max(1e-8, ...Array.from(numeric, Math.abs))
  const differences = Array.from(numeric, (value, i) => Math.abs(value - analytic[i]))
  return analytic.length === numeric.length ? Math.max(...differences) / largest : Infinity
}
