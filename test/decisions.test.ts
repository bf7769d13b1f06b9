/** Weights, thresholds, calibration and conformal answers: against scikit-learn, and against what they promise. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataError, SpecError } from '../src/errors.ts'
import {
  averagePrecision,
  balancedAccuracy,
  brierScore,
  calibrationError,
  f1,
  loadModel,
  logLoss,
  train,
  type NumberPrediction,
  type TrainOptions,
} from '../src/index.ts'
import { classProbabilities, conformalQuantile, decideClasses } from '../src/model/answers.ts'
import { fitTemperature, usefulTemperature } from '../src/model/calibrate.ts'
import { parseThreshold, tuneThreshold } from '../src/model/threshold.ts'
import { atOnce } from '../src/paced.ts'
import { randomStream } from '../src/random.ts'
import { balancedWeights } from '../src/training/weights.ts'

interface Fixture {
  threshold: {
    targets: number[]
    probabilities: number[]
    best: Record<string, number>
    averagePrecision: number
    brier: number
  }
  temperature: {
    classes: number[]
    outputs: number[]
    fitted: number
    logLoss: number
    calibrationError: Record<string, number>
  }
  conformal: { scores: number[]; quantiles: Record<string, number> }
  balanced: { classes: number[]; weights: number[] }
}

const fixture = JSON.parse(
  await readFile(new URL('fixtures/decisions/decisions.json', import.meta.url), 'utf8'),
) as Fixture

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Rows whose class depends on a and b, with noise; `share` of them are 'yes'. */
function mixed(count: number, share: number, seed: number): { a: number; b: number; y: string }[] {
  const random = randomStream(seed, 'rows')
  return Array.from({ length: count }, (_, i) => {
    const isYes = random.uniform(3 * i) < share
    const shift = isYes ? 1.4 : 0
    return { a: random.normal(1e9 + 2 * i) + shift, b: random.normal(2e9 + 2 * i), y: isYes ? 'yes' : 'no' }
  })
}

/** Rows with a number that depends on a and b, with noise that grows with a. */
function noisy(count: number, seed: number): { a: number; b: number; y: number }[] {
  const random = randomStream(seed, 'rows')
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [random.uniform(3 * i), random.uniform(3 * i + 1)]
    return { a, b, y: 10 * Math.sin(3 * a) + 5 * b + (0.2 + a) * random.normal(1e9 + 2 * i) }
  })
}

const quick: TrainOptions = { target: 'y', hidden: [8], epochs: 15, seed: 3 }

describe('thresholds', () => {
  const { targets, probabilities, best, ...scores } = fixture.threshold
  const isPositive = targets.map(Boolean)
  const goalOf = (name: string): Parameters<typeof tuneThreshold>[2] => {
    const rule = parseThreshold(name)
    if ('value' in rule) throw new Error('a number')
    return rule.goal
  }
  const scoreOf: Record<string, (taken: boolean[]) => number> = {
    f1: (taken) => f1(isPositive, taken),
    balanced: (taken) => balancedAccuracy(isPositive, taken),
  }
  const cost = (fn: number, fp: number) => (taken: boolean[]) =>
    -taken.reduce((sum, is, row) => sum + (is === isPositive[row] ? 0 : is ? fp : fn), 0)

  test.each([
    ['f1', scoreOf.f1],
    ['balanced', scoreOf.balanced],
    ['cost:FN=5,FP=1', cost(5, 1)],
    ['cost:FN=0.5,FP=2', cost(0.5, 2)],
  ])('%s reaches the best that scikit-learn finds among all thresholds', (name, score) => {
    const threshold = tuneThreshold(probabilities, isPositive, goalOf(name))
    expect(score(probabilities.map((p) => p >= threshold))).toBeCloseTo(best[name], 12)
    expect(probabilities).not.toContain(threshold)
  })

  test('weights count as rows that occur so often', () => {
    const weights = targets.map((_, row) => 1 + ((row * 7) % 3))
    const repeated = weights.flatMap((times, row) => new Array<number>(times).fill(row))
    const [p, t] = [repeated.map((row) => probabilities[row]), repeated.map((row) => isPositive[row])]
    for (const name of ['f1', 'balanced', 'cost:FN=5,FP=1']) {
      expect(tuneThreshold(probabilities, isPositive, goalOf(name), weights)).toBe(
        tuneThreshold(p, t, goalOf(name)),
      )
    }
  })

  test('a threshold lies between the rows even where probabilities are 0, 1 or all the same', () => {
    const goal = goalOf('f1')
    expect(tuneThreshold([0, 0, 1, 1], [false, false, true, true], goal)).toBe(0.5)
    expect(tuneThreshold([0, 0], [true, true], goal)).toBe(0)
    expect(tuneThreshold([0.3, 0.3], [true, false], goal)).toBeLessThanOrEqual(0.3)
    expect(tuneThreshold([0.3, 0.3], [false, false], goalOf('cost:FN=1,FP=1'))).toBeGreaterThan(0.3)
  })

  test('PR-AUC and Brier score are those of scikit-learn', () => {
    expect(averagePrecision(targets, probabilities)).toBeCloseTo(scores.averagePrecision, 12)
    expect(brierScore(targets, probabilities)).toBeCloseTo(scores.brier, 12)
  })

  test.each([
    1.5,
    -0.1,
    NaN,
    'f2',
    'cost:FN=5',
    'cost:FN=0,FP=0',
    'cost:FN=x,FP=1',
    { FN: 1 },
    { FN: -1, FP: 2 },
    true,
  ])('%j is refused with what is allowed', (given) => {
    expect(() => parseThreshold(given)).toThrow(SpecError)
    expect(() => parseThreshold(given)).toThrow(/threshold: expected a number.* 0/)
  })

  test('decided by the positive class from its threshold on, ties to the first without', () => {
    const probabilities = Float64Array.of(0.7, 0.3, 0.69, 0.31, 0.5, 0.5)
    expect([...decideClasses(probabilities, ['no', 'yes'], { positive: 'yes', threshold: 0.31 })]).toEqual([
      0, 1, 1,
    ])
    expect([...decideClasses(probabilities, ['no', 'yes'], { positive: 'no', threshold: 0.7 })]).toEqual([
      0, 1, 1,
    ])
    expect([...decideClasses(probabilities, ['no', 'yes'])]).toEqual([0, 0, 0])
  })
})

describe('calibration', () => {
  const { classes, outputs, fitted, ...scores } = fixture.temperature
  const judged = { classes: Int32Array.from(classes), outputs: Float32Array.from(outputs), width: 3 }

  test('the temperature and its log loss are those that SciPy finds', () => {
    const temperature = atOnce(fitTemperature(judged))
    expect(temperature).toBeCloseTo(fitted, 5)
    const probabilities = classProbabilities(judged.outputs, 3, temperature)
    expect(logLoss(classes, probabilities)).toBeCloseTo(scores.logLoss, 10)
  })

  test.each(Object.entries(scores.calibrationError))(
    'calibration error in %s bins is that of NumPy',
    (bins, error) => {
      expect(calibrationError(classes, outputs, { bins: Number(bins) })).toBeCloseTo(error, 12)
    },
  )

  test('two outputs and one give the same probabilities', () => {
    const p = Float32Array.of(0.125, 0.5, 0.875)
    const both = Float32Array.from(p, (_, i) => p[i]).reduce<number[]>((all, v) => [...all, 1 - v, v], [])
    const [one, two] = [classProbabilities(p, 1, 1.7), classProbabilities(both, 2, 1.7)]
    one.forEach((value, i) => expect(value).toBeCloseTo(two[i], 14))
    expect(classProbabilities(Float32Array.of(1, 0), 1, 2).every(Number.isFinite)).toBe(true)
  })

  test('logits that are twice too far out are halved, those of the right size are left alone', () => {
    const random = randomStream(1, 'calibration')
    const logits = Array.from({ length: 4000 }, (_, i) => 1.5 * random.normal(2 * i))
    const drawn = Int32Array.from(logits, (z, i) => Number(random.uniform(1e9 + i) < 1 / (1 + Math.exp(-z))))
    const given = (factor: number) => ({
      classes: drawn,
      outputs: Float32Array.from(logits, (z) => 1 / (1 + Math.exp(-factor * z))),
      width: 1,
    })
    expect(atOnce(usefulTemperature(given(2)))).toBeGreaterThan(1.8)
    expect(atOnce(usefulTemperature(given(2)))).toBeLessThan(2.2)
    expect(Math.abs((atOnce(usefulTemperature(given(1))) ?? 1) - 1)).toBeLessThan(0.1)
  })

  test('too few rows say nothing', () => {
    const few = { classes: judged.classes.slice(0, 49), outputs: judged.outputs.slice(0, 147), width: 3 }
    expect(atOnce(usefulTemperature(few))).toBeUndefined()
  })

  test('a model keeps its temperature, and no class changes by it', async () => {
    // Weights make the network too sure of one class.
    const rows = mixed(2500, 0.4, 8)
    const options: TrainOptions = { ...quick, validation: 0.3, classWeight: { yes: 8 } }
    const model = await train(rows, options)
    const plain = await train(rows, { ...options, calibrate: false })
    expect(plain.report.decision?.calibration).toBeUndefined()
    expect(model.report.validation?.accuracy).toBe(plain.report.validation?.accuracy)
    const { calibration } = model.report.decision ?? {}
    expect(calibration?.temperature).toBeGreaterThan(0)
    expect(calibration?.after.logLoss).toBeLessThan(calibration?.before.logLoss ?? 0)
    expect(calibration?.before.logLoss).toBeCloseTo(plain.report.validation?.logLoss ?? 0, 5)
    expect(calibration?.after.logLoss).toBeCloseTo(model.report.validation?.logLoss ?? 0, 5)
    const path = join(folder, 'warm.model')
    await model.save(path)
    expect((await loadModel(path)).predict(rows.slice(0, 5))).toEqual(model.predict(rows.slice(0, 5)))
  })
})

describe('conformal prediction', () => {
  test.each(Object.entries(fixture.conformal.quantiles))(
    'the quantile for %s is that of NumPy',
    (coverage, quantile) => {
      expect(conformalQuantile(fixture.conformal.scores, Number(coverage))).toBe(quantile)
    },
  )

  test('too few scores give no finite quantile', () => {
    expect(conformalQuantile([1, 2, 3, 4, 5, 6, 7, 8], 0.9)).toBe(Infinity)
    expect(conformalQuantile([1, 2, 3, 4, 5, 6, 7, 8, 9], 0.9)).toBe(9)
  })

  test('the mean coverage over many draws is ⌈(n + 1)·coverage⌉/(n + 1), as the theorem says', () => {
    const random = randomStream(3, 'scores')
    const [n, draws, coverage] = [30, 4000, 0.8]
    let held = 0
    for (let draw = 0; draw < draws; draw++) {
      const scores = Array.from({ length: n + 1 }, (_, i) => random.uniform(draw * (n + 1) + i))
      if (scores[n] <= conformalQuantile(scores.slice(0, n), coverage)) held++
    }
    const expected = Math.ceil((n + 1) * coverage) / (n + 1)
    expect(Math.abs(held / draws - expected)).toBeLessThan(4 * Math.sqrt(0.16 / draws))
  })

  test.each([0.9, 0.95])(
    'intervals of coverage %d hold the targets of that share of 6,000 new rows',
    async (coverage) => {
      const model = await train<object, NumberPrediction>(noisy(9000, 1), { ...quick, coverage })
      const rows = noisy(6000, 2)
      const inside = model
        .predict(rows)
        .filter(({ interval: [low, high] = [NaN, NaN] }, i) => low <= rows[i].y && rows[i].y <= high)
      expect(Math.abs(inside.length / rows.length - coverage)).toBeLessThan(0.02)
      expect(Math.abs((model.report.test?.coverage ?? 0) - coverage)).toBeLessThan(0.04)
      expect(model.report.split.calibration).toBeGreaterThan(1900)
    },
  )

  test.each([0.9, 0.95])(
    'sets of coverage %d hold the class of that share of 6,000 new rows',
    async (coverage) => {
      const model = await train(mixed(9000, 0.3, 4), { ...quick, coverage })
      const rows = mixed(6000, 0.3, 5)
      const held = model.predict(rows).filter(({ set }, i) => set?.includes(rows[i].y))
      expect(Math.abs(held.length / rows.length - coverage)).toBeLessThan(0.02)
      const scores = await model.evaluate(rows)
      expect(scores.coverage).toBe(held.length / rows.length)
    },
  )

  test('too few rows for a coverage are an error that says how many it takes', async () => {
    const error: unknown = await train(noisy(40, 1), { ...quick, coverage: 0.99 }).catch(
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(DataError)
    expect(String(error)).toMatch(/coverage: expected at least 99 rows/)
  })
})

describe('rare classes', () => {
  test('below 10 % the report leads with balanced accuracy, PR-AUC and the confusion matrix', async () => {
    const model = await train(mixed(1500, 0.07, 1), quick)
    const { report } = model
    expect(report.metric).toBe('balancedAccuracy')
    const counts = report.test?.confusion?.counts ?? []
    expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(report.test?.rows)
    const recalls = counts.map((row, i) => row[i] / (row[0] + row[1]))
    expect(report.test?.balancedAccuracy).toBeCloseTo((recalls[0] + recalls[1]) / 2, 12)
    expect(report.test?.baseline).toMatchObject({ balancedAccuracy: 0.5 })
    const summary = model.summary()
    expect(summary.indexOf('balanced accuracy')).toBeLessThan(summary.indexOf('PR-AUC'))
    expect(summary.indexOf('PR-AUC')).toBeLessThan(summary.indexOf(' accuracy  log loss'))
    expect(summary).toMatch(/confusion matrix of the test rows/)
    expect((await train(mixed(1500, 0.2, 1), quick)).report.metric).toBe('accuracy')
  })

  test('a tuned threshold is stored, decides predictions, and comes from the validation rows alone', async () => {
    const rows = mixed(3000, 0.08, 2)
    const model = await train(rows, { ...quick, validation: 0.25, threshold: 'f1' })
    const { positive, threshold = NaN, tunedFor } = model.report.decision ?? {}
    expect([positive, tunedFor]).toEqual(['yes', 'f1'])
    for (const { prediction, probabilities } of model.predict(rows.slice(0, 500)))
      expect(prediction).toBe(probabilities.yes >= threshold ? 'yes' : 'no')
    const plain = await train(rows, { ...quick, validation: 0.25 })
    expect(model.report.validation?.f1).toBeGreaterThanOrEqual(plain.report.validation?.f1 ?? 1)
    // Other test rows change nothing of it.
    const given = { train: rows.map((_, i) => i).slice(0, 2000), test: [2001, 2002, 2003] }
    const again = { ...given, test: rows.map((_, i) => i).slice(2500) }
    const options: TrainOptions = { ...quick, threshold: 'cost:FN=5,FP=1', validation: 0.25 }
    const one = await train(rows, { ...options, split: given })
    const other = await train(rows, { ...options, split: again })
    expect(one.report.decision).toEqual(other.report.decision)
    const path = join(folder, 'threshold.model')
    await model.save(path)
    const loaded = await loadModel(path)
    expect(loaded.report.decision).toEqual(model.report.decision)
    expect(loaded.predict(rows.slice(0, 50))).toEqual(model.predict(rows.slice(0, 50)))
  })

  test('weighting finds more of the rare class and warns of its probabilities', async () => {
    const rows = mixed(3000, 0.08, 2)
    const plain = await train(rows, quick)
    const weighted = await train(rows, { ...quick, classWeight: 'balanced' })
    expect(weighted.report.test?.recall).toBeGreaterThan((plain.report.test?.recall ?? 1) + 0.2)
    expect(weighted.report.warnings.join(' ')).toMatch(/Class weights distort the probabilities/)
    const byName = await train(rows, { ...quick, classWeight: { yes: 11.5 } })
    expect(byName.report.test?.recall).toBeGreaterThan((plain.report.test?.recall ?? 1) + 0.2)
  })

  test('balanced weights are those of scikit-learn', () => {
    const { classes, weights } = fixture.balanced
    balancedWeights(classes, 3).forEach((weight, i) => expect(weight).toBeCloseTo(weights[i], 12))
  })
})

describe('a weight column', () => {
  test('is no input, and rows of weight 0 play no part in training or scores', async () => {
    const rows = mixed(600, 0.5, 6).map((row, i) => ({ ...row, w: i % 3 === 0 ? 0 : 2 }))
    const wild = rows.map((row) => (row.w === 0 ? { ...row, y: row.y === 'yes' ? 'no' : 'yes' } : row))
    const split = { train: rows.map((_, i) => i).slice(0, 400), test: rows.map((_, i) => i).slice(400) }
    const options: TrainOptions = { ...quick, split, weight: 'w', validation: 0, epochs: 3 }
    const [one, other] = [await train<object>(rows, options), await train<object>(wild, options)]
    expect(one.encoder.inputNames).toEqual(['a', 'b'])
    expect(other.network.parameters).toEqual(one.network.parameters)
    expect(other.report.test?.accuracy).toBe(one.report.test?.accuracy)
    expect(one.report.columns.find(({ name }) => name === 'w')?.role).toBe('weight')
    const kept = rows.slice(400).filter(({ w }) => w > 0)
    const unweighted = await one.evaluate(kept.map(({ a, b, y }) => ({ a, b, y })))
    expect(one.report.test?.accuracy).toBeCloseTo(unweighted.accuracy ?? 0, 12)
    expect(one.report.test?.logLoss).toBeCloseTo(unweighted.logLoss ?? 0, 5)
  })

  test.each([
    [-1, /row 7, column w: expected a weight, a number of at least 0; received -1/],
    [null, /row 7, column w: expected a weight.*; received none/],
  ])('a weight of %j is refused', async (w, message) => {
    const rows = mixed(60, 0.5, 6).map((row, i) => ({ ...row, w: i === 7 ? w : 1 }))
    await expect(train(rows, { ...quick, weight: 'w', test: 0, validation: 0 })).rejects.toThrow(message)
  })
})

describe('what cannot be is refused', () => {
  const rows = mixed(200, 0.5, 1)
  const cases: [Partial<TrainOptions>, RegExp][] = [
    [{ classWeight: 'even' as never }, /classWeight: expected 'balanced', or weights by class/],
    [{ classWeight: { yes: -1 } }, /classWeight: yes: expected a number at least 0/],
    [
      { classWeight: { yess: 2 } },
      /classWeight: expected weights of the classes 'no', 'yes'.*Did you mean 'yes'/,
    ],
    [{ classWeight: { yes: 0, no: 0 } }, /at least one weight above 0/],
    [
      { classWeight: 'balanced', target: 'a', task: 'regression' },
      /classWeight: expected a target with classes/,
    ],
    [{ weight: 'y' }, /weight: expected the name of a column other than the target/],
    [{ weight: 'v' }, /expected a column named 'v'/],
    [{ positive: 'maybe' }, /positive: expected one of the classes 'no', 'yes'; received 'maybe'/],
    [
      { positive: 'yes', target: 'a', task: 'regression' },
      /positive: expected a target with two classes; received one with numbers/,
    ],
    [{ threshold: 'f1', validation: 0 }, /threshold: expected a number, as there are no validation rows/],
    [{ threshold: 'f3' as never }, /threshold: expected a number from 0 to 1/],
    [{ coverage: 90 }, /coverage: expected a number above 0 and below 1; received 90/],
    [{ calibrate: 1 as never }, /calibrate: expected true or false/],
  ]
  test.each(cases)('%j', async (options, message) => {
    await expect(train(rows, { ...quick, ...options })).rejects.toThrow(message)
  })
})
