/** To which part the rows of a large file belong: by a hash, by class, by time, or as given. It needs no other rows in memory. */

import type { SchemaColumn, SurveyedColumn } from '../data/survey.ts'
import { parseDate, type DateOrder } from '../data/dates.ts'
import type { Column, Table } from '../data/table.ts'
import { fallbackRowLoops, type RowLoops } from '../data/row-loops.ts'
import type { Paced } from '../paced.ts'
import { randomStream, streamKey } from '../random.ts'
import { givenMarks } from './given-rows.ts'
import { timeColumn, type TrainSettings } from './options.ts'
import { calibrationShare } from './parts.ts'
import { ClassQuotas, type HeldPart } from './class-quotas.ts'

/** Parts of the rows, in the order in which their samples lie in the sample table. */
export const partNames = ['train', 'validation', 'test', 'calibration'] as const

/** Name of a part. */
export type PartName = (typeof partNames)[number]

/** A number for each part. */
export type PartCounts = Record<PartName, number>

/** The place of rows that are in no part, as a given split does not list them. */
export const noPart = partNames.length

/** Groups whose parts are remembered, as names are slow to hash. */
const MOST_REMEMBERED = 2 ** 16
/** Texts that are parsed in about two milliseconds. */
export const TEXTS_AT_ONCE = 2 ** 12

/** From which time on rows are held out, latest part first. */
export interface TimeLimits {
  /** How the times are written; undefined for numbers. */
  readonly order?: DateOrder
  readonly parts: readonly { readonly part: PartName; readonly from: number }[]
}

/** The columns that rows are parted by, where they are. */
export interface RuleColumns {
  readonly group?: SurveyedColumn
  readonly time?: SurveyedColumn
  /** The target, where classes are to keep their shares. */
  readonly classes?: SurveyedColumn
}

/** The parts of the next rows of a file, given by their numbers, as places in `partNames`. */
export type PartRule = (numbers: Float64Array, columns: RuleColumns) => Paced<Uint8Array>

/** The part of a row of a piece, by its place there and its number in the file. */
type PartOfRow = (row: number, number: number) => number

/**
 * The rule of docs/data.md for one pass over the rows, from the first on.
 *
 * @param rows of the file, where they are known; else infinite
 * @param times needed to part by time
 */
export function partRule(
  settings: TrainSettings,
  rows: number,
  times?: TimeLimits,
  loops = fallbackRowLoops,
): PartRule {
  const { givenRows } = settings
  const begin = ruleOf(settings, heldOut(settings, rows), times, loops)
  return function* (numbers, columns) {
    const partOf = yield* begin(columns, numbers)
    const places = new Uint8Array(numbers.length)
    for (let row = 0; row < places.length; row++) {
      const number = numbers[row]
      const mark = givenRows?.markOf(number) ?? givenMarks.train
      if (mark === givenMarks.train) places[row] = partOf(row, number)
      else places[row] = mark === givenMarks.test ? partNames.indexOf('test') : noPart
    }
    return places
  }
}

/** The parts that rows are held out for, in the order in which they are taken. */
export function heldOut(settings: TrainSettings, rows: number): HeldPart[] {
  const { test, validation, givenRows } = settings
  const shares = {
    test: givenRows === undefined ? test : 0,
    calibration: calibrationOf(settings, rows),
    validation,
  }
  return Object.entries(shares)
    .filter(([, share]) => share > 0)
    .map(([name, share]) => ({ name: `split.${name}`, part: partNames.indexOf(name as PartName), share }))
}

/** The columns among those of a piece of the rows that these are parted by. */
export function ruleColumns(
  { group, splitBy, stratify, targets }: TrainSettings,
  columnOf: (name: string) => SurveyedColumn | undefined,
): RuleColumns {
  return {
    ...(group === undefined ? {} : { group: columnOf(group) }),
    ...(splitBy === undefined ? {} : { time: columnOf(timeColumn(splitBy)) }),
    ...(stratify === true ? { classes: columnOf(targets[0]) } : {}),
  }
}

/** The same of a table. */
export function tableRuleColumns({ columns }: Table, settings: TrainSettings): RuleColumns {
  return ruleColumns(settings, (wanted) => {
    const column = columns.find(({ name }) => name === wanted)
    return column === undefined ? undefined : asSurveyed(column)
  })
}

/** Which rows have a value in all of the columns; texts that a given schema does not list are missing. */
export function rowsWithAll(
  rows: number,
  columns: readonly (SurveyedColumn | undefined)[],
  listed: readonly (ReadonlySet<string> | undefined)[],
): Uint8Array {
  const isKnown = new Uint8Array(rows).fill(1)
  columns.forEach((column, index) => dropUnknown(isKnown, column, listed[index]))
  return isKnown
}

function dropUnknown(
  isKnown: Uint8Array,
  column: SurveyedColumn | undefined,
  listed: ReadonlySet<string> | undefined,
): void {
  if (column === undefined) isKnown.fill(0)
  else if ('values' in column) {
    for (let row = 0; row < isKnown.length; row++) if (Number.isNaN(column.values[row])) isKnown[row] = 0
  } else {
    const { codes, texts } = column
    const isAllowed = Uint8Array.from(texts, (text) => (listed?.has(text) === false ? 0 : 1))
    for (let row = 0; row < isKnown.length; row++)
      if (codes[row] < 0 || isAllowed[codes[row]] === 0) isKnown[row] = 0
  }
}

/** The texts that a given schema lists of a column; undefined where any may be there. */
export function listedTexts(
  { schema }: Pick<TrainSettings, 'schema'>,
  wanted: string | undefined,
): ReadonlySet<string> | undefined {
  const given: SchemaColumn | undefined = schema?.columns.find(({ name }) => name === wanted)
  return given?.type === 'categorical' && given.categories ? new Set(given.categories) : undefined
}

/** Of each row the number of its code; NaN for a missing one. */
export function byCode(codes: Int32Array, rows: number, numbers: Float64Array): Float64Array {
  const found = new Float64Array(rows)
  for (let row = 0; row < rows; row++) found[row] = codes[row] < 0 ? NaN : numbers[codes[row]]
  return found
}

function ruleOf(
  settings: TrainSettings,
  held: readonly HeldPart[],
  times: TimeLimits | undefined,
  loops: RowLoops,
): (columns: RuleColumns, numbers: Float64Array) => Paced<PartOfRow> {
  if (settings.group !== undefined) return byGroup(settings, held, byNumber(settings, held))
  if (times !== undefined) return byTime(settings, times)
  return settings.stratify === true ? byClass(settings, held) : byNumbers(settings, held, loops)
}

// As byNumber, with the draws of all rows at once.
function byNumbers(
  { seed }: TrainSettings,
  held: readonly HeldPart[],
  loops: RowLoops,
): (columns: RuleColumns, numbers: Float64Array) => Paced<PartOfRow> {
  const rules = held.map(({ name, part, share }) => ({ part, share, key: streamKey(seed, name) })).reverse()
  return function* (_, numbers) {
    const draws = new Uint32Array(numbers.length)
    const places = new Uint8Array(numbers.length)
    // The part that is taken first has the last word.
    for (const { key, share, part } of rules) {
      loops.drawRows(key, numbers, draws)
      const limit = share * 2 ** 32
      for (let row = 0; row < places.length; row++) if (draws[row] < limit) places[row] = part
      yield
    }
    return (row) => places[row]
  }
}

function byNumber({ seed }: TrainSettings, held: readonly HeldPart[]): PartOfRow {
  const rules = held.map(({ name, part, share }) => ({
    part,
    limit: share * 2 ** 32,
    stream: randomStream(seed, name),
  }))
  return (_, number) => {
    for (const { stream, limit, part } of rules) if (stream.uint32(number) < limit) return part
    return 0
  }
}

function byGroup(
  settings: TrainSettings,
  held: readonly HeldPart[],
  ofNumber: PartOfRow,
): (columns: RuleColumns) => Paced<PartOfRow> {
  const { seed, group } = settings
  const ofGroup = remembered(
    (key) =>
      held.find(({ name, share }) => streamKey(seed, `${name} value ${key}`)[0] < share * 2 ** 32)?.part ?? 0,
  )
  const listed = listedTexts(settings, group)
  return function* (columns) {
    const keyOf = keyReader(columns.group, listed)
    yield
    return (row, number) => {
      const key = keyOf(row)
      // A row without a group is a group of its own.
      return key === undefined ? ofNumber(row, number) : ofGroup(key)
    }
  }
}

function byTime(
  settings: TrainSettings,
  { order, parts }: TimeLimits,
): (columns: RuleColumns) => Paced<PartOfRow> {
  const limits = parts.map(({ part, from }) => ({ place: partNames.indexOf(part), from }))
  const listed = listedTexts(settings, timeColumn(settings.splitBy ?? ''))
  // Chunks of a column with a list of its texts all have that one.
  let known: { texts: readonly string[]; moments: Float64Array } = { texts: [], moments: new Float64Array() }
  return function* ({ time }) {
    if (time === undefined) return () => 0
    if ('codes' in time && known.texts !== time.texts)
      known = { texts: time.texts, moments: yield* parsed(time.texts, listed, order) }
    const times = 'values' in time ? time.values : byCode(time.codes, time.codes.length, known.moments)
    return (row) => limits.find(({ from }) => times[row] >= from)?.place ?? 0
  }
}

// By pieces, as every text is parsed.
function* parsed(
  texts: readonly string[],
  listed: ReadonlySet<string> | undefined,
  order: DateOrder = 'ymd',
): Paced<Float64Array> {
  const moments = new Float64Array(texts.length)
  for (const [code, text] of texts.entries()) {
    moments[code] = listed?.has(text) === false ? NaN : parseDate(text, order)
    if (code % TEXTS_AT_ONCE === 0) yield
  }
  return moments
}

function byClass(
  settings: TrainSettings,
  held: readonly HeldPart[],
): (columns: RuleColumns) => Paced<PartOfRow> {
  const quotas = new ClassQuotas(settings.seed, held)
  const listed = listedTexts(settings, settings.targets[0])
  return function* ({ classes }) {
    const keyOf = keyReader(classes, listed)
    yield
    return (row, number) => {
      const key = keyOf(row)
      return key === undefined ? 0 : quotas.partOfNext(key, number)
    }
  }
}

/** Of few rows a larger share. */
export function calibrationOf({ coverage, test, givenRows }: TrainSettings, rows: number): number {
  if (coverage === undefined) return 0
  return calibrationShare(givenRows?.trained ?? Math.round(rows * (1 - test)))
}

function asSurveyed(column: Column): SurveyedColumn {
  if (column.type === 'numeric') return { values: column.values }
  return { codes: column.codes, texts: column.categories }
}

// Texts that a given schema does not list are missing.
function keyReader(
  column: SurveyedColumn | undefined,
  listed: ReadonlySet<string> | undefined,
): (row: number) => string | number | undefined {
  if (column === undefined) return () => undefined
  if ('values' in column) {
    const { values } = column
    // -0 is 0.
    return (row) => (Number.isNaN(values[row]) ? undefined : values[row] + 0)
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
