/** Finds rows again in the source that they were read from: their numbers, files, lines and values as they stand there. */

import type { RowOrigin } from '../training/divergence.ts'
import type { Chunk } from './chunks.ts'
import { valueAt, type Table, type Value } from './table.ts'

/**
 * Reads up to the last of the wanted rows.
 *
 * @param wanted places among the rows that count, from 0
 * @param counted the rows of a chunk that count, in their order; default all
 */
export async function locateRows(
  chunks: AsyncIterable<Chunk>,
  wanted: readonly number[],
  counted: (chunk: Chunk) => ArrayLike<number> = ({ table }) =>
    Array.from({ length: table.rows }, (_, i) => i),
): Promise<Map<number, RowOrigin>> {
  const found = new Map<number, RowOrigin>()
  const ascending = [...new Set(wanted)].sort((a, b) => a - b)
  let [first, next] = [0, 0]
  for await (const chunk of chunks) {
    if (next === ascending.length) break
    const rows = counted(chunk)
    const places = ascending[next] < first + rows.length ? chunk.places?.() : undefined
    for (; next < ascending.length && ascending[next] < first + rows.length; next++) {
      const row = rows[ascending[next] - first]
      found.set(ascending[next], {
        row: chunk.numbers[row],
        ...(places === undefined ? {} : { file: places.file, line: places.lines[row] }),
        values: valuesOf(chunk.table, row),
      })
    }
    first += rows.length
  }
  return found
}

/** The values of a row by column. */
export function valuesOf({ columns }: Table, row: number): Record<string, Value> {
  return Object.fromEntries(columns.map((column) => [column.name, valueAt(column, row)]))
}
