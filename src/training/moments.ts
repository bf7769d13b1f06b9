/** Mean and deviation of results that come one by one. */

import type { FloatArray } from '../ops/arithmetic.ts'

/**
 * Mean and deviation of arrays that come one after the other, in double.
 *
 * @source Welford 1962, Note on a Method for Calculating Corrected Sums of Squares and Products
 */
export class Moments {
  readonly mean: Float64Array
  readonly #squares: Float64Array
  #count = 0

  constructor(length: number) {
    this.mean = new Float64Array(length)
    this.#squares = new Float64Array(length)
  }

  add(values: FloatArray): void {
    this.#count++
    for (let i = 0; i < values.length; i++) {
      const difference = values[i] - this.mean[i]
      this.mean[i] += difference / this.#count
      this.#squares[i] += difference * (values[i] - this.mean[i])
    }
  }

  deviation(): Float64Array {
    return this.#squares.map((squares) => Math.sqrt(squares / this.#count))
  }
}
