/** The options of openCsv, and their checks. */

import { checkInteger, checkOneOf, describeValue } from '../check.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import type { ReadProgress } from './read-progress.ts'
import type { ExpectedDates } from './csv-dates.ts'
import type { CsvReject } from './csv-stream.ts'
import { checkCsvOptions, type CsvOptions } from './csv.ts'
import type { DatasetSchema } from './survey.ts'

/** How files are to be read. */
export interface OpenCsvOptions extends CsvOptions {
  /** Threads that parse; default as many as a fit takes, at most 8. No value depends on it. */
  threads?: number
  /**
   * What becomes of a wrong record: `fail` (default) throws at the first, `skip` leaves it out and counts it, `report` also
   * keeps the first thousand in `dataset.rejects`. A quote that is never closed is always an error.
   */
  onError?: 'fail' | 'skip' | 'report'
  /** Called for every record that is left out, once, in the order of the file. */
  onReject?: (reject: CsvReject) => void
  /** The columns to read, default all; the fields of the others are looked over for structure alone. */
  columns?: readonly string[]
  /** The columns, as an earlier `dataset.schema` had them: then nothing has to be found, and no pass is made for it. */
  schema?: DatasetSchema
  /**
   * Columns of texts that must be dates, with the order of day and month, or `any`: a record with another text is a wrong
   * record. Missing values may stand there.
   */
  dates?: Readonly<Record<string, ExpectedDates>>
  /** Called after every piece of a file. */
  onProgress?: (progress: ReadProgress) => void
  /** Bytes of a piece of a file, at least 64; default 512 KiB. No value depends on it. */
  chunkBytes?: number
}

const optionNames = [
  'delimiter',
  'header',
  'types',
  'missing',
  'allowMissing',
  'backend',
  'threads',
  'columns',
  'onError',
  'onReject',
  'schema',
  'dates',
  'onProgress',
  'chunkBytes',
] as const

const dateOrders = ['ymd', 'mdy', 'dmy', 'any'] as const satisfies ExpectedDates[]

/**
 * Checks the options of openCsv.
 *
 * @throws SpecError at the first that does not fit
 */
export function checkOpenOptions(options: OpenCsvOptions): void {
  rejectUnknownKeys('openCsv options', options, optionNames)
  const { delimiter, header, types, missing, allowMissing, backend, threads, onError, chunkBytes } = options
  checkCsvOptions({ delimiter, header, types, missing, allowMissing, backend })
  if (threads !== undefined) checkInteger('threads', threads, { min: 1, max: 1024 })
  if (onError !== undefined) checkOneOf('onError', onError, ['fail', 'skip', 'report'])
  if (chunkBytes !== undefined) checkInteger('chunkBytes', chunkBytes, { min: 64, max: 2 ** 30 })
  for (const name of ['onReject', 'onProgress'] as const) {
    if (options[name] === undefined || typeof options[name] === 'function') continue
    throw new SpecError({ where: name, expected: 'a function', received: describeValue(options[name]) })
  }
  for (const [name, order] of Object.entries(options.dates ?? {}))
    checkOneOf(`dates.${name}`, order, dateOrders)
  checkColumnChoice(options)
}

/**
 * Checks what can be said of the columns of a source that is no CSV.
 *
 * @param where whose options they are
 * @throws SpecError at the first that does not fit
 */
export function checkSourceOptions(where: string, options: OpenCsvOptions): void {
  rejectUnknownKeys(`${where} options`, options, ['types', 'columns', 'schema'])
  checkCsvOptions({ types: options.types })
  checkColumnChoice(options)
}

function checkColumnChoice({ columns, schema }: OpenCsvOptions): void {
  if (
    columns !== undefined &&
    !(Array.isArray(columns) && columns.every((name) => typeof name === 'string'))
  ) {
    throw new SpecError({ where: 'columns', expected: 'a list of names', received: describeValue(columns) })
  }
  if (schema !== undefined) checkSchema(schema)
}

function checkSchema(schema: DatasetSchema): void {
  const { columns } = schema as { columns?: unknown }
  if (!Array.isArray(columns)) {
    throw new SpecError({
      code: 'HADAMARD_SCHEMA',
      where: 'schema.columns',
      expected: 'a list of columns',
      received: describeValue(columns),
    })
  }
  columns.forEach((column: Partial<Record<string, unknown>> | null, index) => {
    const where = `schema.columns[${index}]`
    if (typeof column?.name !== 'string') {
      throw new SpecError({
        code: 'HADAMARD_SCHEMA',
        where: `${where}.name`,
        expected: 'a text',
        received: describeValue(column?.name),
      })
    }
    checkOneOf(`${where}.type`, column.type, ['numeric', 'categorical'])
    const { categories } = column
    const isList = Array.isArray(categories) && categories.every((text) => typeof text === 'string')
    if (categories === undefined || (isList && new Set(categories).size === categories.length)) return
    const received = isList ? 'one with a text twice' : describeValue(categories)
    throw new SpecError({
      code: 'HADAMARD_SCHEMA',
      where: `${where}.categories`,
      expected: 'a list of different texts',
      received,
    })
  })
}
