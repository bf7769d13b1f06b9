/** From which probability on a row counts as positive: a number, or the best for F1, balanced accuracy or costs. */

import { checkNumber, describeValue } from '../check.ts'
import { SpecError } from '../errors.ts'

/** What mistakes cost: `FN` a positive row that is missed, `FP` a false alarm; at least 0 and not both 0. */
export interface Costs {
  FN: number
  FP: number
}

/**
 * A probability from 0 to 1, or what to tune it for on the validation rows: the best F1, the best balanced accuracy, or the
 * lowest cost, `cost:FN=5,FP=1` or `{ FN: 5, FP: 1 }`.
 */
export type Threshold = number | 'f1' | 'balanced' | `cost:${string}` | Costs

/** Weights of rows by what they are and what they are taken for. */
interface Tally {
  readonly truePositive: number
  readonly falsePositive: number
  readonly positives: number
  readonly negatives: number
}

/** A number that is higher the better a threshold is. */
type Goal = (tally: Tally) => number

const goals: Readonly<Record<'f1' | 'balanced', Goal>> = {
  f1: ({ truePositive, falsePositive, positives }) =>
    (2 * truePositive) / (truePositive + falsePositive + positives),
  balanced: ({ truePositive, falsePositive, positives, negatives }) =>
    (truePositive / positives + 1 - falsePositive / negatives) / 2,
}

const costGoal =
  ({ FN, FP }: Costs): Goal =>
  ({ truePositive, falsePositive, positives }) =>
    -(FN * (positives - truePositive) + FP * falsePositive)

/** A threshold as it is asked for: a number, or a goal with its name. */
export type ThresholdRule = { readonly value: number } | { readonly name: string; readonly goal: Goal }

/**
 * Reads what a threshold is to be.
 *
 * @throws SpecError for anything else
 */
export function parseThreshold(given: unknown): ThresholdRule {
  if (typeof given === 'number') {
    checkNumber('threshold', given, { min: 0, max: 1 })
    return { value: given }
  }
  if (given === 'f1' || given === 'balanced') return { name: given, goal: goals[given] }
  const costs = typeof given === 'string' ? costsOf(given) : given
  if (!isCosts(costs)) {
    throw new SpecError({
      where: 'threshold',
      expected:
        "a number from 0 to 1, 'f1', 'balanced', or costs such as 'cost:FN=5,FP=1', at least 0 and not both 0",
      received: describeValue(given),
    })
  }
  return { name: `cost:FN=${costs.FN},FP=${costs.FP}`, goal: costGoal(costs) }
}

/**
 * The threshold at which a goal is met best, half-way between two of the probabilities; of equal ones the nearest to 0.5.
 *
 * @param probabilities of the positive class [rows]
 * @param isPositive [rows]
 * @param weights [rows], default 1 each
 */
export function tuneThreshold(
  probabilities: ArrayLike<number>,
  isPositive: ArrayLike<boolean>,
  goal: Goal,
  weights?: ArrayLike<number>,
): number {
  const order = Array.from(probabilities, (_, row) => row).sort((a, b) => probabilities[b] - probabilities[a])
  const weightOf = (row: number): number => weights?.[row] ?? 1
  let [positives, negatives] = [0, 0]
  for (const row of order) {
    if (isPositive[row]) positives += weightOf(row)
    else negatives += weightOf(row)
  }
  let [truePositive, falsePositive] = [0, 0]
  let best = { value: NaN, score: -Infinity }
  order.forEach((row, i) => {
    consider(i === 0 ? 1 : probabilities[order[i - 1]], probabilities[row])
    if (isPositive[row]) truePositive += weightOf(row)
    else falsePositive += weightOf(row)
  })
  const lowest = probabilities[order[order.length - 1]]
  consider(lowest, lowest === 0 ? -1 : 0)
  return best.value

  // All rows above the lower probability are taken as positive.
  function consider(above: number, below: number): void {
    if (above === below) return
    const middle = Math.max(0, (above + below) / 2)
    const value = middle > below ? middle : above
    const score = goal({ truePositive, falsePositive, positives, negatives })
    const isNearer = Math.abs(value - 0.5) < Math.abs(best.value - 0.5)
    if (score > best.score || (score === best.score && isNearer)) best = { value, score }
  }
}

function costsOf(text: string): Costs | undefined {
  const parts = /^cost:(?:FN=([\d.]+),FP=([\d.]+)|FP=([\d.]+),FN=([\d.]+))$/i.exec(text)
  return parts === null ? undefined : { FN: Number(parts[1] ?? parts[4]), FP: Number(parts[2] ?? parts[3]) }
}

function isCosts(given: unknown): given is Costs {
  if (typeof given !== 'object' || given === null) return false
  const { FN, FP, ...others } = given as Partial<Record<string, unknown>>
  const isCost = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0
  return isCost(FN) && isCost(FP) && FN + FP > 0 && Object.keys(others).length === 0
}
