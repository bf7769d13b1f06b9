/** The wording of what is wrong with a CSV: one message per kind, for both parsers. */

import { complain, DataError, type Complaint } from '../errors.ts'
import { textAt, type CsvErrorName, type CsvFailure } from './csv-parser.ts'

/** What the messages need to know of the file. */
export interface CsvErrorContext {
  names: readonly string[]
  /** False where the names were made up, because the file has none. */
  hasHeader: boolean
}

type Wording = (found: {
  text: string
  failure: CsvFailure
  context: CsvErrorContext
}) => Omit<Complaint, 'where'>

const wordings: Record<CsvErrorName, Wording> = {
  fieldCount: ({ failure, context }) => ({
    code: 'HADAMARD_CSV_RAGGED',
    expected: `${count(context.names.length, 'field')}, as in the ${context.hasHeader ? 'header' : 'first row'}`,
    received: `${failure.found}`,
    cure:
      failure.found < context.names.length
        ? 'Add the fields that are missing'
        : 'Put fields that hold the delimiter inside quotes',
  }),
  openQuote: ({ text }) => ({
    code: 'HADAMARD_CSV_QUOTE',
    expected: 'a closing quote',
    received: `the end of the file after "${text}`,
    cure: 'Close the quote, or write a quote inside a quoted text twice',
  }),
  afterQuote: ({ text }) => ({
    code: 'HADAMARD_CSV_QUOTE',
    expected: 'a delimiter or a line end after the closing quote',
    received: `'${text}'`,
    cure: 'Write a quote inside a quoted text twice',
  }),
  notNumber: ({ text }) => ({
    code: 'HADAMARD_CSV_NUMBER',
    expected: 'a number, as the column is declared numeric',
    received: `'${text}'`,
    cure: /^[-+]?\d+,\d+$/.test(text)
      ? 'Write decimals with a point'
      : 'Correct it, list it as missing, or declare the column categorical',
  }),
  infinite: ({ text }) => ({
    code: 'HADAMARD_CSV_NUMBER',
    expected: 'a finite number',
    received: `'${text}'`,
    cure: 'Declare the column categorical, or list the text as missing',
  }),
  notDate: ({ text }) => ({
    code: 'HADAMARD_COLUMN_TYPE',
    expected: 'a date, such as 2024-02-29 12:30 or 29 Feb 2024, or written as the others of its column',
    received: `'${text}'`,
    cure: 'Correct it, list it as missing, or take the column as categorical',
  }),
  missingValue: ({ text }) => ({
    code: 'HADAMARD_CSV_MISSING',
    expected: 'a value, as missing ones are not allowed',
    received: text === '' ? 'an empty field' : `'${text}'`,
    cure: 'Fill it in, or allow missing values',
  }),
}

/** What a failure is about, in full. */
export interface CsvComplaint {
  /** Name of the column; undefined where the whole record is meant. */
  column: string | undefined
  /** What would have been right. */
  expected: string
  /** The offending text, at most 40 characters. */
  value: string
  /** The start of the record's line, at most 200 characters. */
  text: string
  error: DataError
}

/** The error for a failure of either parser. */
export function csvError(
  bytes: Uint8Array,
  failure: CsvFailure,
  context: CsvErrorContext,
  source: string,
  /** Offset in the file of the first of `bytes`. */
  offset = 0,
): DataError {
  return csvComplaint(bytes, failure, context, source, offset).error
}

/** A failure in words; the message has all of them. */
export function csvComplaint(
  bytes: Uint8Array,
  failure: CsvFailure,
  context: CsvErrorContext,
  source: string,
  offset: number,
): CsvComplaint {
  const { line } = failure
  const column = failure.column < 0 ? undefined : context.names[failure.column]
  const where = `${source} line ${line}${column === undefined ? '' : `, column ${column}`}`
  const value = shortText(bytes, failure.start, failure.end)
  const wording = wordings[failure.error]({ text: value, failure, context })
  const text = lineText(bytes, failure.start)
  const place = `byte ${offset + failure.start}${failure.column < 0 ? '' : `, column ${failure.column + 1}`}`
  const message = `${complain({ where, ...wording })} (${place}: ${cut(text, 80)})`
  const error = new DataError(message, { line, column, code: wording.code })
  return { column, expected: wording.expected, value, text, error }
}

// The start of the physical line that an offset is on.
function lineText(bytes: Uint8Array, at: number): string {
  let from = at
  while (from > 0 && bytes[from - 1] !== 0x0a && bytes[from - 1] !== 0x0d) from--
  let to = from
  while (to < bytes.length && to - from < 800 && bytes[to] !== 0x0a && bytes[to] !== 0x0d) to++
  return Array.from(textAt(bytes, from, to))
    .slice(0, 200)
    .join('')
}

function cut(text: string, most: number): string {
  const characters = Array.from(text)
  return characters.length > most ? `${characters.slice(0, most).join('')}…` : text
}

/** `1 field`, `2 fields` */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

// The offending text on one line, cut after 40 characters.
function shortText(bytes: Uint8Array, start: number, end: number): string {
  const text = textAt(bytes, start, Math.min(end, start + 200)).replaceAll(/\r\n?|\n/g, '⏎')
  return cut(text, 40)
}
