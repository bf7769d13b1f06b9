// Three species of penguins from a CSV with texts, numbers and missing values: scores over folds, then a model, where it errs on
// rows that it has not seen, and its answer for a penguin of which little is known.

import { join } from 'node:path'
import { confusionMatrix, crossValidate, loadModel, readCsv, columnValues, train } from 'hadamard'

const file = join(import.meta.dirname, 'data', 'penguins.csv')
const options = { target: 'species', seed: 1 }

const { scores } = await crossValidate(file, { ...options, epochs: 30 }, { folds: 5 })
const { mean = 0, deviation = 0 } = scores.accuracy ?? {}
console.log(`accuracy over 5 folds ${mean.toFixed(3)}, deviation ${deviation.toFixed(3)}`)

const model = await train(file, options)
const { test } = model.report
console.log(
  `test accuracy ${test?.accuracy?.toFixed(3)}, of the naive answer ${test?.baseline.accuracy?.toFixed(3)}`,
)

const table = await readCsv(file)
const answers = model.predictTable(table).predictions.map(({ prediction }) => prediction)
const species = table.columns.find(({ name }) => name === 'species')
if (species !== undefined) {
  const { labels, counts } = confusionMatrix(columnValues(species).map(String), answers.map(String))
  labels.forEach((label, i) =>
    console.log(`${label} taken for ${labels.map((other, j) => `${other} ${counts[i][j]}`).join(', ')}`),
  )
}

await model.save('penguins.model')
const { prediction, probabilities } = (await loadModel('penguins.model')).predictOne({
  island: 'Biscoe',
  bill_length_mm: null,
  bill_depth_mm: null,
  flipper_length_mm: null,
  body_mass_g: 5400,
  sex: null,
})
console.log(`5.4 kg on Biscoe: ${prediction}`, probabilities)
