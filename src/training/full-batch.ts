/** One fit by an optimizer that takes all rows at once: the objective runs on a backend, the decisions are taken here. */

import type { Executable } from '../backends/backend.ts'
import { compileObjective, trainingMetrics } from '../compiler/training.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { SpecError, type DivergenceError } from '../errors.ts'
import { floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { parameterPlaces } from '../parameters.ts'
import { layerTypeOf } from '../layers/index.ts'
import { hasAccuracy, parametersOf, type NetworkSpec } from '../spec.ts'
import {
  dataOf,
  initializeArena,
  lossScale,
  loweredScale,
  METRIC_STRIDE,
  objectiveSign,
  watchForStop,
  type FitJob,
  type PreparedFit,
} from './fit.ts'
import { failureOf } from './autopsy.ts'
import { divergenceOf } from './divergence.ts'
import { minimize, type Evaluation } from './lbfgs.ts'
import type { Monitoring } from './monitor.ts'
import type { ReplayFailure } from './replay.ts'
import type { EpochRecord, History, StopReason } from './run.ts'

/**
 * Links the objective of a job for L-BFGS; throws synchronously where that fails. An epoch is one iteration.
 *
 * @returns the run, to be started at once; `keep` receives the weights to keep, whatever the end
 * @throws SpecError if the objective is drawn anew at each evaluation, as with dropout
 */
export function prepareFullBatchFit(
  job: FitJob,
  keep: (parameters: FitJob['parameters']) => void,
  monitoring?: Monitoring,
): PreparedFit {
  checkDeterministic(job.spec)
  const { x, y, trainRows, validationRows, spec, settings } = job
  const program = compileObjective(spec, {
    totalRows: x.length / spec.inputs,
    trainRows: trainRows.length,
    validationRows: validationRows.length,
    areTargetsLabels: y instanceof Uint32Array,
    isWeighted: job.weights !== undefined,
  })
  const executable = job.backend.link(program, dataOf(job, program), { threads: settings.threads })
  initializeArena(program, executable, job)
  return async (report, onProgress) => {
    const stop = watchForStop(settings, executable)
    const objective = new Objective(job, program, executable)
    const fit = new FullBatchFit(job, objective, monitoring)
    try {
      const { memory, maxEvaluations, tolerance } = settings.optimizer.settings
      const iterates = minimize((point) => objective.evaluate(point), Float64Array.from(job.parameters), {
        memory,
        maxEvaluations,
        tolerance,
        precision: spec.dtype === 'float32' ? 2 ** -23 : 2 ** -52,
        round: spec.dtype === 'float32' ? Math.fround : (value) => value,
      })
      return await fit.run(iterates, stop.reason, (epochs, steps) => {
        report(epochs)
        onProgress({ epochs: fit.epochs, steps })
      })
    } finally {
      stop.dispose()
      keep(toRegion(job, fit.weights))
    }
  }
}

function toRegion({ spec, parameters }: FitJob, point: Float64Array): FloatArray {
  const region = floatArray(spec.dtype, parameters.length)
  region.set(point)
  return region
}

// A line search compares values at several points, so the function must not change between them.
function checkDeterministic({ layers }: NetworkSpec): void {
  const layer = layers.find((candidate) => {
    return candidate.type === 'dropout' || layerTypeOf(candidate).needsBatches === true
  })
  if (layer === undefined) return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: 'fit: optimizer lbfgs',
    expected: 'layers that compute the same at every evaluation, whatever else is in the batch',
    received: `${layer.type} (${layer.name})`,
    cure: "Leave it out (l2 regularises, layerNorm() normalises without batches), or use `optimizer: 'adam'`",
  })
}

/** Thrown through the minimiser where the run was cancelled. */
class Cancelled extends Error {}

/** The objective over all training rows as a function of the weights. */
class Objective {
  /** Whether any evaluation gave a finite value. */
  wasFinite = false
  threads = 1
  readonly #job: FitJob
  readonly #program: Program
  readonly #executable: Executable

  constructor(job: FitJob, program: Program, executable: Executable) {
    this.#job = job
    this.#program = program
    this.#executable = executable
  }

  async evaluate(point: Float64Array): Promise<Evaluation> {
    const { spec, trainRows, parameters } = this.#job
    this.#write(point)
    await this.#run('objective')
    const gradients = floatArray(spec.dtype, parameters.length)
    const value = this.#metric('loss') * loweredScale(spec, trainRows.length) + penaltyOf(spec, point)
    const gradient = Float64Array.from(
      this.#executable.read(slotNamed(this.#program, 'gradients'), gradients),
    )
    this.wasFinite ||= Number.isFinite(value)
    // Where weights overflow, the line search has to see a value that is too high, not NaN.
    return { value: Number.isFinite(value) ? value : Infinity, gradient }
  }

  async validate(point: Float64Array): Promise<EpochRecord['validation']> {
    const { spec, validationRows } = this.#job
    if (validationRows.length === 0) return undefined
    this.#write(point)
    await this.#run('validation')
    const loss = this.#metric('validation.loss') * lossScale(spec, validationRows.length)
    if (!hasAccuracy(spec)) return { loss }
    return { loss, accuracy: this.#metric('validation.correct') / validationRows.length }
  }

  /** The error where no weights that were tried have a finite loss: looks at the first ones. */
  divergence(): DivergenceError {
    const { settings, trainRows, parameters } = this.#job
    const run = {
      ...this.#job,
      program: this.#program,
      executable: this.#executable,
      regionLength: parameters.length,
    }
    const { batchSize } = settings
    let [rows, failure]: [number[], ReplayFailure | undefined] = [[], undefined]
    for (let first = 0; first < trainRows.length && failure === undefined; first += batchSize) {
      rows = Array.from(trainRows.subarray(first, first + batchSize))
      failure = failureOf(run, rows, parameters)
    }
    const { learningRate } = settings.optimizer
    return divergenceOf(this.#job, {
      epoch: 1,
      step: 1,
      what: 'loss',
      rows,
      failure,
      learningRate,
      parameters,
    })
  }

  #write(point: Float64Array): void {
    this.#executable.write(slotNamed(this.#program, 'parameters'), toRegion(this.#job, point))
  }

  async #run(entry: string): Promise<void> {
    const { offset, length } = slotNamed(this.#program, 'metrics')
    const outcome = await this.#executable.run(entry, 1, {
      report: { offset, count: length },
      onProgress: () => undefined,
    })
    this.threads = Math.max(this.threads, outcome.threads)
    if (outcome.wasCancelled) throw new Cancelled()
  }

  #metric(name: string): number {
    return this.#executable.history(0)[trainingMetrics(this.#job.spec).indexOf(name) * METRIC_STRIDE]
  }
}

// In double, from the weights themselves.
function penaltyOf(spec: NetworkSpec, point: Float64Array): number {
  const { l1, l2 } = spec
  const penalised = new Set(
    parametersOf(spec).flatMap(({ name, isPenalised }) => (isPenalised ? [name] : [])),
  )
  let penalty = 0
  for (const { name, start, length } of parameterPlaces(spec)) {
    if (!penalised.has(name)) continue
    for (const weight of point.subarray(start, start + length)) {
      penalty += (l2 / 2) * weight * weight + l1 * Math.abs(weight)
    }
  }
  return penalty
}

/** The epochs of a run: what is reported, when to stop, and which weights are kept. */
class FullBatchFit {
  /** The weights to keep: the last, or with early stopping the best. */
  weights: Float64Array
  epochs = 0
  readonly #job: FitJob
  readonly #objective: Objective
  readonly #monitoring: Monitoring | undefined
  #best = { loss: Infinity, epoch: 0 }

  constructor(job: FitJob, objective: Objective, monitoring: Monitoring | undefined) {
    this.#job = job
    this.#objective = objective
    this.#monitoring = monitoring
    this.weights = Float64Array.from(job.parameters)
  }

  async run(
    iterates: AsyncGenerator<Evaluation & { point: Float64Array; step: number }, void>,
    stopReason: () => StopReason | undefined,
    report: (epochs: readonly EpochRecord[], steps: number) => void,
  ): Promise<History> {
    const started = performance.now()
    const records: EpochRecord[] = []
    let stopped: StopReason | undefined = stopReason()
    let points = { previous: this.weights, point: this.weights }
    if (stopped === undefined) await this.#monitoring?.observe(0, this.#job.parameters)
    try {
      while (stopped === undefined) {
        const { value: iterate, done } = await iterates.next()
        if (done === true) {
          if (!this.#objective.wasFinite) throw this.#objective.divergence()
          stopped = 'tolerance'
          break
        }
        const sign = objectiveSign(this.#job.spec)
        const loss = sign * (iterate.value - penaltyOf(this.#job.spec, iterate.point))
        const validation = await this.#objective.validate(iterate.point)
        this.epochs++
        const record: EpochRecord = {
          epoch: this.epochs,
          loss,
          learningRate: iterate.step,
          ...(validation === undefined ? {} : { validation }),
        }
        records.push(record)
        report([record], this.epochs)
        stopped = this.#take(iterate.point, sign * (validation?.loss ?? loss)) ?? stopReason()
        points = { previous: points.point, point: iterate.point }
        await this.#observe(points, (epoch, every) => epoch % every === 0)
      }
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error
      stopped = stopReason() ?? 'aborted'
    }
    await this.#observe(points, (epoch) => epoch > 0)
    return {
      epochs: records,
      stopped: stopped ?? 'epochs',
      ...(this.#job.settings.earlyStopping === undefined ? {} : { bestEpoch: this.#best.epoch }),
      ...(this.#monitoring === undefined ? {} : { monitor: await this.#monitoring.finish() }),
      steps: this.epochs,
      durationMs: performance.now() - started,
      threads: this.#objective.threads,
    }
  }

  // Adds a record of this epoch where it is due and not there yet.
  async #observe(
    { previous, point }: { previous: Float64Array; point: Float64Array },
    isDue: (epoch: number, every: number) => boolean,
  ): Promise<void> {
    const monitoring = this.#monitoring
    if (monitoring === undefined || monitoring.lastEpoch === this.epochs) return
    if (!isDue(this.epochs, monitoring.every)) return
    await monitoring.observe(this.epochs, toRegion(this.#job, point), toRegion(this.#job, previous))
  }

  // Keeps the weights where they count, and says whether the run ends.
  #take(point: Float64Array, watched: number): StopReason | undefined {
    const { earlyStopping, epochs } = this.#job.settings
    const isBetter = watched < this.#best.loss - (earlyStopping?.minDelta ?? 0)
    if (isBetter) this.#best = { loss: watched, epoch: this.epochs }
    if (earlyStopping === undefined || isBetter) this.weights = point
    if (earlyStopping !== undefined && this.epochs - this.#best.epoch >= earlyStopping.patience) {
      return 'earlyStopping'
    }
    return this.epochs === epochs ? 'epochs' : undefined
  }
}
