/** L-BFGS: the minimiser on functions with a known minimum, and fits that it drives. */

import { describe, expect, test } from 'vitest'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import { minimize, type Evaluation, type Iterate } from '../src/training/lbfgs.ts'
import type { FitOptions } from '../src/training/options.ts'
import { backendsUnderTest } from './support/backends.ts'

const SETTINGS = {
  memory: 10,
  maxEvaluations: 25,
  tolerance: 1e-9,
  precision: 2 ** -52,
  round: (v: number) => v,
}

async function iteratesOf(
  f: (point: Float64Array) => Evaluation,
  start: readonly number[],
  settings = SETTINGS,
): Promise<Iterate[]> {
  const iterates: Iterate[] = []
  const evaluate = (point: Float64Array): Promise<Evaluation> => Promise.resolve(f(point))
  for await (const iterate of minimize(evaluate, Float64Array.from(start), settings)) iterates.push(iterate)
  return iterates
}

// Minimum 0 at (1, …, 1), at the end of a curved valley.
function rosenbrock(x: Float64Array): Evaluation {
  const gradient = new Float64Array(x.length)
  let value = 0
  for (let i = 0; i + 1 < x.length; i++) {
    const [a, b] = [x[i + 1] - x[i] ** 2, 1 - x[i]]
    value += 100 * a * a + b * b
    gradient[i] += -400 * x[i] * a - 2 * b
    gradient[i + 1] += 200 * a
  }
  return { value, gradient }
}

describe('minimize', () => {
  test('finds the end of a curved valley in ten dimensions, each iterate lower than the last', async () => {
    const start = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? -1.2 : 1))
    const iterates = await iteratesOf(rosenbrock, start)
    const { point, value } = iterates[iterates.length - 1]
    point.forEach((coordinate) => {
      expect(Math.abs(coordinate - 1)).toBeLessThan(1e-8)
    })
    expect(value).toBeLessThan(1e-16)
    expect(iterates.length).toBeLessThan(150)
    iterates.slice(1).forEach((iterate, i) => {
      expect(iterate.value).toBeLessThan(iterates[i].value)
    })
  })

  test('steps satisfy the strong Wolfe conditions', async () => {
    const iterates = await iteratesOf(rosenbrock, [-1.2, 1])
    iterates.slice(1).forEach(({ point, value, gradient }, i) => {
      const from = iterates[i]
      const s = point.map((coordinate, j) => coordinate - from.point[j])
      const slope = (g: Float64Array): number => g.reduce((sum, x, j) => sum + x * s[j], 0)
      expect(value).toBeLessThanOrEqual(from.value + 1e-4 * slope(from.gradient) + 1e-15)
      expect(Math.abs(slope(gradient))).toBeLessThanOrEqual(0.9 * Math.abs(slope(from.gradient)) + 1e-15)
    })
  })

  test('n steps or so suffice for a quadratic in n dimensions', async () => {
    const quadratic = (x: Float64Array): Evaluation => ({
      value: x.reduce((sum, v, i) => sum + ((i + 1) * v * v) / 2, 0),
      gradient: x.map((v, i) => (i + 1) * v),
    })
    const iterates = await iteratesOf(quadratic, [3, -2, 5, 1, -4])
    expect(iterates.length).toBeLessThan(20)
    expect(Math.hypot(...iterates[iterates.length - 1].point)).toBeLessThan(1e-8)
  })

  test('ends at once where the gradient vanishes, and where no step lowers the value', async () => {
    expect(await iteratesOf(rosenbrock, [1, 1])).toEqual([])
    // A gradient with the wrong sign: every step along it goes up.
    const wrong = (x: Float64Array): Evaluation => ({ value: x[0] ** 2, gradient: x.map((v) => -2 * v) })
    expect(await iteratesOf(wrong, [1])).toEqual([])
  })

  test('comes back from steps into infinity', async () => {
    const wall = (x: Float64Array): Evaluation => {
      const isOutside = x[0] <= 0
      return {
        value: isOutside ? Infinity : x[0] - Math.log(x[0]),
        gradient: Float64Array.of(isOutside ? NaN : 1 - 1 / x[0]),
      }
    }
    const iterates = await iteratesOf(wall, [20])
    expect(Math.abs(iterates[iterates.length - 1].point[0] - 1)).toBeLessThan(1e-6)
  })
})

const ROWS = 120
const random = randomStream(3, 'data')
const x = Float64Array.from({ length: ROWS * 3 }, (_, i) => random.normal(i))

describe.each(backendsUnderTest)('fit with lbfgs, $label', ({ options }) => {
  test('linear least squares with l2 end at the solution of the normal equations', async () => {
    const y = Float64Array.from(
      { length: ROWS },
      (_, i) => 2 * x[3 * i] - x[3 * i + 1] + 0.3 * random.normal(1e6 + i),
    )
    const l2 = 0.1
    const net = new Network({
      inputs: 3,
      layers: [dense(1, 'linear', { bias: false })],
      loss: { name: 'squaredError', factor: 0.5, reduction: 'sum' },
      l2,
      dtype: 'float64',
      ...options,
    })
    const history = await net.fit(x, y, { optimizer: 'lbfgs' })
    expect(history.stopped).toBe('tolerance')
    const w = net.parameters['dense1.weight'].data
    // The gradient Xᵀ(Xw − y) + λw vanishes there and nowhere else.
    for (let j = 0; j < 3; j++) {
      let gradient = l2 * w[j]
      for (let i = 0; i < ROWS; i++) {
        const output = x[3 * i] * w[0] + x[3 * i + 1] * w[1] + x[3 * i + 2] * w[2]
        gradient += (output - y[i]) * x[3 * i + j]
      }
      expect(Math.abs(gradient)).toBeLessThan(1e-6)
    }
  })

  const classes = Uint8Array.from({ length: ROWS }, (_, i) => Number(x[3 * i] * x[3 * i + 1] > 0))
  const classifier = (): Network<'float64'> =>
    new Network({
      inputs: 3,
      layers: [dense(8, 'tanh'), dense(1, 'logistic')],
      loss: 'binaryCrossEntropy',
      l2: 1e-4,
      dtype: 'float64',
      seed: 5,
      ...options,
    })

  test('history, validation and the best weights', async () => {
    const net = classifier()
    const fit = { optimizer: 'lbfgs', epochs: 200, validation: 0.25, earlyStopping: { patience: 5 } } as const
    const history = await net.fit(x, classes, fit)
    const losses = history.epochs.map((epoch) => epoch.validation.loss)
    const best = losses.indexOf(Math.min(...losses)) + 1
    expect(history.bestEpoch).toBe(best)
    expect(history.epochs[0].validation.accuracy).toBeGreaterThan(0)
    // A fit that ends at the best epoch has the same weights.
    const again = classifier()
    await again.fit(x, classes, { ...fit, epochs: best, earlyStopping: false })
    expect(again.parameters).toEqual(net.parameters)
  })

  test('stops on a signal and keeps what it has', async () => {
    const controller = new AbortController()
    const net = classifier()
    const run = net.fit(x, classes, { optimizer: 'lbfgs', epochs: 1e6, signal: controller.signal })
    for await (const epoch of run) if (epoch.epoch === 3) controller.abort()
    const history = await run
    expect(['aborted', 'tolerance']).toContain(history.stopped)
    expect(history.epochs.length).toBeGreaterThanOrEqual(3)
    expect(net.evaluate(x, classes).loss).toBeCloseTo(history.epochs[history.epochs.length - 1].loss, 12)
  })

  test.each<[string, FitOptions]>([
    ['batchSize', { batchSize: 8 }],
    ['schedule', { schedule: 'cosine' }],
    ['accumulate', { accumulate: 2 }],
  ])('%s is refused', (name, given) => {
    expect(() => classifier().fit(x, classes, { optimizer: 'lbfgs', ...given })).toThrow(`fit: ${name}`)
  })

  test('dropout, a learning rate and single steps are refused with what to do', () => {
    const net = new Network({
      inputs: 3,
      layers: [dense(4, 'tanh'), dropout(0.5), dense(1, 'logistic')],
      loss: 'binaryCrossEntropy',
      ...options,
    })
    expect(() => net.fit(x, classes, { optimizer: 'lbfgs' })).toThrow('dropout1')
    expect(() => net.trainStep(x, classes, { optimizer: 'lbfgs' })).toThrow('fit(x, y')
    expect(() => net.fit(x, classes, { optimizer: { name: 'lbfgs', learningRate: 1 } })).toThrow(
      'learningRate',
    )
  })
})
