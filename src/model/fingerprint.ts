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
  private readonly hashes: Uint32Array

  constructor(private readonly schema: DatasetSchema) {
    this.hashes = new Uint32Array(2 * schema.columns.length)
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
    let [a, b] = [this.hashes[2 * index], this.hashes[2 * index + 1]]
    const isNumeric = column.type === 'numeric'
    const { buffer, byteOffset, byteLength } = isNumeric ? column.values : column.codes
    const words = new Int32Array(buffer, byteOffset, byteLength / 4)
    for (let i = 0; i < words.length; i++) {
      // The sign of a zero makes no difference.
      const word = isNumeric && words[i] === -0x80000000 && words[i - 1] === 0 && i % 2 === 1 ? 0 : words[i]
      a = Math.imul(a ^ word, 0x9e3779b1)
      a = (a << 15) | (a >>> 17)
      b = Math.imul(b ^ word, 0x85ebca77)
      b = (b << 13) | (b >>> 19)
    }
    this.hashes.set([a, b], 2 * index)
  }
}
