/** train, Model and loadModel: raw rows in, answers out, and a clear error for everything that cannot be. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Encoder } from '../src/data/encoder.ts'
import { tableFromRows } from '../src/data/table.ts'
import { DataError, DivergenceError, SpecError } from '../src/errors.ts'
import {
  loadModel,
  train,
  type NumberPrediction,
  type TrainingPlan,
  type TrainOptions,
} from '../src/index.ts'

const data = (name: string): string => fileURLToPath(new URL(`data/${name}`, import.meta.url))
const penguins = data('penguins.csv')
const quick: TrainOptions = { target: 'species', seed: 1, epochs: 30 }

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function csv(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

// Two numbers, whose sum says the class.
const rowsOf = (count: number, label: (sum: number) => unknown): Record<string, unknown>[] =>
  Array.from({ length: count }, (_, i) => {
    const [a, b] = [Math.sin(i * 12.9898), Math.cos(i * 78.233)]
    return { a, b, y: label(a + b) }
  })

describe('train on a file', () => {
  test('reports data, parts, course and scores beside the baseline', async () => {
    const { report } = await train(penguins, quick)
    expect(report).toMatchObject({
      source: penguins,
      rows: 344,
      target: 'species',
      task: 'classification',
      taskReason: "'species' is text",
      droppedRows: 0,
      split: { train: 247, validation: 28, test: 69 },
      network: '9 inputs → 64 relu → 32 relu → 3 outputs, 2,819 parameters',
      warnings: [],
    })
    expect(report.columns[0]).toEqual({
      name: 'species',
      type: 'categorical',
      role: 'target',
      missing: 0,
      categories: 3,
    })
    expect(report.columns.at(-1)).toMatchObject({ name: 'sex', role: 'input', missing: 11 })
    expect(report.classes?.map(({ label, rows }) => [label, rows])).toEqual([
      ['Adelie', 152],
      ['Chinstrap', 68],
      ['Gentoo', 124],
    ])
    expect(report.test?.rows).toBe(69)
    expect(report.test?.accuracy).toBeGreaterThan(0.95)
    expect(report.test?.baseline.accuracy).toBeCloseTo(30 / 69, 10)
    expect(report.test?.logLoss).toBeLessThan(report.test?.baseline.logLoss ?? 0)
    expect(report.bestEpoch).toBeGreaterThan(0)
    expect(report.threads).toBeGreaterThan(0)
  })

  test('regression has R² and RMSE in the unit of the target', async () => {
    const model = await train<Record<string, unknown>, NumberPrediction>(data('mpg.csv'), {
      target: 'hwy',
      seed: 2,
    })
    const { report } = model
    expect([report.task, report.classes]).toEqual(['regression', undefined])
    expect(report.test?.r2).toBeGreaterThan(0.85)
    expect(report.test?.rmse).toBeLessThan(2.5)
    expect(report.test?.baseline.rmse).toBeGreaterThan(4)
    expect(Math.abs(report.train.baseline.r2 ?? 1)).toBeLessThan(1e-12)
    const [{ prediction }] = model.predict([
      {
        manufacturer: 'audi',
        displ: 1.8,
        year: 1999,
        cyl: 4,
        trans: 'auto(l5)',
        drv: 'f',
        fl: 'p',
        class: 'compact',
      },
    ])
    expect(Math.abs(prediction - 29)).toBeLessThan(6)
  })

  test('the same seed gives the same bits with any number of threads, another seed another split', async () => {
    const run = (options: Partial<TrainOptions>) => train(penguins, { ...quick, ...options })
    const [one, two, other] = [await run({ threads: 1 }), await run({ threads: 2 }), await run({ seed: 2 })]
    expect(two.network.parameters).toEqual(one.network.parameters)
    expect(two.report.test).toEqual(one.report.test)
    expect(other.report.test).not.toEqual(one.report.test)
  })

  test('a split file and the same split as row numbers agree; --validation 0 trains on all training rows', async () => {
    const split = data('splits/penguins.json')
    const fromFile = await train(penguins, { ...quick, split, validation: 0 })
    expect(fromFile.report.split).toMatchObject({ train: 275, validation: 0, test: 69 })
    expect(fromFile.report.validation).toBeUndefined()
    expect(fromFile.report.epochs).toBe(30)
    const given = { train: Array.from({ length: 200 }, (_, i) => i), test: Uint32Array.of(210, 211) }
    const inMemory = await train(penguins, { ...quick, task: 'classification', split: given })
    expect(inMemory.report.test?.rows).toBe(2)
  })

  test('rows without a target are left out and counted', async () => {
    const rows = Array.from(
      { length: 60 },
      (_, i) => `${i % 7},${i % 10 === 0 ? '' : i % 2 ? 'odd' : 'even'}`,
    )
    const { report } = await train(await csv('gaps.csv', `n,kind\n${rows.join('\n')}\n`), {
      target: 'kind',
      epochs: 2,
    })
    expect(report.droppedRows).toBe(6)
    expect(report.split.train + report.split.validation + report.split.test).toBe(54)
  })

  test('columns that say nothing or too much are left out, and said so', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => `${i + 1},u${i},7,,${i % 3},${i % 2 ? 'a' : 'b'}`)
    const { report } = await train(await csv('odd.csv', `id,name,same,none,n,y\n${rows.join('\n')}\n`), {
      target: 'y',
      epochs: 2,
    })
    expect(report.warnings.slice(0, 4)).toEqual([
      "Left out the column counting the rows: 'id'; a type keeps it in.",
      "Left out the column with a different text in most rows: 'name'; a type keeps it in.",
      "Left out the column with the same value in every row: 'same'.",
      "Left out the column without any value: 'none'.",
    ])
  })

  test('hidden, dropout, loss, metric and ignore shape the network and the report', async () => {
    const model = await train(penguins, {
      ...quick,
      hidden: [5],
      activation: 'tanh',
      dropout: 0.2,
      loss: 'categoricalCrossEntropy',
      metric: 'logLoss',
      ignore: ['sex', 'island'],
      optimizer: 'momentum',
      batchSize: 50,
      l2: 0,
    })
    expect(model.report.network).toBe('4 inputs → 5 tanh → dropout 0.2 → 3 outputs, 43 parameters')
    expect(model.network.spec.layers.at(-1)).toMatchObject({ activation: 'softmax' })
    expect(model.report.metric).toBe('logLoss')
    expect(model.report.columns.filter(({ role }) => role === 'ignored').map(({ name }) => name)).toEqual([
      'island',
      'sex',
    ])
  })

  test('no hidden layers make a linear model', async () => {
    const { network, report } = await train(data('breast_cancer.csv'), {
      target: 'diagnosis',
      hidden: [],
      epochs: 60,
    })
    expect(network.spec.layers.length).toBe(1)
    expect(report.test?.accuracy).toBeGreaterThan(0.93)
  })
})

describe('train on rows', () => {
  test('a boolean target comes back as booleans, from one output', async () => {
    const model = await train(
      rowsOf(200, (sum) => sum > 0),
      { target: 'y', epochs: 60 },
    )
    expect(model.network.spec.loss?.name).toBe('binaryCrossEntropyFromLogits')
    expect(model.network.outputs).toBe(1)
    const [yes, no] = model.predict([
      { a: 0.9, b: 0.9 },
      { a: -0.9, b: -0.9 },
    ])
    expect([yes.prediction, no.prediction]).toEqual([true, false])
    expect(yes.probabilities.true + yes.probabilities.false).toBeCloseTo(1, 6)
    expect(yes.probability).toBe(yes.probabilities.true)
  })

  test('two classes with a categorical loss have two outputs', async () => {
    const rows = rowsOf(100, (sum) => (sum > 0 ? 'up' : 'down'))
    const model = await train(rows, { target: 'y', epochs: 5, loss: 'categoricalCrossEntropyFromLogits' })
    expect(model.network.outputs).toBe(2)
  })

  test('integers with few values are classes and come back as numbers; the task can be set', async () => {
    const rows = rowsOf(150, (sum) => Math.sign(Math.round(sum)))
    const model = await train(rows, { target: 'y', epochs: 20 })
    expect(model.report.task).toBe('classification')
    expect(model.encoder.classes).toEqual([-1, 0, 1])
    expect(typeof model.predict([{ a: 0, b: 0 }])[0].prediction).toBe('number')
    const numbers = await train(rows, { target: 'y', epochs: 5, task: 'regression' })
    expect([numbers.report.task, numbers.report.taskReason]).toEqual(['regression', 'as asked for'])
  })

  test('names that objects know are only names', async () => {
    const rows = rowsOf(80, (sum) => (sum > 0 ? '__proto__' : 'constructor'))
    const model = await train(rows, { target: 'y', epochs: 3 })
    const [{ probabilities }] = model.predict([{ a: 1, b: 1 }])
    expect(Object.keys(probabilities).sort()).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(probabilities)).toBe(Object.prototype)
  })

  test('text that training had not, missing values and further keys are taken; text for a number is not', async () => {
    const model = await train(penguins, quick)
    const row = { island: 'Atlantis', bill_length_mm: null, bill_depth_mm: 15, more: 1 }
    expect(() => model.predict([row])).toThrow(/expected a column named 'flipper_length_mm'/)
    const full = { ...row, flipper_length_mm: 200, body_mass_g: 4000, sex: undefined }
    expect(model.predict([full])).toHaveLength(1)
    expect(() => model.predict([{ ...full, body_mass_g: 'heavy' }])).toThrow(
      /row 0, column body_mass_g: expected a number/,
    )
    expect(model.predict([])).toEqual([])
    expect(() => model.predict([5] as never)).toThrow(DataError)
  })
})

describe('numbers outside the range of training', () => {
  const known = rowsOf(80, (sum) => (sum > 0 ? 'high' : 'low'))
  const values = known.map(({ a }) => a as number)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  // Just inside, just outside, far outside, missing.
  const met = [high, high + 1e-9, -1e9, null].map((a) => ({ a, b: 0, y: 'high' }))

  test('are counted by column for tables and files, and kept with the model', async () => {
    const model = await train(known, { target: 'y', test: 0, validation: 0, epochs: 1 })
    expect(model.encoder.data.inputs[0]).toMatchObject({ name: 'a', range: [low, high] })
    const file = await csv(
      'outside.csv',
      `a,b,y\n${met.map(({ a, b, y }) => `${a ?? ''},${b},${y}`).join('\n')}\n`,
    )
    const path = join(folder, 'range.model')
    await model.save(path)
    const loaded = await loadModel(path)
    expect(loaded.predictTable(await loaded.readTable(file)).outside).toEqual([{ column: 'a', count: 2 }])
    expect((await loaded.evaluate(file)).outside).toEqual([{ column: 'a', count: 2 }])
    expect((await loaded.evaluate(known as never)).outside).toEqual([])
  })

  test('are not known of models that were made before', async () => {
    const model = await train(known, { target: 'y', epochs: 1 })
    const data = model.encoder.toJSON()
    const inputs = data.inputs.map((input) => ({ ...input, range: undefined }))
    const older = Encoder.fromJSON({ ...data, inputs })
    expect(older.encode(tableFromRows(met)).outside).toEqual([])
    const wrong = { ...data, inputs: [{ ...data.inputs[0], range: [1, 0] }] }
    expect(() => Encoder.fromJSON(wrong)).toThrow(
      /inputs\[0\]\.range: expected two finite numbers in ascending order/,
    )
  })
})

describe('a run', () => {
  test('tells its plan, its epochs and its progress', async () => {
    const plans: TrainingPlan[] = []
    const epochs: number[] = []
    const options: TrainOptions = {
      ...quick,
      onStart: (plan) => void plans.push(plan),
      onEpoch: ({ epoch, validation }) => {
        expect(validation?.loss).toBeGreaterThan(0)
        epochs.push(epoch)
      },
    }
    const { report } = await train(penguins, options)
    expect(plans).toHaveLength(1)
    expect(plans[0].split.train).toBe(247)
    expect(epochs).toEqual(Array.from({ length: report.epochs }, (_, i) => i + 1))
  })

  test('stops early where the validation loss no longer falls, and keeps the best weights', async () => {
    const noise = Array.from({ length: 120 }, (_, i) => ({
      a: Math.sin(i * i),
      b: Math.cos(3 * i * i),
      y: Math.sin(7 * i * i + 1),
    }))
    const { report } = await train(noise, { target: 'y', epochs: 500, patience: 5, learningRate: 0.02 })
    expect(report.stopped).toBe('earlyStopping')
    expect(report.epochs).toBe((report.bestEpoch ?? 0) + 5)
  })

  test('says where the model is no better than guessing', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => ({ a: i % 10, y: i < 80 ? i % 10 : 9.5 - (i % 10) }))
    const split = { train: rows.map((_, i) => i).slice(0, 80), test: rows.map((_, i) => i).slice(80) }
    const { report } = await train(rows, { target: 'y', split, task: 'regression', epochs: 100 })
    expect(report.warnings.join(' ')).toMatch(/No better than guessing/)
  })

  test('resolves with the best model so far when it is aborted', async () => {
    const stop = new AbortController()
    const options: TrainOptions = { target: 'digit', epochs: 100_000, patience: 100_000, signal: stop.signal }
    const model = await train(data('digits.csv'), {
      ...options,
      onEpoch: ({ epoch }) => epoch === 5 && stop.abort(),
    })
    expect(model.report.stopped).toBe('aborted')
    expect(model.report.epochs).toBeGreaterThanOrEqual(5)
    expect(model.report.test?.accuracy).toBeGreaterThan(0.8)
  })

  test('that is aborted before it starts trains nothing and says so', async () => {
    const { report } = await train(penguins, { ...quick, signal: AbortSignal.abort() })
    expect([report.stopped, report.epochs]).toEqual(['aborted', 0])
  })

  test('ends with the error of a listener that throws', async () => {
    const onEpoch = (): never => {
      throw new RangeError('mine')
    }
    await expect(train(penguins, { ...quick, epochs: 100_000, onEpoch })).rejects.toThrow(
      new RangeError('mine'),
    )
  })

  test('that diverges is an error with the likely cause', async () => {
    const wild: TrainOptions = { ...quick, optimizer: 'sgd', learningRate: 1e30 }
    await expect(train(penguins, wild)).rejects.toThrow(DivergenceError)
  })
})

describe('save, load and evaluate', () => {
  test('a loaded model predicts, scores and reports as the one that was saved', async () => {
    const model = await train(penguins, quick)
    const path = join(folder, 'penguins.model')
    await model.save(path)
    const loaded = await loadModel(path)
    expect(loaded.report).toEqual(model.report)
    expect(loaded.encoder.toJSON()).toEqual(model.encoder.toJSON())
    const table = await model.readTable(penguins)
    expect(loaded.predictTable(table)).toEqual(model.predictTable(table))
    expect(loaded.summary()).toBe(model.summary())
    const scores = await loaded.evaluate(penguins)
    expect(scores).toMatchObject({ rows: 344, droppedRows: 0, isTrainingData: true })
    expect(scores).toEqual(await model.evaluate(penguins))
  })

  test('evaluate counts unknown classes as wrong and names rows it cannot score', async () => {
    const model = await train(
      rowsOf(120, (sum) => (sum > 0 ? 'up' : 'down')),
      { target: 'y', epochs: 60 },
    )
    const rows = rowsOf(40, (sum) => (sum > 0 ? 'up' : 'down'))
    const known = await model.evaluate(rows)
    const half = await model.evaluate([...rows, ...rowsOf(40, () => 'sideways')])
    expect(half).toMatchObject({ rows: 80, unseenClasses: 40, isTrainingData: false, logLoss: known.logLoss })
    expect(half.accuracy).toBeCloseTo((known.accuracy ?? 0) / 2, 10)
    await expect(model.evaluate(rowsOf(5, () => 'sideways'))).rejects.toThrow(
      /expected classes of the training rows.*only others/,
    )
    await expect(model.evaluate(rowsOf(5, () => null))).rejects.toThrow(/rows with a value in column y/)
    await expect(model.evaluate([])).rejects.toThrow(/rows to score; received 0 rows/)
    await expect(model.evaluate([{ a: 1, b: 2 }])).rejects.toThrow(/a column named 'y'/)
  })

  test('texts that stand for a missing value in training do so in prediction', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `${i % 9 === 0 ? '?' : i % 5},${i % 2 ? 'a' : 'b'}`)
    const file = await csv('marks.csv', `n,y\n${rows.join('\n')}\n`)
    const model = await train(file, { target: 'y', missing: ['?'], epochs: 2 })
    const path = join(folder, 'marks.model')
    await model.save(path)
    const loaded = await loadModel(path)
    expect(loaded.predictTable(await loaded.readTable(file)).missing).toEqual([{ column: 'n', count: 7 }])
  })
})

describe('an option that cannot be is refused', () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ target: undefined }, /target: expected the name of the column/],
    [{ learningrate: 0.1 }, /Misspelled option 'learningrate' should be 'learningRate'/],
    [{ ephocs: 3 }, /should be 'epochs'/],
    [{ hidden: 64 }, /hidden: expected an array/],
    [{ hidden: [64, 0] }, /hidden\[1\]: expected an integer at least 1/],
    [{ activation: 'ReLU6' }, /activation: expected one of.*Did you mean 'relu'/],
    [{ dropout: 1 }, /dropout: expected a number at least 0 and below 1; received 1/],
    [{ optimizer: 'adma' }, /optimizer: expected one of.*Did you mean 'adam'/],
    [{ learningRate: 0 }, /learningRate: expected a number above 0/],
    [{ batchSize: 0.5 }, /batchSize: expected an integer/],
    [{ epochs: 0 }, /epochs: expected an integer at least 1/],
    [{ patience: -1 }, /patience: expected an integer at least 1/],
    [{ validation: 1 }, /validation: expected a number at least 0 and below 1/],
    [{ test: '0.2' }, /test: expected a number.*received '0.2'/],
    [{ split: 5 }, /split: expected the path of a split file/],
    [{ split: { train: [0], test: [1] }, test: 0.2 }, /either `split` or `test`; received both/],
    [{ loss: 'mse' }, /loss: expected one of/],
    [
      { loss: 'squaredError' },
      /loss: expected categorical.* for classification into 3 classes; received 'squaredError'/,
    ],
    [{ metric: 'f1' }, /metric: expected one of/],
    [
      { metric: 'rmse' },
      /metric: expected accuracy, logLoss, loss, balancedAccuracy, averagePrecision for classification/,
    ],
    [{ l2: -1 }, /l2: expected a number at least 0/],
    [{ seed: 1.5 }, /seed: expected an integer at least 0/],
    [{ threads: 0 }, /threads: expected an integer at least 1/],
    [{ backend: 'gpu' }, /backend: expected/],
    [{ signal: {} }, /signal: expected an AbortSignal/],
    [{ onEpoch: 'x' }, /onEpoch: expected a function/],
    [{ task: 'regresion' }, /task: expected one of.*Did you mean 'regression'/],
    [{ ignore: 'sex' }, /ignore: expected an array/],
    [{ ignore: ['species'] }, /ignore: expected columns other than the target/],
    [{ types: { sex: 'text' } }, /types\.sex: expected one of numeric, categorical, boolean, date, ignored/],
    [{ delimiter: ':' }, /delimiter: expected/],
  ]
  test.each(cases)('%o', async (options, message) => {
    const error: unknown = await train(penguins, { ...quick, ...options }).catch((reason: unknown) => reason)
    expect(String(error)).toMatch(message)
    expect((error as Error).constructor === SpecError || (error as Error).name === 'BackendError').toBe(true)
  })

  test('CSV options with rows in memory', async () => {
    const rows = rowsOf(20, (sum) => sum > 0)
    await expect(train(rows, { target: 'y', delimiter: ';' })).rejects.toThrow(
      /delimiter: expected a CSV file/,
    )
  })
})

describe('data that cannot be learnt from are refused', () => {
  const cases: [string, string, Partial<TrainOptions>, RegExp][] = [
    [
      'a missing target column',
      'a,b\n1,2\n',
      { target: 'c' },
      /c\.csv: expected a column named 'c'; received the columns 'a', 'b'/,
    ],
    ['a misspelled target column', 'age,class\n1,x\n', { target: 'clas' }, /Did you mean 'class'/],
    [
      'a misspelled column to ignore',
      'age,y\n1,x\n2,z\n',
      { target: 'y', ignore: ['agee'] },
      /Did you mean 'age'/,
    ],
    ['no rows', 'a,y\n', { target: 'y' }, /expected rows to train on; received 0 rows/],
    ['an empty file', '', { target: 'y' }, /expected a header line and rows; received an empty file/],
    [
      'a target without values',
      'a,y\n1,\n2,\n',
      { target: 'y' },
      /column y: expected values to learn; received none in 2 rows/,
    ],
    [
      'a single class',
      'a,y\n1,x\n2,x\n3,x\n',
      { target: 'y' },
      /at least 2 different values; received only 'x' in 3 rows/,
    ],
    [
      'a target with one number',
      'a,y\n1,5\n2,5\n',
      { target: 'y' },
      /at least 2 different values; received only '5'/,
    ],
    ['a single row', 'a,y\n1,x\n', { target: 'y' }, /at least 2 different values/],
    ['nothing beside the target', 'y\na\nb\na\nb\n', { target: 'y' }, /expected columns to learn from/],
    ['ragged rows', 'a,y\n1,x\n2\n', { target: 'y' }, /line 3: expected 2 fields/],
    [
      'a number too large',
      'a,y\n1e999,x\n2,z\n',
      { target: 'y' },
      /line 2, column a: expected a finite number; received '1e999'/,
    ],
    [
      'text where regression is asked',
      `a,y\n${'1,x\n2,z\n'.repeat(9)}`,
      { target: 'y', task: 'regression' },
      /task: expected classification, as column/,
    ],
  ]
  test.each(cases)('%s', async (_, text, options, message) => {
    const file = await csv('c.csv', text)
    const error: unknown = await train(file, { target: 'y', ...options }).catch((reason: unknown) => reason)
    expect(String(error)).toMatch(message)
    expect(error).toBeInstanceOf(DataError)
  })

  test('a split that does not fit the file', async () => {
    const wrong = await csv('wrong.json', '{"train":[0,1,2],"test":[2]}')
    await expect(train(penguins, { ...quick, split: wrong })).rejects.toThrow(
      /every row at most once; received 2 in train and in test/,
    )
    const far = await csv('far.json', '{"train":[0,1,2],"test":[5000]}')
    await expect(train(penguins, { ...quick, split: far })).rejects.toThrow(
      /row numbers from 0 to 343; received 5000/,
    )
    const unknown = { train: Array.from({ length: 200 }, (_, i) => i), test: [300, 301] }
    await expect(train(penguins, { ...quick, split: unknown })).rejects.toThrow(
      /test rows: expected classes that the training rows have/,
    )
    await expect(train(penguins, { ...quick, split: 'no.json' })).rejects.toThrow(
      /^split, no\.json: expected a split file; received no such file/,
    )
  })

  test('rows that are no rows', async () => {
    await expect(train([], { target: 'y' })).rejects.toThrow(/rows to train on; received 0 rows/)
    await expect(train([{ y: 1 }, 5 as unknown as object], { target: 'y' })).rejects.toThrow(
      /row 1: expected an object/,
    )
    await expect(train(5 as unknown as string, { target: 'y' })).rejects.toThrow(
      /the path of a CSV file, another input of openDataset, a dataset, or an array of rows; received 5/,
    )
    await expect(
      train(
        rowsOf(9, () => Infinity),
        { target: 'y' },
      ),
    ).rejects.toThrow(/finite number/)
  })

  test('a model file that is not there', async () => {
    await expect(loadModel('no.model')).rejects.toThrow(
      /no\.model: expected a model file; received no such file/,
    )
    await expect(loadModel(folder)).rejects.toThrow(DataError)
  })
})
