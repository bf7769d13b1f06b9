/**
 * Reads CSV files of any size in bounded memory: pieces of a file are cut at the ends of records, parsed side by side, and
 * handed on in the order of the file. What is done with the values, and what types they have, others decide.
 */

import { readsNatively } from '../backends/choose.ts'
import { nativeBlockReader } from '../backends/native.ts'
import { DataError } from '../errors.ts'
import { breathe } from '../paced.ts'
import {
  blockPadding,
  fallbackBlockReader,
  type BlockOptions,
  type BlockReader,
  type BlockResult,
  type BlockTargets,
  type ReadPiece,
} from './csv-block.ts'
import type { ByteSource } from './csv-bytes.ts'
import { checkMark, checkText, lineAt } from './csv-encoding.ts'
import { recordLines } from './csv-lines.ts'
import { rejectWrongDates, type ExpectedDates } from './csv-dates.ts'
import { csvComplaint, type CsvComplaint } from './csv-errors.ts'
import { readHead, type CsvHead } from './csv-head.ts'
import type { CsvFailure } from './csv-parser.ts'

/** A record that was left out, or would have been. */
export interface CsvReject {
  /** The file, as its path was given. */
  file: string
  /** Physical line; the first of the file is 1. */
  line: number
  /** Of the offending text in the file (unpacked, where it is packed). */
  byteOffset: number
  /** From 1; undefined where the whole record is meant. */
  columnNumber?: number
  /** Name of the column. */
  column?: string
  /** The offending text, at most 40 characters; where the whole record is meant, its own. */
  value: string
  /** What would have been right. */
  expected: string
  /** The start of the record's line, at most 200 characters. */
  text: string
  /** What was expected, what came, and the cure. */
  message: string
}

/** What is known of the columns when a reading starts. */
export interface StreamPlan {
  /** Targets for a block of so many rows at most; they may have room for more. */
  targets(capacity: number): BlockTargets
  /** Per column the texts that have codes, where its kind is `categories`. */
  categories: readonly (readonly string[] | undefined)[]
  allowMissing: boolean
  missing: readonly string[]
  keepsGoing: boolean
  /** By their places in the file: columns of texts that must be dates. */
  dates?: ReadonlyMap<number, ExpectedDates>
}

/** The rows of a piece of a file. */
export interface StreamBlock extends BlockResult {
  targets: BlockTargets
  /** Number of the first row, counted over all files. */
  firstRow: number
  /** As errors, in the order of the file. */
  errors: { error: DataError; reject: CsvReject }[]
  /** The file, and the physical line of each row; to be asked before the next block. */
  places: () => { file: string; lines: readonly number[] }
  /** The errors of `doubtful`, with the column of each. */
  doubts: { column: number; error: DataError }[]
}

export interface StreamOptions {
  delimiter?: string
  header?: boolean
  backend?: 'native' | 'fallback'
  threads?: number
  /** Bytes of a piece; default 512 KiB, on the fallback 256 KiB, which takes it some milliseconds. */
  chunkBytes?: number
  /** A record may have so many bytes (default 64 MiB): what an open quote swallows before reading gives up. */
  maxRecordBytes?: number
}

const nativeChunkBytes = 2 ** 19
const fallbackChunkBytes = 2 ** 18
const defaultMaxRecordBytes = 2 ** 26

// Pieces under way beside those that are parsed: as many as keep the threads busy while the event loop waits for a core.
const mostWaiting = 4

/** A file that has been opened and whose head has been read. */
export class CsvStream {
  /** Bytes after `filled` are free; those from `start` on are unread. */
  private buffer: Uint8Array
  private filled = 0
  private start = 0
  private isAtEnd = false
  /** Offset in the file of the buffer's first byte, and physical line at `start`. */
  private offset = 0
  private line = 1
  /** Of the pieces so far, the most. */
  private linesPerByte = 0

  private constructor(
    readonly source: ByteSource,
    private readonly options: Required<Pick<StreamOptions, 'chunkBytes' | 'maxRecordBytes'>> & StreamOptions,
    private readonly isNative: boolean,
    private readonly spare: Uint8Array[],
  ) {
    this.buffer = this.takeBytes()
  }

  /** What stands before the rows; set by {@link open}. */
  head!: CsvHead

  /**
   * @param spare memory of pieces that streams with the same options have left, and where this one leaves its own
   * @throws DataError for a file without a header, with a wrong one, or with bytes that are no text
   */
  static async open(source: ByteSource, options: StreamOptions, spare: Uint8Array[]): Promise<CsvStream> {
    const isNative = readsNatively({ backend: options.backend })
    const chunkBytes = options.chunkBytes ?? (isNative ? nativeChunkBytes : fallbackChunkBytes)
    const maxRecordBytes = options.maxRecordBytes ?? defaultMaxRecordBytes
    const stream = new CsvStream(source, { ...options, chunkBytes, maxRecordBytes }, isNative, spare)
    await stream.readHead()
    return stream
  }

  private async readHead(): Promise<void> {
    for (;;) {
      await this.fill()
      const bytes = this.buffer.subarray(0, this.filled)
      checkMark(bytes, this.source.name)
      // A sequence that the end of the piece cuts is complete in the next.
      checkText(this.isAtEnd ? bytes : wholeLines(bytes), this.source.name, 1)
      const head = this.tryHead(bytes)
      if (head !== undefined) {
        this.head = head
        this.start = head.start
        this.line = head.line
        return
      }
      this.grow()
    }
  }

  // Undefined where the head may go on behind what has been read.
  private tryHead(bytes: Uint8Array): CsvHead | undefined {
    if (this.isAtEnd) return readHead(bytes, this.options, this.source.name)
    try {
      const lines = wholeLines(bytes)
      const head = lines.length === 0 ? undefined : readHead(lines, this.options, this.source.name)
      return head !== undefined && (head.start < lines.length || lines.length < bytes.length)
        ? head
        : undefined
    } catch (error) {
      if (error instanceof DataError && this.buffer.length < this.options.maxRecordBytes) return undefined
      throw error
    }
  }

  /** The blocks of the file in its order. To be called once. */
  async *blocks(plan: StreamPlan, firstRow: number): AsyncGenerator<StreamBlock> {
    const reader = this.reader({ ...plan, delimiter: this.head.delimiter })
    const waiting: Promise<Parsed | undefined>[] = []
    let row = firstRow
    let readPiece: ReadPiece | undefined
    try {
      for (let count = 0; ;) {
        for (; waiting.length < reader.threads + mostWaiting; count++) {
          // The first piece tells how many rows there is to be room for.
          if (count === 1) readPiece = this.openFile(reader)
          const piece = readPiece ?? (await this.nextPiece(reader))
          if (piece === undefined) break
          const parsed =
            typeof piece === 'function'
              ? this.readNext(piece, reader, plan, waiting.at(-1))
              : this.parse(piece, reader, plan)
          // Whoever awaits it may be told of another failure first.
          parsed.catch(() => undefined)
          waiting.push(parsed)
        }
        const next = waiting.shift()
        if (next === undefined) return
        const parsed = await next
        if (parsed === undefined) {
          // The threads do not find the end of a record: this one goes on. All that wait have found nothing either.
          await Promise.all(waiting.splice(0))
          readPiece = undefined
          continue
        }
        const { piece, result, targets } = parsed
        if (plan.dates !== undefined) rejectWrongDates({ ...piece, ...this.form() }, result, targets, plan)
        const places = (): ReturnType<StreamBlock['places']> => this.placesOf(piece, result)
        const block = { ...result, targets, firstRow: row, places, ...this.wordings(piece, result) }
        this.leaveBytes(piece.bytes)
        row += result.rows
        await breathe()
        yield block
      }
    } finally {
      await Promise.allSettled(waiting)
      reader.close()
    }
  }

  close(): Promise<void> {
    this.leaveBytes(this.buffer)
    return this.source.close()
  }

  private takeBytes(): Uint8Array {
    return this.spare.pop() ?? sharedBytes(this.options.chunkBytes)
  }

  // What has grown for a long record goes.
  private leaveBytes(bytes: Uint8Array): void {
    if (bytes.length === this.options.chunkBytes + blockPadding) this.spare.push(bytes)
  }

  private reader(options: BlockOptions): BlockReader {
    return this.isNative ? nativeBlockReader(options, this.options.threads) : fallbackBlockReader(options)
  }

  private async parse(piece: Piece, reader: BlockReader, plan: StreamPlan): Promise<Parsed> {
    const { bytes, start, end, lines } = piece
    this.linesPerByte = Math.max(this.linesPerByte, (lines + 1) / (end - start))
    const targets = plan.targets(lines + 1)
    return { piece, targets, result: await reader.parse(bytes, start, end, targets) }
  }

  // From here on the reader's threads read, where they can. In a file of one column it takes a look behind a piece to tell
  // whether blank lines at its end are rows.
  private openFile(reader: BlockReader): ReadPiece | undefined {
    const { file } = this.source
    if (file === undefined || this.isAtEnd || this.head.names.length === 1) return undefined
    this.filled = this.start = 0
    file.position = this.offset
    return reader.openFile?.(file)
  }

  // Undefined where the threads find no piece. Pieces come in any order, and are counted in that of the file.
  private async readNext(
    readPiece: ReadPiece,
    reader: BlockReader,
    plan: StreamPlan,
    before: Promise<unknown> | undefined,
  ): Promise<Parsed | undefined> {
    const bytes = this.takeBytes()
    const targets = plan.targets(Math.ceil(this.linesPerByte * bytes.length))
    const { piece: found, result } = await readPiece(bytes, targets)
    await before
    const { bytes: end, lines, offset } = found
    if (end === 0) return undefined
    const piece = { bytes, start: 0, end, lines, line: this.line, offset }
    this.offset += end
    this.line += lines
    if (this.source.file !== undefined) this.source.file.position = this.offset
    if (found.hasNul || !found.isAscii) checkText(bytes.subarray(0, end), this.source.name, piece.line)
    return result === undefined ? this.parse(piece, reader, plan) : { piece, targets, result }
  }

  // Cuts the next whole records off what is read, and leaves the rest at the start of another buffer.
  private async nextPiece(reader: BlockReader): Promise<Piece | undefined> {
    for (;;) {
      await this.fill()
      const { buffer: bytes, start, filled } = this
      if (start === filled && this.isAtEnd) return undefined
      const scan = reader.scan(bytes, start, filled)
      const end = this.isAtEnd ? filled : this.cut(scan.recordEnd)
      if (end > start) {
        if (scan.hasNul || !scan.isAscii) checkText(bytes.subarray(start, end), this.source.name, this.line)
        const lines =
          scan.lineEnds - (end < filled ? lineAt(bytes.subarray(end, filled), filled - end) - 1 : 0)
        const piece = { bytes, start, end, lines, line: this.line, offset: this.offset }
        this.buffer = this.takeBytes()
        if (this.buffer.length - blockPadding <= filled - end) this.buffer = sharedBytes(2 * (filled - end))
        this.buffer.set(bytes.subarray(end, filled))
        this.filled = filled - end
        this.start = 0
        this.offset += end
        this.line += lines
        return piece
      }
      if (!this.isAtEnd) this.grow()
    }
  }

  // In a file of one column, blank lines at the end of a piece are rows only if others follow: they stay for the next.
  private cut(recordEnd: number): number {
    if (this.head.names.length !== 1) return recordEnd
    let end = recordEnd
    while (end > this.start && isBlankOrLineEnd(this.buffer[end - 1])) end--
    if (end === this.start) return end
    while (end < recordEnd && !isLineEnd(this.buffer[end])) end++
    return end + (this.buffer[end] === 0x0d && this.buffer[end + 1] === 0x0a ? 2 : 1)
  }

  private async fill(): Promise<void> {
    const room = this.buffer.length - blockPadding - this.filled
    if (this.isAtEnd || room <= 0) return
    const read = await this.source.read(this.buffer.subarray(this.filled, this.filled + room))
    this.filled += read
    if (read < room) this.isAtEnd = true
  }

  private grow(): void {
    const bytes = this.filled - this.start
    if (bytes >= this.options.maxRecordBytes) {
      const { name } = this.source
      const received = `more than ${bytes} bytes without its end`
      const cure = 'A quote may be open: close it, or write a quote inside a quoted text twice'
      const expected = `a record of at most ${this.options.maxRecordBytes} bytes`
      throw new DataError(
        { code: 'HADAMARD_CSV_RECORD', where: `${name} line ${this.line}`, expected, received, cure },
        { line: this.line },
      )
    }
    const longer = sharedBytes(2 * this.buffer.length)
    longer.set(this.buffer.subarray(0, this.filled))
    this.buffer = longer
  }

  private wordings(piece: Piece, result: BlockResult): Pick<StreamBlock, 'errors' | 'doubts'> {
    return {
      errors: result.rejects.map((failure) => {
        const complaint = this.complaint(piece, failure)
        return { error: complaint.error, reject: this.reject(piece, failure, complaint) }
      }),
      doubts: result.doubtful.map((failure) => ({
        column: failure.column,
        error: this.complaint(piece, failure).error,
      })),
    }
  }

  private form(): { delimiter: number; columns: number } {
    return { delimiter: this.head.delimiter, columns: this.head.names.length }
  }

  private placesOf(piece: Piece, { rejects }: BlockResult): ReturnType<StreamBlock['places']> {
    const { delimiter, names } = this.head
    const leftOut = rejects.map(({ start }) => start)
    return { file: this.source.name, lines: recordLines(piece, delimiter, names.length, leftOut) }
  }

  private complaint(piece: Piece, failure: CsvFailure): CsvComplaint {
    const line = piece.line - 1 + failure.line
    // A recycled buffer has other bytes in front.
    const bytes = piece.bytes.subarray(piece.start, piece.end)
    const [start, end] = [failure.start - piece.start, failure.end - piece.start]
    const offset = piece.offset + piece.start
    return csvComplaint(bytes, { ...failure, line, start, end }, this.head, this.source.name, offset)
  }

  private reject(piece: Piece, failure: CsvFailure, complaint: CsvComplaint): CsvReject {
    const { column, expected, value, text, error } = complaint
    return {
      file: this.source.name,
      line: error.line ?? 0,
      byteOffset: piece.offset + failure.start,
      ...(column === undefined ? {} : { columnNumber: failure.column + 1, column }),
      value,
      expected,
      text,
      message: error.message,
    }
  }
}

/** Records of a file: `bytes[start, end)`. */
interface Piece {
  bytes: Uint8Array
  start: number
  end: number
  /** Line ends in it. */
  lines: number
  /** Physical line at its start. */
  line: number
  /** Offset in the file of the first of `bytes`. */
  offset: number
}

interface Parsed {
  piece: Piece
  targets: BlockTargets
  result: BlockResult
}

function wholeLines(bytes: Uint8Array): Uint8Array {
  const end = Math.max(bytes.lastIndexOf(0x0a), bytes.lastIndexOf(0x0d, -2))
  return bytes.subarray(0, end + 1)
}

function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length + blockPadding))
}

function isLineEnd(byte: number): boolean {
  return byte === 0x0a || byte === 0x0d
}

function isBlankOrLineEnd(byte: number): boolean {
  return isLineEnd(byte) || byte === 0x20 || byte === 0x09
}
