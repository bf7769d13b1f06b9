/** The way that weights take while they are trained, projected on the plane that shows most of it. */

import type { FloatArray } from '../ops/arithmetic.ts'
import type { Gemm } from '../ops/matmul.ts'

/** Weights over the epochs, as points in the plane of their first two principal components. */
export interface Trajectory {
  /** Epoch of each point, 0 for the initial weights. */
  epochs: number[]
  /** Coordinates along the first and the second component, from the mean of the points; both end where they grow to. */
  points: [number, number][]
  /** Share of the points' variance that each component shows; 0 where the weights did not move. */
  explained: [number, number]
}

interface Snapshot {
  readonly epoch: number
  readonly weights: FloatArray
}

/** Points of a trajectory at most, and the memory that their weights may take. */
const MAX_POINTS = 64
const MAX_BYTES = 2 ** 26
/** Multiply-adds between two turns of the event loop. */
const PRODUCTS_AT_ONCE = 2 ** 22

/** Collects weights; where they become too many, every second is dropped, and of those that follow. */
export class TrajectoryRecorder {
  #snapshots: Snapshot[] = []
  #last: Snapshot | undefined
  #stride = 1
  #seen = 0

  /** @param weights kept as they are; all calls give as many */
  add(epoch: number, weights: FloatArray): void {
    this.#last = { epoch, weights }
    if (this.#seen++ % this.#stride !== 0) return
    this.#snapshots.push(this.#last)
    const capacity = Math.min(MAX_POINTS, Math.max(4, Math.floor(MAX_BYTES / (8 * weights.length))))
    if (this.#snapshots.length < capacity) return
    this.#snapshots = this.#snapshots.filter((_, i) => i % 2 === 0)
    this.#stride *= 2
  }

  /**
   * Projects what was collected, the last weights among it, without blocking the event loop for long.
   *
   * The components are found from the inner products of the points, never from a matrix as wide as the weights are many.
   */
  async project(gemm: Gemm): Promise<Trajectory> {
    const last = this.#last === undefined || this.#snapshots.includes(this.#last) ? [] : [this.#last]
    const snapshots = [...this.#snapshots, ...last]
    const epochs = snapshots.map(({ epoch }) => epoch)
    const { values, vectors } = symmetricEigen(
      await innerProducts(
        snapshots.map(({ weights }) => weights),
        gemm,
      ),
    )
    const total = values.reduce((sum, value) => sum + value, 0)
    const order = values.map((_, i) => i).sort((a, b) => values[b] - values[a])
    const [first, second] = [0, 1].map((rank) => {
      const i = order[rank] as number | undefined
      const value = i === undefined ? 0 : Math.max(0, values[i])
      const along = epochs.map((_, point) => (i === undefined ? 0 : Math.sqrt(value) * vectors[point][i]))
      const sign = along[along.length - 1] < along[0] ? -1 : 1
      // Adding 0 turns −0 into 0, as JSON does.
      return { share: total > 0 ? value / total : 0, along: along.map((coordinate) => sign * coordinate + 0) }
    })
    return {
      epochs,
      points: epochs.map((_, point) => [first.along[point], second.along[point]]),
      explained: [first.share, second.share],
    }
  }
}

// Of each two points, both taken from their mean; columns by columns, so that the event loop has its turns.
async function innerProducts(points: readonly FloatArray[], gemm: Gemm): Promise<Float64Array[]> {
  const n = points.length
  const length = points.at(0)?.length ?? 0
  const x = centre(points, length)
  const products = new Float64Array(n * n)
  const columns = Math.ceil(PRODUCTS_AT_ONCE / Math.max(1, n * n))
  for (let first = 0; first < length; first += columns) {
    const part = x.subarray(first)
    gemm(false, true, n, n, Math.min(columns, length - first), 1, part, length, part, length, 1, products, n)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return points.map((_, i) => products.slice(i * n, (i + 1) * n))
}

// The points as rows.
function centre(points: readonly FloatArray[], length: number): Float64Array {
  const mean = new Float64Array(length)
  for (const point of points) for (let k = 0; k < length; k++) mean[k] += point[k] / points.length
  const centred = new Float64Array(points.length * length)
  points.forEach((point, i) => {
    for (let k = 0; k < length; k++) centred[i * length + k] = point[k] - mean[k]
  })
  return centred
}

/**
 * Eigenvalues and eigenvectors of a symmetric matrix, which is used up, by Jacobi's rotations.
 *
 * @returns `vectors[row][i]` is an element of the vector of `values[i]`
 * @source Golub, Van Loan 2013, Matrix Computations, section 8.5
 */
export function symmetricEigen(a: readonly Float64Array[]): { values: number[]; vectors: Float64Array[] } {
  const n = a.length
  const vectors = a.map((row, i) => row.map((_, j) => Number(i === j)))
  const negligible =
    Number.EPSILON * a.reduce((most, row) => row.reduce((x, y) => Math.max(x, Math.abs(y)), most), 0)
  for (let sweep = 0, isDiagonal = false; sweep < 30 && !isDiagonal; sweep++) {
    isDiagonal = true
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p][q]) <= negligible) continue
        isDiagonal = false
        rotate(a, vectors, p, q)
      }
    }
  }
  return { values: a.map((row, i) => row[i]), vectors }
}

// Makes a[p][q] 0 by a rotation of the axes p and q.
function rotate(a: readonly Float64Array[], vectors: readonly Float64Array[], p: number, q: number): void {
  const theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  mixColumns(a, p, q, c, s)
  const [rowP, rowQ] = [a[p], a[q]]
  for (let k = 0; k < rowP.length; k++) {
    const x = rowP[k]
    rowP[k] = c * x - s * rowQ[k]
    rowQ[k] = s * x + c * rowQ[k]
  }
  mixColumns(vectors, p, q, c, s)
}

function mixColumns(rows: readonly Float64Array[], p: number, q: number, c: number, s: number): void {
  for (const row of rows) {
    const x = row[p]
    row[p] = c * x - s * row[q]
    row[q] = s * x + c * row[q]
  }
}
