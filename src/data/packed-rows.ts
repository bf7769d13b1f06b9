/**
 * Encoded rows in a file of blocks, to be read again and again in any order: the cache of training on files larger than memory.
 * What the numbers mean, and which file they come from, the caller writes beside them.
 *
 * Layout: a mark, blocks (of each the inputs of its rows, then their targets, then their weights), sections of other bytes,
 * a table of contents as JSON, and a trailer with the place and checksum of that table. Little-endian throughout.
 */

import { constants } from 'node:fs'
import { access, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DataError } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'
import { formatBytes } from '../memory-limit.ts'
import { fallbackRowLoops, type RowLoops } from './row-loops.ts'
import { bytesOfDtype, type Dtype, type FloatArray } from '../ops/arithmetic.ts'

/** Written at both ends; another version of the layout has another number. */
const MARK = 'HADAMARD-ROWS-1\n'
const TRAILER_BYTES = 32
/** A block is about so large: small enough to be mixed well with others, large enough to be read at the disk's speed. */
const BLOCK_BYTES = 2 ** 17
const MOST_BLOCK_ROWS = 1024
const MOST_READS = 8
const MOST_NATIVE_READS = 4
/** Blocks that are written while others are filled. */
const MOST_WRITES = 4

/** What the rows of a file consist of. */
export interface RowLayout {
  readonly dtype: Dtype
  readonly inputs: number
  /** Numbers a row; 1 for class indices. */
  readonly targets: number
  readonly areTargetsLabels: boolean
  readonly isWeighted: boolean
}

/** Rows that are written or read. */
export interface RowArrays {
  x: FloatArray
  y: FloatArray | Uint32Array
  weights?: FloatArray
}

/** Bytes of a file, and where they go. */
interface PieceOfFile {
  readonly view: Uint8Array
  readonly offset: number
}

interface Place {
  readonly offset: number
  readonly bytes: number
  readonly checksum: number
}

interface Contents {
  readonly key: string
  readonly layout: RowLayout
  readonly blockRows: number
  readonly parts: Readonly<Record<string, { rows: number; blocks: readonly Place[] }>>
  readonly sections: Readonly<Record<string, Place>>
  readonly notes: unknown
}

/** Rows of a block, for rows of that layout; a power of two. */
export function blockRowsOf(layout: RowLayout): number {
  const rows = Math.min(MOST_BLOCK_ROWS, Math.max(1, BLOCK_BYTES / rowBytes(layout)))
  return 2 ** Math.floor(Math.log2(rows))
}

/** Bytes of a row. */
export function rowBytes({ dtype, inputs, targets, areTargetsLabels, isWeighted }: RowLayout): number {
  const element = bytesOfDtype(dtype)
  return element * (inputs + (isWeighted ? 1 : 0)) + targets * (areTargetsLabels ? 4 : element)
}

/** Writes a file of packed rows; it appears under its name when it is complete. */
export class PackedWriter {
  private readonly parts = new Map<string, { rows: number; blocks: Place[]; pending: PendingBlock }>()
  private readonly sections: Record<string, Place> = {}
  private readonly writing: Promise<void>[] = []
  private readonly spare: ArrayBuffer[] = []
  private offset = 0

  private constructor(
    private readonly path: string,
    private readonly temporary: string,
    private readonly handle: FileHandle,
    private readonly key: string,
    readonly layout: RowLayout,
    private readonly loops: RowLoops,
  ) {}

  /**
   * Refuses a folder that cannot be written, before a file for it is read for minutes.
   *
   * @throws DataError with the reason
   */
  static async checkFolder(path: string): Promise<void> {
    try {
      await makeFolder(dirname(path))
      await access(dirname(path), constants.W_OK)
      if ((await stat(path).catch(() => undefined))?.isDirectory() === true)
        throw Object.assign(new Error(), { code: 'EISDIR' })
    } catch (error) {
      throw unwritable(path, error, 0)
    }
  }

  /**
   * Begins a file. What writers of the same name that are no longer alive have left is removed.
   *
   * @throws DataError where it cannot be written
   */
  static async create(
    path: string,
    key: string,
    layout: RowLayout,
    loops = fallbackRowLoops,
  ): Promise<PackedWriter> {
    const temporary = `${path}.${process.pid}.tmp`
    try {
      await makeFolder(dirname(path))
      await removeLeftovers(path)
      const handle = await open(temporary, 'w')
      const writer = new PackedWriter(path, temporary, handle, key, layout, loops)
      try {
        await writer.write(Buffer.from(MARK))
        await writer.written()
      } catch (error) {
        await writer.abandon()
        throw error
      }
      return writer
    } catch (error) {
      throw unwritable(path, error, 0)
    }
  }

  /** Adds rows to a part, in their order. */
  async append(part: string, arrays: RowArrays, rows: number): Promise<void> {
    let known = this.parts.get(part)
    if (known === undefined) {
      known = { rows: 0, blocks: [], pending: new PendingBlock(this.layout, this.spare) }
      this.parts.set(part, known)
    }
    known.rows += rows
    for (let from = 0; from < rows;) {
      from += known.pending.take(arrays, from, rows - from, rows)
      if (known.pending.isFull) known.blocks.push(await this.putBlock(known.pending))
    }
  }

  /** Adds bytes of another kind. */
  async section(name: string, bytes: Uint8Array): Promise<void> {
    this.sections[name] = await this.put([bytes])
  }

  /**
   * Completes the file.
   *
   * @param notes plain data for whoever reads it
   * @throws DataError where it cannot be written
   */
  async finish(notes: unknown): Promise<void> {
    const parts: Record<string, Contents['parts'][string]> = {}
    for (const [name, { rows, blocks, pending }] of this.parts) {
      if (!pending.isEmpty) blocks.push(await this.putBlock(pending))
      parts[name] = { rows, blocks }
    }
    const { key, layout, sections } = this
    const contents: Contents = { key, layout, blockRows: blockRowsOf(layout), parts, sections, notes }
    const place = await this.put([Buffer.from(JSON.stringify(contents))])
    const trailer = Buffer.alloc(TRAILER_BYTES)
    trailer.writeDoubleLE(place.offset, 0)
    trailer.writeUInt32LE(place.bytes, 8)
    trailer.writeUInt32LE(place.checksum, 12)
    trailer.write(MARK, 16, 'latin1')
    await this.write(trailer)
    await this.written()
    try {
      // Not synced: what a crash of the system loses, checksums tell.
      await this.handle.close()
      await rename(this.temporary, this.path)
    } catch (error) {
      throw unwritable(this.path, error, this.offset)
    }
  }

  /** Removes what has been written. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.writing)
    await this.handle.close().catch(() => undefined)
    await rm(this.temporary, { force: true })
  }

  // Gives the memory of a block to the next ones when it has been written.
  private async putBlock(pending: PendingBlock): Promise<Place> {
    const { memory, pieces } = pending.end()
    return this.put(pieces, () => this.spare.push(memory))
  }

  private async put(pieces: readonly Uint8Array[], onWritten?: () => void): Promise<Place> {
    const { offset } = this
    const [first] = pieces
    const length = totalBytes(pieces)
    // Offsets stay multiples of 8, so that blocks can be read into any typed array.
    const padding = (8 - (length % 8)) % 8
    const bytes =
      pieces.length === 1 && padding === 0 ? first : Buffer.concat([...pieces, Buffer.alloc(padding)])
    // Whoever reads a block sees no pieces.
    const checksum = this.loops.checksum(bytes.subarray(0, length))
    await this.write(bytes, onWritten)
    return { offset, bytes: length, checksum }
  }

  // Some writes are under way while the next rows are encoded.
  private async write(bytes: Uint8Array, onWritten?: () => void): Promise<void> {
    const writing = this.writeAt(bytes, this.offset).then(onWritten)
    // Whoever waits for it is told.
    writing.catch(() => undefined)
    this.writing.push(writing)
    this.offset += bytes.length
    while (this.writing.length > MOST_WRITES) await this.writing.shift()
  }

  private async writeAt(bytes: Uint8Array, offset: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, offset + done)
        done += bytesWritten
      }
    } catch (error) {
      throw unwritable(this.path, error, offset)
    }
  }

  private async written(): Promise<void> {
    while (this.writing.length > 0) await this.writing.shift()
  }
}

/** The rows of a block that is not full yet: inputs behind one another, then targets, then weights. */
class PendingBlock {
  private readonly rows: number
  /** Where each of these begins, and its bytes a row. */
  private readonly regions: readonly { offset: number; width: number }[]
  private memory: ArrayBuffer
  private filled = 0

  /** @param spare memory of blocks that has no other use */
  constructor(
    private readonly layout: RowLayout,
    private readonly spare: ArrayBuffer[],
  ) {
    const { dtype, inputs, targets, areTargetsLabels, isWeighted } = layout
    const element = bytesOfDtype(dtype)
    const widths = [
      element * inputs,
      targets * (areTargetsLabels ? Uint32Array.BYTES_PER_ELEMENT : element),
      ...(isWeighted ? [element] : []),
    ]
    this.rows = blockRowsOf(layout)
    let offset = 0
    this.regions = widths.map((width) => {
      const region = { offset, width }
      offset += width * this.rows
      return region
    })
    this.memory = this.newMemory()
  }

  get isFull(): boolean {
    return this.filled === this.rows
  }

  get isEmpty(): boolean {
    return this.filled === 0
  }

  // Takes in as many of the rows as there is room for.
  take({ x, y, weights }: RowArrays, from: number, rows: number, total: number): number {
    const count = Math.min(rows, this.rows - this.filled)
    const into = new Uint8Array(this.memory)
    const sources = [x, y, weights]
    for (const [i, { offset, width }] of this.regions.entries()) {
      const source = sources[i]
      if (source?.byteLength !== width * total) throw new Error('rows of another layout')
      const bytes = new Uint8Array(source.buffer, source.byteOffset + from * width, count * width)
      into.set(bytes, offset + this.filled * width)
    }
    this.filled += count
    return count
  }

  /** The bytes of the rows, in one piece where the block is full, and the memory that they lie in. */
  end(): { memory: ArrayBuffer; pieces: Uint8Array[] } {
    const { memory, filled } = this
    const pieces = this.isFull
      ? [new Uint8Array(memory)]
      : this.regions.map(({ offset, width }) => new Uint8Array(memory, offset, filled * width))
    this.filled = 0
    this.memory = this.newMemory()
    return { memory, pieces }
  }

  private newMemory(): ArrayBuffer {
    return this.spare.pop() ?? new ArrayBuffer(this.rows * rowBytes(this.layout))
  }
}

/** A complete file of packed rows. */
export class PackedRows {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    private readonly contents: Contents,
    private readonly loops: RowLoops,
  ) {}

  /**
   * Opens a file and reads all of it once, so that nothing damaged is ever trained on.
   *
   * @param isTrusted leaves that out, for a file that has just been written
   * @returns why the file cannot serve, where it cannot; undefined where there is none
   */
  static async open(
    path: string,
    key: string,
    isTrusted = false,
    loops = fallbackRowLoops,
  ): Promise<PackedRows | string | undefined> {
    let handle: FileHandle
    try {
      handle = await open(path)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : message
    }
    const contents = await readContents(handle, loops).catch(() => undefined)
    const rows = contents === undefined ? undefined : new PackedRows(path, handle, contents, loops)
    const trouble =
      rows === undefined || contents === undefined
        ? 'damaged or cut off'
        : contents.key !== key
          ? 'of other data or settings'
          : isTrusted || (await rows.isSound())
            ? undefined
            : 'damaged'
    if (rows !== undefined && trouble === undefined) return rows
    await handle.close()
    return trouble
  }

  get layout(): RowLayout {
    return this.contents.layout
  }

  get blockRows(): number {
    return this.contents.blockRows
  }

  get notes(): unknown {
    return this.contents.notes
  }

  /** Rows of a part; 0 where there is none of that name. */
  rowsOf(part: string): number {
    return this.contents.parts[part]?.rows ?? 0
  }

  async section(name: string): Promise<Uint8Array> {
    const { offset, bytes } = this.contents.sections[name]
    const target = new Uint8Array(bytes)
    await this.fill([{ view: target, offset }])
    return target
  }

  /**
   * Reads rows of a part, run after run, into arrays on shared memory; some reads are under way at the same time.
   *
   * @param runs rows that follow one another: the block, its first row, and how many
   */
  async read(
    part: string,
    runs: readonly { block: number; from: number; rows: number }[],
    into: RowArrays,
  ): Promise<void> {
    const pieces = this.piecesOf(part, runs, into)
    if (await this.readNatively(pieces.flat())) return
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < pieces.length) await this.fill(pieces[next++])
    }
    await Promise.all(Array.from({ length: Math.min(MOST_READS, pieces.length) }, worker))
  }

  // Where the rows of runs lie, and where they go: of a whole block in one piece.
  private piecesOf(
    part: string,
    runs: readonly { block: number; from: number; rows: number }[],
    into: RowArrays,
  ): PieceOfFile[][] {
    const { blocks, rows } = this.contents.parts[part]
    const arrays = [into.x, into.y, ...(into.weights === undefined ? [] : [into.weights])]
    const total = runs.reduce((sum, run) => sum + run.rows, 0)
    let first = 0
    return runs.flatMap((run) => {
      const inBlock = Math.min(this.blockRows, rows - run.block * this.blockRows)
      let { offset } = blocks[run.block]
      const places = arrays.map((array) => {
        const rowBytes = array.byteLength / total
        const view = new Uint8Array(array.buffer, array.byteOffset + first * rowBytes, run.rows * rowBytes)
        const place = { view, offset: offset + run.from * rowBytes }
        offset += inBlock * rowBytes
        return place
      })
      first += run.rows
      return run.rows === inBlock ? [places] : places.map((place) => [place])
    })
  }

  // Some threads at once, as a disk takes them. What they cannot read is read again by the runtime, which tells why.
  private async readNatively(pieces: readonly PieceOfFile[]): Promise<boolean> {
    const { readPieces } = this.loops
    if (readPieces === undefined) return false
    const count = Math.ceil(pieces.length / MOST_NATIVE_READS)
    const jobs: Promise<boolean>[] = []
    for (let from = 0; from < pieces.length; from += count) {
      const some = pieces.slice(from, from + count)
      const offsets = Float64Array.from(some, ({ offset }) => offset)
      jobs.push(
        readPieces(
          this.handle.fd,
          offsets,
          some.map(({ view }) => view),
        ),
      )
    }
    return (await Promise.all(jobs)).every(Boolean)
  }

  close(): Promise<void> {
    return this.handle.close()
  }

  // Views whose bytes lie one behind the other.
  private async fill(places: readonly PieceOfFile[]): Promise<void> {
    const views = places.map(({ view }) => view)
    const { bytesRead } = await this.handle.readv(views, places[0].offset).catch((error: unknown) => {
      throw this.unreadable(error)
    })
    if (bytesRead !== totalBytes(views)) throw this.unreadable(undefined)
  }

  private async isSound(): Promise<boolean> {
    const { parts, sections } = this.contents
    const places = [...Object.values(parts).flatMap(({ blocks }) => blocks), ...Object.values(sections)]
    const most = places.reduce((bytes, place) => Math.max(bytes, place.bytes), 0)
    const memory = new Uint8Array(most)
    for (const { offset, bytes, checksum } of places) {
      const view = memory.subarray(0, bytes)
      const { bytesRead } = await this.handle.read(view, 0, bytes, offset)
      if (bytesRead !== bytes || this.loops.checksum(view) !== checksum) return false
    }
    return true
  }

  private unreadable(error: unknown): DataError {
    const received = error === undefined ? 'one that has been cut off' : (error as Error).message
    return new DataError(
      {
        code: 'HADAMARD_CACHE',
        where: this.path,
        expected: 'a cache that stays as it is while it is trained on',
        received,
      },
      { cause: error },
    )
  }
}

async function readContents(handle: FileHandle, loops: RowLoops): Promise<Contents | undefined> {
  const { size } = await handle.stat()
  if (size < TRAILER_BYTES) return undefined
  const trailer = Buffer.alloc(TRAILER_BYTES)
  await handle.read(trailer, 0, TRAILER_BYTES, size - TRAILER_BYTES)
  const [offset, bytes] = [trailer.readDoubleLE(0), trailer.readUInt32LE(8)]
  const isWhole =
    trailer.toString('latin1', 16) === MARK && offset >= 0 && offset + bytes <= size - TRAILER_BYTES
  if (!isWhole) return undefined
  const table = Buffer.alloc(bytes)
  await handle.read(table, 0, bytes, offset)
  if (loops.checksum(table) !== trailer.readUInt32LE(12)) return undefined
  return JSON.parse(table.toString('utf8')) as Contents
}

// Of writers that were killed. One that is alive goes on.
async function removeLeftovers(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)]
  for (const file of await readdir(folder)) {
    const pid = file.startsWith(`${name}.`)
      ? /^\.(\d+)\.(?:tmp|spool)$/.exec(file.slice(name.length))?.[1]
      : undefined
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, file), { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const writeTroubles: Readonly<Record<string, string | undefined>> = {
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'no space left in the quota',
  EFBIG: 'a limit on the size of files',
  EACCES: 'no permission to write there',
  EPERM: 'no permission to write there',
  EROFS: 'a disk that is read-only',
  EISDIR: 'a folder in place of the file',
  EEXIST: 'a file in place of the folder',
  ENOTDIR: 'a file in place of the folder',
}

function unwritable(path: string, error: unknown, written: number): DataError {
  if (error instanceof DataError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  const after = written === 0 ? '' : ` after ${formatBytes(written)}`
  return new DataError(
    {
      code: 'HADAMARD_CACHE',
      where: `cache, ${path}`,
      expected: 'room for the cache of encoded rows',
      received: `${writeTroubles[code] ?? message}${after}`,
      cure: 'Choose another folder by `cache`, or make room; false keeps none. The data are as they were',
    },
    { cause: error },
  )
}

function totalBytes(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}
