/** A step in the notation of CS 615 (Drexel): rows as row vectors, net_h = xβ and net_o = hθ, one hidden layer. */

import { SpecError } from '../errors.ts'
import { matmul } from '../kernels/products.ts'
import { describeActivation } from '../layers/activation.ts'
import { differenceOf, directionOf, lossFormOf, lossInNumbers, lossInSymbols } from './loss-form.ts'
import type { Pass, PassLayer } from './pass.ts'
import { matrix, number, rowVector } from './text.ts'

/**
 * Writes the step out.
 *
 * @throws SpecError unless the network has one hidden layer
 */
export function writeInCs615Notation(pass: Pass): string {
  const form = lossFormOf(pass)
  const { layers, input, target, loss, learningRate, after } = pass
  if (layers.length !== 2) {
    throw new SpecError({
      code: 'HADAMARD_NOT_POSSIBLE',
      where: 'explainStep',
      expected: 'one hidden layer and an output layer, as the notation cs615 has symbols for',
      received: `${layers.length} dense layers`,
      cure: "Use the notation 'bishop'",
    })
  }
  const [hidden, output] = layers
  const direction = directionOf(form)
  const difference = differenceOf({ ...form, isCanonical: false }, 'ŷ', 'y')
  const outputError = form.isCanonical ? difference : `${difference}∘g′(net_o)`
  const hiddenGradient = matmul<Float64Array>(output.delta, output.weight, {
    m: 1,
    n: hidden.units,
    k: output.units,
    transB: true,
  })
  return [
    `One step of gradient ${form.isMaximised ? 'ascent' : 'descent'} on one row, in the notation of CS 615`,
    `x = ${rowVector(input)}, y = ${rowVector(target)}, learning rate α = ${number(learningRate)}`,
    `β = ${matrix(hidden.weight, hidden.units)}${biasText(hidden, 'b_h')}`,
    `θ = ${matrix(output.weight, output.units)}${biasText(output, 'b_o')}`,
    '',
    'Forward',
    `  net_h = xβ${plus(hidden, 'b_h')} = ${rowVector(hidden.net)}`,
    `  h = g(net_h) = ${rowVector(hidden.output)}, g being ${describeActivation(hidden.activation)}`,
    `  net_o = hθ${plus(output, 'b_o')} = ${rowVector(output.net)}`,
    `  ŷ = g(net_o) = ${rowVector(output.output)}, g being ${describeActivation(output.activation)}`,
    '',
    'Loss',
    `  J = ${lossInSymbols(form, target.length, 'ŷ', 'y')} = ${lossInNumbers(form, output.output, target)} = ${number(loss)}`,
    '',
    'Backward',
    `  ∂J/∂net_o = ${outputError} = ${rowVector(output.delta)}`,
    `  ∂J/∂θ = hᵀ·∂J/∂net_o = ${matrix(output.weightGradient, output.units)}`,
    ...biasGradient(output, 'b_o', 'net_o'),
    `  ∂J/∂h = ∂J/∂net_o·θᵀ = ${rowVector(hiddenGradient)}`,
    `  ∂J/∂net_h = ∂J/∂h∘g′(net_h) = ${rowVector(hidden.delta)}, g′(net_h) being ${rowVector(hidden.slope)}`,
    `  ∂J/∂β = xᵀ·∂J/∂net_h = ${matrix(hidden.weightGradient, hidden.units)}`,
    ...biasGradient(hidden, 'b_h', 'net_h'),
    '',
    'Update',
    `  β ← β ${direction} α·∂J/∂β = ${matrix(hidden.newWeight, hidden.units)}`,
    ...biasUpdate(hidden, 'b_h', direction),
    `  θ ← θ ${direction} α·∂J/∂θ = ${matrix(output.newWeight, output.units)}`,
    ...biasUpdate(output, 'b_o', direction),
    '',
    'After the step',
    `  ŷ = ${rowVector(after.output)}, J = ${number(after.loss)}`,
  ].join('\n')
}

const plus = ({ bias }: PassLayer, name: string): string => (bias === undefined ? '' : ` + ${name}`)
const biasText = ({ bias }: PassLayer, name: string): string =>
  bias === undefined ? '' : `, ${name} = ${rowVector(bias)}`
const biasGradient = ({ bias, delta }: PassLayer, name: string, net: string): string[] =>
  bias === undefined ? [] : [`  ∂J/∂${name} = ∂J/∂${net} = ${rowVector(delta)}`]
const biasUpdate = ({ newBias }: PassLayer, name: string, direction: string): string[] =>
  newBias === undefined ? [] : [`  ${name} ← ${name} ${direction} α·∂J/∂${name} = ${rowVector(newBias)}`]
