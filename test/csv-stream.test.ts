/** The streaming reader against the reader of whole files, the limits that only it has, and what a dataset does with it. */

import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { generate } from '../bench/csv-generate.ts'
import { findDelimiter } from '../src/data/csv-head.ts'
import { parseCsv, type CsvOptions } from '../src/data/csv.ts'
import { CsvFiles } from '../src/data/csv-files.ts'
import { openCsv } from '../src/data/dataset.ts'
import type { OpenCsvOptions } from '../src/data/open-options.ts'
import type { DatasetSchema } from '../src/data/survey.ts'
import { hashSplit, rowNumbers } from '../src/data/split.ts'
import { columnValues, type Table, type Value } from '../src/data/table.ts'
import { DataError, SpecError } from '../src/errors.ts'
import { train } from '../src/model/train.ts'
import { randomStream } from '../src/random.ts'
import { availableBackends } from './csv-backends.ts'
import { generator, mutate, randomCsv, randomOptions } from './support/random-csv.ts'

const cases = join(import.meta.dirname, 'data', 'csv')
const backends = availableBackends()
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-stream-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

function rowsOf(table: Table): Value[][] {
  const columns = table.columns.map(columnValues)
  return Array.from({ length: table.rows }, (_, row) => columns.map((values) => values[row]))
}

async function read(path: string, options: OpenCsvOptions = {}): Promise<Table> {
  return (await openCsv(path, options)).toTable()
}

async function refusal(action: Promise<unknown>): Promise<DataError> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(DataError)
  return error as DataError
}

describe.each(backends)('by pieces on %s', (backend) => {
  test('random and mutated files read as whole, or are refused as whole, whatever the pieces', async () => {
    const sources = readdirSync(cases).map((name) => readFileSync(join(cases, name)))
    const draw = generator(5)
    let readings = 0
    for (let round = 0; round < 250; round++) {
      const bytes = draw(2) === 0 ? randomCsv(draw) : mutate(sources[draw(sources.length)], draw)
      const options: CsvOptions = { ...randomOptions(draw), backend }
      const path = file('random.csv', bytes)
      const chunkBytes = [64, 100, 1000][draw(3)]
      const about = `round ${round}, ${chunkBytes} bytes: ${JSON.stringify(bytes.toString('latin1'))} ${JSON.stringify(options)}`
      let whole: Table | undefined
      try {
        whole = parseCsv(bytes, { ...options, source: path })
      } catch (error) {
        if (!(error instanceof DataError)) throw error
      }
      // From the first piece alone the delimiter may be found otherwise.
      const mark = bytes[0] === 0xef ? 3 : 0
      const delimiter = options.delimiter ?? (findDelimiter(bytes, mark) as CsvOptions['delimiter'])
      const outcome = await read(path, { ...options, delimiter, chunkBytes }).catch((error: unknown) => error)
      if (whole === undefined) expect(outcome, about).toBeInstanceOf(DataError)
      else {
        expect(outcome, about).not.toBeInstanceOf(Error)
        expect((outcome as Table).columns, about).toEqual(whole.columns)
        readings++
      }
    }
    expect(readings).toBeGreaterThan(60)
  })

  test('a text that stands for a missing value does so where the given categories hold it too', async () => {
    const long = `the ${'very '.repeat(10)}last`
    const categories = ['a', 'none', 'b', long]
    const texts = Array.from({ length: 200 }, (_, row) => categories[(row * row) % 4])
    const path = file('listed.csv', `x,kind\n${texts.map((text, row) => `${row},"${text}"\n`).join('')}`)
    const schema: DatasetSchema = {
      columns: [
        { name: 'x', type: 'numeric' },
        { name: 'kind', type: 'categorical', categories },
      ],
    }
    const { columns } = await read(path, { backend, schema, missing: ['none'] })
    expect(columnValues(columns[1])).toEqual(texts.map((text) => (text === 'none' ? null : text)))
    const { columns: all } = await read(path, { backend, schema })
    expect(columnValues(all[1])).toEqual(texts)
  })

  test.each([64, 333, 4096])(
    'quotes, line ends and stray quotes across pieces of %i bytes',
    async (chunkBytes) => {
      const texts = ['plain', 'a,b', 'x\r\ny', 'say "so"', '', '\r', '5" tall', 'é'.repeat(40)]
      const draw = generator(chunkBytes)
      const records = Array.from({ length: 700 }, (_, row) => {
        const text = texts[draw(texts.length)]
        const quoted = text === '5" tall' ? text : `"${text.replaceAll('"', '""')}"`
        return { row, text, line: `${row},${quoted},${row / 7}` }
      })
      const path = file('quotes.csv', ['n,text,x', ...records.map(({ line }) => line)].join('\r\n'))
      const table = await read(path, { backend, chunkBytes, delimiter: ',' })
      expect(rowsOf(table)).toEqual(records.map(({ row, text }) => [row, text, row / 7]))
    },
  )

  test('a type comes from all values, also where the first text comes late or after words that number columns miss', async () => {
    const lines = Array.from({ length: 400 }, (_, row) => `${row},${row % 3 === 0 ? 'NA' : row}`)
    const path = file('late.csv', `a,b\n${lines.join('\n')}\n400,last\n`)
    const { columns } = await read(path, { backend, chunkBytes: 256 })
    expect(columns.map(({ type }) => type)).toEqual(['numeric', 'categorical'])
    expect(columnValues(columns[1]).slice(0, 4)).toEqual(['NA', '1', '2', 'NA'])
    expect(columns[1].missing).toBe(0)
  })

  test('the first wrong record is named by file, line and column, as the reader of whole files names it', async () => {
    const good = Array.from({ length: 300 }, (_, row) => `${row},"a\nb"`).join('\n')
    const numeric = { backend, chunkBytes: 128, types: { x: 'numeric' } } as const
    const path = file('wrong.csv', `x,t\n${good}\noops,c\n`)
    expect(await refusal(read(path, numeric))).toMatchObject({
      line: 602,
      column: 'x',
      message:
        `${path} line 602, column x: expected a number, as the column is declared numeric; received 'oops'. ` +
        'Correct it, list it as missing, or declare the column categorical (byte 2894, column 1: oops,c) [HADAMARD_CSV_NUMBER]',
    })
    const short = file('short.csv', `x,t\n${good}\n7\n`)
    expect((await refusal(read(short, { backend, chunkBytes: 128 }))).message).toBe(
      `${short} line 602: expected 2 fields, as in the header; received 1. Add the fields that are missing (byte 2894: 7) [HADAMARD_CSV_RAGGED]`,
    )
    const endless = file('endless.csv', `x,t\n${good}\n7,"c\n${'d\n'.repeat(500)}`)
    expect(await refusal(read(endless, { backend, chunkBytes: 128, onError: 'skip' }))).toMatchObject({
      line: 602,
      column: 't',
    })
    const infinite = file('infinite.csv', `x,t\n${good}\n1e999,c\n`)
    expect(await refusal(read(infinite, { backend, chunkBytes: 128 }))).toMatchObject({
      line: 602,
      column: 'x',
    })
  })

  test('bytes that are no text are refused with their line, wherever they stand', async () => {
    const rows = 'é,1\n'.repeat(500)
    for (const [wrong, message] of [
      ['\xFF,1\n', 'byte 0xFF'],
      ['\0,1\n', 'a NUL byte'],
    ]) {
      const path = file(
        'bytes.csv',
        Buffer.concat([Buffer.from(`a,b\n${rows}`), Buffer.from(wrong, 'latin1'), Buffer.from(rows)]),
      )
      const error = await refusal(read(path, { backend, chunkBytes: 200, delimiter: ',' }))
      expect(error.line).toBe(502)
      expect(error.message).toContain(message)
    }
  })

  test('wrong records are left out and told of in full; no value of theirs stays', async () => {
    const path = file('rejects.csv', 'x,kind\n1,a\n2\n,c\nno,only here\n4,"d"e\n5,a\n\n6,b,7\n7,b\n')
    const seen: number[] = []
    const options = { backend, types: { x: 'numeric' }, allowMissing: false } as const
    const dataset = await openCsv(path, {
      ...options,
      onError: 'report',
      chunkBytes: 64,
      onReject: ({ line }) => seen.push(line),
    })
    expect(rowsOf(await dataset.toTable())).toEqual([
      [1, 'a'],
      [5, 'a'],
      [7, 'b'],
    ])
    expect(dataset.schema.columns[1]).toEqual({ name: 'kind', type: 'categorical', categories: ['a', 'b'] })
    expect(dataset.rows).toBe(3)
    expect(seen).toEqual([3, 4, 5, 6, 9])
    const { count, records } = dataset.rejects
    expect(count).toBe(5)
    expect(records[2]).toEqual({
      file: path,
      line: 5,
      byteOffset: 16,
      columnNumber: 1,
      column: 'x',
      value: 'no',
      expected: 'a number, as the column is declared numeric',
      text: 'no,only here',
      message:
        `${path} line 5, column x: expected a number, as the column is declared numeric; received 'no'. ` +
        'Correct it, list it as missing, or declare the column categorical (byte 16, column 1: no,only here) [HADAMARD_CSV_NUMBER]',
    })
    expect((await openCsv(path, { ...options, onError: 'skip' })).rejects).toEqual({ count: 5, records: [] })
  })

  test('in a file of one column, blank lines at the end of a piece are rows only if others follow', async () => {
    const path = file('one.csv', `a\n1\n${'\n'.repeat(100)}2\n${' \r\n'.repeat(100)}`)
    const table = await read(path, { backend, chunkBytes: 64 })
    expect(columnValues(table.columns[0])).toEqual([1, ...Array<null>(100).fill(null), 2])
  })

  test('a record longer than a piece is read', async () => {
    const text = 'y'.repeat(5_000_000)
    const path = file('long.csv', `a,b\n1,x\n2,"${text}"\n3,z\n`)
    const table = await read(path, { backend, chunkBytes: 1024 })
    expect(columnValues(table.columns[1]).map((value) => String(value).length)).toEqual([1, 5_000_000, 1])
  })

  test('shorter rows than at first, a record longer than a piece and what follows have their values and lines', async () => {
    const start = Array.from({ length: 200 }, (_, row) => `${row},"${'long '.repeat(20)}"`)
    const short = Array.from({ length: 9000 }, (_, row) => `${row},${row % 7 === 0 ? '"é, ""so"""' : 'x'}`)
    const lines = [...start, ...short, '1', `2,"${'y\r\n'.repeat(5000)}"`, ...short, '1,2,3', '4,z']
    const path = file('uneven.csv', `n,t\n${lines.join('\n')}\n`)
    const rejects: number[] = []
    const table = await read(path, {
      backend,
      chunkBytes: 4096,
      threads: 2,
      onError: 'skip',
      onReject: ({ line }) => rejects.push(line),
    })
    expect(rejects).toEqual([9202, 9203 + 5000 + 1 + 9000])
    const kept = lines.filter((line) => line !== '1' && line !== '1,2,3').join('\n')
    expect(table.columns).toEqual(parseCsv(Buffer.from(`n,t\n${kept}\n`), { backend }).columns)
  })

  test('numbers are those of the table, in the order asked for, by batches of any size', async () => {
    const path = file(
      'numbers.csv',
      `a,t,b\n${Array.from({ length: 999 }, (_, i) => `${i / 3},x,${-i}`).join('\n')}\n`,
    )
    const dataset = await openCsv(path, { backend, chunkBytes: 300 })
    const values: number[] = []
    const sizes = new Set<number>()
    for await (const { x, rows, inputs } of dataset.numbers({ columns: ['b', 'a'], rows: 100 })) {
      expect(x.length).toBe(rows * inputs)
      sizes.add(rows)
      values.push(...x)
    }
    expect([...sizes]).toEqual([100, 99])
    expect(values).toEqual(Array.from({ length: 999 }, (_, i) => [-i + 0, Math.fround(i / 3)]).flat())
  })
})

describe.runIf(backends.length > 1)('native and fallback', () => {
  test('the same rejects, rows and descriptions on random and mutated files', async () => {
    const sources = readdirSync(cases).map((name) => readFileSync(join(cases, name)))
    const draw = generator(17)
    let rejects = 0
    for (let round = 0; round < 250; round++) {
      const bytes = draw(2) === 0 ? randomCsv(draw) : mutate(sources[draw(sources.length)], draw)
      const options = {
        delimiter: ',',
        ...randomOptions(draw),
        onError: 'report',
        chunkBytes: [64, 500][draw(2)],
      } as const
      const path = file('parity.csv', bytes)
      const outcome = async (backend: 'native' | 'fallback'): Promise<unknown> => {
        try {
          const dataset = await openCsv(path, { ...options, backend })
          rejects += dataset.rejects.count
          return {
            table: await dataset.toTable(),
            rejects: dataset.rejects,
            columns: await dataset.describe(),
          }
        } catch (error) {
          if (!(error instanceof DataError)) throw error
          return error.message
        }
      }
      const about = `round ${round}: ${JSON.stringify(bytes.toString('latin1'))} ${JSON.stringify(options)}`
      expect(await outcome('native'), about).toEqual(await outcome('fallback'))
    }
    expect(rejects).toBeGreaterThan(100)
  })

  test('100,000 random numbers are the doubles of Number() bit for bit', async () => {
    const words = new Uint32Array(2)
    const doubles = new Float64Array(words.buffer)
    const draw = generator(3)
    const tokens = Array.from({ length: 100_000 }, (_, i) => {
      words[0] = draw(2 ** 31) * 2 + draw(2)
      words[1] = draw(2 ** 31) * 2 + draw(2)
      const value = Number.isFinite(doubles[0]) ? doubles[0] : 1
      // As it is, cut to some digits, and with more digits than a double has.
      return [
        String(value),
        value.toPrecision(1 + draw(20)),
        value.toExponential(18),
        String(draw(2 ** 31) / 2 ** draw(40)),
      ][i % 4]
    })
    const dataset = await openCsv(file('tokens.csv', `v\n${tokens.join('\n')}\n`), { backend: 'native' })
    const [column] = (await dataset.toTable()).columns
    if (column.type !== 'numeric') expect.unreachable()
    const wrong = tokens.findIndex((token, row) => !Object.is(column.values[row], Number(token)))
    expect(wrong < 0 ? 'none' : `${tokens[wrong]} read as ${column.values[wrong]}`).toBe('none')
  })
})

describe.runIf(backends.length > 1)('files of nothing but numbers', () => {
  // The native core reads these by vectors, in pieces of 2048 bytes.
  const names = ['a', 'b', 'c', 'd', 'e']
  const draw = generator(29)
  const digits = (count: number): string => Array.from({ length: count }, () => draw(10)).join('')
  const plain = (): string => {
    const whole = [1, 1, 1, draw(11)][draw(4)]
    const decimals = draw(22)
    const point = decimals > 0 || draw(20) === 0 ? '.' : ''
    const text = `${['', '-'][draw(2)]}${digits(whole)}${point}${digits(decimals)}`
    return /\d/.test(text) ? text : '0'
  }
  const rows = (count: number): string[][] => Array.from({ length: count }, () => names.map(plain))
  const text = (cells: string[][], lineEnd: string): string =>
    [names, ...cells].map((row) => row.join(',')).join(lineEnd)

  test.each(['\n', '\r\n', '\r'])(
    'decimals of all lengths are the doubles of Number(), line end %j',
    async (lineEnd) => {
      const cells = rows(12_000)
      const path = file('plain.csv', text(cells, lineEnd))
      for (const chunkBytes of [2 ** 20, 5000]) {
        const found = rowsOf(await read(path, { backend: 'native', chunkBytes }))
        const wrong = found.findIndex((row, i) =>
          row.some((value, column) => !Object.is(value, Number(cells[i][column]))),
        )
        expect(found).toHaveLength(cells.length)
        expect(wrong < 0 ? 'none' : `${cells[wrong].join()} read as ${found[wrong].join()}`).toBe('none')
      }
    },
  )

  test('the same table or the same error when bytes change', async () => {
    const alphabet = '0123456789.-+e ,\r\n"x:/'
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(text(rows(20), draw(2) === 0 ? '\n' : '\r\n'))
      for (let edits = draw(3); edits >= 0; edits--) {
        bytes[10 + draw(bytes.length - 10)] = alphabet.charCodeAt(draw(alphabet.length))
      }
      const path = file('changed.csv', bytes)
      const outcome = (backend: 'native' | 'fallback'): Promise<unknown> =>
        read(path, { backend, delimiter: ',' }).catch((error: unknown) => String(error))
      expect(await outcome('native'), bytes.toString('latin1')).toEqual(await outcome('fallback'))
    }
  })
})

describe('a dataset', () => {
  const adult = (rows: number, seed?: number): string => [...generate('adult', rows, seed)].join('')

  test('nothing depends on threads or on the size of the pieces', async () => {
    const path = file('adult.csv', adult(5000))
    const first = await openCsv(path)
    const [columns, table] = [await first.describe(), await first.toTable()]
    for (const options of [
      { threads: 1, chunkBytes: 5000 },
      { threads: 3, chunkBytes: 70_000 },
    ]) {
      const other = await openCsv(path, options)
      expect(await other.describe()).toEqual(columns)
      expect(await other.toTable()).toEqual(table)
    }
  })

  test('the description has the moments of the values; quantiles are exact up to 4096 rows and near beyond', async () => {
    for (const rows of [4000, 150_000]) {
      const values = Array.from({ length: rows }, (_, i) => 1e6 + ((i * 7919) % rows) / rows)
      const path = file(
        'moments.csv',
        `v,gap\n${values.map((value, i) => `${value},${i % 4 === 0 ? '' : 2}`).join('\n')}\n`,
      )
      const [v, gap] = await (await openCsv(path)).describe()
      if (v.type !== 'numeric' || gap.type !== 'numeric') expect.unreachable()
      expect(v).toMatchObject({ count: rows, missing: 0, minimum: 1e6, maximum: 1e6 + (rows - 1) / rows })
      expect(v.mean).toBeCloseTo(1e6 + (rows - 1) / rows / 2, 8)
      expect(v.deviation).toBeCloseTo(Math.sqrt((1 - 1 / rows ** 2) / 12), 7)
      expect(Math.abs(v.quantiles.q25 - 1e6 - 0.25)).toBeLessThan(rows > 4096 ? 0.02 : 2 / rows)
      expect(Math.abs(v.quantiles.q95 - 1e6 - 0.95)).toBeLessThan(rows > 4096 ? 0.02 : 2 / rows)
      expect(gap).toMatchObject({ count: rows - rows / 4, missing: rows / 4, mean: 2, deviation: 0 })
    }
  })

  test('several files, patterns, gzip, and streams are one dataset; other columns are refused', async () => {
    const [a, b] = [adult(300, 1), adult(200, 2).slice(adult(0).length)]
    const whole = await read(file('whole.csv', a + b))
    const head = adult(0)
    file('part-1.csv', a)
    file('part-2.csv', gzipSync(head + b))
    const inputs = [
      join(folder, 'part-*.csv'),
      [join(folder, 'part-1.csv'), join(folder, 'part-2.csv')],
      Readable.from([Buffer.from(a.slice(0, 1000)), Buffer.from(a.slice(1000) + b)]),
    ]
    for (const input of inputs) {
      const dataset = await openCsv(input)
      expect((await dataset.toTable()).columns).toEqual(whole.columns)
      await dataset.close()
    }
    file('part-3.csv', 'x,y\n1,2\n')
    expect((await refusal(openCsv(inputs[0] as string))).message).toContain('as in')
    expect((await refusal(openCsv(join(folder, 'none-*.csv')))).message).toContain('none that do')
  })

  test('packed files that are cut off, missing files and directories are refused by name', async () => {
    const packed = gzipSync(adult(2000))
    expect(
      (await refusal(openCsv(file('cut.csv.gz', packed.subarray(0, packed.length / 2))))).message,
    ).toContain('cut.csv.gz')
    expect((await refusal(openCsv(join(folder, 'absent.csv')))).message).toContain('no such file')
    expect((await refusal(openCsv(folder))).message).toContain('a directory')
  })

  test('a file that grows while it is read is refused', async () => {
    const path = file('grows.csv', adult(3000))
    const dataset = await openCsv(path, { chunkBytes: 10_000 })
    const reading = async (): Promise<void> => {
      for await (const table of dataset.batches({ rows: 100 }))
        if (table.rows > 0) appendFileSync(path, '1,2\n')
    }
    expect((await refusal(reading())).message).toContain('stays as it is while it is read')
  })

  test('a schema stands in for the first pass, and its categories for those of the file', async () => {
    const path = file('schema.csv', 'n,t\n1,b\n2,z\n3,a\n')
    const schema = JSON.parse(
      '{"columns":[{"name":"t","type":"categorical","categories":["b","a"]},{"name":"n","type":"numeric"}]}',
    ) as OpenCsvOptions['schema']
    const dataset = await openCsv(path, { schema })
    expect(dataset.rows).toBeUndefined()
    const [, column] = (await dataset.toTable()).columns
    expect(column).toMatchObject({ codes: Int32Array.of(0, -1, 1), categories: ['b', 'a'], missing: 1 })
    const [n] = (await read(path, { columns: ['n'] })).columns
    expect([n.name, columnValues(n)]).toEqual(['n', [1, 2, 3]])
    const textsOnly = await openCsv(path, { schema, columns: ['t'] })
    expect(textsOnly.schema.columns.map(({ name }) => name)).toEqual(['t'])
    expect((await textsOnly.describe()).map(({ count }) => count)).toEqual([3])
    const strange = { columns: [{ name: 'other', type: 'numeric' as const }] }
    expect((await refusal(openCsv(path, { schema: strange }))).message).toContain("'other'")
  })

  test('a schema saves the reading that finds the columns', async () => {
    const rows = Array.from({ length: 3000 }, (_, row) => `${row / 8},t${row % 7},${row % 2}`)
    const path = file('passes.csv.gz', gzipSync(`n,t,y\n${rows.join('\n')}\n`))
    const blocks = vi.spyOn(CsvFiles.prototype, 'blocks')
    const passes = async (reading: Promise<unknown>): Promise<number> => {
      await reading
      const { length } = blocks.mock.calls
      blocks.mockClear()
      return length
    }
    const { schema } = await openCsv(path)
    blocks.mockClear()
    for (const [known, toFind] of [
      [{}, 1],
      [{ schema }, 0],
    ] as const) {
      const opening = openCsv(path, known)
      expect(await passes(opening)).toBe(toFind)
      const dataset = await opening
      // What the columns hold is found in the same reading.
      expect(await passes(dataset.describe())).toBe(1 - toFind)
      expect(await passes(dataset.describe())).toBe(0)
      expect(await passes(dataset.toTable())).toBe(1)
      expect(await passes(train(path, { target: 'y', hidden: [2], epochs: 1, ...known }))).toBe(toFind + 1)
    }
    blocks.mockRestore()
  })

  test('take, filter, map and split see the rows by their numbers; the split is that of the hash rule in memory', async () => {
    const path = file('views.csv', `v\n${Array.from({ length: 1000 }, (_, i) => i).join('\n')}\n`)
    const dataset = await openCsv(path, { chunkBytes: 500 })
    const values = async (view: typeof dataset): Promise<Value[]> =>
      columnValues((await view.toTable()).columns[0])
    expect(await values(dataset.take(3))).toEqual([0, 1, 2])
    expect(await values(dataset.take(0))).toEqual([])
    expect(await values(dataset.filter(({ v }, number) => v === number && number % 400 === 7))).toEqual([
      7, 407, 807,
    ])
    const doubled: number[] = []
    for await (const value of dataset.take(3).map(({ v }) => Number(v) * 2)) doubled.push(value)
    expect(doubled).toEqual([0, 2, 4])
    const { train, test: held } = dataset.split(0.2, { seed: 9 })
    const inMemory = hashSplit(rowNumbers(1000), 0.2, randomStream(9, 'split.test'))
    expect(await values(held)).toEqual([...inMemory.test])
    expect(await values(train)).toEqual([...inMemory.train])
  })

  test('leaving a reading early, and failing in the middle of one, leave nothing running', async () => {
    const dataset = await openCsv(file('early.csv', adult(5000)), { chunkBytes: 2000, threads: 2 })
    for await (const table of dataset.batches({ rows: 10 })) if (table.rows > 0) break
    await expect(
      (async () => {
        for await (const table of dataset.batches()) throw new Error(`of the consumer, ${table.rows}`)
      })(),
    ).rejects.toThrow('of the consumer')
    expect((await dataset.toTable()).rows).toBe(5000)
  })

  test('progress counts the bytes of the file', async () => {
    const path = file('progress.csv', adult(3000))
    const size = readFileSync(path).length
    const seen: number[] = []
    await openCsv(path, {
      chunkBytes: 20_000,
      onProgress: ({ bytes, totalBytes }) => seen.push(bytes / (totalBytes ?? 0)),
    })
    expect(seen.length).toBeGreaterThan(5)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.at(-1)).toBe(1)
    expect(size).toBeGreaterThan(0)
  })

  test.each([
    [{ onerror: 'skip' }, "should be 'onError'"],
    [{ onError: 'ignore' }, 'onError: expected one of fail, skip, report'],
    [{ threads: 0 }, 'threads: expected an integer at least 1'],
    [{ schema: {} }, 'schema.columns: expected a list'],
    [{ schema: { columns: [{ name: 'a', type: 'number' }] } }, 'schema.columns[0].type'],
    [{ delimiter: ':' }, 'delimiter: expected'],
  ])('%j is refused', async (options, message) => {
    const opened = openCsv(file('options.csv', 'a\n1\n'), options as OpenCsvOptions)
    await expect(opened).rejects.toThrow(SpecError)
    await expect(opened).rejects.toThrow(message)
  })
})
