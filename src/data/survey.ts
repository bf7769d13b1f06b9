/** The first pass over CSV files: types from all values, categories, statistics, and the records that are wrong. */

import { chooseRowLoops } from '../backends/choose.ts'
import type { DataError } from '../errors.ts'
import { breathe, inTurns, type Paced } from '../paced.ts'
import { columnKinds, type BlockTargets } from './csv-block.ts'
import type { CsvFiles } from './csv-files.ts'
import type { OnProgress } from './read-progress.ts'
import type { CsvReject, StreamBlock, StreamPlan } from './csv-stream.ts'
import type { RowLoops } from './row-loops.ts'
import { columnTargets, TargetPool } from './target-pool.ts'
import {
  NumberSummary,
  RowSample,
  sampleCapacity,
  TextSummary,
  type ColumnDescription,
  type SampledRows,
} from './summaries.ts'
import { unknownColumn } from './table.ts'

/** A column as a schema has it. */
export type SchemaColumn =
  | { name: string; type: 'numeric' }
  | {
      name: string
      type: 'categorical'
      /** Its texts in the order of their codes; undefined where there are too many to be listed. */
      categories?: string[]
      /** True where the values were booleans, whose categories are 'false' and 'true'. */
      isBoolean?: boolean
    }

/** The columns of a dataset; plain data, for a file that a user edits. */
export interface DatasetSchema {
  columns: SchemaColumn[]
}

/** What the first pass has found. */
export interface Survey {
  schema: DatasetSchema
  rows: number
  columns: ColumnDescription[]
}

/** Blocks that may be written to a file while the next ones are looked at. */
const MOST_UNSETTLED = 3

/** What becomes of wrong records: an error, or left out and counted. */
export interface ErrorRule {
  keepsGoing: boolean
  onReject: (reject: CsvReject) => void
}

/** A column of a piece of the rows: numbers, or codes of the piece's own texts, -1 being a missing one. */
export type SurveyedColumn =
  { readonly values: Float64Array } | { readonly codes: Int32Array; readonly texts: readonly string[] }

/** A piece of the rows, whose memory is used again when the watcher has done with it. */
export interface SurveyedRows {
  readonly firstRow: number
  readonly rows: number
  /** Of the columns that are read; undefined where a column has turned out to be another, and the pass is made anew. */
  readonly columns: readonly (SurveyedColumn | undefined)[]
  /** What the sample that quantiles come from does with these rows. */
  readonly sampled: SampledRows
}

/** Who sees all rows while they are surveyed. */
export interface SurveyWatcher {
  /** Gives, where the rows are still read when this is done, until when their memory must stay as it is. */
  add(rows: SurveyedRows): Paced<Promise<void> | undefined>
}

/** Makes the watcher of a pass over columns of these names; of several passes the last has seen what holds. */
export type WatchSurvey = (names: readonly string[]) => SurveyWatcher

export interface SurveyOptions {
  watch?: WatchSurvey
  /** Of all columns of the files. */
  names: readonly string[]
  /** Which of them are read, ascending. */
  places: readonly number[]
  types: Readonly<Record<string, 'numeric' | 'categorical'>>
  dates: StreamPlan['dates']
  missing: readonly string[]
  allowMissing: boolean
  rule: ErrorRule
  onProgress?: OnProgress
}

/**
 * Reads files from their start to their end.
 *
 * @throws DataError for the first wrong record, unless the rule goes on; for a number that is not finite in a column that is
 *   otherwise numeric; for a declared column that is not there
 */
export async function surveyFiles(files: CsvFiles, options: SurveyOptions): Promise<Survey> {
  const { names } = options
  const kinds = new Uint8Array(names.length).fill(columnKinds.skip)
  for (const place of options.places) kinds[place] = columnKinds.find
  for (const [name, type] of Object.entries(options.types)) {
    const index = names.indexOf(name)
    if (index < 0) throw unknownColumn(files.name, name, names)
    if (options.places.includes(index))
      kinds[index] = type === 'numeric' ? columnKinds.numeric : columnKinds.texts
  }
  const loops = chooseRowLoops(files.options)
  // Most files need one pass. Where a column turns out to be text only after rows that all looked like numbers, or has a
  // wrong number in rows to be left out, the next pass knows.
  for (;;) {
    const pass = new SurveyPass(kinds, options, loops)
    const rejects: CsvReject[] = []
    for await (const block of files.blocks(names, pass.plan, options.onProgress)) {
      for (const { error, reject } of block.errors) {
        if (!options.rule.keepsGoing || isFatal(error, block)) throw error
        rejects.push(reject)
      }
      await inTurns(pass.add(block))
      await pass.settled(MOST_UNSETTLED)
    }
    await pass.settled(0)
    const doubt = pass.firstDoubt()
    if (doubt !== undefined && !options.rule.keepsGoing && !pass.mustRepeat) throw doubt
    if (pass.mustRepeat || doubt !== undefined) {
      pass.learn(kinds)
      continue
    }
    for (const reject of rejects) options.rule.onReject(reject)
    return await pass.finish()
  }
}

/** Behind a quote that is never closed nothing can be told, so no rule leaves it out. */
export function isFatal(error: DataError, block: StreamBlock): boolean {
  return block.errors.at(-1)?.error === error && block.rejects.at(-1)?.error === 'openQuote'
}

class SurveyPass {
  mustRepeat = false
  readonly plan
  private readonly names: readonly string[]
  private readonly places: readonly number[]
  private readonly kinds: Uint8Array
  private readonly numbers: NumberSummary[]
  private readonly loops: RowLoops
  private readonly texts: (TextSummary | undefined)[]
  private readonly doubts: (DataError | undefined)[] = []
  private readonly sample: RowSample
  private readonly pool = new TargetPool(columnTargets)
  private readonly watcher: SurveyWatcher | undefined
  private readonly unsettled: Promise<void>[] = []
  private rows = 0

  constructor(kinds: Uint8Array, options: SurveyOptions, loops: RowLoops) {
    const { names, places, dates, missing, allowMissing, rule, watch } = options
    this.names = names
    this.places = places
    this.kinds = kinds.slice()
    this.numbers = names.map(() => new NumberSummary())
    this.loops = loops
    this.texts = Array.from(kinds, (kind) => (kind === columnKinds.texts ? new TextSummary() : undefined))
    this.sample = new RowSample(sampleCapacity(places.length))
    this.watcher = watch?.(places.map((place) => names[place]))
    this.plan = {
      targets: (capacity: number): BlockTargets => this.pool.take(this.kinds, capacity),
      categories: names.map(() => undefined),
      missing,
      allowMissing,
      keepsGoing: rule.keepsGoing,
      dates,
    }
  }

  *add(block: StreamBlock): Paced<void> {
    const { rows, targets, firstRow, missing } = block
    this.rows = firstRow + rows
    const sampled = this.sample.add(firstRow, rows)
    for (const { column, error } of block.doubts) this.doubts[column] ??= error
    const summaries: NumberSummary[] = []
    const numbers: Float64Array[] = []
    for (const column of this.places) {
      const texts = block.texts[column]
      if (texts !== undefined) this.addTexts(column, texts, rows, missing[column], firstRow)
      // A column that earlier blocks have shown to be text may have been under way as numbers.
      else if (this.texts[column] !== undefined) this.mustRepeat = true
      else {
        summaries.push(this.numbers[column])
        numbers.push(targets.arrays[column] as Float64Array)
      }
    }
    NumberSummary.addAll(summaries, numbers, { rows, firstRow, sampled }, this.loops)
    yield
    if (this.watcher !== undefined) {
      const columns = this.places.map((place) => this.columnOf(block, place))
      const reading = yield* this.watcher.add({ firstRow, rows, sampled, columns })
      if (reading !== undefined) {
        this.unsettled.push(reading.then(() => this.pool.release(targets)))
        return
      }
    }
    this.pool.release(targets)
  }

  /** Waits until the memory of no more blocks than these is still read. */
  async settled(most: number): Promise<void> {
    while (this.unsettled.length > most) await this.unsettled.shift()
  }

  private columnOf({ targets, rows, texts }: StreamBlock, place: number): SurveyedColumn | undefined {
    const array = targets.arrays[place]
    const ofPlace = texts[place]
    if (array === undefined) return undefined
    // A column to be found has memory for numbers; as text it takes codes.
    if (ofPlace !== undefined)
      return { codes: new Int32Array(array.buffer, array.byteOffset, rows), texts: ofPlace }
    if (this.texts[place] !== undefined || !(array instanceof Float64Array)) return undefined
    return { values: array.subarray(0, rows) }
  }

  /** The first number that is not finite, and the like, of a column that is numeric. */
  firstDoubt(): DataError | undefined {
    const found = this.doubts.filter((_, column) => this.texts[column] === undefined)
    return found.reduce(
      (first, error) =>
        first === undefined || (error !== undefined && (error.line ?? 0) < (first.line ?? 0)) ? error : first,
      undefined,
    )
  }

  /** Sets the kinds that the next pass starts with. */
  learn(kinds: Uint8Array): void {
    this.texts.forEach((texts, column) => {
      if (texts !== undefined) kinds[column] = columnKinds.texts
      else if (this.doubts[column] !== undefined && !this.mustRepeat) kinds[column] = columnKinds.numeric
    })
  }

  async finish(): Promise<Survey> {
    const columns = this.places.map((column): SchemaColumn => {
      const name = this.names[column]
      const texts = this.texts[column]
      if (texts === undefined) return { name, type: 'numeric' }
      const categories = texts.categories()
      return { name, type: 'categorical', ...(categories === undefined ? {} : { categories }) }
    })
    const descriptions: ColumnDescription[] = []
    for (const column of this.places) {
      descriptions.push((this.texts[column] ?? this.numbers[column]).describe(this.names[column]))
      await breathe()
    }
    return { schema: { columns }, rows: this.rows, columns: descriptions }
  }

  private addTexts(column: number, texts: string[], rows: number, missing: number, firstRow: number): void {
    if (this.texts[column] === undefined) {
      this.texts[column] = new TextSummary()
      this.kinds[column] = columnKinds.texts
      if (firstRow > 0) this.mustRepeat = true
    }
    this.texts[column].add(texts, rows, missing)
  }
}
