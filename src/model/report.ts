/** What a training leaves to be read: data, network, course and scores as plain data, and reading them back from a file. */

import { describeValue } from '../check.ts'
import type { ClassLabel, Task } from '../data/target.ts'
import { DataError } from '../errors.ts'
import type { StopReason } from '../training/run.ts'

/** A column of the data. */
export interface ColumnReport {
  name: string
  type: 'numeric' | 'categorical'
  role: 'input' | 'target' | 'ignored'
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

/** Scores without a count of rows: those of the naive baseline. */
export interface BaselineScores {
  /** Share of right answers, for classification. */
  accuracy?: number
  /** Mean of −ln(probability of the right class), for classification. */
  logLoss?: number
  /** Root of the mean squared error in the target's unit, for regression. */
  rmse?: number
  /** 1 − squared error / squared error of the rows' own mean, for regression. */
  r2?: number
}

/** How good the predictions on some rows are, and how good guessing would be. */
export interface Scores extends BaselineScores {
  /** Rows that were scored. */
  rows: number
  /** What training minimises, without penalty; under regression in standardised units. */
  loss: number
  /** Majority class and class shares of the training rows, or their mean. */
  baseline: BaselineScores
}

/** What is known before training starts. */
export interface TrainingPlan {
  /** Path of the file; undefined for rows in memory. */
  source?: string
  rows: number
  columns: ColumnReport[]
  target: string
  task: Task
  /** Why the task is what it is. */
  taskReason: string
  /** Undefined under regression. */
  classes?: ClassReport[]
  /** Rows left out because their target is missing. */
  droppedRows: number
  /** How rows were parted, and how many there are in each part. */
  split: { rule: string; train: number; validation: number; test: number }
  /** One line: inputs, layers, outputs, parameters. */
  network: string
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
  /** Rows, schema and hash of the data; see {@link fingerprint}. */
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

type Shape = 'string' | 'number' | 'object' | 'array'

const required: Readonly<
  Record<keyof Omit<TrainReport, 'source' | 'classes' | 'bestEpoch' | 'validation' | 'test'>, Shape>
> = {
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
  const data = plainObject(report.data, `${where}.data`)
  checkShape(data.hash, 'string', `${where}.data.hash`)
  for (const name of ['missingTexts', 'warnings']) {
    ;(report[name] as unknown[]).forEach((text, i) => checkShape(text, 'string', `${where}.${name}[${i}]`))
  }
  return report as unknown as TrainReport
}

function checkScores(json: unknown, where: string): void {
  const scores = plainObject(json, where)
  for (const name of ['rows', 'loss']) checkShape(scores[name], 'number', `${where}.${name}`)
  for (const part of [scores, plainObject(scores.baseline, `${where}.baseline`)]) {
    for (const name of ['accuracy', 'logLoss', 'rmse', 'r2']) {
      if (part[name] !== undefined) checkShape(part[name], 'number', `${where}: ${name}`)
    }
  }
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
  return new DataError({ where, expected, received: describeValue(received) })
}
