/** A uniform sample of a given number of rows, kept while all rows pass by: those with the smallest draws, whatever the pieces. */

/** Beyond what is wanted, so that what is too much is not looked for at every row. */
const SLACK = 1.25

/** Rows of numbers, column by column; all of them where there are no more than wanted. */
export class RowSampleStore {
  private readonly draws: Uint32Array
  private readonly numbers: Float64Array
  private readonly columns: readonly Float64Array[]
  /** Places that are taken, or were: `free` lists those that have been given up. */
  private filled = 0
  private free: number[] = []
  /** Rows with a draw of this or more are in no sample any more. */
  private limit = 2 ** 32
  private order: Uint32Array | undefined

  /** @param wanted rows, at least 1 */
  constructor(
    private readonly wanted: number,
    columns: number,
  ) {
    const capacity = Math.ceil(wanted * SLACK)
    this.draws = new Uint32Array(capacity)
    this.numbers = new Float64Array(capacity)
    this.columns = Array.from({ length: columns }, () => new Float64Array(capacity))
  }

  /**
   * Takes in a row of pieces of the columns, unless it is in no sample.
   *
   * @param number of the row, greater than all before
   */
  add(draw: number, number: number, pieces: readonly ArrayLike<number>[], row: number): void {
    if (draw >= this.limit) return
    if (this.filled === this.draws.length && this.free.length === 0) {
      this.shrink()
      if (draw >= this.limit) return
    }
    const at = this.free.pop() ?? this.filled++
    this.draws[at] = draw
    this.numbers[at] = number
    for (let column = 0; column < pieces.length; column++) this.columns[column][at] = pieces[column][row]
    this.order = undefined
  }

  /** Rows of the sample. */
  get rows(): number {
    return this.places().length
  }

  /** A column of the sample, in the order of the rows. */
  column(index: number): Float64Array {
    const values = this.columns[index]
    return Float64Array.from(this.places(), (place) => values[place])
  }

  // Where the rows of the sample lie, in their order.
  private places(): Uint32Array {
    if (this.order !== undefined) return this.order
    if (this.filled - this.free.length > this.wanted) this.shrink()
    const isFree = new Uint8Array(this.filled)
    for (const place of this.free) isFree[place] = 1
    const taken = Uint32Array.from({ length: this.filled }, (_, place) => place)
    this.order = taken.filter((place) => isFree[place] === 0)
    this.order.sort((a, b) => this.numbers[a] - this.numbers[b])
    return this.order
  }

  // Gives up the largest draws; of equal ones the rows that came first stay.
  private shrink(): void {
    const { draws, numbers, wanted } = this
    const known = new Set(this.free)
    const places = Array.from({ length: this.filled }, (_, place) => place).filter(
      (place) => !known.has(place),
    )
    const last = Uint32Array.from(places, (place) => draws[place]).sort()[wanted - 1]
    const below = places.reduce((count, place) => count + (draws[place] < last ? 1 : 0), 0)
    const equal = places.filter((place) => draws[place] === last).sort((a, b) => numbers[a] - numbers[b])
    this.free.push(...places.filter((place) => draws[place] > last), ...equal.slice(wanted - below))
    this.limit = last
  }
}
