// Trains on penguins.csv, scores on rows held out, saves the model, and asks the saved model about one penguin.

import { loadModel, train } from 'hadamard'

const trained = await train('penguins.csv', { target: 'species', seed: 1 })
console.log('test accuracy', trained.report.test?.accuracy)
await trained.save('penguins.model')

const model = await loadModel('penguins.model')
const { prediction, probability } = model.predictOne({
  island: 'Dream',
  bill_length_mm: 39.5,
  bill_depth_mm: 17.4,
  flipper_length_mm: 186,
  body_mass_g: 3800,
  sex: 'female',
})
console.log(prediction, probability)
