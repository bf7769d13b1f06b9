/**
 * The inner loops of products, one per arithmetic: eight fma chains in registers over operands that are packed as doubles.
 *
 * They differ in one operation and are written out, because V8 keeps one type feedback for all closures of one source
 * position: a loop that was seen with several kinds of `mulAdd` calls them as functions, at five times the cost.
 */

import { fmaExact, type Arithmetic } from './arithmetic.ts'

/** Rows and columns of a tile. */
export const TILE_ROWS = 2
export const TILE_COLUMNS = 4

/**
 * Adds k products to each chain of a tile: `tile[i, j] += Σ_p a[p, i] · b[p, j]`, in increasing p.
 *
 * @param a [k, TILE_ROWS]
 * @param b from `bStart` on [k, TILE_COLUMNS]
 * @param tile [TILE_ROWS, TILE_COLUMNS]
 */
export type TileKernel = (
  k: number,
  a: Float64Array,
  b: Float64Array,
  bStart: number,
  tile: Float64Array,
) => void

/** The tile kernel of an arithmetic. */
export function tileKernel({ dtype, mulAdd }: Arithmetic): TileKernel {
  if (dtype === 'float64') return tileOfDoubles
  return mulAdd === fmaExact ? exactTile : fastTile
}

function fastTile(k: number, a: Float64Array, b: Float64Array, bStart: number, tile: Float64Array): void {
  let s0 = tile[0]
  let s1 = tile[1]
  let s2 = tile[2]
  let s3 = tile[3]
  let t0 = tile[4]
  let t1 = tile[5]
  let t2 = tile[6]
  let t3 = tile[7]
  for (let i = 0, j = bStart; i < 2 * k; i += 2, j += 4) {
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
  keep(tile, s0, s1, s2, s3, t0, t1, t2, t3)
}

function exactTile(k: number, a: Float64Array, b: Float64Array, bStart: number, tile: Float64Array): void {
  let s0 = tile[0]
  let s1 = tile[1]
  let s2 = tile[2]
  let s3 = tile[3]
  let t0 = tile[4]
  let t1 = tile[5]
  let t2 = tile[6]
  let t3 = tile[7]
  for (let i = 0, j = bStart; i < 2 * k; i += 2, j += 4) {
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
  keep(tile, s0, s1, s2, s3, t0, t1, t2, t3)
}

function tileOfDoubles(
  k: number,
  a: Float64Array,
  b: Float64Array,
  bStart: number,
  tile: Float64Array,
): void {
  let s0 = tile[0]
  let s1 = tile[1]
  let s2 = tile[2]
  let s3 = tile[3]
  let t0 = tile[4]
  let t1 = tile[5]
  let t2 = tile[6]
  let t3 = tile[7]
  for (let i = 0, j = bStart; i < 2 * k; i += 2, j += 4) {
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
  keep(tile, s0, s1, s2, s3, t0, t1, t2, t3)
}

function keep(
  tile: Float64Array,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  t0: number,
  t1: number,
  t2: number,
  t3: number,
): void {
  tile[0] = s0
  tile[1] = s1
  tile[2] = s2
  tile[3] = s3
  tile[4] = t0
  tile[5] = t1
  tile[6] = t2
  tile[7] = t3
}
