/** Warnings before training, each with its cure, and the limit of time. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDuration } from '../src/cli/flags.ts'
import { SpecError } from '../src/errors.ts'
import { train, type TrainOptions } from '../src/index.ts'

const rowsOf = (count: number, more: (i: number) => object): object[] =>
  Array.from({ length: count }, (_, i) => ({ a: Math.sin(i), b: Math.cos(3 * i), ...more(i) }))
const warningsOf = (rows: readonly object[], options: Partial<TrainOptions> = {}): Promise<string> =>
  train(rows, { target: 'y', epochs: 1, hidden: [2], ...options }).then(({ report }) =>
    report.warnings.join('\n'),
  )
const half = (i: number): string => (i % 7 < 4 ? 'u' : 'v')

describe('a column that alone determines the target', () => {
  const suspect = /Column 'x' alone determines y in all training rows: .*leave it out with --ignore/
  test.each([
    ['texts of one class each', (i: number) => ({ x: `k${i % 7}`, y: half(i) })],
    ['numbers parted by class', (i: number) => ({ x: (i % 7) / 7, y: half(i) })],
    ['a multiple of the number', (i: number) => ({ x: 3 * Math.cos(i * i) + 1, y: Math.cos(i * i) })],
  ])('is suspected: %s', async (_, more) => {
    expect(await warningsOf(rowsOf(210, more))).toMatch(suspect)
  })

  test.each([
    ['one row in the other class', (i: number) => ({ x: `k${i % 7}`, y: i % 70 === 0 ? 'v' : half(i) })],
    [
      'numbers with a little noise',
      (i: number) => ({ x: Math.cos(i * i) + 0.1 * Math.sin(i), y: Math.cos(i * i) }),
    ],
    ['classes mixed along the numbers', (i: number) => ({ x: (i % 11) / 11, y: half(i) })],
  ])('is not: %s', async (_, more) => {
    expect(await warningsOf(rowsOf(770, more))).not.toMatch(/alone determines/)
  })
})

test('tiny classes and tiny validation sets are named', async () => {
  const rows = rowsOf(60, (i) => ({ y: i < 4 ? 'rare' : half(i) }))
  const warnings = await warningsOf(rows)
  expect(warnings).toMatch(/Fewer than 10 training rows of class 'rare': collect more, or join classes\./)
  expect(warnings).toMatch(/Only 5 validation rows: early stopping follows chance/)
  expect(await warningsOf(rows, { validation: 0 })).not.toMatch(/validation row/)
})

test('numbers written as text are named with what is no number', async () => {
  const rows = rowsOf(200, (i) => ({ x: i % 20 === 0 ? '?' : String(i % 13), y: half(i) }))
  expect(await warningsOf(rows)).toMatch(
    /Column 'x' has numbers and '\?': name what stands for a missing value, --missing \?/,
  )
  expect(await warningsOf(rows, { types: { x: 'categorical' } })).not.toMatch(/Column 'x' has/)
})

test('a number that is none is named also where it leaves too many different texts, and so are decimal commas', async () => {
  const hexadecimal = rowsOf(200, (i) => ({ x: i === 70 ? '0x1F' : String(i / 8), y: half(i) }))
  expect(await warningsOf(hexadecimal)).toMatch(
    /Left out the column with a different text in most rows: 'x'.*Column 'x' has numbers and '0x1F'/s,
  )
  const commas = rowsOf(200, (i) => ({ x: String(i / 8).replace('.', ','), y: half(i) }))
  expect(await warningsOf(commas)).toMatch(
    /Column 'x' has numbers with a comma, such as '0,125'.*with a point/,
  )
  const names = rowsOf(200, (i) => ({ x: `a,${i}`, y: half(i) }))
  expect(await warningsOf(names)).not.toMatch(/Column 'x' has/)
})

describe('the limit of time', () => {
  test('ends training with the best model so far', async () => {
    const rows = rowsOf(2000, (i) => ({ y: half(i) }))
    const model = await train(rows, { target: 'y', epochs: 1_000_000, patience: 1_000_000, maxTime: 0.3 })
    expect(model.report.stopped).toBe('maxTime')
    expect(model.report.bestEpoch).toBeGreaterThan(0)
    await expect(train(rows, { target: 'y', maxTime: 0 })).rejects.toThrow(
      /maxTime: expected a number above 0/,
    )
  })

  test.each([
    ['90', 90],
    ['90s', 90],
    ['10m', 600],
    ['1.5h', 5400],
  ])('%s is %d seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })

  test.each(['', '0', '10 minutes', '-3s', 'm'])("'%s' is refused with what is allowed", (text) => {
    expect(() => parseDuration(text)).toThrow(SpecError)
    expect(() => parseDuration(text)).toThrow(/--max-time: expected a time above 0 such as 90s, 10m or 2h/)
  })
})

test.each([
  [
    'a text that is no number',
    (i: number) => (i === 70_000 ? 'oops' : `${i}.5`),
    /'x' has numbers and 'oops'/,
  ],
  ['decimal commas', (i: number) => `"${i},5"`, /'x' has numbers with a comma, such as '0,5'/],
  ['names', (i: number) => `name ${i}`, undefined],
])('out of core, beyond 100,000 texts, what is no number is named: %s', async (_, textOf, warning) => {
  const folder = mkdtempSync(join(tmpdir(), 'hadamard-preflight-'))
  const path = join(folder, 'rows.csv')
  const lines = Array.from({ length: 100_100 }, (_, i) => `${textOf(i)},${i % 7},${i % 2}\n`)
  writeFileSync(path, `x,z,y\n${lines.join('')}`)
  const options = { target: 'y', epochs: 1, hidden: [2], batchSize: 4096, outOfCore: true, cache: folder }
  // The second time by the packed rows.
  for (let time = 0; time < 2; time++) {
    const { warnings } = (await train(path, options)).report
    expect(warnings.join('\n')).toMatch(/with more than 100,000 different texts: 'x'/)
    if (warning === undefined) expect(warnings.join('\n')).not.toMatch(/Column 'x' has/)
    else expect(warnings.join('\n')).toMatch(warning)
  }
  const asTarget = train(path, { ...options, target: 'x', task: 'classification' })
  await expect(asTarget).rejects.toThrow(/more than 100,000 different values/)
  if (warning !== undefined) await expect(asTarget).rejects.toThrow(/Correct what is no number/)
  rmSync(folder, { recursive: true })
})
