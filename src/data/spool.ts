/** Keeps tables that can be had only once in a temporary file, so that they can be read again and again. */

import { open, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { DataError } from '../errors.ts'
import { temporaryFolder } from '../temporary.ts'
import type { Column, RowSource, Table } from './table.ts'

const lengthBytes = 4

/**
 * The tables of a source, kept until the result is closed. A number takes 8 bytes, a text 4 and its category.
 *
 * @throws DataError where the temporary file cannot be written
 */
export async function spooled(name: string, tables: AsyncIterable<Table>): Promise<RowSource> {
  const folder = await temporaryFolder()
  const path = join(folder, 'rows')
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true })
  let rows = 0
  try {
    rows = await writeTables(path, tables)
  } catch (error) {
    await close()
    throw error
  }
  return {
    name,
    isCopy: true,
    chunks: () => readTables(path, name),
    totalRows: () => Promise.resolve(rows),
    bytes: async () => (await stat(path)).size,
    close,
  }
}

// Returns how many rows they have.
async function writeTables(path: string, tables: AsyncIterable<Table>): Promise<number> {
  const file = await open(path, 'wx', 0o600)
  let total = 0
  try {
    for await (const { rows, columns } of tables) {
      total += rows
      const bytes = serialize({ rows, columns })
      const length = Buffer.alloc(lengthBytes)
      length.writeUInt32LE(bytes.length)
      await file.writev([length, bytes]).catch((error: unknown) => {
        const { message } = error as Error
        const expected = 'room for rows that can be read only once'
        const cure = 'Set TMPDIR to a folder with more room'
        throw new DataError(
          { code: 'HADAMARD_CACHE', where: path, expected, received: message, cure },
          { cause: error },
        )
      })
    }
    return total
  } finally {
    await file.close()
  }
}

async function* readTables(path: string, source: string): AsyncGenerator<Table> {
  const file = await open(path)
  try {
    for (;;) {
      const length = await readBytes(file, lengthBytes)
      if (length === undefined) return
      const bytes = await readBytes(file, length.readUInt32LE())
      if (bytes === undefined) return
      const { rows, columns } = deserialize(bytes) as { rows: number; columns: Column[] }
      yield { rows, columns, source }
    }
  } finally {
    await file.close()
  }
}

async function readBytes(file: FileHandle, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled)
    if (bytesRead === 0) return undefined
    filled += bytesRead
  }
  return bytes
}
