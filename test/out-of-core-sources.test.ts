/** Training out of core on what is no CSV file: every source gives the bits that the same rows give as CSV. */

import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import * as arrow from 'apache-arrow'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { Dataset, openCsv } from '../src/data/dataset.ts'
import { findSource } from '../src/data/open-dataset.ts'
import * as memory from '../src/model/memory.ts'
import type { Model } from '../src/model.ts'
import type { TrainOptions } from '../src/model/options.ts'
import type { TrainSource } from '../src/model/read-source.ts'
import { train } from '../src/model/train.ts'
import { randomStream } from '../src/random.ts'

const ROWS = 5000
let folder = ''
let temporary = ''
const sentences: string[] = []
const options: TrainOptions = {
  target: 'kind',
  epochs: 2,
  seed: 3,
  hidden: [4],
  calibrate: false,
  outOfCore: true,
  onCache: (sentence) => sentences.push(sentence),
}

interface Row {
  size: number | null
  color: string
  day: string
  noise: number
  kind: string | null
}

function rowsOf(count: number): Row[] {
  const draw = randomStream(7, 'rows')
  return Array.from({ length: count }, (_, i) => {
    const size = Math.round(draw.normal(4 * i) * 1000) / 100
    const color = ['red', 'green', 'blue'][draw.below(3, 4 * i + 1)]
    const noise = draw.normal(4 * i + 2)
    const kind = size + noise > 1 ? 'big' : 'small'
    const day = `2024-0${1 + (i % 9)}-1${i % 7}`
    return { size: i % 12 === 0 ? null : size, color, day, noise, kind: i % 50 === 0 ? null : kind }
  })
}

const rows = rowsOf(ROWS)

function csvOf(part: readonly Row[]): string {
  const lines = part.map((row) =>
    (Object.values(row) as (string | number | null)[]).map((value) => value ?? '').join(','),
  )
  return `size,color,day,noise,kind\n${lines.join('\n')}\n`
}

const at = (name: string): string => join(folder, name)

async function duckdb(sql: string): Promise<void> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(sql)
  connection.closeSync()
}

let reference: Model<object>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-sources-'))
  writeFileSync(at('rows.csv'), csvOf(rows))
  writeFileSync(at('rows.csv.gz'), gzipSync(csvOf(rows)))
  writeFileSync(at('part-1.csv'), csvOf(rows.slice(0, 1234)))
  writeFileSync(at('part-2.csv'), csvOf(rows.slice(1234)))
  await duckdb(`COPY (FROM '${at('rows.csv')}') TO '${at('rows.parquet')}'`)
  await duckdb(
    `COPY (SELECT range % 100 AS a, range % 7 AS b, CASE WHEN range % 2 = 0 THEN 'x' ELSE 'y' END AS kind
     FROM range(60000)) TO '${at('packed.parquet')}'`,
  )
  const column = (name: keyof Row): unknown[] => rows.map((row) => row[name])
  const types = { size: new arrow.Float64(), noise: new arrow.Float64() }
  const vectors = Object.keys(rows[0]).map((name) => [
    name,
    arrow.vectorFromArray<arrow.DataType>(
      column(name as keyof Row),
      name in types ? types.size : new arrow.Utf8(),
    ),
  ])
  const table = new arrow.Table(Object.fromEntries(vectors) as Record<string, arrow.Vector>)
  writeFileSync(at('rows.arrow'), arrow.tableToIPC(table, 'file'))
  reference = await train(at('rows.csv'), { ...options, cache: false })
})

beforeEach(() => {
  sentences.length = 0
  temporary = mkdtempSync(join(folder, 'tmp-'))
  vi.stubEnv('TMPDIR', temporary)
})

afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const sources: readonly [string, () => TrainSource | Promise<TrainSource>][] = [
  ['a Parquet file', () => at('rows.parquet')],
  ['an Arrow file', () => at('rows.arrow')],
  ['SQL', () => `duckdb:FROM '${at('rows.parquet')}'`],
  ['a packed CSV', () => at('rows.csv.gz')],
  ['several CSV files', () => [at('part-1.csv'), at('part-2.csv')]],
  ['a pattern', () => at('part-*.csv')],
  ['a stream', () => createReadStream(at('rows.csv'))],
  ['a dataset of a file', () => openCsv(at('rows.csv'))],
  ['a dataset of objects', () => Dataset.from<Row>(rows)],
  ['a function that gives a generator', () => Dataset.from(() => rows.values())],
  ['a view', async () => (await Dataset.from([...rows, ...rows])).take(ROWS)],
]

test.each(sources)('%s gives the bits of the CSV, out of core', async (_, source) => {
  const given = await source()
  const model = await train<object>(given, { ...options, cache: false })
  expect(model.network.parameters).toEqual(reference.network.parameters)
  expect(model.encoder.data).toEqual(reference.encoder.data)
  const { split, rows: count, data, columns, classes } = reference.report
  expect(model.report).toMatchObject({ split, rows: count, data, columns, classes })
  if (given instanceof Dataset) await given.close()
  expect(readdirSync(temporary)).toEqual([])
})

test.each<[string, number, () => TrainSource | Promise<TrainSource>]>([
  ['a Parquet file, whose numbers are packed', 60_000, () => at('packed.parquet')],
  ['SQL', 60_000, () => `duckdb:FROM '${at('packed.parquet')}'`],
  ['a dataset', 60_000, () => Dataset.from(() => numbered(60_000))],
  ['a view of a dataset', 50_000, async () => (await Dataset.from(() => numbered(60_000))).take(50_000)],
])('%s is trained on out of core where it does not fit into the memory', async (_, count, source) => {
  const fits = vi.spyOn(memory, 'mostWhole')
  const isByParts = async (most: number): Promise<boolean> => {
    fits.mockReturnValue(most)
    const settings = { ...options, outOfCore: undefined, epochs: 1 }
    return (await train(await source(), settings)).report.outOfCore !== undefined
  }
  // 8 bytes a number, 4 to 8 a text.
  expect(await isByParts(20 * count - 1)).toBe(true)
  expect(await isByParts(25 * count)).toBe(false)
  fits.mockRestore()
})

function* numbered(count: number): Generator<{ a: number; b: number; kind: string }> {
  for (let i = 0; i < count; i++) yield { a: i % 100, b: i % 7, kind: i % 2 === 0 ? 'x' : 'y' }
}

test('a cache of Parquet files is read by later trainings, and made anew where a file has changed', async () => {
  const cache = join(temporary, 'cache')
  const again = async (): Promise<void> => {
    const { network } = await train(at('rows.parquet'), { ...options, cache })
    expect(network.parameters).toEqual(reference.network.parameters)
  }
  await again()
  await again()
  expect(sentences[1]).toContain('of an earlier training')
  utimesSync(at('rows.parquet'), 1, 1)
  await again()
  expect(sentences[2]).toContain('of other data or settings: making them anew')
  expect(readdirSync(cache)).toHaveLength(1)
})

test('no cache is kept of what nobody can tell whether it has changed', async () => {
  const cache = join(temporary, 'cache')
  mkdirSync(cache)
  await train(`duckdb:FROM '${at('rows.parquet')}'`, { ...options, epochs: 1, cache })
  expect(sentences).toEqual(['packed rows for this training alone, as nothing tells whether duckdb changes'])
  expect(readdirSync(cache)).toEqual([])
})

test('booleans are the classes that they are in memory', async () => {
  const sql = 'duckdb:SELECT range AS n, range % 7 AS m, range % 3 = 0 AS yes FROM range(400)'
  const settings = { target: 'yes', epochs: 1, hidden: [2], seed: 1 }
  const [whole, parts] = [await train(sql, settings), await train(sql, { ...settings, outOfCore: true })]
  expect(parts.encoder.classes).toEqual([false, true])
  expect(parts.report.taskReason).toBe("'yes' is boolean")
  expect(parts.report.classes?.map(({ label, rows: count }) => [label, count])).toEqual(
    whole.report.classes?.map(({ label, rows: count }) => [label, count]),
  )
})

test('an earlier schema in another order and a group serve as with CSV', async () => {
  const { schema } = await openCsv(at('rows.csv'))
  const columns = [...schema.columns].reverse()
  const given = { ...options, cache: false, group: 'day' } as const
  const expected = await train(at('rows.csv'), given)
  const model = await train(at('rows.parquet'), { ...given, schema: { columns } })
  expect(model.report.split).toEqual(expected.report.split)
  const byName = ({ encoder }: Model<object>): object =>
    Object.fromEntries(encoder.data.inputs.map((input) => [input.name, input]))
  expect(byName(model)).toEqual(byName(expected))
})

test('rows that are others at the second reading end the training', async () => {
  let reading = 0
  const dataset = await Dataset.from(() => rows.slice(0, ROWS - reading++))
  await expect(train(dataset, options)).rejects.toThrow(
    /rows: expected the same rows at every reading, 5000 of them; received 4999\. .*same rows each time/,
  )
})

test('a generator is told how it can be read twice', async () => {
  const cure = 'await Dataset.from(rows)'
  const attempt = (source: unknown): Promise<unknown> => train(source as TrainSource, options)
  await expect(attempt(rows.values())).rejects.toThrow(cure)
  await expect(attempt(() => rows)).rejects.toThrow(cure)
  await expect(attempt(Readable.from(rows))).rejects.toThrow(/a stream of bytes or texts; .*Dataset\.from/)
})

test('a batch of an Arrow file that the memory does not hold is refused before it is read', async () => {
  const source = await findSource(at('rows.arrow'), { memoryBytes: 1e5 })
  const read = async (): Promise<void> => {
    for await (const { rows: count } of source.chunks()) expect(count).toBe(0)
  }
  await expect(read()).rejects.toThrow(/record batches of at most 100 kB.*received one of \d+ kB/)
})

test.each([
  ['a target that is not there', { target: 'kin' }, /Did you mean 'kind'/],
  ['a delimiter', { delimiter: ';' as const }, /delimiter/],
  [
    'memory that does not suffice',
    { memory: '371MB' },
    /at least \d+ MB: 370 MB for the program.*received 371 MB/,
  ],
])('%s is refused for Parquet too', async (_, wrong, message) => {
  await expect(train(at('rows.parquet'), { ...options, cache: false, ...wrong })).rejects.toThrow(message)
})
