/**
 * Keeps the columns of rows in temporary files while these are surveyed, so that encoding them need not parse their file a second
 * time. The files have no names once they are open: whatever becomes of the process, the system takes them back. There are several, so
 * that the memory and the disk of what has been read again serve the packed rows.
 */

import { open, rm, statfs, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DataError } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'
import { temporaryBeside } from '../temporary.ts'
import { numbersInto, type Chunk } from './chunks.ts'
import type { SchemaColumn } from './survey.ts'
import { countOf, type Column } from './table.ts'
import { categoriesOf } from './training-summary.ts'

/** Of what is free when a spool is made: the packed rows, which come after it, take less than it does. */
const MOST_OF_FREE = 0.5

/** Chunks before the latest whose memory still is as it was. */
export const CHUNKS_KEPT = 2

/** Numbers of a column, or places of its texts in a list of its own; -1 being a missing one. */
export type SpooledPiece = Float64Array | Int32Array

/** Bytes of a file at least, and of all files together the part that one is. */
const LEAST_FILE_BYTES = 2 ** 26
const LEAST_FILE_SHARE = 1 / 32

interface Block {
  readonly firstRow: number
  readonly rows: number
  /** Place among the files. */
  readonly file: number
  readonly offset: number
  readonly bytes: number
}

interface SpoolFile {
  readonly path: string
  readonly handle: FileHandle
}

/** Rows by blocks, of each one column behind the other. */
export class ColumnSpool {
  private blocks: Block[] = []
  /** Those that have been closed are left out. */
  private files: (Promise<SpoolFile> | undefined)[]
  /** Bytes of the last file, and of all. */
  private end = 0
  private bytes = 0
  private hasFailed = false

  private constructor(
    private readonly path: string,
    first: SpoolFile,
    private readonly mostBytes: number,
  ) {
    this.files = [Promise.resolve(first)]
  }

  /**
   * Makes an empty spool beside a file; undefined where that cannot be, as it saves nothing but time.
   *
   * @param path of the file that the rows are for
   */
  static async create(path: string): Promise<ColumnSpool | undefined> {
    try {
      await makeFolder(dirname(path))
      const { bavail, bsize } = await statfs(dirname(path))
      return new ColumnSpool(path, await openFile(path), MOST_OF_FREE * bavail * bsize)
    } catch {
      return undefined
    }
  }

  /** Forgets all rows. Those that were added must have been written. */
  restart(): void {
    this.blocks = []
    this.end = this.bytes = 0
    const [first, ...others] = this.files
    this.files = [first]
    // What cannot be closed is the system's to close.
    for (const file of others) void closeFile(file).catch(() => undefined)
  }

  /**
   * Adds rows. Where they find no room, the spool is of no use from then on.
   *
   * @param marks of each row, given back with it
   * @returns when their memory may be used again
   */
  async add(
    firstRow: number,
    rows: number,
    pieces: readonly SpooledPiece[],
    marks: Uint8Array,
  ): Promise<void> {
    const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, marks.byteLength)
    if (this.hasFailed || this.bytes + bytes > this.mostBytes) {
      this.hasFailed = true
      return
    }
    if (this.end >= Math.max(LEAST_FILE_BYTES, LEAST_FILE_SHARE * this.bytes)) {
      this.files.push(openFile(this.path))
      this.end = 0
    }
    const offset = this.end
    const file = this.files.length - 1
    this.blocks.push({ firstRow, rows, file, offset, bytes })
    this.end += bytes
    this.bytes += bytes
    try {
      const views = [...inOrder(pieces, (piece) => piece instanceof Float64Array), marks]
      const { bytesWritten } = (await (await this.files[file])?.handle.writev(views, offset)) ?? {}
      if (bytesWritten !== bytes) this.hasFailed = true
    } catch {
      this.hasFailed = true
    }
  }

  /** Whether it has all rows that were added. */
  get isWhole(): boolean {
    return !this.hasFailed
  }

  /**
   * The rows in their order, once. The memory of each is used again when `CHUNKS_KEPT` more have been asked for, and another.
   *
   * @param codesOf for each text of a column by its place there, the code among the categories
   * @throws DataError where the file cannot be read
   */
  async *chunks(
    columns: readonly SchemaColumn[],
    codesOf: (index: number) => Int32Array,
    source: string,
  ): AsyncGenerator<Chunk> {
    const codes = columns.map(({ type }, index) => (type === 'categorical' ? codesOf(index) : undefined))
    const most = this.blocks.reduce((bytes, block) => Math.max(bytes, block.bytes), 0)
    // The next one is read beside those that are kept.
    const memories = Array.from({ length: CHUNKS_KEPT + 2 }, () => new SharedArrayBuffer(most))
    const mostRows = this.blocks.reduce((count, { rows }) => Math.max(count, rows), 0)
    const numbers = memories.map(() => new Float64Array(mostRows))
    let reading: Promise<void> | undefined
    for (const [at, { firstRow, rows, file }] of this.blocks.entries()) {
      await (reading ?? this.read(at, memories[0]))
      if (at + 1 < this.blocks.length) {
        reading = this.read(at + 1, memories[(at + 1) % memories.length])
        // Whoever awaits it is told.
        reading.catch(() => undefined)
      }
      if (this.blocks[at + 1]?.file !== file) this.give(file)
      const slot = at % memories.length
      const memory = memories[slot]
      const made = columnsOf(columns, codes, memory, rows)
      const marks = new Uint8Array(memory, this.blocks[at].bytes - rows, rows)
      yield {
        table: { rows, columns: made, source },
        numbers: numbersInto(numbers[slot].subarray(0, rows), firstRow),
        marks,
      }
    }
  }

  /** Gives the room back. */
  async close(): Promise<void> {
    await Promise.all(this.files.map(closeFile))
  }

  // Gives back the room of a file that has been read.
  private give(file: number): void {
    const closing = closeFile(this.files[file]).catch(() => undefined)
    this.files[file] = undefined
    void closing
  }

  private async read(at: number, memory: SharedArrayBuffer): Promise<void> {
    const { file, offset, bytes } = this.blocks[at]
    const found = await this.files[file]
    const { bytesRead } = (await found?.handle
      .read(new Uint8Array(memory), 0, bytes, offset)
      .catch((error: unknown) => {
        throw this.unreadable((error as Error).message, error)
      })) ?? { bytesRead: 0 }
    if (bytesRead !== bytes) throw this.unreadable(`${bytesRead} of ${bytes} bytes`)
  }

  private unreadable(received: string, cause?: unknown): DataError {
    return new DataError(
      {
        code: 'HADAMARD_FILE_READ',
        where: `temporary file beside ${this.path}`,
        expected: 'the rows that were kept there while they were surveyed',
        received,
      },
      { cause },
    )
  }
}

async function openFile(beside: string): Promise<SpoolFile> {
  const path = temporaryBeside(beside)
  const handle = await open(path, 'wx+', 0o600)
  await rm(path, { force: true })
  return { path, handle }
}

async function closeFile(opening: Promise<SpoolFile> | undefined): Promise<void> {
  const found = await opening?.catch(() => undefined)
  await found?.handle.close()
  // Where an open file cannot lose its name.
  if (found !== undefined) await rm(found.path, { force: true })
}

// Numbers come before codes, so that both lie where typed arrays may begin.
function inOrder<T>(all: readonly T[], isNumeric: (one: T) => boolean): T[] {
  return [...all.filter(isNumeric), ...all.filter((one) => !isNumeric(one))]
}

function columnsOf(
  columns: readonly SchemaColumn[],
  codes: readonly (Int32Array | undefined)[],
  memory: SharedArrayBuffer,
  rows: number,
): Column[] {
  const made: Column[] = []
  let offset = 0
  for (const index of inOrder([...columns.keys()], (at) => codes[at] === undefined)) {
    const codeOf = codes[index]
    const column = columns[index]
    const values =
      codeOf === undefined ? new Float64Array(memory, offset, rows) : new Int32Array(memory, offset, rows)
    offset += values.byteLength
    if (values instanceof Int32Array && codeOf !== undefined)
      for (let row = 0; row < rows; row++) values[row] = values[row] < 0 ? -1 : codeOf[values[row]]
    made[index] = columnOf(column, values)
  }
  return made
}

// How many values are missing few ask, and to count them takes its time.
function columnOf(column: SchemaColumn, values: SpooledPiece): Column {
  const { name } = column
  return values instanceof Float64Array
    ? {
        name,
        type: 'numeric',
        values,
        get missing() {
          return countOf(values, Number.isNaN)
        },
      }
    : {
        name,
        type: 'categorical',
        codes: values,
        categories: categoriesOf(column),
        get missing() {
          return countOf(values, (code) => code < 0)
        },
      }
}
