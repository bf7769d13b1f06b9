/** Rosenblatt's perceptron: a step output and the loss `perceptron`, whose gradient is the perceptron rule. */

import { describe, expect, test } from 'vitest'
import { activation, dense, Network, type LayerSpec, type Loss } from '../src/index.ts'
import { backendsUnderTest } from './support/backends.ts'

const CORNERS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]
const AND = [0, 0, 0, 1]
const OR = [0, 1, 1, 1]
const XOR = [0, 1, 1, 0]
const EPOCHS = 60

const unit = { inputs: 2, layers: [dense(1, 'step')], loss: 'perceptron' } as const

function rejection(layers: LayerSpec[], loss: Loss): () => Network {
  return () => new Network({ inputs: 2, layers, loss })
}

// Presents the corners one at a time from weights of 0 and gives the mistakes of each epoch.
function mistakesPerEpoch(net: Network<'float32' | 'float64'>, targets: readonly number[]): number[] {
  net.setParameters({ 'dense1.weight': [0, 0], 'dense1.bias': [0] })
  const optimizer = { name: 'sgd', learningRate: 1 } as const
  const y = Float32Array.from(targets)
  return Array.from({ length: EPOCHS }, () =>
    CORNERS.reduce(
      (sum, _, row) => sum + 2 * net.trainStep(CORNERS, y, { rows: [row], optimizer }).objective,
      0,
    ),
  )
}

describe.each(backendsUnderTest)('$label', ({ options }) => {
  describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
    // Perceptron convergence theorem: at most R²/γ² mistakes. With a constant 1 as input, R² = 3 for both; the planes
    // (−3, 2, 2) and (−1, 2, 2) separate with γ² = 1/17 and 1/9.
    test.each([
      ['AND', AND, 51],
      ['OR', OR, 27],
    ])('learns %s with no more mistakes than the convergence theorem allows', (_, targets, bound) => {
      const net = new Network({ ...unit, dtype, ...options })
      const mistakes = mistakesPerEpoch(net, targets)
      expect(mistakes.reduce((a, b) => a + b)).toBeLessThanOrEqual(bound)
      expect(mistakes.at(-1)).toBe(0)
      expect([...net.predict(CORNERS)]).toEqual(targets)
      expect(net.evaluate(CORNERS, Float32Array.from(targets))).toEqual({ rows: 4, loss: 0, accuracy: 1 })
    })

    test('never learns XOR, which no plane separates', () => {
      const net = new Network({ ...unit, dtype, ...options })
      expect(Math.min(...mistakesPerEpoch(net, XOR))).toBeGreaterThan(0)
      expect(net.evaluate(CORNERS, Float32Array.from(XOR)).accuracy).toBeLessThan(1)
    })
  })

  test('fit applies the rule row by row and counts right answers by the output', async () => {
    const net = new Network({ ...unit, ...options })
    const fit = { epochs: EPOCHS, batchSize: 1, optimizer: { name: 'sgd', learningRate: 1 } } as const
    const validation = { x: CORNERS, y: Float32Array.from(AND) }
    const { epochs } = await net.fit(CORNERS, validation.y, { ...fit, validation })
    expect(epochs.at(-1)).toMatchObject({ epoch: EPOCHS, loss: 0, validation: { loss: 0, accuracy: 1 } })
  })

  test('a net input of 0 gives 1, and is the right answer where the target is 1', () => {
    const net = new Network({ ...unit, ...options })
    net.setParameters({ 'dense1.weight': [0, 0], 'dense1.bias': [0] })
    expect([...net.predict(CORNERS)]).toEqual([1, 1, 1, 1])
    expect(net.evaluate(CORNERS, Float32Array.from(OR))).toEqual({ rows: 4, loss: 0.5, accuracy: 0.75 })
  })
})

describe('what a step cannot do', () => {
  test('pass gradients on to hidden layers', () => {
    const message =
      "layers[0] (dense1): expected an activation with a gradient; received 'step' before the last layer. " +
      "Use 'logistic' or 'tanh', whose gradients training can follow"
    expect(rejection([dense(3, 'step'), dense(1)], 'squaredError')).toThrow(message)
    expect(rejection([dense(3, 'step'), dense(1, 'step')], 'perceptron')).toThrow(message)
    expect(rejection([dense(1), activation('step'), activation('step')], 'perceptron')).toThrow('layers[1]')
  })

  test('end a network with another loss', () => {
    expect(rejection([dense(1, 'step')], 'squaredError')).toThrow(
      "layers[0] (dense1): expected an activation with a gradient; received 'step' with the loss squaredError. " +
        "Train it by the perceptron rule with the loss 'perceptron', or use 'logistic' or 'tanh'",
    )
  })

  test('be left out where the loss is perceptron', () => {
    expect(rejection([dense(1)], 'perceptron')).toThrow(
      /received linear. Use activation 'step' \[HADAMARD_LOSS\]$/,
    )
  })

  test('be told how much a row belongs to a class', () => {
    const net = new Network(unit)
    expect(() => net.evaluate(CORNERS, Float32Array.of(0, 0.5, 0, 1))).toThrow(
      'y: row 1: expected targets 0 or 1 for the loss perceptron; received 0.5',
    )
  })
})
