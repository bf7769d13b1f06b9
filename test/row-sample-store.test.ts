/** The sample of all rows that is made in one pass: uniform, of the wanted size, and blind to the pieces. */

import { expect, test } from 'vitest'
import { RowSampleStore } from '../src/data/row-sample-store.ts'
import { atOnce } from '../src/paced.ts'
import { fallbackRowLoops } from '../src/data/row-loops.ts'
import { rowNumbers } from '../src/data/split.ts'
import { randomStream } from '../src/random.ts'

const stream = randomStream(1, 'sample')
const rowsBy = (wanted: number, total: number, drawOf: (row: number) => number): number[] => {
  const store = new RowSampleStore(wanted, 1, fallbackRowLoops)
  // By pieces of several sizes.
  for (let first = 0, rows = 1; first < total; first += rows, rows = Math.min(2 * rows, 64)) {
    const numbers = rowNumbers(Math.min(rows, total - first), first)
    store.add(rowNumbers(numbers.length), numbers.map(drawOf), [new Float64Array(numbers)])
  }
  const column = new Float64Array(store.rows + 1)
  atOnce(store.copyTo([column], 1))
  return [...column.subarray(1)]
}

test('the rows with the smallest draws stay, in their order', () => {
  const expected = Array.from({ length: 5000 }, (_, row) => row)
    .sort((a, b) => stream.uint32(a) - stream.uint32(b))
    .slice(0, 300)
    .sort((a, b) => a - b)
  expect(rowsBy(300, 5000, (row) => stream.uint32(row))).toEqual(expected)
})

test('of equal draws the first rows stay, and few rows stay all', () => {
  expect(rowsBy(4, 100, () => 7)).toEqual([0, 1, 2, 3])
  expect(rowsBy(4, 100, (row) => (row === 99 ? 1 : 7))).toEqual([0, 1, 2, 99])
  expect(rowsBy(100, 40, (row) => stream.uint32(row))).toHaveLength(40)
})
