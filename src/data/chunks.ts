/** Parts of a table with the numbers of their rows, as they pass from the files through the views of a dataset. */

import { concatTables, selectRows, type Column, type Table } from './table.ts'

/** Rows with their numbers, as they pass from one step to the next. */
export interface Chunk {
  table: Table
  /** Number of each row in the files, from 0. */
  numbers: Float64Array
  /** What was noted of each row when it was kept; where it was. */
  marks?: Uint8Array
  /** The file of the rows, and the physical line of each; where they are records of a CSV. To be asked before the next chunk. */
  places?: () => { file: string; lines: ArrayLike<number> }
}

/** The numbers of rows that follow one another. */
export function numbersFrom(first: number, rows: number): Float64Array {
  return numbersInto(new Float64Array(rows), first)
}

/** The same in memory that is there. */
export function numbersInto(numbers: Float64Array, first: number): Float64Array {
  for (let row = 0; row < numbers.length; row++) numbers[row] = first + row
  return numbers
}

/** Chunks, from the first on whenever it is called. */
export type ChunkSource = () => AsyncGenerator<Chunk>

/** Rows as float32 numbers. */
export interface NumberBatch {
  /** `[rows, inputs]` */
  x: Float32Array
  rows: number
  /** Columns chosen. */
  inputs: number
}

/** Chunks of exactly so many rows, the last with what is left over. */
export async function* rebatch(chunks: AsyncGenerator<Chunk>, wanted: number): AsyncGenerator<Chunk> {
  let waiting: Table[] = []
  let count = 0
  for await (const { table } of chunks) {
    for (let from = 0; from < table.rows;) {
      const rows = Math.min(wanted - count, table.rows - from)
      waiting.push(rows === table.rows ? table : slice(table, from, from + rows))
      count += rows
      from += rows
      if (count < wanted) continue
      yield { table: concatTables(waiting), numbers: new Float64Array(0) }
      waiting = []
      count = 0
    }
  }
  if (count > 0) yield { table: concatTables(waiting), numbers: new Float64Array(0) }
}

/** Tables of exactly so many rows, the last with what is left over. */
export async function* tablesOf(chunks: AsyncGenerator<Chunk>, wanted: number): AsyncGenerator<Table> {
  for await (const { table } of rebatch(chunks, wanted)) yield table
}

/** The chosen rows of a chunk. */
export function selectChunk({ table, numbers, places }: Chunk, rows: readonly number[]): Chunk {
  return {
    table: selectRows(table, rows),
    numbers: Float64Array.from(rows, (row) => numbers[row]),
    ...(places === undefined ? {} : { places: () => selectPlaces(places(), rows) }),
  }
}

function selectPlaces(
  { file, lines }: ReturnType<NonNullable<Chunk['places']>>,
  rows: readonly number[],
): ReturnType<NonNullable<Chunk['places']>> {
  return { file, lines: rows.map((row) => lines[row]) }
}

/** Columns of numbers as rows of float32. */
export function numberBatch(table: Table, columns: readonly number[]): NumberBatch {
  const inputs = columns.length
  const x = new Float32Array(table.rows * inputs)
  columns.forEach((index, input) => {
    const column = table.columns[index]
    if (column.type !== 'numeric') return
    for (let row = 0; row < table.rows; row++) x[row * inputs + input] = column.values[row]
  })
  return { x, rows: table.rows, inputs }
}

function slice(table: Table, from: number, to: number): Table {
  const columns = table.columns.map((column): Column => {
    if (column.type === 'numeric') {
      const values = column.values.subarray(from, to)
      return { ...column, values, missing: countOf(values, Number.isNaN) }
    }
    const codes = column.codes.subarray(from, to)
    return { ...column, codes, missing: countOf(codes, (code) => code < 0) }
  })
  return { ...table, rows: to - from, columns }
}

function countOf(values: Float64Array | Int32Array, holds: (value: number) => boolean): number {
  let total = 0
  for (const value of values) if (holds(value)) total++
  return total
}
