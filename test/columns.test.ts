/** What columns are taken as, what becomes of them, and which are left out. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Encoder } from '../src/data/encoder.ts'
import { inferType } from '../src/data/input.ts'
import { normalQuantile } from '../src/data/normal-quantile.ts'
import { rowNumbers } from '../src/data/split.ts'
import { tableFromRows, type Table } from '../src/data/table.ts'
import { loadModel, train, type TrainOptions } from '../src/index.ts'
import { droppedSentences, uselessColumns } from '../src/model/survey.ts'
import { atOnce } from '../src/paced.ts'

interface Case {
  train: number[]
  test: number[]
  robust: number[]
  quantile: number[]
}

const fixture = JSON.parse(
  await readFile(new URL('fixtures/columns/columns.json', import.meta.url), 'utf8'),
) as Record<string, Case>

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const target = (i: number): string => (i % 2 === 0 ? 'u' : 'v')
const tableOf = (values: readonly unknown[]): Table =>
  tableFromRows(values.map((a, i) => ({ a, y: target(i) })))
const encoderOf = (table: Table, options: object = {}): Encoder =>
  Encoder.fit(table, rowNumbers(table.rows), { target: 'y', ...options })
const encoded = (encoder: Encoder, table: Table): number[][] => {
  const { x, inputs } = encoder.encode(table, undefined, 'float64')
  return Array.from({ length: table.rows }, (_, row) => [...x.subarray(row * inputs, (row + 1) * inputs)])
}

describe('scaling', () => {
  test.each(Object.entries(fixture))('of %s numbers is that of scikit-learn', (_, one) => {
    for (const scale of ['robust', 'quantile'] as const) {
      const encoder = encoderOf(tableOf(one.train), { scale })
      encoded(Encoder.fromJSON(JSON.parse(JSON.stringify(encoder))), tableOf(one.test)).forEach(
        ([value], row) => expect(value, `${scale} of ${one.test[row]}`).toBeCloseTo(one[scale][row], 6),
      )
    }
  })

  test('clipped: median and quartiles, and nothing beyond 3; half the range where the quartiles are one', () => {
    // Quartiles 2, 3 and 4; by hand: z = (100 − 3)/2 = 48.5, z/√(1 + (z/3)²) = 2.99428…
    const odd = encoderOf(tableOf([1, 2, 3, 4, 100]), { scale: 'clipped' })
    const [low, , median, , far] = odd.encode(tableOf([1, 2, 3, 4, 100]), undefined, 'float64').x
    expect(median).toBe(0)
    expect(low).toBeCloseTo(-1 / Math.sqrt(1 + 1 / 9), 14)
    expect(far).toBeCloseTo(48.5 / Math.sqrt(1 + 48.5 ** 2 / 9), 14)
    const huge = odd.encode(tableOf([-1e300, 1e300]), undefined, 'float64').x
    expect(Array.from(huge)).toEqual([-3, 3])
    const same = encoderOf(tableOf([0, 5, 5, 5, 5, 5, 5, 5, 5, 10]), { scale: 'clipped' })
    const [end] = same.encode(tableOf([0]), undefined, 'float64').x
    expect(end).toBeCloseTo(-1 / Math.sqrt(1 + 1 / 9), 14)
  })

  test('equal numbers have the middle of their places among the quantiles', () => {
    const encoder = encoderOf(tableOf([-2, -1, 0, 0, 0, 1, 2]), { scale: 'quantile' })
    expect(encoded(encoder, tableOf([0]))).toEqual([[0]])
    expect(encoded(encoder, tableOf([-1]))[0][0]).toBeCloseTo(normalQuantile(1 / 6), 12)
  })

  test.each([
    [0.5, 0],
    [0.975, 1.959963984540054],
    [1e-7, -5.199337582192816],
    [1e-20, -9.262340089798409],
    [0.2, -0.8416212335729142],
  ])('the normal quantile of %d is %d (SciPy)', (p, z) => {
    expect(normalQuantile(p)).toBeCloseTo(z, 12)
  })

  test('quartiles that are the same leave the standard deviation', () => {
    const encoder = encoderOf(tableOf([0, 5, 5, 5, 5, 5, 5, 5, 5, 10]), { scale: 'robust' })
    expect(encoder.data.inputs[0]).toMatchObject({ mean: 5, deviation: Math.sqrt(5) })
  })
})

describe('dates', () => {
  const days = Array.from({ length: 40 }, (_, i) =>
    new Date(Date.UTC(2021, 0, 1 + 20 * i)).toISOString().slice(0, 10),
  )

  test('become a year, and sine and cosine of those parts that differ', () => {
    const encoder = encoderOf(tableOf(days))
    expect(encoder.inputNames).toEqual([
      'a.year',
      'a.month.sin',
      'a.month.cos',
      'a.weekday.sin',
      'a.weekday.cos',
    ])
    const table = tableOf(['2021-04-04', '2021-10-03', null])
    const [april, october, missing] = encoded(encoder, table)
    // April and October are a quarter and three quarters through the year; both days are Sundays.
    expect(april.slice(1)).toEqual([1, 0, 0, 1].map((value) => expect.closeTo(value, 12) as number))
    expect(october.slice(1)).toEqual([-1, 0, 0, 1].map((value) => expect.closeTo(value, 12) as number))
    const years = 182 / 365.2425
    const deviation = 'deviation' in encoder.data.inputs[0] ? encoder.data.inputs[0].deviation : NaN
    expect((october[0] - april[0]) * deviation).toBeCloseTo(years, 9)
    expect(missing).toEqual([0, 0, 0, 0, 0])
    expect(() => encoder.encode(tableOf(['soon']))).toThrow(
      /row 0, column a: expected a date written as in the training/,
    )
  })

  test('with times have an hour', () => {
    const encoder = encoderOf(tableOf(days.map((day, i) => `${day} ${i % 24}:00`)))
    const [six] = encoded(encoder, tableOf(['2021-04-04 06:00']))
    expect(six.slice(5)).toEqual([expect.closeTo(1, 12), expect.closeTo(0, 12)])
  })

  test('a declared date column of other texts, or of numbers, is refused', () => {
    expect(() => encoderOf(tableOf(['2021-01-01', 'soon']), { types: { a: 'date' } })).toThrow(
      /types\.a: expected dates of one form.*'soon'/,
    )
    expect(() => encoderOf(tableOf([5, 6]), { types: { a: 'date' } })).toThrow(/received the number 5/)
  })
})

describe('booleans', () => {
  test.each([
    [['true', 'false', 'TRUE'].map((text) => text.toLowerCase())],
    [['yes', 'no', 'yes']],
    [[true, false, true]],
  ])('%j are found, and become 1 and -1, 0 where missing', (values) => {
    const encoder = encoderOf(tableOf(values))
    expect(encoder.data.inputs).toEqual([{ name: 'a', type: 'boolean' }])
    expect(encoded(encoder, tableOf([...values, null]))).toEqual([[1], [-1], [1], [0]])
  })

  test('0 and 1 are taken as booleans where asked for; other values are not', () => {
    const types = { a: 'boolean' as const }
    expect(encoded(encoderOf(tableOf([0, 1, 1]), { types }), tableOf([1, 0]))).toEqual([[1], [-1]])
    expect(() => encoderOf(tableOf(['yes', 'perhaps']), { types })).toThrow(
      /types\.a: expected true and false.*'perhaps'/,
    )
    expect(inferType(tableOf(['f', 'm']).columns[0])).toBe('categorical')
  })
})

describe('categories', () => {
  test('up to 64 have an input each; of more the 64 most frequent, and one for all others', () => {
    const many = Array.from({ length: 70 }, (_, i) =>
      new Array<string>(i < 6 ? 1 : 2).fill(`c${String(i).padStart(2, '0')}`),
    ).flat()
    const encoder = encoderOf(tableOf(many))
    expect(encoder.width).toBe(65)
    expect(encoder.inputNames[0]).toBe('a=c06')
    expect(encoder.inputNames[64]).toBe('a=(rare)')
    const rows = encoded(
      Encoder.fromJSON(JSON.parse(JSON.stringify(encoder))),
      tableOf(['c06', 'c00', 'new', null]),
    )
    expect(rows.map((row) => row.indexOf(1))).toEqual([0, 64, 64, -1])
    expect(encoderOf(tableOf(many.slice(0, 100))).inputNames.at(-1)).not.toBe('a=(rare)')
  })
})

describe('missing numbers', () => {
  test('have an indicator where at least 5 % and 10 rows lack a value', () => {
    const gaps = (count: number, every: number): (number | null)[] =>
      Array.from({ length: count }, (_, i) => (i % every === 0 ? null : i * i))
    const encoder = encoderOf(tableOf(gaps(100, 10)))
    expect(encoder.inputNames).toEqual(['a', 'a=missing'])
    expect(
      encoded(encoder, tableOf([null, 5])).map(([value, isMissing]) => [value === 0, isMissing]),
    ).toEqual([
      [true, 1],
      [false, 0],
    ])
    expect(encoderOf(tableOf(gaps(90, 10))).width).toBe(1)
    expect(encoderOf(tableOf(gaps(1000, 25))).width).toBe(1)
  })
})

describe('columns that nothing can be learnt from', () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({
    id: i + 1,
    shuffled: 100 + ((i * 7) % 40),
    name: `u${i}`,
    same: 7,
    none: null,
    n: i % 3,
    copy: i % 3,
    when: new Date(Date.UTC(2021, 0, 1 + i)).toISOString().slice(0, 10),
    y: target(i),
  }))
  const inputs = Object.keys(rows[0]).slice(0, -1)

  test('are named with the reason, dates are not among them', () => {
    const dropped = atOnce(uselessColumns(tableFromRows(rows), inputs))
    expect(dropped.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'id: counting the rows',
      'shuffled: counting the rows',
      'name: with a different text in most rows',
      'same: with the same value in every row',
      'none: without any value',
      "copy: equal to 'n' in every row",
    ])
    expect(droppedSentences(dropped)[0]).toBe(
      "Left out columns counting the rows: 'id', 'shuffled'; a type keeps it in.",
    )
  })

  test('are kept where a type says so, or nothing else is left', async () => {
    const names = (options: Partial<TrainOptions>) =>
      train<object>(rows, { target: 'y', epochs: 1, ...options }).then(({ encoder }) =>
        encoder.data.inputs.map(({ name }) => name),
      )
    expect(await names({})).toEqual(['n', 'when'])
    expect(await names({ types: { id: 'numeric', when: 'ignored', copy: 'numeric' } })).toEqual([
      'id',
      'n',
      'copy',
    ])
    expect(atOnce(uselessColumns(tableFromRows(rows), ['id']))).toEqual([])
  })

  test('their file needs them no more', async () => {
    const file = join(folder, 'rows.csv')
    await writeFile(
      file,
      [
        inputs.concat('y').join(','),
        ...rows.map((row) =>
          Object.values(row)
            .map((v) => v ?? '')
            .join(','),
        ),
      ].join('\n'),
    )
    const model = await train(file, { target: 'y', epochs: 1, types: { n: 'categorical' }, scale: 'robust' })
    expect(model.report.columns.find(({ name }) => name === 'id')).toMatchObject({
      role: 'ignored',
      reason: 'counting the rows',
    })
    expect(model.report.columns.find(({ name }) => name === 'when')?.type).toBe('date')
    expect(model.encoder.inputNames.slice(0, 4)).toEqual(['n=0', 'n=1', 'n=2', 'copy'])
    const path = join(folder, 'rows.model')
    await model.save(path)
    const loaded = await loadModel(path)
    const bare = [{ n: 1, copy: 1, when: '2021-01-05' }]
    expect(loaded.predict(bare)).toEqual(model.predict(bare))
    expect(loaded.predictTable(await loaded.readTable(file))).toEqual(
      model.predictTable(await model.readTable(file)),
    )
  })

  test.each([
    [{ types: { n: 'number' } }, /types\.n: expected one of numeric, categorical, boolean, date, ignored/],
    [{ types: { y: 'date' } }, /types\.y: expected numeric or categorical for the target/],
    [
      { types: { name: 'numeric' } },
      /types\.name: expected a column of numbers; received texts such as 'u0'/,
    ],
    [{ types: { nam: 'numeric' } }, /expected a column named 'nam'.*Did you mean 'name'/],
    [{ scale: 'minmax' }, /scale: expected one of standard, robust, clipped, quantile/],
  ])('%j is refused', async (options, message) => {
    await expect(train<object>(rows, { target: 'y', ...options } as never)).rejects.toThrow(message)
  })
})

test.each([
  [
    'quantiles',
    { type: 'numeric', mean: 0, deviation: 1, quantiles: [2, 1] },
    /quantiles: expected finite numbers in ascending order/,
  ],
  [
    'parts',
    { type: 'date', mean: 0, deviation: 1, order: 'ymd', parts: ['day'] },
    /parts: expected some of year, month/,
  ],
  [
    'order',
    { type: 'date', mean: 0, deviation: 1, order: 'ydm', parts: ['year'] },
    /order: expected ymd, mdy or dmy/,
  ],
  ['flags', { type: 'categorical', categories: ['a'], hasRare: 1 }, /hasRare: expected true or nothing/],
])('an encoder from a file with wrong %s is refused', (_, input, message) => {
  const json = {
    inputs: [{ name: 'a', ...input }],
    target: { name: 'y', task: 'classification', classes: ['u', 'v'] },
    ignored: [],
    taskReason: '',
  }
  expect(() => Encoder.fromJSON(json)).toThrow(message)
})
