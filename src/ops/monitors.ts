/** What monitors tell of arrays: how values are distributed, which units are dead or saturated, how far weights moved. */

import { arithmeticOf, type FloatArray } from './arithmetic.ts'
import { defineOp, type Op } from './op.ts'
import { laneReductions } from './reductions.ts'

/**
 * Moves the k-th smallest of x[left…right] to its place, smaller values before it, larger ones behind. None may be NaN.
 *
 * @source Hoare 1961, Algorithm 65: Find
 */
function placeKth(x: FloatArray, k: number, left: number, right: number): void {
  while (left < right) {
    const pivot = x[k]
    let i = left
    let j = right
    while (i <= j) {
      while (x[i] < pivot) i++
      while (pivot < x[j]) j--
      if (i > j) break
      const kept = x[i]
      x[i++] = x[j]
      x[j--] = kept
    }
    if (j < k) left = i
    if (k < i) right = j
  }
}

const BUCKETS = 256

/**
 * Values dealt into buckets of equal width in ascending order, so that a rank is looked for in its bucket alone; one bucket
 * where the range of the values has no width that numbers can express. None may be NaN.
 */
class Buckets {
  readonly #values: FloatArray
  readonly #ends = new Float64Array(BUCKETS)

  constructor(x: FloatArray, smallest: number, largest: number, dealt: FloatArray) {
    this.#values = dealt
    const scale = (BUCKETS - 1) / (largest - smallest)
    const isSpread = scale > 0 && scale < Infinity
    const bucketOf = (value: number): number => (isSpread ? Math.trunc((value - smallest) * scale) : 0)
    const sizes = new Float64Array(BUCKETS)
    for (const value of x) sizes[bucketOf(value)]++
    let next = 0
    sizes.forEach((size, bucket) => {
      this.#ends[bucket] = next
      next += size
    })
    for (const value of x) dealt[this.#ends[bucketOf(value)]++] = value
  }

  /** The k-th smallest, from 0. */
  at(k: number): number {
    const ends = this.#ends
    const bucket = ends.findIndex((end) => end > k)
    placeKth(this.#values, k, bucket === 0 ? 0 : ends[bucket - 1], ends[bucket] - 1)
    return this.#values[k]
  }

  /** The value at a position between two ranks. */
  between(position: number): number {
    const k = Math.floor(position)
    const [fraction, low] = [position - k, this.at(k)]
    return fraction === 0 ? low : low + fraction * (this.at(k + 1) - low)
  }
}

/** The ops of this family; all sums are in double, whatever the element type. */
export const monitors: readonly Op[] = [
  // Mean, standard deviation, minimum, lower quartile, median, upper quartile, maximum; the scratch is x in another order.
  defineOp('distribution', 'serial', '(count | | x[count]) -> summary:f64[7] scratch[count]', () => {
    const lanes = laneReductions(arithmeticOf('float64', true))
    return ({ operands: [x, , scratch], doubles: [, summary], dims: [count] }) => {
      let [smallest, largest, isKnown] = [x[0], x[0], count > 0]
      for (let i = 0; i < count; i++) {
        smallest = x[i] < smallest ? x[i] : smallest
        largest = x[i] > largest ? x[i] : largest
        if (x[i] !== x[i]) isKnown = false
      }
      if (!isKnown) {
        scratch.set(x)
        summary.fill(NaN)
        return
      }
      const mean = lanes.sumOf(count, (i) => x[i]) / count
      const variance = lanes.sumOf(count, (i) => (x[i] - mean) * (x[i] - mean)) / count
      const buckets = new Buckets(x, smallest, largest, scratch)
      const quartiles = [1, 2, 3].map((quarter) => buckets.between(0.25 * quarter * (count - 1)))
      summary.set([mean, Math.sqrt(variance), smallest, ...quartiles, largest])
    }
  }),
  // The share of columns that are 0 in every row.
  defineOp('dead_units', 'serial', '(rows n | | x[rows n]) -> share:f64[1]', () => {
    return ({ operands: [x], doubles: [, share], dims: [, n], rows }) => {
      let dead = 0
      for (let j = 0; j < n; j++) {
        let row = 0
        while (row < rows && x[row * n + j] === 0) row++
        if (row === rows) dead++
      }
      share[0] = dead / n
    }
  }),
  // The share of values that lie outside [low, high].
  defineOp('share_beyond', 'serial', '(count | low high | x[count]) -> share:f64[1]', () => {
    return ({ operands: [x], doubles: [, share], dims: [count], scalars: [low, high] }) => {
      let beyond = 0
      for (let i = 0; i < count; i++) if (x[i] < low || x[i] > high) beyond++
      share[0] = beyond / count
    }
  }),
  // Euclidean norms: of what was added, and of what it was added to.
  defineOp('update_norms', 'serial', '(count | | before[count] after[count]) -> norms:f64[2]', () => {
    const lanes = laneReductions(arithmeticOf('float64', true))
    return ({ operands: [before, after], doubles: [, , norms], dims: [count] }) => {
      norms[0] = Math.sqrt(lanes.sumOf(count, (i) => (after[i] - before[i]) * (after[i] - before[i])))
      norms[1] = Math.sqrt(lanes.sumOf(count, (i) => before[i] * before[i]))
    }
  }),
  // Copies where the step's number leaves the remainder `phase` when it is divided by `stride`, which counts steps: a number
  // that does not, as below 1 or of more than 32 bits, copies nothing.
  defineOp('copy_at', 'count', '(count | stride phase | step:u32[1] x[count] y[count]) -> y[count]', () => {
    return ({ operands: [, x, y], words: [step], scalars: [stride, phase] }) => {
      if (stride >= 1 && stride < 2 ** 32 && step[0] % Math.trunc(stride) === phase) y.set(x)
    }
  }),
]
