/** One row at a time: the same answers as of a batch, clear errors, and rows with a type. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseCsv } from '../src/data/csv.ts'
import { rowInterface } from '../src/cli/schema.ts'
import { DataError } from '../src/errors.ts'
import { loadModel, train, type Model, type TrainOptions } from '../src/index.ts'

interface Row {
  size: number | null
  kind: string | null
  when: string
  isNew: boolean
  id: number
  y: string
}

const rows: Row[] = Array.from({ length: 120 }, (_, i) => ({
  size: i % 9 === 0 ? null : Math.sin(i),
  kind: i % 11 === 0 ? null : 'abc'[i % 3],
  when: `2024-0${1 + (i % 6)}-1${i % 9} 0${i % 8}:30`,
  isNew: i % 4 === 0,
  id: i,
  y: Math.sin(i) > 0 ? 'up' : 'down',
}))
const options: TrainOptions<Row> = { target: 'y', epochs: 3, hidden: [8] }

let folder = ''
let model: Model<Row>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  const file = join(folder, 'one.model')
  await (await train<Row>(rows, options)).save(file)
  model = await loadModel<Row>(file)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('predictOne', () => {
  test('gives the bits of predict for every row, in whatever order', () => {
    const all = model.predict(rows)
    for (const i of [5, 0, 9, 11, 5, 119, 44]) expect(model.predictOne(rows[i])).toEqual(all[i])
  })

  test('does not keep what the row before had', () => {
    const empty = { ...rows[1], size: null, kind: null }
    const [expected] = model.predict([empty])
    model.predictOne(rows[2])
    expect(model.predictOne(empty)).toEqual(expected)
  })

  test('has intervals and thresholds like predict', async () => {
    const fine = await train<Row>(rows, { ...options, coverage: 0.7, threshold: 0.4, positive: 'up' })
    expect(fine.predictOne(rows[7])).toEqual(fine.predict([rows[7]])[0])
  })

  const given: Record<string, unknown> = { size: 1, kind: 'a', when: '2024-01-10', isNew: true }
  const cases: [string, Record<string, unknown>, RegExp][] = [
    [
      'a missing field',
      { ...given, size: undefined },
      /row: expected the field 'size', null where missing; received a row without/,
    ],
    [
      'a misspelled field',
      { kind: 'a', when: '2024-01-10', isNew: true, sice: 1 },
      /the field 'size'.*Is 'sice' misspelled/,
    ],
    ['two missing fields', { kind: 'a', isNew: true }, /the fields 'size', 'when'/],
    [
      'a further field',
      { ...given, colour: 'red', shape: 1 },
      /no fields but those of training.*received 'colour', 'shape'/,
    ],
    [
      'a text for a number',
      { ...given, size: '1' },
      /row, column size: expected a value as in the training data; received '1'/,
    ],
    ['a number out of all bounds', { ...given, size: Infinity }, /row, column size/],
    ['another form of date', { ...given, when: 'soon' }, /row, column when.*received 'soon'/],
    ['an object', { ...given, kind: {} }, /row, column kind.*received an object/],
  ]
  test.each(cases)('%s is a DataError that names it', (_, row, message) => {
    expect(() => model.predictOne(row as never)).toThrow(DataError)
    expect(() => model.predictOne(row as never)).toThrow(message)
  })

  test('the target and columns that training left out may be there', () => {
    expect(model.encoder.data.ignored).toEqual(['id'])
    expect(model.predictOne({ ...given, id: 3, y: 'up' } as never)).toEqual(model.predictOne(given as never))
  })
})

describe('rows with a type', () => {
  test('a misspelled column does not compile', async () => {
    // @ts-expect-error: there is no column 'speed'
    const wrong: TrainOptions<Row> = { target: 'speed' }
    await expect(train<Row>(rows, wrong)).rejects.toThrow(/a column named 'speed'/)
    // @ts-expect-error: nor in a row
    expect(() => model.predictOne({ ...rows[0], sise: 1 })).toThrow(DataError)
  })

  test('are printed as an interface', () => {
    const table = parseCsv(Buffer.from('age,first name,x\n1,Ann,\n2,Bob,3\n'))
    expect(rowInterface(table).join('\n')).toBe(
      'export interface Row {\n  age: number\n  "first name": string\n  x: number | null\n}',
    )
  })
})
