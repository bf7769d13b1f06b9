/** The wording of what is wrong with a CSV: one message per kind, for both parsers. */

import { DataError, type Complaint } from '../errors.ts'
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
  }),
  infinite: ({ text }) => ({
    code: 'HADAMARD_CSV_NUMBER',
    expected: 'a finite number',
    received: `'${text}'`,
    cure: 'Declare the column categorical, or list the text as missing',
  }),
  missingValue: ({ text }) => ({
    code: 'HADAMARD_CSV_MISSING',
    expected: 'a value, as missing ones are not allowed',
    received: text === '' ? 'an empty field' : `'${text}'`,
  }),
}

/** The error for a failure of either parser. */
export function csvError(
  bytes: Uint8Array,
  failure: CsvFailure,
  context: CsvErrorContext,
  source: string,
): DataError {
  const { line } = failure
  const column = failure.column < 0 ? undefined : context.names[failure.column]
  const where = `${source} line ${line}${column === undefined ? '' : `, column ${column}`}`
  const text = shortText(bytes, failure.start, failure.end)
  return new DataError({ where, ...wordings[failure.error]({ text, failure, context }) }, { line, column })
}

/** `1 field`, `2 fields` */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

// The offending text on one line, cut after 40 characters.
function shortText(bytes: Uint8Array, start: number, end: number): string {
  const text = textAt(bytes, start, Math.min(end, start + 200)).replaceAll(/\r\n?|\n/g, '⏎')
  const characters = Array.from(text)
  return characters.length > 40 ? `${characters.slice(0, 40).join('')}…` : text
}
