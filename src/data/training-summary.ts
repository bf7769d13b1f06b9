/** What an encoder learns of the training rows of a file that is read by pieces: the same whatever the pieces. */

import { DataError } from '../errors.ts'
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
import { quantiles, quartileScale, robustScale, type Scale } from './statistics.ts'
import { NumberSummary, RowSample, sampleCapacity } from './summaries.ts'
import type { SchemaColumn } from './survey.ts'
import type { CategoricalColumn, Column, Table } from './table.ts'

/** Counts, moments and samples of every column over the training rows. */
export class TrainingSummary {
  private readonly numbers: readonly NumberSummary[]
  private readonly counts: readonly Float64Array[]
  private readonly sample: RowSample
  private masked = new Float64Array(0)
  private rows = 0
  private others = 0

  constructor(private readonly columns: readonly SchemaColumn[]) {
    this.numbers = columns.map(() => new NumberSummary())
    this.counts = columns.map((column) => new Float64Array(categoriesOf(column).length))
    this.sample = new RowSample(sampleCapacity(columns.length))
  }

  /** Takes in the next rows of the file, of which some are trained on. */
  add(table: Table, firstRow: number, isTrained: Uint8Array): void {
    const { rows } = table
    const sampled = this.sample.add(firstRow, rows)
    if (this.masked.length < rows) this.masked = new Float64Array(rows)
    const { masked } = this
    for (let row = 0; row < rows; row++) {
      if (isTrained[row] === 1) this.rows++
      else this.others++
    }
    table.columns.forEach((column, index) => {
      if (column.type === 'numeric') {
        const { values } = column
        for (let row = 0; row < rows; row++) masked[row] = isTrained[row] === 1 ? values[row] : NaN
        this.numbers[index].add(masked, rows, firstRow, sampled)
        return
      }
      const counts = this.counts[index]
      if (counts.length === 0) return
      for (let row = 0; row < rows; row++)
        if (isTrained[row] === 1 && column.codes[row] >= 0) counts[column.codes[row]]++
    })
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
      { absent: summary.describe(name).missing - this.others, rows: this.rows },
    )
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

function categoriesOf(column: SchemaColumn): readonly string[] {
  return column.type === 'categorical' ? (column.categories ?? []) : []
}
