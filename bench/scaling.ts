/** How a step's time grows with rows, width and depth, from the size of W2 to that of W4. */

import { networkCase } from './cases.ts'
import { CHECK_PACES, measure } from './measure.ts'
import { ourPeers } from './ours.ts'
import type { Outcome } from './speed-checks.ts'
import { format, gigaflops } from './table.ts'
import { workloadOf, type Workload } from './workloads.ts'

/** How far from linear in operations. */
const TOLERANCE = 0.15

interface Size {
  readonly inputs: number
  readonly width: number
  readonly depth: number
  readonly batch: number
}

/** Each differs from its neighbour in rows, width or depth alone; the first is near W2, the last near W4. */
const sizes: readonly Size[] = [
  { inputs: 64, width: 64, depth: 2, batch: 128 },
  { inputs: 64, width: 64, depth: 2, batch: 512 },
  { inputs: 64, width: 64, depth: 2, batch: 1024 },
  { inputs: 64, width: 64, depth: 4, batch: 256 },
  { inputs: 64, width: 64, depth: 8, batch: 256 },
  { inputs: 256, width: 256, depth: 2, batch: 256 },
  { inputs: 256, width: 512, depth: 2, batch: 256 },
  { inputs: 256, width: 1024, depth: 2, batch: 256 },
]

function workloadAt({ inputs, width, depth, batch }: Size): Workload {
  return workloadOf({
    name: `${inputs}-(${depth}×${width})-10`,
    inputs,
    units: [...Array.from({ length: depth }, () => [width, 'relu'] as const), [10, 'linear']],
    loss: 'categoricalCrossEntropyFromLogits',
    optimizer: { name: 'adam', learningRate: 0.001 },
    batchSizes: [batch],
    rows: 8 * batch,
    classes: 10,
  })
}

/** The check `scaling`: the rate of operations of each size beside the median of all. */
export async function checkScaling(): Promise<Outcome> {
  const cases = sizes.map((size) => networkCase('train', workloadAt(size), size.batch, 1))
  const results = await measure(cases, ourPeers().slice(0, 1), CHECK_PACES)
  const rates = results.map((result) => gigaflops(result) ?? 0)
  const middle = [...rates].sort((a, b) => a - b)[Math.floor(rates.length / 2)]
  // Time per operation, 1 where it is that of the median.
  const times = rates.map((rate) => middle / rate)
  const isLinear = (time: number): boolean => Math.abs(time - 1) <= TOLERANCE
  const lines = results.map(({ of }, i) => {
    const verdict = isLinear(times[i]) ? 'met   ' : 'MISSED'
    return `  ${verdict} ${of.config}: ${format(rates[i])} GFLOP/s, ${times[i].toFixed(2)} × the median's time per operation`
  })
  return { text: ['', ...lines, ' '].join('\n'), isMet: times.every(isLinear) }
}
