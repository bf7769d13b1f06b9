/** Targets with a time: each prints its figure and its target, and tells whether it is met. */

import { Network } from '../src/network.ts'

import { checkCache } from './cache.ts'
import { csvChecks } from './csv.ts'
import { checkDivergence } from './divergence.ts'
import { checkEventLoop } from './event-loop.ts'
import { checkMemory } from './memory.ts'
import { checkLargeFile } from './large-file.ts'
import { checkOutOfCore } from './out-of-core.ts'
import { checkNewcomer } from './newcomer.ts'
import { checkScaling } from './scaling.ts'
import { checkShuffle } from './shuffle.ts'
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

const SMALL_FIT_US = 300
const MONITORED_EPOCHS = 100
const MONITORED_PAIRS = 5
const WITH_AND_WITHOUT = [
  ['on', true],
  ['off', false],
] as const

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
  newcomer: {
    about: "from an empty folder to the first prediction with the packed package, by the README's commands",
    run: checkNewcomer,
  },
  ...csvChecks,
  cache: {
    about: 'an epoch from packed rows of 29 columns in the page cache, block-shuffled',
    run: checkCache,
  },
  'out-of-core': {
    about: 'epochs out of core beside epochs in memory, and the way to the end of the first one',
    run: checkOutOfCore,
  },
  'large-file': {
    about: 'a CSV of 5 GB through `hadamard train` in 512 MB, 3 epochs; minutes',
    run: checkLargeFile,
  },
  shuffle: {
    about: 'how near the order of an epoch out of core comes to a full shuffle',
    run: checkShuffle,
  },
  'event-loop': {
    about:
      'lateness of a timer while networks are fitted, and while large files are read, trained on and scored',
    run: checkEventLoop,
  },
  divergence: {
    about:
      'cost of the checks for infinities and NaN: a step of W1 (batch 4) and W2 (batch 128) with them and without',
    run: checkDivergence,
  },
  monitors: {
    about: `W2 (batch 128), native, one thread: ${MONITORED_EPOCHS} epochs with \`monitor: true\` against none, in turns`,
    async run() {
      const workload = workloadNamed('W2')
      const { x, y } = dataOf(workload)
      const { optimizer, network } = workload
      const times = { on: [] as number[], off: [] as number[] }
      // Of the processors, which other work on the machine disturbs less than the clock. The first pair warms up.
      const processorMs = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000
      for (let pair = 0; pair <= MONITORED_PAIRS; pair++) {
        for (const [name, monitor] of pair % 2 === 0 ? WITH_AND_WITHOUT : WITH_AND_WITHOUT.toReversed()) {
          const net = new Network({ ...network, backend: 'native' })
          const before = process.cpuUsage()
          await net.fit(x, y, { epochs: MONITORED_EPOCHS, batchSize: 128, optimizer, threads: 1, monitor })
          if (pair > 0) times[name].push(processorMs(process.cpuUsage(before)))
        }
      }
      const [on, off] = [Math.min(...times.on), Math.min(...times.off)]
      const costs = times.on.map((time, pair) => time / times.off[pair] - 1).sort((a, b) => a - b)
      const [best, median] = [on / off - 1, costs[Math.floor(costs.length / 2)]]
      return {
        text:
          `processor time at best ${on.toFixed(0)} ms with, ${off.toFixed(0)} ms without: ${(100 * best).toFixed(1)} %; ` +
          `median of ${costs.length} pairs ${(100 * median).toFixed(1)} %; target: both below 5 %`,
        isMet: best < 0.05 && median < 0.05,
      }
    },
  },
  accuracy: {
    about: 'test scores of train as it comes, means of 5 seeds, of diamonds of one',
    async run() {
      const lines: string[] = []
      let isMet = true
      for (const one of referenceCases) {
        const options = { target: one.options.target }
        const seeds = one.name === 'diamonds' ? SEEDS.slice(0, 1) : SEEDS
        const { mean, least } = await meanScore({ ...one, options }, seeds)
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
