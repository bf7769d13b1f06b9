/**
 * `npx tsx bench/jacobian.ts`: memory and time of a network's Jacobians beside those of a vector-Jacobian product, each in a
 * process of its own. The figures of docs/derivatives.md.
 */

import { spawnSync } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { dense } from '../src/layers/dense.ts'
import { Network } from '../src/network.ts'

const UNITS = 500
const ROWS = 64

const tasks: Readonly<Record<string, (network: Network, x: Float32Array) => ArrayLike<number>>> = {
  predict: (network, x) => network.predict(x),
  vjp: (network, x) => network.vjp(x, x).input,
  jacobian: (network, x) => network.jacobian(x).data,
}

function measure(name: string): void {
  const network = new Network({
    inputs: UNITS,
    layers: [dense(UNITS, 'tanh'), dense(UNITS)],
    loss: 'squaredError',
  })
  const x = new Float32Array(ROWS * UNITS).map((_, i) => Math.sin(i))
  const start = performance.now()
  const result = tasks[name](network, x)
  const milliseconds = performance.now() - start
  // maxRSS is in KiB.
  const peak = process.resourceUsage().maxRSS / 1024
  const bytes = result.length * Float32Array.BYTES_PER_ELEMENT
  console.log(
    name.padEnd(9),
    `result ${(bytes / 2 ** 20).toFixed(2)} MiB`.padEnd(20),
    `process ${peak.toFixed(0)} MiB`.padEnd(18),
    `${milliseconds.toFixed(0)} ms`,
  )
}

const task = process.argv.at(2)
if (task === undefined) {
  console.log(`${UNITS} → ${UNITS} tanh → ${UNITS}, ${ROWS} rows, float32`)
  for (const name of Object.keys(tasks)) {
    spawnSync(process.execPath, ['--import', 'tsx', import.meta.filename, name], { stdio: 'inherit' })
  }
} else measure(task)
