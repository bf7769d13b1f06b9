/** Scores of a network on rows of a table, beside those of the naive baseline. */

import type { Encoder } from '../data/encoder.ts'
import type { EncodedTarget } from '../data/target.ts'
import { nameList, type Table } from '../data/table.ts'
import { DataError } from '../errors.ts'
import {
  accuracy,
  balancedAccuracy,
  confusionMatrix,
  f1,
  precision,
  recall,
} from '../metrics/classification.ts'
import { pacedScores } from '../metrics/probability.ts'
import { averagePrecisionInTurns } from '../metrics/ranking.ts'
import { meanAbsoluteError, r2, rootMeanSquaredError } from '../metrics/regression.ts'
import type { Network } from '../network.ts'
import { ROWS_AT_ONCE, type Paced } from '../paced.ts'
import { classProbabilitiesInTurns, conformalSet, decideClasses } from './answers.ts'
import { metricOptions } from './calibrate.ts'
import type { BaselineScores, Conformal, Decision, Scores, TargetScores, TrainReport } from './report.ts'
import { rowWeights } from './row-weights.ts'

/** What predictions and baselines come from. */
export interface Scorer {
  readonly encoder: Encoder
  readonly network: Network
  /** Rows of each class among those trained on; empty under regression. */
  readonly classRows: readonly number[]
  readonly decision: Decision
  /** Column of the rows' weights; a table without it is scored without weights. */
  readonly weight?: string
}

/** More would make a report unwieldy, or take longer than the training. */
const MOST_CLASSES = { confusion: 50, averagePrecision: 20 }

const LOWER_IS_BETTER: readonly string[] = ['rmse', 'mae', 'logLoss', 'loss']

/** A score of all targets, or of the one at a place among several; undefined where there is no such score. */
export function scoreOf(scores: Scores, name: TrainReport['metric'], chosen?: number): number | undefined {
  if (chosen === undefined) return scores[name]
  const own: Partial<Record<TrainReport['metric'], unknown>> = { ...scores.targets?.[chosen] }
  return typeof own[name] === 'number' ? own[name] : undefined
}

/** Whether a smaller score of that name is the better one. */
export function isLowerBetter(name: string): boolean {
  return LOWER_IS_BETTER.includes(name)
}

/**
 * Scores the given rows; those of which a target is missing are left out. Rows of a class that training did not have count as wrong in
 * the accuracy, and are left out of the loss, which would be infinite.
 *
 * @returns the scores, the number of rows of unknown classes, and the rows left out
 * @throws DataError if no row has a target
 */
export function* scoreRows(
  scorer: Scorer,
  table: Table,
  rows: ArrayLike<number>,
): Paced<{ scores: Scores; unseenClasses: number; droppedRows: number }> {
  const target = scorer.encoder.encodeTarget(table, rows)
  if (target.rows.length === 0) {
    throw new DataError({
      code: 'HADAMARD_NO_ROWS',
      where: table.source ?? 'rows',
      expected: `rows with a value in column ${scorer.encoder.targets.map(({ name }) => name).join(' and ')}`,
      received: `${rows.length} without`,
    })
  }
  const scores =
    target.task === 'regression'
      ? yield* scoreNumbers(scorer, table, target)
      : yield* scoreClasses(scorer, table, target)
  const unseenClasses = target.task === 'classification' ? target.unseen : 0
  return { scores, unseenClasses, droppedRows: target.missing }
}

function* scoreNumbers(
  { encoder, network, decision, weight }: Scorer,
  table: Table,
  target: EncodedTarget & { task: 'regression' },
): Paced<Scores> {
  const { x } = yield* encoder.encoding(table, target.rows)
  const sampleWeights = rowWeights(table, weight, target.rows)
  const outputs = yield* network.predicting(x)
  const width = encoder.targets.length
  const common = {
    rows: target.rows.length,
    loss: (yield* network.evaluating(x, target.values, optional({ sampleWeights }))).loss,
  }
  const scored: Omit<TargetScores, 'target'>[] = []
  for (let j = 0; j < width; j++) {
    yield
    const raw = target.raw.filter((_, i) => i % width === j)
    const predictions = raw.map((_, row) => encoder.decodeValue(outputs[row * width + j], j))
    const mean = encoder.decodeValue(0, j)
    scored.push({
      ...(yield* numberScores(raw, predictions, sampleWeights)),
      ...intervalScores(raw, predictions, decision.intervals?.[j] ?? decision.conformal),
      baseline: yield* numberScores(raw, new Float64Array(raw.length).fill(mean), sampleWeights),
    })
  }
  if (width === 1) return { ...common, ...scored[0] }
  const targets = scored.map((scores, j): TargetScores => ({ target: encoder.targets[j].name, ...scores }))
  return { ...common, ...meanScores(targets), targets }
}

// Each target counts the same, whatever its unit.
function meanScores(targets: readonly TargetScores[]): Omit<Scores, 'rows' | 'loss'> {
  const mean = (of: (scores: TargetScores) => number | undefined): number =>
    targets.reduce((sum, scores) => sum + (of(scores) ?? NaN), 0) / targets.length
  const coverage = mean((scores) => scores.coverage)
  return {
    rmse: mean(({ rmse }) => rmse),
    mae: mean(({ mae }) => mae),
    r2: mean((scores) => scores.r2),
    ...(Number.isNaN(coverage) ? {} : { coverage }),
    baseline: {
      rmse: mean(({ baseline }) => baseline.rmse),
      mae: mean(({ baseline }) => baseline.mae),
      r2: mean(({ baseline }) => baseline.r2),
    },
  }
}

function* numberScores(
  targets: Float64Array,
  predictions: Float64Array,
  sampleWeights?: Float64Array,
): Paced<BaselineScores> {
  const options = optional({ sampleWeights })
  const rmse = rootMeanSquaredError(targets, predictions, options)
  yield
  const mae = meanAbsoluteError(targets, predictions, options)
  yield
  return { rmse, mae, r2: r2(targets, predictions, options) }
}

// What conformal prediction promises is about rows, whatever they weigh.
function intervalScores(
  targets: Float64Array,
  predictions: Float64Array,
  conformal?: Conformal,
): Pick<Scores, 'coverage' | 'width'> {
  if (conformal === undefined) return {}
  const inside = targets.filter((target, row) => Math.abs(target - predictions[row]) <= conformal.quantile)
  return { coverage: inside.length / targets.length, width: 2 * conformal.quantile }
}

function* scoreClasses(
  { encoder, network, classRows, decision, weight }: Scorer,
  table: Table,
  target: EncodedTarget & { task: 'classification' },
): Paced<Scores> {
  const areKnown = target.unseen === 0
  const rows = areKnown ? target.rows : target.rows.filter((_, i) => target.classes[i] >= 0)
  const classes = areKnown ? target.classes : target.classes.filter((index) => index >= 0)
  const share = classes.length / target.rows.length
  if (classes.length === 0) {
    throw new DataError({
      code: 'HADAMARD_CLASS_UNKNOWN',
      where: `${table.source ?? 'rows'}: column ${encoder.data.target.name}`,
      expected: `classes of the training rows: ${nameList(encoder.classes.map(String))}`,
      received: 'only others',
    })
  }
  const { x } = yield* encoder.encoding(table, rows)
  const sampleWeights = rowWeights(table, weight, rows)
  const { loss } = yield* network.evaluating(x, classes, optional({ sampleWeights }))
  const width = network.outputs
  const outputs = yield* network.predicting(x)
  const temperature = decision.calibration?.temperature
  const probabilities = yield* classProbabilitiesInTurns(outputs, width, temperature)
  const predicted = decideClasses(probabilities, encoder.classes, decision)
  const options = optional({ sampleWeights })
  const columns = metricOptions({ width, weights: sampleWeights })
  const isSmoothed = (network.spec.loss?.labelSmoothing ?? 0) > 0
  const isLossLogLoss = decision.calibration === undefined && sampleWeights === undefined && !isSmoothed
  const parts: Paced<Partial<Scores>>[] = [
    later(() => ({ accuracy: accuracy(classes, predicted, options) * share })),
    named(
      'logLoss',
      isLossLogLoss ? later(() => loss) : pacedScores.logLoss(classes, probabilities, columns),
    ),
    later(() => ({ balancedAccuracy: balancedAccuracy(classes, predicted, options) })),
    rankingScores(classes, probabilities, encoder, decision, options),
    named('brier', pacedScores.brierScore(classes, probabilities, columns)),
    named('calibrationError', pacedScores.calibrationError(classes, probabilities, columns)),
    decidedScores(classes, predicted, encoder, decision, options),
    setScores(classes, probabilities, encoder, decision.conformal),
  ]
  const scores: Omit<Scores, 'baseline'> = { rows: target.rows.length, loss }
  for (const part of parts) {
    yield
    Object.assign(scores, yield* part)
  }
  yield
  return { ...scores, baseline: yield* guess(classRows, classes, share, encoder, decision, sampleWeights) }
}

// eslint-disable-next-line require-yield -- is done in one go
function* later<T>(work: () => T): Paced<T> {
  return work()
}

function* named(name: keyof Scores, score: Paced<number>): Paced<Partial<Scores>> {
  return { [name]: yield* score }
}

// Of two classes the positive one counts; of more, each against the rest.
function* rankingScores(
  classes: Int32Array,
  probabilities: Float64Array,
  encoder: Encoder,
  { positive }: Decision,
  options: { sampleWeights?: Float64Array },
): Paced<Pick<Scores, 'averagePrecision'>> {
  const count = encoder.classes.length
  if (count > MOST_CLASSES.averagePrecision) return {}
  const present = new Set(classes)
  const wanted = count === 2 ? [positiveIndex(encoder, positive)] : [...present]
  let sum = 0
  for (const index of wanted) {
    const [isIt, scores] = [new Uint8Array(classes.length), new Float64Array(classes.length)]
    for (let row = 0; row < scores.length; row++) {
      isIt[row] = Number(classes[row] === index)
      scores[row] = probabilities[row * count + index]
    }
    yield
    sum += yield* averagePrecisionInTurns(isIt, scores, options)
  }
  return { averagePrecision: sum / wanted.length }
}

function* decidedScores(
  classes: Int32Array,
  predicted: Int32Array,
  encoder: Encoder,
  { positive }: Decision,
  options: { sampleWeights?: Float64Array },
): Paced<Partial<Scores>> {
  const count = encoder.classes.length
  if (count > MOST_CLASSES.confusion) return {}
  const indices = encoder.classes.map((_, i) => i)
  const { counts } = confusionMatrix(classes, predicted, { labels: indices, ...options })
  const confusion = { labels: [...encoder.classes], counts }
  if (count !== 2) return { confusion }
  const chosen = { ...options, positive: positiveIndex(encoder, positive) }
  const scores: Partial<Scores> = { confusion }
  for (const [name, score] of Object.entries({ precision, recall, f1 })) {
    yield
    Object.assign(scores, { [name]: score(classes, predicted, chosen) })
  }
  return scores
}

function* setScores(
  classes: Int32Array,
  probabilities: Float64Array,
  encoder: Encoder,
  conformal?: Conformal,
): Paced<Pick<Scores, 'coverage' | 'width'>> {
  if (conformal === undefined) return {}
  const labels = encoder.classes
  let [held, size] = [0, 0]
  for (let row = 0; row < classes.length; row++) {
    const set = conformalSet(
      probabilities.subarray(row * labels.length, (row + 1) * labels.length),
      labels,
      conformal,
    )
    if (set.includes(labels[classes[row]])) held++
    size += set.length
    if (row % ROWS_AT_ONCE === 0) yield
  }
  return { coverage: held / classes.length, width: size / classes.length }
}

// Always the most frequent class of training, with the shares of the classes there as probabilities.
function* guess(
  classRows: readonly number[],
  classes: Int32Array,
  share: number,
  encoder: Encoder,
  decision: Decision,
  weights: Float64Array = new Float64Array(classes.length).fill(1),
): Paced<BaselineScores> {
  const trained = classRows.reduce((sum, rows) => sum + rows, 0)
  const majority = classRows.indexOf(Math.max(...classRows))
  const logs = classRows.map((rows) => Math.log(rows / trained))
  let [right, loss, total] = [0, 0, 0]
  for (let row = 0; row < classes.length; row++) {
    if (classes[row] === majority) right += weights[row]
    loss -= weights[row] * logs[classes[row]]
    total += weights[row]
  }
  yield
  const same = new Float64Array(classes.length * encoder.classes.length)
  const options = { sampleWeights: weights }
  return {
    accuracy: (right / total) * share,
    logLoss: loss / total,
    balancedAccuracy: balancedAccuracy(classes, new Int32Array(classes.length).fill(majority), options),
    ...(yield* rankingScores(classes, same, encoder, decision, options)),
  }
}

/** Index of the positive of two classes; the second where none is named, as in models of older versions. */
function positiveIndex({ classes }: Encoder, positive: Decision['positive']): number {
  return positive === undefined ? 1 : classes.indexOf(positive)
}

// Metrics know no option that is there and undefined.
function optional({ sampleWeights }: { sampleWeights?: Float64Array }): { sampleWeights?: Float64Array } {
  return sampleWeights === undefined ? {} : { sampleWeights }
}
