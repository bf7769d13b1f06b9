/** Weights of rows and classes: what a weighted row counts for, told by rows that are repeated or left out. */

import { describe, expect, test } from 'vitest'
import { DataError, SpecError } from '../src/errors.ts'
import { dense } from '../src/layers/dense.ts'
import { lossInfo, lossTable, type LossName } from '../src/layers/loss.ts'
import { Network } from '../src/network.ts'
import type { Reduction } from '../src/ops/losses.ts'
import type { FitOptions } from '../src/training/options.ts'
import { isNativeUnderTest } from './support/backends.ts'

const backends = isNativeUnderTest ? (['native', 'fallback'] as const) : (['fallback'] as const)
const OUTPUTS = 3
const ROWS = 6
const x = Array.from({ length: ROWS }, (_, row) => [Math.sin(row), Math.cos(3 * row)])
const classes = [0, 2, 1, 1, 0, 2]
const sgd = { name: 'sgd', learningRate: 0.01 } as const

// One-hot rows, with −1 for 0 where a loss wants signs; they suit every loss.
function targetsFor(task: string): number[][] {
  return classes.map((label) =>
    Array.from({ length: OUTPUTS }, (_, j) => (j === label ? 1 : task === 'margin' ? -1 : 0)),
  )
}

function network(name: LossName, reduction: Reduction, backend: 'native' | 'fallback'): Network<'float64'> {
  const { needs } = lossInfo(name)
  const layers = [dense(4, 'tanh'), dense(OUTPUTS, needs ?? 'linear')]
  return new Network({ inputs: 2, layers, loss: { name, reduction }, seed: 1, dtype: 'float64', backend })
}

function expectClose(a: Record<string, ArrayLike<number>>, b: Record<string, ArrayLike<number>>): void {
  for (const [name, values] of Object.entries(a)) {
    expect(b[name]).toHaveLength(values.length)
    Array.from(values).forEach((value, i) => expect(b[name][i]).toBeCloseTo(value, 12))
  }
}

const dataOf = (net: Network<'float64'>): Record<string, ArrayLike<number>> =>
  Object.fromEntries(Object.entries(net.parameters).map(([name, { data }]) => [name, data]))

describe.each(backends)('on the %s backend', (backend) => {
  test.each(Object.keys(lossTable) as LossName[])(
    'summed, a row of %s with the weight 2 is that row twice, and one with 0 is not there',
    async (name) => {
      const y = targetsFor(lossTable[name].task)
      const sampleWeights = [1, 2, 0, 3, 1, 0]
      const repeated = sampleWeights.flatMap((count, row) => new Array<number>(count).fill(row))
      const [moreX, moreY] = [repeated.map((row) => x[row]), repeated.map((row) => y[row])]
      const [weighted, plain] = [network(name, 'sum', backend), network(name, 'sum', backend)]

      const [a, b] = [weighted.gradients(x, y, { sampleWeights }), plain.gradients(moreX, moreY)]
      expect(a.loss).toBeCloseTo(b.loss, 12)
      expectClose(a.parameters, b.parameters)
      const found = weighted.evaluate(x, y, { sampleWeights })
      expect(found.loss).toBeCloseTo(plain.evaluate(moreX, moreY).loss, 12)
      expect(found).toEqual({ ...weighted.evaluate(x, y), loss: found.loss })
      weighted.trainStep(x, y, { sampleWeights, optimizer: sgd })
      plain.trainStep(moreX, moreY, { optimizer: sgd })
      expectClose(dataOf(weighted), dataOf(plain))

      const options: FitOptions = { epochs: 4, batchSize: 7, optimizer: sgd }
      const epochs = await weighted.fit(x, y, { ...options, sampleWeights })
      const others = await plain.fit(moreX, moreY, options)
      expectClose(dataOf(weighted), dataOf(plain))
      epochs.epochs.forEach(({ loss }, i) => expect(loss).toBeCloseTo(others.epochs[i].loss, 12))
    },
  )

  test.each([{ accumulate: 2, batchSize: 3 }, { optimizer: 'lbfgs' }] as const)(
    'weighted rows are repeated rows with %j',
    async (options) => {
      const y = targetsFor('regression')
      const sampleWeights = [1, 2, 0, 3, 1, 2]
      const [weighted, plain] = [0, 1].map(() => network('squaredError', 'sum', backend))
      await weighted.fit(x, y, { optimizer: sgd, epochs: 3, ...options, sampleWeights })
      const repeated = sampleWeights.flatMap((count, row) => new Array<number>(count).fill(row))
      const [moreX, moreY] = [repeated.map((row) => x[row]), repeated.map((row) => y[row])]
      const whole = 'optimizer' in options ? options : { optimizer: sgd, batchSize: repeated.length }
      await plain.fit(moreX, moreY, { epochs: 3, ...whole })
      expectClose(dataOf(weighted), dataOf(plain))
    },
  )

  test('a mean divides by the rows, whatever they weigh', () => {
    const y = targetsFor('regression')
    for (const reduction of ['mean_samples', 'mean_elements'] as const) {
      const divisor = reduction === 'mean_samples' ? ROWS : ROWS * OUTPUTS
      const sampleWeights = [0.5, 2, 0, 4, 1, 0]
      const mean = network('squaredError', reduction, backend).gradients(x, y, { sampleWeights })
      const sum = network('squaredError', 'sum', backend).gradients(x, y, { sampleWeights })
      expect(mean.loss).toBeCloseTo(sum.loss / divisor, 13)
      expectClose({ input: mean.input }, { input: sum.input.map((value) => value / divisor) })
    }
  })

  test('weights of 1 change no bit, from one step to the next', async () => {
    const y = Uint8Array.from(classes)
    const ones = new Float64Array(ROWS).fill(1)
    const [weighted, plain] = [0, 1].map(() => network('categoricalCrossEntropy', 'mean_samples', backend))
    for (const sampleWeights of [undefined, ones, undefined]) {
      const optimizer = { name: 'adam', learningRate: 0.1 } as const
      expect(weighted.trainStep(x, y, { optimizer, sampleWeights })).toEqual(
        plain.trainStep(x, y, { optimizer }),
      )
    }
    expect(weighted.evaluate(x, y, { sampleWeights: ones })).toEqual(plain.evaluate(x, y))
    const options: FitOptions = { epochs: 3, batchSize: 4, validation: 0.3 }
    const { epochs } = await weighted.fit(x, y, { ...options, sampleWeights: ones })
    expect(epochs).toEqual((await plain.fit(x, y, options)).epochs)
    expect(weighted.parameters).toEqual(plain.parameters)
  })

  test('a step takes the weights of its rows', () => {
    const y = targetsFor('regression')
    const net = network('squaredError', 'sum', backend)
    const sampleWeights = [9, 2, 9, 9, 0.5, 9]
    const alone = net.gradients([x[4], x[1]], [y[4], y[1]], { sampleWeights: [0.5, 2] })
    expect(net.gradients(x, y, { sampleWeights, rows: [4, 1] })).toEqual(alone)
  })

  test('class weights are row weights by class, in every form of weights and targets', async () => {
    // The example of scikit-learn's compute_class_weight: 1.5 and 0.75.
    const y = [1, 1, 1, 1, 0, 0]
    const byRow = y.map((label) => (label === 0 ? 1.5 : 0.75))
    const outputs = { one: dense(1, 'logistic'), two: dense(2, 'softmax') }
    const fit = async (
      last: keyof typeof outputs,
      targets: Parameters<Network['fit']>[1],
      options: FitOptions,
    ) => {
      const layers = [dense(4, 'tanh'), outputs[last]]
      const net = new Network({ inputs: 2, layers, seed: 1, backend })
      const { epochs } = await net.fit(x, targets, { epochs: 3, batchSize: 4, ...options })
      return { epochs, parameters: net.parameters }
    }
    const oneHot = y.map((label) => [1 - label, label])
    for (const [last, forms] of [
      ['one', [y, Uint8Array.from(y)]],
      ['two', [oneHot, Uint8Array.from(y)]],
    ] as const) {
      const expected = await fit(last, forms[0], { sampleWeights: byRow })
      for (const targets of forms) {
        for (const classWeights of [
          'balanced',
          [1.5, 0.75],
          { 0: 1.5, 1: 0.75 },
          Float64Array.of(1.5, 0.75),
        ] as const) {
          expect(await fit(last, targets, { classWeights })).toEqual(expected)
        }
      }
      const both = { sampleWeights: [1, 2, 4, 8, 1, 0], classWeights: { 1: 0.5 } }
      expect(await fit(last, forms[0], both)).toEqual(
        await fit(last, forms[0], { sampleWeights: [0.5, 1, 2, 4, 1, 0] }),
      )
    }
  })

  test('for hinge the classes are −1 and 1', async () => {
    const y = [1, 1, 1, 1, -1, -1].map((sign) => [sign])
    const fit = async (options: FitOptions) => {
      const layers = [dense(1)]
      const net = new Network({ inputs: 2, layers, loss: 'hinge', seed: 1, backend })
      await net.fit(x, y, { epochs: 3, batchSize: 4, ...options })
      return net.parameters
    }
    const expected = await fit({ sampleWeights: y.map(([sign]) => (sign < 0 ? 3 : 1)) })
    expect(await fit({ classWeights: [3, 1] })).toEqual(expected)
  })

  test('balanced counts the training rows and the classes that they have', async () => {
    const y = Uint8Array.of(0, 0, 0, 2, 2, 2)
    const fit = async (options: FitOptions): Promise<unknown> => {
      const net = new Network({ inputs: 2, layers: [dense(3, 'softmax')], backend })
      const { epochs } = await net.fit(x, y, { epochs: 2, validation: Uint32Array.of(3, 4), ...options })
      return { epochs, parameters: net.parameters }
    }
    // Three rows of class 0 and one of class 2: 4/(2·3) and 4/(2·1). The rows held out keep 1.
    const sampleWeights = [2 / 3, 2 / 3, 2 / 3, 1, 1, 2]
    expect(await fit({ classWeights: 'balanced' })).toEqual(await fit({ sampleWeights }))
  })

  test('rows that are held out keep their weights', async () => {
    const y = targetsFor('regression')
    const sampleWeights = [1, 2, 3, 4, 5, 6]
    const held = [1, 4]
    const rest = [0, 2, 3, 5]
    const pick = <T>(values: readonly T[], rows: number[]): T[] => rows.map((row) => values[row])
    const own = network('squaredError', 'mean_elements', backend)
    const { epochs } = await own.fit(x, y, { epochs: 2, sampleWeights, validation: Uint32Array.from(held) })
    const expected = own.evaluate(pick(x, held), pick(y, held), { sampleWeights: pick(sampleWeights, held) })
    expect(epochs[1].validation?.loss).toBeCloseTo(expected.loss, 13)
    const other = network('squaredError', 'mean_elements', backend)
    const { epochs: others } = await other.fit(pick(x, rest), pick(y, rest), {
      epochs: 2,
      sampleWeights: pick(sampleWeights, rest),
      validation: { x: pick(x, held), y: pick(y, held), sampleWeights: pick(sampleWeights, held) },
    })
    expect(others).toEqual(epochs)
    const { epochs: plain } = await network('squaredError', 'mean_elements', backend).fit(x, y, {
      epochs: 1,
      validation: { x, y, sampleWeights: new Float64Array(ROWS).fill(2) },
    })
    const { epochs: once } = await network('squaredError', 'mean_elements', backend).fit(x, y, {
      epochs: 1,
      validation: { x, y },
    })
    expect(plain[0].loss).toBe(once[0].loss)
    expect(plain[0].validation.loss).toBeCloseTo(2 * once[0].validation.loss, 13)
  })
})

describe('weights that cannot be', () => {
  const net = new Network({ inputs: 2, layers: [dense(3, 'softmax')], backend: 'fallback' })
  const y = Uint8Array.from(classes)
  const weigh = (sampleWeights: unknown): FitOptions => ({ sampleWeights: sampleWeights as number[] })
  test.each<[string, unknown, RegExp]>([
    [
      'a negative one',
      [1, 1, -1, 1, 1, 1],
      /sampleWeights: row 2: expected a weight of at least 0; received -1/,
    ],
    ['NaN', [1, NaN, 1, 1, 1, 1], /sampleWeights: row 1, .*: expected a finite float32 number; received NaN/],
    ['one beyond the element type', [1, 1e39, 1, 1, 1, 1], /sampleWeights: row 1.*received 1e\+39/],
    ['too few', [1, 1], /sampleWeights: expected 6 rows, as in x; received 2/],
    ['only 0', [0, 0, 0, 0, 0, 0], /expected at least one row with a weight above 0; received only 0/],
    ['no array', 3, /sampleWeights: expected a Float32Array, .*; received 3/],
    ['null', null, /sampleWeights: expected a Float32Array, .*; received null/],
  ])('%s', (_, weights, message) => {
    const options = weigh(weights)
    const uses = [
      () => net.fit(x, y, options),
      () => net.evaluate(x, y, options),
      () => net.gradients(x, y, options),
      () => net.trainStep(x, y, options),
    ]
    for (const use of uses) {
      expect(use).toThrow(DataError)
      expect(use).toThrow(message)
    }
  })

  test('of rows in other data, or of a batch', () => {
    expect(() => net.fit(x, y, { validation: { x, y, sampleWeights: [1] } })).toThrow(
      /validation.sampleWeights: expected 6 rows/,
    )
    expect(() => net.fit(x, y, { validation: { x, y, sampleWeights: [0, 0, 0, 0, 0, 0] } })).toThrow(
      /weights of the validation rows: expected at least one/,
    )
    expect(() => net.gradients(x, y, { sampleWeights: [0, 1, 1, 1, 1, 1], rows: [0] })).toThrow(
      /sampleWeights: expected at least one row with a weight above 0/,
    )
    expect(() => net.evaluate(x, y, { sampleWeight: [] } as object)).toThrow(/should be 'sampleWeights'/)
  })

  test.each<[string, unknown, RegExp]>([
    [
      'a misspelled word',
      'balance',
      /classWeights: expected 'balanced', 3 numbers, or an object .*'balance'/,
    ],
    ['too few', [1, 2], /classWeights: expected .* 3 numbers, .*; received 2 numbers/],
    [
      'a class that is not there',
      { 3: 1 },
      /class index: expected an integer at least 0 and at most 2; received 3/,
    ],
    ['a negative one', { 1: -1 }, /classWeights: class 1: expected a number at least 0; received -1/],
    ['null', null, /received null/],
  ])('%s for classes', (_, classWeights, message) => {
    const fit = () => net.fit(x, y, { classWeights: classWeights as 'balanced' })
    expect(fit).toThrow(SpecError)
    expect(fit).toThrow(message)
  })

  test('class weights where rows have no single class', () => {
    const soft = classes.map(() => [0.5, 0.25, 0.25])
    expect(() => net.fit(x, soft, { classWeights: 'balanced' })).toThrow(
      /y: row 0: expected a single class, for class weights; received shares such as 0.5/,
    )
    const several = new Network({ inputs: 2, layers: [dense(3, 'logistic')], backend: 'fallback' })
    expect(() => several.fit(x, targetsFor('binary'), { classWeights: 'balanced' })).toThrow(
      /classWeights: expected a loss of one class per row.*; received binaryCrossEntropy with 3 outputs/,
    )
    expect(() => net.fit(x, y, { classWeights: { 0: 0, 1: 0, 2: 0 } })).toThrow(
      /weights of the training rows: expected at least one row/,
    )
  })
})
