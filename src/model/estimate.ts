/** What a training would take: its sizes, and its time by the first second of it. */

import { memoryLeft } from '../memory-limit.ts'
import type { TrainOptions } from './options.ts'
import type { TrainingPlan } from './report.ts'
import type { TrainSource } from './read-source.ts'
import { train } from './train.ts'

/** What a training would take. */
export interface TrainingEstimate {
  /** Data, parts, network and sizes, as `onStart` has them. */
  plan: TrainingPlan
  /** Bytes that are left to the process, whatever limits them. */
  availableBytes: number
  /** Time until training starts: reading, encoding. */
  secondsBefore: number
  /** Measured on the first steps. */
  secondsPerEpoch: number
  /** All epochs, or `maxTime`; early stopping mostly ends sooner. */
  secondsAtMost: number
}

/** Enough steps to measure by. */
const MEASURED_MS = 1000

/**
 * Reads the data, begins to train for a second, and tells what the whole would take; no model comes of it.
 *
 * @throws SpecError, DataError as `train` does, also where the training would not fit into memory
 * @example
 * const { secondsPerEpoch, plan } = await estimateTraining('penguins.csv', { target: 'species' })
 * plan.footprint // { parameters: 2819, dataBytes: …, arenaBytes: … }
 */
export async function estimateTraining(
  source: TrainSource,
  options: TrainOptions,
): Promise<TrainingEstimate> {
  const stop = new AbortController()
  const begun = performance.now()
  const found: { plan?: TrainingPlan; started: number; steps: number; elapsed: number } = {
    started: begun,
    steps: 0,
    elapsed: 0,
  }
  const { report } = await train(source, {
    ...options,
    signal: stop.signal,
    onStart: (plan) => {
      options.onStart?.(plan)
      found.plan = plan
      found.started = performance.now()
    },
    onProgress: ({ steps }) => {
      const elapsed = performance.now() - found.started
      if (steps > found.steps && !stop.signal.aborted) Object.assign(found, { steps, elapsed })
      if (elapsed > MEASURED_MS) stop.abort()
    },
  })
  const { plan = report, steps, elapsed, started } = found
  const stepsPerEpoch = Math.ceil(plan.split.train / plan.batchSize)
  const secondsPerEpoch =
    report.epochs > 0 || steps === 0
      ? report.seconds / Math.max(1, report.epochs)
      : (elapsed / steps / 1000) * stepsPerEpoch
  return {
    plan,
    availableBytes: memoryLeft().bytes,
    secondsBefore: (started - begun) / 1000,
    secondsPerEpoch,
    secondsAtMost: Math.min(options.maxTime ?? Infinity, plan.maxEpochs * secondsPerEpoch),
  }
}
