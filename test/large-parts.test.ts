/** How the rows of a file are parted out of core: as in memory by time and by given rows, by class in exact shares. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCsv } from '../src/data/csv.ts'
import { openCsv } from '../src/data/dataset.ts'
import { openable } from '../src/data/openable.ts'
import { RankedValues } from '../src/data/ranked-values.ts'
import { ClassQuotas } from '../src/model/class-quotas.ts'
import { GivenRows } from '../src/model/given-rows.ts'
import { partNames, partRule, tableRuleColumns } from '../src/model/large-parts.ts'
import { findTimes } from '../src/model/large-times.ts'
import { normalizeTrainOptions } from '../src/model/normalize-options.ts'
import type { TrainOptions } from '../src/model/options.ts'
import { partRows } from '../src/model/parts.ts'
import { openOptionsOf } from '../src/model/read-source.ts'
import { train } from '../src/model/train.ts'
import { atOnce } from '../src/paced.ts'
import { randomStream } from '../src/random.ts'

const ROWS = 3000
/** Rows of a class by which its share may be missed. */
const MOST_OFF = 2
let folder = ''
let path = ''

const draw = randomStream(3, 'rows')
const pad = (value: number): string => String(value).padStart(2, '0')

function line(row: number): string {
  const number = Math.round(draw.normal(8 * row) * 40) / 4
  const day = draw.below(28, 8 * row + 1) + 1
  const month = draw.below(12, 8 * row + 2) + 1
  const second = draw.below(86_400, 8 * row + 3)
  const moment = new Date(Date.UTC(2021, month - 1, day, 0, 0, second)).toISOString()
  const rare = draw.uniform(8 * row + 4)
  const kind = row % 40 === 0 ? '' : rare < 0.02 ? 'rare' : rare < 0.4 ? 'some' : 'most'
  const code = kind === '' ? '' : String(['rare', 'some', 'most'].indexOf(kind) - 1)
  return [
    number,
    `2021-${pad(month)}-${pad(day)}`,
    `${pad(day)}.${pad(month)}.2021`,
    `${month}/${day}/2021`,
    moment,
    draw.normal(8 * row + 5),
    kind,
    code,
  ].join()
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-parts-'))
  path = join(folder, 'rows.csv')
  const lines = Array.from({ length: ROWS }, (_, row) => line(row))
  writeFileSync(path, `number,iso,german,american,moment,x,kind,code\n${lines.join('\n')}\n`)
})

afterAll(() => rmSync(folder, { recursive: true }))

/** The part of every row out of core, `none` for those in no part and those without a target. */
async function partsOf(options: Partial<TrainOptions>, chunkBytes = 20_000): Promise<string[]> {
  const given = normalizeTrainOptions({ target: 'kind', seed: 5, ...options })
  const { split } = given
  const settings = split === undefined ? given : { ...given, givenRows: await GivenRows.of(split) }
  const times = await findTimes(await openable(path, { chunkBytes }), settings, openOptionsOf(settings))
  const rule = partRule(settings, ROWS, times)
  const found: string[] = []
  const dataset = await openCsv(path, { chunkBytes })
  for await (const { table, numbers } of dataset.chunks()) {
    const places = atOnce(rule(numbers, tableRuleColumns(table, settings)))
    const target = table.columns.find(({ name }) => name === settings.targets[0])
    for (let row = 0; row < table.rows; row++) {
      const isKnown =
        target?.type === 'numeric' ? !Number.isNaN(target.values[row]) : (target?.codes[row] ?? -1) >= 0
      found.push(isKnown ? (partNames.at(places[row]) ?? 'none') : 'none')
    }
  }
  return found
}

async function partsInMemory(options: Partial<TrainOptions>): Promise<string[]> {
  const settings = normalizeTrainOptions({ target: 'kind', seed: 5, ...options })
  const parts = await partRows(await readCsv(path), 'classification', settings)
  const found = Array.from({ length: ROWS }, () => 'none')
  for (const name of partNames) for (const row of parts[name]) found[row] = name
  return found
}

const countOf = (parts: readonly string[], wanted: string): number =>
  parts.filter((part) => part === wanted).length

describe('by time', () => {
  test.each(['number', 'iso', 'german', 'american', 'moment', 'x'])(
    'of the column %s the same rows are held out as in memory',
    async (column) => {
      const options = { splitBy: `time:${column}`, coverage: 0.9 } as const
      const inMemory = await partsInMemory(options)
      expect(await partsOf(options)).toEqual(inMemory)
      expect(new Set(inMemory).size).toBe(5)
    },
  )

  test('shares of nothing hold nothing out, large ones nearly all', async () => {
    for (const shares of [
      { test: 0, validation: 0.5 },
      { test: 0.9, validation: 0 },
      { test: 0.001, validation: 0.9 },
    ]) {
      const options = { splitBy: 'time:number', ...shares } as const
      expect(await partsOf(options)).toEqual(await partsInMemory(options))
    }
  })

  test('of given training rows the latest are held out for validation', async () => {
    const rows = (first: number): number[] => Array.from({ length: 900 }, (_, i) => 3 * i + first)
    const options = { splitBy: 'time:iso', split: { train: rows(0), test: rows(1) }, coverage: 0.8 } as const
    const parts = await partsOf(options)
    expect(parts).toEqual(await partsInMemory(options))
    expect(countOf(parts, 'none')).toBeGreaterThan(1200)
  })

  test('what is no time is refused as in memory', async () => {
    const odd = join(folder, 'odd.csv')
    const attempt = (text: string): Promise<unknown> => {
      writeFileSync(odd, text)
      return train(odd, { target: 'y', splitBy: 'time:t', outOfCore: true, cache: false })
    }
    const rows = 'a,1\n'.repeat(30)
    await expect(attempt(`t,y\n${rows}`)).rejects.toThrow(
      /numbers or dates .* column t; received texts such as 'a'/,
    )
    await expect(attempt(`t,y\n${'3,1\n'.repeat(30)}`)).rejects.toThrow(/different times in column t/)
    await expect(attempt('t,y\n3,1\n,\n,2\n')).rejects.toThrow(
      /row 2, column t: expected a time in every row/,
    )
    await expect(attempt('t,y\n13.01.2020,1\n01.13.2020,2\n')).rejects.toThrow(/numbers or dates/)
    await expect(attempt('time,y\n3,1\n')).rejects.toThrow(
      /splitBy, .*expected a column named 't'; received the columns 'time'/,
    )
  })
})

describe('by class', () => {
  test.each([0.2, 0.1, 0.3, 1 / 3, 0.75, 0.001])(
    'a share of %d is held out of any number of rows, but for two of them',
    (share) => {
      const quotas = new ClassQuotas(7, [{ name: 'split.test', part: 2, share }])
      let [held, furthest] = [0, 0]
      for (let rows = 1; rows <= 5000; rows++) {
        if (quotas.partOfNext('a', rows) === 2) held++
        furthest = Math.max(furthest, Math.abs(held - share * rows))
      }
      expect(furthest).toBeLessThan(MOST_OFF)
    },
  )

  test('every place among the rows of a class is as likely', () => {
    const times = new Float64Array(20)
    for (let seed = 0; seed < 2000; seed++) {
      const quotas = new ClassQuotas(seed, [{ name: 'split.test', part: 1, share: 0.2 }])
      for (let row = 0; row <= 20; row++) if (quotas.partOfNext('a', row) === 1) times[row - 1]++
    }
    // 2,000 draws of probability 0.2 have a standard deviation of 18.
    for (const count of times) expect(Math.abs(count - 400)).toBeLessThan(4.5 * 18)
  })

  test('classes keep their shares in all parts, whatever the pieces', async () => {
    const options = { stratify: true, coverage: 0.9 } as const
    const parts = await partsOf(options)
    expect(await partsOf(options, 3000)).toEqual(parts)
    // Numbers are classes as texts are.
    expect(await partsOf({ ...options, target: 'code', task: 'classification' })).toEqual(parts)
    const { columns } = await readCsv(path)
    const kinds = columns.find(({ name }) => name === 'kind')
    const codes = kinds?.type === 'categorical' ? kinds.codes : []
    for (const code of [0, 1, 2]) {
      const ofClass = parts.filter((_, row) => codes[row] === code)
      expect(Math.abs(countOf(ofClass, 'test') - 0.2 * ofClass.length)).toBeLessThan(MOST_OFF)
      const left = ofClass.length - countOf(ofClass, 'test') - countOf(ofClass, 'calibration')
      expect(Math.abs(countOf(ofClass, 'validation') - 0.1 * left)).toBeLessThan(MOST_OFF)
    }
  })

  test('numbers that are no classes are refused', async () => {
    const options = { target: 'x', stratify: true, outOfCore: true, cache: false } as const
    await expect(train(path, options)).rejects.toThrow(/stratify: expected a target with classes/)
  })
})

describe('as given', () => {
  const lists = { train: [1, 7, 3, 2001, 9], test: Float64Array.of(5, 2) }

  test('listed rows are where the lists say, all others nowhere', async () => {
    const parts = await partsOf({ split: lists, validation: 0 })
    expect(parts.flatMap((part, row) => (part === 'train' ? [row] : []))).toEqual([1, 3, 7, 9, 2001])
    expect(parts.flatMap((part, row) => (part === 'test' ? [row] : []))).toEqual([2, 5])
  })

  test('a file of lists makes the model that the lists make, and other lists another cache', async () => {
    const file = join(folder, 'split.json')
    const listed = (from: number, to: number): number[] =>
      Array.from({ length: to - from }, (_, row) => from + row)
    const split = { train: listed(0, 2000), test: listed(2200, 3000) }
    writeFileSync(file, JSON.stringify(split))
    const sentences: string[] = []
    const common = { target: 'kind', hidden: [4], epochs: 2, calibrate: false } as const
    const options = { ...common, outOfCore: true, cache: folder, onCache: (s: string) => sentences.push(s) }
    const [byFile, byLists] = [
      await train(path, { ...options, split: file }),
      await train(path, { ...options, split }),
    ]
    expect(byFile.network.parameters).toEqual(byLists.network.parameters)
    // The last blocks have any number of rows.
    expect(sentences[1]).toContain('of an earlier training')
    expect(byFile.report.split.rule).toBe(`as in ${file}`)
    await train(path, { ...options, split: { ...split, test: listed(2201, 3000) } })
    expect(sentences[2]).toContain('for later trainings')
    const whole = await train(path, { ...common, split, stratify: false })
    expect(byLists.report.split).toEqual(whole.report.split)
    expect(byLists.report.classes).toEqual(whole.report.classes)
    expect(byLists.report.droppedRows).toBe(whole.report.droppedRows)
  })

  test('rows that are not there are refused', async () => {
    const attempt = (split: TrainOptions['split']): Promise<unknown> =>
      train(path, { target: 'kind', outOfCore: true, cache: false, split })
    await expect(attempt({ train: [1], test: [2, 3000] })).rejects.toThrow(
      /split test: expected row numbers from 0 to 2999; received 3000/,
    )
    await expect(attempt({ train: [1], test: [1] })).rejects.toThrow(/1 in train and in test/)
    const file = join(folder, 'split.json')
    writeFileSync(file, '{"train":[1],"test":[3000]}')
    await expect(attempt(file)).rejects.toThrow(
      /^split, .*split\.json test: expected row numbers from 0 to 2999/,
    )
    await expect(attempt(join(folder, 'none.json'))).rejects.toThrow(/split, .*none\.json.*no such file/)
  })
})

test('numbers at a rank are those of all, sorted, also where they do not fit into memory', () => {
  const special = [0, -0, 5e-324, -5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 1, -1]
  const values = Float64Array.from({ length: 150_000 }, (_, i) => {
    const one = draw.uniform(i)
    return one < 0.1 ? special[i % special.length] : one < 0.5 ? Math.round(one * 100) : draw.normal(i) * 1e10
  })
  const ranking = new RankedValues()
  for (const value of values) ranking.add(value)
  const sorted = values.slice().sort()
  for (let rank = 0; rank < values.length; rank += 7499) {
    const value = sorted[rank] + 0
    const below = sorted.findIndex((other) => other === value)
    const equal = sorted.findLastIndex((other) => other === value) + 1 - below
    expect(atOnce(ranking.at(rank))).toEqual({ value, below, equal })
  }
  ranking.close()
})
