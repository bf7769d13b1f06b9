/** Encodes the columns of numbers that are standardised, most columns of most tables: all of them in one loop. */

import { piecesOf, ROWS_AT_ONCE, type Paced } from '../paced.ts'
import { wrongValue, type ColumnCounts, type Input, type NumericInput, type Place } from './input.ts'
import { fallbackRowLoops, type RowLoops } from './row-loops.ts'
import type { Column, NumericColumn } from './table.ts'

const LEAST_ROWS_AT_ONCE = 64
/** Columns of which so many rows are worked on in well below a millisecond. */
const COLUMNS_AT_ONCE = 8

/** A column, and the first of its inputs in a row. */
export interface InputColumn {
  readonly input: Input
  readonly column: Column
  readonly offset: number
}

/** A column of numbers that is neither clipped nor ranked. */
export interface StandardisedColumn extends InputColumn {
  readonly input: NumericInput
  readonly column: NumericColumn
}

/** Whether a column is one of these. */
export function isStandardised(one: InputColumn): one is StandardisedColumn {
  const { input, column } = one
  if (input.type !== 'numeric' || column.type !== 'numeric') return false
  return input.quantiles === undefined && input.clip === undefined
}

/** What the loops take of columns: place, mean, deviation, range, and whether missing values are told. */
export function scalesOf(columns: readonly StandardisedColumn[]): Float64Array {
  return Float64Array.from(
    columns.flatMap(({ input: { mean, deviation, range, hasIndicator }, offset }) => {
      const [low, high] = range ?? [-Infinity, Infinity]
      return [offset, mean, deviation, low, high, Number(hasIndicator === true)]
    }),
  )
}

/**
 * Writes `(value - mean) / deviation` of the rows of a table into inputs that are zeros.
 *
 * @returns what was met, by column
 * @throws DataError for a number that is too large to be encoded, with row and column
 */
export function* standardiseColumns(
  columns: readonly StandardisedColumn[],
  place: Omit<Place, 'offset'>,
  loops: RowLoops = fallbackRowLoops,
): Paced<ColumnCounts[]> {
  const { rows, x, width } = place
  const values = columns.map(({ column }) => column.values)
  const scales = scalesOf(columns)
  const counts = new Float64Array(2 * columns.length)
  const rowsAtOnce = Math.ceil((ROWS_AT_ONCE * COLUMNS_AT_ONCE) / Math.max(columns.length, COLUMNS_AT_ONCE))
  for (const [from, to] of piecesOf(rows.length, Math.max(LEAST_ROWS_AT_ONCE, rowsAtOnce))) {
    if (!loops.standardise(values, scales, rows, from, to, x, width, counts))
      throw firstWrong(columns, place, from, to)
    yield
  }
  return columns.map((_, i) => ({ missing: counts[2 * i], unseen: 0, outside: counts[2 * i + 1] }))
}

/** The error of the first number among rows from one to another that is too large to be encoded. */
export function firstWrong(
  columns: readonly StandardisedColumn[],
  { table, rows, x }: Omit<Place, 'offset'>,
  from: number,
  to: number,
): Error {
  const one = x.slice(0, 1)
  for (const { input, column } of columns) {
    for (let i = from; i < to; i++) {
      const value = column.values[rows[i]]
      one[0] = (value - input.mean) / input.deviation
      if (!Number.isNaN(value) && !Number.isFinite(one[0])) return wrongValue(input, column, rows[i], table)
    }
  }
  return new Error('numbers that can all be encoded')
}
