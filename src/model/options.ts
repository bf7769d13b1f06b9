/** The options of `train`: checked, with the defaults that do not depend on the data. */

import type { BackendOptions } from '../backends/choose.ts'
import { checkBoolean, checkInteger, checkNumber, checkOneOf, describeValue } from '../check.ts'
import { normalizeOptimizer, type OptimizerName } from '../compiler/optimizers.ts'
import type { CsvOptions } from '../data/csv.ts'
import { scalings, type ColumnType, type Scaling } from '../data/input.ts'
import type { OpenCsvOptions } from '../data/open-options.ts'
import type { DatasetSchema } from '../data/survey.ts'
import type { ClassLabel, Task } from '../data/target.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { differentiableActivations, type ActivationName } from '../layers/activation.ts'
import type { LossName } from '../layers/loss.ts'
import { normalizeRecover, rejectBatches, type Recover } from '../training/options.ts'
import type { EpochRecord, Progress } from '../training/run.ts'
import type { GivenRows } from './given-rows.ts'
import type { AnyModel, Origin } from './going-on.ts'
import { memoryBytes } from './memory.ts'
import type { TrainingPlan } from './report.ts'
import type { ClassWeight } from './row-weights.ts'
import { parseThreshold, type Threshold } from './threshold.ts'

/** Losses that a table's targets can be trained by, the default of each task first. */
export const trainLosses = {
  regression: ['squaredError', 'absoluteError', 'huber'],
  binary: ['binaryCrossEntropyFromLogits', 'binaryCrossEntropy'],
  categorical: ['categoricalCrossEntropyFromLogits', 'categoricalCrossEntropy'],
} as const satisfies Record<string, readonly LossName[]>

/** Scores that a report can lead with. */
export const metricNames = [
  'accuracy',
  'balancedAccuracy',
  'averagePrecision',
  'logLoss',
  'r2',
  'rmse',
  'mae',
  'loss',
] as const

/**
 * Name of a score.
 *
 * @useDeclaredType
 */
export type MetricName = (typeof metricNames)[number]

/** Row numbers from 0, as a split file has them. */
export interface GivenSplit {
  train: ArrayLike<number>
  test: ArrayLike<number>
}

/** Names of a row's columns; any name for rows without a type. */
export type ColumnOf<Row> = [keyof Row] extends [never] ? string : keyof Row & string

/** What `train` takes; with a type of rows a misspelled column does not compile. */
export interface TrainOptions<Row extends object = Record<string, unknown>> extends Pick<
  CsvOptions,
  'delimiter' | 'missing'
> {
  /** Name of the column to predict, or names of several columns of numbers that one network is to predict. */
  target: ColumnOf<Row> | readonly ColumnOf<Row>[]
  /** Columns that are neither input nor target. */
  ignore?: readonly ColumnOf<Row>[]
  /** What columns are taken as, where it is not what their values suggest; a column with a type is not left out unasked. */
  types?: Readonly<Partial<Record<ColumnOf<Row>, ColumnType>>>
  /**
   * How numbers are scaled: by mean and deviation (standard, default of plain), median and quartiles (robust), these with outliers
   * drawn in smoothly (clipped, default of realmlp), or to normal quantiles.
   */
  scale?: Scaling
  /** Default: what the target's values suggest, see `report.taskReason`. */
  task?: Task
  /**
   * What network is trained, and how, where the options below do not say: `realmlp`, a published recipe for tables, or `plain`, a
   * small network with early stopping. Default realmlp, but plain where one of the options of a network and its training is set:
   * hidden, activation, dropout, optimizer, learningRate, batchSize, epochs, patience, loss or l2.
   *
   * @source Holzmüller, Grinsztajn, Steinwart 2024, Better by Default; docs/tabular.md
   */
  preset?: Preset
  /** Units of the hidden layers, default [64, 32], of realmlp [256, 256, 256]; none gives a linear model. */
  hidden?: readonly number[]
  /** Activation of the hidden layers, default relu, of realmlp selu for classes and mish for numbers. */
  activation?: ActivationName
  /** Share of each hidden layer's outputs that is dropped in training, from 0 to below 1, default 0. */
  dropout?: number
  /** Default adam. */
  optimizer?: OptimizerName
  /** Above 0; default 0.003 for adam, 0.001 for adamw and rmsprop, 1 for adadelta, 0.01 for the others; realmlp 0.04 and 0.07. */
  learningRate?: number
  /** Rows per step; default 32, from 5,000 training rows on 128, from 50,000 on 256; realmlp 256. */
  batchSize?: number
  /** Most passes over the training rows, default 200; realmlp 256, of large data fewer. */
  epochs?: number
  /** Seconds after which training ends with the best model so far, above 0; default none. */
  maxTime?: number
  /** Epochs without a better validation loss after which training ends, default 20; realmlp takes the best of all epochs. */
  patience?: number
  /** Share of the rows not held out for the test that early stopping watches, from 0 to below 1, default 0.1. With 0 all are trained on, for all epochs. */
  validation?: number
  /** Share of rows held out for the test, from 0 to below 1, default 0.2. */
  test?: number
  /** A split file (JSON `{"train":[…],"test":[…]}`, row numbers from 0) or such row numbers, instead of `test`. */
  split?: string | GivenSplit
  /** Whether classes keep their shares in all parts; default for classification in memory, unless `group` or `splitBy` part the rows. */
  stratify?: boolean
  /** Column whose equal values are never on both sides of a split; it is no input. */
  group?: ColumnOf<Row>
  /** `time:COLUMN` holds out the latest rows, by a column of numbers or dates, which is no input. */
  splitBy?: `time:${ColumnOf<Row>}`
  /** Default binaryCrossEntropyFromLogits for 2 classes, categoricalCrossEntropyFromLogits for more, squaredError for numbers. */
  loss?: LossName
  /** The score that leads the report; default accuracy (balancedAccuracy where a class is rare) or r2. Early stopping watches the loss whatever the metric. */
  metric?: MetricName
  /** Weights of the classes in training: `balanced`, or by label, 1 for those left out. They shift probabilities. */
  classWeight?: ClassWeight
  /** Column with the weight of each row, at least 0, in training and in scores; it is no input. */
  weight?: ColumnOf<Row>
  /** The class of two that threshold, precision, recall and PR-AUC are about; default true, the larger number, or the rarer text. */
  positive?: ClassLabel
  /** Probability from which on a row is taken as positive, or what to tune it for on the validation rows; see {@link Threshold}. */
  threshold?: Threshold
  /** Whether probabilities are scaled by a temperature where that helps on the validation rows, default true. */
  calibrate?: boolean
  /** Share of new rows whose target conformal intervals or sets are to hold, above 0 and below 1; default none. */
  coverage?: number
  /** λ of the penalty λ/2·ΣW² on weight matrices, default 0.0003, of realmlp 0. */
  l2?: number
  /** Seed of splits, weights, shuffles and dropout, default 0. The same seed gives the same bits. */
  seed?: number
  /** Threads of the native core, default the physical cores, less one above two; small steps use one. */
  threads?: number
  /** Default: native if it can be loaded. */
  backend?: BackendOptions['backend']
  /**
   * A model, or the path of one, whose training goes on with this data: its columns, target and network, and what was decided
   * with it unless it is given anew.
   */
  from?: string | AnyModel
  /** With `from`: whether scales and categories are learnt anew from the new training rows, default false. */
  refitEncoder?: boolean
  /** Whether the model keeps the optimizer's state, and goes on with that of `from`, default false. */
  keepOptimizer?: boolean
  /**
   * Goes back and lowers the learning rate by a factor, default 0.5, where training diverges, up to ten times, in place of ending
   * with a DivergenceError; `report.warnings` tell of it. Default false.
   */
  recover?: Recover | boolean
  /**
   * Most memory that training may take: bytes, or a text such as `512MB`; default half of what is free. What is read by pieces
   * (files, SQL, streams, datasets) and does not fit is trained on out of core (docs/data.md).
   */
  memory?: number | string
  /** Whether rows that are read by pieces are trained on out of core; default where they do not fit into memory. */
  outOfCore?: boolean
  /** Out of core: folder of the packed rows, default that of the file; false for none that stays. Rows of files alone stay. */
  cache?: string | false
  /** Out of core: rows that are mixed with one another, an integer ≥ 1; default what 32 MiB hold, at most 262,144. */
  shuffleWindow?: number
  /** Ends training at the next step; the promise resolves with the best model so far. */
  signal?: AbortSignal
  /** The columns, as an earlier `dataset.schema` had them: only these are read, with these types and categories. */
  schema?: DatasetSchema
  /**
   * What becomes of a wrong record of a file: `fail` (default) throws at the first; `skip` and `report` leave it out, count it
   * and warn.
   */
  onError?: OpenCsvOptions['onError']
  /** Called for every record that is left out, once, in the order of the file. */
  onReject?: OpenCsvOptions['onReject']
  /** Called while a file above 32 MiB, a packed one or a stream is read, after every piece of it. */
  onRead?: OpenCsvOptions['onProgress']
  /** Called once, after the data are read and before training starts. */
  onStart?: (plan: TrainingPlan) => void
  /** Called after every epoch. */
  onEpoch?: (epoch: EpochRecord) => void
  /** Called some times a second, for progress bars. */
  onProgress?: (progress: Progress) => void
  /** Out of core: called with a sentence on the packed rows: found, made, or made anew and why. */
  onCache?: (sentence: string) => void
}

/** What `train` takes beside {@link TrainOptions.from}, which has the target. */
export type GoingOnOptions<Row extends object = Record<string, unknown>> = Omit<TrainOptions<Row>, 'target'> &
  Partial<Pick<TrainOptions<Row>, 'target'>>

/** Train options with everything filled in that does not depend on the data. */
export type TrainSettings = Omit<TrainOptions, 'target'> &
  Required<
    Pick<
      TrainOptions,
      | 'ignore'
      | 'hidden'
      | 'preset'
      | 'dropout'
      | 'optimizer'
      | 'patience'
      | 'validation'
      | 'test'
      | 'l2'
      | 'seed'
      | 'calibrate'
      | 'scale'
    >
  > & {
    /** Names of the columns to predict, at least one. */
    readonly targets: readonly string[]
    readonly origin?: Origin
    /** Out of core: the rows of `split`. */
    readonly givenRows?: GivenRows
  }

/** Defaults that do not depend on the data; `--help` prints them. */
export const trainDefaults = {
  hidden: [64, 32],
  activation: 'relu',
  dropout: 0,
  optimizer: 'adam',
  epochs: 200,
  patience: 20,
  validation: 0.1,
  test: 0.2,
  l2: 0.0003,
  seed: 0,
  calibrate: true,
  scale: 'standard',
} as const satisfies Partial<TrainOptions>

/** What differs for realmlp; the rest depends on task and rows, see recipe.ts. */
const realmlpDefaults = {
  ...trainDefaults,
  hidden: [256, 256, 256],
  activation: undefined,
  epochs: undefined,
  patience: Infinity,
  l2: 0,
  scale: 'clipped',
} as const satisfies Partial<TrainOptions>

/** Names of the presets. */
export const presets = ['realmlp', 'plain'] as const

/**
 * What is trained, and how, where options do not say otherwise.
 *
 * @useDeclaredType
 */
export type Preset = (typeof presets)[number]

/** Options of a network of one's own: with one of them, and no preset named, it is the plain one. */
const plainOptions = [
  'hidden',
  'activation',
  'dropout',
  'optimizer',
  'learningRate',
  'batchSize',
  'epochs',
  'patience',
  'loss',
  'l2',
] as const satisfies (keyof TrainOptions)[]

/** Names of all options of `train`. */
export const trainOptionNames: readonly string[] = [
  'target',
  'ignore',
  'task',
  'preset',
  'hidden',
  'activation',
  'dropout',
  'optimizer',
  'learningRate',
  'batchSize',
  'epochs',
  'maxTime',
  'patience',
  'validation',
  'test',
  'split',
  'stratify',
  'group',
  'splitBy',
  'loss',
  'metric',
  'classWeight',
  'weight',
  'positive',
  'threshold',
  'calibrate',
  'coverage',
  'l2',
  'seed',
  'threads',
  'backend',
  'from',
  'refitEncoder',
  'keepOptimizer',
  'recover',
  'signal',
  'delimiter',
  'types',
  'scale',
  'missing',
  'schema',
  'onError',
  'onReject',
  'onRead',
  'onStart',
  'onEpoch',
  'onProgress',
  'memory',
  'outOfCore',
  'cache',
  'shuffleWindow',
  'onCache',
] satisfies (keyof TrainOptions)[]

/**
 * Checks the options of `train` and fills in defaults.
 *
 * @throws SpecError at the first option that is unknown, misspelled or out of range
 */
export function normalizeTrainOptions(options: TrainOptions, origin?: Origin): TrainSettings {
  if (typeof options !== 'object' || options === null) {
    throw new SpecError({
      where: 'train',
      expected: "options, at least { target: 'column' }",
      received: describeValue(options),
    })
  }
  rejectUnknownKeys('train', options, trainOptionNames)
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as TrainOptions
  const preset =
    given.preset ?? (plainOptions.some((name) => given[name] !== undefined) ? 'plain' : 'realmlp')
  checkOneOf('preset', preset, presets)
  const defaults = preset === 'plain' ? trainDefaults : realmlpDefaults
  const { target, ...others } = given
  const settings: TrainSettings = {
    ...defaults,
    ignore: [],
    ...others,
    preset,
    targets: targetNames(target),
  }
  checkNames(settings)
  checkNumbers(settings)
  checkHidden(settings.hidden)
  checkSplit(given, settings.targets)
  checkDecision(settings)
  checkGoingOn(settings, origin)
  normalizeRecover('recover', settings.recover)
  checkOutOfCore(settings)
  checkCallbacks(settings)
  return { ...settings, origin }
}

/**
 * Names of targets as a list.
 *
 * @throws SpecError for what are no names, and for a name twice
 */
export function targetNames(target: unknown): readonly string[] {
  const names: readonly unknown[] = Array.isArray(target) ? target : [target]
  if (names.length === 0 || !names.every((name): name is string => typeof name === 'string' && name !== '')) {
    throw new SpecError({
      where: 'target',
      expected: 'the name of the column to predict, or names of several',
      received: describeValue(target),
    })
  }
  const repeated = names.find((name, i) => names.indexOf(name) !== i)
  if (repeated === undefined) return names
  throw new SpecError({ where: 'target', expected: 'different columns', received: `'${repeated}' twice` })
}

/** What a column can be taken as. */
export const columnTypes = [
  'numeric',
  'categorical',
  'boolean',
  'date',
  'ignored',
] as const satisfies ColumnType[]

function checkNames(options: TrainSettings): void {
  const { ignore, activation, optimizer, loss, metric, task, targets, types = {}, scale } = options
  checkOneOf('scale', scale, scalings)
  if (typeof types !== 'object' || types === null) {
    throw new SpecError({
      where: 'types',
      expected: 'an object of types by column',
      received: describeValue(types),
    })
  }
  for (const [name, type] of Object.entries(types)) checkOneOf(`types.${name}`, type, columnTypes)
  for (const target of targets) {
    if (!Object.hasOwn(types, target) || ['numeric', 'categorical'].includes(types[target] ?? '')) continue
    throw new SpecError({
      where: `types.${target}`,
      expected: 'numeric or categorical for the target',
      received: describeValue(types[target]),
    })
  }
  if (!Array.isArray(ignore) || ignore.some((name) => typeof name !== 'string')) {
    throw new SpecError({
      where: 'ignore',
      expected: 'an array of column names',
      received: describeValue(ignore),
    })
  }
  const ignored = targets.find((target) => ignore.includes(target))
  if (ignored !== undefined) {
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: 'ignore',
      expected: 'columns other than the target',
      received: describeValue(ignored),
    })
  }
  if (activation !== undefined) checkOneOf('activation', activation, differentiableActivations)
  normalizeOptimizer(optimizer ?? 'adam')
  if (loss !== undefined) checkOneOf('loss', loss, Object.values(trainLosses).flat())
  if (metric !== undefined) checkOneOf('metric', metric, metricNames)
  if (task !== undefined) checkOneOf('task', task, ['classification', 'regression'])
  if (options.onError !== undefined) checkOneOf('onError', options.onError, ['fail', 'skip', 'report'])
}

function checkNumbers(settings: TrainSettings): void {
  const { dropout, learningRate, batchSize, epochs, patience, validation, test, l2, seed, threads } = settings
  checkNumber('dropout', dropout, { min: 0, below: 1 })
  rejectBatches(settings.optimizer, settings, ['learningRate', 'batchSize', 'recover'])
  if (learningRate !== undefined) checkNumber('learningRate', learningRate, { above: 0 })
  if (batchSize !== undefined) checkInteger('batchSize', batchSize, { min: 1, max: 2 ** 24 })
  if (epochs !== undefined) checkInteger('epochs', epochs, { min: 1 })
  if (settings.maxTime !== undefined) checkNumber('maxTime', settings.maxTime, { above: 0 })
  if (patience !== Infinity) checkInteger('patience', patience, { min: 1 })
  checkNumber('validation', validation, { min: 0, below: 1 })
  checkNumber('test', test, { min: 0, below: 1 })
  checkNumber('l2', l2, { min: 0 })
  checkInteger('seed', seed, { min: 0 })
  if (threads !== undefined) checkInteger('threads', threads, { min: 1, max: 1024 })
}

function checkDecision(settings: TrainSettings): void {
  const { classWeight, weight, positive, threshold, calibrate, coverage, targets, validation } = settings
  checkClassWeight(classWeight)
  if (weight !== undefined) checkColumnName('weight', weight, targets)
  if (positive !== undefined && !['string', 'number', 'boolean'].includes(typeof positive)) {
    throw new SpecError({
      where: 'positive',
      expected: 'a class of the target',
      received: describeValue(positive),
    })
  }
  checkBoolean('calibrate', calibrate)
  if (coverage !== undefined) checkNumber('coverage', coverage, { above: 0, below: 1 })
  if (threshold === undefined || 'value' in parseThreshold(threshold) || validation !== 0) return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: 'threshold',
    expected: 'a number, as there are no validation rows to tune it on',
    received: describeValue(threshold),
    cure: 'Set `validation` above 0',
  })
}

function checkClassWeight(classWeight: unknown): void {
  if (classWeight === undefined || classWeight === 'balanced') return
  if (typeof classWeight !== 'object' || classWeight === null || Array.isArray(classWeight)) {
    throw new SpecError({
      where: 'classWeight',
      expected: "'balanced', or weights by class such as { yes: 5, no: 1 }",
      received: describeValue(classWeight),
    })
  }
  for (const [label, weight] of Object.entries(classWeight))
    checkNumber(`classWeight: ${label}`, weight, { min: 0 })
}

function checkColumnName(where: string, name: unknown, targets: readonly string[]): void {
  if (typeof name === 'string' && name !== '' && !targets.includes(name)) return
  throw new SpecError({
    where,
    expected: 'the name of a column other than the target',
    received: describeValue(name),
  })
}

function checkHidden(hidden: unknown): void {
  if (!Array.isArray(hidden)) {
    throw new SpecError({
      where: 'hidden',
      expected: 'an array of units, such as [64, 32]',
      received: describeValue(hidden),
    })
  }
  hidden.forEach((units, i) => checkInteger(`hidden[${i}]`, units, { min: 1, max: 2 ** 24 }))
}

/** The column of `time:COLUMN`. */
export function timeColumn(splitBy: string): string {
  return splitBy.slice('time:'.length)
}

function checkSplit(given: Partial<TrainOptions>, targets: readonly string[]): void {
  const { split, test, stratify, group, splitBy } = given

  if (stratify !== undefined) checkBoolean('stratify', stratify)
  if (group !== undefined) checkColumnName('group', group, targets)
  if (splitBy !== undefined) {
    if (typeof splitBy !== 'string' || !/^time:./.test(splitBy)) {
      throw new SpecError({
        where: 'splitBy',
        expected: 'time:COLUMN with the column of the times',
        received: describeValue(splitBy),
      })
    }
    checkColumnName('splitBy', timeColumn(splitBy), targets)
  }
  const rules = Object.entries({ group, splitBy, stratify: stratify === true ? stratify : undefined })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name)
  if (rules.length > 1) {
    const expected = 'one rule to part the rows by'
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: rules[0],
      expected,
      received: rules.map((name) => `\`${name}\``).join(' and '),
    })
  }
  if (split === undefined) return
  if (test !== undefined) {
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: 'split',
      expected: 'either `split` or `test`',
      received: 'both',
    })
  }
  const isRows = typeof split === 'object' && split !== null && 'train' in split && 'test' in split
  if (typeof split === 'string' || isRows) return
  const expected = 'the path of a split file, or { train, test } with row numbers'
  throw new SpecError({ where: 'split', expected, received: describeValue(split) })
}

function checkGoingOn({ refitEncoder, keepOptimizer, from }: TrainSettings, origin?: Origin): void {
  if (keepOptimizer !== undefined) checkBoolean('keepOptimizer', keepOptimizer)
  if (refitEncoder !== undefined) checkBoolean('refitEncoder', refitEncoder)
  if (refitEncoder === true && origin === undefined) {
    const expected = 'a model to go on from beside it'
    throw new SpecError({ where: 'refitEncoder', expected, received: 'none', cure: 'Set `from`' })
  }
  if (from === undefined || origin !== undefined) return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: 'from',
    expected: 'nothing here, where every model begins anew',
    received: describeValue(from),
  })
}

function checkOutOfCore({ memory, outOfCore, cache, shuffleWindow, from }: TrainSettings): void {
  if (memory !== undefined) memoryBytes(memory)
  if (outOfCore !== undefined) checkBoolean('outOfCore', outOfCore)
  if (shuffleWindow !== undefined) checkInteger('shuffleWindow', shuffleWindow, { min: 1, max: 2 ** 30 })
  if (cache !== undefined && cache !== false && (typeof cache !== 'string' || cache === ''))
    throw new SpecError({ where: 'cache', expected: 'a folder, or false', received: describeValue(cache) })
  const isAsked = outOfCore === true ? outOfCore : undefined
  const given = Object.entries({ outOfCore: isAsked, cache, shuffleWindow, memory })
  const asked = given.filter(([, value]) => value !== undefined).map(([name]) => name)
  const code = 'HADAMARD_OPTION_CONFLICT'
  if (from !== undefined && asked.length > 0) {
    const [where] = asked
    const expected = 'a new model: training that goes on has all rows in memory'
    throw new SpecError({
      code,
      where,
      expected,
      received: '`from` beside it',
      cure: `Leave out \`from\` or \`${where}\``,
    })
  }
  const [where] = asked.filter((name) => name !== 'memory')
  if (outOfCore === false && where !== undefined)
    throw new SpecError({ code, where, expected: 'training out of core', received: 'outOfCore: false' })
}

function checkCallbacks(settings: TrainSettings): void {
  for (const name of ['onStart', 'onEpoch', 'onProgress', 'onReject', 'onRead', 'onCache'] as const) {
    const given: unknown = settings[name]
    if (given === undefined || typeof given === 'function') continue
    throw new SpecError({ where: name, expected: 'a function', received: describeValue(given) })
  }
  if (settings.signal === undefined || settings.signal instanceof AbortSignal) return
  throw new SpecError({
    where: 'signal',
    expected: 'an AbortSignal',
    received: describeValue(settings.signal),
  })
}
