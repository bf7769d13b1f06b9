/** One column among the inputs: what is learnt of it, and how its values become numbers. */

import { DataError } from '../errors.ts'
import { piecesOf, ROWS_AT_ONCE, type Paced } from '../paced.ts'
import { isNumberText } from './csv-number.ts'
import { dateForm, momentsOf, parseDate, type DateOrder } from './dates.ts'
import { normalQuantile } from './normal-quantile.ts'
import { quartileScaleOf, robustScaleOf, quantilesOf, scaleOf, type Scale } from './statistics.ts'
import type { CategoricalColumn, Column, NumericColumn, Table, Value } from './table.ts'

/** Names of the scalings. */
export const scalings = ['standard', 'robust', 'clipped', 'quantile'] as const

/**
 * How numbers are scaled: by mean and deviation, by median and quartiles, by these with outliers drawn in smoothly, or to the
 * quantiles of a normal distribution.
 *
 * @useDeclaredType
 */
export type Scaling = (typeof scalings)[number]

/** What a column is taken as. */
export type ColumnType = 'numeric' | 'categorical' | 'boolean' | 'date' | 'ignored'

/** A part of a date: the year with its fraction as a number, the others as an angle with sine and cosine. */
export type DatePart = 'year' | 'month' | 'weekday' | 'hour'

/**
 * A column among the inputs; for dates the scale is of the year. Categories are one input each, or, indexed, one for all: 1 + the
 * place among them, 0 for those that are missing, seldom or not known.
 */
export type Input =
  | ({
      name: string
      type: 'numeric'
      quantiles?: number[]
      clip?: number
      hasIndicator?: true
      /** Smallest and largest of the training rows; encoders of older versions do not know them. */
      range?: [number, number]
    } & Scale)
  | { name: string; type: 'categorical'; categories: string[]; hasRare?: true; isIndexed?: true }
  | { name: string; type: 'boolean' }
  | ({ name: string; type: 'date'; order: DateOrder; parts: DatePart[] } & Scale)

export type NumericInput = Input & { type: 'numeric' }
type DateInput = Input & { type: 'date' }

/** What came of a value. */
export type Outcome = 'known' | 'missing' | 'unseen' | 'wrong'

/** More categories than these: the most frequent ones, and one input for all others. */
export const MOST_CATEGORIES = 64
/** No scaled number lies beyond this, those up to 1 hardly move. */
const CLIP = 3
/** Of indexed categories; the others share the number 0. */
const MOST_INDEXED = 10_000
const INDICATOR = { share: 0.05, rows: 10 }
const MS_PER_HOUR = 3_600_000
const MS_PER_YEAR = 365.2425 * 24 * MS_PER_HOUR

const truths = new Map([
  ...['true', 'yes', 'y', 't', '1', 'on'].map((word) => [word, 1] as const),
  ...['false', 'no', 'n', 'f', '0', 'off'].map((word) => [word, -1] as const),
])
const truthPairs = [
  ['false', 'true'],
  ['no', 'yes'],
]

/** How many inputs a column becomes. */
export function inputWidth(input: Input): number {
  return inputLabels(input).length
}

/** A name for each of the inputs of a column: `age`, `city=Oslo`, `when.month.sin`. */
export function inputLabels(input: Input): string[] {
  const { name } = input
  if (input.type === 'boolean') return [name]
  if (input.type === 'numeric') return input.hasIndicator === true ? [name, `${name}=missing`] : [name]
  if (input.type === 'date') {
    return input.parts.flatMap((part) =>
      part === 'year' ? [`${name}.year`] : [`${name}.${part}.sin`, `${name}.${part}.cos`],
    )
  }
  if (isIndexed(input)) return [name]
  const labels = input.categories.map((category) => `${name}=${category}`)
  return input.hasRare === true ? [...labels, `${name}=(rare)`] : labels
}

/**
 * What a column is taken as where nobody says: text is one of dates where all of it is, and boolean where it is true and
 * false or yes and no.
 */
export function inferType(column: Column): Exclude<ColumnType, 'ignored'> {
  if (column.type === 'numeric') return 'numeric'
  const words = column.categories.map((text) => text.toLowerCase()).sort()
  if (truthPairs.some((pair) => pair.length === words.length && pair.every((word, i) => word === words[i])))
    return 'boolean'
  return dateForm(column.categories) === undefined ? 'categorical' : 'date'
}

/**
 * Learns a column from the training rows.
 *
 * @param rows ascending
 * @throws DataError for a value that the type has not
 */
export function fitInput(
  column: Column,
  rows: Uint32Array,
  type: ColumnType = inferType(column),
  scaling: Scaling = 'standard',
  areIndexed = false,
): Input {
  const { name } = column
  if (type === 'date') return fitDate(column, rows)
  if (type === 'boolean') return checkBoolean(column)
  if (column.type === 'numeric') return fitNumbers(column, rows, scaling)
  const counts = new Uint32Array(column.categories.length)
  for (let i = 0; i < rows.length; i++) if (column.codes[rows[i]] >= 0) counts[column.codes[rows[i]]]++
  return categoricalInput(name, column.categories, counts, areIndexed)
}

/**
 * Categories as inputs, by how many training rows have each.
 *
 * @param areIndexed whether more than can be inputs of their own come as numbers
 */
export function categoricalInput(
  name: string,
  texts: readonly string[],
  counts: ArrayLike<number>,
  areIndexed: boolean,
): Input {
  const used = texts.map((_, code) => code).filter((code) => counts[code] > 0)
  const namesOf = (codes: readonly number[]): string[] => codes.map((code) => texts[code])
  if (used.length <= MOST_CATEGORIES) return { name, type: 'categorical', categories: namesOf(used) }
  // A single row says nothing that others could use.
  const repeated = used.filter((code) => counts[code] > 1)
  if (areIndexed && repeated.length > MOST_CATEGORIES) {
    const categories = namesOf(mostFrequent(repeated, counts, MOST_INDEXED))
    return { name, type: 'categorical', categories, isIndexed: true }
  }
  const categories = namesOf(mostFrequent(used, counts, MOST_CATEGORIES))
  return { name, type: 'categorical', categories, hasRare: true }
}

// In their own order; of equally frequent ones the first.
function mostFrequent(codes: readonly number[], counts: ArrayLike<number>, most: number): number[] {
  const ranked = [...codes].sort((a, b) => counts[b] - counts[a] || a - b)
  return ranked.slice(0, most).sort((a, b) => a - b)
}

/** Whether the categories of a column come as numbers. */
export function isIndexed(input: Input): input is Input & { type: 'categorical'; isIndexed: true } {
  return input.type === 'categorical' && input.isIndexed === true
}

const scaleLearners: Partial<Record<Scaling, typeof scaleOf>> = {
  robust: robustScaleOf,
  clipped: quartileScaleOf,
}

function fitNumbers(column: NumericColumn, rows: Uint32Array, scaling: Scaling): NumericInput {
  const { name } = column
  const absent = rows.reduce((count, row) => count + (Number.isNaN(column.values[row]) ? 1 : 0), 0)
  const scale = (scaleLearners[scaling] ?? scaleOf)(column, rows)
  const quantiles = scaling === 'quantile' ? quantilesOf(column, rows) : []
  const range = rangeOf(column, rows)
  return numericInput(name, scaling, scale, quantiles, { absent, rows: rows.length, range })
}

function rangeOf({ values }: NumericColumn, rows: Uint32Array): [number, number] | undefined {
  let [low, high] = [Infinity, -Infinity]
  for (const row of rows) {
    // Comparisons with a missing value are false.
    if (values[row] < low) low = values[row]
    if (values[row] > high) high = values[row]
  }
  return low <= high ? [low + 0, high + 0] : undefined
}

/** A number as an input, with one beside it where enough of the training rows lack it. */
export function numericInput(
  name: string,
  scaling: Scaling,
  scale: Scale,
  quantiles: number[],
  { absent, rows, range }: { absent: number; rows: number; range?: [number, number] },
): NumericInput {
  const isWorthIt = absent >= INDICATOR.rows && absent >= INDICATOR.share * rows
  return {
    name,
    type: 'numeric',
    ...scale,
    ...(quantiles.length > 1 ? { quantiles } : {}),
    ...(scaling === 'clipped' ? { clip: CLIP } : {}),
    ...(isWorthIt ? { hasIndicator: true as const } : {}),
    ...(range === undefined ? {} : { range }),
  }
}

function fitDate(column: Column, rows: Uint32Array): DateInput {
  const { name } = column
  const form = column.type === 'categorical' ? dateForm(column.categories) : undefined
  if (column.type !== 'categorical' || form === undefined) {
    const given = column.type === 'numeric' ? column.values.find((value) => !Number.isNaN(value)) : undefined
    const wrong =
      column.type === 'categorical'
        ? column.categories.find((text) => Number.isNaN(parseDate(text, 'ymd')))
        : undefined
    throw new DataError(
      {
        code: 'HADAMARD_COLUMN_TYPE',
        where: `types.${name}`,
        expected: 'dates of one form, such as 2024-02-29 12:30, 02/29/2024 or 29 Feb 2024',
        received: given === undefined ? `'${wrong ?? ''}'` : `the number ${given}`,
      },
      { column: name },
    )
  }
  const moments = momentsOf(column, form.order)
  const years = Float64Array.from(moments, yearOf)
  const scale = scaleOf({ name, type: 'numeric', values: years, missing: 0 }, rows)
  const differs = (of: (moment: number) => number): boolean => {
    const present = rows.filter((row) => !Number.isNaN(moments[row]))
    return present.some((row) => of(moments[row]) !== of(moments[present[0]]))
  }
  const parts = datePartNames.filter((part) => part === 'year' || differs(angles[part]))
  return { name, type: 'date', order: form.order, parts, ...scale }
}

function checkBoolean(column: Column): Input {
  const { name } = column
  const texts = column.type === 'categorical' ? column.categories : [...new Set(column.values)].map(String)
  const wrong = texts.find((text) => text !== 'NaN' && truthOf(text) === undefined)
  if (wrong === undefined) return { name, type: 'boolean' }
  throw new DataError(
    {
      code: 'HADAMARD_COLUMN_TYPE',
      where: `types.${name}`,
      expected: 'true and false, yes and no, or 1 and 0',
      received: `'${wrong}'`,
    },
    { column: name },
  )
}

const datePartNames: readonly DatePart[] = ['year', 'month', 'weekday', 'hour']

/** Turns of a whole circle, by part. */
const angles: Readonly<Record<DatePart, (moment: number) => number>> = {
  year: yearOf,
  month: (moment) => new Date(moment).getUTCMonth() / 12,
  weekday: (moment) => new Date(moment).getUTCDay() / 7,
  hour: (moment) => ((((moment / MS_PER_HOUR) % 24) + 24) % 24) / 24,
}

/** The year of a moment, with its fraction. */
export function yearOf(moment: number): number {
  return 1970 + moment / MS_PER_YEAR
}

function truthOf(value: Value): number | undefined {
  return truths.get(String(value).toLowerCase())
}

/** What writes the value of a row into its inputs, which are zeros. */
export type InputWriter = (value: Value | undefined, x: Float32Array | Float64Array, at: number) => Outcome

/** The writer of a column; it allocates nothing for numbers, booleans and categories. */
export function writerOf(input: Input): InputWriter {
  if (input.type === 'numeric') return numberWriter(input)
  if (input.type === 'date') return dateWriter(input)
  if (input.type === 'boolean') {
    return (value, x, at) => {
      if (isMissing(value)) return 'missing'
      const truth = truthOf(value)
      if (truth === undefined) return 'unseen'
      x[at] = truth
      return 'known'
    }
  }
  const indexOf = new Map(input.categories.map((category, index) => [category, index]))
  if (isIndexed(input)) {
    return (value, x, at) => {
      if (isMissing(value)) return 'missing'
      x[at] = (indexOf.get(String(value)) ?? -1) + 1
      return 'known'
    }
  }
  const rare = input.hasRare === true ? input.categories.length : -1
  return (value, x, at) => {
    if (isMissing(value)) return 'missing'
    const index = indexOf.get(typeof value === 'string' ? value : String(value)) ?? rare
    if (index < 0) return 'unseen'
    x[at + index] = 1
    return 'known'
  }
}

// A number as the network takes it.
function scaling({ mean, deviation, quantiles, clip }: NumericInput): (value: number) => number {
  if (quantiles !== undefined) return (value) => normalRank(value, quantiles)
  if (clip !== undefined) return (value) => smoothClip((value - mean) / deviation, clip)
  return (value) => (value - mean) / deviation
}

function numberWriter(input: NumericInput): InputWriter {
  const { hasIndicator } = input
  const scaled = scaling(input)
  return (value, x, at) => {
    if (isMissing(value)) {
      if (hasIndicator === true) x[at + 1] = 1
      return 'missing'
    }
    if (typeof value !== 'number') return 'wrong'
    x[at] = scaled(value)
    return Number.isFinite(x[at]) ? 'known' : 'wrong'
  }
}

// z / √(1 + (z/limit)²): z near 0, ±limit far out.
function smoothClip(z: number, limit: number): number {
  const ratio = z / limit
  // Beyond this the 1 makes no difference, and squares could overflow.
  return Math.abs(ratio) > 1e9 ? Math.sign(ratio) * limit : z / Math.sqrt(1 + ratio * ratio)
}

function dateWriter({ order, parts, mean, deviation }: DateInput): InputWriter {
  return (value, x, at) => {
    if (isMissing(value)) return 'missing'
    const moment = parseDate(String(value), order)
    if (Number.isNaN(moment)) return 'wrong'
    let place = at
    for (const part of parts) {
      const turn = angles[part](moment)
      if (part === 'year') x[place++] = (turn - mean) / deviation
      else {
        x[place++] = Math.sin(2 * Math.PI * turn)
        x[place++] = Math.cos(2 * Math.PI * turn)
      }
    }
    return 'known'
  }
}

function isMissing(value: Value | undefined): value is null | undefined {
  return value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value))
}

/** Probabilities nearer to 0 and 1 than this are taken as this, about 5.2 deviations out. */
const LEAST_RANK = 1e-7

/**
 * A number's place among quantiles as that of a standard normal variable; where quantiles repeat, the middle of its places,
 * also at the ends.
 *
 * @source scikit-learn, QuantileTransformer with output_distribution='normal'
 */
function normalRank(value: number, quantiles: readonly number[]): number {
  const last = quantiles.length - 1
  const rank = (rankFrom(value, quantiles, false) + rankFrom(value, quantiles, true)) / 2 / last
  return normalQuantile(Math.min(Math.max(rank, LEAST_RANK), 1 - LEAST_RANK))
}

// The interpolated index of a value; of equal quantiles the last, or the first.
function rankFrom(value: number, quantiles: readonly number[], isFirst: boolean): number {
  let [low, high] = [0, quantiles.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (isFirst ? quantiles[middle] < value : quantiles[middle] <= value) low = middle + 1
    else high = middle
  }
  if (low === 0) return 0
  if (low === quantiles.length) return quantiles.length - 1
  return low - 1 + (value - quantiles[low - 1]) / (quantiles[low] - quantiles[low - 1])
}

/** Where a column's inputs go: `x[row * width + offset]` and on. */
export interface Place {
  table: Table
  rows: ArrayLike<number>
  x: Float32Array | Float64Array
  offset: number
  width: number
}

/** How often a column's values were what the training rows did not have. */
export interface ColumnCounts {
  missing: number
  unseen: number
  /** Numbers below the smallest or above the largest. */
  outside: number
}

/**
 * Writes the inputs of a column for rows of a table.
 *
 * @throws DataError for a value that the input cannot take, with row and column
 */
export function* encodeColumn(input: Input, column: Column, place: Place): Paced<ColumnCounts> {
  if (input.type === 'numeric' && column.type === 'categorical') checkNoText(column, place)
  if (input.type === 'numeric' && column.type === 'numeric') return yield* scaleNumbers(input, column, place)
  const { rows, x, offset, width } = place
  const counts = { known: 0, missing: 0, unseen: 0, wrong: 0, outside: 0 }
  const write = writerOf(input)
  const writeRow =
    column.type === 'numeric'
      ? (row: number, at: number) => write(column.values[row], x, at)
      : textWriter(input, column, write, x)
  for (let i = 0; i < rows.length; i++) {
    const outcome = writeRow(rows[i], i * width + offset)
    if (outcome === 'wrong') throw wrongValue(input, column, rows[i], place.table)
    counts[outcome]++
    if (i % ROWS_AT_ONCE === 0) yield
  }
  return counts
}

// As the writer of the column does, with less to do for every row.
function* scaleNumbers(input: NumericInput, column: NumericColumn, place: Place): Paced<ColumnCounts> {
  const { rows, x, offset, width, table } = place
  const { values } = column
  const counts = { missing: 0, unseen: 0, outside: 0 }
  const scaled = scaling(input)
  const [low, high] = input.range ?? [-Infinity, Infinity]
  for (const [from, to] of piecesOf(rows.length)) {
    for (let i = from, at = from * width + offset; i < to; i++, at += width) {
      const value = values[rows[i]]
      if (Number.isNaN(value)) {
        counts.missing++
        if (input.hasIndicator === true) x[at + 1] = 1
        continue
      }
      x[at] = scaled(value)
      if (!Number.isFinite(x[at])) throw wrongValue(input, column, rows[i], table)
      if (value < low || value > high) counts.outside++
    }
    yield
  }
  return counts
}

// Every text is read once: its numbers are copied wherever it stands.
function textWriter(
  input: Input,
  column: CategoricalColumn,
  write: InputWriter,
  x: Float32Array | Float64Array,
): (row: number, at: number) => Outcome {
  const size = inputWidth(input)
  const learnt: ({ outcome: Outcome; at: number; values: Float64Array } | undefined)[] = []
  return (row, at) => {
    const code = column.codes[row]
    if (code < 0) return write(null, x, at)
    let known = learnt[code]
    if (known === undefined) {
      const values = new Float64Array(size)
      const outcome = write(column.categories[code], values, 0)
      const first = values.findIndex((value) => value !== 0)
      const end = values.findLastIndex((value) => value !== 0) + 1
      known = { outcome, at: Math.max(0, first), values: values.slice(Math.max(0, first), end) }
      learnt[code] = known
    }
    for (let j = 0; j < known.values.length; j++) x[at + known.at + j] = known.values[j]
    return known.outcome
  }
}

/** The error of a value that an input cannot take. */
export function wrongValue(input: Input, column: Column, row: number, table: Table): DataError {
  const expected =
    input.type === 'numeric'
      ? `a number near those of the training rows (mean ${input.mean}, deviation ${input.deviation})`
      : 'a date written as in the training rows'
  const value = column.type === 'numeric' ? column.values[row] : `'${column.categories[column.codes[row]]}'`
  return new DataError(
    {
      code: 'HADAMARD_COLUMN_TYPE',
      where: `${table.source ?? 'table'} row ${row}, column ${column.name}`,
      expected,
      received: String(value),
    },
    { column: column.name },
  )
}

// A numeric column of training that is text now: names the first text that is no number, else the first text.
function checkNoText(column: CategoricalColumn, { table, rows }: Place): void {
  const isNumber = column.categories.map(isNumberText)
  const present = Array.from(rows).filter((row) => column.codes[row] >= 0)
  const row = present.find((candidate) => !isNumber[column.codes[candidate]]) ?? present[0]
  if (row === undefined) return
  throw new DataError(
    {
      code: 'HADAMARD_COLUMN_TYPE',
      where: `${table.source ?? 'table'} row ${row}, column ${column.name}`,
      expected: 'a number, as in the training data',
      received: `the text '${column.categories[column.codes[row]]}'`,
    },
    { column: column.name },
  )
}
