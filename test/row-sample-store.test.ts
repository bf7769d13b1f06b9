/** The sample of all rows that is made in one pass: uniform, of the wanted size, and blind to the pieces. */

import { expect, test } from 'vitest'
import { RowSampleStore } from '../src/data/row-sample-store.ts'
import { randomStream } from '../src/random.ts'

const stream = randomStream(1, 'sample')
const rowsBy = (wanted: number, total: number, drawOf: (row: number) => number): number[] => {
  const store = new RowSampleStore(wanted, 1)
  for (let row = 0; row < total; row++) store.add(drawOf(row), [[row]], 0)
  return [...store.column(0)]
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
