/** Progress of a training on standard error: a bar on a terminal, a few plain lines elsewhere, nothing where not wanted. */

import { Presets, SingleBar } from 'cli-progress'
import type { ReadProgress } from '../data/read-progress.ts'
import { formatSeconds } from './screen.ts'
import type { TrainingPlan } from '../model/report.ts'
import type { EpochRecord, Progress } from '../training/run.ts'

/** What a training tells. */
export interface ProgressView {
  start(plan: TrainingPlan): void
  epoch(epoch: EpochRecord): void
  progress(progress: Progress): void
  /** Removes the bar and shows the cursor again. */
  stop(): void
}

/** Plain lines in a whole training. */
const SPARSE_LINES = 10

/** The view that suits standard error. */
export function progressView(isWanted: boolean): ProgressView {
  if (!isWanted) return { start: ignore, epoch: ignore, progress: ignore, stop: ignore }
  return process.stderr.isTTY ? barView() : lineView()
}

/** What the reading of long files tells. */
export interface ReadingView {
  show(progress: ReadProgress): void
  stop(): void
}

const readingMs = 200

/** A line on a terminal with bytes, rate and time to go; nothing elsewhere. */
export function readingView(isWanted: boolean): ReadingView {
  if (!isWanted || !process.stderr.isTTY) return { show: ignore, stop: ignore }
  let shownMs = 0
  return {
    show(progress) {
      const now = performance.now()
      if (now - shownMs < readingMs) return
      shownMs = now
      process.stderr.write(`\r\x1b[K${describeReading(progress)}`)
    },
    stop() {
      if (shownMs > 0) process.stderr.write('\r\x1b[K')
      shownMs = 0
    },
  }
}

/**
 * How far a reading is, in one line.
 *
 * @example
 * describeReading({ bytes: 5e8, totalBytes: 1e9, rows: 1e6, seconds: 1, bytesPerSecond: 5e8, remainingSeconds: 1 })
 * // 'Reading 500 of 1,000 MB, 500 MB/s, 1.0 s to go'
 */
export function describeReading({
  bytes,
  totalBytes,
  bytesPerSecond,
  remainingSeconds,
}: ReadProgress): string {
  const megabytes = (count: number): string => Math.round(count / 1e6).toLocaleString('en')
  const all = totalBytes === undefined ? '' : ` of ${megabytes(totalBytes)}`
  const rest = remainingSeconds === undefined ? '' : `, ${formatSeconds(remainingSeconds)} to go`
  return `Reading ${megabytes(bytes)}${all} MB, ${megabytes(bytesPerSecond)} MB/s${rest}`
}

function barView(): ProgressView {
  const bar = new SingleBar(
    {
      format: 'Training {bar} epoch {epoch}/{epochs}{rate}{losses}',
      stream: process.stderr,
      barsize: 30,
      fps: 15,
      clearOnComplete: true,
      stopOnComplete: false,
      hideCursor: true,
      gracefulExit: false,
    },
    Presets.shades_classic,
  )
  const shown = { epoch: 0, epochs: 0, rate: '', losses: '' }
  let [batch, total, began] = [1, 0, 0]
  return {
    start({ maxEpochs, split, batchSize }) {
      shown.epochs = maxEpochs
      began = performance.now()
      batch = batchSize
      total = maxEpochs * Math.ceil(split.train / batchSize)
      bar.start(total, 0, shown)
    },
    epoch(record) {
      shown.epoch = record.epoch
      shown.losses = `  ${describeLosses(record)}`
    },
    progress({ steps }) {
      shown.rate = describeRate(steps, total, batch, (performance.now() - began) / 1000)
      bar.update(steps, shown)
    },
    stop: () => bar.stop(),
  }
}

function lineView(): ProgressView {
  let every = 1
  let epochs = 0
  return {
    start({ maxEpochs }) {
      epochs = maxEpochs
      every = Math.ceil(maxEpochs / SPARSE_LINES)
    },
    epoch(record) {
      if (record.epoch !== 1 && record.epoch % every !== 0) return
      process.stderr.write(`epoch ${record.epoch}/${epochs}  ${describeLosses(record)}\n`)
    },
    progress: ignore,
    stop: ignore,
  }
}

// The first second says little; what early stopping will save nobody knows.
function describeRate(steps: number, total: number, batch: number, seconds: number): string {
  if (seconds < 1 || steps === 0) return ''
  const rate = (steps * batch) / seconds
  const shown = rate < 1e6 ? `${Math.round(rate / 1e3)} k` : `${(rate / 1e6).toFixed(1)} M`
  return `  ${shown} rows/s, at most ${Math.ceil(((total - steps) * seconds) / steps)} s to go`
}

function describeLosses({ loss, validation }: EpochRecord): string {
  return `loss ${loss.toFixed(4)}${validation === undefined ? '' : `  validation ${validation.loss.toFixed(4)}`}`
}

function ignore(): void {
  // Nothing is shown.
}
