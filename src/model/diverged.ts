/** A training that diverged, told in the terms of its table: lines of the files, names of columns, values as they stand there. */

import type { Encoder } from '../data/encoder.ts'
import { inputWidth } from '../data/input.ts'
import type { Dataset } from '../data/dataset.ts'
import { locateRows, valuesOf } from '../data/locate-rows.ts'
import type { Table } from '../data/table.ts'
import { DivergenceError } from '../errors.ts'
import {
  divergenceIn,
  rowsNamed,
  typicalRange,
  type DataOrigin,
  type RowOrigin,
} from '../training/divergence.ts'

/** Rows that tell the usual values of a column. */
const SAMPLE = 1000

/** Reads the rows of a table again from its source; undefined where it cannot be read twice. */
export type Reopen = <T>(read: (dataset: Dataset) => Promise<T>) => Promise<T | undefined>

/**
 * What a fit has thrown, with the rows of the table in place of those of the fit; other errors as they are.
 *
 * @param rows of the table, in the order in which the fit has them
 * @param reopen the source of the table, to find the lines of the rows
 */
export async function divergedOn(
  error: unknown,
  { table, encoder, rows }: { table: Table; encoder: Encoder; rows: ArrayLike<number> },
  weight: string | undefined,
  reopen?: Reopen,
): Promise<unknown> {
  if (!(error instanceof DivergenceError) || error.autopsy === undefined) return error
  const { autopsy } = error
  const named = rowsNamed(autopsy)
  const wanted = named.map((at) => rows[at])
  // A source that has gone is no reason to hide why the fit failed.
  const found = await reopen?.((dataset) => locateRows(dataset.chunks(), wanted)).catch(() => undefined)
  const origins = named.map((at): [number, RowOrigin] => {
    const { file, line } = found?.get(rows[at]) ?? {}
    return [at, { row: rows[at], file, line, values: valuesOf(table, rows[at]) }]
  })
  return divergenceIn(autopsy, { rows: new Map(origins), ...columnsOf(encoder, table, weight) })
}

/** The columns of an encoder's inputs and target, with their usual values in a table. */
export function columnsOf(
  encoder: Encoder,
  table: Table,
  weight: string | undefined,
): Omit<DataOrigin, 'rows'> {
  return {
    inputColumn: (position) => inputAt(encoder, position),
    targetColumn: (position) => encoder.targets.at(position)?.name,
    weightColumn: weight,
    typical: (name) => typicalIn(table, name),
  }
}

function typicalIn({ columns, rows }: Table, name: string): readonly [number, number] | undefined {
  const column = columns.find((candidate) => candidate.name === name)
  if (column?.type !== 'numeric') return undefined
  const count = Math.min(SAMPLE, rows)
  return typicalRange(Array.from({ length: count }, (_, i) => column.values[Math.floor((i * rows) / count)]))
}

function inputAt({ data }: Encoder, position: number): string | undefined {
  let end = 0
  return data.inputs.find((input) => {
    end += inputWidth(input)
    return position < end
  })?.name
}
