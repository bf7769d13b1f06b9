/** Explanations: what theory says of linear models, completeness, central differences, and errors. */

import { beforeAll, describe, expect, test } from 'vitest'
import { DataError, SpecError } from '../src/errors.ts'
import {
  Model,
  train,
  type ExplanationOptions,
  type NumberPrediction,
  type Prediction,
} from '../src/index.ts'
import { randomStream } from '../src/random.ts'

type Row = Record<string, unknown>
const random = randomStream(4, 'explain')
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
const variance = (values: readonly number[]): number => mean(values.map((v) => (v - mean(values)) ** 2))

// A model that is y = 3a − 2b exactly, without a share of c.
const linearRows = Array.from({ length: 400 }, (_, i) => {
  const [a, b, c] = [random.normal(3 * i), random.normal(3 * i + 1), random.normal(3 * i + 2)]
  return { a, b, c, y: 3 * a - 2 * b }
})
let linear: Model<Row, NumberPrediction>
beforeAll(async () => {
  linear = await train<Row, NumberPrediction>(linearRows, { target: 'y', hidden: [], epochs: 1 })
  const { inputs, target } = linear.encoder.data
  if (target.task !== 'regression') throw new Error('a number was expected')
  const slopes = [3, -2, 0]
  const weight = inputs.map((input, i) => {
    if (input.type !== 'numeric') throw new Error('numbers were expected')
    return (slopes[i] * input.deviation) / target.deviation
  })
  const offset = inputs.reduce((sum, input, i) => sum + ('mean' in input ? slopes[i] * input.mean : 0), 0)
  linear.network.setParameters({
    'dense1.weight': weight,
    'dense1.bias': [(offset - target.mean) / target.deviation],
  })
})

describe('of a linear model', () => {
  test('a column’s importance in R² is 2·slope²·variance(column)/variance(target)', async () => {
    const { importance, score, metric } = await linear.explain(linearRows, { repeats: 50 })
    expect([metric, importance.map(({ column }) => column)]).toEqual(['r2', ['a', 'b', 'c']])
    expect(score).toBeCloseTo(1, 6)
    const whole = variance(linearRows.map(({ y }) => y))
    for (const [i, name] of (['a', 'b'] as const).entries()) {
      const expected = (2 * [9, 4][i] * variance(linearRows.map((row) => row[name]))) / whole
      const { mean: found, deviation, interval } = importance[i]
      expect(deviation).toBeGreaterThan(0)
      expect(Math.abs(found - expected)).toBeLessThan((4 * deviation) / Math.sqrt(50))
      // scipy.stats.t.ppf(0.975, 49)
      expect(interval[1] - found).toBeCloseTo((2.0095752344892093 * deviation) / Math.sqrt(50), 9)
    }
    expect(importance[2].mean).toBeCloseTo(0, 9)
  })

  test('errors and scores make the same order: importance in RMSE is above 0 too', async () => {
    const { importance } = await linear.explain(linearRows, { metric: 'rmse', repeats: 2 })
    expect(importance[0].column).toBe('a')
    expect(importance[0].mean).toBeGreaterThan(1)
  })

  test('partial dependence is the line itself, over values of the data', async () => {
    const { dependence } = await linear.explain(linearRows, { columns: ['a'], points: 7, repeats: 0 })
    const [{ column, points }] = dependence
    expect([column, points.length]).toEqual(['a', 7])
    const b = mean(linearRows.map((row) => row.b))
    for (const { value, rows, prediction } of points) {
      expect(linearRows.filter(({ a }) => a === value)).toHaveLength(rows)
      expect(prediction).toBeCloseTo(3 * Number(value) - 2 * b, 4)
    }
    const sorted = linearRows.map(({ a }) => a).sort((x, y) => x - y)
    expect([points[0].value, points[6].value]).toEqual([sorted[20], sorted[379]])
  })

  test('attributions are slope times distance from the mean, by both ways', async () => {
    const { attributions } = await linear.explain(linearRows, { rows: [5, 0], repeats: 0, points: 0 })
    const { inputs } = linear.encoder.data
    expect(attributions.map(({ row }) => row)).toEqual([5, 0])
    attributions.forEach(({ row, columns, output, gap }) => {
      expect(output).toBeCloseTo(linearRows[row].y, 4)
      expect(gap).toBeCloseTo(0, 9)
      columns.forEach(({ column, value, integratedGradients, gradientTimesInput }, i) => {
        const input = inputs[i]
        const center = 'mean' in input ? input.mean : NaN
        expect([column, value]).toEqual([input.name, linearRows[row][input.name as 'a']])
        expect(integratedGradients).toBeCloseTo([3, -2, 0][i] * (Number(value) - center), 4)
        expect(gradientTimesInput).toBeCloseTo(integratedGradients, 4)
      })
    })
  })
})

const mixedRows = Array.from({ length: 300 }, (_, i) => {
  const size = random.normal(5000 + i)
  const kind = 'abc'[random.below(3, 7000 + i)]
  const month = 1 + random.below(12, 9000 + i)
  const sum = size + (kind === 'a' ? 1 : -0.5) + (month > 6 ? 0.7 : -0.7)
  return {
    size: Number(size.toFixed(3)),
    kind,
    when: `2024-${String(month).padStart(2, '0')}-1${i % 9}`,
    isNew: i % 3 === 0,
    two: sum > 0 ? 'yes' : 'no',
    three: sum > 1 ? 'high' : sum > -1 ? 'middle' : 'low',
    number: 10 * sum,
  }
})
const inputNames = ['size', 'kind', 'when', 'isNew']
const nothing = Object.fromEntries(inputNames.map((name) => [name, null]))

describe.each([
  ['two classes', 'two', undefined],
  ['two classes of calibrated probabilities', 'two', 2.5],
  ['three classes', 'three', undefined],
  ['three classes of calibrated probabilities', 'three', 0.6],
  ['numbers', 'number', undefined],
] as const)('attributions of %s', (_, target, temperature) => {
  let model: Model<Row, Prediction>
  beforeAll(async () => {
    const ignore = ['two', 'three', 'number'].filter((name) => name !== target)
    const trained = await train<Row, Prediction>(mixedRows, { target, ignore, epochs: 30, hidden: [16] })
    const { decision = {}, ...report } = trained.report
    const level = { logLoss: 0, brier: 0, calibrationError: 0 }
    model = new Model({
      encoder: trained.encoder,
      network: trained.network,
      report: {
        ...report,
        decision: {
          ...decision,
          calibration:
            temperature === undefined ? undefined : { temperature, rows: 1, before: level, after: level },
        },
      },
    })
  })
  const answerOf = (row: Row, label: unknown): number => {
    const [answer] = model.predict([row])
    return 'probabilities' in answer ? answer.probabilities[String(label)] : Number(answer.prediction)
  }
  const explain = (options: ExplanationOptions): ReturnType<typeof model.explain> =>
    model.explain(mixedRows, { repeats: 0, points: 0, ...options })

  test('are complete: by raw columns they add up to the difference of two predictions', async () => {
    const { attributions } = await explain({ rows: [0, 1, 2, 17, 90] })
    for (const { row, label, output, baseline, columns, gap } of attributions) {
      expect(columns.map(({ column }) => column)).toEqual(inputNames)
      // A row of which nothing is known has the inputs 0.
      const [here, there] = [answerOf(mixedRows[row], label), answerOf(nothing, label)]
      const scale = target === 'number' ? 10 : 1
      expect(Math.abs(output - here)).toBeLessThan(1e-5 * scale)
      expect(Math.abs(baseline - there)).toBeLessThan(1e-5 * scale)
      const sum = columns.reduce((total, { integratedGradients }) => total + integratedGradients, 0)
      expect(Math.abs(sum + gap - (output - baseline))).toBeLessThan(1e-9 * scale)
      expect(Math.abs(sum - (here - there))).toBeLessThan(1e-3 * Math.abs(here - there) + 2e-5 * scale)
    }
  })

  test('compare with any row, and with the mean of the data', async () => {
    const [{ label, baseline, columns }] = (await explain({ rows: [3], baseline: mixedRows[8] })).attributions
    expect(Math.abs(baseline - answerOf(mixedRows[8], label))).toBeLessThan(1e-4)
    if (mixedRows[3].kind === mixedRows[8].kind) expect(columns[1].integratedGradients).toBe(0)
    const { attributions } = await explain({ rows: [3], baseline: 'mean' })
    expect(attributions[0].baseline).not.toBe(baseline)
  })

  test('gradient × input agrees with central differences', async () => {
    const input = model.encoder.data.inputs[0]
    if (input.type !== 'numeric') throw new Error('a number was expected')
    const { attributions } = await explain({ rows: [4, 40, 200] })
    for (const { row, label, columns } of attributions) {
      const { size } = mixedRows[row]
      const step = 0.01
      const [up, down] = [step, -step].map((h) => answerOf({ ...mixedRows[row], size: size + h }, label))
      const expected = ((up - down) / (2 * step)) * (size - input.mean)
      expect(Math.abs(columns[0].gradientTimesInput - expected)).toBeLessThan(
        2e-3 * Math.max(Math.abs(expected), 0.02) * (target === 'number' ? 20 : 1),
      )
    }
  })
})

describe('of a model with columns of all kinds', () => {
  let model: Model<Row>
  beforeAll(async () => {
    model = await train<Row>(mixedRows, { target: 'two', ignore: ['three', 'number'], epochs: 10 })
  })

  test('a column’s importance depends neither on other columns asked for nor on the order of columns', async () => {
    const all = await model.explain(mixedRows, { repeats: 3, points: 0 })
    const one = await model.explain(
      mixedRows.map(({ when, ...row }) => ({ when, ...row })),
      { repeats: 3, points: 0, columns: ['size'] },
    )
    expect(one.importance).toEqual(all.importance.filter(({ column }) => column === 'size'))
  })

  test('dates, texts and booleans have their values on the grid', async () => {
    const { dependence } = await model.explain(mixedRows, {
      repeats: 0,
      columns: ['kind', 'when', 'isNew'],
      points: 5,
    })
    const values = dependence.map(({ points }) => points.map(({ value }) => value))
    expect(values[0]).toEqual(['a', 'b', 'c'])
    expect(values[1]).toHaveLength(5)
    expect(values[1]).toEqual([...values[1]].sort())
    expect(values[2]).toEqual([false, true])
    for (const { points } of dependence) {
      for (const { prediction } of points) {
        const { yes, no } = prediction as Record<string, number>
        expect(yes + no).toBeCloseTo(1, 9)
      }
    }
    const [kinds] = dependence
    const asA = mean(
      model.predict(mixedRows.map((row) => ({ ...row, kind: 'a' }))).map((p) => p.probabilities.yes),
    )
    expect((kinds.points[0].prediction as Record<string, number>).yes).toBeCloseTo(asA, 9)
  })

  test('the three most important columns get a partial dependence, and a sample is drawn by the seed', async () => {
    const options: ExplanationOptions = { repeats: 2, sample: 50, seed: 3 }
    const first = await model.explain(mixedRows, options)
    expect([first.rows, first.dependence.map(({ column }) => column)]).toEqual([
      50,
      first.importance.slice(0, 3).map(({ column }) => column),
    ])
    expect(await model.explain(mixedRows, options)).toEqual(first)
  })

  test('without importance no target is needed', async () => {
    const rows = mixedRows.slice(0, 9).map(({ size, kind, when, isNew }) => ({ size, kind, when, isNew }))
    const { attributions, importance } = await model.explain(rows, { repeats: 0, rows: [8] })
    expect([attributions.length, importance]).toEqual([1, []])
    await expect(model.explain(rows)).rejects.toThrow(/a column named 'two'/)
  })

  test.each<[string, ExplanationOptions, RegExp]>([
    [
      'an unknown column',
      { columns: ['sice'] },
      /columns: expected a column named 'sice'.*Did you mean 'size'/,
    ],
    ['one shuffle', { repeats: 1 }, /repeats: expected an integer at least 2, or 0 for none; received 1/],
    [
      'a score of numbers',
      { metric: 'r2' },
      /metric: expected accuracy, .* for classification; received 'r2'/,
    ],
    ['a row that is not there', { rows: [300] }, /rows: expected row numbers below 300; received 300/],
    [
      'a class that is not there',
      { label: 'jes' },
      /label: expected one of the classes 'no', 'yes'; received 'jes'/,
    ],
    ['another baseline', { baseline: 'median' as never }, /baseline: expected 'zero', 'mean', or a row/],
    ['a misspelled option', { repeat: 3 } as never, /'repeat'.*should be 'repeats'/],
  ])('%s is an error that says what is allowed', async (_, options, message) => {
    const explained = model.explain(mixedRows, options)
    await expect(explained).rejects.toThrow(message)
    const error = await explained.catch((caught: unknown) => caught)
    expect(error instanceof SpecError || error instanceof DataError).toBe(true)
  })
})
