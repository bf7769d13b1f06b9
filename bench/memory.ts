/**
 * Peak resident memory of training W2 on many rows, and its growth over many fits, each in a process of its own:
 * `tsx bench/memory.ts shared|plain|fits`. Prints one line of JSON.
 */

import { spawnSync } from 'node:child_process'
import { Network } from '../src/network.ts'
import type { Outcome } from './speed-checks.ts'
import { dataOf, workloadNamed } from './workloads.ts'

const ROWS = 10_000_000
const MIB = 2 ** 20
/** What the data may cost, with an allowance for the process; arrays that are not shared are copied in. */
const LIMITS = { shared: 1.2, plain: 2.2 } as const
const ALLOWANCE_MIB = 64
const FITS = 1000
/** The first thousands compile what is run often, and let the heap find its size. */
const FITS_BEFORE = 4000
/** Growth that the allocator's own grain explains. */
const GROWTH_MIB = 8
/**
 * The C library gives freed memory back at once: otherwise it keeps what arrays that nobody holds have taken until their collection,
 * tens of MiB at a time, and which fit that falls to is chance.
 */
const GIVE_BACK = { MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '65536' }

const { network } = workloadNamed('W2')
const FLOATS_PER_ROW = network.inputs + 1
const DATA_MIB = (ROWS * FLOATS_PER_ROW * 4) / MIB

const jobs: Readonly<Record<string, () => Promise<Readonly<Record<string, number>>>>> = {
  shared: () => trainOn((bytes) => new SharedArrayBuffer(bytes)),
  plain: () => trainOn((bytes) => new ArrayBuffer(bytes)),
  fits: manyFits,
}

// In MiB; on Linux maxRSS is in KiB. `before` is that of the process with nothing but the library.
async function trainOn(allocate: (bytes: number) => SharedArrayBuffer | ArrayBuffer) {
  const before = process.resourceUsage().maxRSS / 1024
  const x = new Float32Array(allocate(ROWS * network.inputs * 4))
  const y = new Float32Array(allocate(ROWS * 4))
  for (let i = 0; i < x.length; i++) x[i] = (i % 7) / 7 - 0.5
  for (let i = 0; i < y.length; i++) y[i] = i % 2
  const net = new Network(network)
  await net.fit(x, y, { epochs: 1, batchSize: 1024, optimizer: 'adam' })
  return { before, peak: process.resourceUsage().maxRSS / 1024 }
}

async function manyFits() {
  const { x, y } = dataOf({ ...workloadNamed('W2'), rows: 1024 })
  const net = new Network(network)
  const run = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) await net.fit(x, y, { epochs: 1, batchSize: 128, optimizer: 'adam' })
    globalThis.gc?.()
    return process.memoryUsage().rss / MIB
  }
  const before = await run(FITS_BEFORE)
  return { before, after: await run(FITS) }
}

/** The check `memory`. */
export function checkMemory(): Outcome {
  const lines: string[] = []
  let isMet = true
  const note = (text: string, isGood: boolean): void => {
    lines.push(`  ${isGood ? 'met   ' : 'MISSED'} ${text}`)
    isMet &&= isGood
  }
  for (const kind of ['shared', 'plain'] as const) {
    const { before, peak } = inChild(kind)
    const limit = LIMITS[kind] * DATA_MIB + ALLOWANCE_MIB
    note(
      `W2 on ${ROWS / 1e6} M rows in ${kind} arrays of ${DATA_MIB.toFixed(0)} MiB: peak ${peak.toFixed(0)} MiB, of which ` +
        `${before.toFixed(0)} MiB before the data (target ${limit.toFixed(0)} MiB)`,
      peak <= limit,
    )
  }
  const { before, after } = inChild('fits')
  note(
    `${FITS} fits after ${FITS_BEFORE}: ${before.toFixed(1)} → ${after.toFixed(1)} MiB (target: no growth, ${GROWTH_MIB} MiB are noise)`,
    after - before <= GROWTH_MIB,
  )
  return { text: ['', ...lines, ' '].join('\n'), isMet }
}

function inChild(kind: string): Record<string, number> {
  const args = ['--expose-gc', '--import', 'tsx', import.meta.filename, kind]
  const env = { ...process.env, ...GIVE_BACK }
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', env })
  if (status !== 0) throw new Error(`memory ${kind}: ${stderr}`)
  return JSON.parse(stdout) as Record<string, number>
}

if (process.argv[1] === import.meta.filename) {
  const job = jobs[process.argv[2]]
  console.log(JSON.stringify(await job()))
}
