/** A running fit as users hold it: a promise of the history, and an iterator over the epochs. */

import type { Monitor } from './monitor.ts'

/** What one of several outputs has. */
export interface OutputScores {
  /** Its loss, without its weight. */
  loss: number
  /** Share of right answers, for classification; not counted while training. */
  accuracy?: number
}

/** Loss and metrics on rows that are not trained on. */
export interface ValidationMetrics {
  loss: number
  /** Share of right answers, for classification. */
  accuracy?: number
  /** By layer, where the network has several outputs; the optimizer lbfgs reports none. */
  outputs?: Record<string, OutputScores>
}

/** One epoch. */
export interface EpochRecord {
  /** From 1. */
  epoch: number
  /** Mean training loss of the epoch, without penalty, each batch before its update. */
  loss: number
  /** Of the epoch's last step. */
  learningRate: number
  /** By layer, where the network has several outputs; the optimizer lbfgs reports none. */
  outputs?: Record<string, OutputScores>
  validation?: ValidationMetrics
}

/** An epoch of a fit with validation rows. */
export type ValidatedEpoch = EpochRecord & { validation: ValidationMetrics }

/** Why a fit ended; `tolerance`: the optimizer lbfgs found nothing more to gain. */
export type StopReason = 'epochs' | 'earlyStopping' | 'maxTime' | 'aborted' | 'tolerance'

/** A roll-back of a fit that diverged. */
export interface Recovery {
  /** The epoch that diverged, from 1. */
  epoch: number
  /** Its last step, from 1 over all epochs. */
  step: number
  /** What was not finite, or `exploding loss`. */
  what: string
  /** The rate that the fit went on with. */
  learningRate: number
}

/** What a fit leaves behind. */
export interface History<E extends EpochRecord = EpochRecord> {
  readonly epochs: readonly E[]
  readonly stopped: StopReason
  /** The epoch whose weights were kept, where early stopping keeps the best. */
  readonly bestEpoch?: number
  /** Updates of the weights. */
  readonly steps: number
  readonly durationMs: number
  /** Threads that the run used. */
  readonly threads: number
  /** Where the option `recover` has gone back; undefined where it never did. */
  readonly recoveries?: readonly Recovery[]
  /** What the option `monitor` has recorded. */
  readonly monitor?: Monitor
}

/** Where a run is, for progress bars. */
export interface Progress {
  /** Completed epochs. */
  epochs: number
  /** Completed steps. */
  steps: number
}

/**
 * A running fit. `await` it for the history; iterate it for the epochs as they end. A slow consumer loses no epoch and
 * does not slow training; leaving the loop does not stop the run.
 */
export class FitRun<E extends EpochRecord = EpochRecord> implements PromiseLike<History<E>> {
  readonly #epochs: E[] = []
  readonly #finished: Promise<History<E>>
  readonly #listeners = new Set<() => void>()
  #isFinished = false

  /** @param work receives how to report an epoch, and gives the history in the end */
  constructor(work: (report: (epochs: readonly E[]) => void) => Promise<History<E>>) {
    this.#finished = work((epochs) => {
      this.#epochs.push(...epochs)
      this.#wake()
    }).finally(() => {
      this.#isFinished = true
      this.#wake()
    })
    // Whoever awaits or iterates still gets the error; nobody doing so is not an unhandled rejection.
    this.#finished.catch(() => undefined)
  }

  then<A = History<E>, B = never>(
    onFulfilled?: ((history: History<E>) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#finished.then(onFulfilled, onRejected)
  }

  /** Every epoch from the first on, whenever the iteration starts. */
  async *[Symbol.asyncIterator](): AsyncGenerator<E, void> {
    for (let next = 0; ;) {
      while (next < this.#epochs.length) yield this.#epochs[next++]
      if (this.#isFinished) {
        await this.#finished
        if (next === this.#epochs.length) return
        continue
      }
      await new Promise<void>((resolve) => this.#listeners.add(resolve))
    }
  }

  #wake(): void {
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    listeners.forEach((listener) => {
      listener()
    })
  }
}
