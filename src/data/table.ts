/** Columns of typed values, the form every data source ends in. Knows nothing of files, targets or networks. */

import { DataError, nearestName } from '../errors.ts'

/** Numbers in double precision; NaN is a missing value. */
export interface NumericColumn {
  name: string
  type: 'numeric'
  /** `[rows]` */
  values: Float64Array
  /** How many values are missing. */
  missing: number
}

/** Texts as codes into their sorted categories; -1 is a missing value. */
export interface CategoricalColumn {
  name: string
  type: 'categorical'
  /** `[rows]`, each from -1 to `categories.length - 1` */
  codes: Int32Array
  /** Distinct texts, ascending by UTF-16 code units, whatever the locale. */
  categories: string[]
  /** How many values are missing. */
  missing: number
  /** True where the values were booleans, whose categories are 'false' and 'true'. */
  isBoolean?: boolean
}

/** How many of the values are such ones. */
export function countOf(values: Float64Array | Int32Array, holds: (value: number) => boolean): number {
  let total = 0
  for (let i = 0; i < values.length; i++) if (holds(values[i])) total++
  return total
}

/** One column of a table. */
export type Column = NumericColumn | CategoricalColumn

/** Rows of typed columns; every column has `rows` values. */
export interface Table {
  rows: number
  columns: Column[]
  /** Where the rows come from, for messages: a path as the user gave it. */
  source?: string
  /** Wrong records that are not among them, where reading went on over these. */
  leftOut?: number
}

/** A value of a table as JavaScript has it; null is a missing value. */
export type Value = number | string | boolean | null

/**
 * Rows that arrive in pieces, the same whenever they are asked for: the seam between readers and everything behind them.
 * Categories may differ from chunk to chunk; where columns and types may too, `surveyTables` finds what holds for all.
 */
export interface RowSource {
  /** For messages: a path as the user gave it. */
  readonly name: string
  chunks(): AsyncIterable<Table>
  /** About how many bytes the rows take as tables; beyond `most` not all need to be counted. */
  bytes?(most: number): Promise<number>
  /** How many rows there are, where that is known without reading them. */
  totalRows?(): Promise<number | undefined>
  /** Whether the rows have been kept, as they cannot be read twice where they come from. */
  readonly isCopy?: boolean
  /** What a library that reads them takes of memory beside its limit; default nothing. */
  readonly libraryBytes?: number
  /** Wrong records that are not among the rows, once these have been read. */
  leftOut?(): number
  /** Removes what was kept for reading it again. */
  close?(): Promise<void>
}

/**
 * The column of a name.
 *
 * @throws DataError that lists the columns and names the nearest, where there is none of that name
 */
export function column(table: Table, name: string): Column {
  const found = table.columns.find((candidate) => candidate.name === name)
  if (found !== undefined) return found
  const names = table.columns.map((candidate) => candidate.name)
  throw unknownColumn(table.source ?? 'table', name, names)
}

/** The error for a column that is not there: lists the names that are, and suggests the nearest. */
export function unknownColumn(where: string, name: string, names: readonly string[]): DataError {
  const nearest = nearestName(name, names)
  return new DataError(
    {
      code: 'HADAMARD_COLUMN_MISSING',
      where,
      expected: `a column named '${name}'`,
      received: `the columns ${nameList(names)}`,
      cure: nearest === undefined ? undefined : `Did you mean '${nearest}'?`,
    },
    { column: name },
  )
}

/** The value of one row, as a number, text or boolean; null where missing. */
export function valueAt(column: Column, row: number): Value {
  if (column.type === 'numeric') return Number.isNaN(column.values[row]) ? null : column.values[row]
  const code = column.codes[row]
  if (code < 0) return null
  return column.isBoolean === true ? column.categories[code] === 'true' : column.categories[code]
}

/**
 * All values of a column, null where missing.
 *
 * @example
 * columnValues(tableFromRows([{ a: 1 }, { a: null }]).columns[0]) // [1, null]
 */
export function columnValues(column: Column): Value[] {
  const rows = column.type === 'numeric' ? column.values.length : column.codes.length
  return Array.from({ length: rows }, (_, row) => valueAt(column, row))
}

/**
 * A table of the given rows in the given order. Categories are kept whole, so codes mean the same as before.
 *
 * @param rows row numbers from 0; one may occur more than once
 */
export function selectRows(table: Table, rows: ArrayLike<number>): Table {
  return { ...table, rows: rows.length, columns: table.columns.map((from) => selectColumn(from, rows)) }
}

/** The table with another column in the place of the one that has its name. */
export function withColumn(table: Table, changed: Column): Table {
  return {
    ...table,
    columns: table.columns.map((column) => (column.name === changed.name ? changed : column)),
  }
}

/**
 * A table of raw objects. The columns are the keys in the order of their first appearance; a key that an object lacks,
 * `null`, `undefined` and `NaN` are missing values. A column of numbers only (or of nothing) is numeric; one with a text or
 * a boolean is categorical, and its numbers become texts. Texts stay texts: `'1.5'` is not a number here.
 *
 * @param firstRow number of the first row in messages
 * @throws DataError at a value that is no number, text, boolean, null or undefined, and at an infinite number
 * @example
 * tableFromRows([{ size: 3, kind: 'a' }, { size: null, kind: 'b' }]).columns[1].type // 'categorical'
 */
export function tableFromRows(rows: readonly object[], source?: string, firstRow = 0): Table {
  const columns = new Map<string, Value[]>()
  rows.forEach((row, index) => {
    for (const [name, value] of Object.entries(row) as [string, unknown][]) {
      let values = columns.get(name)
      if (values === undefined) columns.set(name, (values = new Array<Value>(rows.length).fill(null)))
      values[index] = plainValue(value, name, firstRow + index, source ?? 'rows')
    }
  })
  return {
    rows: rows.length,
    columns: [...columns].map(([name, values]) => columnFromValues(name, values)),
    source,
  }
}

/**
 * A column of numbers as one of texts, as JavaScript writes them.
 *
 * @example
 * columnValues(asTexts(tableFromRows([{ zip: 7 }]).columns[0])) // ['7']
 */
export function asTexts(column: Column): CategoricalColumn {
  if (column.type === 'categorical') return column
  const texts = Array.from(column.values, (value) => (Number.isNaN(value) ? null : String(value)))
  const { categories, codeOf } = rankCategories(texts.filter((text) => text !== null))
  const codes = Int32Array.from(texts, (text) => (text === null ? -1 : (codeOf.get(text) ?? -1)))
  return { name: column.name, type: 'categorical', codes, categories, missing: column.missing }
}

/** The chunks of a source as one table. */
export async function collectTable(source: RowSource): Promise<Table> {
  const chunks: Table[] = []
  for await (const chunk of source.chunks()) chunks.push(chunk)
  return concatTables(chunks)
}

/**
 * Tables of the same columns, one below the other.
 *
 * @throws DataError where names, types or order of the columns differ
 */
export function concatTables(tables: readonly Table[]): Table {
  if (tables.length === 1) return tables[0]
  const [first] = tables
  if (first === undefined) return { rows: 0, columns: [] }
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  const columns = first.columns.map((head, index) => {
    const parts = tables.map((table) => table.columns[index])
    if (!parts.every((part) => part?.name === head.name && part.type === head.type)) {
      throw new DataError(
        {
          code: 'HADAMARD_CSV_FILES',
          where: first.source ?? 'table',
          expected: `a ${head.type} column '${head.name}' in every chunk`,
          received: 'another',
        },
        { column: head.name },
      )
    }
    return concatColumns(head, parts, rows)
  })
  return { rows, columns, source: first.source }
}

/** At most twenty names, quoted, for a message. */
export function nameList(names: readonly string[]): string {
  const shown = names.slice(0, 20).map((name) => `'${name}'`)
  return shown.join(', ') + (names.length > 20 ? ` and ${names.length - 20} more` : '')
}

function concatColumns(head: Column, parts: readonly Column[], rows: number): Column {
  const missing = parts.reduce((sum, part) => sum + part.missing, 0)
  let at = 0
  if (head.type === 'numeric') {
    const values = new Float64Array(rows)
    for (const part of parts) {
      if (part.type !== 'numeric') continue
      values.set(part.values, at)
      at += part.values.length
    }
    return { ...head, values, missing }
  }
  const codes = new Int32Array(rows)
  if (parts.every((part) => part.type === 'categorical' && part.categories === head.categories)) {
    // The same list in all of them: the codes mean the same as before.
    for (const part of parts) {
      if (part.type !== 'categorical') continue
      codes.set(part.codes, at)
      at += part.codes.length
    }
    return { ...head, codes, missing }
  }
  const texts = parts.flatMap((part) => (part.type === 'categorical' ? part.categories : []))
  const { categories, codeOf } = rankCategories(texts)
  for (const part of parts) {
    if (part.type !== 'categorical') continue
    const renamed = part.categories.map((text) => codeOf.get(text) ?? -1)
    for (const code of part.codes) codes[at++] = code < 0 ? -1 : renamed[code]
  }
  return { ...head, codes, categories, missing }
}

/** A column of the given rows in the given order. */
export function selectColumn(from: Column, rows: ArrayLike<number>): Column {
  if (from.type === 'numeric') {
    const values = new Float64Array(rows.length)
    let missing = 0
    for (let i = 0; i < rows.length; i++) {
      values[i] = from.values[rows[i]]
      if (Number.isNaN(values[i])) missing++
    }
    return { ...from, values, missing }
  }
  const codes = new Int32Array(rows.length)
  let missing = 0
  for (let i = 0; i < rows.length; i++) {
    codes[i] = from.codes[rows[i]]
    if (codes[i] < 0) missing++
  }
  return { ...from, codes, missing }
}

/** A column of values: numeric where all are numbers or null, else categorical. */
export function columnFromValues(name: string, values: readonly Value[]): Column {
  const missing = values.reduce<number>((count, value) => count + (value === null ? 1 : 0), 0)
  if (values.every((value): value is number | null => value === null || typeof value === 'number')) {
    return {
      name,
      type: 'numeric',
      values: Float64Array.from(values, (value) => value ?? NaN),
      missing,
    }
  }
  const isBoolean = values.every((value) => value === null || typeof value === 'boolean')
  const texts = values.filter((value) => value !== null).map(String)
  const { categories, codeOf } = rankCategories(texts)
  const codes = Int32Array.from(values, (value) => (value === null ? -1 : (codeOf.get(String(value)) ?? -1)))
  return { name, type: 'categorical', codes, categories, missing, ...(isBoolean ? { isBoolean } : {}) }
}

/**
 * A column of numbers.
 *
 * @param numberAt NaN where a value is missing
 */
export function numericColumn(name: string, rows: number, numberAt: (row: number) => number): NumericColumn {
  const values = new Float64Array(rows)
  for (let row = 0; row < rows; row++) values[row] = numberAt(row)
  return { name, type: 'numeric', values, missing: countOf(values, Number.isNaN) }
}

function rankCategories(texts: readonly string[]): { categories: string[]; codeOf: Map<string, number> } {
  const categories = [...new Set(texts)].sort()
  return { categories, codeOf: new Map(categories.map((text, code) => [text, code])) }
}

function plainValue(value: unknown, name: string, row: number, source: string): Value {
  if (value === null || value === undefined || Number.isNaN(value)) return null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new DataError(
    {
      code: 'HADAMARD_ROW',
      where: `${source} row ${row}, column ${name}`,
      expected: 'a finite number, a text, a boolean, null or undefined',
      received: typeof value === 'number' ? String(value) : describe(value),
    },
    { column: name },
  )
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date) return 'a Date'
  return `a value of type ${typeof value}`
}
