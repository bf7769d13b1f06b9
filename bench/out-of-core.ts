/** Training out of core beside training in memory, in turns: the rate of its later epochs, and how long its first one takes. */

import { join, dirname } from 'node:path'
import { openCsv } from '../src/data/dataset.ts'
import { train } from '../src/model/train.ts'
import { withFile } from './csv.ts'

const ROWS = 600_000
const EPOCHS = 6
const ROUNDS = 3
const LEAST_RATIO = 0.9
const MOST_RATIO = 1.3

const common = { target: 'label', hidden: [64, 64], epochs: EPOCHS, batchSize: 1024 } as const

interface Times {
  /** Seconds from the call to the end of the first epoch. */
  readonly first: number
  /** Seconds from the last row of the file that was read to the end of the first epoch. */
  readonly packed: number
  /** Rows a second in all of the others: between two reports the event loop may have been away for as long as an epoch. */
  readonly rate: number
}

async function timesOf(path: string, options: object): Promise<Times> {
  let rows = 0
  const ends: number[] = []
  const started = performance.now()
  let read = started
  await train(path, {
    ...common,
    ...options,
    onStart: ({ split }) => {
      rows = split.train
    },
    onRead: () => {
      read = performance.now()
    },
    onEpoch: () => ends.push(performance.now()),
  })
  const later = ends.length - 1
  const rate = (1000 * rows * later) / (ends[later] - ends[0])
  return { first: (ends[0] - started) / 1000, packed: (ends[0] - read) / 1000, rate }
}

async function secondsToParse(path: string): Promise<number> {
  const started = performance.now()
  await openCsv(path)
  return (performance.now() - started) / 1000
}

interface Rates {
  readonly best: number
  readonly median: number
}

function ratesOf(all: readonly number[]): Rates {
  const sorted = [...all].sort((a, b) => b - a)
  return { best: sorted[0], median: sorted[Math.floor(sorted.length / 2)] }
}

/** Later epochs on so many threads, undefined for as many as training takes by itself. */
async function compareEpochs(
  path: string,
  threads: number | undefined,
): Promise<{ text: string; isMet: boolean; memory: Rates }> {
  const cache = join(dirname(path), 'cache')
  const rates = { memory: [] as number[], cache: [] as number[] }
  for (let round = 0; round < ROUNDS; round++) {
    rates.memory.push((await timesOf(path, { outOfCore: false, stratify: false, threads })).rate)
    rates.cache.push((await timesOf(path, { outOfCore: true, cache, threads })).rate)
  }
  const [memory, ofCache] = [ratesOf(rates.memory), ratesOf(rates.cache)]
  const [best, median] = [ofCache.best / memory.best, ofCache.median / memory.median]
  const millions = ({ best, median }: Rates): string =>
    `${(best / 1e6).toFixed(2)} (median ${(median / 1e6).toFixed(2)})`
  return {
    text:
      `later epochs on ${threads === undefined ? 'all threads' : 'one thread'} ${millions(ofCache)} M rows/s, ` +
      `in memory ${millions(memory)}: ${best.toFixed(2)} (${median.toFixed(2)})`,
    isMet: Math.min(best, median) >= LEAST_RATIO,
    memory,
  }
}

/** The check: other work on the machine makes epochs slower, so the best of each are compared beside the medians. */
export async function checkOutOfCore(): Promise<{ text: string; isMet: boolean }> {
  return withFile('higgs', ROWS, async (path) => {
    const epochs = [await compareEpochs(path, 1), await compareEpochs(path, undefined)]
    const seconds = { parse: [] as number[], first: [] as number[], packed: [] as number[] }
    for (let round = 0; round < ROUNDS; round++) {
      seconds.parse.push(await secondsToParse(path))
      const { first, packed } = await timesOf(path, { outOfCore: true, cache: false, epochs: 1 })
      seconds.first.push(first)
      seconds.packed.push(packed)
    }
    const [parse, first, packed] = [seconds.parse, seconds.first, seconds.packed].map((all) =>
      Math.min(...all),
    )
    const epoch = ROWS / epochs[1].memory.best
    const longest = Math.max(parse, epoch)
    return {
      text:
        `${epochs.map(({ text }) => text).join('; ')}; to the end of the first epoch ${first.toFixed(2)} s, ` +
        `${packed.toFixed(2)} s of them from the last row read, parsing ${parse.toFixed(2)} s, an epoch ${epoch.toFixed(2)} s: ` +
        `${(first / longest).toFixed(1)} and ${(packed / longest).toFixed(1)} times the longer; ` +
        `target: at least ${LEAST_RATIO}, at most ${MOST_RATIO}`,
      isMet: epochs.every(({ isMet }) => isMet) && first <= MOST_RATIO * longest,
    }
  })
}
