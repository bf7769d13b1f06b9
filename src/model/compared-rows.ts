/** The rows that two models are compared on: found once in any source, read for each model with the types of its training. */

import type { Chunk } from '../data/chunks.ts'
import { CsvFiles } from '../data/csv-files.ts'
import { Dataset, openFiles } from '../data/dataset.ts'
import { locateRows } from '../data/locate-rows.ts'
import { isOtherSource } from '../data/open-dataset.ts'
import type { Table } from '../data/table.ts'
import { DataError } from '../errors.ts'
import type { PredictionCsvOptions } from '../model.ts'
import type { AnyModel } from './going-on.ts'
import { anySource, isInput, tableOfRows, type TrainSource } from './read-source.ts'

/** Where a row is to be found. */
export interface RowPlace {
  /** Row number from 0. */
  row: number
  /** Its physical line, where it is a record of a CSV. */
  line?: number
  /** The file of that line, where there are several. */
  file?: string
}

/** A source of rows that can be read for one model after the other. */
export interface ComparedRows {
  /** All rows with the columns of a model, with its targets or without. */
  read(model: AnyModel, hasTarget: boolean): Promise<Table>
  /** The places of rows by their numbers, once they have been read. */
  placesOf(rows: readonly number[]): Promise<RowPlace[]>
  /** Removes what was kept of a stream. */
  close(): Promise<void>
}

/**
 * Finds the rows of a source.
 *
 * @throws DataError where there are none to be found
 */
export async function openComparedRows(
  source: TrainSource,
  options: PredictionCsvOptions,
): Promise<ComparedRows> {
  const close = (): Promise<void> => Promise.resolve()
  if (!isInput(source)) {
    const chunks = source instanceof Dataset ? () => source.chunks() : undefined
    const table =
      source instanceof Dataset ? await source.toTable() : tableOfRows(source, 'compareModels', anySource)
    return { read: () => Promise.resolve(table), placesOf: (rows) => placesIn(rows, chunks), close }
  }
  if (isOtherSource(source)) {
    const read: ComparedRows['read'] = (model, hasTarget) =>
      model.readTable(source, { ...options, hasTarget })
    return { read, placesOf: (rows) => placesIn(rows), close }
  }
  const files = await CsvFiles.find(source, options)
  let dataset: Dataset | undefined
  return {
    read: async ({ encoder, report }, hasTarget) => {
      const types = encoder.columnTypes({ hasTarget })
      dataset = await openFiles(files, { types, dates: encoder.dateColumns(), missing: report.missingTexts })
      return dataset.toTable()
    },
    placesOf: (rows) => placesIn(rows, () => dataset?.chunks(), files.paths.length > 1),
    close: () => files.close(),
  }
}

async function placesIn(
  rows: readonly number[],
  chunks?: () => AsyncIterable<Chunk> | undefined,
  hasSeveralFiles = false,
): Promise<RowPlace[]> {
  const pieces = chunks?.()
  const found = pieces === undefined || rows.length === 0 ? undefined : await locateRows(pieces, rows)
  return rows.map((row) => {
    const { line, file } = found?.get(row) ?? {}
    return {
      row,
      ...(line === undefined ? {} : { line }),
      ...(line === undefined || !hasSeveralFiles ? {} : { file }),
    }
  })
}

/**
 * The rows for both models, with the targets where the data have them.
 *
 * @throws DataError for a column that is missing, and a value that does not fit
 */
export async function readForBoth(
  [first, second]: readonly [AnyModel, AnyModel],
  rows: ComparedRows,
): Promise<{ tables: [Table, Table]; hasTarget: boolean }> {
  const targets = first.encoder.targets.map(({ name }) => name)
  const table = await rows.read(first, true).catch((error: unknown) => {
    const isAbsent = error instanceof DataError && error.line === undefined
    if (!isAbsent || !targets.includes(error.column ?? '')) throw error
    return rows.read(first, false)
  })
  const hasTarget = targets.every((target) => table.columns.some(({ name }) => name === target))
  return { tables: [table, await rows.read(second, hasTarget)], hasTarget }
}
