/** The losses that a step can be explained for: formulas in symbols and in numbers. */

import { SpecError } from '../errors.ts'
import { REDUCTIONS, reductionScale } from '../ops/losses.ts'
import { describeLoss, lossOf } from '../spec.ts'
import type { Pass } from './pass.ts'
import { number, operand, sum } from './text.ts'

/** A loss of one row over outputs y and targets t. */
export interface LossForm {
  /** One output's part of the loss, of the texts of output and target. */
  readonly term: (y: string, t: string) => string
  /** What is in front of the sum of the parts. */
  readonly scale: number
  /** What is in front of y − t in the derivative of the loss with respect to the net input of the output y. */
  readonly factor: number
  /** Whether that derivative is y − t alone: loss and last activation belong together. */
  readonly isCanonical: boolean
  /** Whether the step raises it: its derivative has t − y in the place of y − t. */
  readonly isMaximised: boolean
}

type FormOf = (scale: number, factor: number) => Omit<LossForm, 'isMaximised'>

const crossEntropy = (term: LossForm['term']): FormOf => {
  return (scale) => ({ term, scale: -scale, factor: scale, isCanonical: true })
}
const formsByOp: Readonly<Partial<Record<string, FormOf>>> = {
  squared_error: (scale, factor) => ({
    term: (y, t) => `(${y} − ${t})²`,
    scale: factor * scale,
    factor: 2 * factor * scale,
    isCanonical: false,
  }),
  binary_cross_entropy_with_logits: crossEntropy((y, t) => `(${t}·ln(${y}) + (1 − ${t})·ln(1 − ${y}))`),
  categorical_cross_entropy_with_logits: crossEntropy((y, t) => `${t}·ln(${y})`),
}

/**
 * The loss of a pass.
 *
 * @throws SpecError if there is no formula for it here
 */
export function lossFormOf({ spec, target }: Pass): LossForm {
  const { loss } = spec
  const { op, isMaximised = false } = lossOf(spec)
  const formOf = formsByOp[op]
  if (formOf === undefined || loss === undefined || (loss.labelSmoothing ?? 0) > 0) {
    throw new SpecError({
      code: 'HADAMARD_NOT_POSSIBLE',
      where: 'explainStep: loss',
      expected: 'squaredError, or a cross-entropy or log likelihood without label smoothing',
      received: describeLoss(spec),
    })
  }
  const scale = reductionScale(REDUCTIONS.indexOf(loss.reduction), 1, target.length)
  const form = formOf(scale, loss.factor ?? 1)
  return { ...form, isMaximised, scale: isMaximised ? -form.scale : form.scale }
}

/** The difference of output and target in the derivative of the loss, with its factor, from their texts. */
export function differenceOf({ factor, isCanonical, isMaximised }: LossForm, y: string, t: string): string {
  const difference = isMaximised ? `${t} − ${y}` : `${y} − ${t}`
  if (factor === 1) return isCanonical ? difference : `(${difference})`
  return `${number(factor)}·(${difference})`
}

/** The sign of the step along the gradient. */
export const directionOf = ({ isMaximised }: LossForm): string => (isMaximised ? '+' : '−')

/** The loss in symbols, such as `Σ (y − t)²`, with the symbols of output and target. */
export function lossInSymbols({ term, scale }: LossForm, outputs: number, y: string, t: string): string {
  const inner = outputs === 1 ? term(y, t) : `Σ ${term(y, t)}`
  return scale === 1 ? inner : scale === -1 ? `−${inner}` : `${number(scale)}·${inner}`
}

/** The loss of outputs and targets in numbers. */
export function lossInNumbers({ term, scale }: LossForm, y: Float64Array, t: Float64Array): string {
  const terms = sum(Array.from(y, (value, k) => term(operand(value), operand(t[k]))))
  const inner = y.length === 1 ? terms : `(${terms})`
  return scale === 1 ? terms : scale === -1 ? `−${inner}` : `${number(scale)}·${inner}`
}
