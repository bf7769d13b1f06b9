/** What the data are like: columns, classes, and what in them may be worth a look before training. */

import type { Encoder } from '../data/encoder.ts'
import { column as columnOf, nameList, valueAt, type Column, type Table } from '../data/table.ts'
import { DataError } from '../errors.ts'
import { plural } from './design.ts'
import type { ClassReport, ColumnReport } from './report.ts'

/**
 * Refuses data that nothing can be learnt from.
 *
 * @throws DataError for no rows, a missing target column (naming those there are), a target without values or with only one
 */
export function checkTarget(table: Table, target: string): void {
  const where = table.source ?? 'rows'
  if (table.rows === 0) throw new DataError({ where, expected: 'rows to train on', received: '0 rows' })
  const found = columnOf(table, target)
  if (found.missing === table.rows) {
    throw new DataError(
      {
        where: `${where}: column ${target}`,
        expected: 'values to learn',
        received: `none in ${plural(table.rows, 'row')}`,
      },
      { column: target },
    )
  }
  const first = firstValue(found)
  if (!isConstant(found)) return
  throw new DataError(
    {
      where: `${where}: column ${target}`,
      expected: 'at least 2 different values',
      received: `only '${String(first)}' in ${plural(table.rows - found.missing, 'row')}`,
    },
    { column: target },
  )
}

/**
 * The columns with the part that each plays.
 *
 * @param roles columns that are neither target nor input, by their part
 */
export function describeColumns(
  table: Table,
  target: string,
  ignore: readonly string[],
  roles: Partial<Record<ColumnReport['role'], string>>,
): ColumnReport[] {
  const named = Object.entries({ ...roles, target }) as [ColumnReport['role'], string | undefined][]
  const roleOf = (name: string): ColumnReport['role'] =>
    named.find(([, column]) => column === name)?.[0] ?? (ignore.includes(name) ? 'ignored' : 'input')
  return table.columns.map((column) => ({
    name: column.name,
    type: column.type,
    role: roleOf(column.name),
    missing: column.missing,
    ...(column.type === 'categorical' ? { categories: column.categories.length } : {}),
  }))
}

/** The classes with their rows in the whole table and among those trained on; undefined under regression. */
export function describeClasses(
  table: Table,
  encoder: Encoder,
  train: Uint32Array,
): ClassReport[] | undefined {
  if (encoder.task === 'regression') return undefined
  const count = (rows?: Uint32Array): number[] => {
    const counts = encoder.classes.map(() => 0)
    const target = encoder.encodeTarget(table, rows)
    if (target.task === 'classification') for (const index of target.classes) if (index >= 0) counts[index]++
    return counts
  }
  const [all, trained] = [count(), count(train)]
  return encoder.classes.map((label, i) => ({ label, rows: all[i], trainRows: trained[i] }))
}

/** Whether a class is so rare that accuracy says little: below 10 % of the rows, and below half of an even share. */
export function isImbalanced(classes: readonly ClassReport[] = []): boolean {
  const total = classes.reduce((sum, { rows }) => sum + rows, 0)
  const least = Math.min(...classes.map(({ rows }) => rows))
  return least < total * Math.min(0.1, 1 / (2 * classes.length))
}

/** Sentences on inputs that are likely to be a mistake: columns without information, row numbers, a text for every row. */
export function surveyInputs(table: Table, columns: readonly ColumnReport[]): string[] {
  const inputs = columns.filter(({ role }) => role === 'input').map(({ name }) => columnOf(table, name))
  const empty = inputs.filter(({ missing }) => missing === table.rows)
  const constant = inputs.filter((column) => !empty.includes(column) && isConstant(column))
  const counting = inputs.filter((column) => isRowNumber(column))
  const distinct = inputs.filter((column) => isMostlyDistinct(column, table.rows))
  return [
    ...sentence(empty, 'without any value'),
    ...sentence(constant, 'with the same value in every row'),
    ...sentence(counting, 'counting the rows', 'consider --ignore'),
    ...sentence(distinct, 'with a different text in most rows', 'consider --ignore'),
  ]
}

function sentence(columns: readonly Column[], what: string, cure?: string): string[] {
  if (columns.length === 0) return []
  const names = nameList(columns.map(({ name }) => name))
  return [
    `${columns.length === 1 ? 'Column' : 'Columns'} ${what}: ${names}${cure === undefined ? '' : `; ${cure}`}.`,
  ]
}

function firstValue(column: Column): ReturnType<typeof valueAt> {
  const rows = column.type === 'numeric' ? column.values.length : column.codes.length
  for (let row = 0; row < rows; row++) {
    const value = valueAt(column, row)
    if (value !== null) return value
  }
  return null
}

function isConstant(column: Column): boolean {
  if (column.type === 'categorical') {
    const first = column.codes.find((code) => code >= 0)
    return column.codes.every((code) => code < 0 || code === first)
  }
  const first = column.values.find((value) => !Number.isNaN(value))
  return column.values.every((value) => Number.isNaN(value) || value === first)
}

const LEAST_ROWS = 20

function isRowNumber(column: Column): boolean {
  if (column.type === 'categorical' || column.values.length < LEAST_ROWS) return false
  return column.values.every((value, row) => row === 0 || value === column.values[row - 1] + 1)
}

function isMostlyDistinct(column: Column, rows: number): boolean {
  return column.type === 'categorical' && rows >= LEAST_ROWS && column.categories.length > rows / 2
}
