/** Tables of raw objects, the choice of the task, and the encoder: statistics, one-hot, targets, JSON, what is refused. */

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseCsv, readCsv } from '../src/data/csv.ts'
import { Encoder, type EncoderOptions } from '../src/data/encoder.ts'
import { rowNumbers } from '../src/data/split.ts'
import {
  column,
  columnValues,
  concatTables,
  selectRows,
  tableFromRows,
  type Table,
} from '../src/data/table.ts'
import { inferTask } from '../src/data/target.ts'
import { DataError, SpecError } from '../src/errors.ts'

const csv = (text: string): Table => parseCsv(Buffer.from(text), { source: 'data.csv' })
const fit = (
  table: Table,
  options: EncoderOptions,
  rows: ArrayLike<number> = rowNumbers(table.rows),
): Encoder => Encoder.fit(table, rows, options)
const people = csv('age,city,income,buys\n20,Rome,1,yes\n40,Oslo,,no\n,Rome,3,yes\n60,,5,no\n')

describe('tables of raw objects', () => {
  test('types follow the values; null, undefined, NaN and lacking keys are missing', () => {
    const table = tableFromRows([
      { size: 3, kind: 'a', isNew: true, none: null },
      { size: null, kind: 2, isNew: undefined, none: null },
      { size: NaN, isNew: false, none: undefined, late: 1 },
    ])
    expect(table.columns.map(({ name, type, missing }) => [name, type, missing])).toEqual([
      ['size', 'numeric', 2],
      ['kind', 'categorical', 1],
      ['isNew', 'categorical', 1],
      ['none', 'numeric', 3],
      ['late', 'numeric', 2],
    ])
    expect(columnValues(column(table, 'kind'))).toEqual(['a', '2', null])
    expect(columnValues(column(table, 'isNew'))).toEqual([true, null, false])
  })

  test.each([
    [Infinity, 'Infinity'],
    [[1], 'an array'],
    [new Date(0), 'a Date'],
    [5n, 'a value of type bigint'],
  ])('a value that no column can hold is refused: %s', (value, received) => {
    expect(() => tableFromRows([{ a: 1 }, { a: value }])).toThrow(DataError)
    expect(() => tableFromRows([{ a: 1 }, { a: value }])).toThrow(
      `rows row 1, column a: expected a finite number, a text`,
    )
    expect(() => tableFromRows([{ a: 1 }, { a: value }])).toThrow(`received ${received}`)
  })

  test('an unknown column is refused with the names there are and the nearest one', () => {
    expect(() => column(people, 'citi')).toThrow(
      "data.csv: expected a column named 'citi'; received the columns 'age', 'city', 'income', 'buys'. Did you mean 'city'?",
    )
  })

  test('selected rows keep their codes, chunks below each other merge their categories', () => {
    const some = selectRows(people, [3, 0])
    expect(columnValues(some.columns[1])).toEqual([null, 'Rome'])
    expect(some.columns[1].missing).toBe(1)
    const both = concatTables([csv('a,b\n1,x\n,z\n'), csv('a,b\n2,y\n3,\n')])
    expect(both.columns).toEqual(csv('a,b\n1,x\n,z\n2,y\n3,\n').columns)
    expect(() => concatTables([csv('a,b\n1,x\n'), csv('a,b\n1,2\n')])).toThrow(
      "a categorical column 'b' in every chunk",
    )
  })
})

describe('the task', () => {
  const numbers = (values: number[]): ReturnType<typeof inferTask> =>
    inferTask(tableFromRows(values.map((y) => ({ y }))).columns[0])
  const times = (count: number, rows: number): number[] =>
    Array.from({ length: count * rows }, (_, i) => i % count)

  test.each([
    ['text', tableFromRows([{ y: 'a' }]), 'classification', "'y' is text"],
    ['booleans', tableFromRows([{ y: true }]), 'classification', "'y' is boolean"],
  ])('%s are classes', (_, table, task, reason) => {
    expect(inferTask(table.columns[0])).toEqual({ task, reason })
  })

  test.each([
    ['20 integers in 10 rows each', times(20, 10), 'classification'],
    ['21 integers in 10 rows each', times(21, 10), 'regression'],
    ['3 integers, one of them in 9 rows', [...times(3, 10), 0, 0].slice(1).concat(9), 'regression'],
    ['fractions', [...times(2, 50), 0.5], 'regression'],
    ['missing values do not count', [...times(2, 10), NaN], 'classification'],
  ])('%s: %#', (_, values, task) => {
    expect(numbers(values).task).toBe(task)
  })

  test('the reason says what was counted', () => {
    expect(numbers(times(3, 10)).reason).toBe("'y' has 3 distinct integers, each in at least 10 rows")
    expect(numbers([...times(2, 10), 7]).reason).toBe(
      "'y' has 3 distinct integers, but 7 in only 1 row (fewer than 10)",
    )
    expect(numbers(times(30, 1)).reason).toBe("'y' has 30 distinct integers, more than 20")
    expect(numbers([1.5]).reason).toBe("'y' has numbers that are not integers")
  })
})

describe('inputs', () => {
  test('numbers are standardised by the training rows, missing ones become the mean, texts are one-hot', () => {
    const encoder = fit(people, { target: 'buys' })
    const deviation = Math.sqrt(((20 - 40) ** 2 + 0 + (60 - 40) ** 2) / 3)
    const incomeDeviation = Math.sqrt((4 + 0 + 4) / 3)
    expect(encoder.inputNames).toEqual(['age', 'city=Oslo', 'city=Rome', 'income'])
    const { x, rows, inputs, missing, unseen, extra } = encoder.encode(people)
    expect([rows, inputs]).toEqual([4, 4])
    expect(x).toEqual(
      Float32Array.of(
        ...[-20 / deviation, 0, 1, -2 / incomeDeviation],
        ...[0, 1, 0, 0],
        ...[0, 0, 1, 0],
        ...[20 / deviation, 0, 0, 2 / incomeDeviation],
      ),
    )
    expect(missing).toEqual([
      { column: 'age', count: 1 },
      { column: 'city', count: 1 },
      { column: 'income', count: 1 },
    ])
    expect([unseen, extra]).toEqual([[], []])
    expect(encoder.encode(people, undefined, 'float64').x[0]).toBe(-20 / deviation)
  })

  test('only training rows count, in whatever order', () => {
    const one = fit(people, { target: 'buys' }, [0, 1])
    expect(one.data.inputs[0]).toEqual({
      name: 'age',
      type: 'numeric',
      mean: 30,
      deviation: 10,
      range: [20, 40],
    })
    expect(fit(people, { target: 'buys' }, [1, 0]).data).toEqual(one.data)
    const two = fit(people, { target: 'buys' }, [0, 3])
    expect(two.inputNames).toEqual(['age', 'city=Rome', 'income'])
    expect(two.encode(people, [1]).unseen).toEqual([{ column: 'city', count: 1 }])
  })

  test('a column of equal values has deviation 1 and encodes to exact zeros', () => {
    const table = csv(`a,b,y\n${'0.1,1e300,u\n0.1,1e300,v\n'.repeat(5)}`)
    const encoder = fit(table, { target: 'y' })
    expect(encoder.data.inputs).toMatchObject([
      { mean: 0.1, deviation: 1 },
      { mean: 1e300, deviation: 1 },
    ])
    expect(encoder.encode(table).x.every((value) => value === 0)).toBe(true)
  })

  test('a column without any value becomes zeros', () => {
    const table = csv('a,b,y\n,1,u\n,2,v\n')
    expect([...fit(table, { target: 'y' }).encode(table).x]).toEqual([0, -1, 0, 1])
  })

  test('values too far apart are refused, in training and in prediction', () => {
    expect(() => fit(csv('a,y\n1e200,u\n-1e200,v\n'), { target: 'y' })).toThrow(
      'column a: expected values that can be standardised',
    )
    const blocks = Float64Array.from({ length: 150_000 }, (_, row) => (row < 70_000 ? 1e308 : -1e308))
    const halves = tableFromRows([
      { a: 1, y: 'u' },
      { a: 2, y: 'v' },
    ])
    const far = selectRows(
      halves,
      Array.from(blocks, (value) => (value > 0 ? 0 : 1)),
    )
    far.columns[0] = { name: 'a', type: 'numeric', values: blocks, missing: 0 }
    expect(() => fit(far, { target: 'y' })).toThrow('values up to 1e+308')
    const encoder = fit(csv('a,y\n1,u\n2,v\n'), { target: 'y' })
    expect(() => encoder.encode(csv('a\n1\n1e300\n'))).toThrow(
      'data.csv row 1, column a: expected a number near those',
    )
  })

  test('a table for prediction may have another order, no target and more columns', () => {
    const encoder = fit(people, { target: 'buys', ignore: ['income'] })
    const other = csv('note,income,city,age\nx,9,Paris,40\ny,9,Rome,20\n')
    const encoded = encoder.encode(other)
    expect(encoded.extra).toEqual(['note'])
    expect(encoded.unseen).toEqual([{ column: 'city', count: 1 }])
    expect([...encoded.x.slice(0, 3)]).toEqual([0, 0, 0])
    expect([...encoded.x.slice(3)]).toEqual([...encoder.encode(people, [0]).x])
    expect(encoder.encode(tableFromRows([{ age: 20, city: 'Rome' }])).x).toEqual(encoded.x.slice(3))
  })

  test('a missing input column is refused with the nearest name', () => {
    const encoder = fit(people, { target: 'buys' })
    expect(() => encoder.encode(csv('aeg,city,income\n1,Rome,2\n'))).toThrow(
      "data.csv: expected a column named 'age'; received the columns 'aeg', 'city', 'income'. Did you mean 'aeg'?",
    )
  })

  test('text where training had numbers is refused with column and value', () => {
    const encoder = fit(people, { target: 'buys' })
    expect(() => encoder.encode(csv('age,city,income\n1,Rome,2\nold,Rome,2\n'))).toThrow(
      "data.csv row 1, column age: expected a number, as in the training data; received the text 'old'",
    )
    expect(() => encoder.encode(tableFromRows([{ age: '31', city: 'Rome', income: 1 }]))).toThrow(
      "received the text '31'",
    )
  })

  test('numbers where training had texts are looked up as texts', () => {
    const table = csv('code,y\n7,u\nx,v\n')
    const encoder = fit(table, { target: 'y' })
    expect([...encoder.encode(csv('code\n7\n8\n')).x]).toEqual([1, 0, 0, 0])
    expect(encoder.columnTypes()).toEqual(Object.assign(Object.create(null), { code: 'categorical' }))
  })

  test.each([
    [{ target: 'buyz' }, DataError, "Did you mean 'buys'?"],
    [{ target: 'buys', ignore: ['agee'] }, DataError, "Did you mean 'age'?"],
    [{ target: 'buys', ignore: ['buys'] }, SpecError, 'columns other than the target'],
    [{ target: 'buys', ignored: [] }, SpecError, "should be 'ignore'"],
    [{ target: 'buys', task: 'regresion' }, SpecError, "received 'regresion'"],
    [
      { target: 'buys', task: 'regression' },
      DataError,
      "task: expected classification, as column 'buys' has texts such as 'yes'; received regression",
    ],
    [{ target: 'buys', ignore: ['age', 'city', 'income'] }, DataError, 'expected columns to learn from'],
  ])('%j is refused', (options, kind, message) => {
    expect(() => fit(people, options as EncoderOptions)).toThrow(kind)
    expect(() => fit(people, options as EncoderOptions)).toThrow(message)
  })

  test('no rows and a single class are refused', () => {
    expect(() => fit(people, { target: 'buys' }, [])).toThrow(
      'data.csv: expected rows to train on; received none',
    )
    expect(() => fit(csv('a,y\n1,\n2,\n'), { target: 'y' })).toThrow(
      'received 2 rows, none with a value in column y',
    )
    expect(() => fit(people, { target: 'buys' }, [0, 2])).toThrow(
      "column buys: expected at least 2 classes; received only 'yes'",
    )
  })
})

describe('targets', () => {
  test('classes ascend: texts by code units, numbers numerically, and keep their kind', () => {
    const texts = csv('a,y\n1,z\n2,Z\n3,é\n4,10\n5,9\n')
    expect(fit(texts, { target: 'y' }).classes).toEqual(['10', '9', 'Z', 'z', 'é'])
    const numbers = csv('a,y\n1,10\n2,9\n3,-1\n4,0.5\n')
    expect(fit(numbers, { target: 'y', task: 'classification' }).classes).toEqual([-1, 0.5, 9, 10])
    const booleans = tableFromRows([
      { a: 1, y: true },
      { a: 2, y: false },
    ])
    const encoder = fit(booleans, { target: 'y' })
    expect(encoder.classes).toEqual([false, true])
    expect(encoder.encodeTarget(booleans)).toMatchObject({ classes: Int32Array.of(1, 0) })
  })

  test('rows without a target are left out and counted, also when fitting', () => {
    const table = csv('a,y\n1,u\n100,\n3,v\n5,w\n')
    const encoder = fit(table, { target: 'y' }, [0, 1, 2])
    expect(encoder.data.inputs[0]).toMatchObject({ mean: 2, deviation: 1 })
    expect(encoder.encodeTarget(table)).toEqual({
      task: 'classification',
      rows: Uint32Array.of(0, 2, 3),
      missing: 1,
      classes: Int32Array.of(0, 1, -1),
      unseen: 1,
    })
  })

  test('regression targets are standardised and mapped back', () => {
    const table = csv('a,y\n1,10.5\n2,20.5\n3,\n4,30.5\n')
    const encoder = fit(table, { target: 'y' }, [0, 1, 2])
    expect(encoder.task).toBe('regression')
    const encoded = encoder.encodeTarget(table)
    expect(encoded).toMatchObject({
      rows: Uint32Array.of(0, 1, 3),
      missing: 1,
      values: Float64Array.of(-1, 1, 3),
    })
    expect([-1, 1, 3].map((value) => encoder.decodeValue(value))).toEqual([10.5, 20.5, 30.5])
  })

  test('a table without the target, or with text for a numeric one, is refused', () => {
    const encoder = fit(csv('a,y\n1,1.5\n2,2\n'), { target: 'y' })
    expect(() => encoder.encodeTarget(csv('a\n1\n'))).toThrow("expected a column named 'y'")
    expect(() => encoder.encodeTarget(csv('a,y\n1,x\n'))).toThrow(
      "data.csv row 0, column y: expected a number, as in the training data; received 'x'",
    )
  })
})

describe('JSON', () => {
  const encoder = fit(people, { target: 'buys', ignore: ['income'] })

  test('an encoder survives the way there and back, to the bit', () => {
    const again = Encoder.fromJSON(JSON.parse(JSON.stringify(encoder)))
    expect(again.data).toEqual(encoder.data)
    expect(again.encode(people).x).toEqual(encoder.encode(people).x)
  })

  test('regression and hostile names too', () => {
    const table = tableFromRows([
      JSON.parse('{"__proto__":1,"constructor":"x","y":0.1}'),
      JSON.parse('{"__proto__":2,"y":0.7}'),
    ] as object[])
    const first = fit(table, { target: 'y' })
    const again = Encoder.fromJSON(JSON.parse(JSON.stringify(first)))
    expect(again.data).toEqual(first.data)
    expect(again.inputNames).toEqual(['__proto__', 'constructor=x'])
    expect(Object.keys(again.columnTypes())).toEqual(['__proto__', 'constructor'])
  })

  test.each<[string, (data: Record<string, never>) => unknown, string]>([
    ['no object', () => 7, 'encoder: expected an object; received 7'],
    [
      'no inputs',
      (data) => ({ ...data, inputs: undefined }),
      'encoder.inputs: expected a list; received nothing',
    ],
    [
      'a wrong type',
      (data) => ({ ...data, inputs: [{ name: 'a', type: 'colour' }] }),
      "encoder.inputs[0].type: expected 'numeric'",
    ],
    [
      'deviation 0',
      (data) => ({ ...data, inputs: [{ name: 'a', type: 'numeric', mean: 0, deviation: 0 }] }),
      'deviation',
    ],
    [
      'mean null',
      (data) => ({ ...data, inputs: [{ name: 'a', type: 'numeric', mean: null, deviation: 1 }] }),
      'mean',
    ],
    [
      'a name twice',
      (data) => ({ ...data, inputs: [{ name: 'buys', type: 'numeric', mean: 0, deviation: 1 }] }),
      'a name twice',
    ],
    [
      'unsorted',
      (data) => ({ ...data, inputs: [{ name: 'a', type: 'categorical', categories: ['b', 'a'] }] }),
      'ascending',
    ],
    [
      'one class',
      (data) => ({ ...data, target: { name: 'y', task: 'classification', classes: ['a'] } }),
      'at least 2',
    ],
    [
      'mixed classes',
      (data) => ({ ...data, target: { name: 'y', task: 'classification', classes: [1, 'a'] } }),
      'one kind',
    ],
    ['no task', (data) => ({ ...data, target: { name: 'y' } }), 'encoder.target.task'],
  ])('%s is refused', (_, change, message) => {
    const json = change(JSON.parse(JSON.stringify(encoder)) as Record<string, never>)
    expect(() => Encoder.fromJSON(json)).toThrow(DataError)
    expect(() => Encoder.fromJSON(json)).toThrow(message)
  })
})

test('penguins: types, task and inputs as the file has them', async () => {
  const table = await readCsv(join(import.meta.dirname, 'data', 'penguins.csv'))
  const encoder = fit(table, { target: 'species' })
  expect(encoder.task).toBe('classification')
  expect(encoder.classes).toEqual(['Adelie', 'Chinstrap', 'Gentoo'])
  expect(encoder.inputNames).toEqual([
    ...['island=Biscoe', 'island=Dream', 'island=Torgersen'],
    ...['bill_length_mm', 'bill_depth_mm', 'flipper_length_mm', 'body_mass_g', 'sex=female', 'sex=male'],
  ])
  const { x, missing } = encoder.encode(table)
  expect(x.every(Number.isFinite)).toBe(true)
  expect(missing.map(({ column: name, count }) => `${name} ${count}`)).toEqual([
    ...['bill_length_mm 2', 'bill_depth_mm 2', 'flipper_length_mm 2', 'body_mass_g 2', 'sex 11'],
  ])
})
