/** What an encoder learns of the training rows of a file that is read by pieces: the same whatever the pieces. */

import { DataError } from '../errors.ts'
import { isCommaNumber, isNumberText } from './csv-number.ts'
import { momentsOf } from './dates.ts'
import {
  categoricalInput,
  fitInput,
  inferType,
  numericInput,
  yearOf,
  type ColumnType,
  type Input,
  type Scaling,
} from './input.ts'
import type { RowLoops } from './row-loops.ts'
import { quantiles, quartileScale, robustScale, type Scale } from './statistics.ts'
import { mostCategories, NumberSummary } from './summaries.ts'
import type { DatasetSchema, SchemaColumn, SurveyedRows } from './survey.ts'
import type { CategoricalColumn, Column } from './table.ts'

/** The different texts of a column, numbered as they come, and how many training rows have each. */
class TextCounts {
  private readonly places = new Map<string, number>()
  private readonly counts: number[] = []
  private others: Others | undefined
  isTooMany = false

  /** The numbers of a piece's own codes; -1 beyond what a column keeps a list of. */
  add(codes: Int32Array, texts: readonly string[], isTrained: Uint8Array): Int32Array {
    const places = Int32Array.from(texts, (text) => this.placeOf(text))
    const found = new Int32Array(codes.length)
    for (let row = 0; row < codes.length; row++) {
      const place = codes[row] < 0 ? -1 : places[codes[row]]
      found[row] = place
      if (place >= 0 && isTrained[row] === 1) this.counts[place]++
    }
    return found
  }

  /** Ascending by UTF-16 code units; undefined where there are too many. */
  categories(): string[] | undefined {
    return this.isTooMany ? undefined : [...this.places.keys()].sort()
  }

  /** For every number the code among `categories`; -1 for texts that these lack. */
  codesIn(categories: readonly string[]): Int32Array {
    const codes = new Int32Array(this.counts.length).fill(-1)
    categories.forEach((text, code) => {
      const place = this.places.get(text)
      if (place !== undefined) codes[place] = code
    })
    return codes
  }

  /** Training rows of each of the categories. */
  countsOf(categories: readonly string[]): Float64Array {
    return Float64Array.from(categories, (text) => this.counts[this.places.get(text) ?? -1] ?? 0)
  }

  /** Of too many texts those that are no numbers, where there are few; undefined where there are many. */
  otherTexts(): readonly string[] | undefined {
    return this.others?.texts()
  }

  private placeOf(text: string): number {
    if (this.isTooMany) {
      this.others?.add(text)
      return -1
    }
    const known = this.places.get(text)
    if (known !== undefined) return known
    this.isTooMany = this.counts.length === mostCategories
    if (this.isTooMany) {
      this.others = new Others()
      for (const one of [...this.places.keys(), text]) this.others.add(one)
      return -1
    }
    this.places.set(text, this.counts.length)
    return this.counts.push(0) - 1
  }
}

/** Texts beside numbers, as long as these are few, and one of the numbers with a comma. */
class Others {
  private static readonly most = 100
  private readonly strangers = new Set<string>()
  private withComma: string | undefined

  add(text: string): void {
    if (this.strangers.size > Others.most || isNumberText(text)) return
    if (isCommaNumber(text)) this.withComma ??= text
    else this.strangers.add(text)
  }

  texts(): readonly string[] | undefined {
    if (this.strangers.size > Others.most) return undefined
    return [...(this.withComma === undefined ? [] : [this.withComma]), ...this.strangers]
  }
}

/** Counts, moments and samples of every column over the training rows, while these pass by. */
export class TrainingTally {
  private readonly numbers: readonly NumberSummary[]
  private readonly texts: readonly TextCounts[]
  private places = new Uint32Array(0)
  private rows = 0

  constructor(
    columns: number,
    private readonly loops: RowLoops,
  ) {
    this.numbers = Array.from({ length: columns }, () => new NumberSummary())
    this.texts = Array.from({ length: columns }, () => new TextCounts())
  }

  /**
   * Takes in the next rows of the file, of which some are trained on.
   *
   * @returns per column its numbers, or the numbers that texts have here
   */
  add(
    { rows, firstRow, columns, sampled }: SurveyedRows,
    isTrained: Uint8Array,
  ): (Float64Array | Int32Array)[] {
    const chosen = { places: this.placesOf(isTrained, rows), isChosen: isTrained }
    this.rows += chosen.places.length
    const summaries: NumberSummary[] = []
    const numbers: Float64Array[] = []
    const pieces = columns.map((column, index) => {
      if (column === undefined) return new Float64Array(rows)
      if ('codes' in column) return this.texts[index].add(column.codes, column.texts, isTrained)
      summaries.push(this.numbers[index])
      numbers.push(column.values)
      return column.values
    })
    NumberSummary.addAll(summaries, numbers, { rows, firstRow, sampled, chosen }, this.loops)
    return pieces
  }

  // Found once for all columns.
  private placesOf(isTrained: Uint8Array, rows: number): Uint32Array {
    if (this.places.length < rows) this.places = new Uint32Array(rows)
    const { places } = this
    let count = 0
    for (let row = 0; row < rows; row++) if (isTrained[row] === 1) places[count++] = row
    return places.subarray(0, count)
  }

  /** The codes of a column's texts among the categories that it has in the end, by their numbers here. */
  codesOf(index: number, categories: readonly string[]): Int32Array {
    return this.texts[index].codesIn(categories)
  }

  /** A schema with categories where it lists none, as somebody may write it who knows the types alone. */
  completed({ columns }: DatasetSchema): DatasetSchema {
    return {
      columns: columns.map((column, index) => {
        if (column.type === 'numeric' || column.categories !== undefined) return column
        const categories = this.texts[index].categories()
        return { ...column, ...(categories === undefined ? {} : { categories }) }
      }),
    }
  }

  /** Of a column with more texts than a list is kept of those that are no numbers; undefined for other columns. */
  othersOf(index: number): readonly string[] | undefined {
    return this.texts[index].otherTexts()
  }

  /** Whether no column has more texts than a list is kept of. */
  get hasAllTexts(): boolean {
    return !this.texts.some(({ isTooMany }) => isTooMany)
  }

  /** What the rows have been, once the columns are known. */
  summary(columns: readonly SchemaColumn[]): TrainingSummary {
    const { numbers, texts, rows } = this
    const counts = columns.map((column, index) => texts[index].countsOf(categoriesOf(column)))
    return new TrainingSummary(columns, { numbers, counts, rows })
  }
}

interface Tallied {
  readonly numbers: readonly NumberSummary[]
  readonly counts: readonly Float64Array[]
  /** Rows that are trained on. */
  readonly rows: number
}

/** What inputs are made of. */
export class TrainingSummary {
  private readonly numbers: Tallied['numbers']
  private readonly counts: Tallied['counts']
  private readonly rows: number

  constructor(
    private readonly columns: readonly SchemaColumn[],
    tallied: Tallied,
  ) {
    this.numbers = tallied.numbers
    this.counts = tallied.counts
    this.rows = tallied.rows
  }

  /** Mean and population deviation of a column of numbers. */
  scaleOf(index: number): Scale {
    const { name } = this.columns[index]
    const { count, mean, deviation, minimum, maximum } = this.numbers[index].describe(name)
    if (count === 0) return { mean: 0, deviation: 1 }
    if (minimum === maximum) return { mean: minimum + 0, deviation: 1 }
    if (Number.isFinite(mean) && Number.isFinite(deviation))
      return { mean, deviation: deviation === 0 ? 1 : deviation }
    throw new DataError(
      {
        code: 'HADAMARD_NOT_FINITE',
        where: `column ${name}`,
        expected: 'values that can be standardised',
        received: `values up to ${Math.max(Math.abs(minimum), Math.abs(maximum))}`,
      },
      { column: name },
    )
  }

  /** Smallest and largest number of a column. */
  rangeOf(index: number): [number, number] {
    const { minimum, maximum } = this.numbers[index].describe(this.columns[index].name)
    return [minimum, maximum]
  }

  /**
   * A column as an input.
   *
   * @throws DataError for a value that the type has not
   */
  inputOf(index: number, type: ColumnType | undefined, scaling: Scaling): Input {
    const schema = this.columns[index]
    const { name } = schema
    if (schema.type === 'numeric') return this.numberInput(index, type, scaling)
    const column: CategoricalColumn = { name, type: 'categorical', ...this.distinct(index), missing: 0 }
    const taken = type ?? inferType({ ...column, categories: [...categoriesOf(schema)] })
    if (taken === 'categorical') return categoricalInput(name, categoriesOf(schema), this.counts[index], true)
    const rows = Uint32Array.from(column.codes, (_, row) => row)
    const input = fitInput(column, rows, taken)
    return input.type === 'date'
      ? { ...input, ...this.yearScale(column, index, momentsOf(column, input.order)) }
      : input
  }

  private numberInput(index: number, type: ColumnType | undefined, scaling: Scaling): Input {
    const { name } = this.columns[index]
    const summary = this.numbers[index]
    if (type !== undefined && type !== 'numeric' && type !== 'categorical') {
      const values = summary.sampled()
      const column: Column = { name, type: 'numeric', values, missing: 0 }
      return fitInput(
        column,
        Uint32Array.from(values, (_, row) => row),
        type,
      )
    }
    const sorted = summary.sampled()
    return numericInput(
      name,
      scaling,
      this.scaleBy(index, scaling, sorted),
      scaling === 'quantile' ? quantiles(sorted) : [],
      {
        absent: summary.describe(name).missing,
        rows: this.rows,
        range: this.knownRange(index),
      },
    )
  }

  private knownRange(index: number): [number, number] | undefined {
    const [low, high] = this.rangeOf(index)
    return low <= high ? [low + 0, high + 0] : undefined
  }

  // Quartiles are those of the sample.
  private scaleBy(index: number, scaling: Scaling, sorted: Float64Array): Scale {
    const { name } = this.columns[index]
    if (scaling === 'clipped') return quartileScale(name, sorted, ...this.rangeOf(index))
    const scale = this.scaleOf(index)
    return scaling === 'robust' ? robustScale(sorted, scale) : scale
  }

  // The categories that training rows have, each once.
  private distinct(index: number): Pick<CategoricalColumn, 'codes' | 'categories'> {
    const categories = categoriesOf(this.columns[index]).filter((_, code) => this.counts[index][code] > 0)
    return { categories, codes: Int32Array.from(categories, (_, code) => code) }
  }

  // Dates are summed category by category, each as often as training rows have it.
  private yearScale(column: CategoricalColumn, index: number, moments: Float64Array): Scale {
    const counts = this.counts[index].filter((count) => count > 0)
    const years = Float64Array.from(moments, yearOf)
    const total = counts.reduce((sum, count) => sum + count, 0)
    const meanOf = (values: Float64Array): number =>
      values.reduce((sum, value, i) => sum + value * counts[i], 0) / total
    const mean = meanOf(years)
    const deviation = Math.sqrt(meanOf(years.map((year) => (year - mean) ** 2)))
    return column.categories.length === 0
      ? { mean: 0, deviation: 1 }
      : { mean, deviation: deviation === 0 ? 1 : deviation }
  }
}

/** Those that a column has in the end; none of numbers, and of too many texts. */
export function categoriesOf(column: SchemaColumn): string[] {
  return column.type === 'categorical' ? (column.categories ?? []) : []
}
