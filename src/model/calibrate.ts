/** Temperature scaling: one number by which logits are divided, so that probabilities agree with frequencies. */

import { pacedScores } from '../metrics/probability.ts'
import { piecesOf, ROWS_AT_ONCE, type Paced } from '../paced.ts'
import { classProbabilitiesInTurns, logProbabilities, temperedProbabilities } from './answers.ts'
import type { Reliability } from './report.ts'

/** Fewer rows than these say too little about probabilities. */
const LEAST_ROWS = 50
const FOLDS = 5
const [COLDEST, HOTTEST] = [1 / 16, 16]
const GOLDEN = (Math.sqrt(5) - 1) / 2
/** Of the search, which then knows a temperature to 3e-8: losses nearer to the least one differ by less than their rounding. */
const STEPS = 40
/** To 6e-5, by which no loss changes in its first eight digits: where nothing but the loss is asked for. */
const FOLD_STEPS = 24

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
export function* fitTemperature(judged: Judged, steps = STEPS): Paced<number> {
  // The log loss is convex in 1/temperature, so it has one minimum along its logarithm too.
  const lossAt = yield* lossesOf(judged)
  const loss = (exponent: number): Paced<number> => lossAt(Math.exp(exponent))
  let [low, high] = [Math.log(COLDEST), Math.log(HOTTEST)]
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)]
  let [lossLeft, lossRight] = [yield* loss(left), yield* loss(right)]
  for (let step = 0; step < steps; step++) {
    if (lossLeft <= lossRight) {
      ;[high, right, lossRight] = [right, left, lossLeft]
      left = high - GOLDEN * (high - low)
      lossLeft = yield* loss(left)
    } else {
      ;[low, left, lossLeft] = [left, right, lossRight]
      right = low + GOLDEN * (high - low)
      lossRight = yield* loss(right)
    }
  }
  return Math.exp((low + high) / 2)
}

/**
 * The temperature where it helps: where temperatures fitted to four fifths of the rows lower the log loss of the others.
 *
 * @returns undefined where it does not, or there are fewer than 50 rows
 */
export function* usefulTemperature(judged: Judged): Paced<number | undefined> {
  const rows = judged.classes.length
  if (rows < LEAST_ROWS) return undefined
  let [before, after] = [0, 0]
  for (let fold = 0; fold < FOLDS; fold++) {
    const others = selectJudged(judged, (row) => row % FOLDS !== fold)
    yield
    const held = selectJudged(judged, (row) => row % FOLDS === fold)
    yield
    if (weightOf(others) === 0 || weightOf(held) === 0) return undefined
    const weight = weightOf(held)
    const lossAt = yield* lossesOf(held)
    before += weight * (yield* lossAt(1))
    after += weight * (yield* lossAt(yield* fitTemperature(others, FOLD_STEPS)))
  }
  return after < before ? yield* fitTemperature(judged) : undefined
}

/** How well probabilities agree with frequencies. */
export function* reliability(judged: Judged, temperature: number): Paced<Reliability> {
  const { outputs, width, classes } = judged
  const probabilities = yield* classProbabilitiesInTurns(outputs, width, temperature)
  const options = metricOptions(judged)
  return {
    logLoss: yield* pacedScores.logLoss(classes, probabilities, options),
    brier: yield* pacedScores.brierScore(classes, probabilities, options),
    calibrationError: yield* pacedScores.calibrationError(classes, probabilities, options),
  }
}

// The log loss by temperature, as the metric of that name has it; its checks and logarithms are made once.
function* lossesOf(judged: Judged): Paced<(temperature: number) => Paced<number>> {
  const { outputs, width, classes: targets, weights } = judged
  const probabilities = yield* classProbabilitiesInTurns(outputs, width)
  const asTheyAre = yield* pacedScores.logLoss(targets, probabilities, metricOptions(judged))
  const classes = Math.max(2, width)
  const logs = new Float64Array(probabilities.length)
  for (const [from, to] of piecesOf(targets.length)) {
    logs.set(logProbabilities(outputs.subarray(from * width, to * width), width), from * classes)
    yield
  }
  const total = weightOf(judged)
  return function* (temperature) {
    if (temperature === 1) return asTheyAre
    let sum = 0
    for (const [from, to] of piecesOf(targets.length, ROWS_AT_ONCE / 4)) {
      const [start, end] = [from * classes, to * classes]
      temperedProbabilities(
        logs.subarray(start, end),
        classes,
        temperature,
        probabilities.subarray(start, end),
      )
      for (let row = from; row < to; row++) {
        const probability = probabilities[row * classes + targets[row]]
        const loss = -Math.log(Math.min(Math.max(probability, 2 ** -52), 1 - 2 ** -52))
        sum += (weights?.[row] ?? 1) * loss
      }
      yield
    }
    return sum / total
  }
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
