/** Columns of many categories in train: embeddings that learn each one, in files and servers too. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadModel, train, type NumberPrediction } from '../src/index.ts'
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
  await expect(model.explain(rows, { rows: [0] })).rejects.toThrow(
    /attributions: expected a model without embedded columns/,
  )
  await expect(model.fit(rows, { refitEncoder: true, epochs: 1 })).rejects.toThrow(
    /refitEncoder: expected a model without embedded columns/,
  )
})
