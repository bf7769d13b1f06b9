/** Progress of a training on standard error: a bar on a terminal, a few plain lines elsewhere, nothing where not wanted. */

import { Presets, SingleBar } from 'cli-progress'
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

function barView(): ProgressView {
  const bar = new SingleBar(
    {
      format: 'Training {bar} epoch {epoch}/{epochs}{losses}',
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
  const shown = { epoch: 0, epochs: 0, losses: '' }
  return {
    start({ maxEpochs, split, batchSize }) {
      shown.epochs = maxEpochs
      bar.start(maxEpochs * Math.ceil(split.train / batchSize), 0, shown)
    },
    epoch(record) {
      shown.epoch = record.epoch
      shown.losses = `  ${describeLosses(record)}`
    },
    progress: ({ steps }) => bar.update(steps, shown),
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

function describeLosses({ loss, validation }: EpochRecord): string {
  return `loss ${loss.toFixed(4)}${validation === undefined ? '' : `  validation ${validation.loss.toFixed(4)}`}`
}

function ignore(): void {
  // Nothing is shown.
}
