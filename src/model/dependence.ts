/** Partial dependence: the mean answer of a model where every row has the same value in a column. */

import { parseDate } from '../data/dates.ts'
import type { Encoder } from '../data/encoder.ts'
import type { Input } from '../data/input.ts'
import {
  column as columnOf,
  selectColumn,
  valueAt,
  withColumn,
  type Table,
  type Value,
} from '../data/table.ts'
import { answersOf, type Answering } from './answering.ts'

/** Mean answers along the values of a column. */
export interface PartialDependence {
  column: string
  /** Ascending: numbers and dates by size, texts by code units. */
  points: DependencePoint[]
}

/** The mean answer at a value. */
export interface DependencePoint {
  value: Exclude<Value, null>
  /** Rows of the data that have this value themselves. */
  rows: number
  /** Mean number, or mean probability by class, or mean number by target where there are several. */
  prediction: number | Record<string, number>
}

/** Of numbers and dates what lies beyond these shares of the rows is left out: the model has seen little of it. */
const ENDS = [0.05, 0.95]
/** More texts than these: the most frequent ones. */
const MOST_TEXTS = 20

/**
 * Partial dependence on a column of inputs: over all rows of the table, each with one value after another.
 *
 * @param points most values of a column of numbers or dates, at least 2; values that are in the table, at even ranks
 * @source Friedman 2001, Greedy Function Approximation, section 8.2
 */
export function partialDependence(
  model: Answering,
  table: Table,
  name: string,
  points: number,
): PartialDependence {
  const column = columnOf(table, name)
  const grid = gridOf(model.encoder, table, name, points)
  return {
    column: name,
    points: grid.map(({ row, value, rows }): DependencePoint => {
      const same = selectColumn(column, new Uint32Array(table.rows).fill(row))
      return { value, rows, prediction: meanAnswer(model, withColumn(table, same)) }
    }),
  }
}

interface GridValue {
  value: Exclude<Value, null>
  /** A row that has the value. */
  row: number
  /** How many rows have it. */
  rows: number
  /** What numbers and dates are ordered by. */
  size: number
}

function gridOf({ data }: Encoder, table: Table, name: string, points: number): GridValue[] {
  const input = data.inputs.find((candidate) => candidate.name === name)
  const values = distinctValues(table, name, input)
  if (input?.type !== 'numeric' && input?.type !== 'date') {
    const frequent = values.sort((a, b) => b.rows - a.rows).slice(0, MOST_TEXTS)
    return frequent.sort((a, b) => (a.value < b.value ? -1 : 1))
  }
  values.sort((a, b) => a.size - b.size)
  if (values.length <= points) return values
  const byRank = values.flatMap((value) => Array<GridValue>(value.rows).fill(value))
  const [first, last] = ENDS.map((share) => share * (byRank.length - 1))
  const chosen = Array.from(
    { length: points },
    (_, i) => byRank[Math.round(first + (i * (last - first)) / (points - 1))],
  )
  return [...new Set(chosen)]
}

function distinctValues(table: Table, name: string, input: Input | undefined): GridValue[] {
  const column = columnOf(table, name)
  const found = new Map<Value, GridValue>()
  for (let row = 0; row < table.rows; row++) {
    const value = valueAt(column, row)
    if (value === null) continue
    const known = found.get(value)
    if (known !== undefined) known.rows++
    else found.set(value, { value, row, rows: 1, size: sizeOf(value, input) })
  }
  return [...found.values()]
}

function sizeOf(value: Value, input: Input | undefined): number {
  return input?.type === 'date' ? parseDate(String(value), input.order) : Number(value)
}

function meanAnswer(model: Answering, table: Table): DependencePoint['prediction'] {
  const { values, width } = answersOf(model, table)
  const sums = new Float64Array(width)
  for (let i = 0; i < values.length; i++) sums[i % width] += values[i]
  const means = sums.map((sum) => sum / table.rows)
  const { classes, targets, task } = model.encoder
  if (task === 'regression' && (width === 1 || model.chosen !== undefined)) return means[model.chosen ?? 0]
  const names = task === 'regression' ? targets.map(({ name }) => name) : classes
  return Object.fromEntries(names.map((name, i): [string, number] => [String(name), means[i]]))
}
