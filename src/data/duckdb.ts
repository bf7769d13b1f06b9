/** Parquet files and answers to SQL, through DuckDB's Node API, as sources of tables. */

import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult, DuckDBVector } from '@duckdb/node-api'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { DataError } from '../errors.ts'
import { temporaryPath } from '../temporary.ts'
import type { SourceLimits } from './open-dataset.ts'
import { loadPeer } from './peers.ts'
import { reported } from './read-progress.ts'
import { spooled } from './spool.ts'
import {
  columnFromValues,
  numericColumn,
  valueAt,
  type Column,
  type RowSource,
  type Table,
  type Value,
} from './table.ts'

type Duck = typeof import('@duckdb/node-api')

/** How a value of DuckDB becomes one of a table; what is not listed has no place in one. */
type Reader = (value: unknown) => Value

const toNumber: Reader = Number
const decimalToNumber: Reader = (value) => (value as { toDouble(): number }).toDouble()
const toText: Reader = String
const readers: Readonly<Record<string, Reader | undefined>> = {
  BOOLEAN: (value) => value === true,
  ...readersOf(toNumber, ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'FLOAT', 'DOUBLE']),
  ...readersOf(toNumber, ['UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT', 'UHUGEINT']),
  DECIMAL: decimalToNumber,
  ...readersOf(toText, ['VARCHAR', 'ENUM', 'UUID', 'DATE', 'TIME', 'TIME_TZ', 'INTERVAL', 'SQLNULL']),
  ...readersOf(toText, ['TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS', 'TIMESTAMP_TZ']),
}

/** Below this DuckDB refuses much of what it otherwise answers. */
const LEAST_MEMORY = 64e6
/** Its code, and what it keeps when it has been closed. */
const LIBRARY_BYTES = 120e6
/** What DuckDB wants for each of its threads. */
const BYTES_PER_THREAD = 125e6

/** A column of a result. */
interface ResultColumn {
  name: string
  read: Reader
}

/**
 * Parquet files, one behind the other, read anew whenever asked for.
 *
 * @throws DataError where DuckDB is not installed, a file cannot be read, or has a column of lists or the like
 */
export async function parquetSource(
  paths: readonly string[],
  name: string,
  limits: SourceLimits,
): Promise<RowSource> {
  const duck = await loadDuckDb(name)
  const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(', ')
  const ask = (sql: string): AsyncGenerator<Table> => answers(duck, sql, name, limits)
  const totalRows = (): Promise<number> =>
    firstNumber(ask(`SELECT sum(num_rows) FROM parquet_file_metadata([${list}])`))
  return {
    name,
    libraryBytes: LIBRARY_BYTES,
    chunks: () => ask(`FROM read_parquet([${list}])`),
    totalRows,
    bytes: async () => {
      const rows = await totalRows()
      const columns = await firstNumber(ask(`SELECT count(*) FROM (DESCRIBE FROM read_parquet([${list}]))`))
      return rows * columns * Float64Array.BYTES_PER_ELEMENT
    },
  }
}

async function firstNumber(tables: AsyncIterable<Table>): Promise<number> {
  for await (const { columns } of tables) {
    const value = columns.length > 0 && valueAt(columns[0], 0)
    if (typeof value === 'number') return value
  }
  return 0
}

/**
 * The answer of DuckDB to SQL; of several statements the last one answers. It is asked once and kept, as another answer to
 * the same question may have its rows in another order.
 *
 * @throws DataError where DuckDB is not installed, refuses the SQL, or answers with lists or the like
 */
export async function sqlSource(sql: string, limits: SourceLimits): Promise<RowSource> {
  const name = 'duckdb'
  const tables = answers(await loadDuckDb(name), sql, name, limits)
  const kept = await spooled(name, reported(tables, limits.onProgress))
  return { ...kept, libraryBytes: LIBRARY_BYTES }
}

function loadDuckDb(where: string): Promise<Duck> {
  return loadPeer('@duckdb/node-api', where, () => import('@duckdb/node-api'))
}

// The first table has the columns, also where there are no rows.
async function* answers(
  duck: Duck,
  sql: string,
  name: string,
  { memoryBytes }: SourceLimits,
): AsyncGenerator<Table> {
  // What does not fit goes there, and not, as DuckDB has it, into a folder beside the user's files.
  const folder = await temporaryPath()
  const instance = await duck.DuckDBInstance.create(':memory:', {
    temp_directory: folder,
    ...(memoryBytes === undefined ? {} : withinMemory(memoryBytes)),
  })
  const connection = await instance.connect()
  try {
    const result = await ask(connection, sql)
    const columns = columnsOf(result, duck, name)
    yield { rows: 0, columns: columns.map((column) => columnFromValues(column.name, [])), source: name }
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) return
      yield tableOf(chunk, columns, name)
    }
  } catch (error) {
    throw refusal(error, name)
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(folder, { recursive: true, force: true })
  }
}

function withinMemory(bytes: number): Record<string, string> {
  const limit = Math.max(LEAST_MEMORY, bytes)
  const threads = Math.max(1, Math.min(availableParallelism(), Math.floor(limit / BYTES_PER_THREAD)))
  return { memory_limit: `${Math.floor(limit / 1e6)}MB`, threads: String(threads) }
}

async function ask(connection: DuckDBConnection, sql: string): Promise<DuckDBResult> {
  const statements = await connection.extractStatements(sql)
  const last = statements.count - 1
  for (let at = 0; at < last; at++) await (await statements.prepare(at)).run()
  return (await statements.prepare(last)).stream()
}

function refusal(error: unknown, name: string): DataError {
  if (error instanceof DataError) return error
  const [first] = (error as Error).message.split('\n')
  if (first.startsWith('Out of Memory Error')) {
    const expected = 'an answer that DuckDB finds within its share of the memory'
    const cure = 'Raise `memory`, or ask for less at once: sorting, joining and grouping are what takes it'
    return new DataError(
      { code: 'HADAMARD_MEMORY', where: name, expected, received: first, cure },
      { cause: error },
    )
  }
  const expected = name === 'duckdb' ? 'SQL that DuckDB can answer' : 'a Parquet file'
  // What the bindings say of a text without a statement.
  const received = first === 'Error in native callback' ? 'no statement' : first
  return new DataError({ code: 'HADAMARD_SOURCE', where: name, expected, received }, { cause: error })
}

function columnsOf(result: DuckDBResult, duck: Duck, name: string): ResultColumn[] {
  const names = result.columnNames()
  return names.map((column, index) => {
    const where = `${name}, column ${column}`
    if (names.indexOf(column) < index) {
      const expected = 'a name of its own for every column'
      throw new DataError(
        {
          code: 'HADAMARD_SOURCE_COLUMN',
          where,
          expected,
          received: `'${column}' twice`,
          cure: 'Rename one with AS',
        },
        { column },
      )
    }
    const read = readers[duck.DuckDBTypeId[result.columnTypeId(index)]]
    if (read !== undefined) return { name: column, read }
    const received = String(result.columnType(index))
    const cure = 'Take what is in it into columns of their own, or leave it out, with duckdb:SELECT …'
    throw new DataError(
      {
        code: 'HADAMARD_SOURCE_COLUMN',
        where,
        expected: 'numbers, texts, booleans or times',
        received,
        cure,
      },
      { column },
    )
  })
}

function tableOf(chunk: DuckDBDataChunk, columns: readonly ResultColumn[], source: string): Table {
  const rows = chunk.rowCount
  return {
    rows,
    columns: columns.map((column, index) => columnOf(chunk.getColumnVector(index), column, rows)),
    source,
  }
}

function columnOf(vector: DuckDBVector, { name, read }: ResultColumn, rows: number): Column {
  if (read === toNumber || read === decimalToNumber)
    return numericColumn(name, rows, (row) => {
      const value: unknown = vector.getItem(row)
      return value === null ? NaN : (read(value) as number)
    })
  const values = Array.from({ length: rows }, (_, row): Value => {
    const value: unknown = vector.getItem(row)
    return value === null || Number.isNaN(value) ? null : read(value)
  })
  // Of nothing but gaps the type says what they are gaps of.
  return columnFromValues(name, values)
}

function readersOf(read: Reader, types: readonly string[]): Record<string, Reader> {
  return Object.fromEntries(types.map((type) => [type, read]))
}
