/** Measures training of a workload: rows per second of several short runs. */

import type { BackendOptions } from '../src/backends/choose.ts'
import { Network } from '../src/network.ts'
import { dataOf, type Workload } from './workloads.ts'

/** Rows per second of a workload. */
export interface Measurement {
  readonly best: number
  readonly median: number
  readonly threads: number
}

const RUN_MS = 400

/** Trains repeatedly for {@link RUN_MS} each and gives the best and the median rate; data sets are whole batches. */
export async function measureTraining(
  workload: Workload,
  batchSize: number,
  { threads = 1, runs = 5, ...backend }: BackendOptions & { threads?: number; runs?: number } = {},
): Promise<Measurement> {
  const { x, y } = dataOf(workload)
  const net = new Network({ ...workload.network, ...backend })
  const options = { optimizer: workload.optimizer, batchSize, threads, epochs: 1e6, maxTimeMs: RUN_MS }
  const rates: number[] = []
  let used = 1
  for (let run = 0; run <= runs; run++) {
    const history = await net.fit(x, y, options)
    used = history.threads
    // The first run warms up.
    if (run > 0) rates.push((history.steps * batchSize * 1000) / history.durationMs)
  }
  rates.sort((a, b) => a - b)
  return {
    best: rates[rates.length - 1],
    median: rates[Math.floor(rates.length / 2)],
    threads: used,
  }
}
