/** Where the bytes of a CSV come from: files, compressed or not, streams and standard input. Knows nothing of records. */

import { createReadStream } from 'node:fs'
import { open, readdir, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Transform, type TransformCallback } from 'node:stream'
import * as zlib from 'node:zlib'
import { DataError } from '../errors.ts'
import { loadPeer } from './peers.ts'

/** Buffers or texts one after another, as Node's `Readable` gives them; a type of its own, so that users need not have Node's. */
export type ByteStream = AsyncIterable<Uint8Array | string>

/** A plain file, which may be read at any place. */
export interface OpenFile {
  readonly descriptor: number
  /** When it was opened. */
  readonly size: number
  /** The byte at which reading goes on. */
  position: number
}

/** Bytes that are read from their start to their end, once. */
export interface ByteSource {
  /** For messages: a path as the user gave it. */
  readonly name: string
  /** Bytes of the file on disk, before it is unpacked; undefined where nobody knows. */
  readonly size: number | undefined
  /** Bytes taken from the file so far. */
  readonly consumed: number
  /** Where it is a plain file; others may read it too, and say where it goes on here. */
  readonly file?: OpenFile
  /** Fills as much of `into` as there is; 0 bytes only at the end. */
  read(into: Uint8Array): Promise<number>
  close(): Promise<void>
}

const fileTroubles: Record<string, string | undefined> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'a file that may not be read (permission denied)',
  EPERM: 'a file that may not be read (permission denied)',
  EISDIR: 'a directory',
  ERR_INVALID_ARG_VALUE: 'a path that no file can have',
}

/** The error for a file that cannot be read. */
export function unreadableFile(path: string, error: unknown, expected = 'a CSV file'): DataError {
  if (error instanceof DataError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  return new DataError(
    { code: 'HADAMARD_FILE_READ', where: path, expected, received: fileTroubles[code] ?? message },
    { cause: error },
  )
}

/**
 * Refuses what is no file that can be read.
 *
 * @throws DataError by path
 */
export async function checkFile(path: string, expected: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path)
    if ((await handle.stat()).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' })
  } catch (error) {
    throw unreadableFile(path, error, expected)
  } finally {
    await handle?.close()
  }
}

/**
 * A file's content, whole.
 *
 * @throws DataError where it cannot be read
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path)
    return await readAll(handle)
  } catch (error) {
    throw unreadableFile(path, error)
  } finally {
    await handle?.close()
  }
}

// Reads by pieces: FileHandle.readFile refuses files of 2 GiB and more. What has no size (a pipe) goes through readFile.
async function readAll(handle: FileHandle): Promise<Uint8Array> {
  const { size } = await handle.stat()
  if (size === 0) return handle.readFile()
  const bytes = new Uint8Array(size)
  let filled = 0
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, Math.min(size - filled, 2 ** 30), filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

/** A compression, told by the first bytes of a file. */
interface Packing {
  magic: readonly number[]
  /** @param source for messages */
  unpack: (source: string) => NodeJS.ReadWriteStream | Promise<NodeJS.ReadWriteStream>
}

const { createZstdDecompress } = zlib as { createZstdDecompress?: () => NodeJS.ReadWriteStream }
const packings: readonly Packing[] = [
  { magic: [0x1f, 0x8b], unpack: () => zlib.createGunzip() },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: createZstdDecompress ?? unpackZstd },
]

// Node has zstd from 22.15 on.
async function unpackZstd(source: string): Promise<Transform> {
  const { Decompress } = await loadPeer('fzstd', source, () => import('fzstd'))
  let isComplete = false
  let unpacked: Uint8Array[] = []
  const decompressor = new Decompress((bytes, isLast = false) => {
    unpacked.push(bytes)
    isComplete = isLast
  })
  const step = (into: Transform, packed: Uint8Array, isLast: boolean, done: TransformCallback): void => {
    try {
      decompressor.push(packed, isLast)
      if (isLast && !isComplete) throw new Error('unexpected end of file')
      for (const bytes of unpacked) into.push(bytes)
      unpacked = []
      done()
    } catch (error) {
      done(Object.assign(error as Error, { code: 'ZSTD_damaged' }))
    }
  }
  return new Transform({
    transform(packed: Uint8Array, _, done) {
      step(this, packed, false, done)
    },
    flush(done) {
      step(this, new Uint8Array(0), true, done)
    },
  })
}

/** Whether a file begins as a packed one does. */
export async function isPacked(path: string): Promise<boolean> {
  const handle = await open(path)
  try {
    return (await packingOf(handle)) !== undefined
  } finally {
    await handle.close()
  }
}

async function packingOf(handle: FileHandle): Promise<Packing | undefined> {
  const head = new Uint8Array(4)
  await handle.read(head, 0, 4, 0)
  return packings.find(({ magic }) => magic.every((byte, index) => head[index] === byte))
}

/**
 * Opens a file; gzip and zstd are told by the first bytes and unpacked.
 *
 * @param name what messages call it
 * @throws DataError where it cannot be read, and for zstd where neither Node (before 22.15) nor the package fzstd unpacks it
 */
export async function openFile(path: string, name = path): Promise<ByteSource> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path)
    const stats = await handle.stat()
    if (stats.isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' })
    // A file of no size may still have bytes, as in /proc.
    if (!stats.isFile() || stats.size === 0) return new StreamSource(name, handle.createReadStream())
    const packing = await packingOf(handle)
    if (packing === undefined) return new FileSource(name, handle, stats.size, stats.mtimeMs)
    await handle.close()
    return await openPacked(path, name, packing, stats.size)
  } catch (error) {
    await handle?.close().catch(() => undefined)
    throw unreadableFile(name, error)
  }
}

async function openPacked(
  path: string,
  source: string,
  { unpack }: Packing,
  size: number,
): Promise<ByteSource> {
  const unpacked = await unpack(source)
  const file = createReadStream(path, { highWaterMark: 2 ** 18 })
  file.on('error', (error) => unpacked.emit('error', error))
  return new StreamSource(source, file.pipe(unpacked), {
    size,
    consumed: () => file.bytesRead,
    close: () => file.destroy(),
  })
}

class FileSource implements ByteSource {
  readonly file: OpenFile

  constructor(
    readonly name: string,
    private readonly handle: FileHandle,
    readonly size: number,
    private readonly mtimeMs: number,
  ) {
    this.file = { descriptor: handle.fd, size, position: 0 }
  }

  get consumed(): number {
    return this.file.position
  }

  async read(into: Uint8Array): Promise<number> {
    const { file, size } = this
    // What has been written behind its end since it was opened is told of, and not read.
    const wanted = Math.min(into.length, size - file.position)
    let filled = 0
    while (filled < wanted) {
      const { bytesRead } = await this.handle.read(into, filled, wanted - filled, file.position)
      if (bytesRead === 0) break
      filled += bytesRead
      file.position += bytesRead
    }
    if (filled < into.length) await this.checkUnchanged()
    return filled
  }

  // A file that is written to while it is read gives rows that it never had at any one time.
  private async checkUnchanged(): Promise<void> {
    const { size, mtimeMs } = await this.handle.stat()
    if (this.consumed === this.size && size === this.size && mtimeMs === this.mtimeMs) return
    throw new DataError({
      code: 'HADAMARD_CSV_CHANGED',
      where: this.name,
      expected: `a file that stays as it is while it is read, of ${this.size} bytes`,
      received: size === this.size ? 'one that was written to' : `one of ${size} bytes at the end`,
      cure: 'Read it when it is complete, or read a copy',
    })
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

/** Bytes of a stream of buffers or texts. */
export class StreamSource implements ByteSource {
  readonly size: number | undefined
  private readonly chunks: AsyncIterator<Uint8Array | string, undefined>
  private rest: Uint8Array = new Uint8Array(0)
  private taken = 0

  constructor(
    readonly name: string,
    stream: ByteStream,
    private readonly packed?: { size: number; consumed: () => number; close: () => void },
  ) {
    this.size = packed?.size
    this.chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array | string, undefined>
  }

  get consumed(): number {
    return this.packed?.consumed() ?? this.taken
  }

  async read(into: Uint8Array): Promise<number> {
    let filled = 0
    while (filled < into.length) {
      if (this.rest.length === 0) {
        const next = await this.next()
        if (next.done === true) break
        this.rest = typeof next.value === 'string' ? Buffer.from(next.value) : next.value
        this.taken += this.rest.length
        continue
      }
      const part = this.rest.subarray(0, into.length - filled)
      into.set(part, filled)
      filled += part.length
      this.rest = this.rest.subarray(part.length)
    }
    return filled
  }

  private async next(): Promise<IteratorResult<Uint8Array | string, undefined>> {
    try {
      return await this.chunks.next()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const isDamaged = code?.startsWith('Z_') === true || code?.startsWith('ZSTD') === true
      throw new DataError(
        {
          code: 'HADAMARD_CSV_PACKED',
          where: this.name,
          expected: isDamaged ? 'a complete packed file' : 'a stream that can be read to its end',
          received: message,
          cure: isDamaged ? 'It is damaged or cut off: copy or pack it anew' : undefined,
        },
        { cause: error },
      )
    }
  }

  async close(): Promise<void> {
    await this.chunks.return?.()
    this.packed?.close()
  }
}

/**
 * The paths that a pattern stands for, ascending by code units: `*` and `?` stand for what they do in a shell, in the last
 * part of the path. A path without them is itself, and so is one that a file has literally.
 *
 * @throws DataError where no file matches
 */
export async function expandPattern(pattern: string): Promise<string[]> {
  const name = basename(pattern)
  if (!/[*?]/.test(name)) return [pattern]
  const folder = dirname(pattern)
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    throw unreadableFile(folder, error)
  }
  if (names.includes(name)) return [pattern]
  const source = name.replaceAll(/[.*+?^${}()|[\]\\]/g, (c) =>
    c === '*' ? '.*' : c === '?' ? '.' : `\\${c}`,
  )
  const matches = new RegExp(`^${source}$`, 's')
  const isHidden = (candidate: string): boolean => candidate.startsWith('.') && !name.startsWith('.')
  const found = names.filter((candidate) => matches.test(candidate) && !isHidden(candidate)).sort()
  if (found.length > 0) return found.map((file) => join(folder, file))
  throw new DataError({
    code: 'HADAMARD_FILE_READ',
    where: pattern,
    expected: 'a pattern that files match',
    received: 'none that do',
  })
}
