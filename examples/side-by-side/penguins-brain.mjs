// Trains on penguins.csv, scores on rows held out, saves the model, and asks the saved model about one penguin.

import { readFileSync, writeFileSync } from 'node:fs'
import brain from 'brain.js'

const NUMBERS = ['bill_length_mm', 'bill_depth_mm', 'flipper_length_mm', 'body_mass_g']

const [header, ...lines] = readFileSync('penguins.csv', 'utf8').trim().split('\n')
const names = header.split(',')
const rows = lines.map((line) => {
  const fields = line.split(',')
  return Object.fromEntries(names.map((name, i) => [name, fields[i]]))
})
rows.sort(() => Math.random() - 0.5)
const testRows = rows.slice(0, Math.round(0.2 * rows.length))
const trainRows = rows.slice(testRows.length)

const ranges = NUMBERS.map((name) => {
  const values = trainRows
    .map((row) => row[name])
    .filter((text) => text !== '')
    .map(Number)
  return { name, min: Math.min(...values), max: Math.max(...values) }
})
const encode = (row, numbers) => ({
  ...Object.fromEntries(
    numbers.map(({ name, min, max }) => [
      name,
      row[name] === '' ? 0.5 : (Number(row[name]) - min) / (max - min),
    ]),
  ),
  [row.island]: 1,
  [row.sex]: 1,
})

const network = new brain.NeuralNetwork({ hiddenLayers: [64, 32], activation: 'leaky-relu' })
network.train(
  trainRows.map((row) => ({ input: encode(row, ranges), output: { [row.species]: 1 } })),
  { iterations: 200, learningRate: 0.01 },
)
const answer = (some, row, numbers) =>
  Object.entries(some.run(encode(row, numbers))).reduce((best, one) => (one[1] > best[1] ? one : best))
const right = testRows.filter((row) => answer(network, row, ranges)[0] === row.species)
console.log('test accuracy', right.length / testRows.length)
writeFileSync('penguins.json', JSON.stringify({ ranges, network: network.toJSON() }))

const saved = JSON.parse(readFileSync('penguins.json', 'utf8'))
const model = new brain.NeuralNetwork().fromJSON(saved.network)
const row = {
  island: 'Dream',
  bill_length_mm: 39.5,
  bill_depth_mm: 17.4,
  flipper_length_mm: 186,
  body_mass_g: 3800,
  sex: 'female',
}
console.log(...answer(model, row, saved.ranges))
