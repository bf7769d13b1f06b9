/** The loops over the rows of large files: the native core's against those in TypeScript, and both against theory. */

import { expect, test } from 'vitest'
import { fallbackRowLoops, momentPlaces, newMoments, type RowLoops } from '../src/data/row-loops.ts'
import { nativeRowLoops } from '../src/backends/native.ts'
import { randomStream, streamKey } from '../src/random.ts'

const ROWS = 1000
const special = [NaN, 0, -0, 1e300, -1e300, 5e-324, -1, 0.1]
const draws = randomStream(7, 'values')
const values = Float64Array.from({ length: ROWS }, (_, i) =>
  i % 9 === 8 ? special[((i / 9) % special.length) | 0] : draws.normal(i) * 1e3,
)
const codes = Int32Array.from({ length: ROWS }, (_, i) => (i % 7 === 0 ? -1 : draws.uint32(i)))
const places = Uint32Array.from({ length: ROWS }, (_, i) => i).filter((i) => draws.uint32(i) % 3 > 0)
const loops: [string, () => RowLoops][] = [
  ['TypeScript', () => fallbackRowLoops],
  ['the native core', nativeRowLoops],
]
const bits = (array: Float64Array | Float32Array): Uint32Array => new Uint32Array(array.slice().buffer)

/** What all loops give for the same input. */
function results(by: RowLoops): unknown[] {
  const found: unknown[] = []
  for (const [chosen, from, to] of [
    [undefined, 0, ROWS],
    [undefined, 3, 4],
    [places, 0, places.length],
    [places, 5, 5],
  ] as const) {
    const moments = newMoments()
    by.addMoments(values, chosen, from, to, moments)
    by.addMoments(values, chosen, from, to, moments)
    found.push(bits(moments))
  }
  for (const first of [0, 12, 2 ** 32 - 7, 2 ** 53 - ROWS]) {
    const numbers = Float64Array.from({ length: ROWS }, (_, i) => first + i)
    // Some rows are missing from where they would be, as in a view of a dataset.
    for (const some of [numbers, numbers.filter((_, i) => draws.uint32(i) % 20 > 0)]) {
      const drawn = new Uint32Array(some.length)
      by.drawRows(streamKey(3, 'a'), some, drawn)
      found.push(drawn)
    }
  }
  const sums = new Int32Array(6)
  for (const [index, column] of [values, codes, values.subarray(1, 2)].entries()) {
    by.addHash(column, sums, 2 * index)
    by.addHash(column, sums, 2 * index)
  }
  found.push(sums)
  for (const hasIndicator of [false, true]) {
    const x = new Float32Array(places.length * 4)
    const counts = new Float64Array(2)
    const scale = Float64Array.of(12.5, 310, -900, 900)
    const into = { x, offset: 1, width: 4, scale, hasIndicator }
    found.push(by.standardise(values, places, 0, places.length, into, counts), counts.slice())
    const near = values.map((value) => (Math.abs(value) > 1e200 ? NaN : value))
    found.push(by.standardise(near, places, 7, places.length, into, counts), counts, bits(x))
  }
  const bytes = new Uint8Array(values.buffer)
  for (const [from, to] of [
    [0, bytes.length],
    [4, 23],
    [3, 1001],
    [5, 5],
  ])
    found.push(by.checksum(bytes.subarray(from, to)))
  return found
}

test('the native core gives the bits of TypeScript', () => {
  expect(results(nativeRowLoops())).toEqual(results(fallbackRowLoops))
})

test.each(loops)('moments of %s are those of the values', (_, by) => {
  const few = Float64Array.of(5, NaN, 1, 3, 3)
  const moments = newMoments()
  by().addMoments(few, undefined, 0, few.length, moments)
  const { count, shift, sum, squares, minimum, maximum } = momentPlaces
  expect([count, minimum, maximum].map((place) => moments[place])).toEqual([4, 1, 5])
  const mean = moments[shift] + moments[sum] / 4
  expect([mean, moments[squares] / 4 - (mean - moments[shift]) ** 2]).toEqual([3, 2])
})

test.each(loops)('draws of %s are those of the stream', (_, by) => {
  const numbers = Float64Array.from({ length: 100 }, (_, i) => (i < 50 ? i : 2 ** 32 + 3 * i))
  const drawn = new Uint32Array(numbers.length)
  by().drawRows(streamKey(5, 'split.test'), numbers, drawn)
  const stream = randomStream(5, 'split.test')
  expect([...drawn]).toEqual([...numbers].map((number) => stream.uint32(number)))
})

test.each(loops)('%s finds a number that is too large, and counts those outside', (_, by) => {
  const into = {
    x: new Float32Array(4),
    offset: 0,
    width: 1,
    scale: Float64Array.of(1, 2, 0, 4),
    hasIndicator: false,
  }
  const counts = new Float64Array(2)
  const rows = Uint32Array.of(0, 1, 2, 3)
  expect(by().standardise(Float64Array.of(1, NaN, 5, 3), rows, 0, 4, into, counts)).toBe(-1)
  expect([...into.x, ...counts]).toEqual([0, 0, 2, 1, 1, 1])
  expect(by().standardise(Float64Array.of(1, 2, 1e300, 3), rows, 0, 4, into, counts)).toBe(2)
})

test.each(loops)('any wrong byte changes the checksum of %s', (_, by) => {
  const bytes = Uint8Array.from({ length: 70 }, (_, i) => (i * 37) % 256)
  const right = by().checksum(bytes)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] ^= 16
    expect(by().checksum(bytes)).not.toBe(right)
    bytes[i] ^= 16
  }
})

test('the native core refuses rows that a column has not, and arrays that are too short', () => {
  const native = nativeRowLoops()
  const moments = newMoments()
  expect(() => native.addMoments(values, Uint32Array.of(ROWS), 0, 1, moments)).toThrow(/places in the column/)
  expect(() => native.addMoments(values, undefined, 0, ROWS + 1, moments)).toThrow(/to: expected/)
  expect(() => native.addMoments(values, undefined, 0, 1, moments.subarray(1))).toThrow(/at least 6/)
  expect(() => native.drawRows(streamKey(1, 'a'), values, new Uint32Array(ROWS))).toThrow(/row numbers/)
  expect(() => native.addHash(values, new Int32Array(3), 2)).toThrow(/at least 4/)
  const into = {
    x: new Float32Array(3),
    offset: 1,
    width: 2,
    scale: Float64Array.of(0, 1, 0, 1),
    hasIndicator: false,
  }
  const standardise = (change: object): (() => number) => {
    return () => native.standardise(values, places, 0, 2, { ...into, ...change }, new Float64Array(2))
  }
  expect(standardise({})).toThrow(/room for all rows/)
  expect(standardise({ x: new Float32Array(4), hasIndicator: true })).toThrow(/place of an input/)
  expect(standardise({ x: new Float32Array(4), width: 0, offset: 0 })).toThrow(/place of an input/)
})
