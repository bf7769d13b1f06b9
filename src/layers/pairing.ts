/** Which loss goes with which last activation: the default of a network, and a warning for pairs that learn badly. */

import type { ErrorCode } from '../error-codes.ts'
import { SpecError } from '../errors.ts'
import { lossInfo, type LossName } from './loss.ts'

/** Node's code of the warning, for `node --disable-warning`. */
const PAIRING_WARNING: ErrorCode = 'HADAMARD_LOSS_PAIRING'

// The pairs whose gradient with respect to the last activation's input is ŷ − t (Bishop 2006, section 5.2); the rule of
// the perceptron takes it by definition.
const PAIRS: Partial<Record<string, LossName>> = {
  linear: 'squaredError',
  logistic: 'binaryCrossEntropy',
  softmax: 'categoricalCrossEntropy',
  step: 'perceptron',
}
const PROBABILITIES: readonly string[] = ['logistic', 'softmax']

const warned = new Set<string>()

/**
 * The loss of a network that names none.
 *
 * @throws SpecError if no loss goes with the last activation by itself
 */
export function defaultLoss(activation: string): LossName {
  const loss = PAIRS[activation]
  if (loss !== undefined) return loss
  throw new SpecError({
    code: 'HADAMARD_LOSS',
    where: 'loss',
    expected: `a loss, for the last activation ${activation}`,
    received: 'none',
    cure: `Name one; only ${Object.keys(PAIRS).join(', ')} have a default`,
  })
}

/**
 * Warns, once per process and pair, of a regression loss on probabilities: its gradient has the slope of the activation
 * as a factor, which vanishes where the output is surely wrong. Allowed all the same, as textbooks train it.
 */
export function warnOfPairing(loss: LossName, activation: string): void {
  const pair = `${loss} on a ${activation} output`
  if (lossInfo(loss).task !== 'regression' || !PROBABILITIES.includes(activation) || warned.has(pair)) return
  warned.add(pair)
  process.emitWarning(
    `${pair} learns slowly where an answer is confidently wrong: the gradient vanishes there. ` +
      `Use the loss ${PAIRS[activation]}, or node --disable-warning=${PAIRING_WARNING} where the pair is meant`,
    { type: 'HadamardWarning', code: PAIRING_WARNING },
  )
}
