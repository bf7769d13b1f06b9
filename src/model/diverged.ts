/** A training that diverged, told in the terms of its table: lines of the file and names of columns. */

import { rowLines } from '../data/csv-lines.ts'
import type { Encoder } from '../data/encoder.ts'
import { inputWidth } from '../data/input.ts'
import type { Table } from '../data/table.ts'
import { DivergenceError, type PlacedValue } from '../errors.ts'
import { divergenceError } from '../training/divergence.ts'

/**
 * What a fit has thrown, with the rows of the table in place of those of the fit; other errors as they are.
 *
 * @param rows of the table, in the order in which the fit has them
 */
export async function divergedOn(
  error: unknown,
  { table, encoder, rows }: { table: Table; encoder: Encoder; rows: ArrayLike<number> },
  delimiter?: ',' | ';' | '\t' | '|',
): Promise<unknown> {
  if (!(error instanceof DivergenceError) || error.autopsy === undefined) return error
  const { autopsy } = error
  const lines = await linesOf(table, delimiter)
  const placed = (
    place: PlacedValue | undefined,
    columnAt: (position: number) => string | undefined,
  ): PlacedValue | undefined => {
    if (place === undefined) return undefined
    const row = rows[place.row]
    return { ...place, row, line: lines?.[row], column: columnAt(place.position) }
  }
  const batch = autopsy.rows.map((row) => rows[row])
  return divergenceError({
    ...autopsy,
    rows: batch,
    ...(lines === undefined ? {} : { file: table.source, lines: batch.map((row) => lines[row]) }),
    largest: {
      x: placed(autopsy.largest.x, (position) => inputAt(encoder, position)),
      y: placed(autopsy.largest.y, (position) => encoder.targets.at(position)?.name),
    },
  })
}

// Rows that no file of lines has, or that are not all of it, have numbers only.
async function linesOf(table: Table, delimiter?: ',' | ';' | '\t' | '|'): Promise<Uint32Array | undefined> {
  if (table.source === undefined) return undefined
  const lines = await rowLines(table.source, { delimiter }).catch(() => undefined)
  return lines?.length === table.rows ? lines : undefined
}

function inputAt({ data }: Encoder, position: number): string | undefined {
  let end = 0
  return data.inputs.find((input) => {
    end += inputWidth(input)
    return position < end
  })?.name
}
