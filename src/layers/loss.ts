/** Losses as the end of a network: which ops compute them, and from which value. */

import { rejectUnknownKeys } from '../errors.ts'
import { checkNumber, checkOneOf, type Limits } from '../check.ts'
import { REDUCTIONS, type Reduction } from '../ops/losses.ts'
import type { ActivationName } from './activation.ts'

/** Settings of losses; each has those that its formula names. */
export interface LossSettings {
  /** Factor of squaredError, default 1; 0.5 is the other common form. */
  readonly factor?: number
  /** Error up to which huber is quadratic, default 1. */
  readonly delta?: number
  /**
   * Share of each target that cross-entropies spread evenly over the classes (two for a probability), from 0 to below 1,
   * default 0: `t·(1 − s) + s/classes`. Accuracy counts against the targets as given.
   *
   * @source Szegedy et al. 2016, Rethinking the Inception Architecture for Computer Vision, section 7
   */
  readonly labelSmoothing?: number
}

interface LossInfo {
  /** The op; its gradient is `${op}_backward`. */
  readonly op: string
  readonly reduction: Reduction
  /** Settings of the loss with their defaults and limits. */
  readonly settings: Partial<
    Record<keyof LossSettings, { readonly default: number; readonly limits: Limits }>
  >
  /** The last activation that the loss needs; the loss is then computed from that activation's input. */
  readonly needs?: ActivationName
  /** Whether the network's output has to be squashed to give a probability. */
  readonly squash?: ActivationName
  /** Whether outputs and targets are 0 or 1; right answers are then told by the output rather than by a logit. */
  readonly hasDecisions?: boolean
  /** `margin`: targets are −1 or 1. */
  readonly task: 'regression' | 'margin' | 'binary' | 'classes'
  /** Whether it is an objective that training raises: minus what the op computes. */
  readonly isMaximised?: boolean
  /** What differs where the last activation is the one that this part needs. */
  readonly otherwise?: Pick<LossInfo, 'op' | 'needs' | 'task'>
}

const ABOVE_0 = { default: 1, limits: { above: 0 } } as const
const FROM_LOGITS = { settings: { labelSmoothing: { default: 0, limits: { min: 0, below: 1 } } } } as const

/** The losses by name. */
export const lossTable = {
  squaredError: {
    op: 'squared_error',
    reduction: 'mean_elements',
    settings: { factor: ABOVE_0 },
    task: 'regression',
  },
  absoluteError: { op: 'absolute_error', reduction: 'mean_elements', settings: {}, task: 'regression' },
  huber: { op: 'huber', reduction: 'mean_elements', settings: { delta: ABOVE_0 }, task: 'regression' },
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
  logLikelihood: {
    op: 'binary_cross_entropy_with_logits',
    reduction: 'sum',
    settings: {},
    needs: 'logistic',
    task: 'binary',
    isMaximised: true,
    otherwise: { op: 'categorical_cross_entropy_with_logits', needs: 'softmax', task: 'classes' },
  },
} satisfies Record<string, LossInfo>

/**
 * Name of a loss.
 *
 * `logLikelihood` is raised, not lowered: Σ t·ln y + (1 − t)·ln(1 − y) behind a logistic output, Σ t·ln y behind softmax,
 * by default summed. It is at most 0 and is reported, and its gradients given, with that sign; a penalty is taken from it,
 * and early stopping keeps the highest.
 *
 * @source Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.89 and 4.107
 * @useDeclaredType
 */
export type LossName = keyof typeof lossTable

/** A loss as users may write it. */
export type Loss = LossName | ({ name: LossName; reduction?: Reduction } & LossSettings)

/** A loss as plain data, all settings filled in. */
export interface LossSpec extends LossSettings {
  readonly name: LossName
  /** `sum`, `mean_samples` (divided by the rows) or `mean_elements` (by rows · outputs). */
  readonly reduction: Reduction
}

/** What the compiler needs to know of a loss behind a last activation. */
export function lossInfo(name: LossName, activation?: string): LossInfo {
  const info: LossInfo = lossTable[name]
  return info.otherwise?.needs === activation ? { ...info, ...info.otherwise } : info
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
  const settings = Object.entries(info.settings).map(([key, { default: value, limits }]) => {
    const setting: unknown = given[key as keyof LossSettings] ?? value
    checkNumber(`loss.${key}`, setting, limits)
    return [key, setting]
  })
  return { name, reduction: reduction ?? info.reduction, ...(Object.fromEntries(settings) as LossSettings) }
}
