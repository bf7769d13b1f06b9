/** Arrow IPC files and streams, Feather among them, through Apache Arrow's library, as a source of tables. */

import type { CompressionType, DataType, RecordBatch, Schema, TypeMap } from 'apache-arrow'
import { open, stat } from 'node:fs/promises'
import * as zlib from 'node:zlib'
import { DataError } from '../errors.ts'
import { formatBytes } from '../memory-limit.ts'
import { piecesOf } from '../paced.ts'
import type { SourceLimits } from './open-dataset.ts'
import { unpackLz4 } from './lz4.ts'
import { loadPeer } from './peers.ts'
import {
  columnFromValues,
  numericColumn,
  type Column,
  type RowSource,
  type Table,
  type Value,
} from './table.ts'

type Arrow = typeof import('apache-arrow')

/** Numbers of 32 bits and packed ones are larger as tables. */
const NARROWEST_FACTOR = 3
/** Rows of a table: batches are often all of a file. */
const TABLE_ROWS = 8192

/** Where the batches of a file lie; streams have none. */
interface Footer {
  recordBatches(): Iterable<{ readonly bodyLength: number }>
}

/** How a value becomes one of a table. */
type Reader = (value: unknown) => Value

/**
 * Arrow files, one behind the other, read by record batches whenever asked for.
 *
 * @throws DataError where apache-arrow is not installed, a file is none of Arrow's, or has a column of lists or the like
 */
export async function arrowSource(
  paths: readonly string[],
  name: string,
  { memoryBytes = Infinity }: SourceLimits,
): Promise<RowSource> {
  const arrow = await loadPeer('apache-arrow', name, () => import('apache-arrow'))
  await addCodecs(arrow)
  return {
    name,
    bytes: async () => {
      const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
      return NARROWEST_FACTOR * sizes.reduce((sum, size) => sum + size, 0)
    },
    async *chunks() {
      for (const path of paths) yield* tablesOf(arrow, path, memoryBytes)
    },
  }
}

async function* tablesOf(arrow: Arrow, path: string, memoryBytes: number): AsyncGenerator<Table> {
  const handle = await open(path)
  try {
    const reader = await arrow.RecordBatchReader.from(handle)
    await reader.open()
    if ((reader as { schema?: Schema }).schema?.fields === undefined) throw new Error('something else')
    checkBatches(reader as { footer?: Footer }, path, memoryBytes)
    for await (const batch of reader as AsyncIterable<RecordBatch<TypeMap>>)
      for (const [from, to] of piecesOf(batch.numRows, TABLE_ROWS))
        yield tableOf(arrow, batch.slice(from, to), path)
  } catch (error) {
    if (error instanceof DataError) throw error
    const { message } = error as Error
    // LZ4, the other compression there is, always has one.
    if (message.endsWith('compressed but codec not found')) throw await zstdMissing(path)
    const cure =
      'It is damaged or cut off, or packed and apache-arrow older than version 21: write it anew, or without compression'
    throw new DataError(
      { code: 'HADAMARD_SOURCE', where: path, expected: 'a complete Arrow file', received: message, cure },
      { cause: error },
    )
  } finally {
    await handle.close().catch(() => undefined)
  }
}

type Decode = (packed: Uint8Array) => Uint8Array

// Those that a user has set stay. Before version 21 Arrow's library unpacks nothing, and says so.
async function addCodecs({ compressionRegistry, CompressionType: types }: Partial<Arrow>): Promise<void> {
  if (compressionRegistry === undefined || types === undefined) return
  const add = (type: CompressionType, decode: Decode | undefined): void => {
    if (decode !== undefined && compressionRegistry.get(type)?.decode === undefined)
      compressionRegistry.set(type, { decode })
  }
  add(types.LZ4_FRAME, unpackLz4)
  add(types.ZSTD, zstdDecompressSync ?? (await loadZstd().catch(() => undefined)))
}

// Node has zstd from 22.15 on.
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: Decode }

async function loadZstd(): Promise<Decode> {
  const { decompress } = await import('fzstd')
  return (packed) => decompress(packed)
}

async function zstdMissing(where: string): Promise<unknown> {
  return loadPeer('fzstd', where, loadZstd).then(
    () => new Error('a codec that has gone'),
    (error: unknown) => error,
  )
}

// A batch is read whole. Streams do not tell beforehand how large theirs are.
function checkBatches({ footer }: { footer?: Footer }, path: string, memoryBytes: number): void {
  const sizes = Array.from(footer?.recordBatches() ?? [], ({ bodyLength }) => bodyLength)
  const largest = Math.max(0, ...sizes)
  // The next one is read before the last one is given back.
  const most = memoryBytes / Math.min(2, Math.max(1, sizes.length))
  if (largest <= most) return
  throw new DataError({
    code: 'HADAMARD_MEMORY',
    where: path,
    expected: `record batches of at most ${formatBytes(most)}, as they are read whole`,
    received: `one of ${formatBytes(largest)}`,
    cure: 'Raise `memory`, or write the file in smaller batches',
  })
}

function tableOf(arrow: Arrow, batch: RecordBatch<TypeMap>, source: string): Table {
  const columns = batch.schema.fields.map(({ name, type }, index): Column => {
    const read = readerOf(arrow, type, `${source}, column ${name}`)
    const vector = batch.getChildAt(index)
    if (read === Number) return numericColumn(name, batch.numRows, (row) => Number(vector?.get(row) ?? NaN))
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
