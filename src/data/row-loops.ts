/**
 * Loops over the numbers of files larger than memory, which take most of the time before the first epoch. These are what the
 * native core's own, native/row_loops.h, must agree with bit for bit.
 */

import { threefry } from '../random.ts'

/** Places of a block's sums among its moments: sums are of values less the first of them, so that little is cancelled. */
export const momentPlaces = { count: 0, shift: 1, sum: 2, squares: 3, minimum: 4, maximum: 5 } as const

/** Numbers that are a column's moments. */
export const MOMENT_NUMBERS = 6

/** Moments of no rows yet. */
export function newMoments(): Float64Array {
  return Float64Array.of(0, NaN, 0, 0, Infinity, -Infinity)
}

const SCALE_NUMBERS = 6

/** @internal The loops of one backend. */
export interface RowLoops {
  /**
   * Adds values of each column from one row to another, or those of the rows that places from one to another name; NaN is none.
   *
   * @param moments of one column behind the other
   */
  addMoments(
    columns: readonly Float64Array[],
    places: Uint32Array | undefined,
    from: number,
    to: number,
    moments: Float64Array,
  ): void
  /** Copies the first of the rows to places of a table that has all columns side by side. */
  copyRows(
    columns: readonly (Float64Array | Int32Array)[],
    rows: Uint32Array,
    places: Uint32Array,
    count: number,
    into: Float64Array,
  ): void
  /** The draw of each row number from a stream, the first word of a block of random bits. */
  drawRows(key: Uint32Array, numbers: Float64Array, draws: Uint32Array): void
  /**
   * Adds to two sums of words for each column. Numbers are two words each, and the sign of a zero makes no difference.
   *
   * @param columns of one length
   */
  addHashes(columns: readonly (Float64Array | Int32Array)[], sums: Int32Array): void
  /**
   * Writes `(value - mean) / deviation` of rows from one to another into zeros.
   *
   * @param scales of each column its place in a row of x, mean, deviation, smallest and largest number of the training rows, and 1
   *   where the next place says that a value is missing
   * @param counts of each column its missing values and those outside the range; added to
   * @returns whether all can be encoded; else the counts are of no use
   */
  standardise(
    columns: readonly Float64Array[],
    scales: Float64Array,
    rows: ArrayLike<number>,
    from: number,
    to: number,
    x: Float32Array | Float64Array,
    width: number,
    counts: Float64Array,
  ): boolean
  /** Four sums side by side over words. No single wrong word goes unseen; not meant against forgery. */
  checksum(bytes: Uint8Array): number
  /** What goes on without the event loop; undefined where nothing does. */
  readonly jobs?: RowJobs
}

/** @internal Work on shared memory, which must stay as it is until it is done. */
export interface RowJobs {
  /**
   * Fills views with the bytes of a file from offsets on.
   *
   * @returns whether all were filled: why one was not, the runtime tells
   */
  readPieces(descriptor: number, offsets: Float64Array, views: readonly Uint8Array[]): Promise<boolean>
  /**
   * Writes views to a file from offsets on.
   *
   * @returns their checksums; undefined where one was not written: why, the runtime tells
   */
  writePieces(
    descriptor: number,
    offsets: Float64Array,
    views: readonly Uint8Array[],
  ): Promise<Uint32Array | undefined>
  /**
   * As `standardise`, of all rows in their order into pieces with room for them, which need not be zeros: all other inputs become 0.
   */
  standardisePieces(
    columns: readonly Float64Array[],
    scales: Float64Array,
    rows: Uint32Array,
    pieces: readonly Float32Array[],
    width: number,
  ): Promise<boolean>
}

/** The loops in TypeScript. */
export const fallbackRowLoops: RowLoops = {
  addMoments(columns, places, from, to, moments) {
    columns.forEach((values, index) => {
      const known = moments.subarray(MOMENT_NUMBERS * index, MOMENT_NUMBERS * (index + 1))
      addMomentsOf(values, places, from, to, known)
    })
  },

  copyRows(columns, rows, places, count, into) {
    columns.forEach((values, index) => {
      // A loop for each kind of array: one for all is several times slower.
      if (values instanceof Float64Array)
        copyNumbers(values, rows, places, count, into, index, columns.length)
      else copyCodes(values, rows, places, count, into, index, columns.length)
    })
  },

  drawRows(key, numbers, draws) {
    const words = new Uint32Array(2)
    for (let i = 0; i < numbers.length; i++) {
      threefry(key[0], key[1], numbers[i] >>> 0, Math.floor(numbers[i] / 2 ** 32), words)
      draws[i] = words[0]
    }
  },

  addHashes(columns, sums) {
    columns.forEach((values, index) => {
      if (values instanceof Int32Array) addWords(sums, 2 * index, values)
      else addNumbers(sums, 2 * index, new Int32Array(values.buffer, values.byteOffset, 2 * values.length))
    })
  },

  standardise(columns, scales, rows, from, to, x, width, counts) {
    return columns.every((values, index) => {
      const scale = scales.subarray(SCALE_NUMBERS * index, SCALE_NUMBERS * (index + 1))
      return standardiseColumn(values, scale, rows, from, to, x, width, counts.subarray(2 * index))
    })
  },

  checksum(bytes) {
    let [a, b, c, d] = [1, 2, 3, 4]
    const whole = bytes.length >>> 2
    const words =
      bytes.byteOffset % 4 === 0
        ? new Uint32Array(bytes.buffer, bytes.byteOffset, whole)
        : new Uint32Array(bytes.slice(0, whole * 4).buffer)
    let i = 0
    for (; i + 4 <= whole; i += 4) {
      a = mixed(a, words[i])
      b = mixed(b, words[i + 1])
      c = mixed(c, words[i + 2])
      d = mixed(d, words[i + 3])
    }
    for (; i < whole; i++) a = mixed(a, words[i])
    for (let j = whole * 4; j < bytes.length; j++) b = mixed(b, bytes[j])
    return [b, c, d].reduce(mixed, a) >>> 0
  },
}

function addMomentsOf(
  values: Float64Array,
  places: Uint32Array | undefined,
  from: number,
  to: number,
  moments: Float64Array,
): void {
  let [count, shift, sum, squares, minimum, maximum] = moments
  for (let i = from; i < to; i++) {
    const value = values[places === undefined ? i : places[i]]
    if (value !== value) continue
    if (count++ === 0) shift = value
    const difference = value - shift
    sum += difference
    squares += difference * difference
    if (value < minimum) minimum = value
    if (value > maximum) maximum = value
  }
  moments[momentPlaces.count] = count
  moments[momentPlaces.shift] = shift
  moments[momentPlaces.sum] = sum
  moments[momentPlaces.squares] = squares
  moments[momentPlaces.minimum] = minimum
  moments[momentPlaces.maximum] = maximum
}

function copyNumbers(
  values: Float64Array,
  rows: Uint32Array,
  places: Uint32Array,
  count: number,
  into: Float64Array,
  column: number,
  width: number,
): void {
  for (let i = 0; i < count; i++) into[places[i] * width + column] = values[rows[i]]
}

function copyCodes(
  values: Int32Array,
  rows: Uint32Array,
  places: Uint32Array,
  count: number,
  into: Float64Array,
  column: number,
  width: number,
): void {
  for (let i = 0; i < count; i++) into[places[i] * width + column] = values[rows[i]]
}

function standardiseColumn(
  values: Float64Array,
  [offset, mean, deviation, low, high, hasIndicator]: Float64Array,
  rows: ArrayLike<number>,
  from: number,
  to: number,
  x: Float32Array | Float64Array,
  width: number,
  counts: Float64Array,
): boolean {
  let [missing, outside] = [0, 0]
  for (let i = from, at = from * width + offset; i < to; i++, at += width) {
    const value = values[rows[i]]
    if (value !== value) {
      missing++
      if (hasIndicator === 1) x[at + 1] = 1
      continue
    }
    x[at] = (value - mean) / deviation
    if (x[at] - x[at] !== 0) return false
    if (value < low || value > high) outside++
  }
  counts[0] += missing
  counts[1] += outside
  return true
}

function addWords(sums: Int32Array, place: number, words: Int32Array): void {
  let [a, b] = [sums[place], sums[place + 1]]
  for (let i = 0; i < words.length; i++) {
    a = Math.imul(a ^ words[i], 0x9e3779b1)
    a = (a << 15) | (a >>> 17)
    b = Math.imul(b ^ words[i], 0x85ebca77)
    b = (b << 13) | (b >>> 19)
  }
  sums[place] = a
  sums[place + 1] = b
}

function addNumbers(sums: Int32Array, place: number, words: Int32Array): void {
  let [a, b] = [sums[place], sums[place + 1]]
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i]
    const high = words[i + 1] === -0x80000000 && low === 0 ? 0 : words[i + 1]
    a = Math.imul(a ^ low, 0x9e3779b1)
    a = (a << 15) | (a >>> 17)
    b = Math.imul(b ^ low, 0x85ebca77)
    b = (b << 13) | (b >>> 19)
    a = Math.imul(a ^ high, 0x9e3779b1)
    a = (a << 15) | (a >>> 17)
    b = Math.imul(b ^ high, 0x85ebca77)
    b = (b << 13) | (b >>> 19)
  }
  sums[place] = a
  sums[place + 1] = b
}

function mixed(sum: number, word: number): number {
  const product = Math.imul(sum ^ word, 0x9e3779b1)
  return (product << 15) | (product >>> 17)
}
