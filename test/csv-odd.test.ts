/** What other readers take silently: each is read right or refused by file and line, whole and by pieces, on both backends. */

import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCsv } from '../src/data/dataset.ts'
import { readTable } from '../src/data/read-table.ts'
import { parseCsv, readCsv } from '../src/data/csv.ts'
import { columnValues, type Table, type Value } from '../src/data/table.ts'
import { DataError } from '../src/errors.ts'
import { availableBackends } from './csv-backends.ts'

const backends = availableBackends()
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-odd-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

function recordsOf({ rows, columns }: Table): Record<string, Value>[] {
  const values = columns.map(columnValues)
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(columns.map(({ name }, at) => [name, values[at][row]])),
  )
}

describe('csv-spectrum', () => {
  const home = join(dirname(createRequire(import.meta.url).resolve('csv-spectrum')))
  const names = readdirSync(join(home, 'csvs')).map((name) => name.replace('.csv', ''))

  test('has the cases that are known here', () => expect(names).toHaveLength(12))

  // The coordinates of location_coordinates.csv are one quoted text there and two fields in its JSON.
  test.each(names.filter((name) => name !== 'location_coordinates'))(
    '%s is read as its JSON says',
    async (name) => {
      const path = join(home, 'csvs', `${name}.csv`)
      const expected = JSON.parse(readFileSync(join(home, 'json', `${name}.json`), 'utf8')) as Record<
        string,
        string
      >[]
      const types = Object.fromEntries(
        Object.keys(expected[0]).map((column) => [column, 'categorical' as const]),
      )
      // An unquoted empty field is a missing value here, and an empty text there.
      const found = (table: Table): Record<string, Value>[] =>
        recordsOf(table).map((row) =>
          Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value ?? ''])),
        )
      for (const backend of backends) {
        expect(found(await readCsv(path, { types, backend })), backend).toEqual(expected)
        const dataset = await openCsv(path, { types, backend, chunkBytes: 64 })
        expect(found(await dataset.toTable()), backend).toEqual(expected)
      }
    },
  )
})

describe.each(backends)('odd files on %s', (backend) => {
  const good = '1,x\n'.repeat(50)

  test.each<[string, string | Uint8Array, string]>([
    [
      'duplicate names',
      'a,b,a\n1,2,3\n',
      "line 1: expected a name of its own for every column; received 'a' twice",
    ],
    [
      'an empty name',
      'a,,c\n1,2,3\n',
      'line 1: expected a name for every column; received none for column 2',
    ],
    ['a name of blanks', 'a," ",c\n1,2,3\n', 'received none for column 2'],
    ['a NUL byte', `a,b\n${good}1,\0\n`, 'line 52: expected text in UTF-8; received a NUL byte'],
    [
      'bad UTF-8',
      Buffer.from(`a,b\n${good}1,\xe9\n`, 'latin1'),
      'line 52: expected text in UTF-8; received byte 0xE9',
    ],
    [
      'UTF-16',
      Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'),
      'expected a file in UTF-8; received one in UTF-16',
    ],
    ['UTF-16 without a mark', Buffer.from('a,b\n1,2\n', 'utf16le'), 'UTF-16'],
    [
      'text after a closing quote',
      `a,b\n${good}1,"x"y\n`,
      'line 52, column b: expected a delimiter or a line end',
    ],
    ['an unterminated quote', `a,b\n${good}1,"x\n${good}`, 'line 52, column b: expected a closing quote'],
    ['a short row', `a,b\n${good}1\n${good}`, 'line 52: expected 2 fields, as in the header; received 1'],
    ['a long row', `a,b\n${good}1,2,3\n`, 'line 52: expected 2 fields, as in the header; received 3'],
    ['nothing', '', 'expected a header line and rows; received an empty file'],
    ['blank lines alone', '\n\n  \n', 'received an empty file'],
  ])('%s is refused by line, whole and by pieces', async (name, content, message) => {
    const path = file(`${name}.csv`, content)
    expect(() => parseCsv(readFileSync(path), { backend, source: path })).toThrow(DataError)
    expect(() => parseCsv(readFileSync(path), { backend, source: path })).toThrow(message)
    const opened = openCsv(path, { backend, chunkBytes: 64 })
    await expect(opened).rejects.toThrow(message)
    await expect(opened).rejects.toThrow(path)
  })

  test.each<[string, string, Record<string, Value>[]]>([
    [
      'CR alone',
      'a,b\r1,x\r2,"y\rz"\r',
      [
        { a: 1, b: 'x' },
        { a: 2, b: 'y\rz' },
      ],
    ],
    [
      'blank lines',
      '\n\na,b\n\n1,x\n   \n\n2,y\n\n',
      [
        { a: 1, b: 'x' },
        { a: 2, b: 'y' },
      ],
    ],
    [
      'no line end at the end',
      'a,b\n1,x\n2,y',
      [
        { a: 1, b: 'x' },
        { a: 2, b: 'y' },
      ],
    ],
    ['a byte-order mark', '\ufeffa,b\n1,x\n', [{ a: 1, b: 'x' }]],
    [
      'a stray quote',
      'a,b\n1,5 ft 10" tall\n2,x\n',
      [
        { a: 1, b: '5 ft 10" tall' },
        { a: 2, b: 'x' },
      ],
    ],
    ['names that objects have', '__proto__,constructor\n1,x\n', [{ ['__proto__']: 1, constructor: 'x' }]],
  ])('%s is read, whole and by pieces', async (name, content, rows) => {
    const path = file(`${name}.csv`, content)
    expect(recordsOf(await readCsv(path, { backend }))).toEqual(rows)
    expect(recordsOf(await (await openCsv(path, { backend, chunkBytes: 64 })).toTable())).toEqual(rows)
  })
})

test('a file that shrinks while it is read is refused', async () => {
  const path = file('shrinks.csv', `a,b\n${'1,x\n'.repeat(100_000)}`)
  const dataset = await openCsv(path, { chunkBytes: 4096 })
  const reading = async (): Promise<void> => {
    for await (const table of dataset.batches({ rows: 100 })) if (table.rows > 0) truncateSync(path, 100_000)
  }
  await expect(reading()).rejects.toThrow('expected a file that stays as it is while it is read')
})

test('the parts of a gzip file that was put together of several are all read', async () => {
  const path = file('parts.csv.gz', Buffer.concat([gzipSync('a,b\n1,x\n'), gzipSync('2,y\n')]))
  expect(recordsOf(await (await openCsv(path)).toTable())).toEqual([
    { a: 1, b: 'x' },
    { a: 2, b: 'y' },
  ])
})

test('zstd is told by its first bytes, as gzip is; what is cut off is refused', async () => {
  const text = Buffer.from(`a,b\n${'1,x\n'.repeat(40)}`)
  // One raw block: RFC 8878, 3.1.1.
  const frame = (content: Uint8Array): Buffer =>
    Buffer.concat([
      Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, text.length),
      Buffer.of((text.length << 3) | 1, text.length >> 5, 0),
      content,
    ])
  expect((await readTable(file('packed.csv', frame(text)))).rows).toBe(40)
  await expect(readTable(file('cut.csv.zst', frame(text.subarray(0, 90))))).rejects.toThrow(
    'expected a complete packed file',
  )
})
