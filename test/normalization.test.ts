/** Batch and layer normalisation: theorems, running statistics, and what a fit, a file and a wrong use do with them. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  batchNorm,
  DataError,
  dense,
  DivergenceError,
  layerNorm,
  Network,
  SpecError,
  type NetworkOptions,
} from '../src/index.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'
import { dataOf, headerOf, signedFileOf } from './support/model-files.ts'

const INPUTS = 5

function rowsOf(count: number, name = 'x'): number[][] {
  const random = randomStream(11, name)
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: INPUTS }, (_, j) => (j + 1) * random.normal(row * INPUTS + j) + 3 * j),
  )
}

const columnsOf = (values: ArrayLike<number>, n: number): number[][] =>
  Array.from({ length: n }, (_, j) => Array.from(values).filter((_, i) => i % n === j))

function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length }
}

describe.each(backendsUnderTest)('on $label', ({ options }) => {
  const net = (
    layers: NetworkOptions['layers'],
    more: Partial<NetworkOptions<'float64'>> = {},
  ): Network<'float64'> =>
    new Network({
      inputs: INPUTS,
      layers: [...layers, dense(1)],
      loss: 'squaredError',
      dtype: 'float64',
      ...more,
      ...options,
    })
  const inTraining = (network: Network<'float64'>, x: number[][], layer: string): Float64Array =>
    network.forward(x, { training: true })[layer]

  test.each([2, 7, 33])(
    'normalised columns of %d rows have mean 0 and variance v / (v + epsilon)',
    (rows) => {
      const x = rowsOf(rows)
      const y = columnsOf(inTraining(net([batchNorm({ epsilon: 0.5 })]), x, 'batchNorm1'), INPUTS)
      columnsOf(x.flat(), INPUTS).forEach((column, j) => {
        const { variance } = moments(column)
        const normalised = moments(y[j])
        expect(normalised.mean).toBeCloseTo(0, 12)
        expect(normalised.variance).toBeCloseTo(variance / (variance + 0.5), 12)
      })
    },
  )

  test.each(['float32', 'float64'] as const)('a constant column is normalised to 0 exactly, %s', (dtype) => {
    const x = rowsOf(11).map(([a, b, , d, e]) => [a, b, 0.1, d, e])
    const network = new Network({
      inputs: INPUTS,
      layers: [batchNorm(), dense(1)],
      loss: 'squaredError',
      dtype,
      ...options,
    })
    const columns = columnsOf(network.forward(x, { training: true }).batchNorm1, INPUTS)
    expect(columns.map((column) => column.every((value) => value === 0))).toEqual(
      [0, 1, 2, 3, 4].map((j) => j === 2),
    )
  })

  test('rows normalised by layer norm have mean 0 and variance v / (v + epsilon), in training or not', () => {
    const x = rowsOf(6)
    const network = net([layerNorm({ epsilon: 0.5 })])
    for (const training of [false, true]) {
      const y = network.forward(x, { training }).layerNorm1
      x.forEach((row, i) => {
        const { variance } = moments(row)
        const normalised = moments([...y.subarray(i * INPUTS, (i + 1) * INPUTS)])
        expect(normalised.mean).toBeCloseTo(0, 12)
        expect(normalised.variance).toBeCloseTo(variance / (variance + 0.5), 12)
      })
    }
  })

  test('layer norm does not see scale and shift of its rows', () => {
    const x = rowsOf(4)
    const network = net([layerNorm({ epsilon: 1e-14 })])
    const y = network.forward(x).layerNorm1
    const moved = network.forward(x.map((row, i) => row.map((value) => (i + 2) * value - 7))).layerNorm1
    moved.forEach((value, i) => {
      expect(value).toBeCloseTo(y[i], 11)
    })
  })

  test('gamma and beta scale and shift by column', () => {
    const [gamma, beta] = [
      [1, -2, 0.5, 3, 0],
      [0, 1, -1, 2, 5],
    ]
    for (const [layer, name] of [
      [batchNorm(), 'batchNorm1'],
      [layerNorm(), 'layerNorm1'],
    ] as const) {
      const network = net([layer])
      const plain = inTraining(network, rowsOf(3), name)
      network.setParameters({ [`${name}.gamma`]: gamma, [`${name}.beta`]: beta })
      inTraining(network, rowsOf(3), name).forEach((value, i) => {
        expect(value).toBeCloseTo(plain[i] * gamma[i % INPUTS] + beta[i % INPUTS], 14)
      })
    }
  })

  test('a step moves the running statistics once; looking at a batch does not, and predictions use them', () => {
    const x = rowsOf(7)
    const y = x.map(([a]) => a)
    const network = net([batchNorm({ momentum: 0.25, epsilon: 0.125 })])
    expect(network.state['batchNorm1.runningMean'].data).toEqual(new Float64Array(INPUTS))
    expect(network.state['batchNorm1.runningVariance'].data).toEqual(new Float64Array(INPUTS).fill(1))
    const before = network.state
    network.gradients(x, y)
    network.forward(x, { training: true })
    network.forward(x)
    network.predict(x)
    expect(network.state).toEqual(before)

    network.trainStep(x, y)
    const { 'batchNorm1.runningMean': means, 'batchNorm1.runningVariance': variances } = network.state
    columnsOf(x.flat(), INPUTS).forEach((column, j) => {
      const { mean, variance } = moments(column)
      expect(means.data[j]).toBeCloseTo(0.25 * mean, 12)
      expect(variances.data[j]).toBeCloseTo(0.75 + (0.25 * variance * 7) / 6, 12)
    })

    const { data: gamma } = network.parameters['batchNorm1.gamma']
    const { data: beta } = network.parameters['batchNorm1.beta']
    const { data: weight } = network.parameters['dense1.weight']
    const [bias] = network.parameters['dense1.bias'].data
    const predicted = network.predict(x.slice(0, 1))[0]
    const expected = x[0].reduce((sum, value, j) => {
      const normalised = (value - means.data[j]) / Math.sqrt(variances.data[j] + 0.125)
      return sum + weight[j] * (gamma[j] * normalised + beta[j])
    }, bias)
    expect(predicted).toBeCloseTo(expected, 12)
    expect(network.forward(x.slice(0, 1)).dense1[0]).toBe(predicted)
  })

  test('a last batch of one row is normalised by the running statistics and leaves them as they are', async () => {
    const x = rowsOf(3)
    const y = x.map(([a]) => a)
    const network = net([batchNorm({ momentum: 1 })])
    network.setState({
      'batchNorm1.runningMean': [1, 2, 3, 4, 5],
      'batchNorm1.runningVariance': [4, 4, 4, 4, 4],
    })
    const { layerOutputs } = network.gradients(x, y, { rows: [2] })
    x[2].forEach((value, j) => {
      expect(layerOutputs.batchNorm1[j]).toBeCloseTo((value - (j + 1)) / Math.sqrt(4 + 1e-5), 12)
    })
    const before = network.state
    network.trainStep(x, y, { rows: [2] })
    expect(network.state).toEqual(before)

    // With momentum 1 the state is that of the last batch with statistics: one of the pairs.
    await network.fit(x, y, { epochs: 1, batchSize: 2 })
    const { data } = network.state['batchNorm1.runningMean']
    const pairs = [
      [0, 1],
      [0, 2],
      [1, 2],
    ]
    const distances = pairs.map(([a, b]) =>
      Math.max(...x[a].map((value, j) => Math.abs((value + x[b][j]) / 2 - data[j]))),
    )
    expect(Math.min(...distances)).toBeLessThan(1e-12)
  })

  test('training on single rows is refused before anything runs', () => {
    const network = net([dense(3, 'relu', { bias: false }), batchNorm()])
    const before = [network.parameters, network.state]
    const [x, y] = [rowsOf(4), [1, 2, 3, 4]]
    expect(() => network.fit(x, y, { batchSize: 1 })).toThrow(SpecError)
    expect(() => network.fit(x, y, { batchSize: 1 })).toThrow(
      /fit: batchSize: expected at least 2 rows per batch, for the batch statistics of batchNorm1; received 1\. layerNorm/,
    )
    const one = x.slice(0, 1)
    for (const call of [
      () => network.fit(one, [1]),
      () => network.fit(x.slice(0, 2), [1, 2], { validation: 0.5 }),
      () => network.trainStep(one, [1]),
      () => network.gradients(one, [1]),
      () => network.forward(one, { training: true }),
    ]) {
      expect(call).toThrow(DataError)
      expect(call).toThrow(/x: expected at least 2 rows to train on, .* batchNorm1; received 1\./)
    }
    expect([network.parameters, network.state]).toEqual(before)
    expect(network.predict(one)).toHaveLength(1)
    expect(() => net([layerNorm()]).trainStep(one, [1])).not.toThrow()
  })

  test('early stopping restores the state of the best epoch with its weights', async () => {
    const x = rowsOf(40)
    const y = rowsOf(40, 'noise').map(([a]) => a)
    const build = (): Network<'float64'> =>
      net([dense(24, 'tanh', { bias: false }), batchNorm(), layerNorm()], { seed: 4 })
    const settings = {
      batchSize: 8,
      validation: { x: x.slice(30), y: y.slice(30) },
      optimizer: { name: 'adam', learningRate: 0.05 },
    } as const
    const stopped = build()
    const history = await stopped.fit(x.slice(0, 30), y.slice(0, 30), {
      ...settings,
      epochs: 200,
      earlyStopping: { patience: 3 },
    })
    expect(history.stopped).toBe('earlyStopping')
    const shorter = build()
    await shorter.fit(x.slice(0, 30), y.slice(0, 30), { ...settings, epochs: history.bestEpoch })
    expect(stopped.state).toEqual(shorter.state)
    expect(stopped.parameters).toEqual(shorter.parameters)
    expect(stopped.state).not.toEqual(build().state)
    const best = history.epochs[(history.bestEpoch ?? 0) - 1].validation.loss
    expect(stopped.evaluate(settings.validation.x, settings.validation.y).loss).toBeCloseTo(best, 12)
  })

  test('a running statistic that overflows ends the fit; the last good ones are kept', async () => {
    const network = new Network({
      inputs: 1,
      layers: [batchNorm(), dense(1)],
      loss: 'squaredError',
      ...options,
    })
    const run = network.fit([-3e19, 3e19, 1, 2], [0, 1, 2, 3], { epochs: 2 })
    await expect(run).rejects.toThrow(DivergenceError)
    await expect(run).rejects.toThrow(/expected a finite batchNorm1\.runningVariance/)
    expect([...network.state['batchNorm1.runningVariance'].data]).toEqual([1])
  })

  test('the state of a trained network goes with its file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
    const path = join(folder, 'net.model')
    try {
      const [x, y] = [rowsOf(9), rowsOf(9).map(([a]) => a)]
      const network = net([batchNorm({ name: 'first' }), dense(3, 'relu'), batchNorm()])
      await network.fit(x, y, { epochs: 3, batchSize: 4 })
      await network.save(path)
      const loaded = await Network.load(path, options)
      expect(loaded.state).toEqual(network.state)
      expect(loaded.predict(x)).toEqual(network.predict(x))

      const file = await readFile(path)
      const header = headerOf(file)
      expect(header['state.first.runningMean']).toMatchObject({ dtype: 'F64', shape: [INPUTS] })
      const renamed = headerOf(file)
      renamed['optimizer.first.runningMean'] = renamed['state.first.runningMean']
      delete renamed['state.first.runningMean']
      await writeFile(path, signedFileOf(renamed, dataOf(file)))
      await expect(Network.load(path)).rejects.toThrow(
        /tensor state\.first\.runningMean: expected F64 \[5\]; received none/,
      )
      const data = Buffer.from(dataOf(file))
      data.writeDoubleLE(-0.5, header['state.batchNorm2.runningVariance'].data_offsets[0] + 8)
      await writeFile(path, signedFileOf(header, data))
      await expect(Network.load(path)).rejects.toThrow(
        /state\.batchNorm2\.runningVariance, element 1: expected a finite number at least 0; received -0\.5/,
      )
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

test('wrong states are refused and change nothing', () => {
  const network = new Network({ inputs: 2, layers: [batchNorm(), dense(1)], loss: 'squaredError' })
  const before = network.state
  const cases: [Record<string, number[]>, RegExp][] = [
    [{ runningMean: [0, 0] }, /expected one of batchNorm1\.runningMean, .*; received 'runningMean'/],
    [{ 'batchNorm1.runningMean': [0] }, /batchNorm1\.runningMean: expected 2 numbers; received 1/],
    [{ 'batchNorm1.runningMean': [0, Infinity] }, /runningMean\[1\]: expected a finite float32 number/],
    [
      { 'batchNorm1.runningVariance': [-1, 1] },
      /runningVariance\[0\]: expected a finite float32 number at least 0/,
    ],
  ]
  for (const [wrong, message] of cases) {
    expect(() => network.setState({ 'batchNorm1.runningMean': [1, 1], ...wrong })).toThrow(message)
  }
  expect(network.state).toEqual(before)
  const stateless = new Network({ inputs: 2, layers: [layerNorm(), dense(1)], loss: 'squaredError' })
  expect(stateless.state).toEqual({})
  expect(() => stateless.setState({ a: [1] })).toThrow(/setState: a: expected no names; received 'a'/)
})

test('wrong settings are refused', () => {
  expect(() => batchNorm({ epsilon: 0 })).toThrow(/batchNorm: epsilon: expected a number above 0/)
  expect(() => batchNorm({ momentum: 1.5 })).toThrow(/momentum: expected a number at least 0 and at most 1/)
  expect(() => layerNorm({ epsilon: NaN })).toThrow(/layerNorm: epsilon/)
  expect(() => layerNorm({ epsilom: 1 } as object)).toThrow(/should be 'epsilon'/)
})

test('the summary has their settings and parameters', () => {
  const network = new Network({
    inputs: 4,
    layers: [dense(3, 'relu'), batchNorm({ momentum: 0.2 }), layerNorm({ epsilon: 0.001 }), dense(1)],
    loss: 'squaredError',
  })
  expect(network.summary()).toMatch(/batchNorm1 +epsilon 0\.00001, momentum 0\.2 +\[batch, 3\] +6\n/)
  expect(network.summary()).toMatch(/layerNorm1 +epsilon 0\.001 +\[batch, 3\] +6\n/)
})
