/** Measures cases: all peers of a case in turns, several times, after a warm-up. */

import { dtypeOf, type Case } from './cases.ts'
import { TooFewThreads } from './ours.ts'
import type { PeakGauge } from './peak.ts'
import type { Meter, Peer } from './peer.ts'

/** A measurement as `--json` prints it. */
export interface Line {
  readonly peer: string
  readonly version: string
  readonly task: string
  readonly config: string
  readonly threads: number
  /** The best of several. */
  readonly value: number
  readonly unit: string
  readonly median: number
}

/** A measurement with what ratios and shares are computed from. */
export interface Result {
  readonly peer: string
  readonly version: string
  readonly of: Case
  /** Items per second, the best and the median of several. */
  readonly best: number
  readonly median: number
}

/** How long to measure. */
export interface Pace {
  readonly rounds: number
  readonly roundMs: number
}

/**
 * Training has a round for every fit. Calls are measured in many short rounds: on a shared machine the best of them had the
 * core for itself.
 */
export interface Paces {
  readonly training: Pace
  readonly calls: Pace
}

/** The paces of the tables, which take about six minutes, and those of checks. */
export const TABLE_PACES: Paces = { training: { rounds: 3, roundMs: 80 }, calls: { rounds: 12, roundMs: 12 } }
export const CHECK_PACES: Paces = {
  training: { rounds: 7, roundMs: 150 },
  calls: { rounds: 40, roundMs: 12 },
}

const WARM_UP_MS = 80
/** A peer's warm-up is its only round where it takes so long: it is a single call, or a few. */
const SLOW_MS = 1000

/** What is told while a measurement runs. */
export interface Listeners {
  /** Called as results come. */
  readonly onResult?: (result: Result) => void
  /** Called with the reason of a peer that cannot do a case. */
  readonly onRefusal?: (peer: Peer, one: Case, reason: string) => void
}

/**
 * Measures the cases, one after the other, of all peers that can do them.
 *
 * @param gauge looks at the machine's peak again in every round
 */
export async function measure(
  cases: readonly Case[],
  peers: readonly Peer[],
  paces: Paces,
  { gauge, onResult, onRefusal }: Listeners & { gauge?: PeakGauge } = {},
): Promise<Result[]> {
  const results: Result[] = []
  for (const one of cases) {
    const { rounds, roundMs } = one.job.kind === 'train' ? paces.training : paces.calls
    const running: { peer: Peer; meter: Meter; rates: number[]; isSlow: boolean }[] = []
    for (const peer of peers) {
      const meter = await peer.open(one)
      if (typeof meter === 'string') {
        onRefusal?.(peer, one, meter)
        continue
      }
      try {
        const start = performance.now()
        const first = await meter.rate(Math.max(WARM_UP_MS, roundMs))
        const isSlow = performance.now() - start > SLOW_MS
        running.push({ peer, meter, rates: isSlow ? [first] : [], isSlow })
      } catch (error) {
        if (!(error instanceof TooFewThreads)) throw error
        onRefusal?.(peer, one, error.message)
      }
    }
    for (let round = 0; round < rounds; round++) {
      if (one.flops !== undefined) await gauge?.glance(dtypeOf(one))
      for (const { meter, rates, isSlow } of running) {
        if (!isSlow) rates.push(await meter.rate(roundMs))
      }
    }
    for (const { peer, rates } of running) {
      rates.sort((a, b) => a - b)
      const best = rates[rates.length - 1]
      const median = rates[Math.floor(rates.length / 2)]
      const result = { peer: peer.name, version: peer.version, of: one, best, median }
      results.push(result)
      onResult?.(result)
    }
  }
  return results
}

/** A result in the form of `--json`. */
export function lineOf({ peer, version, of, best, median }: Result): Line {
  const { task, config, threads, unit, value } = of
  return { peer, version, task, config, threads, value: value(best), unit, median: value(median) }
}
