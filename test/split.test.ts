/** The splits: what they hold out, that seeds repeat them, and that a wrong split file is refused. */

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  hashSplit,
  parseSplit,
  permutation,
  permutedSplit,
  readSplit,
  rowNumbers,
  stratifiedSplit,
} from '../src/data/split.ts'
import { DataError, SpecError } from '../src/errors.ts'
import { randomStream } from '../src/random.ts'

const sorted = (rows: ArrayLike<number>): number[] => Array.from(rows).sort((a, b) => a - b)

describe('the hash split', () => {
  test('a row falls on the same side whichever other rows there are', () => {
    const stream = randomStream(1, 'split')
    const whole = hashSplit(rowNumbers(1000), 0.2, stream)
    const few = hashSplit([7, 3, 999, 500], 0.2, stream)
    for (const row of few.test) expect(whole.test).toContain(row)
    for (const row of few.train) expect(whole.train).toContain(row)
  })

  test('the share held out is near the one asked for, and the parts make up the whole', () => {
    const { train, test: held } = hashSplit(rowNumbers(20_000), 0.2, randomStream(3, 'split'))
    expect(Math.abs(held.length / 20_000 - 0.2)).toBeLessThan(0.015)
    expect(sorted([...train, ...held])).toEqual([...rowNumbers(20_000)])
  })

  test('another seed holds out other rows', () => {
    const [one, two] = [1, 2].map((seed) => hashSplit(rowNumbers(100), 0.5, randomStream(seed, 'split')))
    expect([...one.test]).not.toEqual([...two.test])
  })

  test('a share of 0 holds out nothing', () => {
    expect(hashSplit(rowNumbers(10), 0, randomStream(1, 'split')).test).toHaveLength(0)
  })
})

describe('the stratified split', () => {
  test('every class gives its share', () => {
    const classes = Array.from({ length: 1000 }, (_, row) => (row % 10 === 0 ? 1 : row % 10 < 4 ? 2 : 0))
    const { train, test: held } = stratifiedSplit(rowNumbers(1000), classes, 0.2, randomStream(1, 'split'))
    const count = (label: number): number => held.filter((row) => classes[row] === label).length
    expect([count(0), count(1), count(2)]).toEqual([120, 20, 60])
    expect(sorted([...train, ...held])).toEqual([...rowNumbers(1000)])
  })

  test('the number held out is the share of all rows; what is left over goes to the largest remainders', () => {
    const classes = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    const { test: held } = stratifiedSplit(rowNumbers(15), classes, 0.2, randomStream(1, 'split'))
    expect(held).toHaveLength(3)
    expect(new Set([...held].map((row) => classes[row])).size).toBe(3)
  })

  test('a class with one row stays in training', () => {
    const classes = [0, 1, 1, 1, 1, 1, 1, 1]
    for (let seed = 0; seed < 20; seed++) {
      const { train } = stratifiedSplit(rowNumbers(8), classes, 0.5, randomStream(seed, 'split'))
      expect(train).toContain(0)
    }
  })

  test('the classes belong to the rows given, in their order', () => {
    const { train, test: held } = stratifiedSplit(
      [10, 20, 30, 40],
      [0, 1, 0, 1],
      0.5,
      randomStream(1, 'split'),
    )
    expect(sorted([...train, ...held])).toEqual([10, 20, 30, 40])
    const low = held.filter((row) => row === 10 || row === 30)
    expect([held.length, low.length]).toEqual([2, 1])
  })
})

describe('the permuted split', () => {
  test('a permutation has every number once and depends on the seed', () => {
    const one = permutation(100, randomStream(1, 'order'))
    expect(sorted(one)).toEqual([...rowNumbers(100)])
    expect([...one]).toEqual([...permutation(100, randomStream(1, 'order'))])
    expect([...one]).not.toEqual([...permutation(100, randomStream(2, 'order'))])
  })

  test('every order of three comes up about as often', () => {
    const counts = new Map<string, number>()
    for (let seed = 0; seed < 6000; seed++) {
      const order = permutation(3, randomStream(seed, 'order')).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  test('the share is rounded, at least one row is held out and one stays', () => {
    const sizes = (rows: number, share: number): number[] => {
      const split = permutedSplit(rowNumbers(rows), share, randomStream(1, 'order'))
      return [split.train.length, split.test.length]
    }
    expect(sizes(10, 0.25)).toEqual([7, 3])
    expect(sizes(3, 0.01)).toEqual([2, 1])
    expect(sizes(3, 0.99)).toEqual([1, 2])
    expect(sizes(1, 0.5)).toEqual([1, 0])
    expect(sizes(10, 0)).toEqual([10, 0])
  })
})

test.each([-0.1, 1, 1.5, NaN, '0.2'])('a share of %s is refused', (share) => {
  for (const split of [hashSplit, permutedSplit]) {
    expect(() => split([0, 1], share as number, randomStream(1, 'split'))).toThrow(SpecError)
  }
  expect(() => stratifiedSplit([0, 1], [0, 1], share as number, randomStream(1, 'split'))).toThrow(SpecError)
})

describe('split files', () => {
  test('the numbers are kept in their order, other keys are ignored', () => {
    const split = parseSplit('{"rows":4,"train":[3,0],"test":[1],"note":"x"}', 4, 'split.json')
    expect([[...split.train], [...split.test]]).toEqual([[3, 0], [1]])
  })

  test.each([
    ['{"train":[0,4],"test":[1]}', 'split.json train: expected row numbers from 0 to 3; received 4'],
    ['{"train":[0,-1],"test":[1]}', 'received -1'],
    ['{"train":[0.5],"test":[1]}', 'received 0.5'],
    ['{"train":["0"],"test":[1]}', 'received "0"'],
    ['{"train":[0,1,0],"test":[2]}', 'split.json train: expected every row at most once; received 0 twice'],
    [
      '{"train":[0,1],"test":[2,1]}',
      'split.json test: expected every row at most once; received 1 in train and in test',
    ],
    ['{"train":[],"test":[1]}', 'split.json train: expected a list of row numbers; received an empty one'],
    ['{"train":[0]}', 'split.json test: expected a list of row numbers; received none'],
    ['{"train":[0],"test":3}', 'split.json test: expected a list of row numbers; received number'],
    ['[1,2]', 'split.json: expected an object'],
    ['{"train":[0', 'split.json: expected a split as JSON'],
  ])('%s is refused', (text, message) => {
    expect(() => parseSplit(text, 4, 'split.json')).toThrow(DataError)
    expect(() => parseSplit(text, 4, 'split.json')).toThrow(message)
  })

  test('a missing file is refused by name', async () => {
    await expect(readSplit('no/such/split.json', 4)).rejects.toThrow(
      'no/such/split.json: expected a split file; received no such file',
    )
  })

  const folder = join(import.meta.dirname, 'data', 'splits')
  test.each(readdirSync(folder))('%s is read', async (file) => {
    const path = join(folder, file)
    const { train, test: test_ } = JSON.parse(readFileSync(path, 'utf8')) as {
      train: number[]
      test: number[]
    }
    const split = await readSplit(path, train.length + test_.length)
    expect(Array.from(split.train)).toEqual(train)
    expect(Array.from(split.test)).toEqual(test_)
  })
})
