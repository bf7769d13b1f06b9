/** Several targets: one network predicts several numbers, from training to each thing a model can do. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Encoder } from '../src/data/encoder.ts'
import { tableFromRows } from '../src/data/table.ts'
import {
  compareModels,
  crossValidate,
  DataError,
  dense,
  loadModel,
  Network,
  SpecError,
  train,
  type Model,
  type NumbersPrediction,
  type TrainOptions,
} from '../src/index.ts'
import { randomStream } from '../src/random.ts'
import { runHere } from './support/command-line.ts'

/** Three exercises and three measures of twenty men (Tenenhaus 1998, La régression PLS, table 1). */
const linnerud = `5,162,60,191,36,50
2,110,60,189,37,52
12,101,101,193,38,58
12,105,37,162,35,62
13,155,58,189,35,46
4,101,42,182,36,56
8,101,38,211,38,56
6,125,40,167,34,60
15,200,40,176,31,74
17,251,250,154,33,56
17,120,38,169,34,50
13,210,115,166,33,52
14,215,105,154,34,64
1,50,50,247,46,50
6,70,31,193,36,46
12,210,120,202,37,62
4,60,25,176,37,54
11,230,80,157,32,52
15,225,73,156,33,54
2,110,43,138,33,68`
const body = ['weight', 'waist', 'pulse']
const men = linnerud.split('\n').map((line) => {
  const [chins, situps, jumps, weight, waist, pulse] = line.split(',').map(Number)
  return { chins, situps, jumps, weight, waist, pulse }
})

type Row = { a: number; b: number; kind: string; sum: number | null; far: number; noise: number }
type ManyModel = Model<Row, NumbersPrediction>

const random = randomStream(7, 'targets')
const rows = Array.from({ length: 300 }, (_, i): Row => {
  const [a, b] = [random.normal(4 * i), random.normal(4 * i + 2)]
  const kind = 'xyz'[random.below(3, 1e6 + i)]
  return { a, b, kind, sum: a + 2 * b, far: 1000 + 50 * b, noise: random.normal(2e6 + 2 * i) }
})
const targets = ['sum', 'far'] as const
const quick = { target: targets, ignore: ['noise'], hidden: [8], epochs: 30, learningRate: 0.02 } as const
const trainMany = (options: Partial<TrainOptions<Row>> = {}): Promise<ManyModel> =>
  train<Row, NumbersPrediction>(rows, { ...quick, ...options })

let folder = ''
let model: ManyModel
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  const lines = rows.map(({ a, b, kind, sum, far, noise }) => [a, b, kind, sum, far, noise].join(','))
  await writeFile(join(folder, 'many.csv'), `a,b,kind,sum,far,noise\n${lines.join('\n')}\n`)
  model = await trainMany({ coverage: 0.9 })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('training', () => {
  test('makes the bits of a network by hand with an output for each standardised target', async () => {
    const trained = await trainMany({ validation: 0, test: 0, epochs: 3 })
    const table = tableFromRows(rows)
    const { x, y } = trained.encodeRows(table)
    targets.forEach((name, j) => {
      const values = rows.map((row) => Number(row[name]))
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
      values.forEach((value, row) => expect(y[2 * row + j]).toBeCloseTo((value - mean) / deviation, 10))
    })
    const network = new Network({
      inputs: x.length / rows.length,
      layers: [dense(8, 'relu'), dense(2)],
      loss: 'squaredError',
      l2: 0.0003,
    })
    await network.fit(x, y, {
      epochs: 3,
      batchSize: 32,
      optimizer: { name: 'adam', learningRate: 0.02 },
    })
    expect(trained.network.parameters).toEqual(network.parameters)
  })

  test('a linear model has the scores of least squares', async () => {
    const { report } = await train<(typeof men)[number], NumbersPrediction>(men, {
      ...{ target: ['weight', 'waist', 'pulse'], hidden: [], optimizer: 'lbfgs', epochs: 500 },
      ...{ l2: 0, validation: 0, test: 0 },
    })
    // scikit-learn 1.2.1: LinearRegression().fit(X, Y), r2_score, mean_absolute_error and the root of mean_squared_error.
    const expected = [
      { r2: 0.2679190695529965, mae: 15.24693061749196, rmse: 20.590710285443716 },
      { r2: 0.5478436639729539, mae: 1.5412933444612373, rmse: 2.098571588701093 },
      { r2: 0.07487100273848735, mae: 5.581907460049985, rmse: 6.7595947492986665 },
    ]
    const found = report.train.targets ?? []
    expect(found.map(({ target }) => target)).toEqual(body)
    expected.forEach((scores, j) => {
      expect(found[j].r2).toBeCloseTo(scores.r2, 5)
      expect((found[j].mae ?? 0) / scores.mae).toBeCloseTo(1, 3)
      expect((found[j].rmse ?? 0) / scores.rmse).toBeCloseTo(1, 5)
      expect(found[j].baseline.r2).toBeCloseTo(0, 10)
    })
    expect(report.train.r2).toBeCloseTo(0.2968779120881459, 5)
    expect(report.train.rmse).toBeCloseTo(9.816292207844, 3)
    expect(report.targets).toEqual(body)
  })

  test('the default recipe learns both, and its predictions stay within those of training', async () => {
    const { report, encoder } = await train<Row, NumbersPrediction>(rows.slice(0, 120), {
      ...{ target: targets, ignore: ['noise'], preset: 'realmlp', epochs: 40 },
    })
    expect(report.test?.targets?.map(({ r2 = 0 }) => r2 > 0.9)).toEqual([true, true])
    const far = rows.slice(0, 120).map((row) => row.far)
    expect(far).toContain(encoder.decodeValue(1e6, 1))
    expect(far).toContain(encoder.decodeValue(-1e6, 1))
  })

  test('rows without one of the targets are left out and counted', async () => {
    const gaps = rows.map((row, i) => (i % 10 === 0 ? { ...row, sum: null } : row))
    const { report } = await train<Row, NumbersPrediction>(gaps, { ...quick, epochs: 1 })
    const { train: trained, validation, test: held } = report.split
    expect([report.droppedRows, trained + validation + held]).toEqual([30, 270])
  })

  test('a target that cannot be predicted is named beside those that can', async () => {
    const { report } = await train<Row, NumbersPrediction>(rows, {
      ...{ target: ['sum', 'noise'], hidden: [16], epochs: 60, learningRate: 0.02 },
    })
    expect(report.warnings.join()).toMatch(/No better than the mean on the test rows: 'noise'\./)
  })

  test.each<[string, object, RegExp]>([
    [
      'a text among them',
      { target: ['sum', 'kind'] },
      /target: expected numbers .* 'kind' is text. Train one model/,
    ],
    ['two texts', { target: ['kind', 'flag'] }, /'kind' is text; 'flag' is boolean/],
    [
      'few whole numbers',
      { target: ['sum', 'few'] },
      /'few' has 3 distinct integers.* or set `task: 'regression'`/,
    ],
    [
      'classes asked for',
      { target: ['sum', 'far'], task: 'classification' },
      /received the task classification/,
    ],
    ['one twice', { target: ['sum', 'sum'] }, /target: expected different columns; received 'sum' twice/],
    ['none', { target: [] }, /target: expected the name of the column to predict, or names of several/],
    ['an unknown one', { target: ['sum', 'fat'] }, /'fat'.*Did you mean 'far'/],
    [
      'one that is left out',
      { target: ['sum', 'far'], ignore: ['far'] },
      /ignore: expected columns other than/,
    ],
    [
      'a positive class',
      { target: ['sum', 'far'], positive: 'x' },
      /positive: expected a target with two classes/,
    ],
    ['weights of classes', { target: ['sum', 'far'], classWeight: 'balanced' }, /classWeight: expected/],
    [
      'stratification',
      { target: ['sum', 'far'], stratify: true },
      /stratify: expected a target with classes/,
    ],
  ])('%s is an error that says so', async (_, options, message) => {
    const more = rows.map((row, i) => ({ ...row, few: i % 3, flag: i % 2 === 0 }))
    const failed = train(more, { epochs: 1, hidden: [2], target: 'sum', ...options })
    await expect(failed).rejects.toThrow(message)
    const error: unknown = await failed.catch((reason: unknown) => reason)
    expect(error instanceof DataError || error instanceof SpecError).toBe(true)
  })

  test('few whole numbers are predicted as numbers where that is asked for', async () => {
    const more = rows.map((row, i) => ({ ...row, few: i % 3 }))
    const { encoder } = await train(more, {
      target: ['sum', 'few'],
      task: 'regression',
      hidden: [],
      epochs: 1,
    })
    expect(encoder.targets.map(({ name, task }) => [name, task])).toEqual([
      ['sum', 'regression'],
      ['few', 'regression'],
    ])
  })
})

describe('a model of several targets', () => {
  test('answers by name, one row as many, and after the file the same', async () => {
    const path = join(folder, 'many.model')
    await model.save(path)
    const loaded = await loadModel<Row, NumbersPrediction>(path)
    const answers = model.predict(rows)
    expect(loaded.predict(rows)).toEqual(answers)
    const { a, b, kind } = rows[3]
    expect(model.predictOne({ a, b, kind } as Row)).toEqual(answers[3])
    expect(model.predictOne(rows[3])).toEqual(answers[3])
    expect(Object.keys(answers[0].prediction)).toEqual([...targets])
    expect(Math.abs(answers[0].prediction.far - rows[0].far)).toBeLessThan(40)
    expect(loaded.report).toEqual(model.report)
  })

  test('keeps the order of targets whose names are numbers or odd', async () => {
    const odd = rows.map(({ a, b, sum, far }) => ({ a, b, '2019': sum, '10': far, ['__proto__']: a - b }))
    const names = ['2019', '10', '__proto__']
    const trained = await train<Record<string, unknown>, NumbersPrediction>(odd, {
      ...{ target: names, hidden: [], epochs: 20, learningRate: 0.05 },
    })
    const [{ prediction }] = trained.predict(odd.slice(0, 1))
    expect(Object.getOwnPropertyNames(prediction).sort()).toEqual([...names].sort())
    expect(prediction['10']).toBeGreaterThan(500)
  })

  test('scores each target by itself and their mean, and a file as rows', async () => {
    const { targets: scored = [], r2 = NaN, ...scores } = await model.evaluate(rows)
    const answers = model.predict(rows)
    scored.forEach(({ target, mae }) => {
      const name = target as (typeof targets)[number]
      const errors = rows.map((row, i) => Math.abs(Number(row[name]) - answers[i].prediction[name]))
      expect(mae).toBeCloseTo(errors.reduce((sum, error) => sum + error, 0) / rows.length, 8)
    })
    expect(r2).toBeCloseTo(scored.reduce((sum, of) => sum + (of.r2 ?? NaN), 0) / 2, 12)
    expect(scores.rows).toBe(300)
    expect((await model.evaluate(join(folder, 'many.csv'))).targets).toEqual(scored)
  })

  test('has intervals of each target that hold it in the share of rows asked for', () => {
    const { intervals = [], conformal } = model.report.decision ?? {}
    expect([conformal, intervals.map(({ target, coverage }) => [target, coverage])]).toEqual([
      undefined,
      targets.map((target) => [target, 0.9]),
    ])
    const [{ prediction, interval }] = model.predict(rows.slice(0, 1))
    const [low, high] = interval?.far ?? [NaN, NaN]
    expect((low + high) / 2).toBeCloseTo(prediction.far, 8)
    expect(high - low).toBeCloseTo(2 * intervals[1].quantile, 8)
    expect(model.report.test?.targets?.every(({ coverage = 0 }) => coverage > 0.7)).toBe(true)
  })

  test('is explained target by target, and by all together', async () => {
    const all = await model.explain(rows, { rows: [0, 5], repeats: 2, points: 3 })
    expect(all.attributions.map(({ row, target }) => [row, target])).toEqual([
      [0, 'sum'],
      [0, 'far'],
      [5, 'sum'],
      [5, 'far'],
    ])
    for (const { output, baseline, columns, row, target } of all.attributions) {
      const added = columns.reduce((sum, { integratedGradients }) => sum + integratedGradients, 0)
      expect(added).toBeCloseTo(output - baseline, 2)
      const answer = model.predict([rows[row]])[0].prediction[String(target)]
      expect(Math.abs(output - answer)).toBeLessThan(1e-5 * Math.abs(answer) + 1e-5)
    }
    const point = all.dependence[0].points[0].prediction as Record<string, number>
    expect(Object.keys(point)).toEqual([...targets])
    const far = await model.explain(rows, { target: 'far', rows: [0], repeats: 2, points: 3 })
    expect(far.attributions).toEqual([all.attributions[1]])
    expect(typeof far.dependence[0].points[0].prediction).toBe('number')
    // The second target knows nothing of a.
    const importanceOf = (found: typeof far, name: string): number =>
      found.importance.find(({ column }) => column === name)?.mean ?? NaN
    expect(importanceOf(far, 'a')).toBeLessThan(0.1 * importanceOf(far, 'b'))
    expect(importanceOf(all, 'a')).toBeGreaterThan(0.05)
    await expect(model.explain(rows, { target: 'fa' as 'far' })).rejects.toThrow(
      /target: .*Did you mean 'far'/,
    )
    await expect(model.explain(rows, { target: 'far', metric: 'loss' })).rejects.toThrow(
      /expected r2, rmse, mae/,
    )
  })

  test('goes on training, with its own targets alone', async () => {
    const better = await model.fit(rows, { epochs: 5 })
    expect(better.report.targets).toEqual([...targets])
    expect(better.report.decision?.intervals?.length).toBe(2)
    const refitted = await model.fit(rows, { epochs: 1, refitEncoder: true })
    expect(refitted.encoder.targets).toEqual(model.encoder.targets)
    await expect(model.fit(rows, { target: 'sum' })).rejects.toThrow(
      /target: expected 'sum,far', as in the model/,
    )
  })

  test('is compared with another by the distance in each target', async () => {
    const other = await trainMany({ coverage: 0.9, epochs: 31 })
    const { distances = [], distance, changed, scores } = await compareModels(model, other, rows)
    expect([distance, changed]).toEqual([undefined, []])
    const [a, b] = [model, other].map((one) => one.predict(rows))
    distances.forEach(({ target, largest, row }) => {
      const apart = a.map(({ prediction }, i) => Math.abs(prediction[target] - b[i].prediction[target]))
      expect([largest, row]).toEqual([Math.max(...apart), apart.indexOf(Math.max(...apart))])
    })
    expect(scores?.map(({ targets: scored }) => scored?.length)).toEqual([2, 2])
    expect((await compareModels(model, model, rows)).differences).toEqual([])
    const single = await train<Row>(rows, { target: 'sum', hidden: [], epochs: 1 })
    await expect(compareModels(model, single, rows)).rejects.toThrow(/sum, far/)
  })

  test('is cross-validated with the spread of each target', async () => {
    const {
      results,
      scores,
      targets: spreads = [],
    } = await crossValidate(rows, { ...quick, epochs: 5 }, { folds: 3 })
    expect(spreads.map(({ target }) => target)).toEqual([...targets])
    const byFold = results.map((fold) => fold.scores.targets?.[1].rmse ?? NaN)
    expect(spreads[1].scores.rmse?.mean).toBeCloseTo(byFold.reduce((sum, value) => sum + value, 0) / 3, 10)
    expect(scores.r2?.mean).toBeCloseTo(
      spreads.reduce((sum, of) => sum + (of.scores.r2?.mean ?? NaN), 0) / 2,
      10,
    )
  })

  test('is trained out of core too, on the same targets', async () => {
    const path = join(folder, 'many.csv')
    const options = { ...quick, outOfCore: true, cache: false, coverage: 0.9 } as const
    const large = await train<Row, NumbersPrediction>(path, options)
    expect(large.report.outOfCore).toBeDefined()
    expect(large.report.targets).toEqual([...targets])
    expect(large.report.test?.targets?.map(({ r2 = 0 }) => r2 > 0.8)).toEqual([true, true])
    expect(large.encoder.targets.map(({ task }) => task)).toEqual(['regression', 'regression'])
    await expect(train(path, { ...options, target: ['sum', 'kind'] })).rejects.toThrow(/'kind' is text/)
  })

  test('a file in which targets contradict each other is refused', () => {
    const json = model.encoder.toJSON()
    const further = json.furtherTargets ?? []
    for (const wrong of [[], [{ ...further[0], name: 'sum' }], [{ ...further[0], deviation: 0 }], 'far']) {
      expect(() => Encoder.fromJSON({ ...json, furtherTargets: wrong })).toThrow(DataError)
    }
  })
})

describe('on the command line', () => {
  const at = (name: string): string => join(folder, name)

  test('--target a,b trains one model; evaluate, predict, explain and summary tell of each target', async () => {
    const path = at('cli.model')
    const trained = await runHere([
      ...[
        'train',
        at('many.csv'),
        '--target',
        'sum,far',
        '--ignore',
        'noise',
        '--hidden',
        '8',
        '--epochs',
        '30',
      ],
      ...['--learning-rate', '0.02', '--coverage', '0.9', '--model', path],
    ])
    expect(trained.code).toBe(0)
    expect(trained.out).toMatch(/mean of 2 targets +rows +R² +RMSE +MAE/)
    expect(trained.out).toMatch(/test: far +0\.\d+/)
    expect(trained.out).toMatch(/intervals for 90 % of new rows each, from \d+ rows kept aside: sum ± /)
    const answers = await runHere(['predict', path, at('many.csv'), '--keep', 'kind'])
    const [header, first] = answers.out.split('\n')
    expect(header).toBe('kind,prediction_sum,low_sum,high_sum,prediction_far,low_far,high_far')
    const [kind, ...numbers] = first.split(',')
    expect(kind).toBe(rows[0].kind)
    const [{ prediction, interval }] = (await loadModel<Row, NumbersPrediction>(path)).predict(rows)
    const expected = [prediction.sum, ...(interval?.sum ?? []), prediction.far, ...(interval?.far ?? [])]
    numbers.forEach((number, i) => expect(Number(number) / expected[i]).toBeCloseTo(1, 5))
    const scored = await runHere(['evaluate', path, at('many.csv')])
    expect(scored.out).toMatch(/many\.csv: sum/)
    const explained = await runHere(['explain', path, at('many.csv'), '--target', 'far', '--repeats', '2'])
    expect(explained.out).toMatch(/importance: how much worse R² of far/)
    expect((await runHere(['summary', path])).out).toMatch(/predicts +sum, a number .*\n +far, a number/)
    expect((await runHere(['check-gradients', path, at('many.csv')])).code).toBe(0)
    const differing = await runHere(['diff', path, path, at('many.csv')])
    expect(differing.out).toMatch(/The same bits/)
  })

  test('a column whose name has a comma goes before two names, and can be written with a backslash', async () => {
    const lines = rows.slice(0, 60).map(({ a, b, far }) => [a, b, far].join(','))
    await writeFile(at('comma.csv'), `a,"far,out",out\n${lines.join('\n')}\n`)
    const plan = async (target: string): Promise<Record<string, unknown>> => {
      const flags = ['--epochs', '1', '--hidden', 'none', '--json', '--model', at('comma.model')]
      const { out, err } = await runHere(['train', at('comma.csv'), '--target', target, ...flags])
      return { err, ...(JSON.parse(out.split('\n')[0] || '{}') as Record<string, unknown>) }
    }
    expect((await plan('far,out')).target).toBe('far,out')
    expect((await plan('far\\,out')).target).toBe('far,out')
    expect((await plan('far\\,out,out')).targets).toEqual(['far,out', 'out'])
    expect((await plan('out,far')).err).toMatch(/'far'/)
  })
})
