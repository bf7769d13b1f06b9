/** Rows as JavaScript has them, objects one after another, as a source of tables. */

import { describeValue } from '../check.ts'
import { DataError, SpecError } from '../errors.ts'
import { spooled } from './spool.ts'
import { tableFromRows, type RowSource, type Table } from './table.ts'

/** Rows as objects, one after another. */
export type RowIterable<Row extends object = object> = Iterable<Row> | AsyncIterable<Row>

const tableRows = 4096

/**
 * Rows as tables. A function is called anew for every reading and has to give the same rows each time; what can be walked
 * only once, as a generator or a stream, is kept in a temporary file.
 *
 * @throws DataError for a row that is no object; SpecError for what has no rows
 */
export async function objectSource(
  rows: RowIterable | (() => RowIterable),
  name = 'rows',
): Promise<RowSource> {
  if (typeof rows === 'function') return { name, chunks: () => tablesOf(checkIterable(rows()), name) }
  const given = checkIterable(rows)
  if (isWalkedOnce(given)) return spooled(name, tablesOf(given, name))
  return { name, chunks: () => tablesOf(given, name) }
}

/** Refuses a row that is no object with a value per column. */
export function checkRow(row: unknown, where: string): asserts row is object {
  if (typeof row === 'object' && row !== null && !Array.isArray(row) && !ArrayBuffer.isView(row)) return
  throw new DataError({
    code: 'HADAMARD_ROW',
    where,
    expected: 'an object with a value per column',
    received: describeValue(row),
  })
}

function checkIterable(rows: unknown): RowIterable {
  const isObject = typeof rows === 'object' && rows !== null
  if (isObject && (Symbol.asyncIterator in rows || Symbol.iterator in rows)) return rows as RowIterable
  throw new SpecError({
    where: 'Dataset.from',
    expected:
      'rows that can be iterated (an array, a generator, a stream of objects), or a function that gives them',
    received: describeValue(rows),
  })
}

// Arrays and sets start anew whenever they are iterated; generators are their own iterator.
function isWalkedOnce(rows: RowIterable): boolean {
  if (Symbol.asyncIterator in rows) return true
  return (rows[Symbol.iterator]() as unknown) === rows
}

async function* tablesOf(rows: RowIterable, name: string): AsyncGenerator<Table> {
  let first = 0
  let waiting: object[] = []
  for await (const row of rows as AsyncIterable<unknown>) {
    checkRow(row, `${name} row ${first + waiting.length}`)
    waiting.push(row)
    if (waiting.length < tableRows) continue
    yield tableFromRows(waiting, name, first)
    first += waiting.length
    waiting = []
  }
  if (waiting.length > 0) yield tableFromRows(waiting, name, first)
}
