/** Finds rows that are the same in every column. */

import { atOnce, ROWS_AT_ONCE, type Paced } from '../paced.ts'
import type { Table } from './table.ts'

const PRIMES = [0x9e3779b1, 0x85ebca77]

/**
 * For each row the first row that is the same in all columns, itself where there is none before it. Missing values are the
 * same as one another.
 *
 * @returns [rows], and how many different rows there are
 * @example
 * firstCopies(tableFromRows([{ a: 1 }, { a: 2 }, { a: 1 }])).first // Uint32Array [ 0, 1, 0 ]
 */
export function firstCopies(table: Table): Copies {
  return atOnce(firstCopiesInTurns(table))
}

/** For each row the first that is the same, and how many different rows there are. */
export interface Copies {
  first: Uint32Array
  distinct: number
}

/** The same by pieces of the rows. */
export function* firstCopiesInTurns(table: Table): Paced<Copies> {
  const words: Uint32Array[] = []
  for (const column of table.columns) {
    words.push(column.type === 'categorical' ? new Uint32Array(column.codes) : wordsOf(column.values))
    yield
  }
  const hashes = yield* hashRows(words, table.rows)
  // Open addressing: a Map of so many keys would take several times the memory of the table.
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * table.rows + 2))).fill(-1)
  const first = new Uint32Array(table.rows)
  let distinct = 0
  for (let row = 0; row < table.rows; row++) {
    let slot = hashes[row] & (slots.length - 1)
    while (slots[slot] >= 0 && !isSame(words, table.rows, slots[slot], row))
      slot = (slot + 1) & (slots.length - 1)
    if (slots[slot] < 0) {
      slots[slot] = row
      distinct++
    }
    first[row] = slots[slot]
    if (row % ROWS_AT_ONCE === 0) yield
  }
  return { first, distinct }
}

// Two words a number. The same number has the same bits: -0 is 0, and there is one NaN.
function wordsOf(values: Float64Array): Uint32Array {
  const same = new Float64Array(values.length)
  for (let row = 0; row < same.length; row++) same[row] = Number.isNaN(values[row]) ? NaN : values[row] + 0
  return new Uint32Array(same.buffer)
}

function* hashRows(words: readonly Uint32Array[], rows: number): Paced<Uint32Array> {
  const hashes = new Uint32Array(rows)
  for (const column of words) {
    const width = column.length / rows
    for (let row = 0; row < rows; row++) {
      let hash = hashes[row]
      for (let i = row * width; i < (row + 1) * width; i++) {
        hash = Math.imul(hash ^ column[i], PRIMES[0])
        hash = Math.imul(hash ^ (hash >>> 15), PRIMES[1])
      }
      hashes[row] = hash ^ (hash >>> 13)
    }
    yield
  }
  return hashes
}

function isSame(words: readonly Uint32Array[], rows: number, a: number, b: number): boolean {
  return words.every((column) => {
    const width = column.length / rows
    for (let i = 0; i < width; i++) if (column[a * width + i] !== column[b * width + i]) return false
    return true
  })
}
