/** A step in the notation of Bishop, Pattern Recognition and Machine Learning, section 5.3: unit by unit. */

import { describeActivation } from '../layers/activation.ts'
import {
  differenceOf,
  directionOf,
  lossFormOf,
  lossInNumbers,
  lossInSymbols,
  type LossForm,
} from './loss-form.ts'
import type { Pass, PassLayer } from './pass.ts'
import { number, operand, rowVector, sum } from './text.ts'

const SUBSCRIPTS = '₀₁₂₃₄₅₆₇₈₉'
const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** Writes the step out. */
export function writeInBishopsNotation(pass: Pass): string {
  const form = lossFormOf(pass)
  const { layers, input, target, loss, learningRate, after } = pass
  const backwards = [...layers.keys()].reverse()
  const y = layers[layers.length - 1].output
  const direction = directionOf(form)
  const k = y.length === 1 ? '₁' : 'ₖ'
  return [
    `One step of gradient ${form.isMaximised ? 'ascent' : 'descent'} on one row, in Bishop's notation`,
    `x = ${rowVector(input)}, t = ${rowVector(target)}, learning rate η = ${number(learningRate)}`,
    ...layers.flatMap((layer, l) => ['', heading('Forward', layer, l), ...forward(pass, l)]),
    '',
    'Loss',
    `  E = ${lossInSymbols(form, y.length, `y${k}`, `t${k}`)} = ${lossInNumbers(form, y, target)} = ${number(loss)}`,
    ...backwards.flatMap((l) => ['', heading('Backward', layers[l], l), ...backward(pass, form, l)]),
    '',
    `Update: w ← w ${direction} η·∂E/∂w`,
    ...layers.flatMap((layer, l) => updates(layer, l, `${direction} ${number(learningRate)}`)),
    '',
    'After the step',
    `  y = ${rowVector(after.output)}, E = ${number(after.loss)}`,
  ].join('\n')
}

function heading(direction: string, { name, activation }: PassLayer, l: number): string {
  return `${direction}, layer ${l + 1} (${name}): h is ${describeActivation(activation)}`
}

function forward({ layers }: Pass, l: number): string[] {
  const { units, inputs, weight, bias, from, net, output, activation } = layers[l]
  const isSoftmax = activation.activation === 'softmax'
  return range(units).flatMap((j) => {
    const symbols = range(inputs).map((i) => `${weightName(l, j, i)}·${inputName(l, i)}`)
    const numbers = range(inputs).map((i) => `${operand(weight[i * units + j])}·${operand(from[i])}`)
    if (bias !== undefined) {
      symbols.push(biasName(l, j))
      numbers.push(operand(bias[j]))
    }
    const h = isSoftmax ? `exp(${netName(l, j)}) / Σ exp(${netName(l)}ₖ)` : `h(${netName(l, j)})`
    return [
      `  ${netName(l, j)} = ${sum(symbols)} = ${sum(numbers)} = ${number(net[j])}`,
      `  ${outputName(layers, l, j)} = ${h} = ${number(output[j])}`,
    ]
  })
}

function backward({ layers, target }: Pass, form: LossForm, l: number): string[] {
  const { units, inputs, from, slope, delta, output, weightGradient, bias } = layers[l]
  return range(units).flatMap((j) => {
    const h = `h′(${netName(l, j)})`
    const slopeOf = (text: string): string => `${text}·${operand(slope[j])}`
    const [symbols, numbers] =
      l < layers.length - 1
        ? [
            `${h}·(${errorsBehind(layers, l, j, true)})`,
            `${operand(slope[j])}·(${errorsBehind(layers, l, j, false)})`,
          ]
        : [
            differenceOf(form, `y${subscript(j)}`, `t${subscript(j)}`) + (form.isCanonical ? '' : `·${h}`),
            form.isCanonical
              ? differenceOf(form, operand(output[j]), operand(target[j]))
              : slopeOf(differenceOf(form, operand(output[j]), operand(target[j]))),
          ]
    const error = errorName(l, j)
    return [
      `  ${error} = ${symbols} = ${numbers} = ${number(delta[j])}`,
      ...range(inputs).map(
        (i) =>
          `  ∂E/∂${weightName(l, j, i)} = ${error}·${inputName(l, i)} = ${operand(delta[j])}·${operand(from[i])} = ${number(weightGradient[i * units + j])}`,
      ),
      ...(bias === undefined ? [] : [`  ∂E/∂${biasName(l, j)} = ${error} = ${number(delta[j])}`]),
    ]
  })
}

// Σₖ wₖⱼ·δₖ over the units of the next layer.
function errorsBehind(layers: readonly PassLayer[], l: number, j: number, isInSymbols: boolean): string {
  const { units, weight, delta } = layers[l + 1]
  return sum(
    range(units).map((k) =>
      isInSymbols
        ? `${weightName(l + 1, k, j)}·${errorName(l + 1, k)}`
        : `${operand(weight[j * units + k])}·${operand(delta[k])}`,
    ),
  )
}

function updates(layer: PassLayer, l: number, step: string): string[] {
  const { units, inputs, weight, weightGradient, newWeight, bias, newBias, delta } = layer
  const line = (name: string, before: number, gradient: number, after: number): string =>
    `  ${name} = ${number(before)} ${step}·${operand(gradient)} = ${number(after)}`
  return range(units).flatMap((j) => [
    ...range(inputs).map((i) => {
      const at = i * units + j
      return line(weightName(l, j, i), weight[at], weightGradient[at], newWeight[at])
    }),
    ...(bias === undefined || newBias === undefined
      ? []
      : [line(biasName(l, j), bias[j], delta[j], newBias[j])]),
  ])
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i)
const spell = (count: number, digits: string): string =>
  String(count).replace(/\d/g, (digit) => digits[Number(digit)])
// Units count from 1, layers too; unit 0 is the bias's.
const subscript = (unit: number): string => spell(unit + 1, SUBSCRIPTS)
const superscript = (l: number): string => `⁽${spell(l + 1, SUPERSCRIPTS)}⁾`
const pair = (j: number, i: number): string =>
  `${subscript(j)}${Math.max(j, i) > 8 ? ',' : ''}${i < 0 ? SUBSCRIPTS[0] : subscript(i)}`
const weightName = (l: number, j: number, i: number): string => `w${superscript(l)}${pair(j, i)}`
const biasName = (l: number, j: number): string => weightName(l, j, -1)
const netName = (l: number, j?: number): string => `a${superscript(l)}${j === undefined ? '' : subscript(j)}`
const errorName = (l: number, j: number): string => `δ${superscript(l)}${subscript(j)}`
const inputName = (l: number, i: number): string =>
  l === 0 ? `x${subscript(i)}` : `z${superscript(l - 1)}${subscript(i)}`
const outputName = (layers: readonly PassLayer[], l: number, j: number): string =>
  l === layers.length - 1 ? `y${subscript(j)}` : inputName(l + 1, j)
