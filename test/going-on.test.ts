/** Training that goes on: from a model with new data, and from an optimizer's state as if it had not been interrupted. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataError, SpecError } from '../src/errors.ts'
import {
  dense,
  dropout,
  loadModel,
  Network,
  train,
  type FitOptions,
  type Model,
  type OptimizerState,
  type TrainOptions,
} from '../src/index.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const x = new Float32Array(90 * 3).map((_, i) => Math.sin(i * i))
const y = new Float32Array(90).map((_, i) => x[3 * i] * x[3 * i + 1])
const network = (): Network =>
  new Network({
    inputs: 3,
    layers: [dense(6, 'tanh'), dropout(0.2), dense(1)],
    loss: 'squaredError',
    seed: 3,
  })

describe('an optimizer that is kept', () => {
  test.each(['adam', 'nesterov', 'adadelta'] as const)(
    '%s takes the very steps of a run without a break, also through a file',
    async (optimizer) => {
      const options: FitOptions = { optimizer, batchSize: 16, keepOptimizer: true }
      const whole = network()
      await whole.fit(x, y, { optimizer, batchSize: 16, epochs: 9 })
      const parts = network()
      await parts.fit(x, y, { ...options, epochs: 4 })
      const path = join(folder, `${optimizer}.model`)
      await parts.save(path)
      const loaded = (await Network.load(path)) as Network
      for (const net of [parts, loaded]) {
        await net.fit(x, y, { ...options, epochs: 5 })
        expect(net.parameters).toEqual(whole.parameters)
      }
      expect(loaded.optimizerState).toMatchObject({ optimizer, epochs: 9, steps: 9 * 6 })
    },
  )

  test('without the wish nothing is kept', async () => {
    const net = network()
    await net.fit(x, y, { epochs: 1 })
    expect(net.optimizerState).toBeUndefined()
  })

  test('goes on with itself only', async () => {
    const net = network()
    await net.fit(x, y, { epochs: 1, keepOptimizer: true })
    expect(() => net.fit(x, y, { epochs: 1, keepOptimizer: true, optimizer: 'sgd' })).toThrow(
      /fit: optimizer: expected 'adam', whose state the network has; received 'sgd'/,
    )
    const state = net.optimizerState as OptimizerState
    const other = new Network({ inputs: 3, layers: [dense(1)], loss: 'squaredError' })
    other.setOptimizerState(state)
    expect(() => other.fit(x, y, { keepOptimizer: true })).toThrow(/a state of \d+ numbers, as adam has/)
    for (const wrong of [
      { ...state, values: [] },
      { ...state, powers: [1] },
      { ...state, steps: -1 },
      { ...state, optimizer: 'adams' },
    ]) {
      expect(() => net.setOptimizerState(wrong as never)).toThrow(SpecError)
    }
    expect(() => net.fit(x, y, { keepOptimizer: true, optimizer: 'lbfgs' })).toThrow(
      /keepOptimizer: expected an optimizer that works step by step; received 'lbfgs'/,
    )
  })
})

type Row = Record<string, unknown>
const rowsOf = (count: number, kinds: string, shift = 0): Row[] =>
  Array.from({ length: count }, (_, i) => {
    const [size, kind] = [Math.sin(7 * i + shift) + shift, kinds[i % kinds.length]]
    return { size, kind, y: size + (kind === 'a' ? 0.5 : 0) > 0.3 + shift ? 'up' : 'down' }
  })
const options: TrainOptions = { target: 'y', epochs: 12, hidden: [6], activation: 'tanh', seed: 2 }
const old = rowsOf(120, 'ab')
const more = rowsOf(160, 'abc', 0.4)

const csvOf = (rows: readonly Row[]): string =>
  [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))].join('\n')

describe('fit with more data', () => {
  let model: Model<Row>
  let path = ''
  beforeAll(async () => {
    model = await train<Row>(old, { ...options, threshold: 'f1', positive: 'up', coverage: 0.7 })
    path = join(folder, 'old.model')
    await model.save(path)
  })

  test('keeps encoder and decisions, goes on with the weights, and leaves the model as it was', async () => {
    const before = model.predict(more)
    const next = await model.fit(more, { epochs: 2 })
    expect(next.encoder.toJSON()).toEqual(model.encoder.toJSON())
    expect(model.predict(more)).toEqual(before)
    expect(next.predict(more)).not.toEqual(before)
    expect(next.network.spec).toEqual(model.network.spec)
    expect(next.report).toMatchObject({
      from: 'a model in memory',
      rows: 160,
      decision: { positive: 'up', tunedFor: 'f1', conformal: { coverage: 0.7 } },
    })
    const first = model.report.classes ?? []
    const rows = next.report.split.train
    const counted = (next.report.classes ?? []).reduce((sum, { trainRows }) => sum + trainRows, 0)
    expect(counted).toBe(rows + first.reduce((sum, { trainRows }) => sum + trainRows, 0))
  })

  test('begins where the model was: with a rate of nothing it stays there', async () => {
    const next = await model.fit(more, { epochs: 1, learningRate: 1e-30 })
    expect(next.network.parameters).toEqual(model.network.parameters)
  })

  test('is the same through train and a file', async () => {
    const direct = await model.fit(more, { epochs: 2 })
    const fromFile = await train<Row>(more, { from: path, epochs: 2 })
    expect(fromFile.network.parameters).toEqual(direct.network.parameters)
    expect(fromFile.report.from).toBe(path)
  })

  test('is the same from another source than CSV', async () => {
    const file = join(folder, 'more.csv')
    await writeFile(file, csvOf(more))
    const direct = await train(file, { from: path, epochs: 2 })
    const sql = await train(`duckdb:SELECT * FROM '${file}'`, { from: path, epochs: 2 })
    expect(sql.network.parameters).toEqual(direct.network.parameters)
  })

  test('with refitEncoder new categories get inputs, and the others keep their weights by name', async () => {
    const next = await model.fit(more, { epochs: 1, learningRate: 1e-30, refitEncoder: true })
    expect(model.encoder.inputNames).toEqual(['size', 'kind=a', 'kind=b'])
    expect(next.encoder.inputNames).toEqual(['size', 'kind=a', 'kind=b', 'kind=c'])
    const [was, is] = [model, next].map(({ network }) => network.parameters['dense1.weight'].data)
    expect(is.subarray(0, was.length)).toEqual(was)
    expect(is.subarray(was.length).some((weight) => weight !== 0)).toBe(true)
    const [size] = next.encoder.data.inputs
    expect('mean' in size && size.mean).toBeGreaterThan(0.2)
    const reloaded = join(folder, 'refit.model')
    await next.save(reloaded)
    expect((await loadModel<Row>(reloaded)).predict(more)).toEqual(next.predict(more))
  })

  test('the optimizer’s state goes with the model where both trainings ask for it', async () => {
    const kept = await train<Row>(old, { ...options, keepOptimizer: true })
    const file = join(folder, 'kept.model')
    await kept.save(file)
    const next = await train<Row>(more, { from: file, epochs: 3, keepOptimizer: true })
    expect(next.network.optimizerState?.epochs).toBe(kept.report.epochs + 3)
    expect(next.report.warnings.join()).not.toMatch(/left aside/)
    const anew = await train<Row>(more, { from: file, epochs: 1 })
    expect(anew.report.warnings.join()).toMatch(/state of adam is left aside: keepOptimizer goes on with it/)
    const sgd = await train<Row>(more, { from: file, epochs: 1, keepOptimizer: true, optimizer: 'sgd' })
    expect(sgd.report.warnings.join()).toMatch(/left aside: the optimizer is sgd now/)
  })

  test('classes that the model does not have are named, with their rows', async () => {
    const rows = [...more, { size: 1, kind: 'a', y: 'sideways' }, { size: 2, kind: 'b', y: 'sideways' }]
    for (const refitEncoder of [false, true]) {
      const fitted = model.fit(rows, { refitEncoder })
      await expect(fitted).rejects.toThrow(/classes.*'down', 'up'; received also 'sideways' in 2 rows/)
      await expect(fitted).rejects.toThrow(DataError)
    }
  })

  test('all columns that are missing are named, and others that the model does not know', async () => {
    const file = join(folder, 'wrong.csv')
    await writeFile(file, 'y,colour\nup,red\ndown,blue\n')
    await expect(train(file, { from: path })).rejects.toThrow(
      /wrong\.csv: expected the columns of the model.*also 'size', 'kind'; received 'y', 'colour'/,
    )
    await expect(model.fit(more.map(({ size, y }) => ({ size, y })))).rejects.toThrow(/also 'kind'/)
    const { report } = await model.fit(
      more.map((row, i) => ({ ...row, colour: i })),
      { epochs: 1 },
    )
    expect(report.warnings).toContain("Left out the column that the model does not know: 'colour'.")
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['other layers', { hidden: [3] }, /hidden: expected nothing, as training goes on from a model/],
    ['another target', { target: 'kind' }, /target: expected 'y', as in the model/],
    ['no model', { from: 7 }, /from: expected the path of a model file, or a model; received 7/],
    ['a word for a claim', { refitEncoder: 'yes' }, /refitEncoder: expected true or false/],
  ])('%s is an error that says so', async (_, given, message) => {
    await expect(train(more, { from: model, ...given } as never)).rejects.toThrow(message)
  })

  test('refitEncoder needs a model', async () => {
    await expect(train(old, { ...options, refitEncoder: true })).rejects.toThrow(
      /refitEncoder: expected a model/,
    )
  })
})
