/**
 * Encoded rows in a file of blocks, to be read again and again in any order: the cache of training on files larger than memory.
 * What the numbers mean, and which file they come from, the caller has written beside them.
 */

import { open, type FileHandle } from 'node:fs/promises'
import { DataError } from '../errors.ts'
import {
  MARK,
  totalBytes,
  TRAILER_BYTES,
  type Contents,
  type RowArrays,
  type RowLayout,
} from './packed-format.ts'
import { fallbackRowLoops, type RowLoops } from './row-loops.ts'

const MOST_READS = 8
const MOST_NATIVE_READS = 4

/** Bytes of a file, and where they go. */
interface PieceOfFile {
  readonly view: Uint8Array
  readonly offset: number
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
    const { jobs } = this.loops
    if (jobs === undefined) return false
    const count = Math.ceil(pieces.length / MOST_NATIVE_READS)
    const reads: Promise<boolean>[] = []
    for (let from = 0; from < pieces.length; from += count) {
      const some = pieces.slice(from, from + count)
      const offsets = Float64Array.from(some, ({ offset }) => offset)
      reads.push(
        jobs.readPieces(
          this.handle.fd,
          offsets,
          some.map(({ view }) => view),
        ),
      )
    }
    return (await Promise.all(reads)).every(Boolean)
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
