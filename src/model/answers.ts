/** From a network's outputs to answers: probabilities, the class that is decided for, and what a conformal quantile admits. */

import type { ClassLabel } from '../data/target.ts'
import { piecesOf, type Paced } from '../paced.ts'
import type { Conformal, Decision } from './report.ts'

/** What float32 makes 0 stands for a probability about as small as this: the logarithm of 0 is no logit. */
const LEAST = 2 ** -149
/** Where an output is 1 in float32, the other class's probability is about this. */
const LEAST_COMPLEMENT = 2 ** -25

/**
 * Probabilities of all classes, in double.
 *
 * @param outputs of the network: [rows · width], or for width 1 the probability of the second of two classes
 * @param temperature above 0, that logits are divided by; 1 leaves the outputs as they are
 * @returns [rows · classes], row by row
 * @source Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern Neural Networks, eq. 9
 */
export function classProbabilities(outputs: ArrayLike<number>, width: number, temperature = 1): Float64Array {
  if (temperature === 1) return width === 1 ? withComplement(outputs) : new Float64Array(outputs)
  return temperedProbabilities(logProbabilities(outputs, width), Math.max(2, width), temperature)
}

/** The same by pieces of the rows. */
export function* classProbabilitiesInTurns(
  outputs: Float32Array | Float64Array,
  width: number,
  temperature?: number,
): Paced<Float64Array> {
  const classes = Math.max(2, width)
  const all = new Float64Array((outputs.length / width) * classes)
  for (const [from, to] of piecesOf(outputs.length / width)) {
    all.set(
      classProbabilities(outputs.subarray(from * width, to * width), width, temperature),
      from * classes,
    )
    yield
  }
  return all
}

/**
 * Logarithms of the probabilities of all classes, which temperatures divide.
 *
 * @param outputs of the network, as for {@link classProbabilities}
 * @returns [rows · classes]
 */
export function logProbabilities(outputs: ArrayLike<number>, width: number): Float64Array {
  const logs = width === 1 ? withComplement(outputs) : new Float64Array(outputs)
  const classes = Math.max(2, width)
  const least = width === 1 ? LEAST_COMPLEMENT : LEAST
  for (let i = 0; i < logs.length; i++)
    logs[i] = Math.log(Math.max(logs[i], i % classes === 0 ? least : LEAST))
  return logs
}

/** Probabilities at a temperature, from what {@link logProbabilities} gives. */
export function temperedProbabilities(
  logs: Float64Array,
  classes: number,
  temperature: number,
  into: Float64Array = new Float64Array(logs.length),
): Float64Array {
  for (let start = 0; start < logs.length; start += classes) {
    let highest = -Infinity
    for (let i = start; i < start + classes; i++) {
      into[i] = logs[i] / temperature
      if (into[i] > highest) highest = into[i]
    }
    let sum = 0
    for (let i = start; i < start + classes; i++) sum += into[i] = Math.exp(into[i] - highest)
    for (let i = start; i < start + classes; i++) into[i] /= sum
  }
  return into
}

/**
 * The class that each row is taken for, see {@link decideClass}.
 *
 * @param probabilities [rows · classes]
 * @returns class indices [rows]
 */
export function decideClasses(
  probabilities: Float64Array,
  classes: readonly ClassLabel[],
  decision: Pick<Decision, 'positive' | 'threshold'> = {},
): Int32Array {
  const chosen = new Int32Array(probabilities.length / classes.length)
  for (let row = 0; row < chosen.length; row++)
    chosen[row] = decideClass(probabilities, row * classes.length, classes, decision)
  return chosen
}

/**
 * The class that a row is taken for: the positive one from its threshold on, else the most probable, ties to the first.
 *
 * @param start where the row's probabilities begin
 */
export function decideClass(
  probabilities: Float64Array,
  start: number,
  classes: readonly ClassLabel[],
  { positive, threshold }: Pick<Decision, 'positive' | 'threshold'>,
): number {
  if (threshold !== undefined && positive !== undefined) {
    const at = classes.indexOf(positive)
    return probabilities[start + at] >= threshold ? at : 1 - at
  }
  let best = 0
  for (let j = 1; j < classes.length; j++)
    if (probabilities[start + j] > probabilities[start + best]) best = j
  return best
}

/**
 * Half the width of a conformal interval, or the most that the probability of a class in a conformal set may lack of 1:
 * the ⌈(n + 1)·coverage⌉-th smallest of n scores. Infinity where there are too few of them.
 *
 * @param scores of rows that nothing was fitted to: |target − prediction|, or 1 − the probability of the right class
 * @source Vovk, Gammerman, Shafer 2005, Algorithmic Learning in a Random World; Lei et al. 2018, Distribution-Free
 *   Predictive Inference for Regression, algorithm 2
 */
export function conformalQuantile(scores: ArrayLike<number>, coverage: number): number {
  const rank = Math.ceil((scores.length + 1) * coverage)
  return rank > scores.length ? Infinity : Float64Array.from(scores).sort()[rank - 1]
}

/** The classes of a row's conformal set, in their order; none where the row is like no row of training. */
export function conformalSet(
  probabilities: ArrayLike<number>,
  classes: readonly ClassLabel[],
  { quantile }: Conformal,
): ClassLabel[] {
  return classes.filter((_, j) => 1 - probabilities[j] <= quantile)
}

function withComplement(outputs: ArrayLike<number>): Float64Array {
  const both = new Float64Array(2 * outputs.length)
  for (let row = 0; row < outputs.length; row++) {
    both[2 * row] = 1 - outputs[row]
    both[2 * row + 1] = outputs[row]
  }
  return both
}
