/** Network as users hold it: what a fit promises, and a clear error for everything that cannot be. */

import { describe, expect, test } from 'vitest'
import { DataError, DivergenceError, SpecError } from '../src/errors.ts'
import { activation } from '../src/layers/activation.ts'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import { Network } from '../src/network.ts'
import type { NetworkOptions } from '../src/spec.ts'
import type { FitOptions } from '../src/training/options.ts'
import { isNativeUnderTest } from './support/backends.ts'

const XOR_X = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]
const XOR_Y = [0, 1, 1, 0]
const xorNetwork: NetworkOptions = {
  inputs: 2,
  layers: [dense(8, 'tanh'), dense(1)],
  loss: 'binaryCrossEntropyFromLogits',
  seed: 3,
}
const adam = { name: 'adam', learningRate: 0.05 } as const

/** Rows whose fit takes long enough to be interrupted. */
function longJob(rows = 4000): { x: Float32Array; y: Float32Array } {
  return {
    x: new Float32Array(rows * 2).map((_, i) => Math.sin(i)),
    y: new Float32Array(rows).map((_, i) => Math.cos(3 * i)),
  }
}
const regression: NetworkOptions = {
  inputs: 2,
  layers: [dense(32, 'relu'), dense(1)],
  loss: 'squaredError',
  seed: 1,
}

const backends = isNativeUnderTest ? (['native', 'fallback'] as const) : (['fallback'] as const)

describe.each(backends)('a fit on the %s backend', (backend) => {
  test('learns XOR and predicts probabilities', async () => {
    const net = new Network({ ...xorNetwork, backend })
    const history = await net.fit(XOR_X, XOR_Y, { epochs: 300, batchSize: 4, optimizer: adam })
    expect(history.stopped).toBe('epochs')
    expect(history.epochs).toHaveLength(300)
    expect(history.steps).toBe(300)
    const predictions = net.predict(XOR_X)
    XOR_Y.forEach((target, i) => expect(Math.abs(predictions[i] - target)).toBeLessThan(0.05))
    expect(net.evaluate(XOR_X, XOR_Y)).toMatchObject({ rows: 4, accuracy: 1 })
  })

  test('the iterator gives every epoch, also to a consumer that comes late', async () => {
    const net = new Network({ ...xorNetwork, backend })
    const run = net.fit(XOR_X, XOR_Y, { epochs: 50 })
    const early: number[] = []
    for await (const { epoch } of run) early.push(epoch)
    const history = await run
    const late: number[] = []
    for await (const { epoch } of run) late.push(epoch)
    expect(early).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    expect(late).toEqual(early)
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual(early)
  })

  test('leaving the loop does not stop the run', async () => {
    const net = new Network({ ...xorNetwork, backend })
    const run = net.fit(XOR_X, XOR_Y, { epochs: 40 })
    for await (const { epoch } of run) if (epoch === 2) break
    expect((await run).epochs).toHaveLength(40)
  })

  test('abort resolves with the epochs so far, and the network can go on', async () => {
    const { x, y } = longJob()
    const net = new Network({ ...regression, backend })
    const stop = new AbortController()
    const run = net.fit(x, y, { epochs: 100_000, signal: stop.signal })
    setTimeout(() => stop.abort(), 60)
    const history = await run
    expect(history.stopped).toBe('aborted')
    expect(history.epochs.length).toBeLessThan(100_000)
    expect([...net.predict(x.subarray(0, 4))].every(Number.isFinite)).toBe(true)
    expect((await net.fit(x, y, { epochs: 1 })).stopped).toBe('epochs')
  })

  test('a signal that is aborted already ends the run before its first step', async () => {
    const net = new Network({ ...xorNetwork, backend })
    const before = net.parameters
    const history = await net.fit(XOR_X, XOR_Y, { signal: AbortSignal.abort() })
    expect(history).toMatchObject({ stopped: 'aborted', steps: 0, epochs: [] })
    expect(net.parameters).toEqual(before)
  })

  test('maxTimeMs ends the run', async () => {
    const { x, y } = longJob()
    const history = await new Network({ ...regression, backend }).fit(x, y, { epochs: 1e6, maxTimeMs: 50 })
    expect(history.stopped).toBe('maxTime')
  })

  test('early stopping keeps the weights of the best epoch', async () => {
    const { x, y } = longJob(300)
    const net = new Network({ ...regression, layers: [dense(64, 'tanh'), dense(1)], backend })
    const options = {
      epochs: 400,
      optimizer: { name: 'adam', learningRate: 0.02 },
      earlyStopping: { patience: 5 },
    } as const
    const validation = { x: x.slice(0, 120), y: y.slice(0, 60) }
    const history = await net.fit(x.subarray(120), y.subarray(60), { ...options, validation })
    expect(history.stopped).toBe('earlyStopping')
    const losses = history.epochs.map((epoch) => epoch.validation.loss)
    expect(history.bestEpoch).toBe(losses.indexOf(Math.min(...losses)) + 1)
    expect(history.epochs).toHaveLength((history.bestEpoch ?? 0) + 5)
    expect(net.evaluate(validation.x, validation.y).loss).toBeCloseTo(Math.min(...losses), 5)
  })

  test('a validation share is drawn by the seed alone', async () => {
    const { x, y } = longJob(100)
    const fit = async (): Promise<number[]> => {
      const { epochs } = await new Network({ ...regression, backend }).fit(x, y, {
        epochs: 3,
        validation: 0.3,
      })
      return epochs.map(({ validation }) => validation.loss)
    }
    expect(await fit()).toEqual(await fit())
  })

  test('divergence is an error that names epoch, step and what was not finite; the last good weights are kept', async () => {
    const { x, y } = longJob(200)
    const net = new Network({ ...regression, backend })
    const run = net.fit(x, y, { epochs: 50, optimizer: { name: 'sgd', learningRate: 1e6 } })
    await expect(run).rejects.toThrow(DivergenceError)
    await expect(run).rejects.toThrow(
      /epoch \d+, step \d+: expected a finite .* learning rate of sgd \(now 1000000\)/,
    )
    await expect(
      (async () => {
        for await (const { epoch } of run) expect(epoch).toBeGreaterThan(0)
      })(),
    ).rejects.toThrow(DivergenceError)
    const error = await run.then(
      () => undefined,
      (reason: unknown) => reason as Error,
    )
    expect(error?.stack).toContain('network.test.ts')
    for (const { data } of Object.values(net.parameters))
      expect(data.every((w) => Number.isFinite(w))).toBe(true)
  })

  test('a second fit, predict and evaluate while one runs are errors that say so', async () => {
    const { x, y } = longJob()
    const net = new Network({ ...regression, backend })
    const stop = new AbortController()
    const run = net.fit(x, y, { epochs: 1e5, signal: stop.signal })
    const message =
      /expected a network that is not fitting; received a call while a fit runs\. Await the run first/
    expect(() => net.fit(x, y)).toThrow(message)
    expect(() => net.predict(x)).toThrow(message)
    expect(() => net.evaluate(x, y)).toThrow(message)
    stop.abort()
    await run
    expect(net.predict(x.subarray(0, 2))).toHaveLength(1)
  })

  test('several networks fit at once, each as if alone', async () => {
    const { x, y } = longJob(500)
    const alone = new Network({ ...regression, backend })
    await alone.fit(x, y, { epochs: 5 })
    const together = Array.from({ length: 4 }, () => new Network({ ...regression, backend }))
    await Promise.all(together.map((net) => net.fit(x, y, { epochs: 5 })))
    for (const net of together) expect(net.parameters).toEqual(alone.parameters)
  })

  test('arrays of the user are copied: changing or transferring them during a fit changes nothing', async () => {
    const { x, y } = longJob(500)
    const expected = new Network({ ...regression, backend })
    await expected.fit(x.slice(), y.slice(), { epochs: 20 })
    const net = new Network({ ...regression, backend })
    const run = net.fit(x, y, { epochs: 20 })
    x.fill(NaN)
    structuredClone(y.buffer, { transfer: [y.buffer as ArrayBuffer] })
    await run
    expect(net.parameters).toEqual(expected.parameters)
  })

  test('the event loop goes on while a fit runs', async () => {
    const { x, y } = longJob()
    const run = new Network({ ...regression, backend }).fit(x, y, { epochs: 1e6, maxTimeMs: 200 })
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    await run
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3)
  })

  test('float64 arrays are rounded once, rows of numbers and flat arrays are the same', async () => {
    const { x, y } = longJob(50)
    const nets = await Promise.all(
      [
        [x, y] as const,
        [Float64Array.from(x), Float64Array.from(y)] as const,
        [Array.from({ length: 50 }, (_, i) => [x[2 * i], x[2 * i + 1]]), [...y]] as const,
      ].map(async ([rows, targets]) => {
        const net = new Network({ ...regression, backend })
        await net.fit(rows, targets, { epochs: 2 })
        return net.parameters
      }),
    )
    expect(nets[1]).toEqual(nets[0])
    expect(nets[2]).toEqual(nets[0])
  })

  test('gradients agree with central differences of the objective', () => {
    const net = new Network({
      inputs: 3,
      layers: [dense(5, 'tanh'), dense(4, 'logistic'), dense(3)],
      loss: 'categoricalCrossEntropyFromLogits',
      l2: 0.1,
      seed: 5,
      backend,
    })
    const x = Float32Array.from({ length: 21 }, (_, i) => Math.sin(i))
    const y = Uint8Array.of(0, 1, 2, 0, 1, 2, 2)
    const { parameters } = net.gradients(x, y)
    const h = 2 ** -7
    for (const [name, { data }] of Object.entries(net.parameters)) {
      const numeric = data.map((value, i) => {
        const objective = (change: number): number => {
          net.setParameters({ [name]: data.map((w, j) => (i === j ? value + change : w)) })
          return net.gradients(x, y).objective
        }
        return (objective(h) - objective(-h)) / (2 * h)
      })
      net.setParameters({ [name]: data })
      const scale = Math.max(...numeric.map(Math.abs))
      numeric.forEach((gradient, i) =>
        expect(Math.abs(gradient - parameters[name][i]) / scale).toBeLessThan(2e-3),
      )
    }
  })
})

test.each(backends)('a fit on the %s backend after others is that of a fresh network', async (backend) => {
  const fits: FitOptions[] = [
    { epochs: 2, optimizer: adam, batchSize: 2 },
    { epochs: 2, optimizer: adam, batchSize: 2 },
    { epochs: 2, optimizer: { ...adam, learningRate: 0.01, beta1: 0.5 }, batchSize: 2 },
    { epochs: 2, optimizer: 'sgd', batchSize: 2 },
    { epochs: 2, optimizer: 'sgd', batchSize: 3 },
    { epochs: 2, optimizer: 'sgd', batchSize: 3, validation: Uint32Array.of(1) },
    { epochs: 2, optimizer: adam, batchSize: 2 },
  ]
  const used = new Network({ ...xorNetwork, backend })
  for (const options of fits) {
    const fresh = new Network({ ...xorNetwork, backend })
    fresh.setParameters(used.parameters)
    const [again, first] = [await used.fit(XOR_X, XOR_Y, options), await fresh.fit(XOR_X, XOR_Y, options)]
    expect(again.epochs).toEqual(first.epochs)
    expect(used.parameters).toEqual(fresh.parameters)
  }
})

test.each(backends)('a step that diverges on the %s backend leaves the network as it was', (backend) => {
  const build = (): Network =>
    new Network({ inputs: 2, layers: [dense(3, 'tanh'), dense(1)], seed: 1, backend })
  const [net, calm] = [build(), build()]
  const optimizer = { name: 'adam', learningRate: 0.1 } as const
  const step = (network: Network, y: number): unknown => network.trainStep([[1, -1]], [[y]], { optimizer })
  step(net, 1)
  step(calm, 1)
  expect(() => step(net, 3e38)).toThrow(DivergenceError)
  expect(net.parameters).toEqual(calm.parameters)
  expect(step(net, 1)).toEqual(step(calm, 1))
  expect(net.parameters).toEqual(calm.parameters)
})

test.each(backends)('set parameters on the %s backend begin anew', (backend) => {
  const net = new Network({ inputs: 2, layers: [dense(3, 'tanh'), dense(1)], seed: 1, backend })
  const start = net.parameters
  const steps = (): unknown[] => [1, 2, 3].map((y) => net.trainStep([[1, -1]], [[y]], { optimizer: 'adam' }))
  const first = steps()
  const end = net.parameters
  net.setParameters(start)
  expect(steps()).toEqual(first)
  expect(net.parameters).toEqual(end)
})

test('independent probabilities per row have a loss but no accuracy', async () => {
  const net = new Network({
    inputs: 2,
    layers: [dense(2, 'logistic')],
    loss: 'binaryCrossEntropy',
    backend: 'fallback',
  })
  const y = [
    [0, 1],
    [1, 1],
    [1, 0],
    [0, 0],
  ]
  const { epochs } = await net.fit(XOR_X, y, { epochs: 1, validation: { x: XOR_X, y } })
  expect(Object.keys(epochs[0].validation)).toEqual(['loss'])
  expect(Object.keys(net.evaluate(XOR_X, y))).toEqual(['rows', 'loss'])
})

test('a run of more epochs than one native call takes is one history', async () => {
  const net = new Network({ inputs: 1, layers: [dense(1)], loss: 'squaredError' })
  const { epochs, steps } = await net.fit([[1], [2]], [1, 2], {
    epochs: 9000,
    earlyStopping: { patience: 9000 },
  })
  expect([epochs.length, epochs[8999].epoch, steps]).toEqual([9000, 9000, 9000])
})

describe('bad networks', () => {
  const build = (options: object) => () => new Network({ ...xorNetwork, ...options })
  test.each([
    [
      'a misspelled option',
      { layer: [] },
      /expected one of the options .*; received 'layer'. Misspelled option 'layer' should be 'layers'/,
    ],
    ['no inputs', { inputs: 0 }, /inputs: expected an integer at least 1/],
    ['no layers', { layers: [] }, /layers: expected an array of at least one layer; received an array of 0/],
    [
      'a layer that is none',
      { layers: [{ type: 'dens' }] },
      /layers\[0\]: expected a layer of type dense, dropout, activation, batchNorm, layerNorm, scale, embedding, add, multiply, concat; received 'dens'/,
    ],
    ['only dropout', { layers: [dropout(0.1)] }, /layers: expected a layer with weights/],
    ['a misspelled loss', { loss: 'squaredEror' }, /loss: expected one of .* Did you mean 'squaredError'/],
    [
      'a loss that needs another output',
      { loss: 'categoricalCrossEntropy' },
      /expected a last layer with the activation softmax; received linear/,
    ],
    [
      'logits behind an activation',
      { layers: [dense(1, 'logistic')] },
      /expected a linear last layer, whose outputs are the logits; received logistic/,
    ],
    [
      'two layers of one name',
      { layers: [dense(2, 'relu', { name: 'a' }), dense(1, 'linear', { name: 'a' })] },
      /layers\[1\]\.name: expected a name .* that no other layer has; received 'a'/,
    ],
    ['a negative seed', { seed: -1 }, /seed: expected an integer at least 0; received -1/],
    [
      'an unknown backend',
      { backend: 'nativ' },
      /backend: expected native or fallback; received nativ. Did you mean native/,
    ],
  ])('%s', (_, options, message) => expect(build(options)).toThrow(message))

  test.each([
    ['units', () => dense(0), /dense: units: expected an integer at least 1/],
    [
      'an activation',
      () => activation('rellu' as 'relu'),
      /expected one of .*; received 'rellu'. Did you mean 'relu'/,
    ],
    ['a rate', () => dropout(1), /dropout: rate: expected a number at least 0 and below 1; received 1/],
    [
      'an option',
      () => dense(1, 'relu', { biass: true } as object),
      /Misspelled option 'biass' should be 'bias'/,
    ],
    [
      'no activation',
      () => dense(1, null as unknown as 'relu'),
      /dense: activation: expected one of linear,/,
    ],
    [
      'no loss',
      () => new Network({ inputs: 1, layers: [dense(1)], loss: null as unknown as 'hinge' }),
      /loss: expected one of squared/,
    ],
    [
      'a slope where there is none',
      () => activation({ name: 'relu', slope: 1 }),
      /activation relu: expected no options; received 'slope'/,
    ],
  ])('%s that cannot be', (_, make, message) => {
    expect(make).toThrow(SpecError)
    expect(make).toThrow(message)
  })
})

describe('bad data and options of a fit throw at once and leave the network usable', () => {
  const net = new Network({ ...xorNetwork, backend: 'fallback' })
  const classes = new Network({
    inputs: 2,
    layers: [dense(3)],
    loss: 'categoricalCrossEntropyFromLogits',
    backend: 'fallback',
  })
  const fit = (x: unknown, y: unknown, options?: object) => () =>
    net.fit(x as number[][], y as number[], options as FitOptions)
  test.each([
    [
      'NaN in x',
      fit(
        [
          [0, 1],
          [NaN, 2],
        ],
        [0, 1],
      ),
      /x: row 1, position 0: expected a finite float32 number; received NaN/,
    ],
    [
      'a number beyond float32',
      fit([[0, 1e39]], [0]),
      /x: row 0, position 1: expected a finite float32 number; received 1e\+39/,
    ],
    [
      'ragged rows',
      fit([[0, 1], [2]], [0, 1]),
      /x: expected rows of 2 numbers, as the network's inputs; received row 1 with 1/,
    ],
    ['text in x', fit([[0, '1']], [0]), /x: row 0, position 1: expected a number; received '1'/],
    [
      'a flat array of a wrong length',
      fit(new Float32Array(5), [0]),
      /x: expected a length that 2 divides .*; received 5/,
    ],
    ['zero rows', fit([], []), /x: expected at least one row; received 0 rows/],
    [
      'x that is no array',
      fit('abc', [0]),
      /x: expected a Float32Array, a Float64Array or an array of rows; received 'abc'/,
    ],
    ['y of another length', fit(XOR_X, [0, 1, 1]), /y: expected 4 rows, as in x; received 3/],
    ['targets outside 0..1', fit(XOR_X, [0, 1, 1, 2]), /y: row 3: expected targets from 0 to 1/],
    [
      'a label outside the classes',
      () => classes.fit(XOR_X, Int32Array.of(0, 1, 2, 3)),
      /y: row 3: expected a class index from 0 to 2; received 3/,
    ],
    [
      'a negative label',
      () => classes.fit(XOR_X, Int32Array.of(0, -1, 2, 1)),
      /y: row 1: expected a class index from 0 to 2; received -1/,
    ],
    [
      'labels for a regression',
      () => new Network({ ...regression, backend: 'fallback' }).fit(XOR_X, Uint8Array.from(XOR_Y)),
      /expected numbers, 1 per row, for the loss squaredError/,
    ],
    [
      'a misspelled option',
      fit(XOR_X, XOR_Y, { epoch: 3 }),
      /fit: .*Misspelled option 'epoch' should be 'epochs'/,
    ],
    [
      'zero epochs',
      fit(XOR_X, XOR_Y, { epochs: 0 }),
      /fit: epochs: expected an integer at least 1; received 0/,
    ],
    [
      'a misspelled optimizer',
      fit(XOR_X, XOR_Y, { optimizer: 'adm' }),
      /optimizer: expected one of sgd, momentum, .*; received 'adm'. Did you mean 'adam'/,
    ],
    [
      'a setting of another optimizer',
      fit(XOR_X, XOR_Y, { optimizer: { name: 'sgd', beta1: 0.9 } }),
      /optimizer sgd: expected one of the options name, learningRate, weightDecay, decayBiases, clipNorm, clipValue, rateFactors; received 'beta1'/,
    ],
    [
      'a negative learning rate',
      fit(XOR_X, XOR_Y, { optimizer: { name: 'sgd', learningRate: -1 } }),
      /optimizer.learningRate: expected a number above 0/,
    ],
    [
      'a misspelled option of trainStep',
      () => net.trainStep(XOR_X, XOR_Y, { optimiser: 'sgd' } as never),
      /trainStep: .*Misspelled option 'optimiser' should be 'optimizer'/,
    ],
    [
      'a misspelled option of gradients',
      () => net.gradients(XOR_X, XOR_Y, { sampleWeight: [1, 1, 1, 1] } as never),
      /gradients: .*should be 'sampleWeights'/,
    ],
    [
      'a misspelled option of forward',
      () => net.forward(XOR_X, { trainning: true } as never),
      /forward: .*should be 'training'/,
    ],
    [
      'a validation share of 1',
      fit(XOR_X, XOR_Y, { validation: 1 }),
      /fit: validation: expected a number at least 0 and below 1/,
    ],
    [
      'a validation row that is not there',
      fit(XOR_X, XOR_Y, { validation: Uint32Array.of(4) }),
      /fit: validation: expected different row numbers below 4; received 4/,
    ],
    [
      'all rows held out',
      fit(XOR_X, XOR_Y, { validation: Uint32Array.of(0, 1, 2, 3) }),
      /expected at least one row left to train on/,
    ],
    [
      'threads that cannot be',
      fit(XOR_X, XOR_Y, { threads: 0 }),
      /fit: threads: expected an integer at least 1/,
    ],
    [
      'a signal that is none',
      fit(XOR_X, XOR_Y, { signal: {} }),
      /fit: signal: expected an AbortSignal; received an object/,
    ],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message)
    expect(net.predict(XOR_X)).toHaveLength(4)
  })

  test('data errors are DataErrors', () => expect(fit([], [])).toThrow(DataError))

  test('parameters of a wrong name or length', () => {
    expect(() => net.setParameters({ 'dense9.weight': [1] })).toThrow(
      /expected one of dense1.weight, .*; received 'dense9.weight'/,
    )
    expect(() => net.setParameters({ 'dense2.bias': [1, 2] })).toThrow(
      /dense2.bias: expected 1 numbers; received 2/,
    )
  })

  test('a wrong parameter among right ones changes none of them', () => {
    const before = net.parameters
    const wrongOnes: [string, number[]][] = [
      ['dense1.bias', [1]],
      ['dense9.bias', [1]],
      ['dense1.bias', [NaN, 0, 0, 0, 0, 0, 0, 0]],
    ]
    for (const [name, wrong] of wrongOnes) {
      expect(() => net.setParameters({ 'dense2.bias': [0.5], [name]: wrong })).toThrow(SpecError)
    }
    expect(net.parameters).toEqual(before)
  })
})

test('summary shows layers, shapes, parameters and what runs', () => {
  const net = new Network({
    inputs: 28,
    layers: [dense(64, 'relu'), dropout(0.1), dense(1)],
    loss: 'binaryCrossEntropyFromLogits',
    seed: 1,
    backend: 'fallback',
  })
  expect(net.summary()).toBe(
    [
      'layer     activation  output       parameters',
      'input                 [batch, 28]           0',
      'dense1    relu        [batch, 64]       1,856',
      'dropout1  rate 0.1    [batch, 64]           0',
      'dense2    linear      [batch, 1]           65',
      '1,921 parameters in 2 layers; loss binaryCrossEntropyFromLogits; seed 1; fallback backend (typescript)',
    ].join('\n'),
  )
})
