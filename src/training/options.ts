/** The options of `fit`: checked, with defaults. */

import { checkBoolean, checkInteger, checkNumber, checkOneOf, describeValue, hasMemory } from '../check.ts'
import {
  normalizeOptimizer,
  optimizerInfo,
  type Optimizer,
  type OptimizerName,
  type OptimizerSpec,
} from '../compiler/optimizers.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { checkCarried } from './carried-optimizer.ts'
import { NO_MEMORY, type Rows, type Targets } from './arrays.ts'
import { normalizeSchedule, type Schedule, type ScheduleSpec } from './schedules.ts'
import type { ClassWeights, SampleWeights } from './weights.ts'

/** When to stop before the last epoch, and which epoch's weights to keep. */
export interface EarlyStopping {
  /** Epochs without improvement after which the run ends, an integer ≥ 1, default 10; Infinity keeps the best of all epochs. */
  patience?: number
  /** Improvement of the loss that counts, default 0. */
  minDelta?: number
  /**
   * What is watched: the `loss` (default), or for classes the `error`, the share of wrong validation rows. Of epochs with the same
   * error the last is the best; weights of rows do not count.
   */
  watch?: 'loss' | 'error'
}

/** How a fit goes on after it has diverged. */
export interface Recover {
  /** What the learning rate is multiplied by, above 0 and below 1, default 0.5. */
  factor?: number
}

/** What a monitor looks at, and how often. */
export interface MonitorOptions {
  /** Epochs between two records, an integer ≥ 1; default a 25th of `epochs` rounded up, at most 10. */
  every?: number
  /** Training rows that are looked at, evenly spaced, an integer from 1 to 65536, default 64; at most all are. */
  rows?: number
}

/** Validation data: a share of the rows (0 to below 1), row numbers of x, or other data, whose rows may have weights. */
export type Validation = number | Uint32Array | { x: Rows; y: Targets; sampleWeights?: SampleWeights }

/** Settings of `fit`. */
export interface FitOptions {
  /** Passes over the training rows, an integer ≥ 1, default 100. */
  epochs?: number
  /** Rows per step, an integer ≥ 1, default 32; at most the training rows are used. */
  batchSize?: number
  /** Default adam. */
  optimizer?: Optimizer
  /** How the learning rate moves over the epochs, default constant; a function gives a factor for each epoch from 0. */
  schedule?: Schedule
  /** Batches whose gradients are accumulated for one update, an integer ≥ 1, default 1. */
  accumulate?: number
  /** Whether rows that fill no batch at the end of an epoch are left out of it, others each time; default false. */
  dropLast?: boolean
  /** Default none. A share is drawn by a permutation that depends on the network's seed. */
  validation?: Validation
  /**
   * A weight for every row of x, that its loss and gradients are multiplied by; default 1. Sums are divided by the rows as
   * without weights. Rows held out of x keep theirs: the validation loss is weighted too.
   */
  sampleWeights?: SampleWeights
  /** Weights of the training rows by their class, times those of {@link sampleWeights}; default none. */
  classWeights?: ClassWeights
  /**
   * Ends the run when the watched loss (validation, else training) stops falling, a log likelihood rising, and keeps the
   * best weights.
   */
  earlyStopping?: EarlyStopping | boolean
  /**
   * Records what activations, gradients and updates are like and which way the weights take, in the history's `monitor`;
   * default false. Training gives the same bits with it.
   */
  monitor?: MonitorOptions | boolean
  /**
   * Goes back to the weights before the best epoch with a lower learning rate where the fit diverges, up to ten times, in place of
   * ending with a DivergenceError; the history's `recoveries` tell of it. Default false.
   */
  recover?: Recover | boolean
  /**
   * Whether the optimizer goes on from the state that an earlier such fit has left, and leaves its own, that of the last step,
   * as `network.optimizerState`; shuffles and masks go on too. Default false.
   */
  keepOptimizer?: boolean
  /** Ends the run after this many milliseconds. */
  maxTimeMs?: number
  /** Ends the run at the next step; the promise resolves with `stopped: 'aborted'`. */
  signal?: AbortSignal
  /** Threads of the native core, default the physical cores, less one above two; small steps use one. */
  threads?: number
}

/** Fit options with everything filled in. */
export interface FitSettings {
  readonly epochs: number
  readonly batchSize: number
  readonly optimizer: OptimizerSpec
  readonly schedule: ScheduleSpec
  readonly accumulate: number
  readonly dropLast: boolean
  readonly validation?: Validation
  readonly sampleWeights?: SampleWeights
  readonly classWeights?: ClassWeights
  readonly earlyStopping?: Required<EarlyStopping>
  readonly monitor?: Required<MonitorOptions>
  readonly recover?: Required<Recover>
  readonly keepOptimizer: boolean
  readonly maxTimeMs?: number
  readonly signal?: AbortSignal
  readonly threads?: number
}

const KNOWN = [
  'epochs',
  'batchSize',
  'optimizer',
  'schedule',
  'accumulate',
  'dropLast',
  'validation',
  'sampleWeights',
  'classWeights',
  'earlyStopping',
  'monitor',
  'recover',
  'keepOptimizer',
  'maxTimeMs',
  'signal',
  'threads',
]
const MAX_THREADS = 1024

/**
 * Checks fit options and fills in defaults.
 *
 * @param watched validation rows; undefined or 0 for none
 * @throws SpecError at the first option that is unknown or out of range
 */
export function normalizeFitOptions(options: FitOptions, watched: unknown = options.validation): FitSettings {
  rejectUnknownKeys('fit', options, KNOWN)
  const { epochs = 100, batchSize = 32, optimizer = 'adam', validation, maxTimeMs, signal } = options
  checkInteger('fit: epochs', epochs, { min: 1 })
  checkInteger('fit: batchSize', batchSize, { min: 1, max: 2 ** 24 })
  const { schedule = 'constant', accumulate = 1, dropLast = false } = options
  checkBoolean('fit: dropLast', dropLast)
  const normalized = normalizeOptimizer(optimizer)
  rejectBatches(normalized.name, options, batchOptions, 'fit: ')
  checkInteger('fit: accumulate', accumulate, { min: 1, max: 2 ** 24 })
  const earlyStopping = normalizeEarlyStopping(options.earlyStopping)
  checkWatch(normalized.name, earlyStopping, watched)
  checkValidation(validation)
  const { keepOptimizer = false } = options
  checkBoolean('fit: keepOptimizer', keepOptimizer)
  if (keepOptimizer) checkCarried(normalized)
  if (maxTimeMs !== undefined) checkNumber('fit: maxTimeMs', maxTimeMs, { above: 0 })
  const threads = options.threads ?? environmentThreads()
  if (threads !== undefined) checkInteger('fit: threads', threads, { min: 1, max: MAX_THREADS })
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new SpecError({ where: 'fit: signal', expected: 'an AbortSignal', received: describeValue(signal) })
  }
  return {
    epochs,
    batchSize,
    optimizer: normalized,
    schedule: normalizeSchedule(schedule),
    accumulate,
    dropLast,
    validation,
    sampleWeights: options.sampleWeights,
    classWeights: options.classWeights,
    earlyStopping,
    monitor: normalizeMonitor(options.monitor, epochs),
    recover: normalizeRecover('fit: recover', options.recover),
    keepOptimizer,
    maxTimeMs,
    signal,
    threads,
  }
}

const batchOptions = ['batchSize', 'schedule', 'accumulate', 'dropLast', 'recover'] as const

/**
 * Refuses what only makes sense for an optimizer that takes the rows batch by batch.
 *
 * @param where what stands before the option's name in the message
 */
export function rejectBatches<Name extends string>(
  optimizer: OptimizerName,
  options: Readonly<Partial<Record<Name, unknown>>>,
  names: readonly Name[],
  where = '',
): void {
  const given = names.find((name) => options[name] !== undefined)
  if (given === undefined || optimizerInfo(optimizer).isFullBatch !== true) return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: `${where}${given}`,
    expected: `no \`${given}\` with the optimizer ${optimizer}, which takes all rows at once and finds its own step`,
    received: describeValue(options[given]),
    cure: `Leave it out, or use \`optimizer: 'adam'\``,
  })
}

// Wrong rows are counted among validation rows, batch by batch.
function checkWatch(
  optimizer: OptimizerName,
  earlyStopping: Required<EarlyStopping> | undefined,
  validation: unknown,
): void {
  if (earlyStopping?.watch !== 'error') return
  const where = 'fit: earlyStopping.watch'
  if (validation === undefined || validation === 0)
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where,
      expected: "'loss', or validation rows",
      received: "'error' without any",
    })
  if (optimizerInfo(optimizer).isFullBatch !== true) return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where,
    expected: `'loss' with the optimizer ${optimizer}`,
    received: "'error'",
  })
}

function checkValidation(validation: unknown): void {
  if (validation === undefined || (validation instanceof Uint32Array && hasMemory(validation))) return
  if (typeof validation === 'number') checkNumber('fit: validation', validation, { min: 0, below: 1 })
  else if (typeof validation === 'object' && !(validation instanceof Uint32Array))
    rejectUnknownKeys('fit: validation', validation, ['x', 'y', 'sampleWeights'])
  else {
    throw new SpecError({
      where: 'fit: validation',
      expected: 'a share of the rows, a Uint32Array of row numbers, or { x, y }',
      received: validation instanceof Uint32Array ? NO_MEMORY : describeValue(validation),
    })
  }
}

function normalizeEarlyStopping(
  option: EarlyStopping | boolean | undefined,
): Required<EarlyStopping> | undefined {
  if (option === undefined || option === false) return undefined
  const given = option === true ? {} : option
  rejectUnknownKeys('fit: earlyStopping', given, ['patience', 'minDelta', 'watch'])
  const { patience = 10, minDelta = 0, watch = 'loss' } = given
  if (patience !== Infinity) checkInteger('fit: earlyStopping.patience', patience, { min: 1 })
  checkNumber('fit: earlyStopping.minDelta', minDelta, { min: 0 })
  checkOneOf('fit: earlyStopping.watch', watch, ['loss', 'error'])
  if (watch === 'loss' || minDelta === 0) return { patience, minDelta, watch }
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: 'fit: earlyStopping.minDelta',
    expected: '0 where the error is watched, as every row counts',
    received: describeValue(minDelta),
  })
}

/**
 * Checks the option `recover`.
 *
 * @throws SpecError at an unknown setting or a factor out of range
 */
export function normalizeRecover(
  where: string,
  option: Recover | boolean | undefined,
): Required<Recover> | undefined {
  if (option === undefined || option === false) return undefined
  const given = option === true ? {} : option
  rejectUnknownKeys(where, given, ['factor'])
  const { factor = 0.5 } = given
  checkNumber(`${where}.factor`, factor, { above: 0, below: 1 })
  return { factor }
}

function normalizeMonitor(
  option: MonitorOptions | boolean | undefined,
  epochs: number,
): Required<MonitorOptions> | undefined {
  if (option === undefined || option === false) return undefined
  const given = option === true ? {} : option
  rejectUnknownKeys('fit: monitor', given, ['every', 'rows'])
  const { every = Math.min(10, Math.ceil(epochs / 25)), rows = 64 } = given
  checkInteger('fit: monitor.every', every, { min: 1 })
  checkInteger('fit: monitor.rows', rows, { min: 1, max: 2 ** 16 })
  return { every, rows }
}

function environmentThreads(): number | undefined {
  const text = process.env.HADAMARD_THREADS
  if (text === undefined || text === '') return undefined
  const threads = Number(text)
  checkInteger('HADAMARD_THREADS', threads, { min: 1, max: MAX_THREADS })
  return threads
}
