/** One step of gradient descent on one row, written out with every number and formula. Not for networks of any size. */

import { checkNumber, checkOneOf } from '../check.ts'
import { rejectUnknownKeys } from '../errors.ts'
import type { Network } from '../network.ts'
import type { Dtype } from '../ops/arithmetic.ts'
import type { Rows, Targets } from '../training/arrays.ts'
import { writeInBishopsNotation } from './bishop.ts'
import { writeInCs615Notation } from './cs615.ts'
import { passOf } from './pass.ts'

const notations = { bishop: writeInBishopsNotation, cs615: writeInCs615Notation } as const

/**
 * Whose symbols are used.
 *
 * @useDeclaredType
 */
export type Notation = keyof typeof notations

/** The notations by name. */
export const notationNames = Object.keys(notations) as readonly Notation[]

/** Settings of {@link explainStep}. */
export interface ExplainOptions {
  /**
   * `bishop` (default): unit by unit, net inputs a and errors δ. `cs615`: row vectors and matrices, net_h = xβ and
   * net_o = hθ, for networks of one hidden layer.
   */
  notation?: Notation
  /** Learning rate of the step, above 0, default 0.1. */
  learningRate?: number
}

/**
 * Writes out one step of gradient descent on one row: net inputs, activations, loss, errors, gradients and updated weights,
 * with their formulas. Every number is computed by the library in float64, and shown with seven digits. The network stays
 * as it is.
 *
 * @param network at most 100 parameters; dense layers and activations; squared error or a cross-entropy, no penalty
 * @param x [1, inputs]
 * @param y [1, outputs], or a class index
 * @throws SpecError if the network is larger, or has what there is no formula for here; DataError if x and y are not one row
 * @source Bishop 2006, Pattern Recognition and Machine Learning, section 5.3.2
 * @example
 * const net = new Network({ inputs: 1, layers: [dense(1)], loss: 'squaredError' })
 * net.setParameters({ 'dense1.weight': [0.5] })
 * explainStep(net, [[3]], [[1]]).split('\n')[4] // '  a⁽¹⁾₁ = w⁽¹⁾₁₁·x₁ + w⁽¹⁾₁₀ = 0.5·3 + 0 = 1.5'
 */
export function explainStep(
  network: Network<Dtype>,
  x: Rows,
  y: Targets,
  options: ExplainOptions = {},
): string {
  rejectUnknownKeys('explainStep', options, ['notation', 'learningRate'])
  const { notation = 'bishop', learningRate = 0.1 } = options
  checkOneOf('explainStep: notation', notation, notationNames)
  checkNumber('explainStep: learningRate', learningRate, { above: 0 })
  return notations[notation](passOf(network, x, y, learningRate))
}
