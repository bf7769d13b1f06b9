/** Data that are opened as often as asked for, with one schema or another: what can be read only once is kept for it. */

import { stat } from 'node:fs/promises'
import { isPacked } from './csv-bytes.ts'
import { CsvFiles, type CsvInput } from './csv-files.ts'
import type { StreamOptions } from './csv-stream.ts'
import { openFiles, openSource, type Dataset } from './dataset.ts'
import { findSource, isOtherSource, type SourceLimits } from './open-dataset.ts'
import type { OpenCsvOptions } from './open-options.ts'
import { reporting } from './read-progress.ts'
import type { WatchSurvey } from './survey.ts'
import type { RowSource } from './table.ts'

/** Text that a byte of gzip or zstd stands for, at most where nothing is known of it. */
const PACKED_FACTOR = 6

/** Data to be opened. */
export interface Openable {
  /** For messages: a path as the user gave it. */
  readonly name: string
  /** Whether this is a copy, as its rows cannot be read twice where they come from. */
  readonly isCopy: boolean
  /** About how many bytes they are, as CSV or as tables; beyond `most` not all need to be counted. */
  bytes(most: number): Promise<number>
  /** What the library that reads them takes of memory, beside its limit; 0 where this one reads. */
  readonly libraryBytes: number
  /** Other sources than CSV take no more than `types`, `columns`, `schema` and `onProgress`. */
  open(options: OpenCsvOptions, watch?: WatchSurvey): Promise<Dataset>
  /** Removes what was kept; datasets that were opened are at an end then. */
  close(): Promise<void>
}

/**
 * An input of `openDataset`, to be opened.
 *
 * @throws DataError where it cannot be found, or a copy cannot be kept; SpecError for another kind of input
 */
export async function openable(
  input: CsvInput,
  options: StreamOptions & SourceLimits = {},
): Promise<Openable> {
  const { memoryBytes, onProgress, ...csv } = options
  if (isOtherSource(input)) return openableSource(await findSource(input, { memoryBytes, onProgress }))
  const files = await CsvFiles.find(input, csv)
  return {
    name: files.name,
    isCopy: files.isKept,
    libraryBytes: 0,
    bytes: () => textBytes(files.paths),
    open: (given, watch) => openFiles(files, given, watch),
    close: () => files.close(),
  }
}

/** A source of tables, to be opened. */
export function openableSource(source: RowSource): Openable {
  return {
    name: source.name,
    isCopy: source.isCopy === true,
    libraryBytes: source.libraryBytes ?? 0,
    bytes: async (most) => (await source.bytes?.(most)) ?? 0,
    open: ({ types, columns, schema, onProgress }, watch) =>
      openSource(reporting(source, onProgress), { types, columns, schema }, watch),
    close: async () => source.close?.(),
  }
}

// Files that are not there count as small.
async function textBytes(paths: readonly string[]): Promise<number> {
  let total = 0
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined)
    if (found?.isFile() !== true) continue
    total += found.size * ((await isPacked(path).catch(() => false)) ? PACKED_FACTOR : 1)
  }
  return total
}
