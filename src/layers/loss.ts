/** Losses as the end of a network: which ops compute them, and from which value. */

import { rejectUnknownKeys } from '../errors.ts'
import { checkNumber, checkOneOf } from '../check.ts'
import { REDUCTIONS, type Reduction } from '../ops/losses.ts'
import type { ActivationName } from './activation.ts'

/** Settings of losses; each has those that its formula names. */
export interface LossSettings {
  /** Factor of squaredError, default 1; 0.5 is the other common form. */
  readonly factor?: number
  /** Error up to which huber is quadratic, default 1. */
  readonly delta?: number
}

interface LossInfo {
  /** The op; its gradient is `${op}_backward`. */
  readonly op: string
  readonly reduction: Reduction
  /** Settings of the loss with their defaults; each is above 0. */
  readonly settings: Partial<Record<keyof LossSettings, number>>
  /** The last activation that the loss needs; the loss is then computed from that activation's input. */
  readonly needs?: ActivationName
  /** Whether the network's output has to be squashed to give a probability. */
  readonly squash?: ActivationName
  /** Whether outputs and targets are 0 or 1; right answers are then told by the output rather than by a logit. */
  readonly hasDecisions?: boolean
  /** `margin`: targets are −1 or 1. */
  readonly task: 'regression' | 'margin' | 'binary' | 'classes'
}

const FROM_LOGITS = { settings: {} } as const

/** The losses by name. */
export const lossTable = {
  squaredError: {
    op: 'squared_error',
    reduction: 'mean_elements',
    settings: { factor: 1 },
    task: 'regression',
  },
  absoluteError: { op: 'absolute_error', reduction: 'mean_elements', settings: {}, task: 'regression' },
  huber: { op: 'huber', reduction: 'mean_elements', settings: { delta: 1 }, task: 'regression' },
  hinge: { op: 'hinge', reduction: 'mean_elements', settings: {}, task: 'margin' },
  perceptron: {
    op: 'perceptron',
    reduction: 'sum',
    settings: {},
    needs: 'step',
    hasDecisions: true,
    task: 'binary',
  },
  binaryCrossEntropy: {
    ...FROM_LOGITS,
    op: 'binary_cross_entropy_with_logits',
    reduction: 'mean_elements',
    needs: 'logistic',
    task: 'binary',
  },
  binaryCrossEntropyFromLogits: {
    ...FROM_LOGITS,
    op: 'binary_cross_entropy_with_logits',
    reduction: 'mean_elements',
    squash: 'logistic',
    task: 'binary',
  },
  categoricalCrossEntropy: {
    ...FROM_LOGITS,
    op: 'categorical_cross_entropy_with_logits',
    reduction: 'mean_samples',
    needs: 'softmax',
    task: 'classes',
  },
  categoricalCrossEntropyFromLogits: {
    ...FROM_LOGITS,
    op: 'categorical_cross_entropy_with_logits',
    reduction: 'mean_samples',
    squash: 'softmax',
    task: 'classes',
  },
} satisfies Record<string, LossInfo>

/** Name of a loss. */
export type LossName = keyof typeof lossTable

/** A loss as users may write it. */
export type Loss = LossName | ({ name: LossName; reduction?: Reduction } & LossSettings)

/** A loss as plain data, all settings filled in. */
export interface LossSpec extends LossSettings {
  readonly name: LossName
  /** `sum`, `mean_samples` (divided by the rows) or `mean_elements` (by rows · outputs). */
  readonly reduction: Reduction
}

/** What the compiler needs to know of a loss. */
export function lossInfo(name: LossName): LossInfo {
  return lossTable[name]
}

/**
 * Fills in and checks a loss.
 *
 * @throws SpecError if the name is unknown or a setting does not fit
 */
export function normalizeLoss(loss: Loss): LossSpec {
  const { name, reduction, ...given } = typeof loss === 'object' && loss !== null ? loss : { name: loss }
  checkOneOf('loss', name, Object.keys(lossTable))
  const info: LossInfo = lossTable[name]
  rejectUnknownKeys(`loss ${name}`, given, ['name', 'reduction', ...Object.keys(info.settings)])
  checkOneOf('loss.reduction', reduction ?? info.reduction, REDUCTIONS)
  const settings = Object.entries(info.settings).map(([key, value]) => {
    const setting: unknown = given[key as keyof LossSettings] ?? value
    checkNumber(`loss.${key}`, setting, { above: 0 })
    return [key, setting]
  })
  return { name, reduction: reduction ?? info.reduction, ...(Object.fromEntries(settings) as LossSettings) }
}
