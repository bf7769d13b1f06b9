/** To which part the rows of a large file belong: by a hash of seed and row number, or of seed and group. It needs no memory of other rows. */

import type { SurveyedColumn } from '../data/survey.ts'
import type { Column, Table } from '../data/table.ts'
import { randomStream, streamKey } from '../random.ts'
import type { TrainSettings } from './options.ts'
import { calibrationShare } from './parts.ts'

/** Parts of the rows, in the order in which their samples lie in the sample table. */
export const partNames = ['train', 'validation', 'test', 'calibration'] as const

/** Name of a part. */
export type PartName = (typeof partNames)[number]

/** A number for each part. */
export type PartCounts = Record<PartName, number>

/** Groups whose parts are remembered, as names are slow to hash. */
const MOST_REMEMBERED = 2 ** 16

/**
 * The parts of rows, as places in `partNames`.
 *
 * @param groups the column that rows are grouped by, where there is one
 */
export type PartRule = (
  rows: number,
  numberOf: (row: number) => number,
  groups: SurveyedColumn | undefined,
) => Uint8Array

/** The rule of docs/data.md: a row's part depends on seed and row number alone, or on seed and group. */
export function partRule(settings: TrainSettings, rows: number): PartRule {
  const { seed, test, validation, group, schema } = settings
  const shares = { test, calibration: calibrationOf(settings, rows), validation }
  const rules = Object.entries(shares)
    .filter(([, share]) => share > 0)
    .map(([name, share]) => ({
      name: `split.${name}`,
      part: partNames.indexOf(name as PartName),
      limit: share * 2 ** 32,
      stream: randomStream(seed, `split.${name}`),
    }))
  const ofRow = (number: number): number => {
    for (const { stream, limit, part } of rules) if (stream.uint32(number) < limit) return part
    return 0
  }
  const ofGroup = remembered(
    (key) => rules.find(({ name, limit }) => streamKey(seed, `${name} value ${key}`)[0] < limit)?.part ?? 0,
  )
  const given = schema?.columns.find(({ name }) => name === group)
  const listed = given?.type === 'categorical' && given.categories ? new Set(given.categories) : undefined
  return (count, numberOf, groups) => {
    const keyOf = groups === undefined ? undefined : keyReader(groups, listed)
    const parts = new Uint8Array(count)
    for (let row = 0; row < count; row++) {
      const key = keyOf?.(row)
      // A row without a group is a group of its own.
      parts[row] = key === undefined ? ofRow(numberOf(row)) : ofGroup(key)
    }
    return parts
  }
}

/** Of few rows a larger share. */
export function calibrationOf({ coverage, test }: TrainSettings, rows: number): number {
  return coverage === undefined ? 0 : calibrationShare(Math.round(rows * (1 - test)))
}

/** The column of a table that rows are grouped by, where they are. */
export function groupsOf({ columns }: Table, { group }: TrainSettings): SurveyedColumn | undefined {
  const column = columns.find(({ name }) => name === group)
  return column === undefined ? undefined : asSurveyed(column)
}

function asSurveyed(column: Column): SurveyedColumn {
  if (column.type === 'numeric') return { values: column.values }
  return { codes: column.codes, texts: column.categories }
}

// Texts that a given schema does not list are missing.
function keyReader(
  column: SurveyedColumn,
  listed: ReadonlySet<string> | undefined,
): (row: number) => string | number | undefined {
  if ('values' in column) {
    const { values } = column
    return (row) => (Number.isNaN(values[row]) ? undefined : values[row])
  }
  const { codes, texts } = column
  const keys = texts.map((text) => (listed?.has(text) === false ? undefined : text))
  return (row) => keys[codes[row]]
}

function remembered(partOf: (key: string | number) => number): (key: string | number) => number {
  const known = new Map<string | number, number>()
  return (key) => {
    let part = known.get(key)
    if (part === undefined) {
      if (known.size === MOST_REMEMBERED) known.clear()
      part = partOf(key)
      known.set(key, part)
    }
    return part
  }
}
