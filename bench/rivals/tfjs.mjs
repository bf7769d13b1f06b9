/** TensorFlow.js on one of its backends, `tfjs.mjs cpu` or `tfjs.mjs wasm`: a step made of its core functions. */

import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import { layersOf, samples, serve } from './protocol.mjs'

const nodeRequire = createRequire(import.meta.url)
// It advertises a faster build of itself on the console.
console.warn = console.info = () => undefined
const log = console.log
console.log = () => undefined
const tf = nodeRequire('@tensorflow/tfjs')
const backend = process.argv[2]
if (backend === 'wasm') {
  const wasm = nodeRequire('@tensorflow/tfjs-backend-wasm')
  wasm.setWasmPaths(dirname(nodeRequire.resolve('@tensorflow/tfjs-backend-wasm')) + sep)
}
await tf.setBackend(backend)
await tf.ready()
console.log = log

const ACTIVATIONS = {
  relu: (x) => tf.relu(x),
  tanh: (x) => tf.tanh(x),
  // Its logistic belongs to the loss, which takes logits.
  logistic: (x) => x,
  linear: (x) => x,
}
const LOSSES = {
  binaryCrossEntropy: (t, z) => tf.losses.sigmoidCrossEntropy(t, z),
  binaryCrossEntropyFromLogits: (t, z) => tf.losses.sigmoidCrossEntropy(t, z),
  categoricalCrossEntropyFromLogits: (t, z) => tf.losses.softmaxCrossEntropy(t, z),
  squaredError: (t, z) => tf.losses.meanSquaredError(t, z),
}
const OPTIMIZERS = {
  sgd: ({ rate }) => tf.train.sgd(rate),
  momentum: ({ rate, momentum }) => tf.train.momentum(rate, momentum),
  adam: ({ rate }) => tf.train.adam(rate),
}

function open(request) {
  const { kind, inputs, batch, rows, loss, optimizer, threads } = request
  if (threads > 1) return 'one thread in Node'
  if (kind !== 'train' && kind !== 'infer') return 'only training and prediction'
  tf.disposeVariables()
  let width = inputs
  const layers = layersOf(request).map(({ units, activation }) => {
    const weight = tf.variable(tf.randomNormal([width, units], 0, 0.1))
    width = units
    return { weight, bias: tf.variable(tf.zeros([units])), activate: ACTIVATIONS[activation] }
  })
  const forward = (x) =>
    layers.reduce((h, { weight, bias, activate }) => activate(tf.add(tf.matMul(h, weight), bias)), x)
  if (kind === 'infer') {
    const x = samples(batch * inputs)
    const call = () =>
      tf.tidy(() => {
        const output = forward(tf.tensor2d(x, [batch, inputs]))
        return (loss.startsWith('categorical') ? tf.softmax(output) : tf.sigmoid(output)).dataSync()
      })
    return { call, items: batch, isSynchronous: true }
  }
  const step = OPTIMIZERS[optimizer](request)
  const used = Math.min(rows, 4096)
  const x = tf.tensor2d(samples(used * inputs), [used, inputs])
  const y = tf.tensor2d(
    samples(used * width).map((value) => (value > 0 ? 1 : 0)),
    [used, width],
  )
  const order = tf.util.createShuffledIndices(used)
  let next = 0
  const call = () =>
    tf.tidy(() => {
      const picked = tf.tensor1d(Int32Array.from(order.subarray(next, next + batch)), 'int32')
      const cost = step.minimize(
        () => LOSSES[loss](tf.gather(y, picked), forward(tf.gather(x, picked))),
        true,
      )
      next = (next + batch) % used
      cost.dataSync()
    })
  return { call, items: batch, isSynchronous: true }
}

await serve(`${tf.version.tfjs} ${backend}`, open)
