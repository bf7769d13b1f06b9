/** The CSV reader on each of its parsers: the manifest's cases, the rules of docs/data.md, the options. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findDelimiter } from '../src/data/csv-head.ts'
import { parseCsv, readCsv, type CsvOptions } from '../src/data/csv.ts'
import { columnValues, type Table, type Value } from '../src/data/table.ts'
import { DataError, SpecError } from '../src/errors.ts'
import { checkCsvCase, csvOptionsOf, parseManifest } from './conformance/csv-case.ts'
import { availableBackends } from './csv-backends.ts'

const folder = join(import.meta.dirname, 'data', 'csv')
const cases = parseManifest(readFileSync(join(folder, 'manifest.json'), 'utf8'))
const backends = availableBackends()
let generated = ''

beforeAll(() => {
  generated = mkdtempSync(join(tmpdir(), 'hadamard-csv-'))
  const lines = ['x,y,z']
  for (let i = 0; i < 100_000; i++) lines.push(`${i},${i / 8},${-i}`)
  writeFileSync(join(generated, 'big_good.csv'), lines.join('\n') + '\n')
  lines[69_999] = '69998,abc,-69998'
  writeFileSync(join(generated, 'big_bad_token.csv'), lines.join('\n') + '\n')
  mkdirSync(join(generated, 'a_directory.csv'))
})

afterAll(() => rmSync(generated, { recursive: true }))

function parse(text: string | Uint8Array, options: CsvOptions = {}): Table {
  return parseCsv(typeof text === 'string' ? Buffer.from(text) : text, { source: 'data.csv', ...options })
}

function rowsOf(table: Table): Value[][] {
  const columns = table.columns.map(columnValues)
  return Array.from({ length: table.rows }, (_, row) => columns.map((values) => values[row]))
}

function errorOf(action: () => unknown): DataError {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(DataError)
    return error as DataError
  }
  throw new Error('expected an error')
}

describe.each(backends)('the manifest on %s', (backend) => {
  test.each(cases)('$file ($outcome): $about', async (entry) => {
    const path = join(entry.generated === true ? generated : folder, entry.file)
    const table = await checkCsvCase(entry, path, backend)
    if (table === undefined) return
    const { header, types } = csvOptionsOf(entry)
    expect(await readCsv(path, { header, types, backend }), 'with the delimiter found').toEqual(table)
  })
})

describe('the check of a case', () => {
  const check = (file: string, change: object): Promise<unknown> => {
    const entry = cases.find((candidate) => candidate.file === file)
    if (entry === undefined) throw new Error(`no case ${file}`)
    return checkCsvCase({ ...entry, ...change }, join(folder, file), 'fallback')
  }
  test.each([
    ['01_plain.csv', { outcome: 'error' }, 'expected an error; received 2 rows'],
    ['01_plain.csv', { expect: { columns: ['a', 'b', 'labels'] } }, 'received ["a","b","label"]'],
    ['01_plain.csv', { expect: { rows: [[1, 2.5, 'x']] } }, 'expected 1; received 2'],
    ['01_plain.csv', { expect: { last: [3, 400, 'y'] } }, 'received [-3,400,"y"]'],
    ['01_plain.csv', { expect: { types: ['numeric', 'numeric', 'numeric'] } }, 'received ["numeric"'],
    ['01_plain.csv', { expect: { sum_a: -1 } }, 'expected -1; received -2'],
    [
      '13_number_forms.csv',
      { expect: { rows: [[1], [0.5], [1], [1000], [0.001], [0], [7], [-2.5]] } },
      'received',
    ],
    ['14_short_row.csv', { outcome: 'ok' }, '14_short_row.csv line 4'],
    ['14_short_row.csv', { error: { line: 3 } }, 'expected line 3'],
    ['19_text_in_numeric.csv', { error: { column: 'x' } }, 'expected column x'],
    ['19_text_in_numeric.csv', { error: { mention: ['ouch'] } }, "a message with 'ouch'"],
    ['17_header_only.csv', { accept: ['1 rows', 'error'] }, 'received 0 rows'],
    ['17_header_only.csv', { never: [{ rows: [] }] }, 'expected none of'],
    ['18_empty.csv', { outcome: 'either', accept: ['0 rows'] }, 'received the error'],
  ])('%s with %j fails', async (file, change, message) => {
    await expect(check(file, change)).rejects.toThrow(message)
  })
})

describe.each(backends)('the rules of docs/data.md on %s', (backend) => {
  const read = (text: string | Uint8Array, options: CsvOptions = {}): Value[][] =>
    rowsOf(parse(text, { ...options, backend }))
  const types = (text: string, options: CsvOptions = {}): string[] =>
    parse(text, { ...options, backend }).columns.map(({ type }) => type)
  const refused = (text: string | Uint8Array, options: CsvOptions = {}): DataError =>
    errorOf(() => parse(text, { ...options, backend }))

  test('LF, CR LF and CR end a line, also mixed', () => {
    expect(read('a,b\r1,2\r\n3,4\n5,6\r')).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ])
  })

  test('a lone CR, LF and CR LF inside quotes count as one line each and are kept', () => {
    expect(read('a,b\n1,"x\ry\r\nz\n"\n')).toEqual([[1, 'x\ry\r\nz\n']])
    expect(refused('a,b\n1,"x\ry\r\nz\n"\n2\n').line).toBe(6)
  })

  test('blanks around an unquoted field are ignored, also around quotes; inside quotes they are kept', () => {
    expect(read('a, b\n1,  x y \n 2 ,\t" z "  \n')).toEqual([
      [1, 'x y'],
      [2, ' z '],
    ])
  })

  test('a quote inside an unquoted field is an ordinary character', () => {
    expect(read('a,b\n1,5 ft 10" tall\n2,x"y"z\n')).toEqual([
      [1, '5 ft 10" tall'],
      [2, 'x"y"z'],
    ])
  })

  test('quoted numbers are numbers', () => {
    expect(read('"a","b"\n"1","2.5"\n" 3 ","NA"\n')).toEqual([
      [1, 2.5],
      [3, null],
    ])
  })

  test('a quoted empty field is an empty text, an unquoted one is missing', () => {
    expect(read('a,b\n1,""\n2,\n3,x\n')).toEqual([
      [1, ''],
      [2, null],
      [3, 'x'],
    ])
    expect(types('a\n1\n""\n')).toEqual(['categorical'])
  })

  test('NA is a text in a text column, unless it is listed as missing', () => {
    expect(read('a\nNA\nx\n')).toEqual([['NA'], ['x']])
    expect(read('a\nNA\nx\n"NA"\n', { missing: ['NA'] })).toEqual([[null], ['x'], [null]])
  })

  test('listed texts are missing in numeric columns too', () => {
    expect(read('a,b\n1,-999\n?,2\n', { missing: ['?', '-999'] })).toEqual([
      [1, null],
      [null, 2],
    ])
    expect(read('a\n1\n""\n', { missing: [''] })).toEqual([[1], [null]])
    expect(read('a,b\n1,"""q"\n', { missing: ['"q'] })).toEqual([[1, null]])
  })

  test('a column without any value is numeric', () => {
    expect(types('a,b,c\n,NA,x\n,,y\n')).toEqual(['numeric', 'numeric', 'categorical'])
  })

  test('a type comes from all values, not from the first', () => {
    const text = `a\n${'1\n'.repeat(5000)}x\n`
    expect(types(text)).toEqual(['categorical'])
    expect(parse(text, { backend }).columns[0]).toMatchObject({ categories: ['1', 'x'], missing: 0 })
  })

  test('declared types hold: numbers as texts keep their spelling', () => {
    expect(read('zip,n\n007,1\n12,\n', { types: { zip: 'categorical' } })).toEqual([
      ['007', 1],
      ['12', null],
    ])
  })

  test('categories ascend by UTF-16 code units', () => {
    const texts = ['z', 'Z', 'ä', '\u{1F427}', '\uFF21', '10', '9', 'a"b']
    const csv = `t,n\n${texts.map((text) => `"${text.replaceAll('"', '""')}",1`).join('\n')}\n`
    expect(parse(csv, { backend }).columns[0]).toMatchObject({ categories: [...texts].sort() })
  })

  test('blank lines are no rows; in a file of one column an inner one is a missing value', () => {
    expect(read('\n  \na,b\n\n1,2\n \n3,4\n\n\n')).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(read('a\n1\n\n3\n\n\n')).toEqual([[1], [null], [3]])
  })

  test('without a header the columns are numbered', () => {
    const table = parse('1,x\n2,y\n', { header: false, backend })
    expect(table.columns.map(({ name }) => name)).toEqual(['column1', 'column2'])
    expect(rowsOf(table)).toEqual([
      [1, 'x'],
      [2, 'y'],
    ])
    expect(refused('1,x\n2\n', { header: false }).message).toContain(
      'expected 2 fields, as in the first row; received 1',
    )
  })

  test('a number that overflows or is written as infinity is refused where the column is numeric', () => {
    expect(refused('a,b\n1,2\n3,1e999\n')).toMatchObject({ line: 3, column: 'b' })
    expect(refused('a\n-Infinity\n1\n').message).toBe(
      "data.csv line 2, column a: expected a finite number; received '-Infinity'. " +
        'Declare the column categorical, or list the text as missing (byte 2, column 1: -Infinity) [HADAMARD_CSV_NUMBER]',
    )
    expect(refused('a\ninf\n', { types: { a: 'numeric' } }).line).toBe(2)
    expect(read('a\ninf\nx\n')).toEqual([['inf'], ['x']])
    expect(read('a\n1e-999\n')).toEqual([[0]])
  })

  test('missing values that are not allowed are refused by line and column, as far as they are missing at all', () => {
    const options = { allowMissing: false }
    expect(refused('x,y\n1,\n', options)).toMatchObject({ line: 2, column: 'y' })
    expect(refused('x,y\n1,2\nNA,3\n', options).message).toContain(
      'line 3, column x: expected a value, as missing ones',
    )
    expect(refused('x,y\n1,a\n2,\n', options)).toMatchObject({ line: 3, column: 'y' })
    expect(read('x,y\n1,NA\n2,z\n', options)).toEqual([
      [1, 'NA'],
      [2, 'z'],
    ])
  })

  test('the first wrong value of the file is reported, whatever its column', () => {
    const numeric = { types: { a: 'numeric', b: 'numeric' } } as const
    expect(refused('a,b\n1,2\n3,x\ny,4\n', numeric)).toMatchObject({ line: 3, column: 'b' })
    expect(refused('a,b\n1,inf\nx,4\n', numeric)).toMatchObject({ line: 2, column: 'b' })
  })

  test.each([
    ['a,b\n1,2\n3\n', 'data.csv line 3: expected 2 fields, as in the header; received 1'],
    ['a,b\n"x\ny",2,3\n', 'data.csv line 2: expected 2 fields, as in the header; received 3'],
    [
      'a,b\n1,"x"y\n',
      "data.csv line 2, column b: expected a delimiter or a line end after the closing quote; received 'y'",
    ],
    ['a,b\n1,2\n3,"x\ny\n', 'data.csv line 3, column b: expected a closing quote'],
    ['a,"b\n1,2\n', 'data.csv line 1: expected a closing quote'],
    ['a,b,a\n1,2,3\n', "data.csv line 1: expected a name of its own for every column; received 'a' twice"],
    [
      '\n\na, ,c\n1,2,3\n',
      'data.csv line 3: expected a name for every column; received none for column 2 of 3 columns',
    ],
    ['', 'data.csv: expected a header line and rows; received an empty file'],
    ['\uFEFF\n \r\n', 'data.csv: expected a header line and rows; received an empty file'],
    ['a,b\n1,x\0y\n', 'data.csv line 2: expected text in UTF-8; received a NUL byte'],
  ])('%j is refused with what was expected, what came and where', (text, message) => {
    expect(refused(text).message).toContain(message)
  })

  test('bytes that are no UTF-8 are refused with their line', () => {
    expect(refused(Buffer.from('a,b\n1,x\n2,Ad\xE9lie\n', 'latin1')).message).toContain(
      'line 3: expected text in UTF-8; received byte 0xE9',
    )
    expect(refused(Buffer.from('a\n\xC3', 'latin1'))).toMatchObject({ line: 2 })
    for (const bytes of ['\xED\xA0\x80', '\xC0\xAF', '\xF4\x90\x80\x80', '\xE0\x80\x80', '\x80']) {
      expect(refused(Buffer.from(`a\n\u00C3\u00A9\n${bytes}`, 'latin1'))).toMatchObject({ line: 3 })
    }
  })

  test('UTF-16 is refused by name', () => {
    expect(refused(Buffer.from('\uFEFFa,b\n1,2\n', 'utf16le')).message).toContain(
      'one in UTF-16. Save it as UTF-8',
    )
    expect(refused(Buffer.from('a,b\n1,2\n', 'utf16le')).message).toContain('UTF-16')
  })

  test('a long offending text is cut', () => {
    const { message } = refused(`a\n${'é'.repeat(5000)}\n`, { types: { a: 'numeric' } })
    expect(message).toContain(`'${'é'.repeat(40)}…'`)
  })

  test('a declared column that is not there is refused with the nearest name', () => {
    const { message } = refused('age,city\n1,x\n', { types: { agee: 'numeric' } })
    expect(message).toContain("'age', 'city'")
    expect(message).toContain("Did you mean 'age'?")
  })

  test('hostile column names are names like others', () => {
    const table = parse('__proto__,constructor\n1,x\n', {
      types: JSON.parse('{"__proto__":"categorical"}') as never,
      backend,
    })
    expect(table.columns.map(({ name, type }) => [name, type])).toEqual([
      ['__proto__', 'categorical'],
      ['constructor', 'categorical'],
    ])
  })
})

describe('options', () => {
  test.each([
    [{ delimeter: ',' }, "Misspelled option 'delimeter' should be 'delimiter'"],
    [{ delimiter: ':' }, "delimiter: expected ',', ';', a tab or '|'; received ':'"],
    [{ types: { a: 'number' } }, "types.a: expected 'numeric' or 'categorical'; received 'number'"],
    [{ missing: 'NA' }, 'missing: expected an array of texts'],
    [{ header: 'no' }, 'header: expected true or false'],
  ])('%j is refused', (options, message) => {
    expect(() => parse('a\n1\n', options as CsvOptions)).toThrow(SpecError)
    expect(() => parse('a\n1\n', options as CsvOptions)).toThrow(message)
  })

  test.each([
    ['a;b\n1,5;2\n3;4,5\n', ';'],
    ['"a,b";"c,d"\n1;2\n', ';'],
    ['id\ttext\n1\tx, y; z\n', '\t'],
    ['a|b|c\n1|2|3\n', '|'],
    ['a,b,c\n1,2\n3;,4,5\n', ','],
    ['a\n1\n2\n', ','],
    ['a;b\n1;"x\n;y"\n', ';'],
    ['name;note\nx;hello, world\ny;"a, b"\n', ';'],
  ])('the delimiter of %j is %j', (text, delimiter) => {
    expect(findDelimiter(Buffer.from(text))).toBe(delimiter)
  })
})
