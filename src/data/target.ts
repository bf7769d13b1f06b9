/** What is to be predicted: the task, the classes or the scale of the numbers, and the way there and back. */

import { DataError } from '../errors.ts'
import { scaleOf, type Scale } from './statistics.ts'
import { column as columnOf, valueAt, type Column, type Table } from './table.ts'

/** What a network is trained for. */
export type Task = 'classification' | 'regression'

/** A class as the data have it. */
export type ClassLabel = number | string | boolean

/** The target column: its classes in ascending order, or the scale of its numbers and where predictions end. Plain data. */
export type Target =
  | { name: string; task: 'classification'; classes: ClassLabel[] }
  | ({ name: string; task: 'regression'; range?: [number, number] } & Scale)

/** Targets of the rows that have one. */
export type EncodedTarget = {
  /** The rows whose target is not missing, in the order asked for. */
  rows: Uint32Array
  /** How many rows were left out because their target is missing. */
  missing: number
} & (
  | {
      task: 'classification'
      /** `[rows]`, the index of the class; -1 for one that the training rows did not have */
      classes: Int32Array
      /** How many rows have class -1. */
      unseen: number
    }
  | {
      task: 'regression'
      /** `[rows]`, standardised, in double precision */
      values: Float64Array
      /** `[rows]`, as the data have them */
      raw: Float64Array
    }
)

const mostClasses = 20
const leastRowsPerClass = 10

/**
 * The task that a target column suggests, and why: text and booleans are classes; numbers are classes only where all are
 * integers, at most 20 distinct ones, each in at least 10 rows.
 *
 * @example
 * inferTask(column(table, 'digit')) // { task: 'classification', reason: "'digit' has 10 distinct integers, …" }
 */
export function inferTask(column: Column): { task: Task; reason: string } {
  const name = `'${column.name}'`
  if (column.type === 'categorical') {
    return { task: 'classification', reason: `${name} is ${column.isBoolean === true ? 'boolean' : 'text'}` }
  }
  const counts = new Map<number, number>()
  for (const value of column.values) {
    if (Number.isNaN(value)) continue
    if (!Number.isInteger(value))
      return { task: 'regression', reason: `${name} has numbers that are not integers` }
    counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  const distinct = `${name} has ${counts.size} distinct integer${counts.size === 1 ? '' : 's'}`
  if (counts.size > mostClasses)
    return { task: 'regression', reason: `${distinct}, more than ${mostClasses}` }
  const rare = [...counts].find(([, rows]) => rows < leastRowsPerClass)
  if (rare !== undefined) {
    const rows = rare[1] === 1 ? '1 row' : `${rare[1]} rows`
    return {
      task: 'regression',
      reason: `${distinct}, but ${rare[0]} in only ${rows} (fewer than ${leastRowsPerClass})`,
    }
  }
  return { task: 'classification', reason: `${distinct}, each in at least ${leastRowsPerClass} rows` }
}

/** The rows whose target is present, in the order given. */
export function labelledRows(column: Column, rows: ArrayLike<number>): Uint32Array {
  const kept = new Uint32Array(rows.length)
  let count = 0
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]
    const isPresent = column.type === 'numeric' ? !Number.isNaN(column.values[row]) : column.codes[row] >= 0
    if (isPresent) kept[count++] = row
  }
  return kept.slice(0, count)
}

/**
 * Learns classes or scale from the training rows.
 *
 * @param rows rows with a target, ascending
 * @throws DataError for a text target under regression, and for fewer than two classes
 */
export function fitTarget(column: Column, rows: Uint32Array, task: Task, isClamped = false): Target {
  const { name } = column
  if (task === 'regression') {
    if (column.type === 'numeric')
      return {
        name,
        task,
        ...scaleOf(column, rows),
        ...(isClamped ? { range: rangeOf(column.values, rows) } : {}),
      }
    throw new DataError(
      {
        code: 'HADAMARD_TARGET_COLUMN',
        where: `column ${name}`,
        expected: 'numbers, as the task is regression',
        received: `the text '${String(valueAt(column, rows[0]))}'`,
        cure: "Set the task to 'classification'",
      },
      { column: name },
    )
  }
  const classes = distinctLabels(column, rows)
  if (classes.length < 2) {
    const received = classes.length === 0 ? 'none' : `only '${String(classes[0])}'`
    throw new DataError(
      { code: 'HADAMARD_TARGET_COLUMN', where: `column ${name}`, expected: 'at least 2 classes', received },
      { column: name },
    )
  }
  return { name, task, classes }
}

function rangeOf(values: Float64Array, rows: Uint32Array): [number, number] {
  return rows.reduce(
    ([low, high], row): [number, number] => [Math.min(low, values[row]), Math.max(high, values[row])],
    [Infinity, -Infinity],
  )
}

/**
 * Class indices or standardised numbers for the rows that have a target.
 *
 * @throws DataError where the table lacks the target column, or has text where the target is numeric
 */
export function encodeTarget(target: Target, table: Table, rows: ArrayLike<number>): EncodedTarget {
  const column = columnOf(table, target.name)
  const kept = labelledRows(column, rows)
  const missing = rows.length - kept.length
  const isNumeric = target.task === 'regression' || typeof target.classes[0] === 'number'
  if (isNumeric && column.type === 'categorical' && kept.length > 0) {
    throw new DataError(
      {
        code: 'HADAMARD_COLUMN_TYPE',
        where: `${table.source ?? 'table'} row ${kept[0]}, column ${target.name}`,
        expected: 'a number, as in the training data',
        received: `'${String(valueAt(column, kept[0]))}'`,
      },
      { column: target.name },
    )
  }
  if (target.task === 'regression') {
    const raw = Float64Array.from(kept, (row) => Number(valueAt(column, row)))
    const values = raw.map((value) => (value - target.mean) / target.deviation)
    return { task: 'regression', rows: kept, missing, values, raw }
  }
  const indexOf = new Map(target.classes.map((label, index) => [isNumeric ? label : String(label), index]))
  const classes = Int32Array.from(kept, (row) => {
    const value = valueAt(column, row) ?? ''
    return indexOf.get(isNumeric ? value : String(value)) ?? -1
  })
  const unseen = classes.reduce((count, index) => count + (index < 0 ? 1 : 0), 0)
  return { task: 'classification', rows: kept, missing, classes, unseen }
}

// Numbers ascend numerically, texts by UTF-16 code units; -0 is the class 0.
function distinctLabels(column: Column, rows: Uint32Array): ClassLabel[] {
  const seen = new Set<number>()
  if (column.type === 'numeric') {
    for (let i = 0; i < rows.length; i++) seen.add(column.values[rows[i]] + 0)
    return [...seen].sort((a, b) => a - b)
  }
  for (let i = 0; i < rows.length; i++) seen.add(column.codes[rows[i]])
  const texts = [...seen].map((code) => column.categories[code]).sort()
  return column.isBoolean === true ? texts.map((text) => text === 'true') : texts
}
