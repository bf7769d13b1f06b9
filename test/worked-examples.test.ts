/** The worked examples of lecture decks, computed by networks in float64. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { BackendOptions } from '../src/backends/choose.ts'
import {
  accuracy,
  activation,
  dense,
  logLoss,
  Network,
  type ActivationName,
  type Loss,
  type NetworkOptions,
  type Parameter,
} from '../src/index.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'

type Nested = number | readonly Nested[]
type Values = Readonly<Record<string, Nested>>
interface WorkedExample {
  readonly inputs: Values
  readonly computed: Values
}

const FILE = join(import.meta.dirname, 'fixtures', 'worked-examples.json')
const { examples } = JSON.parse(readFileSync(FILE, 'utf8')) as { examples: Record<string, WorkedExample> }

const flat = (values: Nested): number[] => (typeof values === 'number' ? [values] : values.flatMap(flat))
const rowsOf = (values: Nested): number[][] => (values as readonly Nested[]).map(flat)
const numberOf = (value: Nested): number => flat(value)[0]
const negated = (values: Nested): number[] => flat(values).map((value) => -value)

/** Compares numbers in order, within rounding. */
function expectLike(received: number | ArrayLike<number>, expected: Nested): void {
  const numbers = typeof received === 'number' ? [received] : Array.from(received)
  const wanted = flat(expected)
  expect(numbers).toHaveLength(wanted.length)
  wanted.forEach((value, i) => {
    const message = `value ${i}: expected ${value}, received ${numbers[i]}`
    expect(Math.abs(numbers[i] - value), message).toBeLessThanOrEqual(1e-15 + 1e-11 * Math.abs(value))
  })
}

/** A dense layer with its weight [in][out], and an activation as a layer of its own: net values are outputs too. */
interface Stage {
  readonly weight: Nested
  readonly bias?: Nested
  readonly activation?: ActivationName
}

const CURVE_SEEDS = 9
const SUM = { reduction: 'sum' } as const
const squaredErrorSum: Loss = { name: 'squaredError', ...SUM }
const identity = (size: number): number[][] =>
  Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => Number(i === j)))

type Build = (loss: Loss, ...stages: readonly Stage[]) => Network<'float64'>

const builderFor =
  (options: BackendOptions): Build =>
  (loss, ...stages) => {
    const layers = stages.flatMap((stage) => [
      dense(rowsOf(stage.weight)[0].length, 'linear', { bias: stage.bias !== undefined }),
      ...(stage.activation === undefined ? [] : [activation(stage.activation)]),
    ])
    const inputs = rowsOf(stages[0].weight).length
    const network = new Network<'float64'>({ inputs, layers, loss, dtype: 'float64', ...options })
    const parameters: Record<string, number[]> = {}
    stages.forEach(({ weight, bias }, i) => {
      parameters[`dense${i + 1}.weight`] = flat(weight)
      if (bias !== undefined) parameters[`dense${i + 1}.bias`] = flat(bias)
    })
    network.setParameters(parameters)
    return network
  }

const dataOf = (parameters: Record<string, Parameter<'float64'>>, name: string): Float64Array =>
  parameters[name].data

/** The values of an activation at x. */
function valuesAt(build: Build, name: ActivationName, x: Nested, loss: Loss = 'squaredError'): Float64Array {
  return build(loss, { weight: [[1]], activation: name }).predict(flat(x))
}

const twoLayers = (inputs: Values, hidden: ActivationName): [Stage, Stage] => [
  { weight: inputs.W1, bias: inputs.b1, activation: hidden },
  { weight: inputs.W2, bias: inputs.b2, activation: 'logistic' },
]

/** Three tanh units that L-BFGS fits to the values of f at x: the root of the mean squared error. */
async function fitCurve(
  x: Nested,
  f: (x: number) => number,
  network: Partial<NetworkOptions>,
): Promise<number> {
  const layers = [dense(3, 'tanh'), dense(1)]
  const net = new Network<'float64'>({
    inputs: 1,
    layers,
    loss: 'squaredError',
    ...network,
    dtype: 'float64',
  })
  const y = flat(x).map(f)
  await net.fit(flat(x), y, { optimizer: 'lbfgs', epochs: 300 })
  return Math.sqrt(net.evaluate(flat(x), y).loss)
}

type Check = (build: Build, inputs: Values, computed: Values, options: BackendOptions) => void | Promise<void>

/** What each example compares, by id. */
const checks: Readonly<Record<string, Check>> = {
  'cs615-forward'(build, { x, W1, W2 }, { h, y }) {
    const outputs = build(squaredErrorSum, { weight: W1 }, { weight: W2 }).forward(rowsOf(x))
    expectLike(outputs.dense1, h)
    expectLike(outputs.dense2, y)
  },
  'cs615-backward'(build, { x, W1, W2, target }, computed) {
    const network = build(squaredErrorSum, { weight: W1 }, { weight: W2 })
    const { loss, parameters } = network.gradients(rowsOf(x), [numberOf(target)])
    expectLike(loss, computed.loss)
    expectLike(parameters['dense2.weight'], computed.dW2)
    expectLike(parameters['dense1.weight'], computed.dW1)
    const optimizer = { name: 'sgd', learningRate: 0.1 } as const
    network.trainStep(rowsOf(x), [numberOf(target)], { optimizer })
    const after = computed['after_one_sgd_step_lr_0.1'] as unknown as Values
    expectLike(dataOf(network.parameters, 'dense1.weight'), after.W1)
    expectLike(dataOf(network.parameters, 'dense2.weight'), after.W2)
    expectLike(network.predict(rowsOf(x)), after.y)
  },
  'cs615-batch-squared-error'(build, { X, W1, W2, Y }, computed) {
    const network = build({ name: 'squaredError', reduction: 'mean_samples' }, { weight: W1 }, { weight: W2 })
    const { loss, parameters } = network.gradients(rowsOf(X), rowsOf(Y))
    expectLike(network.predict(rowsOf(X)), computed.Yhat)
    expectLike(loss, computed.loss)
    expectLike(parameters['dense2.weight'], computed.dW2)
    expectLike(parameters['dense1.weight'], computed.dW1)
  },
  // The deck climbs the log likelihood; cross-entropy is its negative.
  'cs615-logistic-log-likelihood'(build, { X, W1, W2, Y }, computed) {
    const loss: Loss = { name: 'binaryCrossEntropy', ...SUM }
    const stages = [W1, W2].map((weight): Stage => ({ weight, activation: 'logistic' }))
    const network = build(loss, ...stages)
    const found = network.gradients(rowsOf(X), rowsOf(Y))
    expectLike(network.predict(rowsOf(X)), computed.Yhat)
    expectLike(-found.loss, computed.log_likelihood)
    expectLike(found.parameters['dense2.weight'], negated(computed.ascent_dW2))
    expectLike(found.parameters['dense1.weight'], negated(computed.ascent_dW1))
  },
  'uva-logistic-is-softmax'(build, { z0, z1 }, computed) {
    const ones = flat(z1)
    const rows = flat(z0).map((z, i) => [z, ones[i]])
    const softmax = build('squaredError', { weight: identity(2), activation: 'softmax' })
    const logistic = build('squaredError', { weight: [[-1], [1]], activation: 'logistic' })
    const second = (shift: number): number[] =>
      [...softmax.predict(rows.map((row) => row.map((z) => z + shift)))].filter((_, i) => i % 2 === 1)
    expectLike(second(0), computed.p1)
    expectLike(second(100), computed.p1_after_adding_100_to_both)
    expectLike(logistic.predict(rows), computed.p1)
  },
  'uva-softmax-delta'(build, { z, y }, { yhat, loss_per_row: losses, dE_dz: gradient }) {
    const network = build(
      { name: 'categoricalCrossEntropy', ...SUM },
      { weight: identity(3), activation: 'softmax' },
    )
    expectLike(network.predict(rowsOf(z)), yhat)
    expectLike(network.gradients(rowsOf(z), rowsOf(y)).input, gradient)
    const targets = rowsOf(y)
    expectLike(
      rowsOf(z).map((row, i) => network.evaluate([row], [targets[i]]).loss),
      losses,
    )
  },
  'uva-step-relu'(build, { x }, { step, relu }) {
    expectLike(valuesAt(build, 'step', x, 'perceptron'), step)
    expectLike(valuesAt(build, 'relu', x), relu)
  },
  'uva-two-layer-regression'(build, inputs, computed) {
    const network = build(
      squaredErrorSum,
      { weight: inputs.W1_as_in_out, bias: [inputs.b1, inputs.b2], activation: 'logistic' },
      { weight: inputs.W2_as_in_out, bias: [inputs.b3] },
    )
    const { loss, parameters, layerOutputs } = network.gradients([flat(inputs.x)], [numberOf(inputs.y)])
    expectLike(layerOutputs.dense1, computed.z)
    expectLike(layerOutputs.activation1, computed.h)
    expectLike(layerOutputs.dense2, computed.yhat)
    expectLike(loss, computed.E)
    expectLike(parameters['dense1.weight'][0], computed.dE_dw1)
    expectLike(parameters['dense2.weight'][0], computed.dE_dw5)
    expectLike(parameters['dense2.bias'], computed.dE_db3)
  },
  'uva-xavier-scale'(_build, { layers, units, rows, printed_layers: places }, computed, options) {
    const [count, width, total] = [layers, units, rows].map(numberOf)
    // 2.5·10⁹ multiply-adds are the core's; a tenth of the rows says the same within the tolerance.
    const some = options.backend === 'fallback' ? total / 10 : total
    const deep = Array.from({ length: count }, () => dense(width, 'tanh', { initializer: 'lecunNormal' }))
    const network = new Network<'float64'>({
      inputs: width,
      layers: deep,
      loss: 'squaredError',
      dtype: 'float64',
      ...options,
    })
    const random = randomStream(1, 'rows')
    const outputs = network.forward(new Float64Array(some * width).map((_, i) => random.normal(i)))
    const deviations = Object.values(outputs).map((values) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
    })
    const expectNear = (received: readonly number[], expected: Nested): void => {
      flat(expected).forEach((value, i) => {
        expect(Math.abs(received[i] - value), `value ${i}`).toBeLessThan(numberOf(computed.tolerance))
      })
    }
    expectNear(deviations, computed.std_infinite_width)
    expectNear(
      flat(places).map((layer) => deviations[layer - 1]),
      computed.std_printed,
    )
  },
  // One weight w5 and a bias that makes the printed net value; the hidden output is printed with four digits only.
  'yeum-w5'(build, { o1, net_o1: net, out_h1: printed }, computed) {
    const [h] = valuesAt(build, 'logistic', examples['yeum-w1'].inputs.net_h1)
    expect(h).toBeCloseTo(numberOf(printed), 4)
    const bias = [numberOf(net) - 0.4 * h]
    const network = build(squaredErrorSum, { weight: [[0.4]], bias, activation: 'logistic' })
    const { parameters, layerOutputs } = network.gradients([h], [numberOf(o1)])
    expectLike(layerOutputs.activation1, computed.out_o1)
    expectLike(parameters['dense1.weight'], computed.dE_dw5)
    expectLike(parameters['dense1.bias'][0], numberOf(computed.dE_dout_o1) * numberOf(computed.dout_dnet))
    const output = build(squaredErrorSum, { weight: [[1]] })
    expectLike(output.gradients(layerOutputs.activation1, [numberOf(o1)]).input, computed.dE_dout_o1)
  },
  'yeum-w1'(build, inputs, computed) {
    const value = (name: string): number => numberOf(inputs[name])
    const hidden = { weight: [[0]], bias: [value('net_h1')], activation: 'logistic' } as const
    const h = build('squaredError', hidden).predict([value('i1')])[0]
    const weights = [value('w5'), value('w7')]
    const nets = [value('net_o1'), value('net_o2')]
    const bias = nets.map((net, i) => net - weights[i] * h)
    const network = build(squaredErrorSum, hidden, { weight: [weights], bias, activation: 'logistic' })
    const { parameters, layerOutputs } = network.gradients([value('i1')], [[value('o1'), value('o2')]])
    expectLike(layerOutputs.activation2[1], computed.out_o2)
    expectLike(parameters['dense1.weight'], computed.dE_dw1)
    // With ½ the squared error of a linear output that is 1 above its target, the gradient is that of the net value.
    const names = ['dnet_o1_dw1', 'dnet_o2_dw1']
    names.forEach((name, i) => {
      const net = build({ name: 'squaredError', factor: 0.5, ...SUM }, hidden, { weight: [[weights[i]]] })
      const found = net.gradients([value('i1')], [weights[i] * h - 1])
      expectLike(found.parameters['dense1.weight'], computed[name])
    })
  },
  'yeum-as-network'(build, inputs, computed) {
    const network = build(squaredErrorSum, ...twoLayers(inputs, 'logistic'))
    const { loss, parameters, layerOutputs } = network.gradients(rowsOf(inputs.x), rowsOf(inputs.target))
    expectLike(layerOutputs.dense1[0], computed.net_h1)
    expectLike(layerOutputs.dense2, computed.net_o)
    expectLike(layerOutputs.activation2, computed.out_o)
    expectLike(loss, computed.loss)
    expectGradients(parameters, computed)
  },
  'annmlp-categorical-cross-entropy'(build, { y, y_index: index, p }, computed) {
    const logits = rowsOf(p).map((row) => row.map(Math.log))
    const network = build({ name: 'categoricalCrossEntropyFromLogits', ...SUM }, { weight: identity(3) })
    const losses = logits.map((row, i) => network.evaluate([row], [rowsOf(y)[i]]).loss)
    expectLike(losses, computed.loss_per_row)
    const { loss, accuracy: share = NaN } = network.evaluate(logits, rowsOf(y))
    expectLike(loss, computed.sum)
    expectLike(share, computed.accuracy)
    expectLike(logLoss(flat(index), rowsOf(p)), computed.mean)
    const largest = rowsOf(p).map((row) => row.indexOf(Math.max(...row)))
    expectLike(accuracy(flat(index), largest), computed.accuracy)
  },
  'annmlp-binary-cross-entropy'(build, { y, p }, { loss_per_row: losses }) {
    const network = build('binaryCrossEntropyFromLogits', { weight: [[1]] })
    const targets = flat(y)
    const logit = (q: number): number => Math.log(q / (1 - q))
    expectLike(
      flat(p).map((q, i) => network.evaluate([logit(q)], [targets[i]]).loss),
      losses,
    )
    expectLike(
      flat(p).map((q, i) => logLoss([targets[i]], [q])),
      losses,
    )
  },
  'annmlp-gudermannian'(build, { x }, { gd, derivative }) {
    expectLike(valuesAt(build, 'gudermannian', x), gd)
    // The gradient of ½(y − t)² is the derivative where t is y − 1.
    const half: Loss = { name: 'squaredError', factor: 0.5, ...SUM }
    const network = build(half, { weight: [[1]], activation: 'gudermannian' })
    const targets = network.predict(flat(x)).map((value) => value - 1)
    expectLike(network.gradients(flat(x), targets).input, derivative)
  },
  'annmlp-delta-rule'(build, { x, w, t, eta }, computed) {
    const half: Loss = { name: 'squaredError', factor: 0.5, ...SUM }
    const network = build(half, { weight: flat(w).map((value) => [value]), activation: 'logistic' })
    const { parameters, layerOutputs } = network.gradients([flat(x)], [numberOf(t)])
    expectLike(layerOutputs.dense1, computed.a)
    expectLike(layerOutputs.activation1, computed.y)
    expectLike(negated(parameters['dense1.weight'][0] / flat(x)[0]), computed.delta)
    const optimizer = { name: 'sgd', learningRate: numberOf(eta) } as const
    network.trainStep([flat(x)], [numberOf(t)], { optimizer })
    expectLike(dataOf(network.parameters, 'dense1.weight'), computed.w_new)
  },
  'annmlp-matrix-gradients'(build, { X, W, dL_dY: gradient }, computed) {
    const half: Loss = { name: 'squaredError', factor: 0.5, ...SUM }
    const network = build(half, { weight: W, bias: [0, 0, 0] })
    const y = network.predict(rowsOf(X))
    expectLike(y, computed.Y)
    const dy = flat(gradient)
    const { parameters, input } = network.gradients(
      rowsOf(X),
      y.map((value, i) => value - dy[i]),
    )
    expectLike(parameters['dense1.weight'], computed.dL_dW)
    expectLike(parameters['dense1.bias'], computed.dL_dB)
    expectLike(input, computed.dL_dX)
  },
  // Every seed ends in one of several minima: scikit-learn's 20 tell where they lie.
  async 'annmlp-curve-fitting'(_build, { x }, computed, options) {
    const curves = [(v: number) => v * v, Math.sin, Math.abs, (v: number) => Number(v >= 0)]
    for (const [i, f] of curves.entries()) {
      const errors: number[] = []
      for (let seed = 0; seed < CURVE_SEEDS; seed++) errors.push(await fitCurve(x, f, { seed, ...options }))
      errors.sort((a, b) => a - b)
      expect(errors[0]).toBeLessThanOrEqual(flat(computed.rmse_best)[i])
      expect(errors[(CURVE_SEEDS - 1) / 2]).toBeLessThanOrEqual(flat(computed.rmse_median)[i])
    }
  },
  'scully-forward'(build, inputs, computed) {
    const outputs = build(squaredErrorSum, ...twoLayers(inputs, 'logistic')).forward(rowsOf(inputs.x))
    expectLike(outputs.dense1, computed.net_h)
    expectLike(outputs.activation1, computed.h)
    expectLike(outputs.dense2, computed.net_o)
    expectLike(outputs.activation2, computed.y)
  },
  'scully-logistic-regression-step'(build, { X, y, w, b, alpha }, computed) {
    const network = build('binaryCrossEntropy', { weight: w, bias: b, activation: 'logistic' })
    const { loss, parameters } = network.gradients(rowsOf(X), rowsOf(y))
    expectLike(network.predict(rowsOf(X)), computed.h)
    expectLike(loss, computed.cost)
    expectLike(parameters['dense1.weight'], computed.dw)
    expectLike(parameters['dense1.bias'], computed.db)
    const optimizer = { name: 'sgd', learningRate: numberOf(alpha) } as const
    network.trainStep(rowsOf(X), rowsOf(y), { optimizer })
    expectLike(dataOf(network.parameters, 'dense1.weight'), computed.w_new)
    expectLike(dataOf(network.parameters, 'dense1.bias'), computed.b_new)
  },
  'scully-vectorised-backprop'(build, inputs, computed) {
    for (const hidden of ['tanh', 'logistic'] as const) {
      const expected = computed[`${hidden}_hidden`] as unknown as Values
      const network = build('binaryCrossEntropy', ...twoLayers(inputs, hidden))
      const { loss, parameters } = network.gradients(rowsOf(inputs.X), rowsOf(inputs.y))
      expectLike(network.predict(rowsOf(inputs.X)), expected.yhat)
      expectLike(loss, expected.cost)
      expectGradients(parameters, expected)
    }
  },
  'scully-activations'(build, { x }, computed) {
    for (const name of ['tanh', 'relu', 'leaky_relu'] as const) {
      expectLike(valuesAt(build, name, x), computed[name])
    }
  },
}

function expectGradients(parameters: Record<string, Float64Array>, computed: Values): void {
  for (const i of [1, 2]) {
    expectLike(parameters[`dense${i}.weight`], computed[`dW${i}`])
    expectLike(parameters[`dense${i}.bias`], computed[`db${i}`])
  }
}

test('every example has its check', () => {
  expect(Object.keys(checks)).toEqual(Object.keys(examples))
})

describe.each(backendsUnderTest)('$label', ({ options }) => {
  test.each(Object.entries(checks))('%s', async (id, check) => {
    const { inputs, computed } = examples[id]
    await check(builderFor(options), inputs, computed, options)
  })
})
