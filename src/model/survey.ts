/** What the data are like: columns, classes, and what in them may be worth a look before training. */

import type { Encoder } from '../data/encoder.ts'
import { inferType, type Input } from '../data/input.ts'
import type { ColumnDescription } from '../data/summaries.ts'
import {
  column as columnOf,
  nameList,
  unknownColumn,
  valueAt,
  type Column,
  type Table,
} from '../data/table.ts'
import { DataError } from '../errors.ts'
import type { Paced } from '../paced.ts'
import { plural } from './design.ts'
import type { TrainSettings } from './options.ts'
import type { ClassReport, ColumnReport } from './report.ts'

type NamingSettings = Pick<TrainSettings, 'targets' | 'ignore' | 'weight' | 'types'>

/**
 * Refuses data that nothing can be learnt from.
 *
 * @throws DataError for no rows, an option that names no column (naming those there are), a target without values or with only
 *   one
 */
export function checkTargets(table: Table, settings: NamingSettings): void {
  const where = table.source ?? 'rows'
  if (table.rows === 0)
    throw new DataError({ code: 'HADAMARD_NO_ROWS', where, expected: 'rows to train on', received: '0 rows' })
  checkNamed(table, settings)
  for (const target of settings.targets) checkTarget(table, target, where)
}

/**
 * Checks that the columns are there which options name.
 *
 * @throws DataError naming the option, and the nearest column
 */
export function checkNamed(
  { columns, source }: { columns: readonly { name: string }[]; source?: string },
  { targets, ignore, weight, types = {} }: NamingSettings,
): void {
  const names = columns.map(({ name }) => name)
  const named = { target: targets, ignore, types: Object.keys(types), weight: weight ?? [] }
  for (const [option, wanted] of Object.entries(named)) {
    const unknown = [wanted].flat().find((name) => !names.includes(name))
    if (unknown !== undefined)
      throw unknownColumn(source === undefined ? option : `${option}, ${source}`, unknown, names)
  }
}

function checkTarget(table: Table, name: string, where: string): void {
  const found = columnOf(table, name)
  const { missing } = found
  const only = isConstant(found) ? firstValue(found) : null
  checkTargetValues(where, { name, count: table.rows - missing, missing }, only)
}

/**
 * Refuses a target that nothing can be learnt from.
 *
 * @param only its value where it has but one, else null
 * @throws DataError for one without values or with only one
 */
export function checkTargetValues(
  where: string,
  { name, count, missing }: Pick<ColumnDescription, 'name' | 'count' | 'missing'>,
  only: number | string | boolean | null,
): void {
  if (count > 0 && only === null) return
  const [expected, received] =
    count === 0
      ? ['values to learn', `none in ${plural(missing, 'row')}`]
      : ['at least 2 different values', `only '${String(only)}' in ${plural(count, 'row')}`]
  throw new DataError(
    { code: 'HADAMARD_TARGET_COLUMN', where: `${where}: column ${name}`, expected, received },
    { column: name },
  )
}

/**
 * The columns with the part that each plays.
 *
 * @param roles columns that are neither target nor input, by their part
 * @param dropped columns that are left out unasked
 * @param types what the inputs are taken as
 */
export function describeColumns(
  table: Table,
  targets: readonly string[],
  ignore: readonly string[],
  roles: Partial<Record<ColumnReport['role'], string>>,
  dropped: readonly DroppedColumn[] = [],
  types: Readonly<Record<string, Input['type']>> = {},
): ColumnReport[] {
  const named = [...Object.entries(roles), ...targets.map((name) => ['target', name])] as [
    ColumnReport['role'],
    string | undefined,
  ][]
  const roleOf = (name: string): ColumnReport['role'] =>
    named.find(([, column]) => column === name)?.[0] ??
    (ignore.includes(name) || dropped.some((column) => column.name === name) ? 'ignored' : 'input')
  const reasonOf = (name: string): { reason?: string } => {
    const reason = dropped.find((column) => column.name === name)?.reason
    return reason === undefined ? {} : { reason }
  }
  return table.columns.map((column) => ({
    name: column.name,
    type: Object.hasOwn(types, column.name) ? types[column.name] : column.type,
    role: roleOf(column.name),
    ...reasonOf(column.name),
    missing: column.missing,
    ...(column.type === 'categorical' ? { categories: column.categories.length } : {}),
  }))
}

/** The classes with their rows in the whole table and among those trained on; undefined under regression. */
export function* describeClasses(
  table: Table,
  encoder: Encoder,
  train: Uint32Array,
): Paced<ClassReport[] | undefined> {
  if (encoder.task === 'regression') return undefined
  const count = (rows?: Uint32Array): number[] => {
    const counts = encoder.classes.map(() => 0)
    const target = encoder.encodeTarget(table, rows)
    if (target.task === 'classification') for (const index of target.classes) if (index >= 0) counts[index]++
    return counts
  }
  const all = count()
  yield
  const trained = count(train)
  return encoder.classes.map((label, i) => ({ label, rows: all[i], trainRows: trained[i] }))
}

/** Whether a class is so rare that accuracy says little: below 10 % of the rows, and below half of an even share. */
export function isImbalanced(classes: readonly ClassReport[] = []): boolean {
  const total = classes.reduce((sum, { rows }) => sum + rows, 0)
  const least = Math.min(...classes.map(({ rows }) => rows))
  return least < total * Math.min(0.1, 1 / (2 * classes.length))
}

/** Why a column is left out although nobody asked for it. */
export interface DroppedColumn {
  name: string
  /** `without any value`, to follow the name. */
  reason: string
  /** The texts of a column with too many to be listed, where all others are numbers. */
  others?: readonly string[]
}

/** Why a column of many texts is left out. */
export const textsDiffer = 'with a different text in most rows'

const dropRules: readonly [string, (column: Column, rows: number) => boolean][] = [
  ['without any value', (column, rows) => column.missing === rows],
  ['with the same value in every row', (column) => isConstant(column)],
  ['counting the rows', (column) => isCounting(column)],
  [textsDiffer, (column, rows) => isMostlyDistinct(column, rows)],
]

/**
 * Columns that nothing can be learnt from: without a value, of one value, row numbers, mostly different texts, and copies of
 * an earlier column. Those whose type is given are kept, and all where no other is left, unless they have no two values.
 *
 * @param inputs names of the columns that would be inputs
 * @param types of columns, as given
 */
export function* uselessColumns(
  table: Table,
  inputs: readonly string[],
  types: Readonly<Record<string, unknown>> = {},
): Paced<DroppedColumn[]> {
  const dropped = yield* dropColumns(table, inputs, (name) => Object.hasOwn(types, name))
  return dropped.length < inputs.length ? dropped : yield* dropColumns(table, inputs, () => true)
}

function* dropColumns(
  table: Table,
  inputs: readonly string[],
  isWanted: (name: string) => boolean,
): Paced<DroppedColumn[]> {
  const kept: Column[] = []
  const dropped: DroppedColumn[] = []
  for (const name of inputs) {
    yield
    const column = columnOf(table, name)
    const isDeclared = isWanted(name)
    const rules = isDeclared ? dropRules.slice(0, 2) : dropRules
    const rule = rules.find(([, applies]) => applies(column, table.rows))
    const twin =
      rule !== undefined || isDeclared ? undefined : kept.find((other) => isSameColumn(other, column))
    if (rule !== undefined) dropped.push({ name, reason: rule[0] })
    else if (twin !== undefined) dropped.push({ name, reason: `equal to '${twin.name}' in every row` })
    else kept.push(column)
  }
  return dropped
}

/**
 * The error of data in which no input is left.
 *
 * @param dropped the columns that would have been inputs
 */
export function noInputs(where: string, dropped: readonly DroppedColumn[]): DataError {
  const received = [...byReason(dropped)].map(([reason, names]) => `${nameList(names)}, ${reason}`)
  return new DataError({
    code: 'HADAMARD_NO_COLUMNS',
    where,
    expected: 'columns to learn from',
    received: received.length === 0 ? 'none beside the target' : `only ${received.join('; ')}`,
  })
}

function byReason(dropped: readonly DroppedColumn[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { name, reason } of dropped) found.set(reason, [...(found.get(reason) ?? []), name])
  return found
}

/** Sentences on columns that are left out, those of one reason together. */
export function droppedSentences(dropped: readonly DroppedColumn[]): string[] {
  return [...byReason(dropped)].map(([reason, names]) => {
    const cure = reason.startsWith('counting') || reason.includes('text') ? '; a type keeps it in' : ''
    return `Left out ${names.length === 1 ? 'the column' : 'columns'} ${reason}: ${nameList(names)}${cure}.`
  })
}

function isSameColumn(a: Column, b: Column): boolean {
  if (a.type !== b.type || a.missing !== b.missing) return false
  if (a.type === 'numeric' && b.type === 'numeric') {
    const { values } = b
    return a.values.every((value, row) => Object.is(value + 0, values[row] + 0))
  }
  if (a.type !== 'categorical' || b.type !== 'categorical') return false
  const { codes, categories } = b
  return (
    a.categories.every((text, code) => text === categories[code]) &&
    a.codes.every((code, row) => code === codes[row])
  )
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

// Whole numbers without gap or repetition, in any order.
function isCounting(column: Column): boolean {
  if (column.type === 'categorical' || column.values.length < LEAST_ROWS || column.missing > 0) return false
  const { values } = column
  if (!values.every(Number.isInteger)) return false
  const least = values.reduce((a, b) => (b < a ? b : a))
  const seen = new Uint8Array(values.length)
  return values.every((value) => {
    const place = value - least
    if (place >= seen.length || seen[place] === 1) return false
    return (seen[place] = 1) === 1
  })
}

function isMostlyDistinct(column: Column, rows: number): boolean {
  return (
    column.type === 'categorical' &&
    rows >= LEAST_ROWS &&
    column.categories.length > (rows - column.missing) / 2 &&
    inferType(column) !== 'date'
  )
}
