/** What tells one table from another: rows, schema and a hash of all values. */

import { createHash } from 'node:crypto'
import type { DatasetSchema } from '../data/survey.ts'
import type { Column, Table } from '../data/table.ts'
import { atOnce, piecesOf, type Paced } from '../paced.ts'
import type { Fingerprint } from './report.ts'

/**
 * Rows, schema and SHA-256 of a table. The path plays no part, nor does how a file is quoted.
 *
 * @example
 * fingerprint(tableFromRows([{ a: 1 }])).schema // 'a:numeric'
 */
export function fingerprint(table: Table): Fingerprint {
  return atOnce(fingerprintInTurns(table))
}

/** The same by pieces of a column. */
export function* fingerprintInTurns(table: Table): Paced<Fingerprint> {
  const hash = createHash('sha256')
  const schema = table.columns.map(({ name, type }) => `${name}:${type}`).join(',')
  hash.update(`${table.rows}\n${schema}\n`)
  for (const column of table.columns) {
    if (column.type === 'categorical') hash.update(JSON.stringify(column.categories))
    const values = column.type === 'numeric' ? column.values : column.codes
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    for (const [from, to] of piecesOf(bytes.length, 2 ** 20)) {
      hash.update(bytes.subarray(from, to))
      yield
    }
  }
  return { rows: table.rows, schema, hash: hash.digest('hex') }
}

/** The fingerprint of rows that pass by in pieces; another than that of the same rows in a table. */
export class RunningFingerprint {
  private readonly hashes: Int32Array

  constructor(private readonly schema: DatasetSchema) {
    this.hashes = new Int32Array(2 * schema.columns.length)
  }

  /** Takes in the next rows, with the columns of the schema. */
  add({ columns }: Table): void {
    columns.forEach((column, index) => this.addColumn(column, index))
  }

  /** @param rows of all pieces */
  end(rows: number): Fingerprint {
    const { columns } = this.schema
    const schema = columns.map(({ name, type }) => `${name}:${type}`).join(',')
    const categories = columns.map((column) => (column.type === 'categorical' ? column.categories : []))
    const hash = createHash('sha256')
      .update(JSON.stringify([rows, schema, categories]))
      .update(this.hashes)
    return { rows, schema, hash: hash.digest('hex') }
  }

  // Two sums of the column's words in the order of the rows, whatever the pieces.
  private addColumn(column: Column, index: number): void {
    const { hashes } = this
    const place = 2 * index
    if (column.type === 'categorical') addWords(hashes, place, column.codes)
    else
      addNumbers(
        hashes,
        place,
        new Int32Array(column.values.buffer, column.values.byteOffset, 2 * column.values.length),
      )
  }
}

function addWords(hashes: Int32Array, place: number, words: Int32Array): void {
  let [a, b] = [hashes[place], hashes[place + 1]]
  for (let i = 0; i < words.length; i++) {
    a = Math.imul(a ^ words[i], 0x9e3779b1)
    a = (a << 15) | (a >>> 17)
    b = Math.imul(b ^ words[i], 0x85ebca77)
    b = (b << 13) | (b >>> 19)
  }
  hashes[place] = a
  hashes[place + 1] = b
}

// Two words a number. The sign of a zero makes no difference.
function addNumbers(hashes: Int32Array, place: number, words: Int32Array): void {
  let [a, b] = [hashes[place], hashes[place + 1]]
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i]
    const high = words[i + 1] === -0x80000000 && low === 0 ? 0 : words[i + 1]
    a = Math.imul(a ^ low, 0x9e3779b1)
    a = (a << 15) | (a >>> 17)
    b = Math.imul(b ^ low, 0x85ebca77)
    b = (b << 13) | (b >>> 19)
    a = Math.imul(a ^ high, 0x9e3779b1)
    a = (a << 15) | (a >>> 17)
    b = Math.imul(b ^ high, 0x85ebca77)
    b = (b << 13) | (b >>> 19)
  }
  hashes[place] = a
  hashes[place + 1] = b
}
