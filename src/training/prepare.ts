/** The way of a fit: batch by batch on the backend, or with all rows at once under an optimizer driven from here. */

import { optimizerInfo } from '../compiler/optimizers.ts'
import { prepareBatchFit, type FitJob, type PreparedFit } from './fit.ts'
import { prepareFullBatchFit } from './full-batch.ts'
import { Monitoring } from './monitor.ts'

/**
 * Links a fit; throws synchronously where that fails.
 *
 * @returns the run, to be started at once; `keep` receives the weights to keep, whatever the end
 */
export function prepareFit(job: FitJob, keep: (parameters: FitJob['parameters']) => void): PreparedFit {
  const { isFullBatch = false } = optimizerInfo(job.settings.optimizer.name)
  const start = (isFullBatch ? prepareFullBatchFit : prepareBatchFit)(job, keep, Monitoring.of(job))
  const called: { stack?: string } = {}
  Error.captureStackTrace(called, prepareFit)
  return async (report, onProgress) => {
    try {
      return await start(report, onProgress)
    } catch (error) {
      throw withCallerStack(error, called.stack)
    }
  }
}

// An error that arises while the run goes on shows who called fit, not the inside of the promise.
function withCallerStack(error: unknown, stack = ''): unknown {
  if (error instanceof Error) {
    error.stack = `${error.name}: ${error.message}${stack.slice(stack.indexOf('\n'))}`
  }
  return error
}
