/** One or more CSV files of the same columns, read one behind the other as often as asked for. */

import { createReadStream, createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { describeValue } from '../check.ts'
import { DataError, SpecError } from '../errors.ts'
import { temporaryFolder } from '../temporary.ts'
import { expandPattern, openFile, type ByteStream } from './csv-bytes.ts'
import { CsvStream, type StreamBlock, type StreamOptions, type StreamPlan } from './csv-stream.ts'
import { progressOf, type OnProgress } from './read-progress.ts'
import { nameList } from './table.ts'

/** A CSV file, several, a pattern of paths, a stream of bytes, or `-` for standard input. */
export type CsvInput = string | readonly string[] | ByteStream

/** Errors of the system where a file cannot grow. */
const roomTroubles = ['ENOSPC', 'EDQUOT', 'EFBIG']

export class CsvFiles {
  /** Of one file after another: what each leaves would wait for the collector. */
  private readonly spare: Uint8Array[] = []

  private constructor(
    /** For messages. */
    readonly name: string,
    readonly paths: readonly string[],
    readonly options: StreamOptions,
    private readonly spool: string | undefined,
  ) {}

  /**
   * Finds the files. A stream is first written to a temporary file, as its rows are read more than once.
   *
   * @throws DataError where a pattern matches no file; SpecError for another kind of input
   */
  static async find(input: CsvInput, options: StreamOptions): Promise<CsvFiles> {
    if (typeof input === 'string' && input !== '-') {
      const paths = await expandPattern(input)
      // A pipe, as of <(…) in a shell, gives its bytes once.
      if (await isPipe(paths[0])) return CsvFiles.kept(createReadStream(paths[0]), input, options)
      return new CsvFiles(input, paths, options, undefined)
    }
    if (Array.isArray(input)) {
      const given = input as readonly unknown[]
      if (given.length === 0 || !given.every((path): path is string => typeof path === 'string')) {
        const received = given.length === 0 ? 'none' : 'a list with something else'
        throw new SpecError({ where: 'input', expected: 'a list of paths', received })
      }
      const paths = (await Promise.all(given.map(expandPattern))).flat()
      return new CsvFiles(
        paths[0] + (paths.length > 1 ? ` and ${paths.length - 1} more` : ''),
        paths,
        options,
        undefined,
      )
    }
    const stream = input === '-' ? process.stdin : input
    if (typeof (stream as Partial<ByteStream> | null)?.[Symbol.asyncIterator] !== 'function') {
      const expected = "a path, a list of paths, a readable stream, or '-' for standard input"
      throw new SpecError({ where: 'input', expected, received: describeValue(input) })
    }
    return CsvFiles.kept(stream as ByteStream, input === '-' ? 'standard input' : 'stream', options)
  }

  /** Files of a stream, kept in a temporary one. */
  static async kept(stream: ByteStream, name: string, options: StreamOptions): Promise<CsvFiles> {
    const folder = await temporaryFolder()
    const path = join(folder, 'stream.csv')
    try {
      await pipeline(bytesOf(stream, name), createWriteStream(path))
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      if (error instanceof DataError) throw error
      const { message, code = '' } = error as NodeJS.ErrnoException
      const expected = 'a stream that can be read and kept in a temporary file'
      const cure = roomTroubles.includes(code) ? 'Set TMPDIR to a folder with more room' : undefined
      throw new DataError(
        { code: 'HADAMARD_FILE_READ', where: name, expected, received: message, cure },
        { cause: error },
      )
    }
    return new CsvFiles(name, [path], options, folder)
  }

  /** Whether these are a copy of what could be read only once. */
  get isKept(): boolean {
    return this.spool !== undefined
  }

  /** Removes what was kept of a stream. */
  async close(): Promise<void> {
    this.spare.length = 0
    if (this.spool !== undefined) await rm(this.spool, { recursive: true, force: true })
  }

  /** The names of the columns, from the first file. */
  async names(): Promise<string[]> {
    const stream = await this.open(this.paths[0])
    await stream.close()
    return stream.head.names
  }

  /**
   * Reads all files once.
   *
   * @throws DataError where a file cannot be read or has other columns than the first
   */
  async *blocks(
    names: readonly string[],
    plan: StreamPlan,
    onProgress?: OnProgress,
  ): AsyncGenerator<StreamBlock> {
    const started = performance.now()
    const totalBytes = onProgress === undefined ? undefined : await this.totalBytes()
    let done = 0
    let rows = 0
    for (const path of this.paths) {
      const stream = await this.open(path)
      try {
        this.checkNames(stream.head.names, names, path)
        for await (const block of stream.blocks(plan, rows)) {
          rows = block.firstRow + block.rows
          onProgress?.(progressOf(done + stream.source.consumed, totalBytes, rows, started))
          yield block
        }
      } finally {
        await stream.close()
      }
      done += stream.source.consumed
    }
  }

  private async open(path: string): Promise<CsvStream> {
    const source = await openFile(path, this.spool === undefined ? path : this.name)
    try {
      return await CsvStream.open(source, this.options, this.spare)
    } catch (error) {
      await source.close()
      throw error
    }
  }

  private checkNames(found: readonly string[], names: readonly string[], path: string): void {
    if (found.length === names.length && found.every((name, index) => name === names[index])) return
    throw new DataError({
      code: 'HADAMARD_CSV_FILES',
      where: path,
      expected: `the columns ${nameList(names)}, as in ${this.paths[0]}`,
      received: nameList(found),
    })
  }

  private async totalBytes(): Promise<number | undefined> {
    // What is no file is told of when it is opened.
    const sizes = await Promise.all(this.paths.map((path) => stat(path).catch(() => undefined)))
    const total = sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0)
    return total === 0 ? undefined : total
  }
}

// What is no piece of a file would end the process where a file is to take it.
async function* bytesOf(stream: ByteStream, name: string): ByteStream {
  for await (const piece of stream as AsyncIterable<unknown>) {
    if (typeof piece !== 'string' && !(piece instanceof Uint8Array)) {
      throw new DataError({
        code: 'HADAMARD_FILE_READ',
        where: name,
        expected: 'a stream of bytes or texts',
        received: describeValue(piece),
        cure: 'Rows as objects make a dataset: await Dataset.from(rows)',
      })
    }
    yield piece
  }
}

/** Whether a path gives its bytes once. */
export async function isPipe(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && (found.isFIFO() || found.isCharacterDevice())
}
