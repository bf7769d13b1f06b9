/** How late a timer is while the library works: on arrays, and on files that are read, trained on and scored. */

import { dirname, join } from 'node:path'
import { openCsv } from '../src/data/dataset.ts'
import { dense } from '../src/layers/dense.ts'
import { train } from '../src/model/train.ts'
import { Network } from '../src/network.ts'
import { withFile } from './csv.ts'
import { dataOf, workloadNamed } from './workloads.ts'

const TIMER_MS = 10
const FIT_MS = 5000
const ROWS = 300_000
const MOST_MS = 20

interface Lateness {
  readonly median: number
  readonly p99: number
  readonly worst: number
  readonly ticks: number
}

async function latenessDuring(work: () => PromiseLike<unknown>): Promise<Lateness> {
  const lateness: number[] = []
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    lateness.push(now - last - TIMER_MS)
    last = now
  }, TIMER_MS)
  await work()
  // What blocked the loop at the end shows in the next tick.
  await new Promise((resolve) => setTimeout(resolve, TIMER_MS))
  clearInterval(timer)
  lateness.sort((a, b) => a - b)
  const percentile = (share: number): number =>
    lateness[Math.min(lateness.length - 1, Math.floor(share * lateness.length))]
  return { median: percentile(0.5), p99: percentile(0.99), worst: percentile(1), ticks: lateness.length }
}

async function fitOnArrays(): Promise<void> {
  const workload = workloadNamed('W2')
  const { x, y } = dataOf(workload)
  const net = new Network({ ...workload.network, backend: 'native' })
  await net.fit(x, y, { epochs: 1e9, batchSize: 1024, optimizer: 'adam', maxTimeMs: FIT_MS })
}

/** The check: every job beside its figures, the target for each of them. */
export async function checkEventLoop(): Promise<{ text: string; isMet: boolean }> {
  return withFile('higgs', ROWS, async (path) => {
    const options = { target: 'label', outOfCore: true, memory: '1GB', epochs: 3, hidden: [64, 64] }
    const cache = join(dirname(path), 'cache')
    const dataset = await openCsv(path)
    const net = new Network({
      inputs: 28,
      layers: [dense(64, 'relu'), dense(1, 'logistic')],
      backend: 'native',
    })
    const columns = { target: 'label' }
    const jobs: Record<string, () => PromiseLike<unknown>> = {
      'fit on arrays': fitOnArrays,
      'openCsv and numbers': async () => {
        let rows = 0
        for await (const batch of (await openCsv(path)).numbers()) rows += batch.rows
        return rows
      },
      'train out of core': () => train(path, { ...options, cache }),
      'train from the cache': () => train(path, { ...options, cache }),
      'fit on a dataset': () => net.fit(dataset, { ...columns, epochs: 2, batchSize: 1024 }),
      'evaluate a dataset': () => net.evaluate(dataset, columns),
      'predict a dataset': async () => {
        const { columns: all } = dataset.schema
        const inputs = all.slice(1).map(({ name }) => name)
        let predictions = 0
        for await (const batch of net.predict(dataset, { inputs })) predictions += batch.length
        return predictions
      },
    }
    const lines: string[] = []
    let isMet = true
    for (const [name, job] of Object.entries(jobs)) {
      const { median, p99, worst, ticks } = await latenessDuring(job)
      isMet &&= p99 < MOST_MS
      lines.push(
        `${name}: median ${median.toFixed(1)}, 99th percentile ${p99.toFixed(1)}, worst ${worst.toFixed(1)} ms of ${ticks} ticks`,
      )
    }
    return { text: `${lines.join('; ')}; target: each 99th percentile below ${MOST_MS} ms`, isMet }
  })
}
