/** Presets of train: which one serves, what it is made of, and that it is kept in the model. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadModel, train, type TrainOptions } from '../src/index.ts'
import { Encoder } from '../src/data/encoder.ts'
import { tableFromRows } from '../src/data/table.ts'
import { normalizeTrainOptions } from '../src/model/normalize-options.ts'
import { randomStream } from '../src/random.ts'

const random = randomStream(1, 'rows')
const rows = Array.from({ length: 120 }, (_, i) => {
  const [a, b] = [random.normal(2 * i), random.normal(2 * i + 1)]
  return { a, b, kind: i % 3 === 0 ? 'x' : 'z', y: a * b + 0.1 * a, side: a * b > 0 ? 'up' : 'down' }
})
// Small, so that the fallback takes no time over it.
const quick = { preset: 'realmlp', hidden: [16, 16], epochs: 30, seed: 1 } as const

describe('which preset serves', () => {
  test.each<[Partial<TrainOptions>, string]>([
    [{}, 'realmlp'],
    [{ seed: 3, scale: 'quantile', validation: 0.2, classWeight: 'balanced', maxTime: 5 }, 'realmlp'],
    [{ hidden: [8] }, 'plain'],
    [{ epochs: 5 }, 'plain'],
    [{ optimizer: 'sgd' }, 'plain'],
    [{ hidden: [8], preset: 'realmlp' }, 'realmlp'],
    [{ preset: 'plain' }, 'plain'],
  ])('of %j %s', (options, preset) => {
    expect(normalizeTrainOptions({ target: 'y', ...options }).preset).toBe(preset)
  })

  test('an unknown one is refused with the nearest', async () => {
    await expect(train(rows, { target: 'y', preset: 'realmpl' as 'realmlp' })).rejects.toThrow(
      /preset: expected one of realmlp, plain; received 'realmpl'.*Did you mean 'realmlp'/,
    )
  })
})

test('realmlp is the published recipe', async () => {
  const model = await train(rows, { target: 'side', ignore: ['y'], ...quick })
  const { network, report, encoder } = model
  expect(report).toMatchObject({ preset: 'realmlp', maxEpochs: 30, epochs: 30, stopped: 'epochs' })
  // Where a batch as published would be all rows, it has 32.
  expect(report.batchSize).toBe(32)
  expect(network.spec).toMatchObject({
    l2: 0,
    loss: { name: 'binaryCrossEntropyFromLogits', labelSmoothing: 0.1 },
    layers: [
      { type: 'scale' },
      { type: 'dense', units: 16, activation: 'selu', parametrization: 'ntk' },
      { type: 'dense', units: 16, activation: 'selu', biasInitializer: { name: 'normal', deviation: 1 } },
      { type: 'dense', units: 1, initializer: 'zeros', parametrization: 'ntk' },
    ],
  })
  expect(encoder.data.inputs[0]).toMatchObject({ name: 'a', clip: 3 })
  // What is reported as log loss is that of the labels as they are.
  expect(report.test?.logLoss).not.toBeCloseTo(report.test?.loss ?? NaN, 6)
  expect(report.test?.accuracy).toBeGreaterThan(0.7)
})

test('of regression, predictions stay within the training targets, in a saved model too', async () => {
  const model = await train(rows, { target: 'y', ignore: ['side'], ...quick })
  expect(model.network.spec.layers[1]).toMatchObject({ activation: 'mish' })
  const { target } = model.encoder.data
  const range = target.task === 'regression' ? target.range : undefined
  const [low, high] = range ?? [NaN, NaN]
  expect(low).toBeGreaterThanOrEqual(Math.min(...rows.map(({ y }) => y)))
  expect(high).toBeLessThanOrEqual(Math.max(...rows.map(({ y }) => y)))
  expect(model.encoder.decodeValue(1e6)).toBe(high)
  expect(model.encoder.decodeValue(-1e6)).toBe(low)
  const folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  await model.save(join(folder, 'm.model'))
  const loaded = await loadModel(join(folder, 'm.model'))
  expect(loaded.encoder.decodeValue(1e6)).toBe(high)
  expect(loaded.predict(rows)).toEqual(model.predict(rows))
  expect(loaded.report.preset).toBe('realmlp')
  await rm(folder, { recursive: true })
})

test('an optimizer and a patience of one’s own go with the recipe', async () => {
  const options = { target: 'y', ignore: ['side'], ...quick, epochs: 60 }
  const { report } = await train(rows, { ...options, optimizer: 'rmsprop', patience: 1 })
  expect(report.stopped).toBe('earlyStopping')
  const full = await train(rows, { ...options, optimizer: 'lbfgs', patience: 3, epochs: 5 })
  expect(full.report.batchSize).toBe(full.report.split.train)
})

test.each<[object, RegExp]>([
  [{ clip: 0 }, /clip: expected a number above 0/],
  [{ clip: '3' }, /clip: expected a number above 0/],
])('a file with %j among the inputs is refused', (part, message) => {
  const { data } = Encoder.fit(tableFromRows(rows), [0, 1, 2], { target: 'side', scale: 'clipped' })
  expect(() => Encoder.fromJSON({ ...data, inputs: [{ ...data.inputs[0], ...part }] })).toThrow(message)
})

test.each([[[2, 1]], [[1]], ['wide'], [[0, null]]])('a range %j of the target is refused', (range) => {
  const { data } = Encoder.fit(tableFromRows(rows), [0, 1, 2], { target: 'y', clampTarget: true })
  expect(() => Encoder.fromJSON({ ...data, target: { ...data.target, range } })).toThrow(
    /target.range: expected/,
  )
})
