/** Vector-Jacobian products and Jacobians against central differences of predictions, in float64. */

import { describe, expect, test } from 'vitest'
import { SpecError } from '../src/errors.ts'
import { activation, differentiableActivations } from '../src/layers/activation.ts'
import { batchNorm } from '../src/layers/batch-norm.ts'
import { customActivation } from '../src/layers/custom.ts'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import type { LayerSpec } from '../src/layers/index.ts'
import { layerNames } from '../src/layers/index.ts'
import { layerNorm } from '../src/layers/layer-norm.ts'
import { add, concat, multiply } from '../src/layers/merge.ts'
import { scale } from '../src/layers/scale.ts'
import { lossInfo, lossTable, type LossName } from '../src/layers/loss.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import type { NetworkOptions } from '../src/spec.ts'
import type { BackendOptions } from '../src/backends/choose.ts'
import { backendsUnderTest } from './support/backends.ts'
import { centralDifferences, relativeError } from './support/differences.ts'

const ROWS = 4
const INPUTS = 3
const OUTPUTS = 2

const normals = (name: string, length: number): Float64Array => {
  const random = randomStream(7, name)
  return new Float64Array(length).map((_, i) => random.normal(i))
}

/** A network whose parameters and statistics are all away from their first values. */
function movedNetwork(
  options: Omit<NetworkOptions, 'inputs' | 'dtype'> & BackendOptions,
): Network<'float64'> {
  const network = new Network<'float64'>({ ...options, inputs: INPUTS, dtype: 'float64', seed: 2 })
  for (const [name, { data }] of Object.entries(network.parameters)) {
    const move = normals(name, data.length)
    network.setParameters({ [name]: data.map((value, i) => value + 0.3 * move[i]) })
  }
  for (const [name, { data }] of Object.entries(network.state)) {
    const move = normals(name, data.length)
    network.setState({ [name]: data.map((value, i) => value + 0.3 * Math.abs(move[i])) })
  }
  return network
}

function expectDerivatives(network: Network<'float64'>): void {
  const x = normals('x', ROWS * INPUTS)
  const v = normals('v', ROWS * OUTPUTS)
  const weighted = (): number => network.predict(x).reduce((sum, y, i) => sum + v[i] * y, 0)
  const { input, parameters } = network.vjp(x, v)
  expect(relativeError(input, centralDifferences(x, weighted)), 'x').toBeLessThan(1e-7)
  expect(Object.keys(parameters)).toEqual(Object.keys(network.parameters))
  for (const [name, analytic] of Object.entries(parameters)) {
    const { data } = network.parameters[name]
    const numeric = centralDifferences(data, () => {
      network.setParameters({ [name]: data })
      return weighted()
    })
    network.setParameters({ [name]: data })
    expect(relativeError(analytic, numeric), name).toBeLessThan(1e-7)
  }
  expectJacobian(network, x, v, input)
}

// Against differences of each output, and vᵀJ against the product that needs no J.
function expectJacobian(
  network: Network<'float64'>,
  x: Float64Array,
  v: Float64Array,
  product: Float64Array,
): void {
  const { shape, data } = network.jacobian(x)
  expect(shape).toEqual([ROWS, OUTPUTS, INPUTS])
  const numeric = new Float64Array(data.length)
  const multiplied = new Float64Array(x.length)
  for (let row = 0; row < ROWS; row++) {
    for (let k = 0; k < OUTPUTS; k++) {
      const differences = centralDifferences(x, () => network.predict(x)[row * OUTPUTS + k])
      for (let i = 0; i < INPUTS; i++) {
        const place = (row * OUTPUTS + k) * INPUTS + i
        numeric[place] = differences[row * INPUTS + i]
        multiplied[row * INPUTS + i] += v[row * OUTPUTS + k] * data[place]
      }
    }
  }
  expect(relativeError(data, numeric), 'Jacobian').toBeLessThan(1e-7)
  expect(relativeError(multiplied, product), 'vᵀJ').toBeLessThan(1e-12)
}

const layerCases: Readonly<Record<string, readonly LayerSpec[]>> = {
  add: [dense(4), add([[], [dense(4, 'tanh')]]), dense(OUTPUTS)],
  multiply: [dense(4), multiply([[], [dense(4, 'tanh')]]), dense(OUTPUTS)],
  concat: [dense(4), concat([[], [dense(2, 'tanh')]]), dense(OUTPUTS)],
  dense: [dense(5, 'tanh'), dense(OUTPUTS, 'linear', { bias: false })],
  activation: [dense(5), activation({ name: 'elu', alpha: 0.7 }), dense(OUTPUTS)],
  dropout: [dense(5, 'tanh'), dropout(0.5), dense(OUTPUTS)],
  batchNorm: [batchNorm(), dense(5, 'tanh'), batchNorm({ epsilon: 0.1 }), dense(OUTPUTS)],
  layerNorm: [dense(5, 'tanh'), layerNorm({ epsilon: 0.1 }), dense(OUTPUTS)],
  scale: [scale(), dense(5, 'tanh'), dense(OUTPUTS)],
}

// Their gradients are not those of their outputs.
const trainable = (Object.keys(lossTable) as LossName[]).filter((name) => name !== 'perceptron')

describe.each(backendsUnderTest)('$label', ({ options }) => {
  test.each(differentiableActivations)('activation %s', (name) => {
    const layers = [dense(5, name), dense(OUTPUTS), activation(name)]
    expectDerivatives(movedNetwork({ layers, loss: 'squaredError', ...options }))
  })

  // An index has no derivative: the parameters of embeddings are checked in gradients.test.ts.
  test.each(layerNames.filter((name) => name !== 'embedding'))('layer %s', (name) => {
    expectDerivatives(movedNetwork({ layers: layerCases[name], loss: 'squaredError', ...options }))
  })

  test.each(trainable)('the output as predict gives it under the loss %s', (loss) => {
    const { needs } = lossInfo(loss)
    const layers = [dense(5, 'tanh'), dense(OUTPUTS, needs ?? 'linear')]
    expectDerivatives(movedNetwork({ layers, loss, ...options }))
  })

  test('v = ∂loss/∂output gives the gradients of the loss', () => {
    const layers = [dense(5, 'tanh'), layerNorm(), dense(4, 'gelu'), dense(OUTPUTS)]
    const network = movedNetwork({ layers, loss: { name: 'squaredError', reduction: 'sum' }, ...options })
    const x = normals('x', ROWS * INPUTS)
    const t = normals('t', ROWS * OUTPUTS)
    const expected = network.gradients(x, t)
    const { input, parameters } = network.vjp(
      x,
      network.predict(x).map((y, i) => 2 * (y - t[i])),
    )
    expect(relativeError(input, expected.input)).toBeLessThan(1e-13)
    for (const [name, gradient] of Object.entries(expected.parameters)) {
      expect(relativeError(parameters[name], gradient), name).toBeLessThan(1e-13)
    }
  })

  test('more rows than a block, then fewer, and new weights', () => {
    const network = movedNetwork({ layers: layerCases.dense, loss: 'squaredError', ...options })
    const x = normals('x', 300 * INPUTS)
    const all = network.jacobian(x)
    expect(all.shape).toEqual([300, OUTPUTS, INPUTS])
    const one = network.jacobian(x.subarray(299 * INPUTS)).data
    expect(Array.from(all.data.subarray(299 * OUTPUTS * INPUTS))).toEqual(Array.from(one))
    const { data: w } = network.parameters['dense2.weight']
    network.setParameters({ 'dense2.weight': w.map((value) => 2 * value) })
    expect(Array.from(network.jacobian(x.subarray(299 * INPUTS)).data)).toEqual(
      Array.from(one, (value) => 2 * value),
    )
  })
})

test('numbers by hand: the Jacobian of x·w is w', () => {
  const network = new Network({ inputs: 2, layers: [dense(1)], loss: 'squaredError' })
  network.setParameters({ 'dense1.weight': [3, 4] })
  expect(network.jacobian([[1, 2]])).toEqual({ shape: [1, 1, 2], data: Float32Array.of(3, 4) })
  const { input, parameters } = network.vjp([[1, 2]], [[10]])
  expect(input).toEqual(Float32Array.of(30, 40))
  expect(parameters['dense1.weight']).toEqual(Float32Array.of(10, 20))
  expect(parameters['dense1.bias']).toEqual(Float32Array.of(10))
})

test('a custom activation', () => {
  const own = customActivation({
    name: 'own',
    forward: (x) => x / (1 + x * x),
    backward: (x, y) => (1 - 2 * x * y) / (1 + x * x),
  })
  const layers = [dense(5, own), dense(OUTPUTS, own)]
  expectDerivatives(movedNetwork({ layers, loss: 'squaredError', backend: 'fallback' }))
})

test('float32 derivatives are those of float64, rounded', () => {
  const layers = [dense(5, 'tanh'), dense(OUTPUTS)]
  const exact = movedNetwork({ layers, loss: 'squaredError' })
  const single = new Network({ inputs: INPUTS, layers, loss: 'squaredError' })
  single.setParameters(exact.parameters)
  const x = normals('x', ROWS * INPUTS)
  expect(single.jacobian(x).data).toBeInstanceOf(Float32Array)
  expect(relativeError(single.jacobian(x).data, exact.jacobian(x).data)).toBeLessThan(1e-6)
})

test('a step has no derivative; the message names its layer and a way out', () => {
  const layers = [dense(OUTPUTS), activation('step')]
  const network = movedNetwork({ layers, loss: 'perceptron' })
  for (const derive of [() => network.jacobian([[1, 2, 3]]), () => network.vjp([[1, 2, 3]], [[1, 2]])]) {
    expect(derive).toThrow(SpecError)
    expect(derive).toThrow(
      /layers\[1\] \(activation1\): expected an activation with a derivative; .*'logistic'/,
    )
  }
})

test('v must have a number for each output of each row', () => {
  const network = movedNetwork({ layers: [dense(OUTPUTS)], loss: 'squaredError' })
  expect(() => network.vjp([[1, 2, 3]], [[1]])).toThrow(/v: expected rows of 2 numbers/)
  expect(() => network.vjp([[1, 2, 3]], new Float64Array(4))).toThrow(
    /v: expected 1 rows, as in x; received 2/,
  )
})
