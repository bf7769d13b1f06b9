/** How far a reading is. */

import type { RowSource, Table } from './table.ts'

/** How far a reading is. */
export interface ReadProgress {
  /**
   * Of the files on disk, of other sources than CSV 8 a value: read so far, and in all; undefined in all where nobody knows (a
   * pipe, an answer to SQL).
   */
  bytes: number
  totalBytes: number | undefined
  rows: number
  /** Since the reading began. */
  seconds: number
  bytesPerSecond: number
  /** Seconds to go at this rate; undefined where the size is. */
  remainingSeconds: number | undefined
}

/** Who is told of it. */
export type OnProgress = (progress: ReadProgress) => void

/** @param started by `performance.now()` */
export function progressOf(
  bytes: number,
  totalBytes: number | undefined,
  rows: number,
  started: number,
): ReadProgress {
  const seconds = (performance.now() - started) / 1000
  const bytesPerSecond = seconds > 0 ? bytes / seconds : 0
  const remainingSeconds =
    totalBytes === undefined || bytesPerSecond === 0
      ? undefined
      : Math.max(0, totalBytes - bytes) / bytesPerSecond
  return { bytes, totalBytes, rows, seconds, bytesPerSecond, remainingSeconds }
}

/** A source that tells how far its first reading is, as CSV does; later ones, as of every epoch, have bars of their own. */
export function reporting(source: RowSource, onProgress: OnProgress | undefined): RowSource {
  if (onProgress === undefined) return source
  let isRead = false
  return {
    ...source,
    async *chunks() {
      const tables = source.chunks()
      yield* isRead ? tables : reported(tables, onProgress, await source.totalRows?.())
      isRead = true
    },
  }
}

/** Tables that tell how far they are read. */
export async function* reported(
  tables: AsyncIterable<Table>,
  onProgress: OnProgress | undefined,
  totalRows?: number,
): AsyncGenerator<Table> {
  const started = performance.now()
  let rows = 0
  for await (const table of tables) {
    rows += table.rows
    const rowBytes = Float64Array.BYTES_PER_ELEMENT * table.columns.length
    const total = totalRows === undefined ? undefined : totalRows * rowBytes
    if (table.rows > 0) onProgress?.(progressOf(rows * rowBytes, total, rows, started))
    yield table
  }
}
