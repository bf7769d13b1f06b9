/** What is drawn has the distribution that it should have: weights, dropout and shuffles, at fixed seeds. */

import { describe, expect, test } from 'vitest'
import { chooseBackend } from '../src/backends/choose.ts'
import { compileTraining } from '../src/compiler/training.ts'
import { normalizeOptimizer } from '../src/compiler/optimizers.ts'
import { slotNamed } from '../src/compiler/program.ts'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import { initialize, initializers, type Initializer } from '../src/layers/initializers.ts'
import { DTYPES, floatArray, type Dtype } from '../src/ops/arithmetic.ts'
import { initialParameters } from '../src/parameters.ts'
import { streamKey } from '../src/random.ts'
import { normalizeSpec } from '../src/spec.ts'
import { allocate, toSharedIndices } from '../src/training/arrays.ts'
import { initializeArena } from '../src/training/fit.ts'
import { backendsUnderTest } from './support/backends.ts'
import {
  chiSquare,
  CRITICAL_KOLMOGOROV,
  criticalChiSquare,
  kolmogorov,
  normalCdf,
  uniformCdf,
} from './support/distributions.ts'

const [FAN_IN, FAN_OUT] = [300, 200]

function weights(initializer: Initializer, seed = 1, shape = [FAN_IN, FAN_OUT]): Float64Array {
  const values = new Float64Array(shape[0] * shape[1])
  initialize(values, initializer, seed, 'dense1.weight', shape)
  return values
}

const sum = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((total, value) => total + value, 0)

test('the critical values are those of printed tables', () => {
  // χ² at 0.001: 6 degrees 22.458, 99 degrees 148.23; Kolmogorov 1.949.
  expect(criticalChiSquare(6)).toBeCloseTo(22.458, 0)
  expect(criticalChiSquare(99)).toBeCloseTo(148.23, 0)
  expect(CRITICAL_KOLMOGOROV).toBeCloseTo(1.949, 3)
  expect(normalCdf(2)(2 * 1.959964)).toBeCloseTo(0.975, 6)
})

// Variances as the papers give them: Glorot 2/(in + out), He 2/in, LeCun 1/in. A uniform's is a third of its range squared.
const distributions: Readonly<
  Record<string, { variance: number; kurtosis: number; initializer: Initializer }>
> = Object.fromEntries(
  [
    ['glorotUniform', 2 / (FAN_IN + FAN_OUT)],
    ['glorotNormal', 2 / (FAN_IN + FAN_OUT)],
    ['heUniform', 2 / FAN_IN],
    ['heNormal', 2 / FAN_IN],
    ['lecunUniform', 1 / FAN_IN],
    ['lecunNormal', 1 / FAN_IN],
    ['uniform', 0.05 ** 2 / 3],
    [{ name: 'uniform', range: 2 }, 4 / 3],
    ['normal', 0.01 ** 2],
    [{ name: 'normal', deviation: 3 }, 9],
  ].map(([given, variance]) => {
    const initializer = given as Initializer
    const title = JSON.stringify(initializer)
    const kurtosis = title.toLowerCase().includes('uniform') ? 1.8 : 3
    return [title, { initializer, variance: variance as number, kurtosis }]
  }),
)

test('every initializer has its test', () => {
  const drawn = Object.values(distributions).map(({ initializer }) =>
    typeof initializer === 'object' ? initializer.name : initializer,
  )
  expect([...new Set([...drawn, 'zeros', 'ones', 'constant', 'orthogonal'])].sort()).toEqual(
    Object.keys(initializers).sort(),
  )
})

describe.each(Object.entries(distributions))('%s', (_, { initializer, variance, kurtosis }) => {
  const isUniform = kurtosis < 3
  test.each([1, 2, 3])('has its mean, variance, range and distribution at seed %d', (seed) => {
    const values = weights(initializer, seed)
    const n = values.length
    const mean = sum(values) / n
    const measured = sum(values.map((value) => (value - mean) ** 2)) / n
    // Four standard errors of the mean and of the variance.
    expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(variance / n))
    expect(Math.abs(measured / variance - 1)).toBeLessThan(4 * Math.sqrt((kurtosis - 1) / n))
    const range = Math.sqrt(3 * variance)
    const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
    if (isUniform) expect(largest).toBeLessThanOrEqual(range)
    else expect(largest).toBeGreaterThan(3.5 * Math.sqrt(variance))
    const cdf = isUniform ? uniformCdf(range) : normalCdf(Math.sqrt(variance))
    expect(kolmogorov(values, cdf)).toBeLessThan(CRITICAL_KOLMOGOROV)
  })
})

test('the test of distributions tells a uniform from a normal, and a deviation from one 5 % larger', () => {
  const values = weights('lecunNormal')
  const deviation = Math.sqrt(1 / FAN_IN)
  expect(kolmogorov(values, uniformCdf(Math.sqrt(3) * deviation))).toBeGreaterThan(CRITICAL_KOLMOGOROV)
  expect(kolmogorov(values, normalCdf(1.05 * deviation))).toBeGreaterThan(CRITICAL_KOLMOGOROV)
})

test('zeros, ones and constant give one value', () => {
  expect(new Set(weights('zeros'))).toEqual(new Set([0]))
  expect(new Set(weights('ones'))).toEqual(new Set([1]))
  expect(new Set(weights({ name: 'constant', value: -0.5 }))).toEqual(new Set([-0.5]))
})

describe('orthogonal', () => {
  test.each([
    [40, 40, 1],
    [60, 25, 1],
    [25, 60, 1],
    [30, 10, 2.5],
    [7, 1, 1],
    [1, 7, 1],
  ])(
    'of [%d, %d] has orthogonal columns, or rows where those are fewer, of length %d',
    (fanIn, fanOut, gain) => {
      const w = weights({ name: 'orthogonal', gain }, 3, [fanIn, fanOut])
      const count = Math.min(fanIn, fanOut)
      const length = Math.max(fanIn, fanOut)
      const at = (k: number, i: number): number => (fanIn >= fanOut ? w[i * fanOut + k] : w[k * fanOut + i])
      for (let a = 0; a < count; a++) {
        for (let b = 0; b <= a; b++) {
          const product = sum(Array.from({ length }, (_, i) => at(a, i) * at(b, i)))
          expect(Math.abs(product - (a === b ? gain ** 2 : 0))).toBeLessThan(1e-14 * length * gain ** 2)
        }
      }
    },
  )

  test('is evenly distributed: each element of a 3 × 3 matrix is uniform, as Archimedes found of the sphere', () => {
    const matrices = Array.from({ length: 3000 }, (_, seed) => weights('orthogonal', seed, [3, 3]))
    for (let i = 0; i < 9; i++) {
      const elements = matrices.map((matrix) => matrix[i])
      expect(kolmogorov(elements, uniformCdf(1))).toBeLessThan(CRITICAL_KOLMOGOROV)
    }
  })
})

describe.each(backendsUnderTest)('$label', ({ options }) => {
  const backend = chooseBackend(options)

  describe.each(DTYPES)('%s', (dtype) => {
    test.each([0.01, 0.1, 0.25, 0.5, 0.8, 0.99])(
      'dropout of rate %d drops that share in every place',
      (rate) => {
        const [rows, n, steps] = [64, 48, 40]
        // By place within a row, and within a group of 16 rows.
        const dropped = new Float64Array(n)
        const droppedByRow = new Float64Array(16)
        for (let step = 0; step < steps; step++) {
          const mask = floatArray(dtype, rows * n)
          backend.call(
            'dropout_mask',
            [rows, n],
            [rate],
            [streamKey(7, 'dropout1'), Uint32Array.of(step), mask],
          )
          mask.forEach((value, e) => {
            if (value !== 0) return
            dropped[e % n]++
            droppedByRow[Math.floor(e / n) % 16]++
          })
        }
        for (const counts of [dropped, droppedByRow]) {
          const total = (rows * n * steps) / counts.length
          const both = [...counts, ...counts.map((count) => total - count)]
          const expected = both.map((_, i) => total * (i < counts.length ? rate : 1 - rate))
          expect(chiSquare(both, expected)).toBeLessThan(criticalChiSquare(counts.length))
        }
      },
    )
  })

  test.each([1, 2, 3])(
    'shuffles at seed %d put each row at each place, and each pair side by side, equally often',
    (seed) => {
      const [count, epochs] = [8, 6000]
      const base = Uint32Array.from({ length: count }, (_, i) => i)
      const key = streamKey(seed, 'shuffle')
      const places = new Float64Array(count * count)
      const pairs = new Map<number, number>()
      for (let epoch = 0; epoch < epochs; epoch++) {
        const order = new Uint32Array(count)
        backend.call('permute', [count], [], [base, key, Uint32Array.of(epoch), order])
        expect([...order].sort()).toEqual([...base])
        order.forEach((row, place) => places[place * count + row]++)
        // One pair of each epoch, so that they are independent.
        const place = epoch % (count - 1)
        const pair = order[place] * count + order[place + 1]
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
      }
      // Rows and columns of counts of permutations are bound: (count − 1)² degrees of freedom, at this scale.
      expect((chiSquare(places) * (count - 1)) / count).toBeLessThan(criticalChiSquare((count - 1) ** 2))
      expect(pairs.size).toBe(count * (count - 1))
      expect(chiSquare([...pairs.values()])).toBeLessThan(criticalChiSquare(count * (count - 1) - 1))
    },
  )

  describe.each(DTYPES)('%s', (dtype) => {
    test.each([0, 1, 2 ** 40])(
      'no two epochs of a training with seed %d have the same order or mask',
      async (seed) => {
        const { orders, masks } = await epochsOf(dtype, seed, 100)
        expect(new Set(orders).size).toBe(100)
        expect(new Set(masks).size).toBe(100)
      },
    )
  })

  // One step of 64 equal rows per epoch, weights of 0: the gradient of a weight counts the rows in which its input was
  // kept, whatever their order. Equal masks would give equal counts.
  async function epochsOf(
    dtype: Dtype,
    seed: number,
    epochs: number,
  ): Promise<{ orders: string[]; masks: string[] }> {
    const [rows, inputs] = [64, 32]
    const layers = [dropout(0.5), dense(1, 'linear', { bias: false, initializer: 'zeros' })]
    const spec = normalizeSpec({ inputs, layers, loss: 'squaredError', seed, dtype })
    const optimizer = normalizeOptimizer({ name: 'sgd', learningRate: 1e-30 })
    const plan = { batchSize: rows, totalRows: rows, trainRows: rows, validationRows: 0, optimizer }
    const program = compileTraining(spec, { ...plan, areTargetsLabels: false })
    const data: Readonly<Record<string, ReturnType<typeof allocate> | Uint32Array>> = {
      x: allocate(dtype, rows * inputs, true).fill(1),
      y: allocate(dtype, rows, true).fill(1),
      trainRows: toSharedIndices(Array.from({ length: rows }, (_, row) => row)),
    }
    const buffers = program.buffers.map((name) => data[name])
    const executable = backend.link(program, buffers, { threads: 1 })
    initializeArena(program, executable, {
      spec,
      settings: { optimizer },
      parameters: initialParameters(spec),
    })
    const [orders, masks]: string[][] = [[], []]
    for (let epoch = 0; epoch < epochs; epoch++) {
      await executable.run('epoch', 1, { report: { offset: 0, count: 1 }, onProgress: () => undefined })
      orders.push(executable.read(slotNamed(program, 'order'), new Uint32Array(rows)).join())
      masks.push(executable.read(slotNamed(program, 'gradients'), floatArray(dtype, inputs)).join())
    }
    const kept = masks.flatMap((mask) => mask.split(',')).map((gradient) => (-Number(gradient) * rows) / 4)
    expect(kept.every((count) => Math.abs(count - Math.round(count)) < 1e-3)).toBe(true)
    // A binomial of 64 and ½ has mean 32 and variance 16.
    expect(Math.abs(sum(kept) / kept.length - 32)).toBeLessThan(4 * Math.sqrt(16 / kept.length))
    return { orders, masks }
  }
})
