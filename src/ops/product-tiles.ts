/**
 * The inner loops of products, one per arithmetic: chains of fma over operands that are packed as doubles.
 *
 * They differ in one operation and are written out, because V8 keeps one type feedback for all closures of one source
 * position: a loop that was seen with several kinds of `mulAdd` calls them as functions, at five times the cost.
 *
 * These tiles say what is computed; product-module.ts computes the same with vectors where it can.
 */

import { fmaExact, type Arithmetic } from './arithmetic.ts'

/** Rows and columns of a tile. */
export const TILE_ROWS = 4
export const TILE_COLUMNS = 4

/** Products of a chain, and columns, that are packed at once: 256 KiB, which stay in the second-level cache. */
export const K_BLOCK = 256
export const COLUMNS = 128

/** Packed operands, and what adds their products to sums. */
export interface ProductTiles {
  /** Rows of the first factor, [k, TILE_ROWS]. */
  readonly rows: Float64Array
  /** [TILE_ROWS, COLUMNS], of which the tiles take the first columns. */
  readonly sums: Float64Array
  /** Columns of the second factor, [tile, k, TILE_COLUMNS]. */
  readonly columns: Float64Array
  /**
   * Adds k products to each chain: `sums[i, 4t + j] += Σ_p rows[p, i] · columns[t, p, j]`, in increasing p; k and tiles from 1 on.
   * Chains begin at +0, or where `resumes` is not 0 with the sums that are there.
   */
  readonly add: (k: number, tiles: number, resumes: number) => void
}

const ROW_NUMBERS = K_BLOCK * TILE_ROWS
const SUMS = TILE_ROWS * COLUMNS
const COLUMN_NUMBERS = K_BLOCK * COLUMNS

/** Bytes of the panels. */
export const PANEL_BYTES = 8 * (ROW_NUMBERS + SUMS + COLUMN_NUMBERS)

/** Where in a buffer the sums and the columns begin, behind the rows. */
export const SUMS_OFFSET = 8 * ROW_NUMBERS
export const COLUMNS_OFFSET = 8 * (ROW_NUMBERS + SUMS)

/** The panels in a buffer. */
export function panelsIn(buffer: ArrayBuffer): Omit<ProductTiles, 'add'> {
  return {
    rows: new Float64Array(buffer, 0, ROW_NUMBERS),
    sums: new Float64Array(buffer, SUMS_OFFSET, SUMS),
    columns: new Float64Array(buffer, COLUMNS_OFFSET, COLUMN_NUMBERS),
  }
}

/** The tiles of an arithmetic in TypeScript, each as two halves of eight chains. */
export function plainTiles({ dtype, mulAdd }: Arithmetic): ProductTiles {
  const half = dtype === 'float64' ? halfOfDoubles : mulAdd === fmaExact ? exactHalf : fastHalf
  const panels = panelsIn(new ArrayBuffer(PANEL_BYTES))
  const { rows, sums, columns } = panels
  return {
    ...panels,
    add(k, tiles, resumes) {
      if (resumes === 0) sums.fill(0)
      for (let tile = 0; tile < tiles; tile++) {
        for (let row = 0; row < TILE_ROWS; row += 2) {
          const at = row * COLUMNS + tile * TILE_COLUMNS
          half(k, rows, row, columns, tile * k * TILE_COLUMNS, sums, at)
        }
      }
    },
  }
}

function fastHalf(
  k: number,
  a: Float64Array,
  aStart: number,
  b: Float64Array,
  bStart: number,
  sums: Float64Array,
  at: number,
): void {
  let s0 = sums[at]
  let s1 = sums[at + 1]
  let s2 = sums[at + 2]
  let s3 = sums[at + 3]
  let t0 = sums[at + COLUMNS]
  let t1 = sums[at + COLUMNS + 1]
  let t2 = sums[at + COLUMNS + 2]
  let t3 = sums[at + COLUMNS + 3]
  for (let p = 0, i = aStart, j = bStart; p < k; p++, i += TILE_ROWS, j += TILE_COLUMNS) {
    const x = a[i]
    const y = a[i + 1]
    const b0 = b[j]
    const b1 = b[j + 1]
    const b2 = b[j + 2]
    const b3 = b[j + 3]
    s0 = Math.fround(x * b0 + s0)
    s1 = Math.fround(x * b1 + s1)
    s2 = Math.fround(x * b2 + s2)
    s3 = Math.fround(x * b3 + s3)
    t0 = Math.fround(y * b0 + t0)
    t1 = Math.fround(y * b1 + t1)
    t2 = Math.fround(y * b2 + t2)
    t3 = Math.fround(y * b3 + t3)
  }
  keep(sums, at, s0, s1, s2, s3, t0, t1, t2, t3)
}

function exactHalf(
  k: number,
  a: Float64Array,
  aStart: number,
  b: Float64Array,
  bStart: number,
  sums: Float64Array,
  at: number,
): void {
  let s0 = sums[at]
  let s1 = sums[at + 1]
  let s2 = sums[at + 2]
  let s3 = sums[at + 3]
  let t0 = sums[at + COLUMNS]
  let t1 = sums[at + COLUMNS + 1]
  let t2 = sums[at + COLUMNS + 2]
  let t3 = sums[at + COLUMNS + 3]
  for (let p = 0, i = aStart, j = bStart; p < k; p++, i += TILE_ROWS, j += TILE_COLUMNS) {
    const x = a[i]
    const y = a[i + 1]
    const b0 = b[j]
    const b1 = b[j + 1]
    const b2 = b[j + 2]
    const b3 = b[j + 3]
    s0 = fmaExact(x, b0, s0)
    s1 = fmaExact(x, b1, s1)
    s2 = fmaExact(x, b2, s2)
    s3 = fmaExact(x, b3, s3)
    t0 = fmaExact(y, b0, t0)
    t1 = fmaExact(y, b1, t1)
    t2 = fmaExact(y, b2, t2)
    t3 = fmaExact(y, b3, t3)
  }
  keep(sums, at, s0, s1, s2, s3, t0, t1, t2, t3)
}

function halfOfDoubles(
  k: number,
  a: Float64Array,
  aStart: number,
  b: Float64Array,
  bStart: number,
  sums: Float64Array,
  at: number,
): void {
  let s0 = sums[at]
  let s1 = sums[at + 1]
  let s2 = sums[at + 2]
  let s3 = sums[at + 3]
  let t0 = sums[at + COLUMNS]
  let t1 = sums[at + COLUMNS + 1]
  let t2 = sums[at + COLUMNS + 2]
  let t3 = sums[at + COLUMNS + 3]
  for (let p = 0, i = aStart, j = bStart; p < k; p++, i += TILE_ROWS, j += TILE_COLUMNS) {
    const x = a[i]
    const y = a[i + 1]
    const b0 = b[j]
    const b1 = b[j + 1]
    const b2 = b[j + 2]
    const b3 = b[j + 3]
    s0 += x * b0
    s1 += x * b1
    s2 += x * b2
    s3 += x * b3
    t0 += y * b0
    t1 += y * b1
    t2 += y * b2
    t3 += y * b3
  }
  keep(sums, at, s0, s1, s2, s3, t0, t1, t2, t3)
}

function keep(
  sums: Float64Array,
  at: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  t0: number,
  t1: number,
  t2: number,
  t3: number,
): void {
  sums[at] = s0
  sums[at + 1] = s1
  sums[at + 2] = s2
  sums[at + 3] = s3
  sums[at + COLUMNS] = t0
  sums[at + COLUMNS + 1] = t1
  sums[at + COLUMNS + 2] = t2
  sums[at + COLUMNS + 3] = t3
}
