/** Rates per kind of parameter, whole batches only, and the epoch that is kept: what the recipes for tables are made of. */

import { describe, expect, test } from 'vitest'
import type { Optimizer } from '../src/compiler/optimizers.ts'
import { dense } from '../src/layers/dense.ts'
import { embedding } from '../src/layers/embedding.ts'
import { scale } from '../src/layers/scale.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'

const ROWS = 40
const INPUTS = 9
const random = randomStream(1, 'data')
const x = Float64Array.from({ length: ROWS * INPUTS }, (_, i) => random.normal(i))
const y = Float64Array.from({ length: ROWS }, (_, i) => Math.sin(x[INPUTS * i]) + x[INPUTS * i + 1])
const labels = Uint8Array.from(y, (value) => Number(value > 0))

describe.each(backendsUnderTest)('$label', ({ options }) => {
  const networkOf = (layers: ConstructorParameters<typeof Network>[0]['layers']): Network<'float64'> =>
    new Network({ inputs: INPUTS, layers, loss: 'squaredError', seed: 2, dtype: 'float64', ...options })
  const layers = [scale(), dense(6, 'tanh'), dense(1)]
  const factors: Record<string, number> = {
    'scale1.factor': 6,
    'dense1.weight': 1,
    'dense1.bias': 0.1,
    'dense2.weight': 2,
    'dense2.bias': 0.5,
  }
  const rateFactors = { factor: 6, bias: 0.1, dense2: 2, 'dense2.bias': 0.5 }
  // How far one step moves each parameter.
  const movesOf = (optimizer: Optimizer): Record<string, number[]> => {
    const net = networkOf(layers)
    net.setParameters({ 'dense1.bias': [1, -1, 2, 0.5, 0.1, -0.3], 'dense2.bias': [0.7] })
    const before = net.parameters
    net.trainStep(x, y, { optimizer })
    return Object.fromEntries(
      Object.entries(net.parameters).map(([name, { data }]) => [
        name,
        Array.from(data, (w, i) => w - before[name].data[i]),
      ]),
    )
  }

  // Of the first step, every rule is proportional to the rate; so is the decay of AdamW.
  test.each<Extract<Optimizer, object>>([
    { name: 'sgd', learningRate: 0.01 },
    { name: 'nesterov', learningRate: 0.01, weightDecay: 0.1 },
    { name: 'adam', learningRate: 0.01 },
    { name: 'adamw', learningRate: 0.01, weightDecay: 0.1 },
    { name: 'rmsprop', learningRate: 0.01 },
  ])('a step of $name is as many times as long', (optimizer) => {
    const plain = movesOf(optimizer)
    const scaled = movesOf({ ...optimizer, rateFactors })
    for (const [name, moves] of Object.entries(plain)) {
      moves.forEach((move, i) => {
        expect(Math.abs(scaled[name][i] - factors[name] * move)).toBeLessThan(1e-12 + 1e-12 * Math.abs(move))
      })
    }
  })

  test('a factor of 0 leaves parameters as they are', () => {
    const moves = movesOf({ name: 'adamw', learningRate: 0.1, rateFactors: { dense1: 0 } })
    expect(moves['dense1.weight'].every((move) => move === 0)).toBe(true)
    expect(moves['dense2.weight'].every((move) => move !== 0)).toBe(true)
  })

  // With w = W/√in and Adam, which knows no scale of gradients, the rate of w is that of W over √in.
  test('NTK layers are plain ones with other weights and rates', async () => {
    const units = [INPUTS, 16, 1]
    const ntk = networkOf([
      dense(16, 'tanh', { parametrization: 'ntk' }),
      dense(1, 'linear', { parametrization: 'ntk' }),
    ])
    const plain = networkOf([dense(16, 'tanh'), dense(1)])
    const rateFactors: Record<string, number> = {}
    for (const [i, name] of ['dense1.weight', 'dense2.weight'].entries()) {
      rateFactors[name] = 1 / Math.sqrt(units[i])
      plain.setParameters({ [name]: ntk.parameters[name].data.map((w) => w / Math.sqrt(units[i])) })
    }
    const common = { epochs: 20, batchSize: 16 }
    const optimizer = { name: 'adam', learningRate: 0.01, epsilon: 1e-300 } as const
    await ntk.fit(x, y, { ...common, optimizer })
    await plain.fit(x, y, { ...common, optimizer: { ...optimizer, rateFactors } })
    const [a, b] = [ntk.predict(x), plain.predict(x)]
    a.forEach((value, i) => {
      expect(Math.abs(value - b[i])).toBeLessThan(1e-9)
    })
  })

  test('dropLast takes whole batches only, and tells of their rows', async () => {
    const fit = (dropLast: boolean, batchSize: number) =>
      networkOf(layers).fit(x, y, {
        epochs: 3,
        batchSize,
        dropLast,
        optimizer: { name: 'sgd', learningRate: 1e-300 },
      })
    expect((await fit(true, 16)).steps).toBe(6)
    expect((await fit(false, 16)).steps).toBe(9)
    // Of one row a batch none is left over.
    const [whole, each] = [await fit(true, 1), await fit(false, 1)]
    expect(whole.epochs[0].loss).toBe(each.epochs[0].loss)
    // The mean over 32 of the 40 rows, that stay what they are.
    const losses = (await fit(true, 16)).epochs.map(({ loss }) => loss)
    expect(new Set(losses).size).toBe(3)
    for (const loss of losses) expect(Math.abs(loss / each.epochs[0].loss - 1)).toBeLessThan(0.5)
  })

  test('of epochs with equally few wrong validation rows the last one is kept', async () => {
    const net = new Network({
      inputs: INPUTS,
      layers: [dense(4, 'tanh'), dense(1, 'logistic')],
      loss: 'binaryCrossEntropy',
      seed: 3,
      ...options,
    })
    const validation = Uint32Array.from({ length: 12 }, (_, i) => 3 * i)
    const history = await net.fit(x, labels, {
      epochs: 30,
      batchSize: 7,
      optimizer: { name: 'adam', learningRate: 0.05 },
      validation,
      earlyStopping: { patience: Infinity, watch: 'error' },
    })
    const accuracies = history.epochs.map((epoch) => epoch.validation?.accuracy ?? 0)
    expect(history.stopped).toBe('epochs')
    expect(history.bestEpoch).toBe(1 + accuracies.lastIndexOf(Math.max(...accuracies)))
    const held = Float64Array.from(validation, (row) => labels[row])
    const rows = Float64Array.from(validation).map((row) => row)
    const inputs = Array.from(rows, (row) => Array.from(x.subarray(INPUTS * row, INPUTS * (row + 1))))
    expect(net.evaluate(inputs, held).accuracy).toBe(Math.max(...accuracies))
  })
})

test.each<[object, RegExp]>([
  [
    { optimizer: { name: 'adam', rateFactors: { biases: 0.1 } } },
    /rateFactors: expected kinds.*Did you mean 'bias'/,
  ],
  [
    { optimizer: { name: 'adam', rateFactors: { bias: -1 } } },
    /rateFactors.bias: expected a number at least 0/,
  ],
  [{ optimizer: { name: 'adam', rateFactors: 2 } }, /rateFactors: expected factors by kind/],
  [{ optimizer: { name: 'lbfgs', rateFactors: { bias: 1 } } }, /rateFactors/],
  [{ dropLast: 1 }, /dropLast: expected true or false/],
  [{ optimizer: 'lbfgs', dropLast: true }, /dropLast: expected no `dropLast` with the optimizer lbfgs/],
  [{ earlyStopping: { patience: 0 } }, /patience/],
  [{ earlyStopping: { watch: 'accuracy' }, validation: 0.2 }, /watch: expected one of loss, error/],
  [{ earlyStopping: { watch: 'error' } }, /watch: expected 'loss', or validation rows/],
  [{ earlyStopping: { watch: 'error' }, validation: 0.2 }, /watch: expected 'loss', or a network whose rows/],
  [{ earlyStopping: { watch: 'error', minDelta: 0.1 }, validation: 0.2 }, /minDelta: expected 0/],
])('%j is refused', (settings, message) => {
  const net = new Network({ inputs: INPUTS, layers: [dense(1)], loss: 'squaredError' })
  expect(() => net.fit(x, y, settings)).toThrow(message)
})

test('a parametrization is standard or ntk, and embeddings take in one column', () => {
  const other = { parametrization: 'mup' as 'ntk' }
  expect(() => dense(2, 'linear', other)).toThrow(/parametrization: expected one of standard, ntk/)
  const layers = [embedding(5, 2), dense(1)]
  expect(() => new Network({ inputs: 2, layers })).toThrow(
    /embedding: expected one column.*received 2 columns/,
  )
  expect(() => embedding(0, 2)).toThrow(/categories: expected an integer at least 1/)
})
