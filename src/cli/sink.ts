/** Where a command writes its rows: standard output, or a file that appears only when it is complete. */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { DataError } from '../errors.ts'
import { removeLeftovers, temporaryBeside } from '../temporary.ts'
import { writeOut } from './outcome.ts'

/** Text that goes somewhere in pieces. */
export interface TextSink {
  write(text: string): Promise<void>
  end(): Promise<void>
  /** Leaves nothing behind of what was not ended. */
  abandon(): Promise<void>
}

/**
 * Refuses to write over what a command reads or writes besides.
 *
 * @param written paths by their flags
 * @param read paths of data, models and settings
 */
export function checkWritten(
  written: Readonly<Record<string, string | undefined>>,
  read: readonly (string | undefined)[],
): void {
  for (const [flag, path] of Object.entries(written)) {
    if (path === undefined) continue
    const besides = Object.entries(written).flatMap(([other, value]) => (other === flag ? [] : [value]))
    if (![...read, ...besides].some((other) => other !== undefined && resolve(other) === resolve(path)))
      continue
    throw new DataError({
      code: 'HADAMARD_FILE_WRITE',
      where: flag,
      expected: 'a file other than the data and what is read or written besides',
      received: `'${path}'`,
    })
  }
}

/**
 * Opens a sink.
 *
 * @param path undefined for standard output; a name that ends in `.gz` is packed
 */
export async function openSink(path: string | undefined): Promise<TextSink> {
  if (path === undefined) {
    return { write: (text) => writeOut(text), end: () => Promise.resolve(), abandon: () => Promise.resolve() }
  }
  const found = await stat(path).catch(() => undefined)
  // What is no file, as a pipe, can only be written in place; a folder says so itself.
  const target = found === undefined || found.isFile() ? temporaryBeside(path) : path
  if (target !== path) await removeLeftovers(path)
  const file = createWriteStream(target)
  const stream = path.endsWith('.gz') ? createGzip() : file
  if (stream !== file) stream.pipe(file)
  const done = finished(file)
  const failed = done.then(
    () => undefined,
    (error: unknown) => unwritable(path, error),
  )
  failed.catch(() => undefined)
  // What cannot be written is told before the work, not after it; a pipe opens when somebody reads it.
  if (target !== path) await Promise.race([once(file, 'open'), failed])
  return {
    write: (text) => Promise.race([writeOut(text, stream), failed]),
    async end() {
      stream.end()
      await failed
      if (target !== path) await rename(target, path).catch((error: unknown) => unwritable(path, error))
    },
    async abandon() {
      stream.destroy()
      file.destroy()
      await failed.catch(() => undefined)
      if (target !== path) await rm(target, { force: true })
    },
  }
}

function unwritable(path: string, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException
  const received = code === 'ENOENT' ? 'no such folder' : code === 'EISDIR' ? 'a folder' : message
  throw new DataError(
    { code: 'HADAMARD_FILE_WRITE', where: path, expected: 'a file that can be written', received },
    { cause: error },
  )
}

/** A text as a CSV field; an empty one is quoted, as an unquoted empty field is a missing value. */
export function csvField(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
