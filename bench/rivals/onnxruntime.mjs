/** onnxruntime-node: prediction with a model that is written here, in ONNX's protocol buffers. */

import { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import { layersOf, samples, serve } from './protocol.mjs'

const nodeRequire = createRequire(import.meta.url)
const { InferenceSession, Tensor } = nodeRequire('onnxruntime-node')

const FLOAT = 1
const IR_VERSION = 8
const OPSET = 13
const ACTIVATIONS = { relu: 'Relu', tanh: 'Tanh', logistic: 'Sigmoid' }

// Protocol buffers: a number is a varint, everything else has its length before it.
function varint(value) {
  const bytes = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return [...bytes, value]
}
const number = (field, value) => Buffer.from([...varint(field * 8), ...varint(value)])
const bytes = (field, content) =>
  Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content])
const text = (field, content) => bytes(field, Buffer.from(content))
const message = (field, ...parts) => bytes(field, Buffer.concat(parts))

const tensor = (name, dims, values) =>
  message(
    5,
    ...dims.map((dim) => number(1, dim)),
    number(2, FLOAT),
    text(8, name),
    bytes(9, Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
  )
const value = (field, name, dims) =>
  message(
    field,
    text(1, name),
    message(2, message(1, number(1, FLOAT), message(2, ...dims.map((dim) => message(1, number(1, dim)))))),
  )
const node = (op, inputs, output) =>
  message(1, ...inputs.map((input) => text(1, input)), text(2, output), text(4, op))

// The layers as Gemm and their activation, the loss's own last.
function modelOf({ inputs, batch, loss, ...fields }) {
  const nodes = []
  const tensors = []
  let [current, width] = ['x', inputs]
  const layers = layersOf(fields)
  layers.forEach(({ units, activation }, i) => {
    tensors.push(
      tensor(
        `w${i}`,
        [width, units],
        samples(width * units).map((v) => v / 10),
      ),
    )
    tensors.push(tensor(`b${i}`, [units], samples(units)))
    nodes.push(node('Gemm', [current, `w${i}`, `b${i}`], `z${i}`))
    current = `z${i}`
    const last = loss.startsWith('categorical')
      ? 'Softmax'
      : loss.startsWith('binary')
        ? 'Sigmoid'
        : undefined
    const op = i + 1 === layers.length ? last : ACTIVATIONS[activation]
    if (op !== undefined) nodes.push(node(op, [current], `a${i}`))
    if (op !== undefined) current = `a${i}`
    width = units
  })
  const ends = [value(11, 'x', [batch, inputs]), value(12, current, [batch, width])]
  const graph = message(7, ...nodes, text(2, 'mlp'), ...tensors, ...ends)
  return Buffer.concat([number(1, IR_VERSION), graph, message(8, number(2, OPSET))])
}

async function open(request) {
  const { kind, inputs, batch, threads } = request
  if (kind !== 'infer') return 'only prediction'
  const model = modelOf(request)
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  })
  const feeds = { x: new Tensor('float32', samples(batch * inputs), [batch, inputs]) }
  return { call: () => session.run(feeds), items: batch }
}

await serve(nodeRequire('onnxruntime-node/package.json').version, open)
