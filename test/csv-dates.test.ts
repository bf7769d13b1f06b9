/** Columns that hold dates: a text that is none is a wrong record, told with its place, or left out, counted and listed. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCsv, type CsvReject, type OpenCsvOptions } from '../src/index.ts'
import { isNativeUnderTest } from './support/backends.ts'
import { runHere } from './support/command-line.ts'
import { generator } from './support/random-csv.ts'

const backends = [...(isNativeUnderTest ? (['native'] as const) : []), 'fallback' as const]
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-dates-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Line {
  text: string
  /** The column and text that are wrong, or the record. */
  wrong?: [column: string, value: string]
}

// Dates of both days and months, with other records that are wrong among them.
function randomLines(seed: number, count: number): Line[] {
  const draw = generator(seed)
  const two = (value: number): string => String(value).padStart(2, '0')
  return Array.from({ length: count }, (_, i): Line => {
    const date = `${two(1 + draw(28))}/${two(1 + draw(12))}/${2000 + draw(25)}`
    const note = ['plain', '"two\nlines"', '"a ""quoted"" one, with a comma"', ''][draw(4)]
    const record = (when: string, a = String(draw(100)), start = '2020-01-01'): string =>
      `${a},${when},${note},${draw(2) === 0 ? start : `"${start}"`}`
    switch (draw(i < 3 ? 4 : 12)) {
      case 4:
        return { text: record('31/02/2020'), wrong: ['when', '31/02/2020'] }
      case 5:
        return { text: record('"soon, ""maybe"""'), wrong: ['when', 'soon, ""maybe""'] }
      case 6:
        return { text: record(date, '1', '2020-13-01'), wrong: ['start', '2020-13-01'] }
      case 7:
        return { text: record('never', '2', '2020-13-01'), wrong: ['when', 'never'] }
      case 8:
        return { text: `${i},short`, wrong: ['', `${i},short`] }
      case 9:
        return { text: record(draw(2) === 0 ? '' : 'NA') }
      default:
        return { text: record(date) }
    }
  })
}

const csvOf = (lines: readonly Line[]): string =>
  ['a,when,note,start', ...lines.map(({ text }) => text)].join('\n') + '\n'
const dates: OpenCsvOptions['dates'] = { when: 'dmy', start: 'any' }

describe.each(backends)('%s', (backend) => {
  test('leaves the wrong records out, whatever the pieces, as if they were not in the file', async () => {
    for (const [seed, chunkBytes] of [
      [1, 64],
      [2, 300],
      [3, 5000],
    ] as const) {
      const lines = randomLines(seed, 300)
      const [all, right] = [join(folder, `all-${seed}.csv`), join(folder, `right-${seed}.csv`)]
      await writeFile(all, csvOf(lines))
      await writeFile(right, csvOf(lines.filter(({ wrong }) => wrong === undefined)))
      const rejects: CsvReject[] = []
      const onReject = (reject: CsvReject): void => void rejects.push(reject)
      const options = { backend, dates, chunkBytes, missing: ['NA'], onError: 'skip' } as const
      const opened = await openCsv(all, { ...options, onReject })
      const expected = await openCsv(right, { backend, missing: ['NA'] })
      expect((await opened.toTable()).columns).toEqual((await expected.toTable()).columns)
      expect(await opened.describe()).toEqual(await expected.describe())
      const numbers = async (from: typeof opened): Promise<number[]> => {
        const found: number[] = []
        for await (const { x } of from.numbers({ columns: ['a'] })) found.push(...x)
        return found
      }
      expect(await numbers(opened)).toEqual(await numbers(expected))
      // With a schema there is no first pass.
      const again = await openCsv(all, { ...options, schema: opened.schema })
      expect((await again.toTable()).columns).toEqual((await expected.toTable()).columns)

      const told = rejects.map(({ column = '', value }) => [column, value])
      expect(told).toEqual(lines.flatMap(({ wrong }) => (wrong === undefined ? [] : [wrong])))
      const bytes = await readFile(all)
      for (const { byteOffset, value, line, column } of rejects) {
        expect(bytes.subarray(byteOffset).toString().startsWith(value)).toBe(true)
        const before = bytes.subarray(0, byteOffset).toString()
        if (column !== undefined) expect(line).toBe(before.split('\n').length)
      }
    }
  })

  test('fails at the first of them, in the order of the file', async () => {
    const path = join(folder, 'first.csv')
    await writeFile(path, 'a,when\n1,2020-01-01\n2,soon\n3\n')
    const reading = openCsv(path, { backend, dates: { when: 'any' } })
    await expect(reading).rejects.toThrow(
      /first\.csv line 3, column when: expected a date.*received 'soon'\. Correct it.*\(byte 22, column 2: 2,soon\)/,
    )
    const order = { when: 'day' } as never
    await expect(openCsv(path, { backend, dates: order })).rejects.toThrow(/dates\.when: expected one of/)
  })
})

describe('hadamard', () => {
  const rows = Array.from({ length: 80 }, (_, i) => {
    const date = `${2000 + (i % 20)}-0${1 + (i % 9)}-1${i % 10}`
    return `${i % 11 === 0 ? '?' : i % 13},${date},n${i % 5},${i % 20 > 9 ? 'new' : 'old'}`
  })
  const wrong = '7,2021-02-30,n0,old'
  const at = (name: string): string => join(folder, name)
  const hadamard = (line: string): ReturnType<typeof runHere> =>
    runHere(line.split(' ').map((word) => (/\.(csv|model)$/.test(word) ? at(word) : word)))

  beforeAll(async () => {
    const header = 'a,made,name,age'
    await writeFile(at('right.csv'), [header, ...rows, ''].join('\n'))
    await writeFile(at('wrong.csv'), [header, ...rows.slice(0, 50), wrong, ...rows.slice(50), ''].join('\n'))
    const { err } = await hadamard(
      'train right.csv -t age --missing ? --preset plain --epochs 2 -q -m age.model',
    )
    expect(err).toBe('')
  })

  const message = /wrong\.csv line 52, column made: expected a date.*received '2021-02-30'/

  test.each([
    'train wrong.csv -t age --missing ? --epochs 1 -q --type made=datetime -m other.model',
    'train wrong.csv -t age --missing ? --epochs 1 -q --type made=date --out-of-core --no-cache -m other.model',
    'predict age.model wrong.csv',
    'evaluate age.model wrong.csv',
    'diff age.model age.model wrong.csv',
    'train wrong.csv --from age.model --epochs 1 -q -m other.model',
  ])('%s names the line', async (line) => {
    expect(await hadamard(line)).toMatchObject({ code: 1, err: expect.stringMatching(message) as string })
  })

  test('--on-error skip goes on without the record, and kept columns stay beside their rows', async () => {
    const trained = await hadamard(
      'train wrong.csv -t age --missing ? --epochs 1 --type made=date,a=number,name=category --on-error skip -m other.model',
    )
    expect(trained).toMatchObject({ code: 0, out: expect.stringContaining('wrong.csv: 80 rows') as string })
    for (const keep of ['name', 'made,a', 'a,age']) {
      const skipped = await hadamard(
        `predict age.model wrong.csv --on-error skip --rejects left.csv --keep ${keep}`,
      )
      const expected = await hadamard(`predict age.model right.csv --keep ${keep}`)
      expect(skipped).toMatchObject({ code: 0, out: expected.out })
      expect(expected.code).toBe(0)
    }
    expect(await readFile(at('left.csv'), 'utf8')).toContain(',52,')
    const [skipped, expected] = [
      await hadamard('evaluate age.model wrong.csv --on-error skip --json'),
      await hadamard('evaluate age.model right.csv --json'),
    ]
    const scores = ({ out }: typeof skipped): unknown => {
      const { accuracy, logLoss, rows: count } = JSON.parse(out) as Record<string, unknown>
      return { accuracy, logLoss, count }
    }
    expect(scores(skipped)).toEqual(scores(expected))
  })
})
