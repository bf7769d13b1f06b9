/** Training out of core beside training in memory, in turns: the rate of its later epochs, and how long its first one takes. */

import { join, dirname } from 'node:path'
import { openCsv } from '../src/data/dataset.ts'
import { train } from '../src/model/train.ts'
import { withFile } from './csv.ts'

const ROWS = 300_000
const EPOCHS = 4
const ROUNDS = 3
const LEAST_RATIO = 0.9
const MOST_RATIO = 1.3

const common = { target: 'label', hidden: [64, 64], epochs: EPOCHS, stratify: false } as const

interface Times {
  /** Seconds from the call to the end of the first epoch. */
  readonly first: number
  /** Rows a second in each of the others. */
  readonly rates: readonly number[]
}

async function timesOf(path: string, options: object): Promise<Times> {
  let rows = 0
  const ends: number[] = []
  const started = performance.now()
  await train(path, {
    ...common,
    stratify: undefined,
    ...options,
    onStart: ({ split }) => {
      rows = split.train
    },
    onEpoch: () => ends.push(performance.now()),
  })
  const rates = ends.slice(1).map((end, i) => (1000 * rows) / (end - ends[i]))
  return { first: (ends[0] - started) / 1000, rates }
}

async function secondsToParse(path: string): Promise<number> {
  const started = performance.now()
  await openCsv(path)
  return (performance.now() - started) / 1000
}

/** The check. The best of each is compared: other work on the machine only makes them slower. */
export async function checkOutOfCore(): Promise<{ text: string; isMet: boolean }> {
  return withFile('higgs', ROWS, async (path) => {
    const cache = join(dirname(path), 'cache')
    const rates = { memory: [] as number[], cache: [] as number[] }
    const seconds = { parse: [] as number[], first: [] as number[] }
    for (let round = 0; round < ROUNDS; round++) {
      seconds.parse.push(await secondsToParse(path))
      const built = await timesOf(path, { outOfCore: true, cache: false })
      seconds.first.push(built.first)
      rates.memory.push(...(await timesOf(path, { outOfCore: false, stratify: false })).rates)
      rates.cache.push(...built.rates, ...(await timesOf(path, { cache })).rates)
    }
    const [memory, ofCache] = [rates.memory, rates.cache].map((all) => Math.max(...all))
    const [medianOfMemory, medianOfCache] = [rates.memory, rates.cache].map(median)
    const [parse, first] = [seconds.parse, seconds.first].map((all) => Math.min(...all))
    const longest = Math.max(parse, ROWS / memory)
    const millions = (rate: number): string => (rate / 1e6).toFixed(2)
    return {
      text:
        `later epochs ${millions(ofCache)} M rows/s (median ${millions(medianOfCache)}), in memory ${millions(memory)} ` +
        `(${millions(medianOfMemory)}): ${(ofCache / memory).toFixed(2)}; to the end of the first epoch ${first.toFixed(2)} s, ` +
        `parsing ${parse.toFixed(2)} s, an epoch ${(ROWS / memory).toFixed(2)} s: ${(first / longest).toFixed(1)} times the longer; ` +
        `target: at least ${LEAST_RATIO}, at most ${MOST_RATIO}`,
      isMet: ofCache >= LEAST_RATIO * memory && first <= MOST_RATIO * longest,
    }
  })
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}
