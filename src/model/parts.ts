/** Which rows are trained on, watched and held out. */

import { firstCopiesInTurns, type Copies } from '../data/duplicates.ts'
import { column as columnOf, unknownColumn, type Column, type Table } from '../data/table.ts'
import {
  hashSplit,
  MOST_ROWS,
  parseSplit,
  permutedSplit,
  readSplit,
  rowNumbers,
  stratifiedSplitInTurns,
  type Split,
} from '../data/split.ts'
import { labelledRows, type Task } from '../data/target.ts'
import { DataError, SpecError } from '../errors.ts'
import { randomStream } from '../random.ts'
import { inTurns, type Paced } from '../paced.ts'
import { plural } from './design.ts'
import { holdOutGroups, holdOutLatest, keepCopiesTogether, type HoldOut } from './hold-out.ts'
import { timeColumn, type TrainSettings } from './options.ts'
import { ofOption } from './read-source.ts'

/** Row numbers from 0 in disjoint parts; rows without a target are in none. */
export interface Parts {
  train: Uint32Array
  validation: Uint32Array
  test: Uint32Array
  /** Rows that nothing but the conformal quantile comes from; none where no coverage is asked for. */
  calibration: Uint32Array
  /** How rows were parted, in words. */
  rule: string
  warnings: string[]
}

/**
 * Parts the rows that have a target: as the split says, or by a rule. Classes keep their shares; numbers are parted by a hash
 * of the row number (files) or by a permutation (rows in memory); groups stay whole, and the latest rows are held out, where
 * that is asked for. Copies of a row are kept on one side.
 *
 * @throws DataError if no row is left to train on, or the split does not fit the table; SpecError if the rule does not
 *   fit the task
 */
export async function partRows(table: Table, task: Task, settings: TrainSettings): Promise<Parts> {
  checkRule(table, task, settings)
  const targets = settings.targets.map((name) => columnOf(table, name))
  const copies = await inTurns(copiesOf(table, settings))
  const rule = ruleOf(table, task, settings)
  const together = settings.splitBy === undefined ? keepCopiesTogether(table, copies) : unchanged
  const hold = async (...[rows, share, name]: Parameters<HoldOut>): Promise<Split> =>
    share === 0 ? holdNone(rows) : together(await rule(rows, share, name))
  const outer =
    settings.split === undefined
      ? await hold(labelledRows(targets, rowNumbers(table.rows)), settings.test, 'split.test')
      : await givenSplit(settings.split, table, targets)
  const { train: others, test: calibration } = await hold(
    outer.train,
    settings.coverage === undefined ? 0 : calibrationShare(outer.train.length),
    'split.calibration',
  )
  const inner = await hold(others, settings.validation, 'split.validation')
  if (inner.train.length === 0) throw noTrainingRows(table.source ?? 'rows', table.rows)
  const parts = { train: inner.train, validation: inner.test, test: outer.test, calibration }
  return {
    ...parts,
    rule: describeRule(table, task, settings),
    warnings: [...emptyParts(parts, settings), ...copyWarnings(copies, parts, settings)],
  }
}

/** The error of a split that leaves no row to train on. */
export function noTrainingRows(where: string, rows: number): DataError {
  return new DataError({
    code: 'HADAMARD_SPLIT',
    where,
    expected: 'rows left to train on',
    received: `none of ${rows} after the split`,
    cure: 'Use more rows, or smaller shares for `test` and `validation`',
  })
}

/** The first copy of each row, as far as the columns go that are not left out. */
export function copiesOf(table: Table, { ignore }: TrainSettings): Paced<Copies> {
  return firstCopiesInTurns({ ...table, columns: table.columns.filter(({ name }) => !ignore.includes(name)) })
}

function ruleOf(table: Table, task: Task, settings: TrainSettings): HoldOut {
  const { seed, group, splitBy, stratify = task === 'classification' } = settings
  if (group !== undefined) return holdOutGroups(table, group, seed)
  if (splitBy !== undefined) return holdOutLatest(table, timeColumn(splitBy))
  const target = columnOf(table, settings.targets[0])
  return (rows, share, name) => {
    const stream = randomStream(seed, name)
    // Only a single target has classes.
    if (stratify) return inTurns(stratifiedSplitInTurns(rows, classesOf(target, rows), share, stream))
    return table.source === undefined ? permutedSplit(rows, share, stream) : hashSplit(rows, share, stream)
  }
}

/** Checks that the rule by which rows are parted fits table and task. */
export function checkRule(table: Table, task: Task, { group, splitBy, stratify }: TrainSettings): void {
  checkGroup(
    table.columns.map(({ name }) => name),
    { group, splitBy },
  )
  if (stratify !== true || task === 'classification') return
  throw new SpecError({
    code: 'HADAMARD_TASK',
    where: 'stratify',
    expected: 'a target with classes',
    received: 'one with numbers',
    cure: "Leave it out, or set `task: 'classification'`",
  })
}

/** Checks that the columns are there that rows are parted by. */
export function checkGroup(
  names: readonly string[],
  { group, splitBy }: Pick<TrainSettings, 'group' | 'splitBy'>,
): void {
  const named = { group, splitBy: splitBy === undefined ? undefined : timeColumn(splitBy) }
  for (const [option, name] of Object.entries(named))
    if (name !== undefined && !names.includes(name)) throw unknownColumn(option, name, names)
}

function unchanged(split: Split): Split {
  return split
}

function holdNone(rows: ArrayLike<number>): Split {
  return { train: Uint32Array.from(rows), test: new Uint32Array() }
}

function emptyParts(parts: Pick<Parts, 'test' | 'validation'>, settings: TrainSettings): string[] {
  const { test, validation, split } = settings
  return [
    ...(split === undefined && test > 0 && parts.test.length === 0
      ? ['Too few rows to hold any out for the test.']
      : []),
    ...(validation > 0 && parts.validation.length === 0
      ? ['Too few rows for validation: early stopping is off.']
      : []),
  ]
}

// In a table of few different rows equal ones are the normal case.
function copyWarnings(
  copies: Copies,
  { train, validation, test }: Pick<Parts, 'train' | 'validation' | 'test'>,
  { split, splitBy }: TrainSettings,
): string[] {
  if (split === undefined && splitBy === undefined) return []
  const known = new Set<number>()
  for (const part of [train, validation]) for (const row of part) known.add(copies.first[row])
  const seen = test.filter((row) => known.has(copies.first[row])).length
  if (seen === 0) return []
  const cure = split === undefined ? '' : ' Put copies on one side of the split.'
  return [
    `${plural(seen, 'test row')} of ${test.length} also among the rows trained on, in every column: scores flatter the model.${cure}`,
  ]
}

/** With 2,000 rows the coverage of one split has a standard deviation of 0.7 %; few rows are needed to train on. */
export function calibrationShare(rows: number): number {
  return Math.max(0.1, Math.min(0.3, 2000 / Math.max(1, rows)))
}

async function givenSplit(
  split: NonNullable<TrainSettings['split']>,
  table: Table,
  targets: readonly Column[],
): Promise<Split> {
  const { train, test } = await givenLists(split, table.rows)
  return { train: labelledRows(targets, train), test: labelledRows(targets, test) }
}

/**
 * The row numbers of a split that is given.
 *
 * @param rows of the table; default so many that any could be there
 * @throws DataError naming the offending number
 */
export async function givenLists(
  split: NonNullable<TrainSettings['split']>,
  rows = MOST_ROWS,
): Promise<Split> {
  if (typeof split === 'string') return ofOption('split', readSplit(split, rows))
  return parseSplit(JSON.stringify({ train: toList(split.train), test: toList(split.test) }), rows, 'split')
}

// By index: a typed array that has lost its memory has a length, 0, but nothing to iterate over.
function toList(rows: ArrayLike<number>): number[] {
  return Array.from({ length: rows.length }, (_, i) => rows[i])
}

/** A number for each row's value, the same for the same one. */
export function classesOf(column: Column, rows: ArrayLike<number>): Int32Array {
  const classes = new Int32Array(rows.length)
  if (column.type === 'categorical') {
    for (let i = 0; i < classes.length; i++) classes[i] = column.codes[rows[i]]
    return classes
  }
  const distinct = new Set<number>()
  for (let i = 0; i < classes.length; i++) distinct.add(column.values[rows[i]])
  const indexOf = new Map([...distinct].sort((a, b) => a - b).map((value, index) => [value, index]))
  for (let i = 0; i < classes.length; i++) classes[i] = indexOf.get(column.values[rows[i]]) ?? -1
  return classes
}

/** How rows are parted, in words. */
export function describeRule(table: Table, task: Task, settings: TrainSettings): string {
  const { split, seed, group, splitBy, stratify = task === 'classification' } = settings
  const rule =
    group !== undefined
      ? `whole groups of ${group}, seed ${seed}`
      : splitBy !== undefined
        ? `the latest by ${timeColumn(splitBy)} held out`
        : stratify
          ? `at random by class, seed ${seed}`
          : `at random${table.source === undefined ? '' : ' by row number'}, seed ${seed}`
  if (split === undefined) return rule
  return typeof split === 'string' ? `as in ${split}` : 'as given'
}
