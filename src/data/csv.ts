/** Reads CSV files into tables: options, file, encoding and header here; the rows in csv-parser.ts or its native twin. */

import { readsNatively } from '../backends/choose.ts'
import { parseCsvBody } from '../backends/native.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { readBytes } from './csv-bytes.ts'
import { checkEncoding } from './csv-encoding.ts'
import { csvError } from './csv-errors.ts'
import { readHead, type CsvHead } from './csv-head.ts'
import { parseBody, type CsvBodyOptions } from './csv-parser.ts'
import { collectTable, unknownColumn, type Column, type RowSource, type Table } from './table.ts'

/** How a CSV is to be read. */
export interface CsvOptions {
  /** What parts the fields; found from the first records where not given. */
  delimiter?: ',' | ';' | '\t' | '|'
  /** Whether the first line has the names (default true); else they are `column1`, `column2`, … */
  header?: boolean
  /** Types that are not to be found from the values. */
  types?: Readonly<Record<string, 'numeric' | 'categorical'>>
  /** Further texts that stand for a missing value, in numeric and in categorical columns, quoted or not. */
  missing?: readonly string[]
  /** False makes a missing value an error that names line and column (default true). */
  allowMissing?: boolean
  /** Which parser reads the rows; by default the native one where it is there. Both give the same table. */
  backend?: 'native' | 'fallback'
}

const optionNames = ['delimiter', 'header', 'types', 'missing', 'allowMissing', 'backend'] as const

/**
 * Reads a CSV file whole.
 *
 * @param path a file in UTF-8
 * @returns its columns with types found from all values; 0 rows where there is a header only
 * @throws DataError naming file, line, column and the offending text; SpecError for a wrong option;
 *   BackendError where the backend asked for cannot serve
 * @example
 * const table = await readCsv('penguins.csv', { types: { year: 'categorical' } })
 */
export async function readCsv(path: string, options: CsvOptions = {}): Promise<Table> {
  return collectTable(csvSource(path, options))
}

/** A CSV file as a source of chunks of rows; at present one chunk, the whole file. */
export function csvSource(path: string, options: CsvOptions = {}): RowSource {
  checkCsvOptions(options)
  return {
    name: path,
    async *chunks() {
      yield parseCsv(await readBytes(path), { ...options, source: path })
    },
  }
}

/**
 * Parses a CSV in memory.
 *
 * @param bytes the file's content in UTF-8
 * @param options as for {@link readCsv}, and `source`, the name that messages give to the bytes (default 'CSV')
 * @throws DataError naming source, line, column and the offending text; SpecError for a wrong option
 * @example
 * parseCsv(Buffer.from('a,b\n1,x\n')).columns[0] // { name: 'a', type: 'numeric', values: [1], missing: 0 }
 */
export function parseCsv(bytes: Uint8Array, options: CsvOptions & { source?: string } = {}): Table {
  const { source = 'CSV', ...rest } = options
  checkCsvOptions(rest)
  checkEncoding(bytes, source)
  const head = readHead(bytes, rest, source)
  const parse = readsNatively({ backend: rest.backend }) ? parseCsvBody : parseBody
  const body = parse(bytes, bodyOptions(head, rest, source))
  if ('error' in body) throw csvError(bytes, body, head, source)
  const columns = body.columns.map((column, index): Column => {
    const name = head.names[index]
    if ('values' in column) return { name, type: 'numeric', values: column.values, missing: column.missing }
    return {
      name,
      type: 'categorical',
      codes: column.codes,
      categories: column.categories,
      missing: column.missing,
    }
  })
  return { rows: body.rows, columns, source }
}

function bodyOptions(head: CsvHead, options: CsvOptions, source: string): CsvBodyOptions {
  const declared = new Uint8Array(head.names.length)
  for (const [name, type] of Object.entries(options.types ?? {})) {
    const index = head.names.indexOf(name)
    if (index < 0) throw unknownColumn(source, name, head.names)
    declared[index] = type === 'numeric' ? 1 : 2
  }
  const { start, line, delimiter } = head
  return {
    start,
    line,
    delimiter,
    declared,
    missing: options.missing ?? [],
    allowMissing: options.allowMissing ?? true,
  }
}

/** Refuses options that are misspelt or of a wrong kind. */
export function checkCsvOptions(options: CsvOptions): void {
  rejectUnknownKeys('CSV options', options, optionNames)
  const { delimiter, types = {}, missing = [], backend } = options
  if (delimiter !== undefined && ![',', ';', '\t', '|'].includes(delimiter)) {
    throw new SpecError({
      where: 'delimiter',
      expected: "',', ';', a tab or '|'",
      received: `'${delimiter as string}'`,
    })
  }
  for (const [name, type] of Object.entries(types) as [string, unknown][]) {
    if (type === 'numeric' || type === 'categorical') continue
    throw new SpecError({
      where: `types.${name}`,
      expected: "'numeric' or 'categorical'",
      received: `'${String(type)}'`,
    })
  }
  if (!Array.isArray(missing) || missing.some((text) => typeof text !== 'string')) {
    throw new SpecError({ where: 'missing', expected: 'an array of texts', received: typeof missing })
  }
  for (const name of ['header', 'allowMissing'] as const) {
    const given: unknown = options[name]
    if (given === undefined || typeof given === 'boolean') continue
    throw new SpecError({
      where: name,
      expected: 'true or false',
      received: `${typeof given} ${JSON.stringify(given)}`,
    })
  }
  if (backend !== undefined && backend !== 'native' && backend !== 'fallback') {
    throw new SpecError({
      code: 'HADAMARD_BACKEND_CHOICE',
      where: 'backend',
      expected: "'native' or 'fallback'",
      received: `'${backend as string}'`,
    })
  }
}
