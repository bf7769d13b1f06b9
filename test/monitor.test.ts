/** Monitors: their numbers against a few plain lines, and that they change no bit of the training that they watch. */

import { describe, expect, test } from 'vitest'
import { chooseBackend } from '../src/backends/choose.ts'
import { createFallback } from '../src/backends/fallback.ts'
import {
  activation,
  add,
  batchNorm,
  dense,
  dropout,
  Network,
  type Distribution,
  type FitOptions,
  type Monitor,
  type MonitorRecord,
  type NetworkOptions,
} from '../src/index.ts'
import { DTYPES, floatArray, type FloatArray } from '../src/ops/arithmetic.ts'
import { randomStream } from '../src/random.ts'
import { symmetricEigen, TrajectoryRecorder } from '../src/training/trajectory.ts'
import { backendsUnderTest } from './support/backends.ts'

const normals = (seed: string, count: number): number[] => {
  const random = randomStream(8, seed)
  return Array.from({ length: count }, (_, i) => random.normal(i))
}
const rowsOf = (values: ArrayLike<number>, n: number): number[][] =>
  Array.from({ length: values.length / n }, (_, r) => Array.from({ length: n }, (_, j) => values[r * n + j]))
const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0))

/** What a distribution says, from the definition. */
function describeNumbers(given: ArrayLike<number>): Distribution {
  const sorted = Array.from(given).sort((a, b) => a - b)
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const quantile = (p: number): number => {
    const at = p * (sorted.length - 1)
    const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
    return low + (at - Math.floor(at)) * (high - low)
  }
  return {
    mean,
    deviation: Math.sqrt(squares / sorted.length),
    min: quantile(0),
    lowerQuartile: quantile(0.25),
    median: quantile(0.5),
    upperQuartile: quantile(0.75),
    max: quantile(1),
  }
}

/** Compares within rounding of sums in double. */
function expectDistribution(received: Distribution, values: ArrayLike<number>): void {
  const expected = describeNumbers(values)
  const size = Math.max(Math.abs(expected.min), Math.abs(expected.max))
  for (const [name, value] of Object.entries(expected)) {
    const difference = Math.abs(received[name as keyof Distribution] - value)
    expect(difference, `${name}: expected ${value}`).toBeLessThanOrEqual(1e-12 * size)
  }
}

async function monitorOf(run: PromiseLike<{ monitor?: Monitor }>): Promise<Monitor> {
  const { monitor } = await run
  if (monitor === undefined) throw new Error('the fit was not monitored')
  return monitor
}
const lastOf = ({ records }: Monitor): MonitorRecord => records[records.length - 1]

const ROWS = 40
const INPUTS = 3
const x = rowsOf(normals('x', ROWS * INPUTS), INPUTS)
const y = rowsOf(normals('y', ROWS * 2), 2)
const labels = Uint8Array.from(x, ([a, b, c]) => (a > b ? 0 : b > c ? 1 : 2))
const chain = [dense(6, 'relu'), dense(5, 'tanh'), activation('logistic'), dense(2)]
const halfSum = { name: 'squaredError', factor: 0.5, reduction: 'sum' } as const
const sgd = { name: 'sgd', learningRate: 0.01 } as const

describe.each(backendsUnderTest)('$label', ({ options }) => {
  const networkOf = (given: Omit<NetworkOptions, 'inputs'> & { inputs?: number }): Network<'float64'> =>
    new Network<'float64'>({ inputs: INPUTS, seed: 4, ...given, dtype: 'float64', ...options })

  test('its numbers are those of the arrays, before the first epoch and behind the last', async () => {
    const network = networkOf({ layers: chain, loss: halfSum, l2: 0.1, l1: 0.01 })
    const fresh = networkOf({ layers: chain, loss: halfSum, l2: 0.1, l1: 0.01 })
    const monitor = await monitorOf(network.fit(x, y, { epochs: 3, monitor: { rows: 25 }, validation: 0.2 }))
    expect(monitor.rows).toHaveLength(25)
    const [px, py] = [x, y].map((rows) => monitor.rows.map((row) => rows[row]))
    for (const [net, { layers, parameters }] of [
      [fresh, monitor.records[0]],
      [network, lastOf(monitor)],
    ] as const) {
      const outputs = net.forward(px)
      const gradients = net.gradients(px, py)
      expect(Object.keys(layers)).toEqual(Object.keys(outputs))
      for (const [name, values] of Object.entries(outputs))
        expectDistribution(layers[name].activation, values)
      for (const [name, values] of Object.entries(gradients.parameters)) {
        expectDistribution(parameters[name].gradient, values)
      }
      // The gradient with respect to a layer's outputs is that of the layers behind it with respect to their inputs.
      const flatY = py.flat()
      expectDistribution(
        layers.dense3.gradient,
        outputs.dense3.map((value, i) => value - flatY[i]),
      )
      for (const [i, name, inputs] of [
        [1, 'dense1', 6],
        [2, 'dense2', 5],
        [3, 'activation1', 5],
      ] as const) {
        const behind = networkOf({ inputs, layers: chain.slice(i), loss: halfSum })
        const names = Object.keys(behind.parameters)
        const values = Object.values(net.parameters).slice(-names.length)
        behind.setParameters(Object.fromEntries(names.map((parameter, j) => [parameter, values[j]])))
        expectDistribution(layers[name].gradient, behind.gradients(outputs[name], py).input)
      }
      const share = (values: FloatArray, isCounted: (value: number) => boolean): number =>
        values.filter(isCounted).length / values.length
      expect(layers.dense2.saturated).toBe(share(outputs.dense2, (value) => Math.abs(value) > 0.95))
      expect(layers.activation1.saturated).toBe(
        share(outputs.activation1, (value) => value < 0.025 || value > 0.975),
      )
      const columns = Array.from({ length: 6 }, (_, j) => rowsOf(outputs.dense1, 6).map((row) => row[j]))
      const dead = columns.filter((column) => column.every((value) => value === 0))
      expect(layers.dense1.deadUnits).toBe(dead.length / 6)
      expect(Object.keys(layers.dense3)).toEqual(['activation', 'gradient'])
    }
  })

  test('an output whose activation is one with its loss shows the gradient at the net values', async () => {
    const network = networkOf({ layers: [dense(4, 'tanh'), dense(3, 'softmax')] })
    const monitor = await monitorOf(network.fit(x, labels, { epochs: 2, monitor: true }))
    const shares = network.predict(x)
    const targets = Array.from(labels).flatMap((label) => [0, 1, 2].map((k) => Number(k === label)))
    const { activation: outputs, gradient } = lastOf(monitor).layers.dense2
    expectDistribution(outputs, shares)
    expectDistribution(
      gradient,
      shares.map((share, i) => (share - targets[i]) / ROWS),
    )
  })

  test('dead and saturated units are counted', async () => {
    const layers = [dense(4, 'relu'), dense(2, 'tanh'), dense(2)]
    const network = networkOf({ layers, loss: 'squaredError' })
    network.setParameters({
      'dense1.bias': [-100, 100, -100, 100],
      'dense2.weight': new Array<number>(8).fill(0),
      'dense2.bias': [5, 0],
    })
    const { records } = await monitorOf(network.fit(x, y, { epochs: 1, monitor: true }))
    expect(records[0].layers.dense1.deadUnits).toBe(0.5)
    expect(records[0].layers.dense2.saturated).toBe(0.5)
  })

  test('ratios are those of the last step of the epoch, and null for what was 0', async () => {
    const two = { x: x.slice(0, 2), y: y.slice(0, 2) }
    const network = networkOf({ layers: [dense(2)], loss: halfSum })
    const fit = { epochs: 1, batchSize: 1, optimizer: sgd, monitor: true }
    const { records } = await monitorOf(network.fit(two.x, two.y, fit))
    const ratios = [0, 1].map((first) => {
      const net = networkOf({ layers: [dense(2)], loss: halfSum })
      net.trainStep(two.x, two.y, { rows: [first], optimizer: sgd })
      const { data: before } = net.parameters['dense1.weight']
      net.trainStep(two.x, two.y, { rows: [1 - first] })
      const { data: after } = net.parameters['dense1.weight']
      const isOrder = after.every((value, i) => value === network.parameters['dense1.weight'].data[i])
      return isOrder ? norm(after.map((value, i) => value - before[i])) / norm(before) : undefined
    })
    const [ratio = NaN] = ratios.filter((found) => found !== undefined)
    const { updateRatio } = records[1].parameters['dense1.weight']
    expect(Math.abs(Number(updateRatio) / ratio - 1)).toBeLessThan(1e-12)
    expect(records[0].parameters['dense1.weight'].updateRatio).toBeNull()
    const single = networkOf({ layers: [dense(2)], loss: halfSum })
    const first = await monitorOf(single.fit(two.x, two.y, { ...fit, batchSize: 2 }))
    expect(first.records[1].parameters['dense1.bias'].updateRatio).toBeNull()
  })

  test('dropout is left out, and batch norm takes the statistics of the rows', async () => {
    const layers = [dense(6), batchNorm(), activation('relu'), dropout(0.5), dense(2)]
    const network = networkOf({ layers, loss: 'squaredError' })
    const monitor = await monitorOf(network.fit(x, y, { epochs: 3, monitor: true, batchSize: 8 }))
    const plain = networkOf({ layers: layers.filter(({ type }) => type !== 'dropout'), loss: 'squaredError' })
    plain.setParameters(network.parameters)
    plain.setState(network.state)
    const { layers: seen, parameters } = lastOf(monitor)
    const gradients = plain.gradients(x, y)
    for (const [name, values] of Object.entries(gradients.layerOutputs)) {
      expectDistribution(seen[name].activation, values)
    }
    expect(seen.dropout1.activation).toEqual(seen.activation1.activation)
    for (const [name, values] of Object.entries(gradients.parameters)) {
      expectDistribution(parameters[name].gradient, values)
    }
  })

  test('gradients are weighted as the rows are, and those of a log likelihood point up', async () => {
    const network = networkOf({ layers: [dense(3, 'softmax')], loss: 'logLikelihood' })
    const sampleWeights = x.map((_, row) => row % 3)
    const monitor = await monitorOf(network.fit(x, labels, { epochs: 2, monitor: true, sampleWeights }))
    const { gradient } = lastOf(monitor).parameters['dense1.weight']
    expectDistribution(gradient, network.gradients(x, labels, { sampleWeights }).parameters['dense1.weight'])
  })

  const outputs = [
    { layer: 'a', loss: 'squaredError' },
    { layer: 'b', loss: 'absoluteError', weight: 2 },
  ] as const
  const cases: [string, Omit<NetworkOptions, 'inputs'>, FitOptions][] = [
    ['batches', { layers: chain }, { batchSize: 7 }],
    ['dropout', { layers: [dense(6, 'relu'), dropout(0.3), dense(2)] }, {}],
    ['batch norm', { layers: [dense(6), batchNorm(), dense(2)] }, { batchSize: 8, accumulate: 2 }],
    [
      'several outputs and shared weights',
      {
        layers: [
          dense(3, 'tanh', { name: 'one' }),
          dense(3, 'tanh', { from: 'one', shareWith: 'one', name: 'two' }),
          add(['one', 'two'], { name: 'sum' }),
          dense(1, 'linear', { name: 'a', from: 'sum' }),
          dense(1, 'linear', { name: 'b', from: 'one' }),
        ],
        outputs,
      },
      {},
    ],
    ['accumulation and a schedule', { layers: chain }, { batchSize: 5, accumulate: 3, schedule: 'cosine' }],
    ['lbfgs', { layers: chain }, { optimizer: 'lbfgs' }],
    ['early stopping', { layers: chain }, { earlyStopping: { patience: 2, minDelta: 0.01 } }],
  ]
  test.each(cases)('a monitored fit is the same bit for bit: %s', async (_, given, settings) => {
    const common = { epochs: 7, validation: 0.25, ...settings }
    const [plain, watched] = [networkOf(given), networkOf(given)]
    const expected = await plain.fit(x, y, common)
    const { monitor, ...received } = await watched.fit(x, y, { ...common, monitor: { every: 2, rows: 9 } })
    expect({ ...received, durationMs: 0 }).toEqual({ ...expected, durationMs: 0 })
    expect(watched.parameters).toEqual(plain.parameters)
    expect(watched.state).toEqual(plain.state)
    const last = expected.epochs.length
    const epochs = Array.from({ length: last + 1 }, (_, i) => i).filter((i) => i % 2 === 0 || i === last)
    expect(monitor?.records.map(({ epoch }) => epoch)).toEqual(epochs)
    expect(monitor?.trajectory.epochs).toEqual(epochs)
    expect(JSON.parse(JSON.stringify(monitor))).toEqual(monitor)
  })

  test('every backend sees the same bits', async () => {
    for (const dtype of DTYPES) {
      const given = { inputs: INPUTS, layers: chain, seed: 4, dtype, loss: 'squaredError' } as const
      const fit = { epochs: 4, monitor: true } as const
      const seen = await new Network({ ...given, ...options }).fit(x, y, fit)
      const expected = await new Network({ ...given, backend: 'fallback', exact: true }).fit(x, y, fit)
      expect(seen.monitor).toEqual(expected.monitor)
    }
  })

  test('aborted, it has seen what was complete', async () => {
    const stop = new AbortController()
    const run = networkOf({ layers: chain }).fit(x, y, {
      epochs: 1e6,
      monitor: { every: 1 },
      signal: stop.signal,
    })
    for await (const { epoch } of run) if (epoch === 3) stop.abort()
    const { stopped, epochs, monitor } = await run
    expect(stopped).toBe('aborted')
    expect(monitor?.records.length).toBeGreaterThan(3)
    expect(Math.abs((monitor?.records.length ?? 0) - 1 - epochs.length)).toBeLessThanOrEqual(1)
  })

  test.each([
    [20, 1],
    [100, 4],
    [300, 10],
  ])('of %i epochs every %i-th is looked at by default', async (epochs, every) => {
    const { records } = await monitorOf(
      networkOf({ layers: [dense(2)] }).fit(x, y, { epochs, monitor: true }),
    )
    expect(records.slice(0, 3).map(({ epoch }) => epoch)).toEqual([0, every, 2 * every])
    expect(records.at(-1)?.epoch).toBe(epochs)
  })

  test('options that cannot be are refused', () => {
    const network = networkOf({ layers: chain })
    const fit = (monitor: unknown) => () => network.fit(x, y, { monitor: monitor as boolean })
    expect(fit({ evry: 2 })).toThrow("'evry' should be 'every'")
    expect(fit({ every: 0 })).toThrow('fit: monitor.every: expected an integer at least 1')
    expect(fit({ rows: 2 ** 17 })).toThrow('65536')
    expect(fit(3)).toThrow('fit: monitor')
    expect(fit(null)).toThrow('fit: monitor')
  })

  const backend = chooseBackend(options)
  test.each(DTYPES)('distributions of %s arrays are those of the definition', (dtype) => {
    const random = randomStream(9, 'distribution')
    const shapes: Record<string, (i: number, n: number) => number> = {
      random: (i) => random.normal(i),
      ascending: (i) => i / 7,
      descending: (i) => 1 - i / 7,
      constant: () => 0.1,
      'half 0': (i) => Math.max(0, random.normal(i)),
      'a tent': (i, n) => Math.min(i, n - i),
      'few values': (i) => random.below(3, i),
    }
    for (const [name, valueAt] of Object.entries(shapes)) {
      for (const n of [1, 2, 3, 4, 5, 17, 100, 4096, 10_001]) {
        const values = floatArray(dtype, n).map((_, i) => valueAt(i, n))
        const [summary, scratch] = [new Float64Array(7), floatArray(dtype, n)]
        backend.call('distribution', [n], [], [values, summary, scratch])
        const [mean, deviation, min, lowerQuartile, median, upperQuartile, max] = summary
        const received = { mean, deviation, min, lowerQuartile, median, upperQuartile, max }
        const expected = describeNumbers(values)
        for (const key of ['min', 'lowerQuartile', 'median', 'upperQuartile', 'max'] as const) {
          expect(received[key], `${key} of ${n} ${name}`).toBe(expected[key])
        }
        expectDistribution({ ...expected, mean, deviation }, values)
      }
    }
    const summary = new Float64Array(7)
    backend.call(
      'distribution',
      [3],
      [],
      [floatArray(dtype, 3).fill(NaN, 1, 2), summary, floatArray(dtype, 3)],
    )
    expect(summary).toEqual(new Float64Array(7).fill(NaN))
  })
})

describe('trajectory', () => {
  const project = async (points: readonly FloatArray[]) => {
    const recorder = new TrajectoryRecorder()
    points.forEach((point, epoch) => {
      recorder.add(epoch, point)
    })
    return recorder.project(chooseBackend({}).gemm)
  }
  const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    norm(Array.from(a, (value, i) => value - b[i]))

  test('points of a plane keep their distances, and the plane explains all', async () => {
    const [u, v, offset] = ['u', 'v', 'offset'].map((name) => normals(name, 50))
    const points = Array.from({ length: 9 }, (_, i) =>
      Float64Array.from(u, (value, k) => offset[k] + i * value + Math.sin(i) * v[k]),
    )
    const { points: projected, explained } = await project(points)
    for (let i = 0; i < 9; i++) {
      for (let j = 0; j < i; j++) {
        const expected = distance(points[i], points[j])
        expect(Math.abs(distance(projected[i], projected[j]) / expected - 1)).toBeLessThan(1e-9)
      }
    }
    expect(Math.abs(explained[0] + explained[1] - 1)).toBeLessThan(1e-12)
    expect(explained[0]).toBeGreaterThan(explained[1])
    expect(projected[8][0]).toBeGreaterThan(projected[0][0])
  })

  test('no other plane shows more, and what it shows is its share of the variance', async () => {
    const points = Array.from({ length: 12 }, (_, i) => Float64Array.from(normals(`point ${i}`, 6)))
    const { points: projected, explained } = await project(points)
    const mean = points[0].map((_, k) => points.reduce((sum, point) => sum + point[k] / 12, 0))
    const centred = points.map((point) => point.map((value, k) => value - mean[k]))
    const total = centred.reduce((sum, point) => sum + norm(point) ** 2, 0)
    for (const component of [0, 1]) {
      const along = projected.map((point) => point[component])
      expect(Math.abs(norm(along) ** 2 / total - explained[component])).toBeLessThan(1e-12)
      expect(Math.abs(along.reduce((sum, value) => sum + value, 0))).toBeLessThan(1e-12)
    }
    for (let trial = 0; trial < 200; trial++) {
      const axis = normals(`axis ${trial}`, 6)
      const other = normals(`other ${trial}`, 6)
      const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
        Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0)
      const across = other.map((value, i) => value - (dot(other, axis) / dot(axis, axis)) * axis[i])
      const shown = [axis, across].map((way) =>
        centred.reduce((sum, point) => sum + dot(point, way) ** 2 / dot(way, way), 0),
      )
      expect(shown[0]).toBeLessThanOrEqual(explained[0] * total * (1 + 1e-12))
      expect(shown[0] + shown[1]).toBeLessThanOrEqual((explained[0] + explained[1]) * total * (1 + 1e-12))
    }
  })

  test('of many points at most 64 stay, evenly spaced, and the last', async () => {
    const points = Array.from({ length: 1000 }, (_, i) => Float32Array.of(i, 0, 0))
    const { epochs, explained } = await project(points)
    expect(epochs.length).toBeLessThanOrEqual(64)
    expect(epochs.length).toBeGreaterThan(31)
    expect(epochs.at(-1)).toBe(999)
    const steps = new Set(epochs.slice(1, -1).map((epoch, i) => epoch - epochs[i]))
    expect(steps.size).toBe(1)
    expect(explained[0]).toBeCloseTo(1, 12)
  })

  test('weights that do not move stay in the middle', async () => {
    const { points, explained } = await project([Float64Array.of(1, 2), Float64Array.of(1, 2)])
    expect(points).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(explained).toEqual([0, 0])
  })

  test('eigenvectors diagonalise', () => {
    const n = 20
    const values = normals('symmetric', n * n)
    const a = Array.from({ length: n }, (_, i) =>
      Float64Array.from({ length: n }, (_, j) => values[Math.min(i, j) * n + Math.max(i, j)]),
    )
    const { values: found, vectors } = symmetricEigen(a.map((row) => row.slice()))
    a.forEach((row, i) => {
      found.forEach((value, k) => {
        const product = row.reduce((sum, element, j) => sum + element * vectors[j][k], 0)
        expect(Math.abs(product - value * vectors[i][k])).toBeLessThan(1e-12 * n)
      })
    })
  })
})

test('the fallback in its fast mode is monitored too', async () => {
  const network = new Network({ inputs: INPUTS, layers: chain, backend: 'fallback' })
  expect(createFallback().name).toBe(network.backend.name)
  const monitor = await monitorOf(network.fit(x, y, { epochs: 2, monitor: true }))
  expect(monitor.records).toHaveLength(3)
})
