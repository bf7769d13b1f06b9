/** Targets of reading large CSV files: rows a second and memory, each on a generated file. */

import { execFileSync, spawnSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCsv } from '../src/data/dataset.ts'
import { generate } from './csv-generate.ts'
import type { Check } from './checks.ts'

const RUNS = 5

/** Gives `use` a generated file, which goes afterwards. */
export async function withFile<T>(
  shape: string,
  rows: number,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hadamard-bench-'))
  try {
    const path = join(folder, `${shape}.csv`)
    const sink = createWriteStream(path)
    for (const text of generate(shape, rows)) if (!sink.write(text)) await once(sink, 'drain')
    sink.end()
    await once(sink, 'close')
    return await use(path)
  } finally {
    await rm(folder, { recursive: true })
  }
}

// Rows a second of the best run, once the columns are known; the file lies in the page cache.
async function bestRate(path: string, threads: number, isNumbers: boolean): Promise<number> {
  const { schema } = await openCsv(path)
  const dataset = await openCsv(path, { schema, threads, backend: 'native' })
  let best = 0
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now()
    let rows = 0
    for await (const batch of isNumbers ? dataset.numbers() : dataset.batches()) rows += batch.rows
    best = Math.max(best, (rows / (performance.now() - started)) * 1000)
  }
  return best
}

const millions = (rate: number): string => `${(rate / 1e6).toFixed(2)} M rows/s`

// The process that measures itself runs the compiled package, as users do: the compiler of this one would be counted. It reads
// the file several times over, as memory grows at first.
const PEAK = `
  const { openCsv } = await import(process.argv[1])
  const dataset = await openCsv(Array(4).fill(process.argv[2]))
  for await (const batch of dataset.numbers()) if (batch.rows === 0) break
  console.log(process.resourceUsage().maxRSS / 1024)`

async function peakMegabytes(shape: string, rows: number): Promise<number> {
  const library = new URL('../dist/index.js', import.meta.url).href
  return withFile(shape, rows, (path) => {
    const args = ['--input-type=module', '-e', PEAK, library, path]
    return Promise.resolve(Number(execFileSync(process.execPath, args, { encoding: 'utf8' })))
  })
}

interface Rivalry {
  shape: string
  rows: number
  rivals: readonly string[]
  /** Times the best of them. */
  least: number
}

const rivalries: readonly Rivalry[] = [
  { shape: 'higgs', rows: 30_000, rivals: ['duckdb'], least: 3.5 },
  { shape: 'adult', rows: 60_000, rivals: ['duckdb', 'd3-dsv'], least: 5 },
  { shape: 'wide', rows: 500, rivals: ['duckdb'], least: 4 },
]

// Seconds of the best run on one thread; undefined where the reader is not installed.
function bestSeconds(reader: string, path: string): number | undefined {
  const script = join(import.meta.dirname, 'rivals', 'csv.mjs')
  const { status, stdout } = spawnSync(process.execPath, [script, reader, path], { encoding: 'utf8' })
  if (status !== 0) return undefined
  const runs = stdout.trim().split('\n')
  return Math.min(...runs.map((line) => (JSON.parse(line) as { seconds: number }).seconds))
}

// The best of two rounds over all readers, so that other work on the machine disturbs all of them.
async function compareRivals({
  shape,
  rows,
  rivals,
  least,
}: Rivalry): Promise<{ text: string; isMet: boolean }> {
  return withFile(shape, rows, (path) => {
    const readers = ['hadamard', ...rivals]
    const rounds = [0, 1].map(() => readers.map((reader) => bestSeconds(reader, path) ?? Infinity))
    const seconds = readers.map((_, at) => Math.min(...rounds.map((round) => round[at])))
    const ratio = Math.min(...seconds.slice(1)) / seconds[0]
    const times = readers.map((reader, at) => {
      const isThere = Number.isFinite(seconds[at])
      return isThere ? `${reader} ${(rows / seconds[at] / 1e3).toFixed(1)} k rows/s` : `no ${reader}`
    })
    const text = `${shape}: ${times.join(', ')}: ${ratio.toFixed(1)} times, target ${least}`
    return Promise.resolve({ text, isMet: Number.isFinite(ratio) && ratio >= least })
  })
}

/** The checks of this file by name. */
export const csvChecks: Readonly<Record<string, Check>> = {
  'csv-numbers': {
    about: 'a file of 29 numeric columns to float32 batches, one and two threads',
    run: () =>
      withFile('higgs', 300_000, async (path) => {
        const [one, two] = [await bestRate(path, 1, true), await bestRate(path, 2, true)]
        return {
          text: `${millions(one)} and ${millions(two)}; target: at least 1.50 M rows/s, and 1.4 times that of one thread on two`,
          isMet: one >= 1.5e6 && two >= 1.4 * one,
        }
      }),
  },
  'csv-texts': {
    about: 'a file of 6 numeric and 8 quoted text columns to numbers and codes, two threads',
    run: () =>
      withFile('adult', 500_000, async (path) => {
        const rate = await bestRate(path, 2, false)
        return { text: `${millions(rate)}; target: at least 2.50 M rows/s`, isMet: rate >= 2.5e6 }
      }),
  },
  'csv-rivals': {
    about:
      'files of numbers, of texts and of 2,000 columns, on one thread: this library and others, in turns',
    async run() {
      const results = []
      for (const rivalry of rivalries) results.push(await compareRivals(rivalry))
      return {
        text: results.map(({ text }) => text).join('; '),
        isMet: results.every(({ isMet }) => isMet),
      }
    },
  },
  'csv-memory': {
    about: 'peak memory of a process that opens a file and reads its numbers',
    async run() {
      const [narrow, wide] = [await peakMegabytes('higgs', 300_000), await peakMegabytes('wide', 10_000)]
      return {
        text: `${narrow.toFixed(0)} MB of 29 columns, ${wide.toFixed(0)} MB of 2,000; target: at most 120 and 160 MB`,
        isMet: narrow <= 120 && wide <= 160,
      }
    },
  },
}
