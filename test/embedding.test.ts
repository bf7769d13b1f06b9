/** Columns of many categories in train: embeddings that learn each one, in files and servers too. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadModel, train, type Model, type NumberPrediction } from '../src/index.ts'
import { randomStream } from '../src/random.ts'

const SHOPS = 120
const random = randomStream(7, 'shops')
const levels = Array.from({ length: SHOPS }, (_, i) => random.normal(i))
// Twelve rows of each shop, which alone tells the level; some shops have one row or no name.
const rows = Array.from({ length: 12 * SHOPS }, (_, i) => ({
  size: random.normal(1000 + i),
  shop: i % SHOPS === 0 ? `once ${i}` : i % SHOPS === 1 ? null : `shop ${i % SHOPS}`,
  y: levels[i % SHOPS] + 0.5 * random.normal(1000 + i),
}))

type Row = Partial<Record<keyof (typeof rows)[number], unknown>>

// The sum of all attributions is a difference of two predictions (completeness), and where the rows differ in one column alone it is
// that column's; gradient × input is the slope of the prediction along the way between two vectors.
async function expectAttributions(model: Model<Row, NumberPrediction>): Promise<void> {
  const answerTo = (row: Row): number => model.predictOne({ size: row.size, shop: row.shop }).prediction
  const options = { repeats: 0, points: 0 }
  const { attributions } = await model.explain(rows, { ...options, rows: [5, 0, 1] })
  for (const { row, columns, gap, output } of attributions) {
    expect(columns.map(({ column, value }) => [column, value])).toEqual([
      ['size', rows[row].size],
      ['shop', rows[row].shop],
    ])
    const difference = answerTo(rows[row]) - answerTo({ size: null, shop: null })
    const sum = columns.reduce((all, { integratedGradients }) => all + integratedGradients, 0)
    expect(output).toBeCloseTo(answerTo(rows[row]), 4)
    expect(sum).toBeCloseTo(difference, 3)
    expect(Math.abs(gap)).toBeLessThan(2e-4 * Math.abs(difference))
  }
  // A name that occurs once shares its vector with those that are missing.
  expect(attributions.slice(1).map(({ columns }) => columns[1].integratedGradients)).toEqual([0, 0])

  const other = { ...rows[5], shop: 'shop 9' }
  const [{ columns }] = (await model.explain(rows, { ...options, rows: [5], baseline: other })).attributions
  expect(columns[0].integratedGradients).toBe(0)
  expect(columns[1].integratedGradients).toBeCloseTo(answerTo(rows[5]) - answerTo(other), 3)
  const [, shop] = model.encoder.data.inputs
  if (shop.type !== 'categorical') throw new Error('categories were expected')
  const { data } = model.network.parameters['embedding2.weight']
  const vectorOf = (name: string): Float32Array => {
    const at = 8 * (1 + shop.categories.indexOf(name))
    return data.slice(at, at + 8)
  }
  const [to, from] = [vectorOf('shop 5'), vectorOf('shop 9')]
  const moved = (share: number): number => {
    const weight = data.slice()
    weight.set(
      to.map((value, i) => value + share * (value - from[i])),
      8 * (1 + shop.categories.indexOf('shop 5')),
    )
    model.network.setParameters({ 'embedding2.weight': weight })
    return answerTo(rows[5])
  }
  const slope = (moved(0.01) - moved(-0.01)) / 0.02
  model.network.setParameters({ 'embedding2.weight': data })
  expect(Math.abs(columns[1].gradientTimesInput - slope)).toBeLessThan(5e-3 * Math.abs(slope))

  // The mean of the data is that of vectors: half way between two shops it is neither.
  const pair = [rows[5], other]
  const [half] = (await model.explain(pair, { ...options, rows: [0], baseline: 'mean' })).attributions
  const difference = half.output - half.baseline
  expect(half.columns[0].integratedGradients).toBe(0)
  expect(half.columns[1].integratedGradients).toBeCloseTo(difference, 3)
  expect(half.baseline).not.toBeCloseTo(half.output, 2)
}

test('a level for each of 118 shops is learnt, kept in the file, and found one row at a time', async () => {
  const model = await train<(typeof rows)[number], NumberPrediction>(rows, {
    target: 'y',
    hidden: [16],
    learningRate: 0.01,
    epochs: 60,
    seed: 1,
  })
  const [size, shop] = model.encoder.data.inputs
  expect(size).toMatchObject({ name: 'size', type: 'numeric' })
  expect(shop).toMatchObject({ isIndexed: true })
  expect(shop.type === 'categorical' && shop.categories.length).toBe(SHOPS - 2)
  expect(model.network.spec.layers[0]).toMatchObject({ type: 'embedding', categories: SHOPS - 1, units: 8 })
  // The best that 64 columns and one for all others could do is about 0.54.
  expect(model.report.test?.r2).toBeGreaterThan(0.9)
  const folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  await model.save(join(folder, 'shops.model'))
  const loaded = await loadModel<object, NumberPrediction>(join(folder, 'shops.model'))
  await rm(folder, { recursive: true })
  const asked = [rows[5], { ...rows[7], shop: 'a new one' }, rows[1]]
  const answers = loaded.predict(asked).map(({ prediction }) => prediction)
  expect(answers).toEqual(asked.map((row) => model.predictOne(row).prediction))
  expect(answers.every(Number.isFinite)).toBe(true)
  await expectAttributions(model)
  await expect(model.fit(rows, { refitEncoder: true, epochs: 1 })).rejects.toThrow(
    /refitEncoder: expected a model without embedded columns/,
  )
})
