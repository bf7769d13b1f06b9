/** Targets with a time: each prints its figure and its target, and tells whether it is met. */

import { Network } from '../src/network.ts'

import { checkMemory } from './memory.ts'
import { checkScaling } from './scaling.ts'
import { runTarget } from './speed-checks.ts'
import { targets } from './targets.ts'
import { meanScore, referenceCases, SEEDS } from '../test/support/reference-scores.ts'
import { dataOf, workloadNamed } from './workloads.ts'

/** A target that `npm run bench -- --check NAME` shows. */
export interface Check {
  readonly about: string
  /** Gives the line to print and whether the target is met. */
  run(): Promise<{ text: string; isMet: boolean }>
}

const TIMER_MS = 10
const JOB_MS = 5000
const SMALL_FIT_US = 300

/** The checks by name. */
export const checks: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(
    Object.entries(targets).map(([name, target]) => [
      name,
      { about: target.about, run: () => runTarget(target) },
    ]),
  ),
  scaling: { about: 'time of a step by rows, width and depth, beside its operations', run: checkScaling },
  memory: {
    about: 'peak resident memory of a fit, and its growth',
    run: () => Promise.resolve(checkMemory()),
  },
  'event-loop': {
    about: `lateness of a ${TIMER_MS} ms timer while W2 is fitted natively for ${JOB_MS / 1000} s on the default threads`,
    async run() {
      const workload = workloadNamed('W2')
      const { x, y } = dataOf(workload)
      const net = new Network({ ...workload.network, backend: 'native' })
      const lateness: number[] = []
      let last = performance.now()
      const timer = setInterval(() => {
        const now = performance.now()
        lateness.push(now - last - TIMER_MS)
        last = now
      }, TIMER_MS)
      const history = await net.fit(x, y, {
        epochs: 1e9,
        batchSize: 1024,
        optimizer: 'adam',
        maxTimeMs: JOB_MS,
      })
      clearInterval(timer)
      lateness.sort((a, b) => a - b)
      const percentile = (share: number): number =>
        lateness[Math.min(lateness.length - 1, Math.floor(share * lateness.length))]
      const p99 = percentile(0.99)
      return {
        text:
          `median ${percentile(0.5).toFixed(1)} ms, 99th percentile ${p99.toFixed(1)} ms, worst ` +
          `${percentile(1).toFixed(1)} ms over ${lateness.length} ticks; ${history.threads} training threads, ` +
          `${history.epochs.length} epochs; target: 99th percentile below 20 ms`,
        isMet: p99 < 20,
      }
    },
  },
  accuracy: {
    about: 'test scores with the reference settings, means of 5 seeds',
    async run() {
      const lines: string[] = []
      let isMet = true
      for (const one of referenceCases) {
        const { mean, least } = await meanScore(
          { ...one, options: { ...one.options, l2: 0, validation: 0 } },
          SEEDS,
        )
        lines.push(
          `${one.name} ${mean.toFixed(4)} (at least ${least.toFixed(4)}; linear ${one.linear}, network ${one.network})`,
        )
        isMet &&= mean >= least
      }
      return { text: lines.join('; '), isMet }
    },
  },
  'small-fit': {
    about: 'fit of 100 rows for 1 epoch of W1, after the first',
    async run() {
      const net = new Network(workloadNamed('W1').network)
      const { x, y } = dataOf({ ...workloadNamed('W1'), rows: 100 })
      const times: number[] = []
      for (let i = 0; i < 200; i++) {
        const start = performance.now()
        await net.fit(x, y, { epochs: 1, batchSize: 4 })
        times.push(performance.now() - start)
      }
      times.sort((a, b) => a - b)
      return {
        text: `best ${(times[0] * 1000).toFixed(0)} µs, median ${(times[100] * 1000).toFixed(0)} µs; target: a median of at most ${SMALL_FIT_US} µs`,
        isMet: times[100] * 1000 <= SMALL_FIT_US,
      }
    },
  },
}
