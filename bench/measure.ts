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

/** Trains repeatedly for about {@link RUN_MS} each and gives the best and the median rate. */
export async function measureTraining(
  workload: Workload,
  batchSize: number,
  { threads = 1, runs = 5, ...backend }: BackendOptions & { threads?: number; runs?: number } = {},
): Promise<Measurement> {
  const { x, y } = dataOf(workload)
  const net = new Network({ ...workload.network, ...backend })
  const options = { optimizer: workload.optimizer, batchSize, threads }
  const warmUp = await net.fit(x, y, { ...options, epochs: 1 })
  const epochs = Math.max(1, Math.round(RUN_MS / warmUp.durationMs))
  const rates: number[] = []
  for (let run = 0; run < runs; run++) {
    const { durationMs } = await net.fit(x, y, { ...options, epochs })
    rates.push((workload.rows * epochs * 1000) / durationMs)
  }
  rates.sort((a, b) => a - b)
  return {
    best: rates[rates.length - 1],
    median: rates[Math.floor(rates.length / 2)],
    threads: warmUp.threads,
  }
}
