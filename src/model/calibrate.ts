/** Temperature scaling: one number by which logits are divided, so that probabilities agree with frequencies. */

import { brierScore, calibrationError, logLoss } from '../metrics/probability.ts'
import { classProbabilities } from './answers.ts'
import type { Reliability } from './report.ts'

/** Fewer rows than these say too little about probabilities. */
const LEAST_ROWS = 50
const FOLDS = 5
const [COLDEST, HOTTEST] = [1 / 16, 16]
const GOLDEN = (Math.sqrt(5) - 1) / 2
const STEPS = 60

/** A network's outputs for rows of known classes. */
export interface Judged {
  /** [rows · width] */
  readonly outputs: Float32Array
  /** 1 for two classes with one output, else the number of classes. */
  readonly width: number
  /** [rows] */
  readonly classes: Int32Array
  /** [rows]; none weighs every row the same. */
  readonly weights?: Float64Array
}

/**
 * The temperature that minimises the log loss, between 1/16 and 16.
 *
 * @source Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern Neural Networks, section 4.2
 */
export function fitTemperature(judged: Judged): number {
  // The log loss is convex in 1/temperature, so it has one minimum along its logarithm too.
  const loss = (exponent: number): number => lossAt(judged, Math.exp(exponent))
  let [low, high] = [Math.log(COLDEST), Math.log(HOTTEST)]
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)]
  let [lossLeft, lossRight] = [loss(left), loss(right)]
  for (let step = 0; step < STEPS; step++) {
    if (lossLeft <= lossRight) {
      ;[high, right, lossRight] = [right, left, lossLeft]
      left = high - GOLDEN * (high - low)
      lossLeft = loss(left)
    } else {
      ;[low, left, lossLeft] = [left, right, lossRight]
      right = low + GOLDEN * (high - low)
      lossRight = loss(right)
    }
  }
  return Math.exp((low + high) / 2)
}

/**
 * The temperature where it helps: where temperatures fitted to four fifths of the rows lower the log loss of the others.
 *
 * @returns undefined where it does not, or there are fewer than 50 rows
 */
export function usefulTemperature(judged: Judged): number | undefined {
  const rows = judged.classes.length
  if (rows < LEAST_ROWS) return undefined
  let [before, after] = [0, 0]
  for (let fold = 0; fold < FOLDS; fold++) {
    const others = selectJudged(judged, (row) => row % FOLDS !== fold)
    const held = selectJudged(judged, (row) => row % FOLDS === fold)
    if (weightOf(others) === 0 || weightOf(held) === 0) return undefined
    const weight = weightOf(held)
    before += weight * lossAt(held, 1)
    after += weight * lossAt(held, fitTemperature(others))
  }
  return after < before ? fitTemperature(judged) : undefined
}

/** How well probabilities agree with frequencies. */
export function reliability(judged: Judged, temperature: number): Reliability {
  const probabilities = classProbabilities(judged.outputs, judged.width, temperature)
  const options = metricOptions(judged)
  return {
    logLoss: logLoss(judged.classes, probabilities, options),
    brier: brierScore(judged.classes, probabilities, options),
    calibrationError: calibrationError(judged.classes, probabilities, options),
  }
}

function lossAt(judged: Judged, temperature: number): number {
  const probabilities = classProbabilities(judged.outputs, judged.width, temperature)
  return logLoss(judged.classes, probabilities, metricOptions(judged))
}

/** Settings of the metrics of probabilities for class indices. */
export function metricOptions({ width, weights }: Pick<Judged, 'width' | 'weights'>): {
  labels: number[]
  sampleWeights?: Float64Array
} {
  const labels = Array.from({ length: Math.max(2, width) }, (_, i) => i)
  return weights === undefined ? { labels } : { labels, sampleWeights: weights }
}

function weightOf({ classes, weights }: Judged): number {
  return weights === undefined ? classes.length : weights.reduce((sum, weight) => sum + weight, 0)
}

function selectJudged(
  { outputs, width, classes, weights }: Judged,
  isWanted: (row: number) => boolean,
): Judged {
  return {
    width,
    outputs: outputs.filter((_, i) => isWanted(Math.floor(i / width))),
    classes: classes.filter((_, row) => isWanted(row)),
    weights: weights?.filter((_, row) => isWanted(row)),
  }
}
