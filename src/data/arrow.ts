/** Arrow IPC files and streams, Feather among them, through Apache Arrow's library, as a source of tables. */

import type { DataType, RecordBatch, Schema, TypeMap } from 'apache-arrow'
import { open, stat } from 'node:fs/promises'
import { DataError } from '../errors.ts'
import { piecesOf } from '../paced.ts'
import { loadPeer } from './peers.ts'
import { columnFromValues, type Column, type RowSource, type Table, type Value } from './table.ts'

type Arrow = typeof import('apache-arrow')

/** Numbers of 32 bits and packed ones are larger as tables. */
const NARROWEST_FACTOR = 3
/** Rows of a table: batches are often all of a file. */
const TABLE_ROWS = 8192

/** How a value becomes one of a table. */
type Reader = (value: unknown) => Value

/**
 * Arrow files, one behind the other, read by record batches whenever asked for.
 *
 * @throws DataError where apache-arrow is not installed, a file is none of Arrow's, or has a column of lists or the like
 */
export async function arrowSource(paths: readonly string[], name: string): Promise<RowSource> {
  const arrow = await loadPeer('apache-arrow', name, () => import('apache-arrow'))
  return {
    name,
    bytes: async () => {
      const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
      return NARROWEST_FACTOR * sizes.reduce((sum, size) => sum + size, 0)
    },
    async *chunks() {
      for (const path of paths) yield* tablesOf(arrow, path)
    },
  }
}

async function* tablesOf(arrow: Arrow, path: string): AsyncGenerator<Table> {
  const handle = await open(path)
  try {
    const reader = await arrow.RecordBatchReader.from(handle)
    await reader.open()
    if ((reader as { schema?: Schema }).schema?.fields === undefined) throw new Error('something else')
    for await (const batch of reader as AsyncIterable<RecordBatch<TypeMap>>)
      for (const [from, to] of piecesOf(batch.numRows, TABLE_ROWS))
        yield tableOf(arrow, batch.slice(from, to), path)
  } catch (error) {
    if (error instanceof DataError) throw error
    const { message } = error as Error
    const cure =
      'It is damaged, cut off or packed in a way that is not read here: write it anew, without compression'
    throw new DataError(
      { code: 'HADAMARD_SOURCE', where: path, expected: 'a complete Arrow file', received: message, cure },
      { cause: error },
    )
  } finally {
    await handle.close().catch(() => undefined)
  }
}

function tableOf(arrow: Arrow, batch: RecordBatch<TypeMap>, source: string): Table {
  const columns = batch.schema.fields.map(({ name, type }, index): Column => {
    const read = readerOf(arrow, type, `${source}, column ${name}`)
    const vector = batch.getChildAt(index)
    const values = Array.from({ length: batch.numRows }, (_, row): Value => {
      const value: unknown = vector?.get(row) ?? null
      return value === null || Number.isNaN(value) ? null : read(value)
    })
    return columnFromValues(name, values)
  })
  return { rows: batch.numRows, columns, source }
}

function readerOf({ DataType }: Arrow, type: DataType, where: string): Reader {
  if (DataType.isDictionary(type)) return String
  if (DataType.isInt(type) || DataType.isFloat(type)) return Number
  if (DataType.isDecimal(type)) return (value) => decimalValue(value as Uint32Array, type.scale)
  if (DataType.isBool(type)) return Boolean
  if (
    DataType.isUtf8(type) ||
    DataType.isLargeUtf8(type) ||
    DataType.isUtf8View(type) ||
    DataType.isNull(type)
  )
    return String
  if (DataType.isDate(type) || DataType.isTimestamp(type))
    return (value) => new Date(Number(value)).toISOString()
  throw new DataError({
    code: 'HADAMARD_SOURCE_COLUMN',
    where,
    expected: 'numbers, texts, booleans or dates',
    received: describeType(type),
    cure: 'Take what is in it into columns of their own, or leave it out',
  })
}

function describeType(type: { toString(): string }): string {
  return type.toString()
}

// Words of 32 bits, the lowest first, as one number in two's complement.
function decimalValue(words: Uint32Array, scale: number): number {
  const bits = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n)
  return Number(`${BigInt.asIntN(32 * words.length, bits)}e${-scale}`)
}
