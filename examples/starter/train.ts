// Trains a network on penguins.csv, says how good it is on rows that it has not seen, saves it, and asks it about one penguin.

import { loadModel, train } from 'hadamard'

/** A row of penguins.csv; null is a missing value. For a file of yours: `npx hadamard schema FILE --types` */
interface Penguin {
  species: string
  island: string
  bill_length_mm: number | null
  bill_depth_mm: number | null
  flipper_length_mm: number | null
  body_mass_g: number | null
  sex: string | null
}

const trained = await train<Penguin>('penguins.csv', { target: 'species', seed: 1 })
const { test } = trained.report
if (test !== undefined) {
  const percent = (share = 0): string => `${(100 * share).toFixed(1)} %`
  console.log(`${percent(test.accuracy)} of ${test.rows} test rows are right`)
  console.log(`${percent(test.baseline.accuracy)} would be, were all taken for the most frequent species`)
}
await trained.save('penguins.model')

const model = await loadModel<Omit<Penguin, 'species'>>('penguins.model')
const { prediction, probability } = model.predictOne({
  island: 'Dream',
  bill_length_mm: 39.5,
  bill_depth_mm: 17.4,
  flipper_length_mm: 186,
  body_mass_g: 3800,
  sex: 'female',
})
console.log(`one more penguin: ${prediction}, probability ${probability.toFixed(3)}`)
