/** A CSV manifest: reads one case's file through the library and compares what comes with what the manifest expects. */

import { columnValues, DataError, readCsv, type CsvOptions, type Table } from '../../src/index.ts'

type Cell = number | string | boolean | null

/** A reading of a file, as far as the manifest tells of it; `sum_NAME` beside these is the sum of a column. */
interface Reading {
  readonly columns?: readonly string[]
  readonly types?: readonly string[]
  readonly rows?: readonly (readonly Cell[])[]
  readonly row_count?: number
  readonly first?: readonly Cell[]
  readonly last?: readonly Cell[]
}

interface Refusal {
  readonly line?: number
  readonly column?: string
  readonly mention?: readonly string[]
}

/** One file of a manifest; see the format's README for the fields. */
export interface CsvCase {
  readonly file: string
  readonly about?: string
  readonly generated?: boolean
  readonly outcome: 'ok' | 'error' | 'either'
  readonly options?: {
    readonly delimiter?: CsvOptions['delimiter']
    readonly header?: boolean
    readonly numeric?: readonly string[]
    readonly categorical?: readonly string[]
  }
  readonly expect?: Reading
  readonly error?: Refusal
  /** Readings, or in words `N rows` and `error…`. */
  readonly accept?: readonly (string | Reading)[]
  readonly never?: readonly (string | Reading)[]
}

/**
 * Reads a manifest.
 *
 * @throws Error if it has no list of files, or one without a name or with an unknown outcome
 */
export function parseManifest(text: string): CsvCase[] {
  const { files } = JSON.parse(text) as { files?: unknown }
  if (!Array.isArray(files)) throw new Error('manifest.json: expected a list `files`')
  for (const entry of files as (Partial<Record<keyof CsvCase, unknown>> | null)[]) {
    const { file, outcome } = entry ?? {}
    if (typeof file !== 'string') throw new Error('manifest.json: expected a file name in every entry')
    if (outcome !== 'ok' && outcome !== 'error' && outcome !== 'either') {
      throw new Error(`manifest.json: ${file}: expected the outcome ok, error or either`)
    }
  }
  return files as CsvCase[]
}

/** The options that a case is to be read with. */
export function csvOptionsOf({ options = {} }: CsvCase): CsvOptions {
  const { delimiter, header, numeric = [], categorical = [] } = options
  const types = Object.fromEntries([
    ...numeric.map((name) => [name, 'numeric'] as const),
    ...categorical.map((name) => [name, 'categorical'] as const),
  ])
  return { delimiter, header, types }
}

/**
 * Reads the file of a case and compares.
 *
 * @returns the table where the file is read
 * @throws Error saying what differs from the manifest
 */
export async function checkCsvCase(
  entry: CsvCase,
  path: string,
  backend: 'native' | 'fallback',
): Promise<Table | undefined> {
  const read = readCsv(path, { ...csvOptionsOf(entry), backend })
  const result = await read.catch((error: unknown) => {
    if (error instanceof DataError) return error
    throw error
  })
  if (entry.outcome === 'either') checkEither(entry, result)
  else if (entry.outcome === 'ok') {
    if (result instanceof DataError) throw result
    demand(differenceFrom(entry.expect ?? {}, result))
  } else {
    if (!(result instanceof DataError)) throw new Error(`expected an error; received ${result.rows} rows`)
    demand(refusalDifference(entry, result))
  }
  return result instanceof DataError ? undefined : result
}

function checkEither({ expect, accept = [], never = [] }: CsvCase, result: Table | DataError): void {
  const shown = result instanceof DataError ? `the error '${result.message}'` : `${result.rows} rows`
  const accepted = expect === undefined ? accept : [expect, ...accept]
  if (never.some((reading) => isReading(reading, result))) {
    throw new Error(`expected none of ${JSON.stringify(never)}; received ${shown}`)
  }
  if (accepted.length === 0 || accepted.some((reading) => isReading(reading, result))) return
  throw new Error(`expected one of ${JSON.stringify(accepted)}; received ${shown}`)
}

function isReading(reading: string | Reading, result: Table | DataError): boolean {
  if (typeof reading === 'string' && /^error\b/i.test(reading)) return result instanceof DataError
  if (result instanceof DataError) return false
  if (typeof reading !== 'string') return differenceFrom(reading, result) === undefined
  return Number(/^(\d+) rows?\b/.exec(reading)?.[1] ?? NaN) === result.rows
}

function refusalDifference({ file, error = {} }: CsvCase, received: DataError): string | undefined {
  const { line, column, mention = [] } = error
  const { message } = received
  if (line !== undefined && received.line !== line) return `expected line ${line}; received '${message}'`
  if (column !== undefined && received.column !== column) {
    return `expected column ${column}; received '${message}'`
  }
  const texts = [file, ...mention, ...(line === undefined ? [] : [`line ${line}`])]
  const missing = texts.find((text) => !message.includes(text))
  return missing === undefined ? undefined : `expected a message with '${missing}'; received '${message}'`
}

function differenceFrom(expected: Reading, table: Table): string | undefined {
  const columns = table.columns.map(columnValues)
  const rowAt = (row: number): Cell[] => columns.map((values) => values[row])
  const parts: [unknown, () => unknown][] = [
    [expected.columns, () => table.columns.map(({ name }) => name)],
    [expected.types, () => table.columns.map(({ type }) => type)],
    [expected.row_count ?? expected.rows?.length, () => table.rows],
    [expected.rows, () => Array.from({ length: table.rows }, (_, row) => rowAt(row))],
    [expected.first, () => rowAt(0)],
    [expected.last, () => rowAt(table.rows - 1)],
    ...Object.entries(expected)
      .filter(([key]) => key.startsWith('sum_'))
      .map(([key, sum]): [unknown, () => unknown] => [sum, () => sumOf(table, key.slice('sum_'.length))]),
  ]
  for (const [wanted, received] of parts) {
    if (wanted === undefined) continue
    const found = received()
    if (!isSame(wanted, found)) return `expected ${show(wanted)}; received ${show(found)}`
  }
  return undefined
}

function sumOf(table: Table, name: string): number {
  const column = table.columns.find((candidate) => candidate.name === name)
  return column?.type === 'numeric' ? column.values.reduce((sum, value) => sum + value, 0) : NaN
}

// Equal cell by cell; -0 is not 0.
function isSame(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b)
  return a.length === b.length && a.every((item, i) => isSame(item, b[i]))
}

function show(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function demand(difference: string | undefined): void {
  if (difference !== undefined) throw new Error(difference)
}
