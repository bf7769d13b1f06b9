/** What is told of fits that diverge, and how they go on with `recover`. */

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { DivergenceError } from '../src/errors.ts'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  batchNorm,
  composed,
  customActivation,
  dense,
  Network,
  openCsv,
  train,
  type Activation,
  type Autopsy,
} from '../src/index.ts'
import { isExploding } from '../src/training/divergence.ts'
import type { BackendOptions } from '../src/backends/choose.ts'
import { backendsUnderTest } from './support/backends.ts'

const rows = Array.from({ length: 40 }, (_, i) => [Math.sin(i), Math.cos(2 * i)])
const targets = rows.map(([a, b]) => [a - 2 * b])
const net = (options?: BackendOptions): Network =>
  new Network({ inputs: 2, layers: [dense(8, 'relu'), dense(1)], seed: 3, ...options })
const twoOutputs = (): Network =>
  new Network({
    inputs: 2,
    layers: [
      dense(4, 'relu'),
      dense(1, 'linear', { name: 'a', from: 'dense1' }),
      dense(1, 'linear', { name: 'b', from: 'dense1' }),
    ],
    outputs: [
      { layer: 'a', loss: 'squaredError' },
      { layer: 'b', loss: 'squaredError' },
    ],
    seed: 3,
  })
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

  test.each(['x', 'y'])('a value of %s that stands alone is found in its row', async (where) => {
    const [x, y] = [rows.map((row) => [...row]), targets.map((row) => [...row])]
    ;(where === 'x' ? x : y)[17][0] = 1e20
    const { autopsy } = await errorOf(net(backend).fit(x, y, { ...wild, batchSize: 40 }))
    expect(autopsy).toMatchObject({ likelyCause: 'badValue', instruction: { phase: 'loss', row: 17 } })
    const [sample] = autopsy?.samples ?? []
    expect([sample.row, sample[where as 'x' | 'y'][0]]).toEqual([17, Math.fround(1e20)])
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

const scaledBy = (factor: number, values: number[][]): number[][] =>
  values.map((row) => row.map((value) => value * factor))
const withCell = (row: number, value: number): number[][] =>
  rows.map(([a, b], i) => [a, i === row ? value : b])
const activated = (activation: Activation): Network =>
  new Network({ inputs: 2, layers: [dense(4, activation), dense(1)], seed: 1 })
const sgd = { optimizer: 'sgd', batchSize: 8, epochs: 30 } as const
const from = (weight: number): Network => {
  const network = net()
  network.setParameters({ 'dense2.weight': new Array<number>(8).fill(weight) })
  return network
}

test.each<[string, () => PromiseLike<unknown>, Partial<Autopsy>]>([
  [
    'a rate of 1e6',
    () => net().fit(rows, targets, { ...wild, optimizer: { name: 'sgd', learningRate: 1e6 } }),
    { likelyCause: 'learningRate', learningRate: 1e6 },
  ],
  [
    'a rate of 1e6 in float64',
    () =>
      new Network({ ...net().spec, dtype: 'float64' }).fit(rows, targets, {
        ...wild,
        optimizer: { name: 'sgd', learningRate: 1e6 },
      }),
    { likelyCause: 'learningRate' },
  ],
  [
    'a rate of 1e6 with accumulation',
    () => net().fit(rows, targets, { ...wild, accumulate: 2 }),
    { likelyCause: 'learningRate', step: 3 },
  ],
  [
    'a rate that a schedule raises',
    () => net().fit(rows, targets, { ...sgd, schedule: (epoch) => 10 ** epoch }),
    { likelyCause: 'learningRate' },
  ],
  ['one cell of 1e30', () => net().fit(withCell(17, 1e30), targets, sgd), { likelyCause: 'badValue' }],
  [
    'one cell of 1e6, in an earlier batch',
    () => net().fit(withCell(17, 1e6), targets, sgd),
    { likelyCause: 'badValue' },
  ],
  [
    'all of a column about 1e12',
    () =>
      net().fit(
        rows.map(([a, b]) => [a, 1e12 * b]),
        targets,
        sgd,
      ),
    { likelyCause: 'unscaledInput' },
  ],
  [
    'inputs about 300, at the usual rate',
    () => net().fit(scaledBy(300, rows), targets, sgd),
    { likelyCause: 'unscaledInput' },
  ],
  [
    'targets about 1e10',
    () => net().fit(rows, scaledBy(1e10, targets), sgd),
    { likelyCause: 'unscaledTarget' },
  ],
  [
    'one weight of 1e30',
    () => net().fit(rows, targets, { ...sgd, sampleWeights: rows.map((_, i) => (i === 5 ? 1e30 : 1)) }),
    { likelyCause: 'sampleWeight' },
  ],
  [
    'weights of 1e30 to begin with',
    () => from(1e30).fit(rows, targets, sgd),
    { likelyCause: 'initialWeights', step: 1 },
  ],
  [
    'the logarithm of 0',
    () => activated(composed('ln', (x, { log, relu }) => log(relu(x)))).fit(rows, targets, sgd),
    { likelyCause: 'logarithm', layer: 'dense1' },
  ],
  [
    'a division by 0',
    () => activated(composed('inverse', (x, { divide, relu }) => divide(x, relu(x)))).fit(rows, targets, sgd),
    { likelyCause: 'division', layer: 'dense1' },
  ],
  [
    'a function that gives NaN',
    () => {
      // Such an activation runs on the fallback alone, whatever the tests wish for.
      vi.stubEnv('HADAMARD_BACKEND', '')
      const root = customActivation({ name: 'root', forward: Math.sqrt, backward: () => 1 })
      return activated(root).fit(rows, targets, sgd)
    },
    { likelyCause: 'customActivation', layer: 'dense1' },
  ],
  [
    'lbfgs, with one cell of 1e30',
    () => net().fit(withCell(17, 1e30), targets, { optimizer: 'lbfgs' }),
    { likelyCause: 'badValue' },
  ],
  [
    'the second of two outputs',
    () =>
      twoOutputs().fit(
        rows,
        targets.map(([y], i) => [y, i === 7 ? 1e30 : y]),
        sgd,
      ),
    { likelyCause: 'badValue', layer: 'b' },
  ],
])('%s is told as the cause', async (_, run, expected) => {
  const { autopsy, message } = await errorOf(run())
  expect(autopsy).toMatchObject(expected)
  expect(message).toContain(`, first from ${autopsy?.instruction?.op} of layer `)
})

test('the instruction is named with its layer, its pass and the row that it failed on', async () => {
  const { autopsy } = await errorOf(activated(composed('ln', (x, { log }) => log(x))).fit(rows, targets, sgd))
  const { op, phase, layer, row } = autopsy?.instruction ?? {}
  expect({ op, phase, layer }).toEqual({ op: 'log', phase: 'forward', layer: 'dense1' })
  // The first row of the batch for which a unit's sum is not positive.
  const { data } = activated('linear').parameters['dense1.weight']
  const isRefused = ([a, b]: number[]): boolean =>
    [0, 1, 2, 3].some((unit) => a * data[unit] + b * data[4 + unit] <= 0)
  expect(row).toBe(autopsy?.rows.find((at) => isRefused(rows[at])))
})

test('an update that overflows is told of, with the rows of its step', async () => {
  const linear = new Network({ inputs: 2, layers: [dense(1)], seed: 3 })
  const { autopsy } = await errorOf(
    linear.fit(rows, targets, { batchSize: 40, epochs: 1, optimizer: { name: 'sgd', learningRate: 1e39 } }),
  )
  expect(autopsy).toMatchObject({
    epoch: 1,
    step: 1,
    what: 'weights',
    instruction: { op: 'sgd', phase: 'update', layer: 'dense1' },
  })
  expect(new Set(autopsy?.rows).size).toBe(40)
})

test.each([
  [
    'NaN in a typed array',
    () => net().fit(Float32Array.of(1, NaN), targets.slice(0, 1)),
    /^x: row 0, position 1: .*NaN/,
  ],
  [
    'a weight that is NaN',
    () => net().fit(rows, targets, { sampleWeights: rows.map(() => NaN) }),
    /^sampleWeights: row 0/,
  ],
  [
    'batch norm on batches of one row',
    () =>
      new Network({ inputs: 2, layers: [dense(2), batchNorm(), dense(1)] }).fit(rows, targets, {
        batchSize: 1,
      }),
    /^fit: batchSize: expected at least 2 rows/,
  ],
])('%s is refused before anything runs', (_, run, message) => {
  expect(run).toThrow(message)
})

test('with early stopping, too, a loss that explodes is found before it is infinite', async () => {
  const linear = new Network({ inputs: 2, layers: [dense(1)], seed: 3, dtype: 'float64' })
  const options = { validation: 0.2, earlyStopping: { patience: 50 }, epochs: 60, batchSize: 40 }
  const { autopsy } = await errorOf(
    linear.fit(rows, targets, { ...options, optimizer: { name: 'sgd', learningRate: 4 } }),
  )
  expect(autopsy).toMatchObject({ what: 'exploding loss', likelyCause: 'learningRate' })
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

describe('data of several files', () => {
  const folder = join(tmpdir(), `hadamard-diverged-${process.pid}`)
  const bad = withCell(30, 1e30)
  const lines = bad.map(([a, b], i) => `${a},${b},${targets[i][0]}`)
  const pattern = join(folder, '*.csv')
  beforeAll(async () => {
    await mkdir(folder)
    await writeFile(join(folder, '1.csv'), `a,b,y\n${lines.slice(0, 20).join('\n')}\n`)
    // A blank line puts the lines three ahead of the rows of the file.
    await writeFile(join(folder, '2.csv'), `a,b,y\n\n${lines.slice(20).join('\n')}\n`)
  })
  afterEach(() => vi.unstubAllEnvs())

  afterAll(() => rm(folder, { recursive: true }))
  const place = { file: join(folder, '2.csv'), line: 13, column: 'b', raw: 1e30 }
  const plain = {
    target: 'y',
    preset: 'plain',
    optimizer: 'sgd',
    scale: 'robust',
    batchSize: 8,
    test: 0,
    validation: 0,
  } as const

  test.each<[string, () => PromiseLike<unknown>]>([
    ['train', () => train(pattern, plain)],
    [
      'train out of core',
      () => train(pattern, { ...plain, outOfCore: true, cache: false, shuffleWindow: 16 }),
    ],
    [
      'fit on a dataset',
      async () =>
        net().fit(await openCsv(pattern), { ...sgd, target: 'y', validation: 0.1, shuffleWindow: 16 }),
    ],
    [
      'fit on a view',
      async () =>
        net().fit(
          (await openCsv(pattern)).filter((_, number) => number > 8),
          { ...sgd, target: 'y', shuffleWindow: 16 },
        ),
    ],
  ])('%s names file, line and the value as it stands there', async (_, run) => {
    const { autopsy, message } = await errorOf(run())
    expect(autopsy).toMatchObject({
      likelyCause: 'badValue',
      largest: { x: place },
      instruction: { row: 30 },
    })
    expect(autopsy?.samples[0]).toMatchObject({
      line: 13,
      values: { a: rows[30][0], b: 1e30, y: targets[30][0] },
    })
    const [low = NaN, high = NaN] = autopsy?.largest.x?.typical ?? []
    expect(low >= -1 && low < high && high <= 1).toBe(true)
    expect(message).toContain(`olumn 'b' has 1e+30`)
    expect(message).toContain(`${place.file} line 13`)
  })

  test('the lines of a batch are those of its rows, whichever file they are of', async () => {
    const { autopsy } = await errorOf(train(pattern, { ...plain, scale: 'clipped', learningRate: 1e9 }))
    const { rows: batch = [], files, lines: found } = autopsy ?? {}
    expect(new Set(files).size).toBe(2)
    expect(found).toEqual(batch.map((row) => (row < 20 ? row + 2 : row - 17)))
    expect(files).toEqual(batch.map((row) => join(folder, row < 20 ? '1.csv' : '2.csv')))
  })

  test('recover serves datasets and trainings out of core as well', async () => {
    const first = join(folder, '1.csv')
    const tooFast = { batchSize: 8, epochs: 20, recover: { factor: 0.05 }, shuffleWindow: 16 }
    const options = { ...tooFast, target: 'y', optimizer: { name: 'sgd', learningRate: 1e4 } } as const
    const { recoveries = [], epochs } = await net().fit(await openCsv(first), options)
    expect(recoveries.length).toBeGreaterThan(0)
    recoveries.forEach(({ learningRate }, i) => expect(learningRate).toBeCloseTo(1e4 * 0.05 ** (i + 1), 6))
    expect(epochs).toHaveLength(20)
    const { report } = await train(first, {
      ...plain,
      ...tooFast,
      learningRate: 1e4,
      outOfCore: true,
      cache: false,
    })
    expect(report.warnings.some((text) => text.startsWith('Training diverged in epoch'))).toBe(true)
    expect(Number.isFinite(report.train.loss)).toBe(true)
  })
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
