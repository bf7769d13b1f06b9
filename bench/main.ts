/** `npm run bench`: rates of the workloads and kernels; `-- --check NAME` for one target, `-- --json` for raw lines. */

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { Bench } from 'tinybench'
import type { BackendOptions } from '../src/backends/choose.ts'
import { createFallback } from '../src/backends/fallback.ts'
import { createNative, loadBinding } from '../src/backends/native.ts'
import { checks } from './checks.ts'
import { measureTraining } from './measure.ts'
import { workloads } from './workloads.ts'

const { values: options } = parseArgs({
  options: {
    check: { type: 'string' },
    json: { type: 'boolean', default: false },
    fallback: { type: 'boolean', default: true },
  },
  allowNegative: true,
})

function print(
  peer: string,
  task: string,
  config: string,
  threads: number,
  value: number,
  unit: string,
): void {
  if (options.json) console.log(JSON.stringify({ peer, task, config, threads, value, unit }))
  else
    console.log(
      `${peer.padEnd(20)} ${task.padEnd(6)} ${config.padEnd(20)} ${threads} thread${threads > 1 ? 's' : ' '} ${format(value).padStart(10)} ${unit}`,
    )
}

function format(value: number): string {
  return value >= 1e6
    ? `${(value / 1e6).toFixed(2)} M`
    : value >= 1e3
      ? `${(value / 1e3).toFixed(1)} k`
      : value.toFixed(2)
}

async function benchTraining(): Promise<void> {
  const peers: { peer: string; backend: BackendOptions; threads: number }[] = loadBinding()
    .info()
    .isas.flatMap((isa) =>
      [1, 2].map((threads) => ({ peer: `native ${isa}`, backend: { backend: 'native', isa }, threads })),
    )
  if (options.fallback) peers.push({ peer: 'fallback', backend: { backend: 'fallback' }, threads: 1 })
  for (const workload of workloads) {
    for (const batchSize of workload.batchSizes) {
      for (const { peer, backend, threads } of peers) {
        const { best, threads: used } = await measureTraining(workload, batchSize, {
          ...backend,
          threads,
          runs: 3,
        })
        if (used === threads) print(peer, 'train', `${workload.name} b${batchSize}`, threads, best, 'rows/s')
      }
    }
  }
}

async function benchProducts(): Promise<void> {
  const shapes = [
    [128, 64, 64],
    [128, 64, 28],
    [128, 1, 64],
    [32, 128, 784],
    [128, 10, 128],
    [256, 1024, 1024],
  ]
  const backends = [
    ...loadBinding()
      .info()
      .isas.map((isa) => createNative({ isa })),
    createFallback(),
  ]
  for (const [m, n, k] of shapes) {
    for (const [name, transA, transB] of [
      ['NN', false, false],
      ['TN', true, false],
      ['NT', false, true],
    ] as const) {
      const a = new Float32Array(m * k).fill(0.5)
      const b = new Float32Array(k * n).fill(0.25)
      const c = new Float32Array(m * n)
      const bench = new Bench({ time: 100, iterations: 1, warmupTime: 10, warmupIterations: 1 })
      for (const backend of backends) {
        bench.add(`${backend.name} ${backend.isa}`, () =>
          backend.gemm(transA, transB, m, n, k, 1, a, transA ? m : k, b, transB ? k : n, 0, c, n),
        )
      }
      await bench.run()
      for (const { name: peer, result } of bench.tasks) {
        if (result.state !== 'completed') continue
        print(
          peer,
          'sgemm',
          `${name} ${m}x${n}x${k}`,
          1,
          (2 * m * n * k) / (result.latency.min * 1e6),
          'GFLOP/s',
        )
      }
    }
  }
}

if (options.check !== undefined) {
  const check = Object.hasOwn(checks, options.check) ? checks[options.check] : undefined
  if (check === undefined) {
    console.error(`--check: expected one of ${Object.keys(checks).join(', ')}; received ${options.check}`)
    process.exitCode = 1
  } else {
    const { text, isMet } = await check.run()
    const machine = `${cpus()[0].model}, Node ${process.version}`
    if (options.json)
      console.log(
        JSON.stringify({
          check: options.check,
          about: check.about,
          text,
          isMet,
          machine,
          date: new Date().toISOString(),
        }),
      )
    else console.log(`${options.check} (${check.about}): ${text}: ${isMet ? 'met' : 'MISSED'}`)
    process.exitCode = isMet ? 0 : 1
  }
} else {
  if (!options.json) console.log(`${cpus()[0].model}, Node ${process.version}`)
  await benchProducts()
  await benchTraining()
}
