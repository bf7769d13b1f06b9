/** One fit: compiles the training program, runs its epochs on a backend, and reports what comes back. */

import type { Backend, Executable } from '../backends/backend.ts'
import { compileTraining, trainingMetrics, type TrainingPlan } from '../compiler/training.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { DataError, SpecError } from '../errors.ts'
import { optimizerInfo, type OptimizerSpec } from '../compiler/optimizers.ts'
import { layerTypeOf } from '../layers/index.ts'
import { checkMemory } from '../memory-limit.ts'
import { floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { EARLY_STOP } from '../ops/control.ts'
import { REDUCTIONS, reductionScale } from '../ops/losses.ts'
import { streamKey } from '../random.ts'
import {
  hasAccuracy,
  headsOf,
  isDecided,
  lossOf,
  outputsOf,
  reductionOf,
  type Head,
  type NetworkSpec,
} from '../spec.ts'
import type { CarriedOptimizer } from './carried-optimizer.ts'
import type { Monitoring } from './monitor.ts'
import { currentRate, examine, weightsOf, type Findings, type HaltedRun } from './autopsy.ts'
import { divergenceOf, EPOCHS_OF_EXPLOSION, EXPLODING, isExploding } from './divergence.ts'
import type { FitSettings } from './options.ts'
import type { EpochRecord, History, OutputScores, Progress, StopReason } from './run.ts'
import { Rollback } from './recovery.ts'
import { rateTable, type RateTable } from './schedules.ts'

/** Everything that a fit works on. */
export interface FitJob {
  readonly spec: NetworkSpec
  readonly backend: Backend
  readonly settings: FitSettings
  /** [rows · inputs], on shared memory. */
  readonly x: FloatArray
  /** [rows · outputs] numbers, or [rows] class indices; on shared memory. */
  readonly y: FloatArray | Uint32Array
  /** Row numbers, on shared memory. */
  readonly trainRows: Uint32Array
  readonly validationRows: Uint32Array
  /** [rows], on shared memory; undefined where every row counts once. */
  readonly weights?: FloatArray
  /** The region of parameters and state to start from. */
  readonly parameters: FloatArray
  /** Undefined where the optimizer begins anew and leaves nothing. */
  readonly carried?: CarriedOptimizer
}

/** A fit that is linked: starts it, and gives its history in the end. */
export type PreparedFit = (
  report: (epochs: readonly EpochRecord[]) => void,
  onProgress: (progress: Progress) => void,
) => Promise<History>

/** Epochs of one native call: bounds the memory of the reports. */
const EPOCHS_PER_RUN = 4096
/** Doubles between two metrics of a report: each stands in its own cache line. */
export const METRIC_STRIDE = 8

/**
 * Checks a job against its network's layers and links its program; throws synchronously where that fails.
 *
 * @returns the run, to be started at once; `keep` receives the weights to keep, whatever the end
 */
export function prepareBatchFit(
  job: FitJob,
  keep: (parameters: FloatArray) => void,
  monitoring?: Monitoring,
): PreparedFit {
  const { spec, settings, trainRows, validationRows } = job
  checkBatches(spec, trainRows.length, settings.batchSize)
  const isWatched = settings.earlyStopping !== undefined
  const rowsPerEpoch = rowsOfEpoch(settings, trainRows.length)
  const watchedRows = validationRows.length > 0 ? validationRows.length : rowsPerEpoch
  const { batchSize, accumulate } = batchesOf(settings, trainRows.length)
  const rates = ratesOf(settings, Math.ceil(rowsPerEpoch / batchSize))
  const minDeltaScale = 1 / loweredScale(spec, watchedRows)
  const program = programOf(spec, {
    batchSize,
    accumulate,
    rates: rates && { count: rates.rates.length, stride: rates.stride },
    plateau: plateauOf(settings, minDeltaScale),
    totalRows: job.x.length / spec.inputs,
    trainRows: trainRows.length,
    validationRows: validationRows.length,
    rowsPerEpoch,
    optimizer: settings.optimizer,
    areTargetsLabels: job.y instanceof Uint32Array,
    isWeighted: job.weights !== undefined,
    isMonitored: monitoring !== undefined,
    ...watchOf(spec, settings, minDeltaScale),
  })
  checkMemory('fit', { 'weights and training': program.arenaBytes })
  const executable = job.backend.link(program, dataOf(job, program), { threads: settings.threads })
  initializeArena(program, executable, job)
  job.carried?.resume(program, executable, settings.optimizer)
  if (rates !== undefined) executable.write(slotNamed(program, 'rates'), rates.rates)
  return (report, onProgress) => {
    const stop = watchForStop(settings, executable)
    return runEpochs(job, { program, executable, monitoring, rates }, stop, report, onProgress)
      .finally(() => {
        stop.dispose()
      })
      .then(
        (end) => {
          job.carried?.take(program, executable, settings.optimizer)
          keep(isWatched ? bestWeights(program, executable, job) : end.weights)
          return end.history
        },
        (error: unknown) => {
          keep(lastGoodWeights(program, executable, job))
          throw error
        },
      )
  }
}

// The program of each network's last fit: for small data, compiling takes longer than training.
const lastPrograms = new WeakMap<NetworkSpec, { plan: string; program: Program }>()

function programOf(spec: NetworkSpec, plan: TrainingPlan): Program {
  const key = JSON.stringify(plan)
  const last = lastPrograms.get(spec)
  if (last?.plan === key) return last.program
  const program = compileTraining(spec, plan)
  lastPrograms.set(spec, { plan: key, program })
  return program
}

/** The data buffers of a program, in its order. */
export function dataOf(
  { x, y, trainRows, validationRows, weights }: FitJob,
  { buffers }: Program,
): (FloatArray | Uint32Array)[] {
  const data: Record<string, FloatArray | Uint32Array> = {
    x,
    y,
    trainRows,
    validationRows,
    ...(weights === undefined ? {} : { weights }),
  }
  return buffers.map((name) => data[name])
}

/**
 * What a program needs to know of early stopping: the core knows no infinite patience, 0 never ends.
 *
 * @throws SpecError if wrong rows are to be counted where none is right or wrong
 */
export function watchOf(
  spec: NetworkSpec,
  { earlyStopping }: FitSettings,
  minDeltaScale: number,
): Pick<TrainingPlan, 'patience' | 'minDelta' | 'isErrorWatched'> {
  if (earlyStopping === undefined) return {}
  const { patience, minDelta, watch } = earlyStopping
  if (watch === 'error' && !hasAccuracy(spec)) {
    throw new SpecError({
      code: 'HADAMARD_NOT_POSSIBLE',
      where: 'fit: earlyStopping.watch',
      expected: "'loss', or a network whose rows are right or wrong",
      received: "'error'",
    })
  }
  return {
    patience: patience === Infinity ? 0 : patience,
    minDelta: minDelta * minDeltaScale,
    isErrorWatched: watch === 'error',
  }
}

/** The rows that an epoch takes: all, or those of whole batches. */
export function rowsOfEpoch(settings: FitSettings, rows: number): number {
  const { batchSize } = batchesOf(settings, rows)
  return settings.dropLast ? Math.floor(rows / batchSize) * batchSize : rows
}

/** Batches are never larger than the training rows, nor are those that are accumulated for one update. */
export function batchesOf(settings: FitSettings, rows: number): { batchSize: number; accumulate: number } {
  const batchSize = Math.min(settings.batchSize, rows)
  return { batchSize, accumulate: Math.min(settings.accumulate, Math.ceil(rows / batchSize)) }
}

/** The table of learning rates; a rate that stays, or is lowered by the core itself, needs none. */
export function ratesOf(
  { schedule, optimizer, epochs }: FitSettings,
  stepsPerEpoch: number,
): RateTable | undefined {
  const isFixed = schedule.name === 'plateau' || (schedule.name === 'constant' && schedule.warmup === 0)
  return isFixed ? undefined : rateTable(schedule, optimizer.learningRate, { epochs, stepsPerEpoch })
}

/** The settings of a schedule that lowers the rate on a plateau. */
export function plateauOf(
  { schedule, optimizer }: FitSettings,
  minDeltaScale: number,
): TrainingPlan['plateau'] {
  if (schedule.name !== 'plateau') return undefined
  const { factor, patience, minDelta, final } = schedule.settings
  const minimum = final * optimizer.learningRate
  return { factor, patience, minDelta: minDelta * minDeltaScale, minimum }
}

/**
 * Refuses training where every batch has one row only, if a layer takes statistics over the rows of a batch.
 *
 * @throws DataError if there is one row only, SpecError if the batches are of one row
 */
export function checkBatches({ layers }: NetworkSpec, rows: number, batchSize = rows): void {
  const layer = layers.find((candidate) => layerTypeOf(candidate).needsBatches === true)
  if (layer === undefined || Math.min(rows, batchSize) > 1) return
  const complaint = {
    code: 'HADAMARD_BATCH_OF_ONE' as const,
    expected: `at least 2 rows ${rows > 1 ? 'per batch' : 'to train on'}, for the batch statistics of ${layer.name}`,
    received: '1',
    cure: 'layerNorm() in its place looks at each row alone',
  }
  if (rows > 1) throw new SpecError({ where: 'fit: batchSize', ...complaint })
  throw new DataError({ where: 'x', ...complaint })
}

/** The slots of an optimizer's state that do not start at 0. */
export function initialOptimizerState(
  { name, settings }: OptimizerSpec,
  program: Program,
): { name: string; values: FloatArray }[] {
  const states = Object.entries(optimizerInfo(name).initialState?.(settings) ?? {})
  return [
    { name: 'adam.powers', values: Float64Array.of(1, 1) },
    ...states.map(([state, value]) => {
      const slot = `optimizer.${state}`
      return { name: slot, values: floatArray(program.dtype, slotNamed(program, slot).length).fill(value) }
    }),
  ]
}

/** Writes what a training program starts from: parameters and state, optimizer state, counters and keys. */
export function initializeArena(
  program: Program,
  executable: Executable,
  {
    spec,
    settings,
    parameters,
  }: { spec: NetworkSpec; settings: Pick<FitSettings, 'optimizer'>; parameters: FloatArray },
): void {
  const write = (name: string, values: FloatArray | Uint32Array): void => {
    if (program.slots.has(name)) executable.write(slotNamed(program, name), values)
  }
  write('parameters', parameters)
  write('best', parameters)
  write('learningRate', Float64Array.of(settings.optimizer.learningRate))
  for (const { name, values } of initialOptimizerState(settings.optimizer, program)) {
    write(name, values)
  }
  write('best.state', Float64Array.of(Infinity, 0, 0, 0))
  write('plateau.state', Float64Array.of(Infinity, 0, 0))
  write('shuffle.key', streamKey(spec.seed, 'shuffle'))
  for (const { name } of spec.layers) write(`${name}.key`, streamKey(spec.seed, name))
}

/** What has ended a run from outside. */
export interface StopWatch {
  readonly reason: () => 'aborted' | 'maxTime' | undefined
  readonly dispose: () => void
}

/** Cancels the executable on the signal or when time is up. */
export function watchForStop({ signal, maxTimeMs }: FitSettings, executable: Executable): StopWatch {
  let reason: 'aborted' | 'maxTime' | undefined
  const stop = (why: 'aborted' | 'maxTime') => () => {
    reason ??= why
    executable.cancel()
  }
  const onAbort = stop('aborted')
  signal?.addEventListener('abort', onAbort, { once: true })
  const timer = maxTimeMs === undefined ? undefined : setTimeout(stop('maxTime'), maxTimeMs)
  if (signal?.aborted === true) reason = 'aborted'
  return {
    reason: () => reason,
    dispose: () => {
      signal?.removeEventListener('abort', onAbort)
      clearTimeout(timer)
    },
  }
}

interface End {
  readonly history: History
  readonly weights: FloatArray
}

interface LinkedFit {
  readonly program: Program
  readonly executable: Executable
  readonly monitoring?: Monitoring
  readonly rates?: RateTable
}

async function runEpochs(
  job: FitJob,
  { program, executable, monitoring, rates }: LinkedFit,
  stop: StopWatch,
  report: (epochs: readonly EpochRecord[]) => void,
  onProgress: (progress: Progress) => void,
): Promise<End> {
  const { epochs, earlyStopping } = job.settings
  const { offset, length } = slotNamed(program, 'metrics')
  const started = performance.now()
  const records: EpochRecord[] = []
  let steps = 0
  let threads = 1
  let stopped: StopReason = 'epochs'
  // Epochs before the last roll-back.
  let forgotten = 0
  const readWeights = (slot: string): FloatArray => {
    const length = Math.min(slotNamed(program, slot).length, job.parameters.length)
    return executable.read(slotNamed(program, slot), floatArray(job.spec.dtype, length))
  }
  const rollback = new Rollback(program, executable, job.settings, job.parameters, rates?.rates)
  const halted = { ...job, program, executable, regionLength: job.parameters.length }
  const diverged = (findings: Findings): void => {
    const point = {
      ...findings,
      epoch: records.length + (findings.what === EXPLODING ? 0 : 1),
      step: steps + (findings.isUpdate ? 0 : 1),
    }
    if (rollback.tryAgain(point)) return
    throw divergenceOf(job, point)
  }
  if (stop.reason() === undefined) await monitoring?.observe(0, job.parameters)
  while (records.length < epochs) {
    if (stop.reason() !== undefined) {
      stopped = stop.reason() ?? 'aborted'
      break
    }
    const before = { epochs: records.length, steps }
    const takeReports = (): void => {
      const values = executable.history(records.length - before.epochs)
      const fresh = readReports(job.spec, rowsOf(job), values, records.length)
      records.push(...fresh)
      if (fresh.length > 0) report(fresh)
    }
    const isRecovering = job.settings.recover !== undefined
    // Turns that double: an explosion is seen at their ends, which are the same on every machine.
    const turn = isRecovering ? 1 : Math.min(EPOCHS_PER_RUN, Math.max(4, records.length))
    const untilLook =
      monitoring === undefined ? Infinity : monitoring.every - (records.length % monitoring.every)
    const atOnce = Math.min(turn, epochs - records.length, untilLook)
    const outcome = await executable.run('epoch', atOnce, {
      report: { offset, count: length },
      onProgress: (progress) => {
        takeReports()
        onProgress({ epochs: before.epochs + progress.runs, steps: before.steps + progress.steps })
      },
      // One such run blocks nobody; one after another they would.
      mayBlock: atOnce === epochs,
    })
    takeReports()
    steps += outcome.steps
    threads = outcome.threads
    if (outcome.status !== 0 && outcome.status !== EARLY_STOP) {
      diverged(examine(halted, { ...outcome, rowsOf: (step) => rowsOfStep(job, halted, step) }))
      forgotten = records.length
      continue
    }
    const losses = recentLosses(job.spec, records, forgotten)
    if (isRecovering) rollback.observe(losses.at(-1) ?? Infinity)
    if (isExploding(losses)) {
      diverged(explosion(halted))
      forgotten = records.length
      continue
    }
    const isEnd = outcome.status === EARLY_STOP || records.length === epochs
    if (monitoring !== undefined && !outcome.wasCancelled && (isEnd || atOnce === untilLook)) {
      await monitoring.observe(records.length, readWeights('parameters'), readWeights('previous'))
    }
    if (outcome.status === EARLY_STOP) {
      stopped = 'earlyStopping'
      break
    }
  }
  onProgress({ epochs: records.length, steps })
  const state = earlyStopping && executable.read(slotNamed(program, 'best.state'), new Float64Array(4))
  const history: History = {
    epochs: records,
    stopped,
    ...(state === undefined ? {} : { bestEpoch: state[1] }),
    steps,
    ...(rollback.recoveries.length === 0 ? {} : { recoveries: rollback.recoveries }),
    ...(monitoring === undefined ? {} : { monitor: await monitoring.finish() }),
    durationMs: performance.now() - started,
    threads,
  }
  return { history, weights: readWeights('parameters') }
}

/** To be lowered: the first that counts, and the last ones, by which an explosion is told. */
export function recentLosses(
  spec: NetworkSpec,
  records: readonly EpochRecord[],
  forgotten: number,
): number[] {
  const last = records.slice(Math.max(forgotten + 1, records.length - EPOCHS_OF_EXPLOSION - 1))
  return [...records.slice(forgotten, forgotten + 1), ...last].map(({ loss }) => objectiveSign(spec) * loss)
}

/** What an explosion of the loss tells: it is seen between epochs, with weights that are finite. */
export function explosion(run: HaltedRun): Findings {
  return { what: EXPLODING, isUpdate: true, learningRate: currentRate(run), parameters: weightsOf(run) }
}

// The rows of the batch of a step, counted from the beginning of a run, which begins with an epoch.
function rowsOfStep(
  { settings, trainRows }: FitJob,
  { program, executable }: Pick<LinkedFit, 'program' | 'executable'>,
  stepsOfRun: number,
): number[] {
  const { batchSize, accumulate } = batchesOf(settings, trainRows.length)
  const rows = batchSize * accumulate
  const first = (stepsOfRun % Math.ceil(rowsOfEpoch(settings, trainRows.length) / rows)) * rows
  const order = executable.read(slotNamed(program, 'order'), new Uint32Array(trainRows.length))
  return Array.from(order.subarray(first, first + rows))
}

/** How many rows a fit trains on and watches. */
export interface RowCounts {
  readonly train: number
  readonly validation: number
}

function rowsOf({ settings, trainRows, validationRows }: FitJob): RowCounts {
  return { train: rowsOfEpoch(settings, trainRows.length), validation: validationRows.length }
}

/** What a program reports of epochs, as records numbered from `done` + 1. */
export function readReports(
  spec: NetworkSpec,
  { train, validation }: RowCounts,
  values: Float64Array,
  done: number,
): EpochRecord[] {
  const names = trainingMetrics(spec)
  const stride = METRIC_STRIDE * names.length
  const hasClasses = hasAccuracy(spec)
  return Array.from({ length: values.length / stride }, (_, i) => {
    const metric = (name: string): number => values[i * stride + names.indexOf(name) * METRIC_STRIDE]
    const record: EpochRecord = {
      epoch: done + i + 1,
      loss: metric('loss') * lossScale(spec, train),
      learningRate: metric('learningRate'),
      ...outputScores(spec, train, (name) => metric(name)),
    }
    if (validation > 0) {
      record.validation = {
        loss: metric('validation.loss') * lossScale(spec, validation),
        ...(hasClasses ? { accuracy: metric('validation.correct') / validation } : {}),
        ...outputScores(spec, validation, (name) => metric(`validation.${name}`), true),
      }
    }
    return record
  })
}

/**
 * Losses, and accuracies where they are counted, of each of several outputs, from the sums of a program.
 *
 * @param sumOf gives `loss of NAME` and `correct of NAME`
 */
export function outputScores(
  spec: NetworkSpec,
  rows: number,
  sumOf: (name: string) => number,
  areCounted = false,
): { outputs?: Record<string, OutputScores> } {
  if (spec.outputs === undefined) return {}
  const scores = headsOf(spec).map((head): [string, OutputScores] => {
    const loss = sumOf(`loss of ${head.layer}`) * headScale(head, rows)
    if (!areCounted || !isDecided(head)) return [head.layer, { loss }]
    return [head.layer, { loss, accuracy: sumOf(`correct of ${head.layer}`) / rows }]
  })
  return { outputs: Object.fromEntries(scores) }
}

function headScale({ loss, columns }: Head, rows: number): number {
  return reductionScale(REDUCTIONS.indexOf(loss.reduction), rows, columns)
}

/** 1, or −1 where the loss is an objective to be raised: programs lower its negative. */
export function objectiveSign(spec: NetworkSpec): 1 | -1 {
  return lossOf(spec).isMaximised === true ? -1 : 1
}

/** The factor from a program's sum of losses over rows to what is lowered. */
export function loweredScale(spec: NetworkSpec, rows: number): number {
  return reductionScale(REDUCTIONS.indexOf(reductionOf(spec)), rows, outputsOf(spec))
}

/** The factor from that sum to the loss that is reported. */
export function lossScale(spec: NetworkSpec, rows: number): number {
  return objectiveSign(spec) * loweredScale(spec, rows)
}

/** The weights that the run has kept as the best. */
export function bestWeights(
  program: Program,
  executable: Executable,
  { parameters }: Pick<FitJob, 'parameters'>,
): FloatArray {
  return executable.read(slotNamed(program, 'best'), parameters.slice())
}

/** The weights of the last complete step, or where those are not finite the last ones kept. */
export function lastGoodWeights(
  program: Program,
  executable: Executable,
  job: Pick<FitJob, 'parameters' | 'settings'>,
): FloatArray {
  if (job.settings.earlyStopping !== undefined) return bestWeights(program, executable, job)
  const current = executable.read(slotNamed(program, 'parameters'), job.parameters.slice())
  return current.every((weight) => Number.isFinite(weight)) ? current : bestWeights(program, executable, job)
}
