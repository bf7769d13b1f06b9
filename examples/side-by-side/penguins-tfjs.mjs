// Trains on penguins.csv, scores on rows held out, saves the model, and asks the saved model about one penguin.

import { readFileSync, writeFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs-node'

const NUMBERS = ['bill_length_mm', 'bill_depth_mm', 'flipper_length_mm', 'body_mass_g']
const TEXTS = ['island', 'sex']

const [header, ...lines] = readFileSync('penguins.csv', 'utf8').trim().split('\n')
const names = header.split(',')
const rows = lines.map((line) => {
  const fields = line.split(',')
  return Object.fromEntries(names.map((name, i) => [name, fields[i]]))
})
tf.util.shuffle(rows)
const testRows = rows.slice(0, Math.round(0.2 * rows.length))
const trainRows = rows.slice(testRows.length)

const encoding = {
  classes: [...new Set(trainRows.map(({ species }) => species))].sort(),
  numbers: NUMBERS.map((name) => {
    const values = trainRows
      .map((row) => row[name])
      .filter((text) => text !== '')
      .map(Number)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    return { name, mean, deviation: Math.sqrt(variance) }
  }),
  texts: TEXTS.map((name) => ({ name, categories: [...new Set(trainRows.map((row) => row[name]))].sort() })),
}
const encode = (row, { numbers, texts }) => [
  ...numbers.map(({ name, mean, deviation }) =>
    row[name] === '' ? 0 : (Number(row[name]) - mean) / deviation,
  ),
  ...texts.flatMap(({ name, categories }) => categories.map((category) => (row[name] === category ? 1 : 0))),
]
const tensorsOf = (some) => ({
  x: tf.tensor2d(some.map((row) => encode(row, encoding))),
  y: tf
    .oneHot(
      tf.tensor1d(
        some.map(({ species }) => encoding.classes.indexOf(species)),
        'int32',
      ),
      3,
    )
    .toFloat(),
})

const train = tensorsOf(trainRows)
const network = tf.sequential({
  layers: [
    tf.layers.dense({ units: 64, activation: 'relu', inputShape: [train.x.shape[1]] }),
    tf.layers.dense({ units: 32, activation: 'relu' }),
    tf.layers.dense({ units: encoding.classes.length, activation: 'softmax' }),
  ],
})
network.compile({ optimizer: tf.train.adam(0.003), loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
await network.fit(train.x, train.y, {
  epochs: 200,
  batchSize: 32,
  validationSplit: 0.1,
  verbose: 0,
  callbacks: tf.callbacks.earlyStopping({ monitor: 'val_loss', patience: 20 }),
})
const test = tensorsOf(testRows)
const [, accuracy] = network.evaluate(test.x, test.y)
console.log('test accuracy', accuracy.dataSync()[0])
await network.save('file://penguins')
writeFileSync('penguins/encoding.json', JSON.stringify(encoding))

const model = await tf.loadLayersModel('file://penguins/model.json')
const loaded = JSON.parse(readFileSync('penguins/encoding.json', 'utf8'))
const row = {
  island: 'Dream',
  bill_length_mm: 39.5,
  bill_depth_mm: 17.4,
  flipper_length_mm: 186,
  body_mass_g: 3800,
  sex: 'female',
}
const chances = model.predict(tf.tensor2d([encode(row, loaded)])).dataSync()
const best = chances.indexOf(Math.max(...chances))
console.log(loaded.classes[best], chances[best])
