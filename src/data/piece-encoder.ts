/** Encodes rows of one table after another into room that others have; where the core can, without the event loop. */

import { inTurns, type Paced } from '../paced.ts'
import type { Encoder } from './encoder.ts'
import { encodeColumn } from './input.ts'
import type { RowRoom } from './packed-writer.ts'
import type { RowLoops } from './row-loops.ts'
import {
  firstWrong,
  isStandardised,
  scalesOf,
  standardiseColumns,
  type InputColumn,
  type StandardisedColumn,
} from './standardise.ts'
import type { Table } from './table.ts'

/** What is the same for all tables. */
interface Plan {
  /** The inputs, and the place of each one's column in a table. */
  readonly inputs: readonly (InputColumn & { readonly place: number })[]
  /** Of those that are standardised. */
  readonly scales: Float64Array
}

/** Encodes tables that all have the columns of the first. */
export class PieceEncoder {
  private plan: Plan | undefined

  constructor(
    private readonly encoder: Encoder,
    private readonly loops: RowLoops,
  ) {}

  /**
   * Writes the inputs of rows. The columns of the table must stay as they are until it is done.
   *
   * @param rooms for all of the rows, in their order
   * @throws DataError for a value that cannot be encoded
   */
  async encode(table: Table, rows: Uint32Array, rooms: readonly RowRoom[]): Promise<void> {
    const { inputs, scales } = (this.plan ??= this.planFor(table))
    const columns = inputs.map(({ input, offset, place }) => ({
      input,
      offset,
      column: table.columns[place],
    }))
    const plain = columns.filter(isStandardised)
    const isScaled = await this.startJob(plain, scales, rows, rooms)
    if (isScaled === false) throw this.wrongIn(plain, table, rows, rooms)
    if (isScaled === undefined) for (const { x } of rooms) x.fill(0)
    else if (plain.length === columns.length) return
    await inTurns(this.encodeHere(columns, isScaled === true, table, rows, rooms))
  }

  private planFor(table: Table): Plan {
    const inputs = this.encoder.inputColumns(table)
    return {
      inputs: inputs.map((one) => ({ ...one, place: table.columns.indexOf(one.column) })),
      scales: scalesOf(inputs.filter(isStandardised)),
    }
  }

  // Undefined where the core does not do it. It makes zeros also where there is nothing to scale: on shared memory they are written
  // one by one here.
  private startJob(
    plain: readonly StandardisedColumn[],
    scales: Float64Array,
    rows: Uint32Array,
    rooms: readonly RowRoom[],
  ): Promise<boolean> | undefined {
    const { jobs } = this.loops
    const columns = plain.map(({ column }) => column.values)
    const pieces = rooms.map(({ x }) => x).filter((x) => x instanceof Float32Array)
    const isShared = columns.every(({ buffer }) => buffer instanceof SharedArrayBuffer)
    if (jobs === undefined || pieces.length < rooms.length || !isShared) return undefined
    return jobs.standardisePieces(columns, scales, rows, pieces, this.encoder.width)
  }

  private *encodeHere(
    columns: readonly InputColumn[],
    isPlainDone: boolean,
    table: Table,
    rows: Uint32Array,
    rooms: readonly RowRoom[],
  ): Paced<void> {
    const { width } = this.encoder
    let from = 0
    for (const { x, rows: count } of rooms) {
      const place = { table, rows: rows.subarray(from, from + count), x, width }
      if (!isPlainDone) yield* standardiseColumns(columns.filter(isStandardised), place, this.loops)
      for (const one of columns)
        if (!isStandardised(one)) yield* encodeColumn(one.input, one.column, { ...place, offset: one.offset })
      from += count
    }
  }

  private wrongIn(
    columns: readonly StandardisedColumn[],
    table: Table,
    rows: Uint32Array,
    rooms: readonly RowRoom[],
  ): Error {
    return firstWrong(columns, { table, rows, x: rooms[0].x, width: this.encoder.width }, 0, rows.length)
  }
}
