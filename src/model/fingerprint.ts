/** What tells one table from another: rows, schema and a hash of all values. */

import { createHash } from 'node:crypto'
import type { Table } from '../data/table.ts'
import type { Fingerprint } from './report.ts'

/**
 * Rows, schema and SHA-256 of a table. The path plays no part, nor does how a file is quoted.
 *
 * @example
 * fingerprint(tableFromRows([{ a: 1 }])).schema // 'a:numeric'
 */
export function fingerprint(table: Table): Fingerprint {
  const hash = createHash('sha256')
  const schema = table.columns.map(({ name, type }) => `${name}:${type}`).join(',')
  hash.update(`${table.rows}\n${schema}\n`)
  for (const column of table.columns) {
    if (column.type === 'categorical') hash.update(JSON.stringify(column.categories))
    const values = column.type === 'numeric' ? column.values : column.codes
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }
  return { rows: table.rows, schema, hash: hash.digest('hex') }
}
