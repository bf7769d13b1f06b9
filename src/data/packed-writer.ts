/** Writes encoded rows to a file of blocks, whose layout is in packed-format.ts. */

import { constants } from 'node:fs'
import { access, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DataError } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'
import { formatBytes } from '../memory-limit.ts'
import { bytesOfDtype } from '../ops/arithmetic.ts'
import { removeLeftovers, temporaryBeside } from '../temporary.ts'
import {
  blockRowsOf,
  MARK,
  rowBytes,
  totalBytes,
  TRAILER_BYTES,
  type Contents,
  type Place,
  type RowArrays,
  type RowLayout,
} from './packed-format.ts'
import { fallbackRowLoops, type RowLoops } from './row-loops.ts'

/** Blocks that are written while others are filled. */
const MOST_WRITES = 4

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
    const temporary = temporaryBeside(path)
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
