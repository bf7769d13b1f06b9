/** What the machine can do at best, measured by bench/peak.cc: what shares are shares of. */

import { startChild } from './child.ts'
import type { Line } from './measure.ts'
import { compiled } from './native-program.ts'

/** GFLOP/s by element type: fma for float32, multiplication and addition for float64. */
export interface Peak {
  readonly float32: number
  readonly float64: number
}

const ROUNDS = 10
const ROUND_MS = 50
/** The peak is looked at again in every round of a measurement: on a shared machine the first look may be a poor one. */
const GLANCE_MS = 10
const OPERATIONS = { float32: 'float32 fma', float64: 'float64 mul+add' } as const

/** A peak that grows where a later look finds more. */
export interface PeakGauge {
  readonly peak: Peak
  glance(dtype: keyof Peak): Promise<void>
  close(): void
}

/**
 * Measures the peak on a number of threads.
 *
 * @returns the best of several, or why it is not to be had
 */
export async function measurePeak(threads: number): Promise<PeakGauge | string> {
  const program = compiled('peak.cc')
  if (typeof program === 'string') return program
  const peer = await startChild('peak', [program.path])
  if (typeof peer === 'string') return peer
  const peak = { float32: 0, float64: 0 }
  const look = async (dtype: keyof Peak, rounds: number, roundMs: number): Promise<void> => {
    const meter = await peer.open({ request: `peak dtype=${dtype}`, threads })
    if (typeof meter === 'string') throw new Error(meter)
    for (let round = 0; round < rounds; round++) {
      peak[dtype] = Math.max(peak[dtype], (await meter.rate(roundMs)) / 1e9)
    }
  }
  await look('float32', ROUNDS, ROUND_MS)
  await look('float64', ROUNDS, ROUND_MS)
  return { peak, glance: (dtype) => look(dtype, 1, GLANCE_MS), close: () => peer.close() }
}

/** The peak in the form of `--json`. */
export function peakLines(peak: Peak, threads: number): Line[] {
  return (['float32', 'float64'] as const).map((dtype) => ({
    peer: 'machine',
    version: process.arch,
    task: 'peak',
    config: OPERATIONS[dtype],
    threads,
    value: peak[dtype],
    unit: 'GFLOP/s',
    median: peak[dtype],
  }))
}
