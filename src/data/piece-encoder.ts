/** Encodes rows of one table after another into room that others have; where the core can, without the event loop. */

import { inTurns } from '../paced.ts'
import type { Encoder } from './encoder.ts'
import type { RowRoom } from './packed-writer.ts'
import type { RowLoops } from './row-loops.ts'
import {
  firstWrong,
  isStandardised,
  scalesOf,
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
  private readonly spare: Float32Array[] = []

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
    const isScaled = columns.every(isStandardised)
      ? await this.startJob(columns, scales, rows, rooms)
      : undefined
    if (isScaled === undefined) await this.encodeHere(table, rows, rooms)
    else if (!isScaled) throw this.wrongIn(columns.filter(isStandardised), table, rows, rooms)
  }

  private planFor(table: Table): Plan {
    const inputs = this.encoder.inputColumns(table)
    return {
      inputs: inputs.map((one) => ({ ...one, place: table.columns.indexOf(one.column) })),
      scales: scalesOf(inputs.filter(isStandardised)),
    }
  }

  // Undefined where the core does not do it.
  private startJob(
    inputs: readonly StandardisedColumn[],
    scales: Float64Array,
    rows: Uint32Array,
    rooms: readonly RowRoom[],
  ): Promise<boolean> | undefined {
    const { jobs } = this.loops
    const columns = inputs.map(({ column }) => column.values)
    const pieces = rooms.map(({ x }) => x).filter((x) => x instanceof Float32Array)
    const isShared = columns.every(({ buffer }) => buffer instanceof SharedArrayBuffer)
    if (jobs === undefined || pieces.length < rooms.length || !isShared) return undefined
    return jobs.standardisePieces(columns, scales, rows, pieces, this.encoder.width)
  }

  // In memory that is used again: what each table leaves would wait for the collector.
  private async encodeHere(table: Table, rows: Uint32Array, rooms: readonly RowRoom[]): Promise<void> {
    const { width } = this.encoder
    const elements = rows.length * width
    const spare = this.spare.pop() ?? new Float32Array(0)
    const memory = spare.length < elements ? new Float32Array(elements) : spare
    const x = memory.subarray(0, elements).fill(0)
    await inTurns(this.encoder.encodingInto(x, table, rows, this.loops))
    let from = 0
    for (const room of rooms) {
      room.x.set(x.subarray(from * width, (from + room.rows) * width))
      from += room.rows
    }
    this.spare.push(memory)
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
