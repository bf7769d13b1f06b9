/** What tells one table from another: rows, schema and a hash of all values. */

import { createHash } from 'node:crypto'
import type { RowLoops } from '../data/row-loops.ts'
import type { DatasetSchema } from '../data/survey.ts'
import type { Table } from '../data/table.ts'
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

  constructor(
    private readonly schema: DatasetSchema,
    private readonly loops: RowLoops,
  ) {
    this.hashes = new Int32Array(2 * schema.columns.length)
  }

  /** Takes in the next rows, with the columns of the schema. */
  add({ columns }: Table): void {
    // Two sums of the column's words in the order of the rows, whatever the pieces.
    const values = columns.map((column) => (column.type === 'numeric' ? column.values : column.codes))
    this.loops.addHashes(values, this.hashes)
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
}
