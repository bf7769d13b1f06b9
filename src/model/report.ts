/** What a training leaves to be read: data, network, course and scores as plain data, and reading them back from a file. */

import { describeLimits, describeValue, isWithin, type Limits } from '../check.ts'
import type { ClassLabel, Task } from '../data/target.ts'
import { DataError } from '../errors.ts'
import type { ConfusionMatrix } from '../metrics/classification.ts'
import type { Footprint } from './footprint.ts'
import type { StopReason } from '../training/run.ts'
import type { Preset } from './options.ts'

/** A column of the data. */
export interface ColumnReport {
  name: string
  /** What it is taken as. */
  type: 'numeric' | 'categorical' | 'boolean' | 'date'
  role: 'input' | 'target' | 'ignored' | 'weight' | 'group' | 'time'
  /** Why it is left out, where nobody asked for it. */
  reason?: string
  /** Rows without a value. */
  missing: number
  /** Distinct texts, for categorical columns. */
  categories?: number
}

/** A class with its rows. */
export interface ClassReport {
  label: ClassLabel
  /** In the whole data. */
  rows: number
  /** Among the rows that were trained on. */
  trainRows: number
}

/** Scores without a count of rows: those of the naive baseline. Of several targets `rmse`, `mae` and `r2` are means. */
export interface BaselineScores {
  /** Share of right answers, for classification. */
  accuracy?: number
  /** Mean of −ln(probability of the right class), for classification. */
  logLoss?: number
  /** Root of the mean squared error in the target's unit, for regression. */
  rmse?: number
  /** Mean of the absolute errors in the target's unit, for regression. */
  mae?: number
  /** 1 − squared error / squared error of the rows' own mean, for regression. */
  r2?: number
  /** Mean over the classes of the share of their rows that are right, for classification. */
  balancedAccuracy?: number
  /** Area under precision over recall (PR-AUC) of the positive class; of up to 20 classes the mean of each against the rest. */
  averagePrecision?: number
}

/** How good the predictions on some rows are, and how good guessing would be. */
export interface Scores extends BaselineScores {
  /** Rows that were scored. */
  rows: number
  /** What training minimises, without penalty; under regression in standardised units. */
  loss: number
  /** Majority class and class shares of the training rows, or their mean. */
  baseline: BaselineScores
  /** Brier score, for classification. */
  brier?: number
  /** Expected calibration error in 15 bins, for classification. */
  calibrationError?: number
  /** Rows of each class by the class they were taken for, for classification into at most 50 classes. */
  confusion?: ConfusionMatrix
  /** Of the positive class, for two classes. */
  precision?: number
  /** Of the positive class, for two classes. */
  recall?: number
  /** Of the positive class, for two classes. */
  f1?: number
  /** Share of rows whose target is in their interval or set, where the model gives these. */
  coverage?: number
  /** Mean width of the intervals in the target's unit, or mean size of the sets; none for several targets together. */
  width?: number
  /** Scores of each of several targets, in their order. */
  targets?: TargetScores[]
}

/** How good the predictions of one of several targets are. */
export interface TargetScores extends Pick<Scores, 'rmse' | 'mae' | 'r2' | 'coverage' | 'width'> {
  /** Name of the column. */
  target: string
  /** Scores of always predicting the mean of the training rows. */
  baseline: Pick<BaselineScores, 'rmse' | 'mae' | 'r2'>
}

/** How well probabilities agree with frequencies. */
export interface Reliability {
  logLoss: number
  brier: number
  calibrationError: number
}

/** What intervals and sets of a wanted coverage come from. */
export interface Conformal {
  /** Share of new rows whose target they hold, above 0 and below 1. */
  coverage: number
  /** Half the width of intervals in the target's unit; for classes the most that a probability in a set lacks of 1. */
  quantile: number
  /** Rows that the quantile is of; nothing else was fitted to them. */
  rows: number
}

/** How a model makes answers of what its network gives. */
export interface Decision {
  /** The class that thresholds, precision, recall and PR-AUC are about; of two classes. */
  positive?: ClassLabel
  /** A row is taken as positive from this probability on; undefined for the most probable class. */
  threshold?: number
  /** What the threshold was tuned for on the validation rows; undefined where it was given. */
  tunedFor?: string
  /** What logits are divided by, and what that does to the validation rows; undefined where it does not help. */
  calibration?: { temperature: number; rows: number; before: Reliability; after: Reliability }
  conformal?: Conformal
  /** In the place of `conformal` where there are several targets: one for each, in their order, each holding by itself. */
  intervals?: TargetConformal[]
}

/** What the intervals of one of several targets come from. */
export interface TargetConformal extends Conformal {
  /** Name of the column. */
  target: string
}

/** What is known before training starts. */
export interface TrainingPlan {
  /** Path of the file; undefined for rows in memory. */
  source?: string
  /** The model that training went on from; undefined where it began anew. */
  from?: string
  rows: number
  columns: ColumnReport[]
  /** The column that is predicted; of several their names with commas between. */
  target: string
  /** Names of several columns that are predicted; undefined for one. */
  targets?: string[]
  task: Task
  /** Why the task is what it is. */
  taskReason: string
  /** Undefined under regression. */
  classes?: ClassReport[]
  /** Rows left out because a target is missing. */
  droppedRows: number
  /** Column with the weight of each row; scores are weighted by it too. */
  weight?: string
  /** How rows were parted, and how many there are in each part; `calibration` rows set intervals and sets. */
  split: { rule: string; train: number; validation: number; test: number; calibration?: number }
  /** Where the rows did not all lie in memory: how they were mixed, and how many of each part scores are of. */
  outOfCore?: {
    shuffleWindow: number
    blockRows: number
    scored: { train: number; validation: number; test: number; calibration: number }
  }
  /** One line: inputs, layers, outputs, parameters. */
  network: string
  /** What the network and its training were by default; undefined in models of older versions. */
  preset?: Preset
  /** Sizes in memory; undefined in models of older versions. */
  footprint?: Footprint
  /** Most epochs. */
  maxEpochs: number
  batchSize: number
  backend: 'native' | 'fallback'
  isa: string
  /** Texts that stood for a missing value beside the usual ones. */
  missingTexts: string[]
  /** What may be worth a look; each is a sentence. */
  warnings: string[]
}

/** All about a training. */
export interface TrainReport extends TrainingPlan {
  /** Threads that training used. */
  threads: number
  stopped: StopReason
  /** Epochs that were completed. */
  epochs: number
  /** The epoch whose weights were kept, where early stopping kept the best. */
  bestEpoch?: number
  seconds: number
  /** The score that leads. */
  metric: keyof BaselineScores | 'loss'
  train: Scores
  validation?: Scores
  test?: Scores
  /** Threshold, calibration, intervals; undefined in models of older versions. */
  decision?: Decision
  /** Rows, schema and hash of the data. */
  data: Fingerprint
}

/** What tells one set of data from another. */
export interface Fingerprint {
  rows: number
  /** Names and types of the columns. */
  schema: string
  /** SHA-256 of all values. */
  hash: string
}

type OptionalPart =
  | 'from'
  | 'footprint'
  | 'preset'
  | 'source'
  | 'outOfCore'
  | 'classes'
  | 'targets'
  | 'bestEpoch'
  | 'validation'
  | 'test'
  | 'weight'
  | 'decision'

type Shape = 'string' | 'number' | 'object' | 'array'

const required: Readonly<Record<Exclude<keyof TrainReport, OptionalPart>, Shape>> = {
  rows: 'number',
  columns: 'array',
  target: 'string',
  task: 'string',
  taskReason: 'string',
  droppedRows: 'number',
  split: 'object',
  network: 'string',
  maxEpochs: 'number',
  batchSize: 'number',
  backend: 'string',
  isa: 'string',
  missingTexts: 'array',
  warnings: 'array',
  threads: 'number',
  stopped: 'string',
  epochs: 'number',
  seconds: 'number',
  metric: 'string',
  train: 'object',
  data: 'object',
}

const scoreNumbers = [
  'accuracy',
  'logLoss',
  'rmse',
  'mae',
  'r2',
  'balancedAccuracy',
  'averagePrecision',
  'brier',
  'calibrationError',
  'precision',
  'recall',
  'f1',
  'coverage',
  'width',
] as const satisfies (keyof Scores)[]

/**
 * Reads a report from a model file, as far as the library relies on it.
 *
 * @throws DataError naming the first part that is not as it should be
 */
export function readReport(json: unknown, where: string): TrainReport {
  const report = plainObject(json, where)
  for (const [name, shape] of Object.entries(required)) checkShape(report[name], shape, `${where}.${name}`)
  for (const name of ['train', 'validation', 'test']) {
    if (report[name] !== undefined) checkScores(report[name], `${where}.${name}`)
  }
  if (report.classes !== undefined) {
    checkShape(report.classes, 'array', `${where}.classes`)
    ;(report.classes as unknown[]).forEach((entry, i) => {
      const { label, rows, trainRows } = plainObject(entry, `${where}.classes[${i}]`)
      if (!['string', 'number', 'boolean'].includes(typeof label))
        throw wrong(`${where}.classes[${i}].label`, 'a class', label)
      checkShape(rows, 'number', `${where}.classes[${i}].rows`)
      checkShape(trainRows, 'number', `${where}.classes[${i}].trainRows`)
    })
  }
  ;(report.columns as unknown[]).forEach((entry, i) => {
    const column = plainObject(entry, `${where}.columns[${i}]`)
    for (const name of ['name', 'type', 'role'])
      checkShape(column[name], 'string', `${where}.columns[${i}].${name}`)
    checkShape(column.missing, 'number', `${where}.columns[${i}].missing`)
  })
  const split = plainObject(report.split, `${where}.split`)
  checkShape(split.rule, 'string', `${where}.split.rule`)
  for (const name of ['train', 'validation', 'test'])
    checkShape(split[name], 'number', `${where}.split.${name}`)
  if (report.decision !== undefined) checkDecision(report.decision, `${where}.decision`)
  const data = plainObject(report.data, `${where}.data`)
  checkShape(data.hash, 'string', `${where}.data.hash`)
  if (report.targets !== undefined) checkShape(report.targets, 'array', `${where}.targets`)
  for (const name of ['missingTexts', 'warnings', ...(report.targets === undefined ? [] : ['targets'])]) {
    ;(report[name] as unknown[]).forEach((text, i) => checkShape(text, 'string', `${where}.${name}[${i}]`))
  }
  return report as unknown as TrainReport
}

function checkScores(json: unknown, where: string): void {
  const scores = plainObject(json, where)
  for (const name of ['rows', 'loss']) checkShape(scores[name], 'number', `${where}.${name}`)
  checkScoreNumbers(scores, where)
  if (scores.targets !== undefined) {
    checkShape(scores.targets, 'array', `${where}.targets`)
    ;(scores.targets as unknown[]).forEach((entry, i) => {
      const part = plainObject(entry, `${where}.targets[${i}]`)
      checkShape(part.target, 'string', `${where}.targets[${i}].target`)
      checkScoreNumbers(part, `${where}.targets[${i}]`)
    })
  }
  if (scores.confusion === undefined) return
  const { labels, counts } = plainObject(scores.confusion, `${where}.confusion`)
  checkShape(labels, 'array', `${where}.confusion.labels`)
  checkShape(counts, 'array', `${where}.confusion.counts`)
  ;(counts as unknown[]).forEach((row, i) => checkShape(row, 'array', `${where}.confusion.counts[${i}]`))
}

function checkScoreNumbers(scores: Record<string, unknown>, where: string): void {
  for (const part of [scores, plainObject(scores.baseline, `${where}.baseline`)]) {
    for (const name of scoreNumbers) {
      if (part[name] !== undefined) checkShape(part[name], 'number', `${where}: ${name}`)
    }
  }
}

// What predictions are computed from: a wrong one would give wrong answers rather than a wrong text.
function checkDecision(json: unknown, where: string): void {
  const { positive, threshold, calibration, conformal, intervals } = plainObject(json, where)
  if (positive !== undefined && !['string', 'number', 'boolean'].includes(typeof positive))
    throw wrong(`${where}.positive`, 'a class', positive)
  if (threshold !== undefined) checkWithin(threshold, { min: 0, max: 1 }, `${where}.threshold`)
  if (calibration !== undefined) {
    const { temperature, before, after } = plainObject(calibration, `${where}.calibration`)
    checkWithin(temperature, { above: 0 }, `${where}.calibration.temperature`)
    for (const part of [before, after]) {
      const { logLoss, brier, calibrationError } = plainObject(part, `${where}.calibration`)
      for (const value of [logLoss, brier, calibrationError]) checkWithin(value, {}, `${where}.calibration`)
    }
  }
  if (conformal !== undefined) checkConformal(conformal, `${where}.conformal`)
  if (intervals === undefined) return
  checkShape(intervals, 'array', `${where}.intervals`)
  ;(intervals as unknown[]).forEach((entry, i) => checkConformal(entry, `${where}.intervals[${i}]`))
}

function checkConformal(json: unknown, where: string): void {
  const { coverage, quantile, rows } = plainObject(json, where)
  checkWithin(coverage, { above: 0, below: 1 }, `${where}.coverage`)
  checkWithin(quantile, { min: 0 }, `${where}.quantile`)
  checkWithin(rows, { min: 1 }, `${where}.rows`)
}

function checkWithin(value: unknown, limits: Limits, where: string): void {
  if (typeof value === 'number' && Number.isFinite(value) && isWithin(value, limits)) return
  throw wrong(where, `a number${describeLimits(limits)}`, value)
}

function checkShape(value: unknown, shape: Shape, where: string): void {
  const found = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
  if (found !== shape)
    throw wrong(where, `${shape === 'object' || shape === 'array' ? 'an' : 'a'} ${shape}`, value)
}

// Own properties only, so that nothing set on a prototype is taken for data.
function plainObject(json: unknown, where: string): Record<string, unknown> {
  checkShape(json, 'object', where)
  return Object.assign(Object.create(null) as Record<string, unknown>, json)
}

function wrong(where: string, expected: string, received: unknown): DataError {
  return new DataError({ code: 'HADAMARD_MODEL_FILE', where, expected, received: describeValue(received) })
}
