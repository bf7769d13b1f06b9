/** Rows of any number as a dataset: its columns found in one pass, its rows read anew by batches whenever asked for. */

import { checkInteger, checkNumber, describeValue } from '../check.ts'
import { DataError, rejectUnknownKeys, SpecError } from '../errors.ts'
import { randomStream } from '../random.ts'
import {
  numberBatch,
  selectChunk,
  tablesOf,
  type Chunk,
  type ChunkSource,
  type NumberBatch,
} from './chunks.ts'
import { CsvFiles, type CsvInput } from './csv-files.ts'
import type { DatasetOrigin, Rejects } from './dataset-origin.ts'
import { FileRows } from './file-rows.ts'
import { objectSource, type RowIterable } from './object-rows.ts'
import { checkOpenOptions, checkSourceOptions, type OpenCsvOptions } from './open-options.ts'
import { SourceRows, surveyTables, type SourceOptions } from './source-rows.ts'
import type { ColumnDescription } from './summaries.ts'
import type { DatasetSchema, WatchSurvey } from './survey.ts'
import {
  concatTables,
  unknownColumn,
  valueAt,
  type Column,
  type RowSource,
  type Table,
  type Value,
} from './table.ts'

// Of a wide file fewer rows, so that a batch stays within some megabytes.
const mostBatchRows = 8192
const mostBatchValues = 2 ** 19

/** A value of a row as JavaScript has it; null is a missing one. */
export type DatasetRow = Record<string, Value>

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
export async function openCsv<Row extends object = DatasetRow>(
  input: CsvInput,
  options: OpenCsvOptions = {},
): Promise<Dataset<Row>> {
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
export async function openFiles<Row extends object = DatasetRow>(
  files: CsvFiles,
  options: OpenCsvOptions,
  watch?: WatchSurvey,
): Promise<Dataset<Row>> {
  const rows = new FileRows(files, options, watch)
  await rows.prepare()
  return new Dataset(rows, () => rows.chunks(), rows.schema)
}

/** A dataset of a source of tables, with somebody who sees all rows while they are surveyed. */
export async function openSource<Row extends object = DatasetRow>(
  source: RowSource,
  options: SourceOptions,
  watch?: WatchSurvey,
): Promise<Dataset<Row>> {
  try {
    const rows = await SourceRows.open(source, options, watch)
    return new Dataset(rows, () => rows.chunks(), rows.schema)
  } catch (error) {
    await source.close?.()
    throw error
  }
}

/**
 * A dataset, or a view of another that has some of its rows: all views read the same files.
 *
 * `Row` is the type of its rows as objects, for `map` and `filter`; `hadamard schema FILE --types` writes one.
 */
export class Dataset<Row extends object = DatasetRow> {
  readonly #origin: DatasetOrigin
  readonly #chunks: ChunkSource
  /** Whether the rows are those of the files, all of them. */
  readonly #isWhole: boolean

  /** @internal */
  constructor(
    origin: DatasetOrigin,
    chunks: ChunkSource,
    /** Names, types and categories of the columns. */
    readonly schema: DatasetSchema,
    isWhole = true,
  ) {
    this.#origin = origin
    this.#chunks = chunks
    this.#isWhole = isWhole
  }

  /**
   * A dataset of rows as objects: numbers, texts, booleans, and null where a value is missing. A column is numeric where all
   * of its values are numbers; keys that some rows lack are missing there.
   *
   * @param rows an array, a generator, a stream of objects; or a function that gives these, called anew for every reading.
   *   What can be walked only once is kept in a temporary file until {@link Dataset.close}.
   * @param options `types`: `numeric` or `categorical` for columns whose types are not to be found; `columns`: names of
   *   those to keep, default all; `schema`: the columns, as an earlier `dataset.schema` had them, so that no pass finds them
   * @throws DataError for a row that is no object, and a value that is no number, text, boolean or null, by row and column;
   *   SpecError for what has no rows, and for a wrong option
   * @example
   * const dataset = await Dataset.from([{ size: 3, kind: 'a' }, { size: 4, kind: null }])
   * dataset.rows // 2
   * dataset.schema.columns[1] // { name: 'kind', type: 'categorical', categories: ['a'] }
   */
  static async from<Row extends object = DatasetRow>(
    rows: RowIterable<Row> | (() => RowIterable<Row>),
    options: SourceOptions = {},
  ): Promise<Dataset<Row>> {
    checkSourceOptions('Dataset.from', options)
    return openSource(await objectSource(rows), options)
  }

  /** Rows; undefined for a view, and where a schema was given and the files have not been read to their end. */
  get rows(): number | undefined {
    return this.#isWhole ? this.#origin.survey?.rows : undefined
  }

  /** The records that were left out when the files were first read to their end. */
  get rejects(): Rejects {
    return this.#origin.rejects
  }

  /**
   * Counts, mean, deviation and quantiles of every column; reads the files where they have not been read yet, and a view
   * always. Sums are made per 65,536 rows and merged in order.
   *
   * @example
   * (await dataset.describe())[0] // { name: 'age', type: 'numeric', count: 32561, missing: 0, mean: 38.58…, … }
   */
  async describe(): Promise<ColumnDescription[]> {
    if (this.#isWhole) return (await this.#origin.surveyed()).columns
    const { columns } = this.schema
    const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]))
    return (await surveyTables(this.source(), { types })).columns
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
    yield* this.#isWhole ? this.#origin.tables(wanted) : tablesOf(this.#chunks(), wanted)
  }

  /** The batches of {@link Dataset.batches}, for `for await`. */
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
    if (this.#isWhole) yield* this.#origin.numbers(columns, wanted)
    else for await (const table of this.batches({ rows: wanted })) yield numberBatch(table, columns)
  }

  /** All rows as one table in memory. */
  async toTable(): Promise<Table> {
    const tables: Table[] = []
    for await (const table of this.batches({ rows: 65_536 })) tables.push(table)
    const whole = tables.length > 0 ? { ...concatTables(tables), source: this.#origin.name } : this.#empty()
    const { count } = this.rejects
    return count > 0 ? { ...whole, leftOut: count } : whole
  }

  /** The first rows, at most `rows`. */
  take(rows: number): Dataset<Row> {
    checkInteger('take', rows, { min: 0 })
    const chunks = this.#chunks
    return this.#view(async function* () {
      let left = rows
      if (left === 0) return
      for await (const chunk of chunks()) {
        yield left >= chunk.table.rows ? chunk : selectChunk(chunk, range(left))
        left -= chunk.table.rows
        if (left <= 0) return
      }
    })
  }

  /** The rows for which `keep` returns true; it is given a row and its number in the files. */
  filter(keep: (row: Row, number: number) => boolean): Dataset<Row> {
    checkFunction('filter', keep)
    return this.#select(({ table, numbers }) =>
      range(table.rows).filter((row) => keep(rowOf(table, row) as Row, numbers[row])),
    )
  }

  /**
   * Every row as `change` gives it, once: objects of any kind, one after the other.
   *
   * @example
   * const bmi = await Dataset.from(() => dataset.map(({ kg, m }) => ({ bmi: kg / m ** 2 }))) // its columns are found anew
   */
  map<T>(change: (row: Row, number: number) => T): AsyncGenerator<T> {
    checkFunction('map', change)
    return this.#mapped(change)
  }

  async *#mapped<T>(change: (row: Row, number: number) => T): AsyncGenerator<T> {
    for await (const { table, numbers } of this.#chunks())
      for (let row = 0; row < table.rows; row++) yield change(rowOf(table, row) as Row, numbers[row])
  }

  /**
   * Two views by the hash rule: a row is held out where its draw of the seed's stream is below the share. It depends on the
   * row's number in the files alone, as in memory.
   *
   * @param share of the rows to hold out, 0 to 1 without 1
   * @param options.seed default 0
   */
  split(share: number, options: { seed?: number } = {}): { train: Dataset<Row>; test: Dataset<Row> } {
    rejectUnknownKeys('split', options, ['seed'])
    const { seed = 0 } = options
    checkNumber('share', share, { min: 0, below: 1 })
    checkInteger('seed', seed, { min: 0 })
    const stream = randomStream(seed, 'split.test')
    const limit = share * 2 ** 32
    const part = (isTest: boolean): Dataset<Row> =>
      this.#select(({ numbers }) =>
        range(numbers.length).filter((row) => stream.uint32(numbers[row]) < limit === isTest),
      )
    return { train: part(false), test: part(true) }
  }

  /** @internal Pieces of the rows with their numbers, as they come. */
  chunks(): AsyncGenerator<Chunk> {
    return this.#chunks()
  }

  /** @internal The rows as tables, the first of which has the columns also where a view has no rows. */
  source(): RowSource {
    return {
      name: this.#origin.name,
      chunks: () => this.#batchesBehindNone(),
      bytes: (most) => this.#bytes(most),
      totalRows: () => Promise.resolve(this.rows),
      leftOut: () => this.rejects.count,
    }
  }

  async #bytes(most: number): Promise<number> {
    const rowBytes = Float64Array.BYTES_PER_ELEMENT * this.schema.columns.length
    // Of a view an upper bound, which mostly suffices.
    const known = rowBytes * (this.#origin.survey?.rows ?? Infinity)
    if (known <= most || (this.#isWhole && known < Infinity)) return known
    let bytes = 0
    for await (const { table } of this.#chunks()) {
      bytes += rowBytes * table.rows
      if (bytes > most) break
    }
    return bytes
  }

  /** Removes what was kept of a stream; a dataset of files has nothing to close. */
  close(): Promise<void> {
    return this.#origin.close()
  }

  #select(choose: (chunk: Chunk) => number[]): Dataset<Row> {
    const chunks = this.#chunks
    return this.#view(async function* () {
      for await (const chunk of chunks()) {
        const rows = choose(chunk)
        if (rows.length > 0) yield rows.length === chunk.table.rows ? chunk : selectChunk(chunk, rows)
      }
    })
  }

  async *#batchesBehindNone(): AsyncGenerator<Table> {
    yield this.#empty()
    yield* this.batches()
  }

  #empty(): Table {
    return emptyTable(this.schema, this.#origin.name)
  }

  #view(chunks: ChunkSource): Dataset<Row> {
    return new Dataset(this.#origin, chunks, this.schema, false)
  }

  #numericColumns(asked: readonly string[] | undefined): number[] {
    const { columns } = this.schema
    const names = columns.map(({ name }) => name)
    const wanted = asked ?? columns.filter(({ type }) => type === 'numeric').map(({ name }) => name)
    return wanted.map((name) => {
      const index = names.indexOf(name)
      if (index < 0) throw unknownColumn(this.#origin.name, name, names)
      if (columns[index].type === 'numeric') return index
      const where = `${this.#origin.name}, column ${name}`
      throw new DataError(
        { code: 'HADAMARD_COLUMN_TYPE', where, expected: 'a column of numbers', received: 'one of texts' },
        { column: name },
      )
    })
  }
}

function batchRows(columns: number): number {
  return Math.max(1, Math.min(mostBatchRows, Math.floor(mostBatchValues / Math.max(1, columns))))
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index)
}

function checkFunction(where: string, given: unknown): void {
  if (typeof given === 'function') return
  throw new SpecError({ where, expected: 'a function of a row', received: describeValue(given) })
}

function rowOf(table: Table, row: number): DatasetRow {
  return Object.fromEntries(table.columns.map((column) => [column.name, valueAt(column, row)]))
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
