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
  const present = rows.filter((row) => !Number.isNaN(values[row]))
  if (present.length === 0) return { mean: 0, deviation: 1 }
  const first = values[present[0]]
  if (present.every((row) => values[row] === first)) return { mean: first + 0, deviation: 1 }
  const mean = sumByBlocks(present, (row) => values[row]) / present.length
  const variance = sumByBlocks(present, (row) => (values[row] - mean) ** 2) / present.length
  if (!Number.isFinite(variance)) {
    const largest = present.reduce((max, row) => Math.max(max, Math.abs(values[row])), 0)
    throw new DataError(
      {
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

function sumByBlocks(rows: Uint32Array, term: (row: number) => number): number {
  let total = 0
  let sum = 0
  let block = 0
  for (const row of rows) {
    const own = Math.floor(row / blockRows)
    if (own !== block) {
      total += sum
      sum = 0
      block = own
    }
    sum += term(row)
  }
  return total + sum
}
