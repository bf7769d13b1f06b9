/** Which rows are trained on, watched and held out. */

import { column as columnOf, type Column, type Table } from '../data/table.ts'
import {
  hashSplit,
  parseSplit,
  permutedSplit,
  readSplit,
  stratifiedSplit,
  type Split,
} from '../data/split.ts'
import { labelledRows, type Task } from '../data/target.ts'
import { DataError } from '../errors.ts'
import { randomStream } from '../random.ts'
import type { TrainSettings } from './options.ts'

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
 * Parts the rows that have a target: as the split says, or at random by the seed. Classes keep their shares; numbers are
 * parted by a hash of the row number (files) or by a permutation (rows in memory).
 *
 * @throws DataError if no row is left to train on, or the split does not fit the table
 */
export async function partRows(table: Table, task: Task, settings: TrainSettings): Promise<Parts> {
  const target = columnOf(table, settings.target)
  const rest = (rows: ArrayLike<number>, share: number, name: string): Split => {
    const stream = randomStream(settings.seed, name)
    if (share === 0) return { train: Uint32Array.from(rows), test: new Uint32Array() }
    if (task === 'classification') return stratifiedSplit(rows, classesOf(target, rows), share, stream)
    return table.source === undefined ? permutedSplit(rows, share, stream) : hashSplit(rows, share, stream)
  }
  const all = Uint32Array.from({ length: table.rows }, (_, row) => row)
  const outer =
    settings.split === undefined
      ? rest(labelledRows(target, all), settings.test, 'split.test')
      : await givenSplit(settings.split, table, target)
  const { train: others, test: calibration } = rest(
    outer.train,
    settings.coverage === undefined ? 0 : calibrationShare(outer.train.length),
    'split.calibration',
  )
  const inner = rest(others, settings.validation, 'split.validation')
  if (inner.train.length === 0) {
    throw new DataError({
      where: table.source ?? 'rows',
      expected: 'rows left to train on',
      received: `none of ${table.rows} after the split`,
      cure: 'Use more rows, or smaller shares for test and validation',
    })
  }
  const wanted = { test: settings.split === undefined ? settings.test : 0, validation: settings.validation }
  const warnings: string[] = []
  if (wanted.test > 0 && outer.test.length === 0) warnings.push('Too few rows to hold any out for the test.')
  if (wanted.validation > 0 && inner.test.length === 0) {
    warnings.push('Too few rows for validation: early stopping is off.')
  }
  return {
    train: inner.train,
    validation: inner.test,
    test: outer.test,
    calibration,
    rule: describe(table, task, settings),
    warnings,
  }
}

// With 2,000 rows the coverage of one split has a standard deviation of 0.7 %; few rows are needed to train on.
function calibrationShare(rows: number): number {
  return Math.max(0.1, Math.min(0.3, 2000 / Math.max(1, rows)))
}

async function givenSplit(
  split: NonNullable<TrainSettings['split']>,
  table: Table,
  target: Column,
): Promise<Split> {
  const { train, test } =
    typeof split === 'string'
      ? await readSplit(split, table.rows)
      : parseSplit(
          JSON.stringify({ train: toList(split.train), test: toList(split.test) }),
          table.rows,
          'split',
        )
  return { train: labelledRows(target, train), test: labelledRows(target, test) }
}

// By index: a typed array that has lost its memory has a length, 0, but nothing to iterate over.
function toList(rows: ArrayLike<number>): number[] {
  return Array.from({ length: rows.length }, (_, i) => rows[i])
}

// The same number for the same value; which number plays no part but in the order of ties.
function classesOf(column: Column, rows: ArrayLike<number>): Int32Array {
  if (column.type === 'categorical') return Int32Array.from(rows, (row) => column.codes[row])
  const values = [...new Set(Array.from(rows, (row) => column.values[row]))].sort((a, b) => a - b)
  const indexOf = new Map(values.map((value, index) => [value, index]))
  return Int32Array.from(rows, (row) => indexOf.get(column.values[row]) ?? -1)
}

function describe(table: Table, task: Task, { split, seed }: TrainSettings): string {
  if (typeof split === 'string') return `as in ${split}`
  if (split !== undefined) return 'as given'
  if (task === 'classification') return `at random by class, seed ${seed}`
  return `at random${table.source === undefined ? '' : ' by row number'}, seed ${seed}`
}
