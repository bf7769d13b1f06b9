/** Mean and spread of a column over chosen rows, the same in memory and streamed: by blocks of rows, merged in order. */

import { DataError } from '../errors.ts'
import type { NumericColumn } from './table.ts'

/** What standardising a number needs: `(value - mean) / deviation`. */
export interface Scale {
  mean: number
  /** Population standard deviation; 1 where the values are all the same. Never 0. */
  deviation: number
}

const blockRows = 65_536

/**
 * Mean and population standard deviation of the values that are not missing, in two passes in double precision. Sums are
 * made per block of 65,536 row numbers and merged in order. Without a value the mean is 0.
 *
 * @param rows row numbers, ascending
 * @throws DataError where the values are too large to be summed
 */
export function scaleOf(column: NumericColumn, rows: Uint32Array): Scale {
  const { values } = column
  const { count, first, isConstant } = survey(values, rows)
  if (isConstant) return { mean: first + 0, deviation: 1 }
  const mean = sumByBlocks(values, rows, 0, false) / count
  const variance = sumByBlocks(values, rows, mean, true) / count
  if (!Number.isFinite(mean) || !Number.isFinite(variance)) {
    const largest = rows.reduce((max, row) => (Math.abs(values[row]) > max ? Math.abs(values[row]) : max), 0)
    throw new DataError(
      {
        code: 'HADAMARD_NOT_FINITE',
        where: `column ${column.name}`,
        expected: 'values that can be standardised',
        received: `values up to ${largest}`,
      },
      { column: column.name },
    )
  }
  const deviation = Math.sqrt(variance)
  return { mean, deviation: deviation === 0 ? 1 : deviation }
}

/** Quartiles of a standard normal variable lie so far apart. */
const NORMAL_QUARTILES = 1.3489795003921634
const MOST_QUANTILES = 256

/**
 * Median and the distance of the quartiles as those of a normal variable with that deviation; outliers hardly move them.
 * Where the quartiles are the same, the standard deviation serves.
 *
 * @param rows row numbers, ascending
 * @throws DataError where the values are too large to be summed
 * @source scikit-learn, RobustScaler with unit_variance
 */
export function robustScaleOf(column: NumericColumn, rows: Uint32Array): Scale {
  return robustScale(presentValues(column, rows), scaleOf(column, rows))
}

/** The same of sorted values, or of a sample of them. */
export function robustScale(sorted: Float64Array, scale: Scale): Scale {
  if (sorted.length === 0) return scale
  const spread = quantileOf(sorted, 0.75) - quantileOf(sorted, 0.25)
  const deviation = spread > 0 ? spread / NORMAL_QUARTILES : scale.deviation
  return { mean: quantileOf(sorted, 0.5), deviation }
}

/**
 * Median and the distance of the quartiles; where these are the same, half the distance of smallest and largest.
 *
 * @param rows row numbers, ascending
 * @throws DataError where the values lie too far apart
 * @source Holzmüller, Grinsztajn, Steinwart 2024, Better by Default, section 3
 */
export function quartileScaleOf(column: NumericColumn, rows: Uint32Array): Scale {
  const sorted = presentValues(column, rows)
  return quartileScale(column.name, sorted, sorted[0], sorted[sorted.length - 1])
}

/** The same of sorted values, or of a sample of them, with the smallest and the largest of all. */
export function quartileScale(name: string, sorted: Float64Array, low: number, high: number): Scale {
  if (sorted.length === 0) return { mean: 0, deviation: 1 }
  const spread = quantileOf(sorted, 0.75) - quantileOf(sorted, 0.25)
  const deviation = spread > 0 ? spread : (high - low) / 2
  if (Number.isFinite(high - low))
    return { mean: quantileOf(sorted, 0.5), deviation: deviation === 0 ? 1 : deviation }
  throw new DataError(
    {
      code: 'HADAMARD_NOT_FINITE',
      where: `column ${name}`,
      expected: 'values that can be scaled',
      received: `${low} and ${high}`,
    },
    { column: name },
  )
}

/**
 * Up to 256 quantiles of evenly spaced probabilities from 0 to 1, ascending; none without values.
 *
 * @param rows row numbers, ascending
 */
export function quantilesOf(column: NumericColumn, rows: Uint32Array): number[] {
  return quantiles(presentValues(column, rows))
}

/** The same of sorted values, or of a sample of them. */
export function quantiles(sorted: Float64Array): number[] {
  const count = Math.min(MOST_QUANTILES, sorted.length)
  return Array.from({ length: count }, (_, i) =>
    valueAt(sorted, (i * (sorted.length - 1)) / Math.max(1, count - 1)),
  )
}

function presentValues({ values }: NumericColumn, rows: Uint32Array): Float64Array {
  return Float64Array.from(rows, (row) => values[row])
    .filter((value) => !Number.isNaN(value))
    .sort()
}

function quantileOf(sorted: Float64Array, probability: number): number {
  return valueAt(sorted, probability * (sorted.length - 1))
}

// Linear between the neighbours, as NumPy's default.
function valueAt(sorted: Float64Array, place: number): number {
  const low = Math.floor(place)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low] + (place - low) * (sorted[high] - sorted[low])
}

// How many values are present, and whether they are all the same; without any they are, and 0.
function survey(
  values: Float64Array,
  rows: Uint32Array,
): { count: number; first: number; isConstant: boolean } {
  let count = 0
  let first = 0
  let isConstant = true
  for (let i = 0; i < rows.length; i++) {
    const value = values[rows[i]]
    if (Number.isNaN(value)) continue
    if (count++ === 0) first = value
    else if (value !== first) isConstant = false
  }
  return { count, first, isConstant }
}

// The sum of `value - center`, or of its square. Index loops: this is most of the time of a fit.
function sumByBlocks(values: Float64Array, rows: Uint32Array, center: number, isSquared: boolean): number {
  let total = 0
  let sum = 0
  let end = blockRows
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]
    if (row >= end) {
      total += sum
      sum = 0
      end = (Math.floor(row / blockRows) + 1) * blockRows
    }
    const difference = values[row] - center
    if (!Number.isNaN(difference)) sum += isSquared ? difference * difference : difference
  }
  return total + sum
}
