/** The rows of CSV files: finds their columns, and reads them by chunks of typed columns or as float32 numbers. */

import { tablesOf, type Chunk, type NumberBatch } from './chunks.ts'
import { columnKinds } from './csv-block.ts'
import type { CsvFiles } from './csv-files.ts'
import type { CsvReject, StreamBlock, StreamPlan } from './csv-stream.ts'
import type { DatasetOrigin, Rejects } from './dataset-origin.ts'
import type { OpenCsvOptions } from './open-options.ts'
import {
  isFatal,
  surveyFiles,
  type DatasetSchema,
  type ErrorRule,
  type SchemaColumn,
  type Survey,
  type WatchSurvey,
} from './survey.ts'
import { isCoded, TableBatch } from './table-batches.ts'
import { unknownColumn, type Column, type Table } from './table.ts'
import { columnTargets, rowTargets, TargetPool } from './target-pool.ts'

const mostReported = 1000

/** The rows of files, with their columns once these are known. */
export class FileRows implements DatasetOrigin {
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
    private readonly watch?: WatchSurvey,
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
      dates: this.dates(),
      missing,
      allowMissing,
      onProgress,
      rule: this.rule(),
      watch: this.watch,
    })
    return this.survey
  }

  async *chunks(): AsyncGenerator<Chunk> {
    const { columns } = this.schema
    const kinds = this.kinds(columns.map(kindOf))
    const pool = new TargetPool(columnTargets)
    for await (const block of this.blocks((capacity) => pool.take(kinds, capacity))) {
      yield chunkOf(block, columns, this.places, this.files.name)
      pool.release(block.targets)
    }
  }

  async *tables(wanted: number): AsyncGenerator<Table> {
    const { columns } = this.schema
    // The codes of a block's own texts are other ones in each.
    if (!columns.every(isCoded)) {
      yield* tablesOf(this.chunks(), wanted)
      return
    }
    const kinds = this.kinds(columns.map(kindOf))
    const pool = new TargetPool(columnTargets)
    const batch = new TableBatch(columns, this.places, wanted, this.files.name)
    for await (const block of this.blocks((capacity) => pool.take(kinds, capacity))) {
      for (let from = 0; from < block.rows;) {
        from += batch.add(block, from)
        if (batch.isFull) yield batch.take()
      }
      pool.release(block.targets)
    }
    if (!batch.isEmpty) yield batch.take()
  }

  async *numbers(chosen: readonly number[], wanted: number): AsyncGenerator<NumberBatch> {
    const isChosen = new Set(chosen)
    const dates = this.dates()
    const kinds = this.kinds(
      this.places.map((place, column) => {
        if (isChosen.has(column)) return columnKinds.numeric
        // Read to leave out the same records as any other reading.
        return dates?.has(place) === true ? columnKinds.texts : columnKinds.skip
      }),
    )
    const ascending = [...chosen].sort((a, b) => a - b)
    const isInOrder = ascending.every((column, index) => column === chosen[index])
    const pool = new TargetPool(rowTargets)
    const inputs = chosen.length
    const places = isInOrder ? undefined : chosen.map((column) => ascending.indexOf(column))
    let x = new Float32Array(wanted * inputs)
    let filled = 0
    for await (const block of this.blocks((capacity) => pool.take(kinds, capacity))) {
      const matrix = block.targets.arrays.find((array) => array instanceof Float32Array)
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

  private dates(): StreamPlan['dates'] {
    const { dates = {} } = this.options
    const read = Object.entries(dates).filter(([name]) => this.places.includes(this.names.indexOf(name)))
    if (read.length === 0) return undefined
    return new Map(read.map(([name, order]) => [this.names.indexOf(name), order]))
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
      dates: this.dates(),
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
        values: copied(array as Float64Array, new Float64Array(rows)),
        missing: missing[index],
      }
    }
    const codes = copied(array as Int32Array, new Int32Array(rows))
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
  const numbers = new Float64Array(rows)
  for (let row = 0; row < rows; row++) numbers[row] = firstRow + row
  return { table: { rows, columns: made, source }, numbers, places: block.places }
}

// Shared memory is used again; tables have memory of their own.
function copied<T extends Float64Array | Int32Array>(values: T, into: T): T {
  into.set(values.subarray(0, into.length))
  return into
}

function sorted(codes: Int32Array, texts: readonly string[]): { codes: Int32Array; categories: string[] } {
  const categories = [...texts].sort()
  const rankOf = new Map(categories.map((text, rank) => [text, rank]))
  const ranks = texts.map((text) => rankOf.get(text) ?? -1)
  return { codes: codes.map((code) => (code < 0 ? -1 : ranks[code])), categories }
}

function reordered(rows: Float32Array, places: readonly number[]): Float32Array {
  const inputs = places.length
  return rows.map((_, at) => rows[at - (at % inputs) + places[at % inputs]])
}
