/** Exact numbers, and the native CSV parser against its TypeScript twin on random and mutated files. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isNumberText, numberAt } from '../src/data/csv-number.ts'
import { PlainNumber } from '../src/data/csv-plain-number.ts'
import { parseCsv, type CsvOptions } from '../src/data/csv.ts'
import type { Table } from '../src/data/table.ts'
import { DataError } from '../src/errors.ts'
import { availableBackends } from './csv-backends.ts'
import { generator, mutate, randomCsv, randomNumber, randomOptions } from './support/random-csv.ts'

const folder = join(import.meta.dirname, 'data', 'csv')
const backends = availableBackends()

function parse(text: string | Uint8Array, options: CsvOptions = {}): Table {
  return parseCsv(typeof text === 'string' ? Buffer.from(text) : text, { source: 'data.csv', ...options })
}

describe('numbers', () => {
  const at = (token: string): number => numberAt(Buffer.from(token), 0, Buffer.byteLength(token))

  test.each([
    '0',
    '-0',
    '.5',
    '1.',
    '+1',
    '007',
    '-.25e+1',
    '1e22',
    '1e23',
    '9007199254740993',
    '5e-324',
    '2.4e-324',
    '2.5e-324',
    '2.2250738585072011e-308',
    '1.7976931348623157e308',
    '1.7976931348623159e308',
    '0e999999999999',
    '1e-999999999999',
    '6.631236846766476e-316',
    '9999999999999999999999e-20',
    '123456789012345678901234567890',
    '1e400',
    '-1e309',
  ])('%s is the double of Number()', (token) => {
    expect(at(token)).toBe(Number(token))
  })

  test.each([
    '',
    '+',
    '.',
    'e5',
    '1e',
    '1e+',
    '0x10',
    '1_000',
    '1,5',
    '1 2',
    '--1',
    '1.2.3',
    '1f',
    'inf',
    'NaN',
    '\u00A01',
  ])('%j is no number', (token) => expect(at(token)).toBeNaN())

  test('numbers beyond the largest double are numbers by syntax', () => {
    expect(isNumberText('1e999')).toBe(true)
    expect(isNumberText('1e99x')).toBe(false)
  })

  test.each(backends)(
    '120000 random tokens read by %s are the doubles of Number() bit for bit',
    (backend) => {
      const draw = generator(7)
      const tokens = Array.from({ length: 120_000 }, () => randomNumber(draw))
      const [column] = parse(`v\n${tokens.join('\n')}\n`, { backend }).columns
      if (column.type !== 'numeric') expect.unreachable()
      const wrong = tokens.findIndex((token, row) => !Object.is(column.values[row], Number(token)))
      expect(wrong < 0 ? 'none' : `${tokens[wrong]} read as ${column.values[wrong]}`).toBe('none')
    },
  )

  test('four digits at once give the doubles of Number() bit for bit, for up to 9 digits before the point and 22 behind it', () => {
    const draw = generator(13)
    const digits = (count: number, zeros: number): string =>
      Array.from({ length: count }, (_, i) => (i < zeros ? 0 : draw(10))).join('')
    const number = new PlainNumber()
    let decided = 0
    for (let i = 0; i < 60_000; i++) {
      const [whole, decimals] = [1 + (i % 9), (7 * i) % 23]
      const sign = draw(2) === 0 ? '-' : ''
      const token = `${sign}${digits(whole, draw(3))}.${digits(decimals, draw(4) * draw(4))}`
      // What stands behind the number: what ends a field, other text, or bytes beyond ASCII.
      const bytes = Buffer.concat([
        Buffer.from(`${token}${',\ne:/\xff7'[draw(7)]}`, 'latin1'),
        Buffer.alloc(64, 0xff),
      ])
      const end = [...bytes].findIndex((byte) => !'-.0123456789'.includes(String.fromCharCode(byte)))
      if (!number.readPadded(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0)) continue
      decided++
      const text = bytes.toString('latin1', 0, end)
      if (number.end !== end || !Object.is(number.value, Number(text)))
        expect.fail(`${text} read as ${number.value}, ${number.end} bytes`)
    }
    expect(decided).toBeGreaterThan(30_000)
  })
})

describe.runIf(backends.length > 1)('native and fallback', () => {
  test('the same table or the same error on 1500 random and mutated files', () => {
    const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file)))
    const draw = generator(11)
    let refusals = 0
    for (let round = 0; round < 1500; round++) {
      const bytes = draw(2) === 0 ? randomCsv(draw) : mutate(sources[draw(sources.length)], draw)
      const options = randomOptions(draw)
      const [native, fallback] = (['native', 'fallback'] as const).map((backend) =>
        outcome(bytes, { ...options, backend }),
      )
      expect(native, `round ${round}: ${JSON.stringify(bytes.toString('latin1'))}`).toEqual(fallback)
      if (typeof fallback === 'string') refusals++
    }
    expect(refusals).toBeGreaterThan(100)
    expect(refusals).toBeLessThan(1400)
  })
})

function outcome(bytes: Uint8Array, options: CsvOptions): Table | string {
  try {
    return parse(bytes, options)
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    return `${error.message} (${error.line}, ${error.column})`
  }
}
