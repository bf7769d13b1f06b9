/** What `train` and `crossValidate` take as data, read into a table. */

import { describeValue } from '../check.ts'
import type { CsvInput } from '../data/csv-files.ts'
import { Dataset, openCsv } from '../data/dataset.ts'
import { checkRow } from '../data/object-rows.ts'
import { isOtherSource } from '../data/open-dataset.ts'
import { readTable } from '../data/read-table.ts'
import type { OpenCsvOptions } from '../data/open-options.ts'
import type { DatasetSchema } from '../data/survey.ts'
import { asTexts, column as columnOf, tableFromRows, type Table } from '../data/table.ts'
import { DataError, reasonOf, SpecError } from '../errors.ts'
import type { TrainSettings } from './options.ts'

/** Data to train on: an input of `openDataset`, a dataset, or rows as objects. */
export type TrainSource<Row extends object = object> = CsvInput | Dataset<Row> | readonly Row[]

type ColumnTypes = NonNullable<TrainSettings['types']>

/**
 * The table of a source.
 *
 * @throws DataError for data that cannot be read; SpecError for options that the source has no use for
 */
export function readSource(source: unknown, settings: TrainSettings): Promise<Table> {
  return namingOption('types', settings.types, () => readTableOf(source, settings))
}

/** What a reader, who knows of no options, complains of in a column that an option names. */
const columnTroubles: readonly unknown[] = [
  'HADAMARD_COLUMN_MISSING',
  'HADAMARD_CSV_NUMBER',
  'HADAMARD_COLUMN_TYPE',
]

/**
 * Reads columns that an option names; where one is not there, or has not the type that the option says, the error names the
 * option.
 *
 * @param columns with the names as keys
 */
export async function namingOption<T>(
  option: string,
  columns: object = {},
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const isOfColumn = error instanceof DataError && columnTroubles.includes(error.code)
    if (!isOfColumn || !Object.hasOwn(columns, error.column ?? '')) throw error
    throw named(option, error)
  }
}

/** Reads a file that an option names, whose reader does not know the option. */
export async function ofOption<T>(option: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    throw error instanceof DataError ? named(option, error) : error
  }
}

function named(option: string, error: DataError): DataError {
  const { code, line, column } = error
  return new DataError(`${option}, ${reasonOf(error)}`, { code, line, column, cause: error })
}

async function readTableOf(source: unknown, settings: TrainSettings): Promise<Table> {
  const { types = {} } = settings
  if (isInput(source)) return readTable(source, openOptionsOf(settings))
  checkIsRead(settings)
  if (source instanceof Dataset) return withTypes(await source.toTable(), types)
  return withTypes(tableOfRows(source, 'train', anySource), types)
}

/**
 * Refuses options by which files are read, of what has been read.
 *
 * @throws SpecError at the first
 */
export function checkIsRead({ delimiter, missing, schema, onError }: TrainSettings): void {
  for (const [name, value] of Object.entries({ delimiter, missing, schema, onError })) {
    if (value === undefined) continue
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: name,
      expected: 'a CSV file to read',
      received: 'rows in memory',
    })
  }
}

/** What stands for all that `train` takes in messages. */
export const anySource =
  'the path of a CSV file, another input of openDataset, a dataset, or an array of rows'

/**
 * A table of rows as objects.
 *
 * @throws DataError for what is no array of objects
 */
export function tableOfRows(rows: unknown, where: string, expected = 'an array of rows'): Table {
  if (!Array.isArray(rows)) {
    const isWalked = typeof rows === 'object' && rows !== null && Symbol.iterator in rows
    const cure =
      isWalked || typeof rows === 'function' ? 'Make a dataset of them: await Dataset.from(rows)' : undefined
    throw new DataError({ code: 'HADAMARD_ROW', where, expected, received: describeValue(rows), cure })
  }
  rows.forEach((row, index) => checkRow(row, `${where}: row ${index}`))
  return tableFromRows(rows as object[])
}

/** Reads a source once more; undefined where it cannot be read twice, or has no rows that a file has. */
export async function reread<T>(
  source: unknown,
  settings: TrainSettings,
  read: (dataset: Dataset) => Promise<T>,
): Promise<T | undefined> {
  if (source instanceof Dataset) return read(source as Dataset)
  const isFile = typeof source === 'string' ? source !== '-' && !isOtherSource(source) : Array.isArray(source)
  if (!isFile || !isInput(source)) return undefined
  const dataset = await openCsv(source, {
    ...openOptionsOf(settings),
    onReject: undefined,
    onProgress: undefined,
  })
  try {
    return await read(dataset)
  } finally {
    await dataset.close()
  }
}

/** How files are opened that are trained on. */
export function openOptionsOf(settings: TrainSettings): OpenCsvOptions {
  const { delimiter, missing, backend, threads, schema, onError, onReject, onRead, types = {} } = settings
  const { origin, refitEncoder } = settings
  return {
    ...{ delimiter, missing, backend, threads, onError, onReject, onProgress: onRead },
    types: readTypes(types),
    dates:
      origin === undefined || refitEncoder === true
        ? declaredDates(types)
        : origin.model.encoder.dateColumns(),
    schema: schema && withReadTypes(schema, types),
  }
}

/** Whether data are an input of `openDataset`: paths, SQL or a stream of bytes. */
export function isInput(source: unknown): source is CsvInput {
  if (typeof source === 'string') return true
  if (Array.isArray(source)) return source.length > 0 && source.every((path) => typeof path === 'string')
  const isIterable = typeof source === 'object' && source !== null && Symbol.asyncIterator in source
  return isIterable && !(source instanceof Dataset)
}

// A file knows numbers and texts; what texts are taken as comes later.
function readTypes(types: ColumnTypes): Record<string, 'numeric' | 'categorical'> {
  const entries = Object.entries(types).filter(([, type]) => type !== 'ignored')
  return Object.fromEntries(entries.map(([name, type]) => [name, type === 'numeric' ? type : 'categorical']))
}

function declaredDates(types: ColumnTypes): OpenCsvOptions['dates'] {
  const dates = Object.entries(types).filter(([, type]) => type === 'date')
  return Object.fromEntries(dates.map(([name]) => [name, 'any']))
}

// Categories that a schema lists are those of a text column; a column that is to be another has others.
function withReadTypes({ columns }: DatasetSchema, types: ColumnTypes): DatasetSchema {
  const read = readTypes(types)
  const given = columns.map((column) => {
    const type = Object.hasOwn(read, column.name) ? read[column.name] : column.type
    return type === column.type ? column : { name: column.name, type }
  })
  return { columns: given }
}

function withTypes(table: Table, types: ColumnTypes): Table {
  for (const [name, type] of Object.entries(types)) {
    const column = columnOf(table, name)
    if (type !== 'numeric' || column.type === 'numeric') continue
    throw new DataError(
      {
        code: 'HADAMARD_COLUMN_TYPE',
        where: `types.${name}`,
        expected: 'a column of numbers',
        received: `texts such as '${column.categories[0]}'`,
      },
      { column: name },
    )
  }
  const isText = (name: string): boolean => Object.hasOwn(types, name) && types[name] === 'categorical'
  return {
    ...table,
    columns: table.columns.map((column) => (isText(column.name) ? asTexts(column) : column)),
  }
}
