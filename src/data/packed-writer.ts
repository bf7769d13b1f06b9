/** Writes encoded rows to a file of blocks, whose layout is in packed-format.ts. */

import { constants } from 'node:fs'
import { access, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DataError } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'
import { formatBytes } from '../memory-limit.ts'
import { bytesOfDtype, floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { removeLeftovers, temporaryBeside } from '../temporary.ts'
import {
  blockRowsOf,
  MARK,
  TRAILER_BYTES,
  type Contents,
  type Place,
  type RowArrays,
  type RowLayout,
} from './packed-format.ts'
import { fallbackRowLoops, type RowLoops } from './row-loops.ts'

/** Blocks that are written while others are filled. */
const MOST_WRITES = 4

interface Part {
  rows: number
  readonly blocks: Place[]
  open: Block
}

/** Writes a file of packed rows; it appears under its name when it is complete. */
export class PackedWriter {
  private readonly parts = new Map<string, Part>()
  private readonly sections: Record<string, Place> = {}
  private readonly writing = new Set<Promise<void>>()
  private readonly spare: SharedArrayBuffer[] = []
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
    const temporary = temporaryBeside(path)
    try {
      await makeFolder(dirname(path))
      await removeLeftovers(path)
      const handle = await open(temporary, 'w')
      const writer = new PackedWriter(path, temporary, handle, key, layout, loops)
      try {
        await writer.write(Buffer.from(MARK))
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
  async append(part: string, { x, y, weights }: RowArrays, rows: number): Promise<void> {
    const { inputs } = this.layout
    if (x.length !== rows * inputs) throw new Error('rows of another layout')
    const rooms = this.reserve(part, rows)
    this.setTargets(rooms, y, weights)
    let from = 0
    for (const room of rooms) {
      room.x.set(x.subarray(from * inputs, (from + room.rows) * inputs))
      from += room.rows
    }
    await this.filled(rooms)
  }

  /** Room for the next rows of a part, to be filled in any order. */
  reserve(part: string, rows: number): RowRoom[] {
    let known = this.parts.get(part)
    if (known === undefined) {
      known = { rows: 0, blocks: [], open: this.newBlock() }
      this.parts.set(part, known)
    }
    known.rows += rows
    const rooms: RowRoom[] = []
    for (let left = rows; left > 0;) {
      const block = known.open
      const room = block.take(left)
      rooms.push(room)
      left -= room.rows
      if (!block.isTaken) continue
      block.place.offset = this.takeBytes(block.bytes.length)
      known.blocks.push(block.place)
      known.open = this.newBlock()
    }
    return rooms
  }

  /** Writes the targets of the rows, and their weights where the layout has some. */
  setTargets(rooms: readonly RowRoom[], y: FloatArray | Uint32Array, weights?: FloatArray): void {
    const { targets } = this.layout
    const rows = rooms.reduce((sum, room) => sum + room.rows, 0)
    if (y.length !== rows * targets) throw new Error('rows of another layout')
    let from = 0
    for (const room of rooms) {
      const to = from + room.rows
      room.setTargets(y.subarray(from * targets, to * targets), weights?.subarray(from, to))
      from = to
    }
  }

  /** Tells that rows stand in their room. What is complete is written, some of it at a time. */
  async filled(rooms: readonly RowRoom[]): Promise<void> {
    const complete = rooms.filter((room) => room.complete()).map(({ block }) => block)
    if (complete.length === 0) return
    const writing = this.writeBlocks(complete)
    // Whoever waits for it is told.
    writing.catch(() => undefined)
    this.writing.add(writing)
    while (this.writing.size > MOST_WRITES) await this.oldestWrite()
  }

  /** Adds bytes of another kind. */
  async section(name: string, bytes: Uint8Array): Promise<void> {
    this.sections[name] = await this.put(bytes)
  }

  /**
   * Completes the file.
   *
   * @param notes plain data for whoever reads it
   * @throws DataError where it cannot be written
   */
  async finish(notes: unknown): Promise<void> {
    const parts: Record<string, Contents['parts'][string]> = {}
    while (this.writing.size > 0) await this.oldestWrite()
    for (const [name, { rows, blocks, open: last }] of this.parts) {
      if (!last.isEmpty) blocks.push(await this.put(last.takenBytes()))
      parts[name] = { rows, blocks }
    }
    const { key, layout, sections } = this
    const contents: Contents = { key, layout, blockRows: blockRowsOf(layout), parts, sections, notes }
    const place = await this.put(Buffer.from(JSON.stringify(contents)))
    const trailer = Buffer.alloc(TRAILER_BYTES)
    trailer.writeDoubleLE(place.offset, 0)
    trailer.writeUInt32LE(place.bytes, 8)
    trailer.writeUInt32LE(place.checksum, 12)
    trailer.write(MARK, 16, 'latin1')
    await this.write(trailer)
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

  // Until it is over it is known to be under way: the file is not closed before, as its number may be another's then.
  private async oldestWrite(): Promise<void> {
    const [oldest] = this.writing
    await oldest
    this.writing.delete(oldest)
  }

  private newBlock(): Block {
    return new Block(this.layout, this.spare.pop())
  }

  // Where so many bytes go. Offsets stay multiples of 8, so that blocks can be read into any typed array.
  private takeBytes(length: number): number {
    const { offset } = this
    this.offset += Math.ceil(length / 8) * 8
    return offset
  }

  // Gives the memory of the blocks to the next ones.
  private async writeBlocks(blocks: readonly Block[]): Promise<void> {
    const offsets = Float64Array.from(blocks, ({ place }) => place.offset)
    const views = blocks.map(({ bytes }) => bytes)
    const checksums = await this.loops.jobs?.writePieces(this.handle.fd, offsets, views)
    for (const [i, { place, bytes }] of blocks.entries()) {
      place.checksum = checksums?.[i] ?? this.loops.checksum(bytes)
      if (checksums === undefined) await this.writeAt(bytes, place.offset)
      this.spare.push(bytes.buffer)
    }
  }

  private async put(bytes: Uint8Array): Promise<Place> {
    const offset = await this.write(bytes)
    return { offset, bytes: bytes.length, checksum: this.loops.checksum(bytes) }
  }

  private async write(bytes: Uint8Array): Promise<number> {
    const offset = this.takeBytes(bytes.length)
    await this.writeAt(bytes, offset)
    return offset
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
}

/** Memory for the rows of a block: inputs behind one another, then targets, then weights. */
class Block {
  readonly bytes: Uint8Array<SharedArrayBuffer>
  readonly place: { offset: number; bytes: number; checksum: number }
  /** Rows that have their values. */
  filled = 0
  private readonly rows: number
  /** Where inputs, targets and weights begin, and their bytes a row. */
  private readonly regions: readonly { offset: number; width: number }[]
  private taken = 0

  /** @param memory of a block that has no other use */
  constructor(
    private readonly layout: RowLayout,
    memory: SharedArrayBuffer | undefined,
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
    this.bytes = new Uint8Array(memory ?? new SharedArrayBuffer(offset))
    this.place = { offset: 0, bytes: offset, checksum: 0 }
  }

  get isTaken(): boolean {
    return this.taken === this.rows
  }

  get isWhole(): boolean {
    return this.filled === this.rows
  }

  get isEmpty(): boolean {
    return this.taken === 0
  }

  get isWeighted(): boolean {
    return this.layout.isWeighted
  }

  /** Room for as many of the rows as it has. */
  take(rows: number): RowRoom {
    const from = this.taken
    const count = Math.min(rows, this.rows - from)
    this.taken += count
    const { dtype, inputs } = this.layout
    const x = floatArray(dtype, count * inputs, this.bytes.buffer, from * this.regions[0].width)
    return new RowRoom(this, from, count, x)
  }

  /** Writes bytes of rows from one on into a region; of fewer or more than there is room for it is an error. */
  set(region: number, from: number, rows: number, values: FloatArray | Uint32Array | undefined): void {
    const { offset, width } = this.regions[region]
    if (values?.byteLength !== rows * width) throw new Error('rows of another layout')
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    this.bytes.set(bytes, offset + from * width)
  }

  /** The bytes of the rows so far, in one piece. */
  takenBytes(): Uint8Array {
    return Buffer.concat(
      this.regions.map(({ offset, width }) => this.bytes.subarray(offset, offset + this.taken * width)),
    )
  }
}

/** Room for rows in a block. */
export class RowRoom {
  /** @param x for the inputs; what it holds is of no use */
  constructor(
    readonly block: Block,
    private readonly from: number,
    readonly rows: number,
    readonly x: FloatArray,
  ) {}

  setTargets(y: FloatArray | Uint32Array, weights?: FloatArray): void {
    this.block.set(1, this.from, this.rows, y)
    if (this.block.isWeighted) this.block.set(2, this.from, this.rows, weights)
  }

  /** Tells the block that the rows are there, and whether it is whole now. */
  complete(): boolean {
    this.block.filled += this.rows
    return this.block.isWhole
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
      cure: 'Choose another folder by `cache`, or make room. The data are as they were',
    },
    { cause: error },
  )
}
