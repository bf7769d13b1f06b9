/** Tables of exactly so many rows out of blocks of a CSV, each value copied once. */

import type { StreamBlock } from './csv-stream.ts'
import type { SchemaColumn } from './survey.ts'
import type { Column, Table } from './table.ts'

type Values = Float64Array | Int32Array

/** Whether the codes of a column are known before it is read. */
export function isCoded(column: SchemaColumn): boolean {
  return column.type === 'numeric' || column.categories !== undefined
}

/** The rows of a table under way. */
export class TableBatch {
  private rows = 0
  private values: Values[] = []
  private missing: number[] = []

  /**
   * @param columns that are numeric, or have categories
   * @param places of the columns in the blocks
   * @param wanted rows of a table
   */
  constructor(
    private readonly columns: readonly SchemaColumn[],
    private readonly places: readonly number[],
    private readonly wanted: number,
    private readonly source: string,
  ) {}

  get isFull(): boolean {
    return this.rows === this.wanted
  }

  get isEmpty(): boolean {
    return this.rows === 0
  }

  /** Takes in rows of a block from one on, and says how many. */
  add(block: StreamBlock, from: number): number {
    if (this.rows === 0) this.start()
    const count = Math.min(this.wanted - this.rows, block.rows - from)
    this.columns.forEach((column, index) => {
      const place = this.places[index]
      const into = this.values[index]
      const given = block.targets.arrays[place] as Values
      into.set(given.subarray(from, from + count), this.rows)
      if (block.missing[place] + block.unseen[place] === 0) return
      const added = into.subarray(this.rows, this.rows + count)
      this.missing[index] += column.type === 'numeric' ? countGaps(added) : closeGaps(added)
    })
    this.rows += count
    return count
  }

  /** The table of the rows so far; those that come next are of another. */
  take(): Table {
    const { rows } = this
    const isWhole = this.isFull
    this.rows = 0
    const columns = this.columns.map((column, index): Column => {
      const { name } = column
      const values = isWhole ? this.values[index] : this.values[index].slice(0, rows)
      const missing = this.missing[index]
      if (column.type === 'numeric') return { name, type: 'numeric', values: values as Float64Array, missing }
      const { categories = [] } = column
      return { name, type: 'categorical', codes: values as Int32Array, categories, missing }
    })
    return { rows, columns, source: this.source }
  }

  private start(): void {
    this.values = this.columns.map(({ type }) =>
      type === 'numeric' ? new Float64Array(this.wanted) : new Int32Array(this.wanted),
    )
    this.missing = this.columns.map(() => 0)
  }
}

function countGaps(values: Values): number {
  let count = 0
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) count++
  return count
}

// Texts that the categories lack are missing to whoever reads the table.
function closeGaps(codes: Values): number {
  let count = 0
  for (let i = 0; i < codes.length; i++) {
    if (codes[i] >= 0) continue
    codes[i] = -1
    count++
  }
  return count
}
