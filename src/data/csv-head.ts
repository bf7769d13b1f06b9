/** Finds what stands before the rows of a CSV: byte-order mark, delimiter, column names. */

import { DataError } from '../errors.ts'
import { count, csvError } from './csv-errors.ts'
import { fieldText, Tokenizer } from './csv-parser.ts'

/** What is known of a file before its rows are read. */
export interface CsvHead {
  names: string[]
  /** False where the names were made up. */
  hasHeader: boolean
  /** The byte that parts the fields. */
  delimiter: number
  /** Offset of the first row. */
  start: number
  /** Physical line at `start`. */
  line: number
}

const delimiters = [',', ';', '\t', '|']
const sampledRecords = 20

/**
 * Reads the head of a CSV. Blank lines before it are skipped.
 *
 * @throws DataError for an empty file, an unnamed or repeated column, and a quote that is never closed
 */
export function readHead(
  bytes: Uint8Array,
  options: { delimiter?: string; header?: boolean },
  source: string,
): CsvHead {
  const hasHeader = options.header ?? true
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  const delimiter = (options.delimiter ?? findDelimiter(bytes, start)).charCodeAt(0)
  const field = new Tokenizer(bytes, delimiter, start, 1)
  skipBlankLines(field)
  if (field.isAtEnd()) {
    const expected = hasHeader ? 'a header line and rows' : 'rows'
    throw new DataError({ code: 'HADAMARD_CSV_EMPTY', where: source, expected, received: 'an empty file' })
  }
  const first = { start: field.position, line: field.line }
  const names = readNames(bytes, field, source)
  if (!hasHeader) {
    return { names: names.map((_, index) => `column${index + 1}`), hasHeader, delimiter, ...first }
  }
  checkNames(names, first.line, source)
  return { names, hasHeader, delimiter, start: Math.min(field.position, field.end), line: field.line }
}

/**
 * The delimiter of a CSV from its first records, quotes respected: of the candidates that cut all of them into the same
 * number of fields, above one, the one that gives the most; else the one that gives the header the most; else a comma.
 */
export function findDelimiter(bytes: Uint8Array, start = 0): string {
  let best = { delimiter: ',', isEven: false, fields: 1 }
  for (const delimiter of delimiters) {
    const counts = sampleFieldCounts(bytes, delimiter.charCodeAt(0), start)
    const fields = counts[0] ?? 1
    const isEven = fields > 1 && counts.every((other) => other === fields)
    if (isEven === best.isEven ? fields > best.fields : isEven) best = { delimiter, isEven, fields }
  }
  return best.delimiter
}

// Fields of each of the first records; a record with wrong quotes ends the sample.
function sampleFieldCounts(bytes: Uint8Array, delimiter: number, start: number): number[] {
  const counts: number[] = []
  const field = new Tokenizer(bytes, delimiter, start, 1)
  while (counts.length < sampledRecords && !field.isAtEnd()) {
    if (field.skipBlankLine()) continue
    let fields = 0
    do {
      if (field.next() !== undefined) return counts
      fields++
    } while (!field.isLast)
    counts.push(fields)
  }
  return counts
}

function skipBlankLines(field: Tokenizer): void {
  while (!field.isAtEnd() && field.skipBlankLine());
}

function readNames(bytes: Uint8Array, field: Tokenizer, source: string): string[] {
  const names: string[] = []
  do {
    const failed = field.next()
    if (failed !== undefined) throw csvError(bytes, failed, { names: [], hasHeader: true }, source)
    names.push(fieldText(bytes, field))
  } while (!field.isLast)
  return names
}

function checkNames(names: readonly string[], line: number, source: string): void {
  const where = `${source} line ${line}`
  const unnamed = names.findIndex((name) => name.trim() === '')
  if (unnamed >= 0) {
    const received = `none for column ${unnamed + 1} of ${count(names.length, 'column')}`
    const cure = 'Name it, or read the file without a header'
    throw new DataError(
      { code: 'HADAMARD_CSV_HEADER', where, expected: 'a name for every column', received, cure },
      { line },
    )
  }
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) {
      const received = `'${name}' twice`
      throw new DataError(
        { code: 'HADAMARD_CSV_HEADER', where, expected: 'a name of its own for every column', received },
        { line, column: name },
      )
    }
    seen.add(name)
  }
}
