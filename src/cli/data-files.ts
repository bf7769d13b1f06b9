/** The data that commands are given: paths, patterns, standard input, or SQL. */

import { basename, extname } from 'node:path'
import { CsvFiles, type CsvInput } from '../data/csv-files.ts'
import { findSource, isOtherSource } from '../data/open-dataset.ts'

/** What stands for an argument of data in help texts. */
export const dataHelp =
  'CSV, packed (gzip, zstd) or not; .parquet, .arrow; several, a pattern, - for standard input, or duckdb:SQL'

/** The arguments as an input of `openDataset`. */
export function inputOf(files: readonly string[]): CsvInput {
  return files.length === 1 ? files[0] : files
}

/**
 * The names of the columns, without reading the rows behind the first.
 *
 * @throws DataError where the data cannot be read
 */
export async function columnNames(
  input: CsvInput,
  { delimiter }: { delimiter?: string } = {},
): Promise<string[]> {
  if (!isOtherSource(input)) {
    const files = await CsvFiles.find(input, { delimiter })
    return files.names().finally(() => files.close())
  }
  const source = await findSource(input)
  try {
    for await (const { columns } of source.chunks()) return columns.map(({ name }) => name)
    return []
  } finally {
    await source.close?.()
  }
}

/**
 * A short name of the data, for titles and files made of it.
 *
 * @example
 * dataName(['data/sales.csv.gz']) // 'sales'
 */
export function dataName([first]: readonly string[]): string {
  if (first === '-') return 'stdin'
  if (first.startsWith('duckdb:')) return 'duckdb'
  const name = basename(first).replace(/\.(gz|zst)$/i, '')
  return basename(name, extname(name)).replaceAll(/[*?]/g, '') || 'data'
}
