/**
 * Turns a block of whole CSV records into typed columns, for readers that see a file piece by piece: the TypeScript twin of
 * native/csv_block.cc, the same in every result. Knows nothing of files, headers or messages.
 */

import { isAscii } from 'node:buffer'
import {
  fieldText,
  isMissingField,
  readNumberField,
  Tokenizer,
  type CsvErrorName,
  type CsvFailure,
} from './csv-parser.ts'
import type { OpenFile } from './csv-bytes.ts'
import { isNumberText } from './csv-number.ts'
import { PlainNumber } from './csv-plain-number.ts'

/** How a column is read. `find` starts as numbers and turns to texts at the first value that is none. */
export const columnKinds = { skip: 0, find: 1, numeric: 2, texts: 3, categories: 4 } as const

/** Where the values of the columns go: in column `c` to element `offsets[c] + row * strides[c]` of `arrays[c]`. */
export interface BlockTargets {
  /** Per column one of {@link columnKinds}. */
  kinds: Uint8Array
  /**
   * On shared memory: float64 or float32 for numbers (NaN = missing), int32 for codes (-1 = missing, -2 = not among the
   * categories). A column to be found needs float64 from offset 0 with stride 1; the same memory takes codes if it turns out
   * to be text.
   */
  arrays: (Float64Array | Float32Array | Int32Array | undefined)[]
  offsets: Int32Array
  strides: Int32Array
  /** Rows that there is room for; at least the lines of the block. */
  capacity: number
}

/** What is the same for all blocks of a file. */
export interface BlockOptions {
  delimiter: number
  allowMissing: boolean
  /** Whether wrong records are listed and left out; else the first ends the block. */
  keepsGoing: boolean
  missing: readonly string[]
  /** Per column the texts that have codes, where its kind is `categories`. */
  categories: readonly (readonly string[] | undefined)[]
}

/** A parsed block. Lines count from 1 at the block's start, offsets from the start of its memory. */
export interface BlockResult {
  rows: number
  /** Per column. */
  missing: Float64Array
  unseen: Float64Array
  /** Of columns of text without given categories: the texts of the codes, in the order of their first appearance. */
  texts: (string[] | undefined)[]
  /** Of columns whose type is still to be found: the first value that is wrong if they stay numeric. */
  doubtful: CsvFailure[]
  /** Wrong records in the order of the file. Behind an open quote, the last of them, nothing can be told. */
  rejects: CsvFailure[]
}

/** What a piece of a file is made of. */
export interface CsvScan {
  /** Offset behind the last line end outside quotes; 0 without one. */
  recordEnd: number
  /** LF, CR LF and CR, inside quotes too. */
  lineEnds: number
  isAscii: boolean
  hasNul: boolean
}

/** Whole records that the reader's threads have cut off a file. */
export interface FilePiece {
  /** Of the first byte in the file. */
  offset: number
  /** 0 where there is none: at the end of the file, and where a record is longer than the memory for it. */
  bytes: number
  /** Line ends in it. */
  lines: number
  isAscii: boolean
  hasNul: boolean
}

/**
 * Reads the next piece of a file into `bytes`, and parses it: without a result where it is empty, or has as many lines as the
 * targets have room for rows. As for {@link BlockReader.parse}, the memory belongs to the reader until the promise is settled.
 */
export type ReadPiece = (
  bytes: Uint8Array,
  targets: BlockTargets,
) => Promise<{ piece: FilePiece; result: BlockResult | undefined }>

/** A parser of blocks with its threads. */
export interface BlockReader {
  readonly threads: number
  scan(bytes: Uint8Array, start: number, end: number): CsvScan
  /** `bytes` and the targets' arrays lie on shared memory and belong to the parser until the promise is settled. */
  parse(bytes: Uint8Array, start: number, end: number, targets: BlockTargets): Promise<BlockResult>
  /**
   * Reads on in a file, from the start of a record, on the threads that parse; undefined where there are none. The file stays
   * open until the reader is closed.
   */
  readonly openFile: ((file: OpenFile) => ReadPiece) | undefined
  /** To be called once, when no block is being parsed. */
  close(): void
}

/** The reader without the native core: on the caller's thread, a block at a time. */
export function fallbackBlockReader(options: BlockOptions): BlockReader {
  return {
    threads: 1,
    scan: (bytes, start, end) => scanBlock(bytes, start, end, options.delimiter),
    async parse(bytes, start, end, targets) {
      await new Promise((resolve) => setImmediate(resolve))
      return parseBlock(bytes, start, end, options, targets)
    },
    openFile: undefined,
    close: () => undefined,
  }
}

/** Bytes behind the end of a block that must be there. */
export const blockPadding = 64

/** Finds the last record's end in `bytes[start, end)`, which start with a record, and what there is to check. */
export function scanBlock(bytes: Uint8Array, start: number, end: number, delimiter: number): CsvScan {
  // Searches of the runtime are many times faster than a loop over bytes.
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
  const recordEnd = view.includes(quote)
    ? lastRecordEnd(bytes, start, end, delimiter)
    : lastLineEnd(bytes, start, end)
  return { recordEnd, lineEnds: lineEndsIn(view), isAscii: isAscii(view), hasNul: view.includes(0) }
}

function lineEndsIn(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) count++
  for (let at = bytes.indexOf(carriageReturn); at >= 0; at = bytes.indexOf(carriageReturn, at + 1))
    if (bytes[at + 1] !== lineFeed) count++
  return count
}

function lastLineEnd(bytes: Uint8Array, start: number, end: number): number {
  // Behind a CR at the very end a LF may still come.
  let at = end > start && bytes[end - 1] === carriageReturn ? end - 1 : end
  while (at > start && bytes[at - 1] !== lineFeed && bytes[at - 1] !== carriageReturn) at--
  return at > start ? at : 0
}

function lastRecordEnd(bytes: Uint8Array, start: number, end: number, delimiter: number): number {
  // Behind a CR at the very end a LF may still come.
  const known = end > start && bytes[end - 1] === carriageReturn ? end - 1 : end
  const field = new Tokenizer(bytes.subarray(0, known), delimiter, start, 1, false)
  let recordEnd = 0
  while (!field.isAtEnd()) {
    const failed = field.next()
    if (failed?.error === 'openQuote') break
    if (failed !== undefined && field.skipRecord() !== undefined) break
    const last = bytes[field.position - 1]
    if (field.isLast && (last === lineFeed || last === carriageReturn)) recordEnd = field.position
  }
  return recordEnd
}

/** Reads the records in `bytes[start, end)`, which hold whole records and have {@link blockPadding} behind them. */
export function parseBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
  options: BlockOptions,
  targets: BlockTargets,
): BlockResult {
  const kinds = targets.kinds.slice()
  for (;;) {
    const parser = new BlockParser(bytes.subarray(0, end), start, options, { ...targets, kinds })
    const turned = parser.run()
    if (turned.length === 0) return parser.finish()
    for (const column of turned) kinds[column] = columnKinds.texts
  }
}

class BlockParser {
  private readonly field: Tokenizer
  private readonly missingTexts: ReadonlySet<string>
  // Whether all columns are numbers, or may be. A listed text that looks like one only the rules can tell.
  private readonly isNumeric: boolean
  private readonly number = new PlainNumber()
  // Of the bytes and their padding.
  private readonly words: DataView
  private readonly codes: (Map<string, number> | undefined)[]
  private readonly doubtful: ({ failure: CsvFailure; row: number } | undefined)[] = []
  private readonly rejects: CsvFailure[] = []
  private readonly missing: Float64Array
  private readonly unseen: Float64Array
  private rows = 0
  private wrongValue: CsvFailure | undefined
  // Behind text that follows a quote, in some column of the same record.
  private openQuote: CsvFailure | undefined
  private turned: number[] = []
  private gaps: number[] = []
  private strangers: number[] = []

  constructor(
    private readonly bytes: Uint8Array,
    private readonly start: number,
    private readonly options: BlockOptions,
    private readonly targets: BlockTargets,
  ) {
    this.field = new Tokenizer(bytes, options.delimiter, start, 1)
    this.words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length + blockPadding)
    this.missingTexts = new Set(options.missing)
    this.isNumeric =
      targets.kinds.every((kind) => kind === columnKinds.numeric || kind === columnKinds.find) &&
      !options.missing.some(isNumberText)
    const width = targets.kinds.length
    this.missing = new Float64Array(width)
    this.unseen = new Float64Array(width)
    this.codes = Array.from(targets.kinds, (kind, column) => {
      if (kind === columnKinds.texts) return new Map<string, number>()
      if (kind !== columnKinds.categories) return undefined
      return new Map(options.categories[column]?.map((text, code) => [text, code]))
    })
  }

  /** The columns that turned out to be text: then the block is to be read anew. */
  run(): number[] {
    const { field, targets } = this
    const isOneColumn = targets.kinds.length === 1
    while (!field.isAtEnd() && this.rows < targets.capacity) {
      if (!isOneColumn && field.skipBlankLine()) continue
      if (this.isNumeric && this.readNumbers()) {
        this.rows++
        continue
      }
      const failed = this.readRecord()
      if (failed !== undefined) {
        if (!this.reject(failed)) break
      } else if (this.turned.length > 0) return this.turned
      else this.rows++
    }
    return []
  }

  finish(): BlockResult {
    if (this.rejects.length > 0) this.dropUnusedTexts()
    const { rows, missing, unseen, rejects } = this
    const texts = this.codes.map((codes, column) => {
      if (codes === undefined) return undefined
      return this.targets.kinds[column] === columnKinds.texts ? [...codes.keys()] : []
    })
    const doubtful = this.doubtful.flatMap((found) => (found === undefined ? [] : [found.failure]))
    return { rows, missing, unseen, texts, doubtful, rejects }
  }

  // Most records of a file of numbers are nothing but plain numbers. False for another; then nothing counts that was stored.
  private readNumbers(): boolean {
    const { bytes, field, number, words } = this
    const { arrays, offsets, strides } = this.targets
    const { delimiter } = this.options
    let at = field.position
    for (let column = 0; column < arrays.length; column++) {
      if (column > 0 && bytes[at++] !== delimiter) return false
      if (!number.readPadded(bytes, words, at)) return false
      at = number.end
      const array = arrays[column]
      if (array !== undefined) array[offsets[column] + this.rows * strides[column]] = number.value
    }
    if (at >= field.end || (bytes[at] !== lineFeed && bytes[at] !== carriageReturn)) return false
    field.endRecordAt(at)
    return true
  }

  // Reads the record at the position and moves behind it. The failure of structure, else of the first wrong value.
  private readRecord(): CsvFailure | undefined {
    const { field } = this
    const width = this.targets.kinds.length
    const recordStart = field.position
    this.wrongValue = undefined
    this.turned = []
    this.gaps = []
    this.strangers = []
    let found = 0
    do {
      const failed = field.next()
      if (failed !== undefined) return this.unreadable(failed, found)
      if (found < width) this.readField(found)
      found++
    } while (!field.isLast)
    if (found === width) return this.wrongValue
    return { ...this.failure('fieldCount', -1, recordStart, field.fieldEnd), found }
  }

  private readField(column: number): void {
    const { bytes, field, targets } = this
    const kind = targets.kinds[column]
    if (kind === columnKinds.skip) return
    if (isMissingField(bytes, field, this.missingTexts)) {
      if (!this.options.allowMissing) this.note('missingValue', column, false)
      this.storeGap(column)
    } else if (this.codes[column] !== undefined) this.storeText(column, fieldText(bytes, field))
    else this.storeNumber(column, readNumberField(bytes, field))
  }

  private storeNumber(column: number, value: number | 'missing' | 'infinite' | 'text'): void {
    const isFound = this.targets.kinds[column] === columnKinds.find
    if (typeof value === 'number') {
      this.store(column, value)
      return
    }
    if (value === 'missing') {
      if (!this.options.allowMissing) this.note('missingValue', column, isFound)
      this.storeGap(column)
      return
    }
    this.store(column, NaN)
    if (value === 'infinite') this.note('infinite', column, isFound)
    else if (isFound) this.turned.push(column)
    else this.note('notNumber', column, false)
  }

  private storeText(column: number, text: string): void {
    const codes = this.codes[column]
    let code = codes?.get(text)
    if (code === undefined && this.targets.kinds[column] === columnKinds.texts) {
      code = codes?.size ?? 0
      codes?.set(text, code)
    }
    if (code === undefined) {
      this.unseen[column]++
      this.strangers.push(column)
    }
    this.store(column, code ?? -2)
  }

  private storeGap(column: number): void {
    this.missing[column]++
    this.gaps.push(column)
    this.store(column, this.codes[column] === undefined ? NaN : -1)
  }

  private store(column: number, value: number): void {
    const { offsets, strides } = this.targets
    const array = this.arrayOf(column)
    if (array !== undefined) array[offsets[column] + this.rows * strides[column]] = value
  }

  // A column to be found has float64 memory; as text it takes codes.
  private arrayOf(column: number): Float64Array | Float32Array | Int32Array | undefined {
    const array = this.targets.arrays[column]
    if (this.codes[column] === undefined || !(array instanceof Float64Array)) return array
    return new Int32Array(array.buffer, array.byteOffset, array.length * 2)
  }

  // A wrong value; a doubtful one is wrong only if its column stays numeric.
  private note(error: CsvErrorName, column: number, isDoubtful: boolean): void {
    const failure = this.failure(error, column, this.field.fieldStart, this.field.fieldEnd)
    if (isDoubtful) this.doubtful[column] ??= { failure: this.withLine(failure), row: this.rows }
    else this.wrongValue ??= failure
  }

  // Quotes that are wrong; the position is moved behind the record where that can be told.
  private unreadable(failed: CsvFailure, column: number): CsvFailure {
    if (failed.error === 'afterQuote') this.openQuote = this.field.skipRecord()
    return { ...failed, column }
  }

  // Takes back what the record has left, and lists it. False where reading ends with it.
  private reject(failure: CsvFailure): boolean {
    for (const column of this.gaps) this.missing[column]--
    for (const column of this.strangers) this.unseen[column]--
    this.doubtful.forEach((found, column) => {
      if (found?.row === this.rows) this.doubtful[column] = undefined
    })
    this.rejects.push(this.withLine(failure))
    if (!this.options.keepsGoing || failure.error === 'openQuote') return false
    if (this.openQuote === undefined) return true
    this.rejects.push(this.withLine(this.openQuote))
    return false
  }

  // Texts of rejected records may be among them.
  private dropUnusedTexts(): void {
    this.codes.forEach((codes, column) => {
      const array = this.arrayOf(column)
      if (codes === undefined || array === undefined || this.targets.kinds[column] !== columnKinds.texts)
        return
      const texts = [...codes.keys()]
      const used = new Map<string, number>()
      for (let row = 0; row < this.rows; row++) {
        const at = this.targets.offsets[column] + row * this.targets.strides[column]
        if (array[at] < 0) continue
        const text = texts[array[at]]
        const code = used.get(text) ?? used.size
        used.set(text, code)
        array[at] = code
      }
      this.codes[column] = used
    })
  }

  private withLine(failure: CsvFailure): CsvFailure {
    let line = 1
    for (let at = this.start; at < failure.start; at++)
      if (
        this.bytes[at] === lineFeed ||
        (this.bytes[at] === carriageReturn && this.bytes[at + 1] !== lineFeed)
      )
        line++
    return { ...failure, line }
  }

  private failure(error: CsvErrorName, column: number, start: number, end: number): CsvFailure {
    return { error, line: 0, column, start, end, found: 0 }
  }
}

const quote = 0x22
const lineFeed = 0x0a
const carriageReturn = 0x0d
