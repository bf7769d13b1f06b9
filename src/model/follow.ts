/** A fit that ends when the caller of train wants it to, or when a listener of his throws. */

import type { EpochRecord, History } from '../training/run.ts'
import type { TrainSettings } from './options.ts'

/**
 * Starts a fit under the signal of the settings and tells of its epochs. A listener that throws ends the run; its error is
 * what train rejects with.
 */
export async function follow(
  start: (signal: AbortSignal) => AsyncIterable<EpochRecord> & PromiseLike<History>,
  { signal, onEpoch }: TrainSettings,
): Promise<History> {
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted === true) abort()
  try {
    const run = start(stop.signal)
    try {
      if (onEpoch !== undefined) for await (const epoch of run) onEpoch(epoch)
    } catch (error) {
      abort()
      await run.then(
        () => undefined,
        () => undefined,
      )
      throw error
    }
    return await run
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}
