/** Opens whatever rows can be read from: decides which reader an input is for. */

import { describeValue } from '../check.ts'
import { SpecError } from '../errors.ts'
import { arrowSource } from './arrow.ts'
import { checkFile, expandPattern } from './csv-bytes.ts'
import type { CsvInput } from './csv-files.ts'
import { openCsv, openSource, type Dataset, type DatasetRow } from './dataset.ts'
import { parquetSource, sqlSource } from './duckdb.ts'
import { checkSourceOptions, type OpenCsvOptions } from './open-options.ts'
import type { OnProgress } from './read-progress.ts'
import type { RowSource } from './table.ts'

const sqlPrefix = 'duckdb:'

/** A format that is no CSV. */
interface Format {
  /** For messages. */
  name: string
  ends: readonly string[]
  open(paths: readonly string[], name: string, limits: SourceLimits): Promise<RowSource>
}

/** What reading may take, and who is told of a copy that is made before. */
export interface SourceLimits {
  /** Memory of a library that reads; default what it takes of itself. */
  memoryBytes?: number
  onProgress?: OnProgress
}

const formats: readonly Format[] = [
  { name: 'a Parquet file', ends: ['.parquet'], open: parquetSource },
  { name: 'an Arrow file', ends: ['.arrow', '.arrows', '.feather', '.ipc'], open: arrowSource },
]

/**
 * Opens rows of any source: CSV as {@link openCsv} does, Parquet (`.parquet`), Arrow IPC (`.arrow`, `.arrows`, `.feather`,
 * `.ipc`), and answers of DuckDB to SQL (`duckdb:SELECT …`, in which files may be tables). Parquet and SQL need the package
 * `@duckdb/node-api` beside this one, Arrow needs `apache-arrow`.
 *
 * @param input as for `openCsv`, or `duckdb:` and SQL; of several statements the last one gives the rows
 * @param options as for `openCsv`; for other sources than CSV `types`, `columns` and `schema`
 * @throws DataError where a package is absent, with the command that installs it, and for data that cannot be read;
 *   SpecError for a wrong option
 * @example
 * const dataset = await openDataset("duckdb:SELECT * FROM 'sales-*.parquet' WHERE year > 2020 ORDER BY id")
 */
export async function openDataset<Row extends object = DatasetRow>(
  input: CsvInput,
  options: OpenCsvOptions = {},
): Promise<Dataset<Row>> {
  if (!isOtherSource(input)) return openCsv(input, options)
  checkSourceOptions('openDataset', options)
  return openSource(await findSource(input), options)
}

/**
 * The source of an input that is no CSV.
 *
 * @throws DataError where it cannot be read; SpecError for an input that is a CSV
 */
export function findSource(input: unknown, limits: SourceLimits = {}): Promise<RowSource> {
  const open = otherSource(input)
  if (open !== undefined) return open(limits)
  throw new SpecError({ where: 'input', expected: 'another source than CSV', received: describeValue(input) })
}

/** Whether an input is rows of another source than CSV. */
export function isOtherSource(input: unknown): boolean {
  return otherSource(input) !== undefined
}

// Undefined for CSV.
function otherSource(input: unknown): ((limits: SourceLimits) => Promise<RowSource>) | undefined {
  if (typeof input === 'string' && input.startsWith(sqlPrefix)) {
    return (limits) => sqlSource(input.slice(sqlPrefix.length), limits)
  }
  const paths: readonly unknown[] = Array.isArray(input) ? input : [input]
  const found = new Set(paths.map((path) => (typeof path === 'string' ? formatOf(path) : undefined)))
  if (found.size > 1) {
    const expected = 'files of one format'
    throw new SpecError({ where: 'input', expected, received: 'several', cure: 'Open them one by one' })
  }
  const [format] = found
  return format === undefined ? undefined : (limits) => openFiles(paths as readonly string[], format, limits)
}

async function openFiles(
  patterns: readonly string[],
  format: Format,
  limits: SourceLimits,
): Promise<RowSource> {
  const paths = (await Promise.all(patterns.map(expandPattern))).flat()
  for (const path of paths) await checkFile(path, format.name)
  return format.open(paths, paths[0] + (paths.length > 1 ? ` and ${paths.length - 1} more` : ''), limits)
}

function formatOf(path: string): Format | undefined {
  return formats.find(({ ends }) => ends.some((end) => path.toLowerCase().endsWith(end)))
}
