/** Dates and times as people write them: ISO and the common forms with slashes, dots and blanks. Time zones are taken as written. */

import type { CategoricalColumn } from './table.ts'

/** The order in which a form writes day, month and year. */
export type DateOrder = 'ymd' | 'mdy' | 'dmy'

/** How the dates of a column are written. */
export interface DateForm {
  order: DateOrder
  /** Whether day and month could be the other way round in every value. */
  isAmbiguous: boolean
}

const TIME =
  /(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s*(am|pm)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?/
    .source
const ISO = new RegExp(`^(\\d{4})([-/.])(\\d{1,2})\\2(\\d{1,2})${TIME}$`, 'i')
const COMPACT = new RegExp(`^(\\d{4})()(\\d{2})(\\d{2})T(\\d{2}):?(\\d{2})(?::?(\\d{2}))?()(Z)?$`, 'i')
const PARTS = new RegExp(`^(\\d{1,2})([-/.])(\\d{1,2})\\2(\\d{4})${TIME}$`, 'i')
const NAMED = new RegExp(
  `^(?:(\\d{1,2})[ .-]+)?([a-z]{3,9})\\.?[ -]+(?:(\\d{1,2}),?[ -]+)?(\\d{4})${TIME}$`,
  'i',
)
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]

/**
 * The moment that a text stands for, in milliseconds since 1970 by the clock that wrote it; a zone is left aside.
 *
 * @returns NaN for a text that is no date of the form, 31 February included
 * @example
 * parseDate('2024-02-29T12:00Z', 'ymd') // Date.UTC(2024, 1, 29, 12)
 * parseDate('29.02.2023', 'dmy') // NaN
 */
export function parseDate(text: string, order: DateOrder): number {
  const iso = ISO.exec(text) ?? COMPACT.exec(text)
  if (iso !== null) return momentOf(iso[1], iso[3], iso[4], iso.slice(5))
  const parts = PARTS.exec(text)
  if (parts !== null) {
    const [month, day] = order === 'dmy' ? [parts[3], parts[1]] : [parts[1], parts[3]]
    return order === 'ymd' ? NaN : momentOf(parts[4], month, day, parts.slice(5))
  }
  const named = NAMED.exec(text)
  if (named === null || (named[1] === undefined) === (named[3] === undefined)) return NaN
  const name = named[2].toLowerCase()
  const month = MONTHS.findIndex(
    (full) => full === name || full.slice(0, 3) === name || (name === 'sept' && full === 'september'),
  )
  return month < 0 ? NaN : momentOf(named[4], String(month + 1), named[1] ?? named[3], named.slice(5))
}

/**
 * How all texts of a column are written, where they are dates. Where day and month can be told apart in no value, the month
 * comes first with slashes and the day with dots and dashes.
 *
 * @returns undefined where a text is no date
 */
export function dateForm(texts: readonly string[]): DateForm | undefined {
  const fits = (order: DateOrder): boolean => texts.every((text) => !Number.isNaN(parseDate(text, order)))
  if (texts.length === 0) return undefined
  if (fits('ymd')) return { order: 'ymd', isAmbiguous: false }
  const [monthFirst, dayFirst] = [fits('mdy'), fits('dmy')]
  if (!monthFirst && !dayFirst) return undefined
  const isAmbiguous =
    monthFirst && dayFirst && texts.some((text) => parseDate(text, 'mdy') !== parseDate(text, 'dmy'))
  const prefersMonth = monthFirst && (!dayFirst || texts.some((text) => /^\d{1,2}\//.test(text)))
  return { order: prefersMonth ? 'mdy' : 'dmy', isAmbiguous }
}

/** Moments of the rows of a column of dates; NaN where missing or no date of the form. */
export function momentsOf({ codes, categories }: CategoricalColumn, order: DateOrder): Float64Array {
  const moments = categories.map((text) => parseDate(text, order))
  return Float64Array.from(codes, (code) => (code < 0 ? NaN : moments[code]))
}

// Refuses what a calendar has not: the date that comes out must be the one that went in.
function momentOf(year: string, month: string, day: string, time: readonly (string | undefined)[]): number {
  const [y, m, d] = [year, month, day].map(Number)
  const [hour = '0', minute = '0', second = '0', half] = time
  const isTwelve = half !== undefined && half !== ''
  const h = isTwelve ? (Number(hour) % 12) + (half.toLowerCase() === 'pm' ? 12 : 0) : Number(hour)
  const isClock =
    h <= 23 &&
    Number(minute) <= 59 &&
    Number(second) <= 60 &&
    (!isTwelve || (Number(hour) >= 1 && Number(hour) <= 12))
  const date = new Date(0)
  date.setUTCFullYear(y, m - 1, d)
  if (!isClock || date.getUTCFullYear() !== y || date.getUTCMonth() !== m - 1 || date.getUTCDate() !== d)
    return NaN
  return date.getTime() + ((h * 60 + Number(minute)) * 60 + Number(second)) * 1000
}
