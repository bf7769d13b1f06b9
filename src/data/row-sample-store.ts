/** A uniform sample of a given number of rows, kept while all rows pass by: those with the smallest draws, whatever the pieces. */

/** Beyond what is wanted, so that what is too much is not looked for at every row. */
const SLACK = 1.25
/** Draws of 32 bits are counted by so many of their leading bits. */
const BIN_BITS = 16

/** Rows of numbers, column by column; all of them where there are no more than wanted. */
export class RowSampleStore {
  private readonly draws: Uint32Array
  private readonly columns: readonly Float64Array[]
  private filled = 0
  /** Rows with a draw of this or more are in no sample any more. */
  private limit = 2 ** 32

  /** @param wanted rows, at least 1 */
  constructor(
    private readonly wanted: number,
    columns: number,
  ) {
    const capacity = Math.ceil(wanted * SLACK)
    this.draws = new Uint32Array(capacity)
    this.columns = Array.from({ length: columns }, () => new Float64Array(capacity))
  }

  /**
   * Takes in the next rows, those that are in no sample excepted.
   *
   * @param rows places in the pieces of the columns, in the order of the rows
   * @param draws one for each of them
   */
  add(rows: Uint32Array, draws: Uint32Array, pieces: readonly (Float64Array | Int32Array)[]): void {
    for (let next = 0; next < rows.length;) {
      if (this.filled === this.draws.length) this.shrink()
      const first = this.filled
      const taken: number[] = []
      for (; next < rows.length && this.filled < this.draws.length; next++) {
        if (draws[next] >= this.limit) continue
        taken.push(rows[next])
        this.draws[this.filled++] = draws[next]
      }
      // Column by column: a row of all of them jumps through memory.
      for (const [index, piece] of pieces.entries()) {
        if (piece instanceof Float64Array) copyNumbers(piece, taken, this.columns[index], first)
        else copyCodes(piece, taken, this.columns[index], first)
      }
    }
  }

  /** Rows of the sample. */
  get rows(): number {
    if (this.filled > this.wanted) this.shrink()
    return this.filled
  }

  /** A column of the sample, in the order of the rows. */
  column(index: number): Float64Array {
    return this.columns[index].slice(0, this.rows)
  }

  // Gives up the largest draws; of equal ones the rows that came first stay. The others close up.
  private shrink(): void {
    const { draws, columns, wanted } = this
    const { last, equal } = this.largestWanted()
    const places = new Uint32Array(wanted)
    let [kept, left] = [0, equal]
    for (let place = 0; place < this.filled; place++)
      if (draws[place] < last || (draws[place] === last && left-- > 0)) places[kept++] = place
    for (let at = 0; at < kept; at++) draws[at] = draws[places[at]]
    for (const values of columns) closeUp(values, places, kept)
    this.filled = kept
    this.limit = last
  }

  // The largest draw that stays, and how many of the rows with it do.
  private largestWanted(): { last: number; equal: number } {
    const draws = this.draws.subarray(0, this.filled)
    const counts = new Uint32Array(2 ** BIN_BITS)
    for (let place = 0; place < draws.length; place++) counts[draws[place] >>> BIN_BITS]++
    let [bin, left] = [0, this.wanted]
    while (counts[bin] < left) left -= counts[bin++]
    const inBin = draws.filter((draw) => draw >>> BIN_BITS === bin).sort()
    const last = inBin[left - 1]
    return { last, equal: left - inBin.indexOf(last) }
  }
}

// A loop for each kind of array: one for all is several times slower.
function copyNumbers(from: Float64Array, rows: readonly number[], into: Float64Array, first: number): void {
  for (let i = 0; i < rows.length; i++) into[first + i] = from[rows[i]]
}

function copyCodes(from: Int32Array, rows: readonly number[], into: Float64Array, first: number): void {
  for (let i = 0; i < rows.length; i++) into[first + i] = from[rows[i]]
}

function closeUp(values: Float64Array, places: Uint32Array, count: number): void {
  for (let at = 0; at < count; at++) values[at] = values[places[at]]
}
