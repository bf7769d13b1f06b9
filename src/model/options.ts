/** The options of `train`, and the defaults that do not depend on the data. */

import type { BackendOptions } from '../backends/choose.ts'
import type { OptimizerName } from '../compiler/optimizers.ts'
import type { CsvOptions } from '../data/csv.ts'
import type { ColumnType, Scaling } from '../data/input.ts'
import type { OpenCsvOptions } from '../data/open-options.ts'
import type { DatasetSchema } from '../data/survey.ts'
import type { ClassLabel, Task } from '../data/target.ts'
import type { ActivationName } from '../layers/activation.ts'
import type { LossName } from '../layers/loss.ts'
import type { Recover } from '../training/options.ts'
import type { EpochRecord, Progress } from '../training/run.ts'
import type { GivenRows } from './given-rows.ts'
import type { AnyModel, Origin } from './going-on.ts'
import type { TrainingPlan } from './report.ts'
import type { ClassWeight } from './row-weights.ts'
import type { Threshold } from './threshold.ts'

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
  /** Called while a file above 32 MiB, a packed one, a stream, or another source than CSV is read, after every piece of it. */
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
export const realmlpDefaults = {
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
export const plainOptions = [
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

/** What a column can be taken as. */
export const columnTypes = [
  'numeric',
  'categorical',
  'boolean',
  'date',
  'ignored',
] as const satisfies ColumnType[]

/** The column of `time:COLUMN`. */
export function timeColumn(splitBy: string): string {
  return splitBy.slice('time:'.length)
}
