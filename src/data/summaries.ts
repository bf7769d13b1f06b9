/**
 * What columns hold, found while their rows pass by: moments, quantiles, categories. Everything depends on row numbers
 * alone, never on how many rows come at once, so a file read by pieces on many threads gives the same numbers.
 */

import { fallbackRowLoops, MOMENT_NUMBERS, momentPlaces, newMoments, type RowLoops } from './row-loops.ts'

/** Rows whose sums are made on their own before they are merged in order. */
const blockRows = 65_536

/** Texts beyond which a column keeps no list of its categories. */
export const mostCategories = 100_000

/** Of a column of numbers. */
export interface NumberDescription {
  name: string
  type: 'numeric'
  /** Rows with and without a value. */
  count: number
  missing: number
  /** NaN without a value. */
  mean: number
  /** Population standard deviation; NaN without a value. */
  deviation: number
  minimum: number
  maximum: number
  /** At 5, 25, 50, 75 and 95 %, from a sample of rows: exact up to 4,096 rows, ranks within about 2 % beyond. */
  quantiles: { q05: number; q25: number; q50: number; q75: number; q95: number }
}

/** Of a column of texts. */
export interface TextDescription {
  name: string
  type: 'categorical'
  count: number
  missing: number
  /** Undefined where there are more than 100,000. */
  categories: number | undefined
}

/** What a column of numbers or of texts holds. */
export type ColumnDescription = NumberDescription | TextDescription

/** What a sample does with rows. */
export interface SampledRows {
  /** Which of the new rows join it, counted from the first of them. */
  added: number[]
  /** Then, for each row of the sample, whether it stays; undefined where all do. */
  kept: boolean[] | undefined
}

/**
 * A uniform sample of rows by their number: the rows whose hash lies below a limit, which is halved whenever there are too
 * many. Samples of parts of a file are parts of the sample of the file.
 */
export class RowSample {
  private limit = 2 ** 32
  private rows: number[] = []

  /** @param capacity rows that are kept at most, at least half as many of a long file */
  constructor(private readonly capacity: number) {}

  /** Takes in the next rows: which of them are kept, and what then is left of all. */
  add(firstRow: number, count: number): SampledRows {
    const added: number[] = []
    for (let i = 0; i < count; i++) if (rowHash(firstRow + i) < this.limit) added.push(i)
    for (const i of added) this.rows.push(firstRow + i)
    if (this.rows.length <= this.capacity) return { added, kept: undefined }
    let rows = this.rows
    while (rows.length > this.capacity) {
      this.limit /= 2
      rows = rows.filter((row) => rowHash(row) < this.limit)
    }
    const kept = this.rows.map((row) => rowHash(row) < this.limit)
    this.rows = rows
    return { added, kept }
  }
}

// The finalizer of MurmurHash3 over both halves of the row number.
function rowHash(row: number): number {
  let hash = (row >>> 0) ^ Math.imul(Math.floor(row / 2 ** 32) + 1, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A piece of the rows. */
export interface NextRows {
  readonly rows: number
  readonly firstRow: number
  readonly sampled: SampledRows
  /** Those that count, where not all do. */
  readonly chosen?: ChosenRows
}

/** Some of the rows of a piece. */
export interface ChosenRows {
  /** Counted from the first of the piece, ascending. */
  readonly places: Uint32Array
  /** [rows of the piece] 1 for those that are chosen, else 0. */
  readonly isChosen: Uint8Array
}

// How many of the places, which ascend, lie before a row.
function placeOf(places: Uint32Array, row: number): number {
  let [low, high] = [0, places.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (places[middle] < row) low = middle + 1
    else high = middle
  }
  return low
}

// Columns to a call; their moments lie in memory that every call uses, as new memory would wait for the collector.
const SIDE_BY_SIDE = 64
const momentsOfGroup = new Float64Array(MOMENT_NUMBERS * SIDE_BY_SIDE)

/** Moments and a sample of a column of numbers, NaN being a missing one. */
export class NumberSummary {
  private count = 0
  private missing = 0
  private mean = 0
  private squares = 0
  // Outside the collector's heap, which the samples of thousands of columns would fill.
  private sample = new Float64Array(0)
  private sampleSize = 0
  // The block of rows that is under way; smallest and largest are those of all blocks.
  private block = -1
  private readonly moments = newMoments()

  /** Takes in the next rows. */
  add(values: Float64Array, rows: number, firstRow: number, sampled: SampledRows): void {
    NumberSummary.addAll([this], [values], { rows, firstRow, sampled }, fallbackRowLoops)
  }

  /** The same of several columns, whose sums are made side by side. */
  static addAll(
    summaries: readonly NumberSummary[],
    columns: readonly Float64Array[],
    next: NextRows,
    loops: RowLoops,
  ): void {
    for (let first = 0; first < summaries.length; first += SIDE_BY_SIDE) {
      const group = summaries.slice(first, first + SIDE_BY_SIDE)
      NumberSummary.addMoments(group, columns.slice(first, first + SIDE_BY_SIDE), next, loops)
    }
    summaries.forEach((summary, i) => {
      summary.addSampled(columns[i], next.sampled, next.chosen?.isChosen)
    })
  }

  private static addMoments(
    summaries: readonly NumberSummary[],
    columns: readonly Float64Array[],
    { rows, firstRow, chosen }: NextRows,
    loops: RowLoops,
  ): void {
    for (let [from, place] = [0, 0]; from < rows;) {
      const block = Math.floor((firstRow + from) / blockRows)
      const to = Math.min(rows, (block + 1) * blockRows - firstRow)
      const end = chosen === undefined ? to : placeOf(chosen.places, to)
      summaries.forEach((summary, i) => {
        summary.copyMoments(block, momentsOfGroup, MOMENT_NUMBERS * i)
      })
      loops.addMoments(columns, chosen?.places, place, end, momentsOfGroup)
      summaries.forEach((summary, i) => {
        summary.takeMoments(momentsOfGroup, MOMENT_NUMBERS * i, end - place)
      })
      from = to
      place = end
    }
  }

  describe(name: string): NumberDescription {
    this.endBlock(-1)
    const sorted = this.sampled()
    const quantile = (share: number): number =>
      sorted.length === 0 ? NaN : sorted[Math.round(share * (sorted.length - 1))]
    const isEmpty = this.count === 0
    const { minimum, maximum } = momentPlaces
    return {
      name,
      type: 'numeric',
      count: this.count,
      missing: this.missing,
      mean: isEmpty ? NaN : this.mean,
      deviation: Math.sqrt(this.squares / this.count),
      minimum: isEmpty ? NaN : this.moments[minimum],
      maximum: isEmpty ? NaN : this.moments[maximum],
      quantiles: {
        q05: quantile(0.05),
        q25: quantile(0.25),
        q50: quantile(0.5),
        q75: quantile(0.75),
        q95: quantile(0.95),
      },
    }
  }

  /** The values in the sample, ascending. */
  sampled(): Float64Array {
    return this.sample
      .subarray(0, this.sampleSize)
      .filter((value) => !Number.isNaN(value))
      .sort()
  }

  private copyMoments(block: number, into: Float64Array, at: number): void {
    if (block !== this.block) this.endBlock(block)
    for (let i = 0; i < MOMENT_NUMBERS; i++) into[at + i] = this.moments[i]
  }

  private takeMoments(from: Float64Array, at: number, rows: number): void {
    const { moments } = this
    this.missing += rows - (from[at + momentPlaces.count] - moments[momentPlaces.count])
    for (let i = 0; i < MOMENT_NUMBERS; i++) moments[i] = from[at + i]
  }

  // In the sample a row that does not count is one without a value.
  private addSampled(values: Float64Array, { added, kept }: SampledRows, isChosen?: Uint8Array): void {
    if (added.length === 0 && kept === undefined) return
    const size = this.sampleSize + added.length
    if (size > this.sample.length) {
      const longer = new Float64Array(Math.max(size, 2 * this.sample.length))
      longer.set(this.sample)
      this.sample = longer
    }
    const { sample } = this
    for (const row of added) sample[this.sampleSize++] = isChosen?.[row] === 0 ? NaN : values[row]
    if (kept === undefined) return
    let left = 0
    for (let place = 0; place < this.sampleSize; place++) if (kept[place]) sample[left++] = sample[place]
    this.sampleSize = left
  }

  // Merges the block into the whole. Source: Chan, Golub, LeVeque 1979, Updating Formulae for Computing Sample Variances
  private endBlock(next: number): void {
    const { moments } = this
    const [blockCount, shift, sum, sumOfSquares] = moments
    if (blockCount > 0) {
      const mean = shift + sum / blockCount
      const squares = Math.max(0, sumOfSquares - (sum * sum) / blockCount)
      const count = this.count + blockCount
      const difference = mean - this.mean
      this.mean += (difference * blockCount) / count
      this.squares += squares + (difference * difference * this.count * blockCount) / count
      this.count = count
    }
    this.block = next
    moments.fill(0, momentPlaces.count, momentPlaces.squares + 1)
  }
}

/** The categories of a column of texts, in the order of their first appearance. */
export class TextSummary {
  private readonly texts = new Set<string>()
  private count = 0
  private missing = 0
  private isTooMany = false

  add(texts: readonly string[], rows: number, missing: number): void {
    this.count += rows - missing
    this.missing += missing
    if (this.isTooMany) return
    for (const text of texts) this.texts.add(text)
    if (this.texts.size <= mostCategories) return
    this.isTooMany = true
    this.texts.clear()
  }

  /** Ascending by UTF-16 code units; undefined where there are too many. */
  categories(): string[] | undefined {
    return this.isTooMany ? undefined : [...this.texts].sort()
  }

  describe(name: string): TextDescription {
    const categories = this.isTooMany ? undefined : this.texts.size
    return { name, type: 'categorical', count: this.count, missing: this.missing, categories }
  }
}

/** Rows to sample of a table of so many columns: less of a wide one, whose samples would fill the memory. */
export function sampleCapacity(columns: number): number {
  return columns <= 256 ? 4096 : Math.max(512, Math.floor(2 ** 20 / columns))
}
