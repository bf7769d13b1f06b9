/** A file of 5 GB through `hadamard train` in 512 MB, as on a command line: time, memory, and its epochs beside epochs in memory. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { openCsv } from '../src/data/dataset.ts'
import { memoryLeft } from '../src/memory-limit.ts'
import { withFile } from './csv.ts'

const ROWS = 9_000_000
const EPOCHS = 3
const LIMIT_MB = 512
/** Of the file's size, what a training that keeps all rows counts with. */
const MEMORY_OF_FILE = 3
const LEAST_RATIO = 0.9
const MOST_RATIO = 1.3

const CLI = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
// The process tells its own peak when it ends.
const TELL_PEAK =
  'process.on("exit", () => console.log(JSON.stringify({ peak: process.resourceUsage().maxRSS / 1024 })))'

interface Training {
  /** Seconds from the start of the command: to the start of training, and to the end of each epoch. */
  readonly start: number
  readonly ends: readonly number[]
  readonly total: number
  /** Training rows. */
  readonly rows: number
  /** Largest resident memory of the process, in MiB. */
  readonly peak: number
}

// Whether there is to be a cache is asked of a training out of core alone.
async function trainByCommand(path: string, memory: string, isWhole: boolean): Promise<Training> {
  const flags = [
    '--target',
    'label',
    '--epochs',
    String(EPOCHS),
    '--memory',
    memory,
    ...(isWhole ? [] : ['--no-cache']),
    '--no-stratify',
    '--json',
  ]
  const model = join(dirname(path), 'large.model')
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1000
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${TELL_PEAK}`, CLI, 'train', path, ...flags, '--model', model],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(child, 'close') as Promise<[number]>
  const seen = { start: NaN, ends: [] as number[], rows: 0, peak: NaN }
  for await (const line of createInterface(child.stdout)) {
    const said = JSON.parse(line) as { event?: string; split?: { train: number }; peak?: number }
    if (said.event === 'data') Object.assign(seen, { start: seconds(), rows: said.split?.train })
    if (said.event === 'epoch') seen.ends.push(seconds())
    if (said.peak !== undefined) seen.peak = said.peak
  }
  const [status] = await ended
  if (status !== 0) throw new Error(`hadamard train ended with ${status}`)
  return { ...seen, total: seconds() }
}

const durations = ({ start, ends }: Training): number[] =>
  ends.map((end, i) => end - (i === 0 ? start : ends[i - 1]))
const listed = (seconds: readonly number[]): string => seconds.map((one) => one.toFixed(1)).join(', ')

/** The check. It takes minutes, and 12 GB of the temporary folder. */
export async function checkLargeFile(): Promise<{ text: string; isMet: boolean }> {
  return withFile('higgs', ROWS, async (path) => {
    const { size } = statSync(path)
    const gigabytes = size / 1e9
    const started = performance.now()
    await openCsv(path)
    const parse = (performance.now() - started) / 1000
    const large = await trainByCommand(path, `${LIMIT_MB}MB`, false)
    const [first, ...later] = durations(large)
    const isFirstMet = large.ends[0] <= MOST_RATIO * Math.max(parse, ...later)
    const own =
      `${gigabytes.toFixed(2)} GB, ${ROWS} rows, ${LIMIT_MB} MB: ${large.total.toFixed(1)} s in all, peak ${large.peak.toFixed(0)} MiB; ` +
      `parsing alone ${parse.toFixed(1)} s, training starts after ${large.start.toFixed(1)} s, epochs ${listed([first, ...later])} s`
    const isMemoryMet = large.peak * 2 ** 20 <= LIMIT_MB * 1e6
    if (memoryLeft().bytes < MEMORY_OF_FILE * size)
      return {
        text: `${own}; too large for this memory to compare with it`,
        isMet: isMemoryMet && isFirstMet,
      }
    const [, ...laterInMemory] = durations(
      await trainByCommand(path, `${Math.ceil(MEMORY_OF_FILE * gigabytes)}GB`, true),
    )
    const ratio = Math.min(...laterInMemory) / Math.min(...later)
    return {
      text:
        `${own}; later epochs in memory ${listed(laterInMemory)} s: ${ratio.toFixed(2)} of that rate; targets: ${LIMIT_MB} MB, the ` +
        `end of the first epoch after ${MOST_RATIO} times the longer of parsing and an epoch, later epochs ${LEAST_RATIO} of memory's rate`,
      isMet: isMemoryMet && isFirstMet && ratio >= LEAST_RATIO,
    }
  })
}
