/** Learning-rate schedules, clipped gradients and accumulated batches. */

import { describe, expect, test } from 'vitest'
import { dense } from '../src/layers/dense.ts'
import { Network } from '../src/network.ts'
import type { Optimizer } from '../src/compiler/optimizers.ts'
import { randomStream } from '../src/random.ts'
import type { FitOptions } from '../src/training/options.ts'
import { normalizeSchedule, rateTable, type Schedule } from '../src/training/schedules.ts'
import { backendsUnderTest } from './support/backends.ts'

const ROWS = 50
const random = randomStream(1, 'data')
const x = Float64Array.from({ length: ROWS * 3 }, (_, i) => random.normal(i))
const y = Float64Array.from({ length: ROWS }, (_, i) => Math.sin(x[3 * i]) + x[3 * i + 1] * x[3 * i + 2])

function network(options: object = {}): Network<'float64'> {
  const layers = [dense(6, 'tanh'), dense(1)]
  return new Network({
    inputs: 3,
    layers,
    loss: 'squaredError',
    l2: 0.01,
    seed: 2,
    dtype: 'float64',
    ...options,
  })
}

function ratesOf(schedule: Schedule, epochs: number, stepsPerEpoch: number): number[] {
  const { rates, stride } = rateTable(normalizeSchedule(schedule), 0.5, { epochs, stepsPerEpoch })
  return Array.from({ length: epochs * stepsPerEpoch }, (_, step) => {
    return rates[Math.min(rates.length - 1, Math.floor(step / stride))]
  })
}

describe('schedules follow their formulas', () => {
  const formulas: [Schedule, (step: number) => number][] = [
    [{ name: 'step', every: 2, factor: 0.3 }, (step) => 0.3 ** Math.floor(Math.floor(step / 4) / 2)],
    [{ name: 'exponential', factor: 0.9 }, (step) => 0.9 ** Math.floor(step / 4)],
    [{ name: 'inverseTime', decay: 0.5 }, (step) => 1 / (1 + 0.5 * Math.floor(step / 4))],
    [{ name: 'cosine', final: 0.1 }, (step) => 0.1 + (0.9 * (1 + Math.cos((Math.PI * step) / 40))) / 2],
    [
      { name: 'cosine', warmup: 2.5 },
      (step) => (step < 10 ? (step + 1) / 10 : (1 + Math.cos((Math.PI * (step - 10)) / 30)) / 2),
    ],
    ['coslog4', (step) => 0.5 - 0.5 * Math.cos(2 * Math.PI * Math.log2(1 + (15 * step) / 40))],
    [{ name: 'constant', warmup: 1 }, (step) => Math.min(1, (step + 1) / 4)],
    [(epoch) => 1 / (epoch + 3), (step) => 1 / (Math.floor(step / 4) + 3)],
  ]
  test.each(formulas)('%o', (schedule, factor) => {
    const rates = ratesOf(schedule, 10, 4)
    expect(rates).toHaveLength(40)
    rates.forEach((rate, step) => {
      expect(Math.abs(rate - 0.5 * factor(step))).toBeLessThan(2e-15)
    })
  })

  test('a run of a hundred million steps has a table of a million, and still ends near 0', () => {
    const table = rateTable(normalizeSchedule('cosine'), 1, { epochs: 100, stepsPerEpoch: 1e6 })
    expect(table.rates.length).toBeLessThanOrEqual(2 ** 20)
    expect(table.rates.length * table.stride).toBeGreaterThanOrEqual(1e8)
    expect(table.rates[table.rates.length - 1]).toBeLessThan(1e-9)
  })

  test.each([
    ['cosin', "Did you mean 'cosine'"],
    [{ name: 'cosine', factor: 0.5 }, 'factor'],
    [{ name: 'plateau', warmup: 1 }, 'warmup'],
    [{ name: 'step', every: 1.5 }, 'every'],
    [{ name: 'exponential', factor: 2 }, 'factor'],
    [null, 'schedule'],
    [(epoch: number) => (epoch < 3 ? 1 : NaN), 'schedule(3)'],
  ])('%o is refused', (schedule, message) => {
    expect(() => network().fit(x, y, { schedule: schedule as Schedule, epochs: 5 })).toThrow(message)
  })
})

describe.each(backendsUnderTest)('$label', ({ options }) => {
  const fit = async (
    settings: FitOptions,
  ): Promise<{ net: Network<'float64'>; rates: number[]; losses: number[] }> => {
    const net = network(options)
    const { epochs } = await net.fit(x, y, { epochs: 6, batchSize: 16, ...settings })
    return {
      net,
      rates: epochs.map((epoch) => epoch.learningRate),
      losses: epochs.map((epoch) => epoch.loss),
    }
  }
  const weightsOf = (net: Network<'float64'>): number[] =>
    Object.values(net.parameters).flatMap(({ data }) => [...data])

  test('the history tells the rate of the last step of each epoch', async () => {
    const optimizer = { name: 'sgd', learningRate: 0.1 } as const
    expect((await fit({ optimizer })).rates).toEqual([0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    const stepped = await fit({ optimizer, schedule: { name: 'step', every: 2, factor: 0.5 } })
    expect(stepped.rates).toEqual([0.1, 0.1, 0.05, 0.05, 0.025, 0.025])
  })

  test('a rate of 0 leaves the weights alone from then on', async () => {
    const one = await fit({ epochs: 1 })
    const more = await fit({ schedule: (epoch) => (epoch === 0 ? 1 : 0) })
    expect(weightsOf(more.net)).toEqual(weightsOf(one.net))
  })

  test('plateau lowers the rate after epochs whose loss has not fallen', async () => {
    const patience = 2
    const minDelta = 0.02
    const schedule = { name: 'plateau', factor: 0.5, patience, minDelta, final: 0.25 } as const
    const optimizer = { name: 'sgd', learningRate: 0.1 } as const
    const { rates, losses } = await fit({ optimizer, schedule, epochs: 20 })
    let [rate, best, since] = [0.1, Infinity, 0]
    const expected = losses.map((loss) => {
      const before = rate
      if (loss < best - minDelta) [best, since] = [loss, 0]
      else if (++since === patience) [rate, since] = [Math.max(rate * 0.5, 0.025), 0]
      return before
    })
    expect(rates).toEqual(expected)
    expect(rates[19]).toBe(0.025)
  })

  test('accumulated batches are one large batch, the ragged last one too', async () => {
    const optimizer = { name: 'momentum', learningRate: 0.05 } as const
    const large = await fit({ optimizer, batchSize: 16 })
    const accumulated = await fit({ optimizer, batchSize: 4, accumulate: 4 })
    const [a, b] = [weightsOf(large.net), weightsOf(accumulated.net)]
    a.forEach((weight, i) => {
      expect(Math.abs(weight - b[i])).toBeLessThan(1e-13)
    })
    accumulated.losses.forEach((loss, i) => {
      expect(Math.abs(loss - large.losses[i])).toBeLessThan(1e-13)
    })
  })

  test('more batches than there are make one step of all rows', async () => {
    const net = network(options)
    const history = await net.fit(x, y, { epochs: 3, batchSize: 7, accumulate: 1000 })
    expect(history.steps).toBe(3)
  })

  const moved = (clips: object): number[] => {
    const net = network(options)
    const before = weightsOf(net)
    net.trainStep(x, y, { optimizer: { name: 'sgd', learningRate: 1, ...clips } as Optimizer })
    return weightsOf(net).map((weight, i) => before[i] - weight)
  }

  test('clipNorm scales the gradient of all parameters to the norm', () => {
    const free = moved({})
    const norm = Math.hypot(...free)
    const clipped = moved({ clipNorm: norm / 4 })
    expect(Math.abs(Math.hypot(...clipped) / norm - 0.25)).toBeLessThan(1e-12)
    clipped.forEach((step, i) => {
      expect(Math.abs(step - free[i] / 4)).toBeLessThan(1e-12)
    })
    expect(moved({ clipNorm: norm * 1.001 })).toEqual(free)
  })

  test('clipValue bounds each element, and comes before clipNorm', () => {
    const free = moved({})
    const limit = 0.5 * Math.max(...free.map(Math.abs))
    const bounded = free.map((step) => Math.max(-limit, Math.min(limit, step)))
    moved({ clipValue: limit }).forEach((step, i) => {
      expect(Math.abs(step - bounded[i])).toBeLessThan(1e-13)
    })
    const norm = Math.hypot(...bounded)
    const both = moved({ clipValue: limit, clipNorm: norm / 2 })
    both.forEach((step, i) => {
      expect(Math.abs(step - bounded[i] / 2)).toBeLessThan(1e-12)
    })
  })

  test('clips below or at 0 are refused', () => {
    expect(() => moved({ clipNorm: 0 })).toThrow('optimizer.clipNorm')
    expect(() => moved({ clipValue: -1 })).toThrow('optimizer.clipValue')
  })
})
