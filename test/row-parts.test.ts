/** How rows are parted: groups stay whole, the latest are held out, copies stay together, folds cover every row once. */

import { describe, expect, test } from 'vitest'
import { dateForm, parseDate } from '../src/data/dates.ts'
import { firstCopies } from '../src/data/duplicates.ts'
import { tableFromRows, type Table } from '../src/data/table.ts'
import { crossValidate, train, type TrainOptions } from '../src/index.ts'
import { spreadOf } from '../src/metrics/spread.ts'
import { studentPValue, studentQuantile } from '../src/metrics/student.ts'
import { correctedPValue } from '../src/model/cross-validate.ts'
import { foldRows } from '../src/model/folds.ts'
import { normalizeTrainOptions } from '../src/model/normalize-options.ts'
import { partRows, type Parts } from '../src/model/parts.ts'

const settingsOf = (options: Partial<TrainOptions>) => normalizeTrainOptions({ target: 'y', ...options })
const part = (
  table: Table,
  options: Partial<TrainOptions>,
  task: 'classification' | 'regression' = 'classification',
) => partRows(table, task, settingsOf(options))
const sides = ({ train, validation, test, calibration }: Parts): Uint32Array[] => [
  train,
  validation,
  test,
  calibration,
]

const rows = Array.from({ length: 400 }, (_, i) => ({
  who: `p${(i * 37) % 41}`,
  when: new Date(Date.UTC(2020, 0, 1 + ((i * 53) % 97))).toISOString().slice(0, 10),
  a: Math.sin(i),
  y: i % 3 === 0 ? 'yes' : 'no',
}))
const table = tableFromRows(rows)

describe('groups', () => {
  test.each([0, 1, 2, 3])('are on one side only, whatever the seed: %d', async (seed) => {
    const parts = await part(table, { group: 'who', seed, validation: 0.2, coverage: 0.5 })
    const groups = sides(parts).map((side) => new Set(Array.from(side, (row) => rows[row].who)))
    expect(sides(parts).reduce((sum, side) => sum + side.length, 0)).toBe(400)
    expect(groups.reduce((sum, side) => sum + side.size, 0)).toBe(new Set(rows.map(({ who }) => who)).size)
    expect(Math.abs(parts.test.length - 80)).toBeLessThanOrEqual(10)
  })

  test('are the same ones in whatever order the rows are read', async () => {
    const back = rows.toReversed()
    const [one, other] = [
      await part(table, { group: 'who' }),
      await part(tableFromRows(back), { group: 'who' }),
    ]
    const names = (parts: Parts, from: typeof rows) =>
      [...new Set(Array.from(parts.test, (row) => from[row].who))].sort()
    expect(names(other, back)).toEqual(names(one, rows))
  })

  test('are no input, and two of them at least', async () => {
    const { encoder, report } = await train<object>(rows, { target: 'y', group: 'who', epochs: 1 })
    expect(encoder.data.inputs.map(({ name }) => name)).not.toContain('who')
    expect(report.columns.find(({ name }) => name === 'who')?.role).toBe('group')
    expect(report.split.rule).toBe('whole groups of who, seed 0')
    const same = tableFromRows(rows.map((row) => ({ ...row, who: 'p' })))
    await expect(part(same, { group: 'who' })).rejects.toThrow(
      /group: expected at least 2 groups in column who/,
    )
  })
})

describe('time', () => {
  test('holds out the latest, and no time is on both sides', async () => {
    const parts = await part(table, { splitBy: 'time:when', validation: 0.2 })
    const [train, validation, held] = sides(parts).map((side) =>
      Array.from(side, (row) => rows[row].when).sort(),
    )
    expect((train.at(-1) ?? '') < validation[0]).toBe(true)
    expect((validation.at(-1) ?? '') < held[0]).toBe(true)
    expect(Math.abs(held.length - 80)).toBeLessThan(6)
  })

  test('numbers are times too; equal ones cannot be parted, missing ones are refused', async () => {
    const at = (time: (i: number) => number | null) =>
      part(tableFromRows(rows.map((row, i) => ({ ...row, t: time(i) }))), {
        splitBy: 'time:t',
        validation: 0,
      })
    const { test: held } = await at((i) => -i)
    expect([...held]).toEqual(Array.from({ length: 80 }, (_, i) => i))
    await expect(at(() => 5)).rejects.toThrow(/splitBy: expected different times in column t/)
    await expect(at((i) => (i === 7 ? null : i))).rejects.toThrow(
      /row 7, column t: expected a time in every row/,
    )
    await expect(part(table, { splitBy: 'time:who' })).rejects.toThrow(
      /splitBy: expected numbers or dates.*'p0'/,
    )
  })
})

describe('copies of a row', () => {
  const copied = Array.from({ length: 600 }, (_, i) => ({
    a: (i * 7) % 150,
    b: 'x',
    y: (i * 7) % 150 < 75 ? 'u' : 'v',
  }))

  test.each(['classification', 'regression'] as const)('are on one side only under %s', async (task) => {
    const given = tableFromRows(copied.map((row) => (task === 'regression' ? { ...row, y: row.a } : row)))
    const parts = await part(given, { validation: 0.2 }, task)
    const values = sides(parts).map((side) => new Set(Array.from(side, (row) => copied[row].a)))
    expect(values.reduce((sum, side) => sum + side.size, 0)).toBe(150)
    expect(parts.test.length).toBeGreaterThan(60)
  })

  test('are found whatever the kinds of columns, missing values and -0 included', () => {
    const { first, distinct } = firstCopies(
      tableFromRows([
        { a: 0, b: 'x' },
        { a: null, b: 'x' },
        { a: -0, b: 'x' },
        { a: null, b: 'x' },
        { a: 0, b: null },
        { a: 0, b: 'y' },
      ]),
    )
    expect([[...first], distinct]).toEqual([[0, 1, 0, 1, 4, 5], 4])
  })

  test('on both sides of a given split are warned of', async () => {
    const split = { train: copied.map((_, i) => i).slice(0, 400), test: copied.map((_, i) => i).slice(400) }
    const { warnings } = await part(tableFromRows(copied), { split })
    expect(warnings.join(' ')).toMatch(/200 test rows of 200 also among the rows trained on/)
  })
})

describe('classes', () => {
  test('keep their shares by default, and are left to chance by stratify false', async () => {
    const share = ({ test: held }: Parts) =>
      Array.from(held, (row) => rows[row].y).filter((y) => y === 'yes').length
    expect(share(await part(table, {}))).toBe(27)
    const shares = await Promise.all(
      [0, 1, 2, 3, 4].map(async (seed) => share(await part(table, { stratify: false, seed }))),
    )
    expect(new Set(shares).size).toBeGreaterThan(1)
  })

  test.each([
    [
      { stratify: true, group: 'who' },
      /group: expected one rule to part the rows by; received `group` and `stratify`/,
    ],
    [{ splitBy: 'when' }, /splitBy: expected time:COLUMN with the column of the times; received 'when'/],
    [{ splitBy: 'time:y' }, /splitBy: expected the name of a column other than the target/],
    [{ group: '' }, /group: expected the name of a column/],
    [{ stratify: 'yes' }, /stratify: expected true or false/],
  ])('%j is refused', (options, message) => {
    expect(() => settingsOf(options as never)).toThrow(message)
  })

  test.each([
    [{ group: 'whom' }, /group: expected a column named 'whom'.*Did you mean 'who'/],
    [{ splitBy: 'time:wen' }, /splitBy: expected a column named 'wen'.*Did you mean 'when'/],
    [{ stratify: true }, /stratify: expected a target with classes/],
  ])('%j does not fit the table', async (options, message) => {
    await expect(part(table, options as never, 'regression')).rejects.toThrow(message)
  })
})

describe('folds', () => {
  test.each([{}, { group: 'who' }, { stratify: false }])('hold every row once under %j', (options) => {
    const folds = foldRows(table, 'classification', settingsOf(options), 5, 0)
    expect(folds.flatMap((fold) => [...fold]).sort((a, b) => a - b)).toEqual(rows.map((_, i) => i))
    expect(
      Math.max(...folds.map(({ length }) => length)) - Math.min(...folds.map(({ length }) => length)),
    ).toBeLessThan(20)
    expect(foldRows(table, 'classification', settingsOf(options), 5, 1)).not.toEqual(folds)
  })

  test('have the shares of the classes, or whole groups', () => {
    const counts = foldRows(table, 'classification', settingsOf({}), 5, 0).map(
      (fold) => Array.from(fold, (row) => rows[row].y).filter((y) => y === 'yes').length,
    )
    expect(counts.every((count) => count === 26 || count === 27)).toBe(true)
    const groups = foldRows(table, 'classification', settingsOf({ group: 'who' }), 5, 0).map(
      (fold) => new Set(Array.from(fold, (row) => rows[row].who)).size,
    )
    expect(groups.reduce((sum, count) => sum + count, 0)).toBe(41)
  })
})

describe('cross-validation', () => {
  // 2·scipy.stats.t.sf(|t|, freedom), SciPy 1.10
  test.each([
    [2.262157, 9, 0.0500000133044316],
    [0.5, 4, 0.6433299631818633],
    [-3.2, 14, 0.006420541165424648],
    [12, 2, 0.00687293367715846],
    [0, 5, 1],
    [1.1, 49, 0.2767070487340562],
  ])('p of t %d with %d degrees of freedom', (t, freedom, p) => {
    expect(studentPValue(t, freedom)).toBeCloseTo(p, 10)
  })

  // scipy.stats.t.ppf(0.975, freedom)
  test.each([
    [1, 12.706204736432095],
    [4, 2.7764451051977987],
    [9, 2.2621571627409915],
    [49, 2.0095752344892093],
  ])('5 %% of all t with %d degrees of freedom lie beyond %d', (freedom, t) => {
    expect(studentQuantile(0.05, freedom)).toBeCloseTo(t, 8)
  })

  test('the corrected test is Nadeau and Bengio’s', () => {
    const differences = [0.01, 0.03, -0.01, 0.02, 0.02]
    const { mean, deviation } = spreadOf(differences)
    expect([mean, deviation]).toEqual([expect.closeTo(0.014, 12), expect.closeTo(0.015165750888103102, 12)])
    const t = mean / Math.sqrt((1 / 5 + 1 / 4) * deviation ** 2)
    expect(correctedPValue(differences, 5)).toBeCloseTo(studentPValue(t, 4), 12)
    expect(correctedPValue([0, 0, 0], 3)).toBe(1)
  })

  test('scores every fold, with mean and deviation, and compares on the same folds', async () => {
    const data = rows.map(({ a }, i) => ({ a, b: Math.cos(7 * i), y: a > 0 ? 'up' : 'down' }))
    const options: TrainOptions = { target: 'y', epochs: 15, hidden: [8] }
    const result = await crossValidate(data, options, { folds: 4, repeats: 2, compare: { ignore: ['a'] } })
    expect(result.results.map(({ repeat, fold, scores }) => [repeat, fold, scores.rows])).toEqual(
      [0, 1].flatMap((repeat) => [0, 1, 2, 3].map((fold) => [repeat, fold, 100])),
    )
    const accuracies = result.results.map(({ scores }) => scores.accuracy ?? NaN)
    expect(result.scores.accuracy).toEqual(spreadOf(accuracies))
    expect(result.scores.accuracy?.mean).toBeGreaterThan(0.9)
    expect(result.comparison?.scores.accuracy?.mean).toBeLessThan(0.7)
    expect(result.comparison).toMatchObject({ wins: 0 })
    expect(result.comparison?.p).toBeLessThan(0.001)
    const same = await crossValidate(data, options, { folds: 4, compare: {} })
    expect(same.comparison).toMatchObject({ mean: 0, p: 1, wins: 0 })
  })

  test.each([
    [{ folds: 1 }, {}, /folds: expected an integer at least 2; received 1/],
    [{ folds: 500 }, {}, /folds: expected at most 400 rows; received 500/],
    [{ repeats: 0 }, {}, /repeats: expected an integer at least 1/],
    [{ fold: 3 }, {}, /Misspelled option 'fold' should be 'folds'/],
    [{ compare: { target: 'a' } }, {}, /compare\.target: expected the same rows/],
    [{}, { test: 0.2 }, /test: expected nothing, as each fold is the test once/],
    [{}, { splitBy: 'time:when' }, /splitBy: expected nothing/],
  ])('%j with %j is refused', async (cv, options, message) => {
    await expect(crossValidate(rows, { target: 'y', ...options } as never, cv as never)).rejects.toThrow(
      message,
    )
  })
})

describe('dates', () => {
  test.each([
    ['2024-02-29', 'ymd', Date.UTC(2024, 1, 29)],
    ['2024-2-9 7:05', 'ymd', Date.UTC(2024, 1, 9, 7, 5)],
    ['2024-02-29T12:30:15.250Z', 'ymd', Date.UTC(2024, 1, 29, 12, 30, 15)],
    ['2024/02/29 12:30:15+02:00', 'ymd', Date.UTC(2024, 1, 29, 12, 30, 15)],
    ['20240229T1230', 'ymd', Date.UTC(2024, 1, 29, 12, 30)],
    ['02/29/2024 11:59 PM', 'mdy', Date.UTC(2024, 1, 29, 23, 59)],
    ['29.2.2024', 'dmy', Date.UTC(2024, 1, 29)],
    ['29 Feb 2024', 'ymd', Date.UTC(2024, 1, 29)],
    ['February 29, 2024 12:00 am', 'ymd', Date.UTC(2024, 1, 29)],
    ['29-Sep-2024', 'ymd', Date.UTC(2024, 8, 29)],
    ['0001-01-01', 'ymd', Date.parse('0001-01-01')],
  ] as const)('%s', (text, order, moment) => {
    expect(parseDate(text, order)).toBe(moment)
  })

  test.each([
    '2023-02-29',
    '2024-13-01',
    '2024-04-31',
    '24:00',
    '2024',
    '1.5',
    '2024-01-01 25:00',
    '2024-01-02x',
    'May',
    '',
  ])("'%s' is no date", (text) => {
    for (const order of ['ymd', 'mdy', 'dmy'] as const) expect(parseDate(text, order)).toBeNaN()
  })

  test('day and month are told apart by all values of a column', () => {
    expect(dateForm(['03/04/2024', '03/14/2024'])).toEqual({ order: 'mdy', isAmbiguous: false })
    expect(dateForm(['03/04/2024', '14/03/2024'])).toEqual({ order: 'dmy', isAmbiguous: false })
    expect(dateForm(['03/04/2024'])).toEqual({ order: 'mdy', isAmbiguous: true })
    expect(dateForm(['03.04.2024'])).toEqual({ order: 'dmy', isAmbiguous: true })
    expect(dateForm(['14/03/2024', '03/14/2024'])).toBeUndefined()
    expect(dateForm(['2024-01-01', 'soon'])).toBeUndefined()
    expect(dateForm([])).toBeUndefined()
  })
})
