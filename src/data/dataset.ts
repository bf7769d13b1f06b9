/** CSV files of any size as a dataset: its columns found in one pass, its rows read anew by batches whenever asked for. */

import { checkInteger, checkNumber, checkOneOf, describeValue } from '../check.ts'
import { DataError, rejectUnknownKeys, SpecError } from '../errors.ts'
import { randomStream } from '../random.ts'
import { columnKinds } from './csv-block.ts'
import { CsvFiles, type CsvInput, type ReadProgress } from './csv-files.ts'
import type { CsvReject, StreamBlock, StreamPlan } from './csv-stream.ts'
import { checkCsvOptions, type CsvOptions } from './csv.ts'
import {
  isFatal,
  surveyFiles,
  TargetPool,
  type DatasetSchema,
  type ErrorRule,
  type SchemaColumn,
  type Survey,
} from './survey.ts'
import type { ColumnDescription } from './summaries.ts'
import {
  concatTables,
  selectRows,
  unknownColumn,
  valueAt,
  type Column,
  type Table,
  type Value,
} from './table.ts'

/** How files are to be read. */
export interface OpenCsvOptions extends CsvOptions {
  /** Threads that parse; default as many as a fit takes. No value depends on it. */
  threads?: number
  /**
   * What becomes of a wrong record: `fail` (default) throws at the first, `skip` leaves it out and counts it, `report` also
   * keeps the first thousand in {@link Dataset.rejects}. A quote that is never closed is always an error.
   */
  onError?: 'fail' | 'skip' | 'report'
  /** Called for every record that is left out, once, in the order of the file. */
  onReject?: (reject: CsvReject) => void
  /** The columns to read, default all; the fields of the others are looked over for structure alone. */
  columns?: readonly string[]
  /** The columns, as an earlier {@link Dataset.schema} had them: then nothing has to be found, and no pass is made for it. */
  schema?: DatasetSchema
  /** Called after every piece of a file. */
  onProgress?: (progress: ReadProgress) => void
  /** Bytes of a piece of a file, at least 64; default 1 MiB. No value depends on it. */
  chunkBytes?: number
}

/** Records that were left out. */
export interface Rejects {
  count: number
  /** The first thousand, under `onError: 'report'`. */
  records: readonly CsvReject[]
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
  'onProgress',
  'chunkBytes',
] as const

// Of a wide file fewer rows, so that a batch stays within some megabytes.
const mostBatchRows = 8192
const mostBatchValues = 2 ** 19
const mostReported = 1000

/** A value of a row as JavaScript has it; null is a missing one. */
export type DatasetRow = Record<string, Value>

/** Rows with their numbers, as they pass from one step to the next. */
interface Chunk {
  table: Table
  /** Number of each row in the files, from 0. */
  numbers: Float64Array
}

/** Rows as float32 numbers. */
export interface NumberBatch {
  /** `[rows, inputs]` */
  x: Float32Array
  rows: number
  /** Columns chosen. */
  inputs: number
}

/**
 * Opens CSV files of any size. The first pass reads them whole to find types from all values, categories and statistics;
 * memory stays bounded whatever their size, and the event loop free.
 *
 * @param input a path, several paths or a pattern (`data/*.csv`, in ascending order), a readable stream, or `-` for standard
 *   input; gzip and zstd are unpacked. A stream is kept in a temporary file until {@link Dataset.close}.
 * @throws DataError naming file, line, column and the offending text; SpecError for a wrong option
 * @example
 * const dataset = await openCsv('penguins.csv', { onError: 'report' })
 * for await (const table of dataset.batches({ rows: 100 })) console.log(table.rows)
 */
export async function openCsv(input: CsvInput, options: OpenCsvOptions = {}): Promise<Dataset> {
  checkOpenOptions(options)
  const { delimiter, header, backend, threads, chunkBytes } = options
  const files = await CsvFiles.find(input, { delimiter, header, backend, threads, chunkBytes })
  try {
    return await openFiles(files, options)
  } catch (error) {
    await files.close()
    throw error
  }
}

/** A dataset of files that have been found; several may read the same ones. */
export async function openFiles(files: CsvFiles, options: OpenCsvOptions): Promise<Dataset> {
  const rows = new FileRows(files, options)
  await rows.prepare()
  return new Dataset(rows, () => rows.chunks(), rows.schema)
}

/** A dataset, or a view of another that has some of its rows: all views read the same files. */
export class Dataset {
  readonly #files: FileRows
  readonly #chunks: ChunkSource
  /** Whether the rows are those of the files, all of them. */
  readonly #isWhole: boolean

  /** @internal */
  constructor(
    files: FileRows,
    chunks: ChunkSource,
    /** Names, types and categories of the columns. */
    readonly schema: DatasetSchema,
    isWhole = true,
  ) {
    this.#files = files
    this.#chunks = chunks
    this.#isWhole = isWhole
  }

  /** Rows; undefined for a view, and where a schema was given and the files have not been read to their end. */
  get rows(): number | undefined {
    return this.#isWhole ? this.#files.survey?.rows : undefined
  }

  /** The records that were left out when the files were first read to their end. */
  get rejects(): Rejects {
    return this.#files.rejects
  }

  /**
   * Counts, mean, deviation and quantiles of every column; reads the files where they have not been read yet, and a view
   * always. Sums are made per 65,536 rows and merged in order.
   *
   * @example
   * (await dataset.describe())[0] // { name: 'age', type: 'numeric', count: 32561, missing: 0, mean: 38.58…, … }
   */
  async describe(): Promise<ColumnDescription[]> {
    if (!this.#isWhole) {
      throw new SpecError({
        where: 'describe',
        expected: 'a dataset of whole files',
        received: 'a view with some of its rows',
        cure: 'Describe the dataset that it was made from',
      })
    }
    return (await this.#files.surveyed()).columns
  }

  /**
   * The rows in the order of the files.
   *
   * @param options.rows of a table, default 8,192, above 64 columns fewer; the last has what is left over
   */
  async *batches(options: { rows?: number } = {}): AsyncGenerator<Table> {
    const { rows: wanted = batchRows(this.schema.columns.length) } = options
    rejectUnknownKeys('batches', options, ['rows'])
    checkInteger('rows', wanted, { min: 1 })
    for await (const { table } of rebatch(this.#chunks(), wanted)) yield table
  }

  [Symbol.asyncIterator](): AsyncGenerator<Table> {
    return this.batches()
  }

  /**
   * The values of numeric columns as float32, row after row; NaN is a missing one. The fastest way to the numbers of a file.
   *
   * @param options.columns names, default all numeric columns
   * @param options.rows of a batch, default 8,192, above 64 columns fewer
   * @throws DataError for a column that is not there or not numeric
   */
  async *numbers(options: { columns?: readonly string[]; rows?: number } = {}): AsyncGenerator<NumberBatch> {
    rejectUnknownKeys('numbers', options, ['columns', 'rows'])
    const columns = this.#numericColumns(options.columns)
    const { rows: wanted = batchRows(columns.length) } = options
    checkInteger('rows', wanted, { min: 1 })
    if (this.#isWhole) yield* this.#files.numbers(columns, wanted)
    else for await (const table of this.batches({ rows: wanted })) yield numbersOf(table, columns)
  }

  /** All rows as one table in memory. */
  async toTable(): Promise<Table> {
    const tables: Table[] = []
    for await (const table of this.batches({ rows: 65_536 })) tables.push(table)
    if (tables.length > 0) return { ...concatTables(tables), source: this.#files.name }
    return emptyTable(this.schema, this.#files.name)
  }

  /** The first rows, at most `rows`. */
  take(rows: number): Dataset {
    checkInteger('take', rows, { min: 0 })
    const chunks = this.#chunks
    return this.#view(async function* () {
      let left = rows
      if (left === 0) return
      for await (const chunk of chunks()) {
        yield left >= chunk.table.rows ? chunk : select(chunk, range(left))
        left -= chunk.table.rows
        if (left <= 0) return
      }
    })
  }

  /** The rows for which `keep` returns true; it is given a row and its number in the files. */
  filter(keep: (row: DatasetRow, number: number) => boolean): Dataset {
    if (typeof keep !== 'function')
      throw new SpecError({ where: 'filter', expected: 'a function', received: describeValue(keep) })
    return this.#select(({ table, numbers }) =>
      range(table.rows).filter((row) => keep(rowOf(table, row), numbers[row])),
    )
  }

  /** Every row as `change` gives it; read anew at every iteration. */
  async *map<T>(change: (row: DatasetRow, number: number) => T): AsyncGenerator<T> {
    for await (const { table, numbers } of this.#chunks())
      for (let row = 0; row < table.rows; row++) yield change(rowOf(table, row), numbers[row])
  }

  /**
   * Two views by the hash rule: a row is held out where its draw of the seed's stream is below the share. It depends on the
   * row's number in the files alone, as in memory.
   *
   * @param share of the rows to hold out, 0 to 1 without 1
   * @param options.seed default 0
   */
  split(share: number, options: { seed?: number } = {}): { train: Dataset; test: Dataset } {
    rejectUnknownKeys('split', options, ['seed'])
    checkNumber('share', share, { min: 0, below: 1 })
    const stream = randomStream(options.seed ?? 0, 'split.test')
    const limit = share * 2 ** 32
    const part = (isTest: boolean): Dataset =>
      this.#select(({ numbers }) =>
        range(numbers.length).filter((row) => stream.uint32(numbers[row]) < limit === isTest),
      )
    return { train: part(false), test: part(true) }
  }

  /** Removes what was kept of a stream; a dataset of files has nothing to close. */
  close(): Promise<void> {
    return this.#files.close()
  }

  #select(choose: (chunk: Chunk) => number[]): Dataset {
    const chunks = this.#chunks
    return this.#view(async function* () {
      for await (const chunk of chunks()) {
        const rows = choose(chunk)
        if (rows.length > 0) yield rows.length === chunk.table.rows ? chunk : select(chunk, rows)
      }
    })
  }

  #view(chunks: ChunkSource): Dataset {
    return new Dataset(this.#files, chunks, this.schema, false)
  }

  #numericColumns(asked: readonly string[] | undefined): number[] {
    const { columns } = this.schema
    const names = columns.map(({ name }) => name)
    const wanted = asked ?? columns.filter(({ type }) => type === 'numeric').map(({ name }) => name)
    return wanted.map((name) => {
      const index = names.indexOf(name)
      if (index < 0) throw unknownColumn(this.#files.name, name, names)
      if (columns[index].type === 'numeric') return index
      const where = `${this.#files.name}, column ${name}`
      throw new DataError(
        { where, expected: 'a column of numbers', received: 'one of texts' },
        { column: name },
      )
    })
  }
}

function batchRows(columns: number): number {
  return Math.max(1, Math.min(mostBatchRows, Math.floor(mostBatchValues / Math.max(1, columns))))
}

type ChunkSource = () => AsyncGenerator<Chunk>

/** The rows of files, with their columns once these are known. */
class FileRows {
  survey: Survey | undefined
  schema: DatasetSchema = { columns: [] }
  private names: string[] = []
  /** Of every column of the schema: its place in the files. */
  private places: number[] = []
  private readonly reported: CsvReject[] = []
  private rejected = 0

  constructor(
    private readonly files: CsvFiles,
    private readonly options: OpenCsvOptions,
  ) {}

  get name(): string {
    return this.files.name
  }

  get rejects(): Rejects {
    return { count: this.rejected, records: this.reported }
  }

  async prepare(): Promise<void> {
    const { schema, columns } = this.options
    this.names = await this.files.names()
    const chosen = columns ?? schema?.columns.map(({ name }) => name) ?? this.names
    const stranger = chosen.find((name) => !this.names.includes(name))
    if (stranger !== undefined) throw unknownColumn(this.files.name, stranger, this.names)
    const read = this.names.filter((name) => chosen.includes(name))
    this.places = read.map((name) => this.names.indexOf(name))
    this.schema =
      schema === undefined ? (await this.surveyed()).schema : orderedSchema(schema, read, this.files.name)
  }

  async surveyed(): Promise<Survey> {
    if (this.survey !== undefined) return this.survey
    const { types = {}, missing = [], allowMissing = true, onProgress, schema } = this.options
    const given = Object.fromEntries(schema?.columns.map(({ name, type }) => [name, type]) ?? [])
    this.survey = await surveyFiles(this.files, {
      names: this.names,
      places: this.places,
      types: { ...given, ...types },
      missing,
      allowMissing,
      onProgress,
      rule: this.rule(),
    })
    return this.survey
  }

  async *chunks(): AsyncGenerator<Chunk> {
    const { columns } = this.schema
    const kinds = this.kinds(columns.map(kindOf))
    const pool = new TargetPool()
    for await (const block of this.blocks((capacity) => pool.columns(kinds, capacity))) {
      yield chunkOf(block, columns, this.places, this.files.name)
      pool.release(block.targets)
    }
  }

  async *numbers(chosen: readonly number[], wanted: number): AsyncGenerator<NumberBatch> {
    const isChosen = new Set(chosen)
    const kinds = this.kinds(
      this.places.map((_, column) => (isChosen.has(column) ? columnKinds.numeric : columnKinds.skip)),
    )
    const ascending = [...chosen].sort((a, b) => a - b)
    const isInOrder = ascending.every((column, index) => column === chosen[index])
    const pool = new TargetPool()
    const inputs = chosen.length
    const places = isInOrder ? undefined : chosen.map((column) => ascending.indexOf(column))
    let x = new Float32Array(wanted * inputs)
    let filled = 0
    for await (const block of this.blocks((capacity) => pool.rows(kinds, capacity))) {
      const matrix = block.targets.arrays.find((array) => array !== undefined) as Float32Array | undefined
      for (let from = 0; from < block.rows;) {
        const count = Math.min(wanted - filled, block.rows - from)
        const part = matrix?.subarray(from * inputs, (from + count) * inputs) ?? new Float32Array(0)
        x.set(places === undefined ? part : reordered(part, places), filled * inputs)
        filled += count
        from += count
        if (filled < wanted) continue
        yield { x, rows: wanted, inputs }
        x = new Float32Array(wanted * inputs)
        filled = 0
      }
      pool.release(block.targets)
    }
    if (filled > 0) yield { x: x.slice(0, filled * inputs), rows: filled, inputs }
  }

  close(): Promise<void> {
    return this.files.close()
  }

  // Of the columns of the files, those that are read having the given ones.
  private kinds(read: readonly number[]): Uint8Array {
    const kinds = new Uint8Array(this.names.length).fill(columnKinds.skip)
    this.places.forEach((place, column) => (kinds[place] = read[column]))
    return kinds
  }

  // Rejects are told once: by the pass that finds the columns, or else by the first whole reading.
  private async *blocks(targets: StreamPlan['targets']): AsyncGenerator<StreamBlock> {
    const { missing = [], allowMissing = true, onProgress } = this.options
    const { columns } = this.schema
    const rule = this.rule()
    const isFirst = this.survey === undefined && this.rejected === 0
    const categories: StreamPlan['categories'][number][] = this.names.map(() => undefined)
    columns.forEach((column, index) => {
      if (column.type === 'categorical') categories[this.places[index]] = column.categories
    })
    const plan = {
      targets,
      categories,
      missing,
      allowMissing,
      keepsGoing: rule.keepsGoing,
    }
    const progress = isFirst ? onProgress : undefined
    for await (const block of this.files.blocks(this.names, plan, progress)) {
      for (const { error, reject } of block.errors) {
        if (!rule.keepsGoing || isFatal(error, block)) throw error
        if (isFirst) rule.onReject(reject)
      }
      yield block
    }
  }

  private rule(): ErrorRule {
    const { onError = 'fail', onReject } = this.options
    return {
      keepsGoing: onError !== 'fail',
      onReject: (reject) => {
        this.rejected++
        if (onError === 'report' && this.reported.length < mostReported) this.reported.push(reject)
        onReject?.(reject)
      },
    }
  }
}

function kindOf(column: SchemaColumn): number {
  if (column.type === 'numeric') return columnKinds.numeric
  return column.categories === undefined ? columnKinds.texts : columnKinds.categories
}

// The chosen columns of a given schema in the order of the file.
function orderedSchema(schema: DatasetSchema, read: readonly string[], source: string): DatasetSchema {
  const given = schema.columns.map(({ name }) => name)
  return {
    columns: read.map((name) => {
      const found = schema.columns.find((column) => column.name === name)
      if (found === undefined) throw unknownColumn(`${source}, schema`, name, given)
      return found
    }),
  }
}

function chunkOf(
  block: StreamBlock,
  columns: readonly SchemaColumn[],
  places: readonly number[],
  source: string,
): Chunk {
  const { rows, targets, firstRow, missing } = block
  const made = columns.map((column, at): Column => {
    const { name } = column
    const index = places[at]
    const array = targets.arrays[index]
    if (column.type === 'numeric') {
      return {
        name,
        type: 'numeric',
        values: Float64Array.from((array as Float64Array).subarray(0, rows)),
        missing: missing[index],
      }
    }
    const codes = Int32Array.from((array as Int32Array).subarray(0, rows))
    if (column.categories !== undefined) {
      // Texts that a given schema does not have are missing to whoever reads the table.
      for (let row = 0; row < rows; row++) if (codes[row] < 0) codes[row] = -1
      return {
        name,
        type: 'categorical',
        codes,
        categories: column.categories,
        missing: missing[index] + block.unseen[index],
      }
    }
    return { name, type: 'categorical', ...sorted(codes, block.texts[index] ?? []), missing: missing[index] }
  })
  const numbers = Float64Array.from({ length: rows }, (_, row) => firstRow + row)
  return { table: { rows, columns: made, source }, numbers }
}

function sorted(codes: Int32Array, texts: readonly string[]): { codes: Int32Array; categories: string[] } {
  const categories = [...texts].sort()
  const rankOf = new Map(categories.map((text, rank) => [text, rank]))
  const ranks = texts.map((text) => rankOf.get(text) ?? -1)
  return { codes: codes.map((code) => (code < 0 ? -1 : ranks[code])), categories }
}

/** Chunks of exactly so many rows, the last with what is left over. */
async function* rebatch(chunks: AsyncGenerator<Chunk>, wanted: number): AsyncGenerator<Chunk> {
  let waiting: Table[] = []
  let count = 0
  for await (const { table } of chunks) {
    for (let from = 0; from < table.rows;) {
      const rows = Math.min(wanted - count, table.rows - from)
      waiting.push(rows === table.rows ? table : slice(table, from, from + rows))
      count += rows
      from += rows
      if (count < wanted) continue
      yield { table: joined(waiting), numbers: new Float64Array(0) }
      waiting = []
      count = 0
    }
  }
  if (count > 0) yield { table: joined(waiting), numbers: new Float64Array(0) }
}

// Tables with the same lists of categories need no new codes.
function joined(tables: readonly Table[]): Table {
  if (tables.length === 1) return tables[0]
  const [first] = tables
  const isKnown = first.columns.every(
    (column, index) =>
      column.type === 'numeric' ||
      tables.every((table) => (table.columns[index] as typeof column).categories === column.categories),
  )
  if (!isKnown) return concatTables(tables)
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  const columns = first.columns.map((column, index): Column => {
    const parts = tables.map((table) => table.columns[index])
    const missing = parts.reduce((sum, part) => sum + part.missing, 0)
    if (column.type === 'numeric') {
      const values = new Float64Array(rows)
      tables.reduce((at, table, part) => {
        values.set((parts[part] as typeof column).values, at)
        return at + table.rows
      }, 0)
      return { ...column, values, missing }
    }
    const codes = new Int32Array(rows)
    tables.reduce((at, table, part) => {
      codes.set((parts[part] as typeof column).codes, at)
      return at + table.rows
    }, 0)
    return { ...column, codes, missing }
  })
  return { rows, columns, source: first.source }
}

function slice(table: Table, from: number, to: number): Table {
  const columns = table.columns.map((column): Column => {
    if (column.type === 'numeric') {
      const values = column.values.subarray(from, to)
      return { ...column, values, missing: countOf(values, Number.isNaN) }
    }
    const codes = column.codes.subarray(from, to)
    return { ...column, codes, missing: countOf(codes, (code) => code < 0) }
  })
  return { ...table, rows: to - from, columns }
}

function countOf(values: Float64Array | Int32Array, holds: (value: number) => boolean): number {
  let total = 0
  for (const value of values) if (holds(value)) total++
  return total
}

function select({ table, numbers }: Chunk, rows: readonly number[]): Chunk {
  return { table: selectRows(table, rows), numbers: Float64Array.from(rows, (row) => numbers[row]) }
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index)
}

function rowOf(table: Table, row: number): DatasetRow {
  return Object.fromEntries(table.columns.map((column) => [column.name, valueAt(column, row)]))
}

function numbersOf(table: Table, columns: readonly number[]): NumberBatch {
  const inputs = columns.length
  const x = new Float32Array(table.rows * inputs)
  columns.forEach((index, input) => {
    const column = table.columns[index]
    if (column.type !== 'numeric') return
    for (let row = 0; row < table.rows; row++) x[row * inputs + input] = column.values[row]
  })
  return { x, rows: table.rows, inputs }
}

function reordered(rows: Float32Array, places: readonly number[]): Float32Array {
  const inputs = places.length
  return rows.map((_, at) => rows[at - (at % inputs) + places[at % inputs]])
}

function emptyTable(schema: DatasetSchema, source: string): Table {
  const columns = schema.columns.map((column): Column => {
    const { name } = column
    if (column.type === 'numeric') return { name, type: 'numeric', values: new Float64Array(0), missing: 0 }
    return {
      name,
      type: 'categorical',
      codes: new Int32Array(0),
      categories: column.categories ?? [],
      missing: 0,
    }
  })
  return { rows: 0, columns, source }
}

function checkOpenOptions(options: OpenCsvOptions): void {
  rejectUnknownKeys('openCsv options', options, optionNames)
  const { delimiter, header, types, missing, allowMissing, backend, threads, onError, chunkBytes, schema } =
    options
  checkCsvOptions({ delimiter, header, types, missing, allowMissing, backend })
  if (threads !== undefined) checkInteger('threads', threads, { min: 1, max: 1024 })
  if (onError !== undefined) checkOneOf('onError', onError, ['fail', 'skip', 'report'])
  if (chunkBytes !== undefined) checkInteger('chunkBytes', chunkBytes, { min: 64, max: 2 ** 30 })
  for (const name of ['onReject', 'onProgress'] as const) {
    if (options[name] === undefined || typeof options[name] === 'function') continue
    throw new SpecError({ where: name, expected: 'a function', received: describeValue(options[name]) })
  }
  const { columns } = options
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
      where: 'schema.columns',
      expected: 'a list of columns',
      received: describeValue(columns),
    })
  }
  columns.forEach((column: Partial<Record<string, unknown>> | null, index) => {
    const where = `schema.columns[${index}]`
    if (typeof column?.name !== 'string') {
      throw new SpecError({
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
    throw new SpecError({ where: `${where}.categories`, expected: 'a list of different texts', received })
  })
}
