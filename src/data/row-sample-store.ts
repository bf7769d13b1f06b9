/** A uniform sample of a given number of rows, kept while all rows pass by: those with the smallest draws, whatever the pieces. */

import { piecesOf, type Paced } from '../paced.ts'
import type { RowLoops } from './row-loops.ts'
import { rowNumbers } from './split.ts'

/** Beyond what is wanted, so that what is too much is not looked for at every row. */
const SLACK = 1.25
/** Draws of 32 bits are counted by so many of their leading bits. */
const BIN_BITS = 16
/** Rows whose numbers stay in the cache while they are written column by column. */
const ROWS_TOGETHER = 512

/** Rows of numbers; all of them where there are no more than wanted. */
export class RowSampleStore {
  private readonly draws: Uint32Array
  /** Row by row: those that come at once have places all over it. */
  private readonly values: Float64Array
  /** Places of rows: those of the sample in the order of their rows, then those that are free. */
  private readonly places: Uint32Array
  private filled = 0
  private last = 2 ** 32

  /** @param wanted rows, at least 1 */
  constructor(
    private readonly wanted: number,
    private readonly columns: number,
    private readonly loops: RowLoops,
  ) {
    const capacity = Math.ceil(wanted * SLACK)
    this.draws = new Uint32Array(capacity)
    this.values = new Float64Array(capacity * columns)
    this.places = rowNumbers(capacity)
  }

  /**
   * Takes in the next rows, those that are in no sample excepted.
   *
   * @param rows places in the pieces of the columns, in the order of the rows
   * @param draws one for each row of the pieces
   */
  add(rows: Uint32Array, draws: Uint32Array, pieces: readonly (Float64Array | Int32Array)[]): void {
    const { places } = this
    const taken = new Uint32Array(rows.length)
    for (let next = 0; next < rows.length;) {
      if (this.filled === places.length) this.shrink()
      const first = this.filled
      let count = 0
      for (; next < rows.length && this.filled < places.length; next++) {
        const row = rows[next]
        if (draws[row] >= this.last) continue
        taken[count++] = row
        this.draws[places[this.filled++]] = draws[row]
      }
      if (count === 0) continue
      this.loops.copyRows(pieces, taken, places.subarray(first, this.filled), count, this.values)
    }
  }

  /** Rows with a draw of this or more are in no sample any more. */
  get limit(): number {
    return this.last
  }

  /** Rows of the sample. */
  get rows(): number {
    if (this.filled > this.wanted) this.shrink()
    return this.filled
  }

  /** Writes the sample into its columns from a row on, in the order of the rows. */
  *copyTo(into: readonly Float64Array[], first: number): Paced<void> {
    const { values, places, columns } = this
    for (const [from, to] of piecesOf(this.rows, ROWS_TOGETHER)) {
      for (const [index, column] of into.entries())
        for (let row = from; row < to; row++) column[first + row] = values[places[row] * columns + index]
      yield
    }
  }

  // Gives up the largest draws; of equal ones the rows that came first stay.
  private shrink(): void {
    const { draws, places, wanted } = this
    const { last, equal } = this.largestWanted()
    const freed = new Uint32Array(this.filled - wanted)
    let [kept, free, left] = [0, 0, equal]
    for (let row = 0; row < this.filled; row++) {
      const place = places[row]
      const stays = draws[place] < last || (draws[place] === last && left-- > 0)
      if (stays) places[kept++] = place
      else freed[free++] = place
    }
    places.set(freed, kept)
    this.filled = kept
    this.last = last
  }

  // The largest draw that stays, and how many of the rows with it do.
  private largestWanted(): { last: number; equal: number } {
    const draws = new Uint32Array(this.filled)
    for (let row = 0; row < draws.length; row++) draws[row] = this.draws[this.places[row]]
    const counts = new Uint32Array(2 ** BIN_BITS)
    for (let row = 0; row < draws.length; row++) counts[draws[row] >>> BIN_BITS]++
    let [bin, left] = [0, this.wanted]
    while (counts[bin] < left) left -= counts[bin++]
    const inBin = draws.filter((draw) => draw >>> BIN_BITS === bin).sort()
    const last = inBin[left - 1]
    return { last, equal: left - inBin.indexOf(last) }
  }
}
