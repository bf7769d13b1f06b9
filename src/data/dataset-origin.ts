/** What a dataset needs of the place its rows come from: CSV files (file-rows.ts), or a source of tables (source-rows.ts). */

import type { Chunk, NumberBatch } from './chunks.ts'
import type { CsvReject } from './csv-stream.ts'
import type { DatasetSchema, Survey } from './survey.ts'
import type { Table } from './table.ts'

/** Records that were left out. */
export interface Rejects {
  count: number
  /** The first thousand, under `onError: 'report'`. */
  records: readonly CsvReject[]
}

/** Rows that are read from the first on whenever asked for, always the same ones in the same order. */
export interface DatasetOrigin {
  /** For messages: a path as the user gave it. */
  readonly name: string
  readonly schema: DatasetSchema
  /** Undefined where a schema was given and nobody has asked for more. */
  readonly survey: Survey | undefined
  readonly rejects: Rejects
  surveyed(): Promise<Survey>
  chunks(): AsyncGenerator<Chunk>
  /** Tables of exactly so many rows, the last with what is left over. */
  tables(wanted: number): AsyncGenerator<Table>
  /**
   * The values of some columns as float32.
   *
   * @param chosen places in the schema, of numeric columns
   * @param wanted rows of a batch
   */
  numbers(chosen: readonly number[], wanted: number): AsyncGenerator<NumberBatch>
  /** Removes what was kept for reading it again. */
  close(): Promise<void>
}
