/** Leaves records out of a parsed block whose texts are no dates, in columns that hold dates. */

import { columnKinds, type BlockResult, type BlockTargets } from './csv-block.ts'
import { fieldText, Tokenizer, type CsvFailure } from './csv-parser.ts'
import { dateForm, parseDate, type DateOrder } from './dates.ts'

/** How the dates of a column are written; `any` where that is still to be found. */
export type ExpectedDates = DateOrder | 'any'

/** Records: `bytes[start, end)`, parsed by a reader with this delimiter and so many columns. */
interface BlockBytes {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly delimiter: number
  readonly columns: number
}

interface Plan {
  readonly dates?: ReadonlyMap<number, ExpectedDates>
  readonly categories: readonly (readonly string[] | undefined)[]
}

/**
 * Whether a text is a date.
 *
 * @example
 * isDateText('31.12.2024', 'dmy') // true
 */
export function isDateText(text: string, order: ExpectedDates): boolean {
  return order === 'any' ? dateForm([text]) !== undefined : !Number.isNaN(parseDate(text, order))
}

/**
 * Moves the rows with other texts to the rejects of the result, and closes the gaps that they leave in the targets.
 *
 * @param plan `dates` by the column's place in the file: a column that the reader has skipped is left alone; `categories` per column
 *   the texts that have codes, where they were given
 */
export function rejectWrongDates(
  block: BlockBytes,
  result: BlockResult,
  targets: BlockTargets,
  { dates = new Map(), categories }: Plan,
): void {
  const columns = valuesOf(result, targets)
  const isGiven = (column: number): boolean => targets.kinds[column] === columnKinds.categories
  const suspects = new Set<number>()
  for (const column of dates.keys()) {
    const values = columns[column]
    const texts = isGiven(column) ? categories[column] : result.texts[column]
    if (values === undefined || texts === undefined) continue
    const isWrong = texts.map((text) => !isDateText(text, dates.get(column) ?? 'any'))
    for (let row = 0; row < result.rows; row++) {
      const code = values.at(row)
      // Of a text that the given categories lack, nothing but that is known.
      if (code === -2 || isWrong[code]) suspects.add(row)
    }
  }
  if (suspects.size === 0) return
  const wrong = wrongRows(block, suspects, result.rejects, dates)
  leaveOut(wrong, result, columns)
  result.rejects = [...result.rejects, ...wrong.values()].sort((a, b) => a.start - b.start)
  for (const column of dates.keys()) if (!isGiven(column)) forgetUnused(column, result, columns)
}

/** The values of a column in its target. */
interface Values {
  readonly areCodes: boolean
  at(row: number): number
  set(row: number, value: number): void
}

function valuesOf({ texts }: BlockResult, targets: BlockTargets): (Values | undefined)[] {
  return targets.arrays.map((array, column) => {
    if (array === undefined) return undefined
    // A column to be found has memory for numbers; as text it takes codes.
    const isFound = texts[column] !== undefined && array instanceof Float64Array
    const values = isFound ? new Int32Array(array.buffer, array.byteOffset, array.length) : array
    const [offset, stride] = [targets.offsets[column], targets.strides[column]]
    return {
      areCodes: values instanceof Int32Array,
      at: (row) => values[offset + row * stride],
      set: (row, value) => (values[offset + row * stride] = value),
    }
  })
}

// Reads the suspects' fields again, as codes tell neither their texts nor their places.
function wrongRows(
  { bytes, start, end, delimiter, columns }: BlockBytes,
  suspects: ReadonlySet<number>,
  rejects: readonly CsvFailure[],
  dates: ReadonlyMap<number, ExpectedDates>,
): Map<number, CsvFailure> {
  const wrong = new Map<number, CsvFailure>()
  const field = new Tokenizer(bytes.subarray(0, end), delimiter, start, 1)
  const isRejected = (from: number, to: number): boolean =>
    rejects.some((reject) => reject.start >= from && reject.start < to)
  for (let row = 0; !field.isAtEnd();) {
    if (columns > 1 && field.skipBlankLine()) continue
    const from = field.position
    let failure: CsvFailure | undefined
    for (let column = 0; column === 0 || !field.isLast; column++) {
      if (field.next() !== undefined) field.skipRecord()
      const order = suspects.has(row) ? dates.get(column) : undefined
      if (order !== undefined) failure ??= dateFailure(bytes, field, column, order)
    }
    if (isRejected(from, field.position)) continue
    if (failure !== undefined) wrong.set(row, failure)
    row++
  }
  return wrong
}

function dateFailure(
  bytes: Uint8Array,
  field: Tokenizer,
  column: number,
  order: ExpectedDates,
): CsvFailure | undefined {
  if (isDateText(fieldText(bytes, field), order)) return undefined
  const { fieldLine: line, fieldStart: start, fieldEnd: end } = field
  return { error: 'notDate', column, line, start, end, found: 0 }
}

function leaveOut(
  wrong: ReadonlyMap<number, CsvFailure>,
  result: BlockResult,
  columns: readonly (Values | undefined)[],
): void {
  columns.forEach((values, column) => {
    if (values === undefined) return
    let to = 0
    for (let row = 0; row < result.rows; row++) {
      const value = values.at(row)
      if (!wrong.has(row)) values.set(to++, value)
      else if (values.areCodes ? value === -1 : Number.isNaN(value)) result.missing[column]--
      else if (values.areCodes && value === -2) result.unseen[column]--
    }
  })
  result.rows -= wrong.size
}

// Texts that no row has any more are not among those of the block.
function forgetUnused(column: number, result: BlockResult, columns: readonly (Values | undefined)[]): void {
  const [texts, values] = [result.texts[column], columns[column]]
  if (texts === undefined || values === undefined) return
  const codeOf = new Map<number, number>()
  for (let row = 0; row < result.rows; row++) {
    const code = values.at(row)
    if (code < 0) continue
    const known = codeOf.get(code) ?? codeOf.size
    codeOf.set(code, known)
    values.set(row, known)
  }
  result.texts[column] = Array.from(codeOf.keys(), (code) => texts[code])
}
