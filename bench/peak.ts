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
const OPERATIONS = { float32: 'float32 fma', float64: 'float64 mul+add' } as const

/**
 * Measures the peak on a number of threads.
 *
 * @returns the best of several, or why it is not to be had
 */
export async function measurePeak(threads: number): Promise<Peak | string> {
  const program = compiled('peak.cc')
  if (typeof program === 'string') return program
  const peer = await startChild('peak', [program.path])
  if (typeof peer === 'string') return peer
  const best = async (dtype: keyof Peak): Promise<number> => {
    const meter = await peer.open({ request: `peak dtype=${dtype}`, threads })
    if (typeof meter === 'string') throw new Error(meter)
    let most = 0
    for (let round = 0; round < ROUNDS; round++) most = Math.max(most, await meter.rate(ROUND_MS))
    return most / 1e9
  }
  const peak = { float32: await best('float32'), float64: await best('float64') }
  peer.close()
  return peak
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
