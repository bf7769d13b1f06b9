/** brain.js: trains row by row with momentum whatever the batch, on squared errors; activations are the same for all layers. */

import { createRequire } from 'node:module'
import { layersOf, samples, serve } from './protocol.mjs'

const nodeRequire = createRequire(import.meta.url)
const { NeuralNetwork } = nodeRequire('brain.js')

/** Multiply-adds of a call, about: it trains on all rows that it is given, and cannot be interrupted. */
const CALL = 4e6
const ACTIVATIONS = { relu: 'relu', tanh: 'tanh', logistic: 'sigmoid' }

function open({ kind, inputs, threads, ...fields }) {
  if (threads > 1) return 'one thread only'
  if (kind !== 'train' && kind !== 'infer') return 'only training and prediction'
  const layers = layersOf(fields)
  const outputs = layers.at(-1).units
  const weights = layers.reduce((sum, { units }, i) => sum + units * (layers[i - 1]?.units ?? inputs), 0)
  const count = Math.max(4, Math.min(128, Math.round(CALL / weights)))
  const net = new NeuralNetwork({
    hiddenLayers: layers.slice(0, -1).map(({ units }) => units),
    activation: ACTIVATIONS[layers[0].activation],
    learningRate: 1e-4,
  })
  const [x, y] = [samples(count * inputs), samples(count * outputs)]
  const rows = Array.from({ length: count }, (_, row) => ({
    input: x.subarray(row * inputs, (row + 1) * inputs),
    output: y.subarray(row * outputs, (row + 1) * outputs),
  }))
  const train = () => net.train(rows, { iterations: 1, errorThresh: 1e-12, log: false })
  if (kind === 'train') return { call: train, items: count, isSynchronous: true }
  train()
  return { call: () => net.run(x.subarray(0, inputs)), items: 1, isSynchronous: true }
}

await serve(nodeRequire('brain.js/package.json').version, open)
