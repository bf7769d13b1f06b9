/**
 * Turns the bytes below a CSV header into typed columns: the TypeScript twin of native/csv.cc, the same in every result.
 * Encoding, delimiter, header and the wording of errors are the business of csv.ts.
 */

import { isInfinityAt, isMissingNumberAt, numberAt } from './csv-number.ts'

/** What can be wrong with the bytes; csv.ts has one message for each. */
export type CsvErrorName =
  'fieldCount' | 'openQuote' | 'afterQuote' | 'notNumber' | 'infinite' | 'missingValue' | 'notDate'

/** Where and how the bytes broke the rules. */
export interface CsvFailure {
  error: CsvErrorName
  /** Physical line; the first of the file is 1. */
  line: number
  /** Index of the column, or -1 where the whole row is meant. */
  column: number
  /** The offending text is `bytes[start, end)`. */
  start: number
  end: number
  /** Fields found, for `fieldCount`; else 0. */
  found: number
}

/** A caller's word on a column: 0 none (found from the values), 1 numeric, 2 categorical. */
export type DeclaredType = 0 | 1 | 2

/** What the parser of the rows must know beforehand. */
export interface CsvBodyOptions {
  /** Offset of the first byte to read. */
  start: number
  /** Physical line at `start`. */
  line: number
  /** Byte that parts the fields. */
  delimiter: number
  /** One entry per column, see {@link DeclaredType}. */
  declared: Uint8Array
  /** Further texts that stand for a missing value, in columns of both types. */
  missing: readonly string[]
  /** False makes the first missing value an error. */
  allowMissing: boolean
}

/** A parsed column: numbers with NaN = missing, or codes into the categories with -1 = missing. */
export type CsvColumn =
  { values: Float64Array; missing: number } | { codes: Int32Array; categories: string[]; missing: number }

/** The parsed rows. */
export interface CsvBody {
  rows: number
  columns: CsvColumn[]
}

/** Reads field after field. After {@link Tokenizer.next} its public members describe the field just read. */
export class Tokenizer {
  position: number
  line: number
  /** Content of the field: inside the quotes where quoted, without the blanks around where not. */
  fieldStart = 0
  fieldEnd = 0
  fieldLine = 1
  isQuoted = false
  /** Whether the content holds doubled quotes that stand for one. */
  hasDoubledQuotes = false
  /** Whether the field is the last of its record. */
  isLast = false
  /** End of the bytes without the blank lines that close them. */
  readonly end: number

  private readonly bytes: Uint8Array
  private readonly delimiter: number
  // Where a tab parts the fields it is not a blank.
  private readonly tabBlank: number

  /** @param isWhole whether the bytes end the file, so that the blank lines at their end are left out */
  constructor(bytes: Uint8Array, delimiter: number, start: number, line: number, isWhole = true) {
    this.bytes = bytes
    this.delimiter = delimiter
    this.tabBlank = delimiter === tab ? space : tab
    this.position = start
    this.line = line
    this.end = isWhole ? this.endOfLastRecord() : bytes.length
  }

  // Behind the line end of the last record: what follows are blank lines.
  private endOfLastRecord(): number {
    const { bytes, position } = this
    let at = this.trimmed(position, bytes.length)
    if (at === position) return at
    while (at < bytes.length && this.isBlank(bytes[at])) at++
    if (bytes[at] === carriageReturn && bytes[at + 1] === lineFeed) at++
    return Math.min(at + 1, bytes.length)
  }

  // The end of what is left without the blanks and line ends that close it.
  private trimmed(start: number, end: number): number {
    let at = end
    while (at > start && (this.isBlank(this.bytes[at - 1]) || isLineEnd(this.bytes[at - 1]))) at--
    return at
  }

  isAtEnd(): boolean {
    return this.position >= this.end
  }

  /** Steps over the line at the start of a record if it holds nothing but blanks. */
  skipBlankLine(): boolean {
    const at = this.skipBlanks(this.position)
    if (at >= this.end || !isLineEnd(this.bytes[at])) return false
    this.position = at
    this.endRecord()
    return true
  }

  /** Reads the next field; the failure where its quotes are wrong (the column is left to the caller). */
  next(): CsvFailure | undefined {
    const { bytes, end, delimiter } = this
    let at = this.skipBlanks(this.position)
    this.fieldLine = this.line
    if (at < end && bytes[at] === quote) return this.nextQuoted(at)
    this.isQuoted = false
    this.hasDoubledQuotes = false
    this.fieldStart = at
    while (at < end && bytes[at] !== delimiter && !isLineEnd(bytes[at])) at++
    this.position = at
    while (at > this.fieldStart && this.isBlank(bytes[at - 1])) at--
    this.fieldEnd = at
    this.endField()
    return undefined
  }

  /** Reads on to the end of the record behind a quoted field that something follows, as if that were unquoted text. */
  skipRecord(): CsvFailure | undefined {
    this.skipToStop()
    while (!this.isLast) {
      const failed = this.next()
      if (failed?.error === 'openQuote') return failed
      if (failed !== undefined) this.skipToStop()
    }
    return undefined
  }

  private skipToStop(): void {
    const { bytes, end, delimiter } = this
    let at = this.position
    while (at < end && bytes[at] !== delimiter && !isLineEnd(bytes[at])) at++
    this.position = at
    this.endField()
  }

  private nextQuoted(open: number): CsvFailure | undefined {
    const { bytes, end, delimiter } = this
    this.isQuoted = true
    this.hasDoubledQuotes = false
    this.fieldStart = open + 1
    let at = open + 1
    for (; ; at++) {
      if (at >= end) return failure('openQuote', this.fieldLine, open + 1, this.trimmed(open + 1, end))
      if (bytes[at] === quote) {
        if (at + 1 >= end || bytes[at + 1] !== quote) break
        this.hasDoubledQuotes = true
        at++
      } else if (bytes[at] === lineFeed || (bytes[at] === carriageReturn && bytes[at + 1] !== lineFeed)) {
        this.line++
      }
    }
    this.fieldEnd = at
    at = this.skipBlanks(at + 1)
    this.position = at
    if (at < end && bytes[at] !== delimiter && !isLineEnd(bytes[at])) {
      while (at < end && bytes[at] !== delimiter && !isLineEnd(bytes[at])) at++
      while (this.isBlank(bytes[at - 1])) at--
      return failure('afterQuote', this.line, this.position, at)
    }
    this.endField()
    return undefined
  }

  // At a delimiter, a line end or the end of the bytes.
  private endField(): void {
    this.isLast = this.position >= this.end || this.bytes[this.position] !== this.delimiter
    if (!this.isLast) this.position++
    else if (this.position < this.end) this.endRecord()
  }

  private endRecord(): void {
    if (this.bytes[this.position] === carriageReturn && this.bytes[this.position + 1] === lineFeed)
      this.position++
    this.position++
    this.line++
  }

  /** Steps over the line end at `at`, where a record ends that another has read. */
  endRecordAt(at: number): void {
    this.position = at
    this.endRecord()
  }

  private skipBlanks(from: number): number {
    let at = from
    while (at < this.end && this.isBlank(this.bytes[at])) at++
    return at
  }

  private isBlank(byte: number): boolean {
    return byte === space || byte === this.tabBlank
  }
}

/** The text of the field that a tokenizer stands on. */
export function fieldText(bytes: Uint8Array, field: Tokenizer): string {
  const text = textAt(bytes, field.fieldStart, field.fieldEnd)
  return field.hasDoubledQuotes ? text.replaceAll('""', '"') : text
}

/** UTF-8 bytes as text. */
export function textAt(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
}

/**
 * Parses the rows of a CSV to typed columns. A column is numeric where every value is a number or missing, and categorical
 * where one is not, unless declared. Structure is checked first, values after, so a wrong field count anywhere is reported
 * before a wrong value.
 *
 * @returns the columns, or the first failure
 */
export function parseBody(bytes: Uint8Array, options: CsvBodyOptions): CsvBody | CsvFailure {
  const columns = Array.from(options.declared, (declared) => new ColumnScan(declared))
  const isOneColumn = columns.length === 1
  const missingTexts = new Set(options.missing)
  const field = new Tokenizer(bytes, options.delimiter, options.start, options.line)
  let rows = 0
  while (!field.isAtEnd()) {
    // A line of a one-column file that holds nothing is a missing value, elsewhere it is no row.
    if (!isOneColumn && field.skipBlankLine()) continue
    const recordStart = field.position
    const recordLine = field.line
    let found = 0
    do {
      const failed = field.next()
      if (failed !== undefined) return { ...failed, column: found }
      if (found < columns.length) columns[found].add(bytes, field, missingTexts)
      found++
    } while (!field.isLast)
    if (found !== columns.length) {
      return {
        error: 'fieldCount',
        line: recordLine,
        column: -1,
        start: recordStart,
        end: field.fieldEnd,
        found,
      }
    }
    rows++
  }
  return (
    firstWrongValue(columns, options.allowMissing) ?? {
      rows,
      columns: collect(bytes, options, columns, rows),
    }
  )
}

// What the first pass learns of a column. While no text was met the numbers are kept; then they are dropped.
class ColumnScan {
  isNumeric: boolean
  missing = 0
  text?: CsvFailure
  infinite?: CsvFailure
  missingNumber?: CsvFailure
  missingText?: CsvFailure
  private readonly isDeclaredNumeric: boolean
  private values = new Float64Array(256)
  private count = 0

  constructor(declared: number) {
    this.isNumeric = declared !== 2
    this.isDeclaredNumeric = declared === 1
  }

  add(bytes: Uint8Array, field: Tokenizer, missingTexts: ReadonlySet<string>): void {
    if (isMissingField(bytes, field, missingTexts)) {
      this.missingText ??= fieldFailure('missingValue', field)
      this.addMissing(field)
    } else if (this.isNumeric) this.addNumber(bytes, field)
  }

  numbers(): CsvColumn {
    return { values: this.values.slice(0, this.count), missing: this.missing }
  }

  private addNumber(bytes: Uint8Array, field: Tokenizer): void {
    const value = readNumberField(bytes, field)
    if (typeof value === 'number') this.push(value)
    else if (value === 'missing') this.addMissing(field)
    else if (value === 'infinite') {
      this.infinite ??= fieldFailure('infinite', field)
      this.push(0)
    } else if (this.isDeclaredNumeric) {
      this.text ??= fieldFailure('notNumber', field)
      this.push(0)
    } else this.turnToText()
  }

  private addMissing(field: Tokenizer): void {
    if (!this.isNumeric) return
    this.missingNumber ??= fieldFailure('missingValue', field)
    this.missing++
    this.push(NaN)
  }

  private turnToText(): void {
    this.isNumeric = false
    this.missing = 0
    this.values = new Float64Array(0)
  }

  private push(value: number): void {
    if (this.count === this.values.length) {
      const longer = new Float64Array(this.count * 2)
      longer.set(this.values)
      this.values = longer
    }
    this.values[this.count++] = value
  }
}

// The failure that comes first in the file; of a column that turned out to be text, only missing texts count.
function firstWrongValue(columns: readonly ColumnScan[], allowMissing: boolean): CsvFailure | undefined {
  let first: CsvFailure | undefined
  columns.forEach((column, index) => {
    const missing = allowMissing ? undefined : column.isNumeric ? column.missingNumber : column.missingText
    for (const failed of column.isNumeric ? [column.text, column.infinite, missing] : [missing]) {
      if (failed !== undefined && (first === undefined || failed.start < first.start))
        first = { ...failed, column: index }
    }
  })
  return first
}

// The second pass, over the texts only; it cannot fail, the first has checked everything.
function collect(
  bytes: Uint8Array,
  options: CsvBodyOptions,
  columns: readonly ColumnScan[],
  rows: number,
): CsvColumn[] {
  const texts = columns.map((column) => (column.isNumeric ? undefined : new TextColumn(rows)))
  if (texts.some((text) => text !== undefined)) {
    const missingTexts = new Set(options.missing)
    const field = new Tokenizer(bytes, options.delimiter, options.start, options.line)
    while (!field.isAtEnd()) {
      if (columns.length > 1 && field.skipBlankLine()) continue
      for (const text of texts) {
        field.next()
        text?.add(isMissingField(bytes, field, missingTexts) ? undefined : fieldText(bytes, field))
      }
    }
  }
  return columns.map((column, index) => texts[index]?.finish() ?? column.numbers())
}

// Texts as codes in the order of their first appearance, then sorted by UTF-16 code units.
class TextColumn {
  private readonly codes: Int32Array
  private readonly codeOf = new Map<string, number>()
  private missing = 0
  private row = 0

  constructor(rows: number) {
    this.codes = new Int32Array(rows)
  }

  add(text: string | undefined): void {
    let code = -1
    if (text === undefined) this.missing++
    else {
      code = this.codeOf.get(text) ?? this.codeOf.size
      if (code === this.codeOf.size) this.codeOf.set(text, code)
    }
    this.codes[this.row++] = code
  }

  finish(): CsvColumn {
    const categories = [...this.codeOf.keys()].sort()
    const rank = new Int32Array(categories.length)
    categories.forEach((category, index) => (rank[this.codeOf.get(category) ?? 0] = index))
    this.codes.forEach((code, row) => (this.codes[row] = code < 0 ? -1 : rank[code]))
    return { codes: this.codes, categories, missing: this.missing }
  }
}

/** Whether a field says that its value is missing, whatever the type of its column. */
export function isMissingField(
  bytes: Uint8Array,
  field: Tokenizer,
  missingTexts: ReadonlySet<string>,
): boolean {
  if (!field.isQuoted && field.fieldStart === field.fieldEnd) return true
  return missingTexts.size > 0 && missingTexts.has(fieldText(bytes, field))
}

/** What a field says where a number is expected: the number, or what else it is. */
export function readNumberField(
  bytes: Uint8Array,
  field: Tokenizer,
): number | 'missing' | 'infinite' | 'text' {
  let start = field.fieldStart
  let end = field.fieldEnd
  if (field.isQuoted) {
    while (start < end && isSpaceOrTab(bytes[start])) start++
    while (end > start && isSpaceOrTab(bytes[end - 1])) end--
  }
  const value = start < end ? numberAt(bytes, start, end) : NaN
  if (Number.isFinite(value)) return value
  if (isMissingNumberAt(bytes, start, end)) return 'missing'
  return !Number.isNaN(value) || isInfinityAt(bytes, start, end) ? 'infinite' : 'text'
}

function fieldFailure(error: CsvErrorName, field: Tokenizer): CsvFailure {
  return failure(error, field.fieldLine, field.fieldStart, field.fieldEnd)
}

function failure(error: CsvErrorName, line: number, start: number, end: number): CsvFailure {
  return { error, line, column: -1, start, end, found: 0 }
}

const tab = 0x09
const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const quote = 0x22

function isLineEnd(byte: number): boolean {
  return byte === lineFeed || byte === carriageReturn
}

function isSpaceOrTab(byte: number): boolean {
  return byte === space || byte === tab
}
