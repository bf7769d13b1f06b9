/** Datasets of rows that are no CSV: objects, Parquet, Arrow, and SQL through DuckDB. Each against the values that went in. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import * as arrow from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Dataset, openCsv } from '../src/data/dataset.ts'
import { unpackLz4 } from '../src/data/lz4.ts'
import { openDataset } from '../src/data/open-dataset.ts'
import { loadPeer } from '../src/data/peers.ts'
import type { ReadProgress } from '../src/data/read-progress.ts'
import { columnValues, type Value } from '../src/data/table.ts'
import { xxh32 } from '../src/data/xxh32.ts'
import { DataError, SpecError } from '../src/errors.ts'
import { train } from '../src/model/train.ts'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-sources-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

async function valuesOf(dataset: Pick<Dataset, 'toTable'>): Promise<Record<string, Value[]>> {
  const { columns } = await dataset.toTable()
  return Object.fromEntries(columns.map((column) => [column.name, columnValues(column)]))
}

async function* generated(rows: number): AsyncGenerator<{ i: number; text: string; flag: boolean }> {
  for (let i = 0; i < rows; i++) yield await Promise.resolve({ i, text: `t${i % 3}`, flag: i % 2 === 0 })
}

describe('rows as objects', () => {
  const rows = [{ a: 1, b: 'x' }, { a: null, b: 'y', c: true }, { a: 2.5 }, {}]
  const values = { a: [1, null, 2.5, null], b: ['x', 'y', null, null], c: [null, true, null, null] }

  test.each([
    ['an array', rows],
    ['a set', new Set(rows)],
    [
      'a generator',
      (function* () {
        yield* rows
      })(),
    ],
    ['a function', () => rows],
  ])('%s is read again and again', async (_, given) => {
    const dataset = await Dataset.from<object>(given)
    expect(dataset.rows).toBe(4)
    expect(dataset.schema.columns).toEqual([
      { name: 'a', type: 'numeric' },
      { name: 'b', type: 'categorical', categories: ['x', 'y'] },
      { name: 'c', type: 'categorical', categories: ['true'], isBoolean: true },
    ])
    expect(await valuesOf(dataset)).toEqual(values)
    expect(await valuesOf(dataset)).toEqual(values)
    await dataset.close()
  })

  test('what map gives of a dataset makes another', async () => {
    const people = await Dataset.from([
      { kg: 80, m: 2 },
      { kg: 54, m: 1.5 },
    ])
    const more = await Dataset.from(() => people.map(({ kg, m }) => ({ bmi: kg / m ** 2, isTall: m > 1.8 })))
    expect(await valuesOf(more)).toEqual({ bmi: [20, 24], isTall: [true, false] })
    expect(await valuesOf(more.filter(({ bmi }) => bmi > 20))).toEqual({ bmi: [24], isTall: [false] })
  })

  test('what can be walked only once is kept in a temporary file until it is closed', async () => {
    vi.stubEnv('TMPDIR', mkdtempSync(join(folder, 'kept-')))
    const dataset = await Dataset.from(generated(10_000))
    const { i, text, flag } = await valuesOf(dataset)
    expect([i.length, i[9999], text[9999], flag[9999]]).toEqual([10_000, 9999, 't0', false])
    expect(await valuesOf(dataset.filter((row) => row.i % 4000 === 1).take(2))).toEqual({
      i: [1, 4001],
      text: ['t1', 't2'],
      flag: [false, false],
    })
    expect(readdirSync(tmpdir())).toHaveLength(1)
    await dataset.close()
    expect(readdirSync(tmpdir())).toEqual([])
    vi.unstubAllEnvs()
  })

  test('a type comes from all rows, and a column may first turn up late', async () => {
    const many = Array.from({ length: 9000 }, (_, i) => (i < 8500 ? { v: i } : { v: 'late', w: i }))
    const dataset = await Dataset.from<object>(many)
    const { v, w } = await valuesOf(dataset)
    expect([v[7], v[8999], w[0], w[8999]]).toEqual(['7', 'late', null, 8999])
    const [described, other] = await dataset.describe()
    expect(described).toMatchObject({ type: 'categorical', count: 9000, categories: 8501 })
    expect(other).toMatchObject({ type: 'numeric', count: 500, missing: 8500, minimum: 8500 })
  })

  test('columns are chosen and declared; an earlier schema stands in for the pass that finds them', async () => {
    const zips = [
      { zip: 7, n: 1 },
      { zip: 12, n: 2 },
    ]
    const dataset = await Dataset.from(zips, { types: { zip: 'categorical' }, columns: ['zip'] })
    expect(await valuesOf(dataset)).toEqual({ zip: ['7', '12'] })
    const again = await Dataset.from(zips, {
      schema: { columns: [{ name: 'zip', type: 'categorical', categories: ['12'] }] },
    })
    expect(again.rows).toBeUndefined()
    expect(await valuesOf(again)).toEqual({ zip: [null, '12'] })
    expect((await Dataset.from([])).schema.columns).toEqual([])
  })

  test.each([
    [7, 'Dataset.from: expected rows that can be iterated'],
    [[[1, 2]], 'rows row 0: expected an object with a value per column; received an array of 2'],
    [[{ a: 1 }, 'x'], "rows row 1: expected an object with a value per column; received 'x'"],
    [[{ a: 1 }, { a: Infinity }], 'rows row 1, column a: expected a finite number'],
    [[{ a: 1 }, { a: new Date(0) }], 'rows row 1, column a: expected a finite number, a text'],
  ])('%j is refused', async (rows, message) => {
    await expect(Dataset.from(rows as object[])).rejects.toThrow(message)
  })

  test.each([
    [
      { types: { b: 'numeric' } },
      "rows row 0, column b: expected a number, as the column is declared numeric; received 'x'",
    ],
    [{ columns: ['z'] }, "expected a column named 'z'"],
    [{ types: { z: 'numeric' } }, "expected a column named 'z'"],
    [{ delimiter: ';' }, 'Dataset.from options'],
    [{ column: ['a'] }, "should be 'columns'"],
  ])('the options %j are refused', async (options, message) => {
    await expect(Dataset.from(rows as object[], options as object)).rejects.toThrow(message)
  })
})

test('a view is described by its own rows, also where it has none', async () => {
  const path = join(folder, 'views.csv')
  writeFileSync(
    path,
    `v,t\n${Array.from({ length: 100 }, (_, i) => `${i},${i < 50 ? 'a' : 'b'}`).join('\n')}\n`,
  )
  const dataset = await openCsv<{ v: number; t: string }>(path)
  const [v, t] = await dataset.filter((row) => row.v < 10).describe()
  expect(v).toMatchObject({ count: 10, minimum: 0, maximum: 9, mean: 4.5 })
  expect(t).toMatchObject({ count: 10, categories: 1 })
  expect(await dataset.take(0).describe()).toMatchObject([
    { name: 'v', count: 0 },
    { name: 't', count: 0, categories: 0 },
  ])
  expect(() => dataset.map('x' as never)).toThrow('map: expected a function of a row')
  expect(() => dataset.filter(undefined as never)).toThrow('filter: expected a function of a row')
  expect(() => dataset.split(1)).toThrow(SpecError)
  expect(() => dataset.split(0.5, { seed: -1 })).toThrow('seed: expected an integer at least 0')
  expect(() => dataset.take(1.5)).toThrow('take: expected an integer')
})

describe('Parquet and SQL through DuckDB', () => {
  const columns = `range AS i, range * 0.5 AS x, CASE WHEN range % 3 = 0 THEN NULL ELSE 'k' || range % 5 END AS s,
    TIMESTAMP '2024-01-01 12:00:00' + INTERVAL (range) DAY AS at, DATE '2024-02-03' AS d, range % 2 = 0 AS b,
    1.25::DECIMAL(10,2) AS money, 9007199254740993::HUGEINT AS huge, 'f'::ENUM('e', 'f') AS e`

  beforeAll(async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    for (const [part, from] of [
      [1, 'range(0, 3000)'],
      [2, 'range(3000, 5000)'],
    ] as const)
      await connection.run(
        `COPY (SELECT ${columns} FROM ${from}) TO '${join(folder, `part-${part}.parquet`)}'`,
      )
    await connection.run(`COPY (SELECT [1, 2] AS list) TO '${join(folder, 'nested.parquet')}'`)
    connection.closeSync()
  })

  test('a pattern of Parquet files is one dataset with the values that were written', async () => {
    const dataset = await openDataset(join(folder, 'part-*.parquet'))
    expect(dataset.rows).toBe(5000)
    const types = Object.fromEntries(dataset.schema.columns.map(({ name, type }) => [name, type]))
    expect(types).toEqual({
      i: 'numeric',
      x: 'numeric',
      s: 'categorical',
      at: 'categorical',
      d: 'categorical',
      b: 'categorical',
      money: 'numeric',
      huge: 'numeric',
      e: 'categorical',
    })
    const { i, x, s, at, d, b, money, huge, e } = await valuesOf(dataset)
    expect(i).toEqual(Array.from({ length: 5000 }, (_, row) => row))
    expect(x[4999]).toBe(2499.5)
    expect([s[0], s[1]]).toEqual([null, 'k1'])
    expect([at[1], d[0], b[0], b[1]]).toEqual(['2024-01-02 12:00:00', '2024-02-03', true, false])
    expect([money[0], huge[0], e[0]]).toEqual([1.25, 9007199254740992, 'f'])
    const batch = await dataset
      .take(2)
      .numbers({ columns: ['x', 'i'] })
      .next()
    expect(batch.value).toMatchObject({ rows: 2, inputs: 2, x: Float32Array.of(0, 0, 0.5, 1) })
  })

  test('the last of several statements gives the rows, and files may be its tables', async () => {
    const sql = `SET threads = 1; SELECT i, x AS y FROM '${join(folder, 'part-1.parquet')}' WHERE i > 2997 ORDER BY i`
    const dataset = await openDataset(`duckdb:${sql}`)
    expect(await valuesOf(dataset)).toEqual({ i: [2998, 2999], y: [1499, 1499.5] })
    await dataset.close()
  })

  test.each([
    ['duckdb:SELEC 1', 'duckdb: expected SQL that DuckDB can answer; received'],
    ['duckdb:SELECT * FROM nowhere', 'Table with name nowhere does not exist'],
    ['duckdb:', 'expected SQL that DuckDB can answer; received no statement'],
    ['duckdb:SELECT 1 AS a, 2 AS a', "expected a name of its own for every column; received 'a' twice"],
    [
      "duckdb:SELECT 'inf'::DOUBLE AS a",
      'duckdb row 0, column a: expected a finite number; received Infinity',
    ],
    ['nested.parquet', 'column list: expected numbers, texts, booleans or times; received INTEGER[]'],
    ['absent.parquet', 'absent.parquet: expected a Parquet file; received no such file'],
    ['none-*.parquet', 'expected a pattern that files match'],
    ['wrong.parquet', 'wrong.parquet: expected a Parquet file; received'],
  ])('%s is refused', async (input, message) => {
    writeFileSync(join(folder, 'wrong.parquet'), 'a,b\n1,2\n')
    const opened = openDataset(input.startsWith('duckdb:') ? input : join(folder, input))
    await expect(opened).rejects.toThrow(DataError)
    await expect(opened).rejects.toThrow(message)
  })
})

describe('Arrow', () => {
  const table = arrow.tableFromArrays({
    x: Float64Array.of(1, 2.5, NaN),
    s: ['a', null, 'b'],
    i: BigInt64Array.of(1n, -2n, 3n),
  })
  const values = {
    x: [1, 2.5, null],
    s: ['a', null, 'b'],
    i: [1, -2, 3],
    when: ['2024-02-03T00:00:00.000Z', null, '1970-01-01T00:00:00.000Z'],
    yes: [true, false, null],
  }
  const when = arrow.vectorFromArray([new Date('2024-02-03'), null, new Date(0)], new arrow.DateMillisecond())
  const yes = arrow.vectorFromArray([true, false, null], new arrow.Bool())
  const whole = table.assign(new arrow.Table({ when, yes }))

  test.each(['file', 'stream'] as const)('the %s format has the values that were written', async (format) => {
    const path = join(folder, `${format}.arrow`)
    writeFileSync(path, arrow.tableToIPC(whole, format))
    const dataset = await openDataset([path, path])
    expect(dataset.rows).toBe(6)
    const found = await valuesOf(dataset)
    for (const [name, expected] of Object.entries(values))
      expect(found[name]).toEqual([...expected, ...expected])
  })

  // Written by apache-arrow 21.2 with what the commands lz4 1.9.4 and zstd make of its buffers; one with sizes and checksums in its frames.
  test.each(['lz4', 'lz4-checked', 'zstd'])('%s is unpacked', async (name) => {
    const { x, i, long, s, d } = await valuesOf(
      await openDataset(fileURLToPath(new URL(`data/arrow/${name}.arrow`, import.meta.url))),
    )
    const rows = Array.from({ length: 2000 }, (_, row) => row)
    expect(x).toEqual(rows.map((row) => (row % 50) / 4))
    expect(i).toEqual(rows.map((row) => row * row))
    expect(long).toEqual(rows.map(() => 0))
    expect(s).toEqual(rows.map((row) => (row % 3 === 0 ? null : `name ${row % 40}`)))
    expect(d).toEqual(rows.map((row) => `kind ${row % 3}`))
  })

  test('no wrong byte in a frame of LZ4 with checksums goes unseen', () => {
    // What `lz4 -9 -BX --content-size` 1.9.4 makes of these lines.
    const text = Array.from({ length: 60 }, (_, i) => `row ${(i * i) % 97}\n`).join('')
    const packed = Buffer.from(
      'BCJNGHxAmwEAAAAAAAB42QAAAGByb3cgMAoGABExBgARNAYAEjkSABE2BwAhMjUHABIzDgASNBwAEjYpABI4NgASMykAAhQAITQ3BwAiNzIVAAIh' +
        'AAIoABI2DgATOVIAAjcAEzeAAAIcABI1FQATOW4AA5AAA50AAxwAAhUAEjU4ABI4WgACUwASMnwAEjgVABI1KQASMloAEzi6AAOzAAIxABIx' +
        'DgASOG8AEzZ2AAI/ABIzOAATMWIAAnwAAoMAEjg+ABI3UwATNw4AGTMHAAkjACg4NT8AGDZZACgzMnUAoDY2CnJvdyA4NgqIl/ihAAAAAJrv' +
        'wio=',
      'base64',
    )
    expect(new TextDecoder().decode(unpackLz4(packed))).toBe(text)
    for (let at = 0; at < packed.length; at++) {
      const damaged = Uint8Array.from(packed)
      damaged[at] ^= 1 << (at % 8)
      expect(() => unpackLz4(damaged), `byte ${at}`).toThrow()
    }
  })

  test.each([
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ])('the checksum of %j is the published one', (text, hash) => {
    expect(xxh32(new TextEncoder().encode(text))).toBe(hash)
  })

  test('a frame of LZ4 that is damaged is an error, never other bytes of another length', () => {
    const packed = Uint8Array.of(
      4,
      34,
      77,
      24,
      0x60,
      0x40,
      0x82,
      5,
      0,
      0,
      0,
      0x10,
      97,
      1,
      0,
      0x00,
      0,
      0,
      0,
      0,
    )
    expect(new TextDecoder().decode(unpackLz4(packed))).toBe('aaaaa')
    for (let cut = 0; cut < packed.length; cut++) expect(() => unpackLz4(packed.subarray(0, cut))).toThrow()
    const before = packed.slice()
    before[13] = 9
    expect(() => unpackLz4(before)).toThrow('refers to nothing')
  })

  test('what is no Arrow file, cut off or nested is refused by name', async () => {
    const bytes = arrow.tableToIPC(whole, 'file')
    const nested = new arrow.Table({ list: arrow.vectorFromArray([[1], [2]]) })
    for (const [name, content] of Object.entries({
      'cut.arrow': bytes.subarray(0, bytes.length / 2),
      'cut.arrows': arrow.tableToIPC(whole, 'stream').subarray(0, -100),
      'text.feather': 'a,b\n1,2\n',
      'nested.ipc': arrow.tableToIPC(nested, 'file'),
      'empty.arrow': '',
    })) {
      const path = join(folder, name)
      writeFileSync(path, content)
      await expect(openDataset(path), name).rejects.toThrow(DataError)
      await expect(openDataset(path), name).rejects.toThrow(name)
    }
    await expect(openDataset(join(folder, 'absent.arrow'))).rejects.toThrow(
      'expected an Arrow file; received no such file',
    )
  })
})

test('CSV goes to openCsv, formats are not mixed, and options of CSV belong to CSV', async () => {
  const path = join(folder, 'plain.csv')
  writeFileSync(path, 'a;b\n1;2\n')
  expect(await valuesOf(await openDataset(path, { delimiter: ';' }))).toEqual({ a: [1], b: [2] })
  await expect(openDataset([path, 'x.parquet'])).rejects.toThrow('expected files of one format')
  await expect(openDataset('duckdb:SELECT 1', { delimiter: ';' })).rejects.toThrow('delimiter')
})

test('a peer that is absent is named with the command that installs it', async () => {
  const absent = Object.assign(new Error("Cannot find package 'fzstd'"), { code: 'ERR_MODULE_NOT_FOUND' })
  const loading = loadPeer('apache-arrow', 'sales.arrow', () => Promise.reject(absent))
  await expect(loading).rejects.toThrow(
    'sales.arrow: expected the package apache-arrow, with which Arrow files are read; received none. Install it beside hadamard: npm install apache-arrow',
  )
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    peerDependenciesMeta: Record<string, { optional: boolean }>
  }
  expect(manifest.peerDependenciesMeta['apache-arrow'].optional).toBe(true)
})

test('a training takes SQL and datasets, and warns of records that it left out', async () => {
  const options = { target: 'y', epochs: 1, hidden: [2] }
  const sql = 'duckdb:SELECT range AS x, range * 2.5 AS y FROM range(60)'
  expect((await train(sql, options)).report.rows).toBe(60)
  const rows = Array.from({ length: 60 }, (_, x) => ({ x, y: x / 7 }))
  expect((await train(await Dataset.from(rows), options)).report.rows).toBe(60)
  const path = join(folder, 'short.csv')
  writeFileSync(path, `x,y\n${rows.map(({ x, y }) => `${x},${y}`).join('\n')}\n7\n`)
  await expect(train(path, options)).rejects.toThrow(
    'line 62: expected 2 fields, as in the header; received 1',
  )
  const lines: number[] = []
  const { report } = await train(path, {
    ...options,
    onError: 'skip',
    onReject: ({ line }) => lines.push(line),
  })
  expect([report.rows, lines]).toEqual([60, [62]])
  expect(report.warnings).toContain('1 wrong record left out.')
})

describe('how far the rows of other sources are read is told', () => {
  const ROWS = 3000
  const sql = `SELECT i % 7 AS a, i * 0.5 AS b, i % 2 AS y FROM range(${ROWS}) t(i)`
  const ways = [{ outOfCore: false }, { outOfCore: true, cache: false as const }]

  test.each(
    ways.flatMap((way) => [
      ['Parquet', (path: string) => path, ROWS, way] as const,
      // Kept first, which no total is known of, then read.
      ['SQL', () => `duckdb:${sql}`, 2 * ROWS, way] as const,
    ]),
  )('$0, $2 rows in all, $3', async (_, sourceOf, told, way) => {
    const path = join(folder, 'progress.parquet')
    const connection = await (await DuckDBInstance.create()).connect()
    await connection.run(`COPY (${sql}) TO '${path}' (FORMAT parquet)`)
    const seen: ReadProgress[] = []
    const onRead = (progress: ReadProgress): void => void seen.push(progress)
    await train(sourceOf(path), { target: 'y', epochs: 2, hidden: [2], onRead, ...way })
    const last = seen.at(-1)
    expect(last).toMatchObject({ rows: ROWS, bytes: ROWS * 24, totalBytes: ROWS * 24, remainingSeconds: 0 })
    const pieces = seen.map(({ rows }, i) =>
      i === 0 || rows < seen[i - 1].rows ? rows : rows - seen[i - 1].rows,
    )
    expect(pieces.reduce((sum, rows) => sum + rows, 0)).toBe(told)
  })

  test('a dataset out of core', async () => {
    const rows = Array.from({ length: ROWS }, (_, i) => ({ a: i % 7, b: i * 0.5, y: i % 2 }))
    const seen: number[] = []
    const onRead = ({ bytes, totalBytes }: ReadProgress): void => void seen.push(bytes, totalBytes ?? NaN)
    const dataset = await Dataset.from(rows)
    await train(dataset, { target: 'y', epochs: 1, hidden: [2], onRead, outOfCore: true, cache: false })
    expect(seen.slice(-2)).toEqual([ROWS * 24, ROWS * 24])
  })
})
