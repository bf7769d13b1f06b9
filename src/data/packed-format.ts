/**
 * What a file of packed rows looks like: a mark, blocks (of each the inputs of its rows, then their targets, then their weights),
 * sections of other bytes, a table of contents as JSON, and a trailer with the place and checksum of that table. Little-endian throughout.
 */

import { bytesOfDtype, type Dtype, type FloatArray } from '../ops/arithmetic.ts'

/** Written at both ends; another version of the layout has another number. */
export const MARK = 'HADAMARD-ROWS-1\n'
export const TRAILER_BYTES = 32
/** A block is about so large: small enough to be mixed well with others, large enough to be read at the disk's speed. */
const BLOCK_BYTES = 2 ** 17
const MOST_BLOCK_ROWS = 1024

/** What the rows of a file consist of. */
export interface RowLayout {
  readonly dtype: Dtype
  readonly inputs: number
  /** Numbers a row; 1 for class indices. */
  readonly targets: number
  readonly areTargetsLabels: boolean
  readonly isWeighted: boolean
}

/** Rows that are written or read. */
export interface RowArrays {
  x: FloatArray
  y: FloatArray | Uint32Array
  weights?: FloatArray
}

/** Where a block or section lies. */
export interface Place {
  readonly offset: number
  readonly bytes: number
  readonly checksum: number
}

/** The table of contents. */
export interface Contents {
  readonly key: string
  readonly layout: RowLayout
  readonly blockRows: number
  readonly parts: Readonly<Record<string, { rows: number; blocks: readonly Place[] }>>
  readonly sections: Readonly<Record<string, Place>>
  readonly notes: unknown
}

/** Rows of a block, for rows of that layout; a power of two. */
export function blockRowsOf(layout: RowLayout): number {
  const rows = Math.min(MOST_BLOCK_ROWS, Math.max(1, BLOCK_BYTES / rowBytes(layout)))
  return 2 ** Math.floor(Math.log2(rows))
}

/** Bytes of a row. */
export function rowBytes({ dtype, inputs, targets, areTargetsLabels, isWeighted }: RowLayout): number {
  const element = bytesOfDtype(dtype)
  return element * (inputs + (isWeighted ? 1 : 0)) + targets * (areTargetsLabels ? 4 : element)
}

/** Bytes of all pieces together. */
export function totalBytes(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}
