/** What is told of fits that diverge, and how they go on with `recover`. */

import { describe, expect, test } from 'vitest'
import { DivergenceError } from '../src/errors.ts'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dense, Network, train } from '../src/index.ts'
import { isExploding } from '../src/training/divergence.ts'
import type { BackendOptions } from '../src/backends/choose.ts'
import { backendsUnderTest } from './support/backends.ts'

const rows = Array.from({ length: 40 }, (_, i) => [Math.sin(i), Math.cos(2 * i)])
const targets = rows.map(([a, b]) => [a - 2 * b])
const net = (options?: BackendOptions): Network =>
  new Network({ inputs: 2, layers: [dense(8, 'relu'), dense(1)], seed: 3, ...options })
const wild = { epochs: 30, batchSize: 8, optimizer: { name: 'sgd', learningRate: 1e4 } } as const

async function errorOf(run: PromiseLike<unknown>): Promise<DivergenceError> {
  const error: unknown = await Promise.resolve(run).catch((reason: unknown) => reason)
  if (error instanceof DivergenceError) return error
  throw new Error('expected a DivergenceError')
}

describe.each(backendsUnderTest)('on $label', ({ options: backend }) => {
  test('the error names epoch, step and the rows of the batch, which are those of the data', async () => {
    const { autopsy, message, code } = await errorOf(net(backend).fit(rows, targets, wild))
    expect(code).toBe('HADAMARD_DIVERGED')
    expect(autopsy).toMatchObject({ epoch: 1, likelyCause: 'learningRate', learningRate: 1e4 })
    expect(new Set(autopsy?.rows).size).toBe(8)
    expect(message).toContain(`rows ${autopsy?.rows.join(', ')}`)
  })

  test.each([
    ['x', 'unscaledInput'],
    ['y', 'unscaledTarget'],
  ])('a large value of %s is found in its row: %s', async (where, cause) => {
    const [x, y] = [rows.map((row) => [...row]), targets.map((row) => [...row])]
    ;(where === 'x' ? x : y)[17][0] = 1e20
    const { autopsy } = await errorOf(net(backend).fit(x, y, { ...wild, batchSize: 40 }))
    expect(autopsy?.likelyCause).toBe(cause)
    expect(autopsy?.largest[where as 'x' | 'y']).toMatchObject({
      row: 17,
      position: 0,
      value: Math.fround(1e20),
    })
  })

  test('recover goes back with lower rates until the fit holds', async () => {
    const network = net(backend)
    const history = await network.fit(rows, targets, { ...wild, recover: { factor: 0.05 } })
    const rates = history.recoveries?.map(({ learningRate }) => learningRate) ?? []
    expect(rates.length).toBeGreaterThan(0)
    rates.forEach((rate, i) => expect(rate).toBeCloseTo(1e4 * 0.05 ** (i + 1), 8))
    expect(history.epochs).toHaveLength(30)
    expect(network.evaluate(rows, targets).loss).toBeLessThan(net(backend).evaluate(rows, targets).loss)
  })
})

test('recover gives the same bits on all backends and threads', async () => {
  const found = await Promise.all(
    backendsUnderTest.flatMap(({ options }) =>
      [1, 2].map(async (threads) => {
        const network = net(options)
        const { epochs, recoveries } = await network.fit(rows, targets, {
          ...wild,
          recover: { factor: 0.05 },
          threads,
        })
        return { epochs, recoveries, parameters: network.parameters }
      }),
    ),
  )
  for (const one of found) expect(one).toEqual(found[0])
})

test('a rate that stays too high ends after ten roll-backs', async () => {
  const { autopsy } = await errorOf(net().fit(rows, targets, { ...wild, recover: { factor: 0.999 } }))
  expect(autopsy?.learningRate).toBeCloseTo(1e4 * 0.999 ** 10, 6)
})

test('a loss that explodes is found before it is infinite', async () => {
  const linear = new Network({ inputs: 2, layers: [dense(1)], seed: 3, dtype: 'float64' })
  const { autopsy } = await errorOf(
    linear.fit(rows, targets, { epochs: 60, batchSize: 40, optimizer: { name: 'sgd', learningRate: 4 } }),
  )
  expect(autopsy?.what).toBe('exploding loss')
  for (const { data } of Object.values(linear.parameters)) expect(data.every(Number.isFinite)).toBe(true)
})

test.each([
  ['rising by thousands, epoch by epoch', [1, 10, 1e3, 1e5], true],
  ['high, but falling', [1, 1e5, 1e4, 1e3], false],
  ['small throughout, by whatever factors', [1e-12, 1e-9, 1e-6, 1e-3], false],
  ['a single spike', [1, 0.5, 0.4, 1e6], false],
])('losses %s', (_, losses, expected) => {
  expect(isExploding(losses)).toBe(expected)
})

test.each([[{ factor: 1 }], [{ factor: 0 }], [{ faktor: 0.5 }], [3]])('recover: %j is refused', (recover) => {
  expect(() => net().fit(rows, targets, { recover: recover as never })).toThrow(/fit: recover/)
})

describe('train', () => {
  // A blank line puts the lines two ahead of the rows from the second on.
  const csv = `a,b,y\n${rows
    .map(([a, b], i) => `${a},${i === 17 ? 1e6 : b},${targets[i][0]}`)
    .join('\n')
    .replace('\n', '\n\n')}\n`
  const path = join(tmpdir(), `hadamard-diverged-${process.pid}.csv`)
  const options = { target: 'y', preset: 'plain', optimizer: 'sgd', epochs: 20, batchSize: 8 } as const

  test('names the lines of the file and the columns of the largest values', async () => {
    await writeFile(path, csv)
    const whole = { ...options, batchSize: 40, test: 0, validation: 0 }
    const error = await errorOf(train(path, { ...whole, learningRate: 1e30 }))
    await rm(path)
    const { rows: batch = [], lines, file, largest } = error.autopsy ?? {}
    expect(file).toBe(path)
    expect(new Set(batch).size).toBe(40)
    expect(lines).toEqual(batch.map((row) => (row === 0 ? 2 : row + 3)))
    expect(error.message).toContain(`${path} lines ${lines?.slice(0, 8).join(', ')} and 32 more`)
    expect(largest?.y?.column).toBe('y')
    expect(largest?.x).toMatchObject({ column: 'b', row: 17, line: 20 })
    // No value of n is further than √(n - 1) deviations from their mean, and an outlier among equals is there.
    expect(largest?.x?.value).toBeCloseTo(Math.sqrt(39), 4)
  })

  test('with recover it ends well, and warns of each time that it went back', async () => {
    const table = rows.map(([a, b], i) => ({ a, b, y: targets[i][0] }))
    const { report } = await train(table, { ...options, learningRate: 1e4, recover: { factor: 0.01 } })
    expect(report.warnings.filter((text) => text.startsWith('Training diverged in epoch'))).not.toHaveLength(
      0,
    )
    expect(Number.isFinite(report.train.loss)).toBe(true)
  })

  test('a factor out of range is refused before anything is read', async () => {
    await expect(train('none.csv', { target: 'y', recover: { factor: 2 } })).rejects.toThrow(
      /^recover.factor: /,
    )
  })
})
