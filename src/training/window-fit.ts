/**
 * A fit over more rows than lie in memory: windows of rows follow one another on one program, whose weights, optimizer state
 * and counters go on. The next window is filled while the present one is trained on. Where rows come from, others know.
 */

import type { Backend, Executable, RunOutcome } from '../backends/backend.ts'
import { compileWindows } from '../compiler/training.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { SpecError } from '../errors.ts'
import { floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { EARLY_STOP } from '../ops/control.ts'
import { outputsOf, type NetworkSpec } from '../spec.ts'
import { allocate, allocateIndices } from './arrays.ts'
import { divergenceOf, whatDiverged } from './divergence.ts'
import {
  batchesOf,
  bestWeights,
  checkBatches,
  initializeArena,
  lastGoodWeights,
  loweredScale,
  plateauOf,
  ratesOf,
  readReports,
  rowsOfEpoch,
  watchForStop,
  watchOf,
  type PreparedFit,
  type RowCounts,
  type StopWatch,
} from './fit.ts'
import type { FitSettings } from './options.ts'
import type { EpochRecord, History, Progress, StopReason } from './run.ts'

/** Memory on shared buffers that a window's rows go to. */
export interface WindowMemory {
  /** [rows · inputs]. */
  x: FloatArray
  /** [rows · outputs] numbers, or [rows] class indices. */
  y: FloatArray | Uint32Array
  /** [rows]; undefined where every row counts once. */
  weights?: FloatArray
}

/** Rows of an epoch in its order: blocks of training rows at random, validation rows as they lie. */
export interface WindowSource {
  readonly rows: RowCounts
  readonly areTargetsLabels: boolean
  readonly isWeighted: boolean
  /** Fills `into` with the epoch's rows from `first` on, as many as it has room for. Epochs count from 0. */
  load(part: 'train' | 'validation', epoch: number, first: number, into: WindowMemory): Promise<void>
}

/** What a fit by windows works on. */
export interface WindowJob {
  readonly spec: NetworkSpec
  readonly backend: Backend
  readonly settings: FitSettings
  readonly source: WindowSource
  /** Rows that are mixed with one another. */
  readonly windowRows: number
  /** The region of parameters and state to start from. */
  readonly parameters: FloatArray
}

/** A window of an epoch. */
interface Window {
  readonly part: 'train' | 'validation'
  readonly first: number
  readonly rows: number
}

/**
 * Rows of the windows that are trained on: whole steps, at most as many as there are rows.
 *
 * @param wanted rows that are to be mixed with one another; one step has them at least
 */
export function rowsPerWindow(
  settings: FitSettings,
  { train, validation }: RowCounts,
  wanted: number,
): number {
  const { batchSize, accumulate } = batchesOf(settings, train)
  const step = batchSize * accumulate
  const whole = Math.max(1, Math.floor(wanted / step)) * step
  return Math.min(whole, Math.max(train, validation))
}

/**
 * Links a fit by windows; throws synchronously where that fails.
 *
 * @returns the run, to be started at once; `keep` receives the weights to keep, whatever the end
 */
export function prepareWindowFit(job: WindowJob, keep: (parameters: FloatArray) => void): PreparedFit {
  const { spec, settings, source } = job
  checkBatches(spec, source.rows.train, settings.batchSize)
  if (settings.recover !== undefined) {
    throw new SpecError({ where: 'fit: recover', expected: 'arrays to fit on', received: 'a dataset' })
  }
  const windowRows = rowsPerWindow(settings, source.rows, job.windowRows)
  const counts = countsOf(job)
  const windows = [
    ...windowsOf('train', counts.train, windowRows),
    ...windowsOf('validation', source.rows.validation, windowRows),
  ]
  const program = programOf(job, windows, windowRows)
  const feed = new WindowFeed(job, windows, windowRows)
  const executable = job.backend.link(
    program,
    program.buffers.map((name) => feed.buffer(name)),
    { threads: settings.threads },
  )
  initializeArena(program, executable, job)
  const rates = ratesOf(settings, stepsOf(settings, counts.train))
  if (rates !== undefined) executable.write(slotNamed(program, 'rates'), rates.rates)
  const isWatched = settings.earlyStopping !== undefined
  return async (report, onProgress) => {
    const stop = watchForStop(settings, executable)
    try {
      const fit = new WindowFit(job, { program, executable }, feed, stop)
      const history = await fit.run(report, onProgress)
      keep(isWatched ? bestWeights(program, executable, job) : fit.weights())
      return history
    } catch (error) {
      keep(lastGoodWeights(program, executable, job))
      throw error
    } finally {
      stop.dispose()
      await feed.close()
    }
  }
}

// The rows of an epoch; without its last batch it has fewer than there are.
function countsOf({ settings, source: { rows } }: WindowJob): RowCounts {
  return { ...rows, train: rowsOfEpoch(settings, rows.train) }
}

function stepsOf(settings: FitSettings, rows: number): number {
  return Math.ceil(rows / batchesOf(settings, rows).batchSize)
}

function windowsOf(part: Window['part'], total: number, windowRows: number): Window[] {
  return Array.from({ length: Math.ceil(total / windowRows) }, (_, i) => {
    const first = i * windowRows
    return { part, first, rows: Math.min(windowRows, total - first) }
  })
}

function programOf(job: WindowJob, windows: readonly Window[], windowRows: number): Program {
  const { spec, settings, source } = job
  const { train, validation } = countsOf(job)
  const rates = ratesOf(settings, stepsOf(settings, train))
  const minDeltaScale = 1 / loweredScale(spec, validation > 0 ? validation : train)
  const sizesOf = (part: Window['part']): number[] => [
    ...new Set(windows.filter((window) => window.part === part).map(({ rows }) => rows)),
  ]
  return compileWindows(spec, {
    ...batchesOf(settings, source.rows.train),
    windowRows,
    trainSizes: sizesOf('train'),
    validationSizes: sizesOf('validation'),
    rates: rates && { count: rates.rates.length, stride: rates.stride },
    plateau: plateauOf(settings, minDeltaScale),
    optimizer: settings.optimizer,
    areTargetsLabels: source.areTargetsLabels,
    isWeighted: source.isWeighted,
    ...watchOf(spec, settings, minDeltaScale),
  })
}

/** Two windows of memory: one to train on, the other to be filled meanwhile. */
class WindowFeed {
  private readonly memory: WindowMemory
  private readonly places: Uint32Array
  private next = 0
  private loading: Promise<void> | undefined

  constructor(
    private readonly job: WindowJob,
    private readonly windows: readonly Window[],
    private readonly windowRows: number,
  ) {
    const { spec, source } = job
    const rows = 2 * windowRows
    this.memory = {
      x: allocate(spec.dtype, rows * spec.inputs, true),
      y: source.areTargetsLabels ? allocateIndices(rows) : allocate(spec.dtype, rows * outputsOf(spec), true),
      ...(source.isWeighted ? { weights: allocate(spec.dtype, rows, true) } : {}),
    }
    this.places = allocateIndices(windowRows)
  }

  buffer(name: string): FloatArray | Uint32Array {
    const { x, y, weights } = this.memory
    const buffer = { x, y, weights, trainRows: this.places }[name]
    if (buffer === undefined) throw new Error(`a program of windows has no buffer ${name}`)
    return buffer
  }

  /** The next window, to be run at once; the one before it must have been run. */
  async take(): Promise<Window> {
    this.loading ??= this.load()
    await this.loading
    const window = this.window()
    const first = (this.next % 2) * this.windowRows
    for (let i = 0; i < window.rows; i++) this.places[i] = first + i
    this.next++
    if (this.next < this.windows.length * this.job.settings.epochs) {
      this.loading = this.load()
      // Whoever takes the window is told.
      this.loading.catch(() => undefined)
    }
    return window
  }

  /** Waits until no memory is written to any more. */
  async close(): Promise<void> {
    await this.loading?.catch(() => undefined)
  }

  private window(): Window {
    return this.windows[this.next % this.windows.length]
  }

  private load(): Promise<void> {
    const { job, memory, windowRows } = this
    const { part, first, rows } = this.window()
    const from = (this.next % 2) * windowRows
    const halfOf = <T extends FloatArray | Uint32Array>(array: T): T => {
      const width = array.length / (2 * windowRows)
      return array.subarray(from * width, (from + rows) * width) as T
    }
    const epoch = Math.floor(this.next / this.windows.length)
    return job.source.load(part, epoch, first, {
      x: halfOf(memory.x),
      y: halfOf(memory.y),
      ...(memory.weights === undefined ? {} : { weights: halfOf(memory.weights) }),
    })
  }
}

class WindowFit {
  private readonly records: EpochRecord[] = []
  private steps = 0
  private threads = 1

  constructor(
    private readonly job: WindowJob,
    private readonly linked: { program: Program; executable: Executable },
    private readonly feed: WindowFeed,
    private readonly stop: StopWatch,
  ) {}

  async run(
    report: (epochs: readonly EpochRecord[]) => void,
    onProgress: (progress: Progress) => void,
  ): Promise<History> {
    const { settings } = this.job
    const started = performance.now()
    let stopped: StopReason = 'epochs'
    while (this.records.length < settings.epochs) {
      const ended = await this.epoch(report, onProgress)
      if (ended === undefined) continue
      stopped = ended
      break
    }
    onProgress({ epochs: this.records.length, steps: this.steps })
    const { program, executable } = this.linked
    const state =
      settings.earlyStopping && executable.read(slotNamed(program, 'best.state'), new Float64Array(4))
    return {
      epochs: this.records,
      stopped,
      ...(state === undefined ? {} : { bestEpoch: state[1] }),
      steps: this.steps,
      durationMs: performance.now() - started,
      threads: this.threads,
    }
  }

  /** Parameters and state as they are now. */
  weights(): FloatArray {
    const { program, executable } = this.linked
    const { spec, parameters } = this.job
    return executable.read(slotNamed(program, 'parameters'), floatArray(spec.dtype, parameters.length))
  }

  // Why the run ends with this epoch; undefined where it goes on.
  private async epoch(
    report: (epochs: readonly EpochRecord[]) => void,
    onProgress: (progress: Progress) => void,
  ): Promise<StopReason | undefined> {
    const { spec } = this.job
    const counts = countsOf(this.job)
    const { program, executable } = this.linked
    const { offset, length } = slotNamed(program, 'metrics')
    if (this.stop.reason() !== undefined) return this.stop.reason()
    await this.runEntry('begin')
    for (let done = 0; done < counts.train + counts.validation;) {
      const { part, rows } = await this.feed.take()
      if (this.stop.reason() !== undefined) return this.stop.reason()
      const outcome = await this.runEntry(`${part === 'train' ? 'train' : 'watch'} ${rows}`, (steps) => {
        if (part === 'train') onProgress({ epochs: this.records.length, steps: this.steps + steps })
      })
      done += rows
      if (part === 'train') {
        this.steps += outcome.steps
        this.threads = outcome.threads
      }
      if (outcome.wasCancelled) return this.stop.reason() ?? 'aborted'
    }
    const { status } = await this.runEntry('end', () => undefined, { offset, count: length })
    const fresh = readReports(spec, counts, executable.history(0), this.records.length)
    this.records.push(...fresh)
    report(fresh)
    onProgress({ epochs: this.records.length, steps: this.steps })
    return status === EARLY_STOP ? 'earlyStopping' : undefined
  }

  private async runEntry(
    entry: string,
    onSteps: (steps: number) => void = () => undefined,
    report = { offset: 0, count: 0 },
  ): Promise<RunOutcome> {
    const { job, linked } = this
    const outcome = await linked.executable.run(entry, 1, {
      report,
      onProgress: ({ steps }) => onSteps(steps),
    })
    const { status, steps } = outcome
    if (status === 0 || status === EARLY_STOP) return outcome
    const what = whatDiverged(job.spec, linked, status)
    throw divergenceOf(job, { epoch: this.records.length + 1, step: this.steps + steps + 1, what })
  }
}
