/** The loops over the rows of large files: the native core's against those in TypeScript, and both against theory. */

import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fallbackRowLoops, momentPlaces, newMoments, type RowLoops } from '../src/data/row-loops.ts'
import { loadBinding, nativeRowLoops } from '../src/backends/native.ts'
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
    // As many as a loop takes at once, more, and one that begins late.
    const late = values.map((value, i) => (i < 700 ? NaN : value))
    const several = [values, values.toReversed(), late, values.map((value) => -value), values, late]
    for (const some of [[values], several, several.slice(1)]) {
      const moments = Float64Array.from(some.flatMap(() => [...newMoments()]))
      by.addMoments(some, chosen, from, to, moments)
      by.addMoments(some, chosen, from, to, moments)
      found.push(bits(moments))
    }
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
  const columns = [values, codes, ...[1, -1, 3, -4, 5].map((factor) => values.map((value) => factor * value))]
  const sums = new Int32Array(2 * columns.length)
  by.addHashes(columns, sums)
  by.addHashes(
    columns.map((column) => column.subarray(3, 4)),
    sums,
  )
  found.push(sums)
  const table = new Float64Array(columns.length * (ROWS + 5))
  by.copyRows(
    columns,
    places,
    places.map((place) => ROWS + 4 - place),
    places.length - 3,
    table,
  )
  found.push(bits(table))
  const near = values.map((value) => (Math.abs(value) > 1e200 ? NaN : value))
  for (const both of [
    [near, values],
    [near, near.toReversed()],
  ]) {
    const x = new Float32Array(places.length * 4)
    const counts = new Float64Array(4)
    const scales = Float64Array.of(0, 12.5, 310, -900, 900, 1, 3, -2, 7, -Infinity, Infinity, 0)
    const areEncoded = by.standardise(both, scales, places, 7, places.length, x, 4, counts)
    found.push(areEncoded, ...(areEncoded ? [counts, bits(x)] : []))
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
  by().addMoments([few], undefined, 0, few.length, moments)
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

test.each(loops)('%s tells of a number that is too large, and counts those outside', (_, by) => {
  const rows = Uint32Array.of(0, 1, 2, 3)
  const scales = Float64Array.of(0, 1, 2, 0, 4, 1)
  const x = new Float32Array(8)
  const counts = new Float64Array(2)
  const standardise = (...column: number[]): boolean =>
    by().standardise([Float64Array.from(column)], scales, rows, 0, 4, x, 2, counts)
  expect(standardise(1, NaN, 5, 3)).toBe(true)
  expect([...x, ...counts]).toEqual([0, 0, 0, 1, 2, 0, 1, 0, 1, 1])
  expect(standardise(1, 2, 1e300, 3)).toBe(false)
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
  expect(() => native.addMoments([values], Uint32Array.of(ROWS), 0, 1, moments)).toThrow(
    /places in the column/,
  )
  expect(() => native.addMoments([values], undefined, 0, ROWS + 1, moments)).toThrow(/to: expected/)
  expect(() => native.addMoments([values], undefined, 0, 1, moments.subarray(1))).toThrow(/at least 6/)
  expect(() => native.addMoments([values, values.subarray(1)], undefined, 0, ROWS, moments)).toThrow(
    /at least 12/,
  )
  const copy = (rows: number[], to: number[], count: number, room: number) => (): void => {
    native.copyRows(
      [values, codes],
      Uint32Array.from(rows),
      Uint32Array.from(to),
      count,
      new Float64Array(room),
    )
  }
  expect(copy([0, ROWS], [0, 1], 2, 4)).toThrow(/places in the column/)
  expect(copy([0, 1], [0, 2], 2, 4)).toThrow(/places in the column/)
  expect(copy([0], [0, 1], 2, 4)).toThrow(/count/)
  expect(copy([0, ROWS], [0, 1], 1, 2)).not.toThrow()
  expect(() => native.drawRows(streamKey(1, 'a'), values, new Uint32Array(ROWS))).toThrow(/row numbers/)
  expect(() => native.addHashes([values], new Int32Array(1))).toThrow(/at least 2/)
  expect(() => native.addHashes([values, values.subarray(1)], new Int32Array(4))).toThrow(/one length/)
  const standardise = (scale: number[], x: number, width: number, rows = places): (() => boolean) => {
    const [scales, counts] = [Float64Array.from(scale), new Float64Array(2)]
    return () => native.standardise([values], scales, rows, 0, 2, new Float32Array(x), width, counts)
  }
  expect(standardise([0, 0, 1, 0, 1], 4, 2)).toThrow(/at least 6/)
  expect(standardise([0, 0, 1, 0, 1, 0], 3, 2)).toThrow(/room for all rows/)
  expect(standardise([0, 0, 1, 0, 1, 0], 4, 2, Uint32Array.of(0, ROWS))).toThrow(/places in the column/)
  for (const [offset, hasIndicator] of [
    [2, 0],
    [1, 1],
    [-1, 0],
    [0.5, 0],
    [NaN, 0],
  ])
    expect(standardise([offset, 0, 1, 0, 1, hasIndicator], 4, 2)).toThrow(/place of an input/)
})

test('the native core refuses to write over what it reads places from', () => {
  const native = nativeRowLoops()
  const memory = new ArrayBuffer(1024)
  const doubles = (place: number, length: number): Float64Array => new Float64Array(memory, place, length)
  const words = (place: number, length: number): Uint32Array => new Uint32Array(memory, place, length)
  const x = new Float32Array(memory, 512, 4)
  const standardise = (scales: number, rows: number, counts: number) => (): boolean =>
    native.standardise([values], doubles(scales, 6), words(rows, 2), 0, 2, x, 2, doubles(counts, 2))
  doubles(0, 6).set([0, 0, 1, 0, 1, 0])
  expect(standardise(0, 64, 128)).not.toThrow()
  expect(standardise(512 - 40, 64, 128)).toThrow(/x: expected memory of its own/)
  expect(standardise(0, 520, 128)).toThrow(/x: expected memory of its own/)
  expect(standardise(0, 64, 56)).toThrow(/counts: expected memory of its own/)
  expect(standardise(0, 64, 40)).toThrow(/counts: expected memory of its own/)
  const into = doubles(0, 4)
  expect(() => native.copyRows([values, codes], words(24, 2), words(64, 2), 2, into)).toThrow(
    /into: expected memory/,
  )
  expect(() => native.copyRows([values, codes], words(64, 2), words(24, 2), 2, into)).toThrow(
    /into: expected memory/,
  )
  expect(() => native.addMoments([values], words(40, 4), 0, 4, doubles(0, 6))).toThrow(
    /moments: expected memory/,
  )
  expect(() => native.drawRows(streamKey(1, 'a'), doubles(0, 4), words(24, 4))).toThrow(
    /draws: expected memory/,
  )
})

const sharedNumbers = (numbers: ArrayLike<number>): Float64Array => {
  const copy = new Float64Array(new SharedArrayBuffer(8 * numbers.length))
  copy.set(numbers)
  return copy
}
const sharedBytes = (length: number): Uint8Array => {
  const bytes = new Uint8Array(new SharedArrayBuffer(length))
  bytes.forEach((_, i) => (bytes[i] = 3 * i + 1))
  return bytes
}

test('jobs scale rows into pieces as one call does into all of them, and tell of a number that is too large', async () => {
  const { jobs } = nativeRowLoops()
  const near = values.map((value) => (Math.abs(value) > 1e200 ? NaN : value))
  const columns = [near, near.toReversed()].map((column) => sharedNumbers(column))
  const scales = Float64Array.of(0, 12.5, 310, -900, 900, 1, 3, -2, 7, -Infinity, Infinity, 0)
  const x = new Float32Array(4 * places.length)
  fallbackRowLoops.standardise(columns, scales, places, 0, places.length, x, 4, new Float64Array(4))
  const pieces = [3, 0, 200, places.length - 203].map(
    (rows) => new Float32Array(new SharedArrayBuffer(16 * rows)),
  )
  expect(await jobs?.standardisePieces(columns, scales, places, pieces, 4)).toBe(true)
  expect(pieces.flatMap((piece) => [...bits(piece)])).toEqual([...bits(x)])
  for (const piece of pieces) piece.fill(7)
  expect(await jobs?.standardisePieces(columns, scales, places, pieces, 4)).toBe(true)
  expect(pieces.flatMap((piece) => [...bits(piece)])).toEqual([...bits(x)])
  columns[1][places[250]] = 1e300
  expect(await jobs?.standardisePieces(columns, scales, places, pieces, 4)).toBe(false)
  const refused = [
    () => jobs?.standardisePieces([values, columns[1]], scales, places, pieces, 4),
    () => jobs?.standardisePieces(columns, scales, places, pieces.slice(1), 4),
    () => jobs?.standardisePieces(columns, scales, places, pieces, 3),
    () => jobs?.standardisePieces(columns, scales, Uint32Array.of(ROWS), [pieces[0].subarray(4, 8)], 4),
  ]
  for (const call of refused) await expect(call()).rejects.toThrow(/expected/)
})

test('jobs write pieces of a file, whose checksums are those of their bytes, and tell where one is not written', async () => {
  const path = join(tmpdir(), `hadamard-pieces-${process.pid}`)
  const { jobs } = nativeRowLoops()
  const pieces = [20, 0, 7].map(sharedBytes)
  const file = openSync(path, 'w')
  try {
    const found = await jobs?.writePieces(file, Float64Array.of(40, 10, 3), pieces)
    // Windows leaves it to the runtime.
    if (process.platform !== 'win32') {
      expect([...(found ?? [])]).toEqual(pieces.map((piece) => fallbackRowLoops.checksum(piece)))
      const bytes = readFileSync(path)
      expect([bytes.subarray(40, 60), bytes.subarray(3, 10)]).toEqual([
        Buffer.from(pieces[0]),
        Buffer.from(pieces[2]),
      ])
    }
  } finally {
    closeSync(file)
  }
  const readOnly = openSync(path, 'r')
  expect(await jobs?.writePieces(readOnly, Float64Array.of(0), [pieces[0]])).toBeUndefined()
  closeSync(readOnly)
  rmSync(path)
})

test('columns whose memory goes while they are listed are not read', () => {
  const first = Float64Array.of(1, 2, 3)
  const columns = [first]
  Object.defineProperty(columns, 1, {
    get: () => {
      structuredClone(first.buffer, { transfer: [first.buffer] })
      return Float64Array.of(4, 5, 6)
    },
  })
  expect(() => nativeRowLoops().addHashes(columns, new Int32Array(4))).toThrow(/one length/)
})

test('arguments of any other kind are errors', () => {
  const binding = loadBinding()
  const odd = [
    undefined,
    null,
    NaN,
    -1,
    2 ** 53,
    'a',
    {},
    [],
    [1],
    new Float64Array(0),
    new Uint8Array(3),
    () => 1,
  ]
  const native: Record<string, unknown> = {
    ...binding.rowLoops,
    ...binding.rowJobs,
  }
  for (const name of Object.keys(native)) {
    const call = native[name] as (...args: unknown[]) => unknown
    for (let turn = 0; turn < 300; turn++) {
      const args = Array.from({ length: 8 }, (_, i) => odd[draws.uint32(8 * turn + i) % odd.length])
      try {
        call(...args)
      } catch (error) {
        expect(error).toMatchObject({ code: 'HADAMARD_PROGRAM' })
      }
    }
  }
})
