/** Losses as the end of a network: which ops compute them, and from which value. */

import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { checkNumber, checkOneOf } from '../check.ts'
import { REDUCTIONS, type Reduction } from '../ops/losses.ts'
import type { ActivationName } from './activation.ts'

interface LossInfo {
  /** The op; its gradient is `${op}_backward`. */
  readonly op: string
  readonly reduction: Reduction
  readonly hasFactor: boolean
  /** The last activation that the loss needs; the loss is then computed from that activation's input. */
  readonly needs?: ActivationName
  /** Whether the network's output has to be squashed to give a probability. */
  readonly squash?: ActivationName
  readonly task: 'regression' | 'binary' | 'classes'
}

const FROM_LOGITS = { hasFactor: false } as const

/** The losses by name. */
export const lossTable = {
  squaredError: { op: 'squared_error', reduction: 'mean_elements', hasFactor: true, task: 'regression' },
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
export type Loss = LossName | { name: LossName; reduction?: Reduction; factor?: number }

/** A loss as plain data, all settings filled in. */
export interface LossSpec {
  readonly name: LossName
  /** `sum`, `mean_samples` (divided by the rows) or `mean_elements` (by rows · outputs). */
  readonly reduction: Reduction
  /** Factor of squaredError, default 1. */
  readonly factor?: number
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
  const given: { name: LossName; reduction?: Reduction; factor?: number } =
    typeof loss === 'object' ? loss : { name: loss }
  rejectUnknownKeys('loss', given, ['name', 'reduction', 'factor'])
  checkOneOf('loss', given.name, Object.keys(lossTable))
  const info: LossInfo = lossTable[given.name]
  const reduction = given.reduction ?? info.reduction
  checkOneOf('loss.reduction', reduction, REDUCTIONS)
  if (!info.hasFactor) {
    if (given.factor === undefined) return { name: given.name, reduction }
    throw new SpecError({
      where: 'loss.factor',
      expected: `none for ${given.name}`,
      received: String(given.factor),
    })
  }
  checkNumber('loss.factor', given.factor ?? 1, { above: 0 })
  return { name: given.name, reduction, factor: given.factor ?? 1 }
}
