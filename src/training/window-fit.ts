/**
 * A fit over more rows than lie in memory: windows of rows follow one another on one program, whose weights, optimizer state
 * and counters go on. The next window is filled while the present one is trained on. Where rows come from, others know.
 */

import type { Backend, Executable, RunOutcome } from '../backends/backend.ts'
import { compileWindows } from '../compiler/training.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { EARLY_STOP } from '../ops/control.ts'
import { outputsOf, type NetworkSpec } from '../spec.ts'
import { allocate, allocateIndices } from './arrays.ts'
import { examine, type Findings, type HaltedRun } from './autopsy.ts'
import { divergenceIn, divergenceOf, EXPLODING, isExploding, rowsNamed } from './divergence.ts'
import {
  batchesOf,
  bestWeights,
  checkBatches,
  explosion,
  initializeArena,
  lastGoodWeights,
  loweredScale,
  plateauOf,
  ratesOf,
  readReports,
  recentLosses,
  rowsOfEpoch,
  watchForStop,
  watchOf,
  type PreparedFit,
  type RowCounts,
  type StopWatch,
} from './fit.ts'
import type { FitSettings } from './options.ts'
import { Rollback } from './recovery.ts'
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
  /** The number among all rows of a part of the epoch's row at a position. */
  numberOf(part: 'train' | 'validation', epoch: number, position: number): number
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
  return Math.min(whole, train + validation)
}

/**
 * Links a fit by windows; throws synchronously where that fails.
 *
 * @returns the run, to be started at once; `keep` receives the weights to keep, whatever the end
 */
export function prepareWindowFit(job: WindowJob, keep: (parameters: FloatArray) => void): PreparedFit {
  const { spec, settings, source } = job
  checkBatches(spec, source.rows.train, settings.batchSize)
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
      const fit = new WindowFit(job, { program, executable, rates: rates?.rates }, feed, stop)
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

/** A window of an epoch, from 0, with its first place in memory. */
interface PlacedWindow extends Window {
  readonly epoch: number
  readonly place: number
}

/**
 * Memory in two halves, either as large as a window: while one is trained on, the other is filled. Behind short windows, as the
 * last of the training rows or those of validation, a half has room for the ones that follow: else nothing would be filled
 * while they are run, which takes next to no time.
 */
class WindowFeed {
  readonly memory: WindowMemory
  private readonly places: Uint32Array
  private next = 0
  /** In their order, the first being the one that was taken last. */
  private readonly filled: { readonly window: PlacedWindow; readonly loading: Promise<void> }[] = []

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
    this.filled.shift()
    this.fill()
    const { window, loading } = this.filled[0]
    await loading
    for (let i = 0; i < window.rows; i++) this.places[i] = window.place + i
    return window
  }

  /** The window that was taken last. */
  current(): PlacedWindow {
    return this.filled[0].window
  }

  /** Goes back to the beginning of an epoch that was not ended. */
  async restart(): Promise<void> {
    await this.close()
    this.next = this.current().epoch * this.windows.length
    this.filled.length = 0
  }

  /** Waits until no memory is written to any more. */
  async close(): Promise<void> {
    await Promise.allSettled(this.filled.map(({ loading }) => loading))
  }

  // Windows are read one behind the other, as far as there is room for them.
  private fill(): void {
    const { windows, filled } = this
    while (this.next < windows.length * this.job.settings.epochs) {
      const window = windows[this.next % windows.length]
      const place = this.placeFor(window.rows)
      if (place === undefined) return
      const placed = { ...window, epoch: Math.floor(this.next / windows.length), place }
      const before = filled.at(-1)?.loading
      const loading = before === undefined ? this.load(placed) : before.then(() => this.load(placed))
      // Whoever takes the window is told.
      loading.catch(() => undefined)
      filled.push({ window: placed, loading })
      this.next++
    }
  }

  // Behind the last window where it fits into the same half, else in the other one, as soon as that is free.
  private placeFor(rows: number): number | undefined {
    const { windowRows, filled } = this
    const last = filled.at(-1)?.window
    if (last === undefined) return 0
    const startOf = ({ place }: PlacedWindow): number => (place < windowRows ? 0 : windowRows)
    const end = last.place + last.rows
    if (end + rows <= startOf(last) + windowRows) return end
    const other = windowRows - startOf(last)
    return filled.some(({ window }) => startOf(window) === other) ? undefined : other
  }

  private load({ part, first, rows, epoch, place: from }: PlacedWindow): Promise<void> {
    const { job, memory, windowRows } = this
    const halfOf = <T extends FloatArray | Uint32Array>(array: T): T => {
      const width = array.length / (2 * windowRows)
      return array.subarray(from * width, (from + rows) * width) as T
    }
    return job.source.load(part, epoch, first, {
      x: halfOf(memory.x),
      y: halfOf(memory.y),
      ...(memory.weights === undefined ? {} : { weights: halfOf(memory.weights) }),
    })
  }
}

class WindowFit {
  private readonly records: EpochRecord[] = []
  private readonly rollback: Rollback
  private steps = 0
  private threads = 1
  /** Epochs before the last roll-back. */
  private forgotten = 0

  constructor(
    private readonly job: WindowJob,
    private readonly linked: { program: Program; executable: Executable; rates: FloatArray | undefined },
    private readonly feed: WindowFeed,
    private readonly stop: StopWatch,
  ) {
    const { program, executable, rates } = linked
    this.rollback = new Rollback(program, executable, job.settings, job.parameters, rates)
  }

  async run(
    report: (epochs: readonly EpochRecord[]) => void,
    onProgress: (progress: Progress) => void,
  ): Promise<History> {
    const { settings } = this.job
    const started = performance.now()
    let stopped: StopReason = 'epochs'
    while (this.records.length < settings.epochs) {
      const ended = await this.epoch(report, onProgress)
      if (typeof ended === 'object') await this.diverged(ended)
      else if (ended !== undefined) {
        stopped = ended
        break
      }
    }
    onProgress({ epochs: this.records.length, steps: this.steps })
    const { program, executable } = this.linked
    const { recoveries } = this.rollback
    const state =
      settings.earlyStopping && executable.read(slotNamed(program, 'best.state'), new Float64Array(4))
    return {
      epochs: this.records,
      stopped,
      ...(state === undefined ? {} : { bestEpoch: state[1] }),
      steps: this.steps,
      ...(recoveries.length === 0 ? {} : { recoveries }),
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

  // Why the run ends with this epoch, or what it diverged by; undefined where it goes on.
  private async epoch(
    report: (epochs: readonly EpochRecord[]) => void,
    onProgress: (progress: Progress) => void,
  ): Promise<StopReason | Findings | undefined> {
    const { spec, settings } = this.job
    const counts = countsOf(this.job)
    const { program, executable } = this.linked
    const { offset, length } = slotNamed(program, 'metrics')
    if (this.stop.reason() !== undefined) return this.stop.reason()
    await this.runEntry('begin')
    let ofWindow = 0
    for (let done = 0; done < counts.train + counts.validation;) {
      const { part, rows } = await this.feed.take()
      if (this.stop.reason() !== undefined) return this.stop.reason()
      const outcome = await this.runEntry(`${part === 'train' ? 'train' : 'watch'} ${rows}`, (steps) => {
        if (part === 'train') onProgress({ epochs: this.records.length, steps: this.steps + steps })
      })
      done += rows
      ofWindow = outcome.steps
      if (part === 'train') {
        this.steps += outcome.steps
        this.threads = outcome.threads
      }
      if (hasHalted(outcome)) return this.examined(outcome.status, ofWindow)
      if (outcome.wasCancelled) return this.stop.reason() ?? 'aborted'
    }
    const outcome = await this.runEntry('end', () => undefined, { offset, count: length })
    if (hasHalted(outcome)) return this.examined(outcome.status, ofWindow)
    const fresh = readReports(spec, counts, executable.history(0), this.records.length)
    this.records.push(...fresh)
    report(fresh)
    onProgress({ epochs: this.records.length, steps: this.steps })
    const losses = recentLosses(spec, this.records, this.forgotten)
    if (settings.recover !== undefined) this.rollback.observe(losses.at(-1) ?? Infinity)
    if (isExploding(losses)) return explosion(this.halted())
    return outcome.status === EARLY_STOP ? 'earlyStopping' : undefined
  }

  private runEntry(
    entry: string,
    onSteps: (steps: number) => void = () => undefined,
    report = { offset: 0, count: 0 },
  ): Promise<RunOutcome> {
    const onProgress = ({ steps }: { steps: number }): void => onSteps(steps)
    return this.linked.executable.run(entry, 1, { report, onProgress })
  }

  private halted(): HaltedRun {
    return { ...this.job, ...this.linked, ...this.feed.memory, regionLength: this.job.parameters.length }
  }

  // `steps`: whole ones of the present window, whose rows are in memory; those of earlier ones are not.
  private examined(status: number, steps: number): Findings {
    const { part, rows } = this.feed.current()
    const { program, executable } = this.linked
    const { batchSize, accumulate } = batchesOf(this.job.settings, this.job.source.rows.train)
    const perStep = batchSize * accumulate
    const rowsOf = (step: number): number[] => {
      if (part !== 'train' || step < 0) return []
      const order = executable.read(slotNamed(program, 'order'), new Uint32Array(rows))
      return Array.from(order.subarray(step * perStep, (step + 1) * perStep))
    }
    return examine(this.halted(), { status, steps, rowsOf })
  }

  // Goes back, or throws the error with the rows' numbers among all training rows.
  private async diverged(findings: Findings): Promise<void> {
    const isExplosion = findings.what === EXPLODING
    const point = {
      ...findings,
      epoch: this.records.length + (isExplosion ? 0 : 1),
      step: this.steps + (findings.isUpdate ? 0 : 1),
    }
    if (this.rollback.tryAgain(point)) {
      this.forgotten = this.records.length
      if (!isExplosion) await this.feed.restart()
      return
    }
    const { job, feed } = this
    const { part, first, rows, epoch, place } = feed.current()
    const trainRows = Uint32Array.from({ length: part === 'train' ? rows : 0 }, (_, i) => place + i)
    const error = divergenceOf({ ...job, ...feed.memory, trainRows }, point)
    if (error.autopsy === undefined) throw error
    const numbers = rowsNamed(error.autopsy).map((at) => {
      const row = job.source.numberOf('train', epoch, first + at - place)
      return [at, { row, values: {} }] as const
    })
    const unknown = (): undefined => undefined
    throw divergenceIn(error.autopsy, {
      rows: new Map(numbers),
      ...{ inputColumn: unknown, targetColumn: unknown, typical: unknown },
    })
  }
}

function hasHalted({ status }: RunOutcome): boolean {
  return status !== 0 && status !== EARLY_STOP
}
