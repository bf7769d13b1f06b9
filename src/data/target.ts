/** What is to be predicted: the task, the classes or the scale of the numbers, and the way there and back. */

import { DataError } from '../errors.ts'
import { scaleOf, type Scale } from './statistics.ts'
import { column as columnOf, valueAt, type Column, type Table } from './table.ts'

/** What a network is trained for. */
export type Task = 'classification' | 'regression'

/** A class as the data have it. */
export type ClassLabel = number | string | boolean

/** A column of numbers to predict: their scale, and where predictions end. Plain data. */
export type NumberTarget = { name: string; task: 'regression'; range?: [number, number] } & Scale

/** A column to predict: its classes in ascending order, or numbers. Plain data. */
export type Target = { name: string; task: 'classification'; classes: ClassLabel[] } | NumberTarget

/** Targets of the rows that have one. */
export type EncodedTarget = {
  /** The rows of which no target is missing, in the order asked for. */
  rows: Uint32Array
  /** How many rows were left out because a target is missing. */
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
      /** `[rows · targets]`, standardised, in double precision */
      values: Float64Array
      /** `[rows · targets]`, as the data have them */
      raw: Float64Array
    }
)

const mostClasses = 20
const leastRowsPerClass = 10
/** Classes that are integers below this are found by a table. */
const mostListed = 1024

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
  const counts = countIntegers(column.values)
  if (counts === undefined) return { task: 'regression', reason: `${name} has numbers that are not integers` }
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

// Rows of each integer, in the order in which these appear; undefined where there is another number.
function countIntegers(values: Float64Array): Map<number, number> | undefined {
  const counts = new Map<number, number>()
  // A map is slow where every row asks it.
  const ofSmall = new Uint32Array(mostListed)
  for (let row = 0; row < values.length; row++) {
    const value = values[row]
    if (value >= 0 && value < mostListed && Number.isInteger(value)) {
      if (ofSmall[value]++ === 0) counts.set(value + 0, 0)
    } else if (Number.isInteger(value)) counts.set(value, (counts.get(value) ?? 0) + 1)
    else if (!Number.isNaN(value)) return undefined
  }
  for (const value of counts.keys()) if (value >= 0 && value < mostListed) counts.set(value, ofSmall[value])
  return counts
}

/** What a target column is like. */
export interface TargetKind {
  name: string
  type: Column['type']
  /** The task that its values suggest, and why. */
  task: Task
  reason: string
}

/** The task that target columns suggest, or the one asked for, and why; see {@link taskOfKinds}. */
export function inferTasks(columns: readonly Column[], asked?: Task): { task: Task; reason: string } {
  return taskOfKinds(
    columns.map((column) => ({ name: column.name, type: column.type, ...inferTask(column) })),
    asked,
  )
}

/**
 * The task of targets, as asked for or as they suggest, and why. Several targets are numbers: one network with squared error
 * predicts them together.
 *
 * @throws DataError for several targets of which one is no number, naming what each is
 */
export function taskOfKinds(kinds: readonly TargetKind[], asked?: Task): { task: Task; reason: string } {
  const isAsked = asked !== undefined
  if (kinds.length === 1) return isAsked ? { task: asked, reason: 'as asked for' } : kinds[0]
  const other = kinds.find(({ type, task }) => type !== 'numeric' || (asked ?? task) === 'classification')
  if (other === undefined)
    return { task: 'regression', reason: isAsked ? 'as asked for' : 'several targets, all numbers' }
  const areNumeric = kinds.every(({ type }) => type === 'numeric')
  throw new DataError(
    {
      code: 'HADAMARD_TARGET_COLUMN',
      where: 'target',
      expected: 'numbers in all columns, where there are several targets',
      received: isAsked && areNumeric ? `the task ${asked}` : kinds.map(({ reason }) => reason).join('; '),
      cure: `Train one model for each column of classes${areNumeric ? ", or set `task: 'regression'`" : ''}`,
    },
    { column: other.name },
  )
}

/** The rows in which no target is missing, in the order given. */
export function labelledRows(columns: readonly Column[], rows: ArrayLike<number>): Uint32Array {
  const isPresent = (column: Column, row: number): boolean =>
    column.type === 'numeric' ? !Number.isNaN(column.values[row]) : column.codes[row] >= 0
  // Most tables have all of their targets.
  const lacking = columns.filter(({ missing }) => missing > 0)
  if (lacking.length === 0) return new Uint32Array(rows)
  const kept = new Uint32Array(rows.length)
  let count = 0
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]
    if (lacking.every((column) => isPresent(column, row))) kept[count++] = row
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
        where: 'task',
        expected: `classification, as column '${name}' has texts such as '${String(valueAt(column, rows[0]))}'`,
        received: 'regression',
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

/** Whether a target is read as numbers: numbers to predict, or numbers that are classes. */
export function isNumericTarget(target: Target): boolean {
  return target.task === 'regression' || typeof target.classes[0] === 'number'
}

/**
 * Class indices or standardised numbers for the rows that have all targets.
 *
 * @param targets one, or several of numbers
 * @throws DataError where the table lacks a target column, or has text where the target is numeric
 */
export function encodeTargets(
  targets: readonly Target[],
  table: Table,
  rows: ArrayLike<number>,
): EncodedTarget {
  const columns = targets.map(({ name }) => columnOf(table, name))
  const kept = labelledRows(columns, rows)
  const missing = rows.length - kept.length
  columns.forEach((column, i) => {
    checkNumeric(targets[i], column, kept, table.source)
  })
  const [target] = targets
  if (target.task === 'classification')
    return { task: 'classification', rows: kept, missing, ...encodeClasses(target, columns[0], kept) }
  const width = targets.length
  const raw = new Float64Array(kept.length * width)
  const values = new Float64Array(kept.length * width)
  targets.forEach((numbers, j) => {
    if (numbers.task !== 'regression') return
    kept.forEach((row, i) => {
      const value = Number(valueAt(columns[j], row))
      raw[i * width + j] = value
      values[i * width + j] = (value - numbers.mean) / numbers.deviation
    })
  })
  return { task: 'regression', rows: kept, missing, values, raw }
}

function encodeClasses(
  target: Target & { task: 'classification' },
  column: Column,
  kept: Uint32Array,
): { classes: Int32Array; unseen: number } {
  const classOf = classReader(target, column)
  const classes = new Int32Array(kept.length)
  let unseen = 0
  for (let i = 0; i < classes.length; i++) {
    classes[i] = classOf(kept[i])
    if (classes[i] < 0) unseen++
  }
  return { classes, unseen }
}

// Texts are looked up once for each category; small integers, which most numbers that are classes are, in a table.
function classReader(target: Target & { task: 'classification' }, column: Column): (row: number) => number {
  const { classes } = target
  const isNumeric = isNumericTarget(target)
  const indexOf = new Map(classes.map((label, index) => [isNumeric ? label : String(label), index]))
  if (column.type === 'categorical') {
    const { codes, categories } = column
    const classOfCode = Int32Array.from(categories, (text) => indexOf.get(text) ?? -1)
    return (row) => (codes[row] < 0 ? -1 : classOfCode[codes[row]])
  }
  const { values } = column
  if (!isNumeric) return (row) => indexOf.get(String(values[row])) ?? -1
  if (!classes.every((label) => Number.isInteger(label) && Number(label) >= 0 && Number(label) < mostListed))
    return (row) => indexOf.get(values[row]) ?? -1
  const table = new Int32Array(mostListed).fill(-1)
  classes.forEach((label, index) => (table[Number(label)] = index))
  return (row) => table[values[row]] ?? -1
}

function checkNumeric(target: Target, column: Column, kept: Uint32Array, source = 'table'): void {
  const isNumeric = isNumericTarget(target)
  if (isNumeric && column.type === 'categorical' && kept.length > 0) {
    throw new DataError(
      {
        code: 'HADAMARD_COLUMN_TYPE',
        where: `${source} row ${kept[0]}, column ${target.name}`,
        expected: 'a number, as in the training data',
        received: `'${String(valueAt(column, kept[0]))}'`,
      },
      { column: target.name },
    )
  }
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
