/** Metrics: scikit-learn's published values, brute-force definitions on random rows, and what happens at the edges. */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { DataError, SpecError } from '../src/errors.ts'
import { dense } from '../src/layers/dense.ts'
import * as metrics from '../src/metrics/index.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import { docComments, runExample } from './support/examples.ts'

const {
  accuracy,
  averagePrecision,
  balancedAccuracy,
  brierScore,
  confusionMatrix,
  f1,
  logLoss,
  meanAbsoluteError,
  meanSquaredError,
  precision,
  r2,
  recall,
  rocAuc,
  rootMeanSquaredError,
} = metrics

const comments = docComments('metrics')

test.each(Object.keys(metrics))(
  '%s: the comment names its errors and source, and its example is right',
  (name) => {
    const comment = comments.get(name) ?? ''
    expect(comment).toMatch(/@throws DataError/)
    expect(comment).toMatch(/@source/)
    expect(runExample(comment, metrics)).toEqual([])
  },
)

// From the examples of scikit-learn's documentation (version 1.5), as many digits as it prints.
const CLASSES = [0, 1, 2, 0, 1, 2]
const PREDICTED = [0, 2, 1, 0, 0, 1]
const IMBALANCED = [0, 1, 0, 0, 1, 0]
const NUMBERS = [3, -0.5, 2, 7]
const GUESSES = [2.5, 0, 2, 8]
const PAIRS = [
  [0.5, 1],
  [-1, 1],
  [7, -6],
]
const PAIR_GUESSES = [
  [0, 2],
  [-1, 2],
  [8, -5],
]
const MAILS = ['spam', 'ham', 'ham', 'spam']

test.each<[string, number, string]>([
  ['accuracy_score', accuracy([0, 1, 2, 3], [0, 2, 1, 3]), '0.5'],
  ['balanced_accuracy_score', balancedAccuracy(IMBALANCED, [0, 1, 0, 0, 0, 1]), '0.625'],
  ['precision_score, macro', precision(CLASSES, PREDICTED, { average: 'macro' }), '0.22'],
  ['precision_score, micro', precision(CLASSES, PREDICTED, { average: 'micro' }), '0.33'],
  ['precision_score, weighted', precision(CLASSES, PREDICTED, { average: 'weighted' }), '0.22'],
  ['recall_score, macro', recall(CLASSES, PREDICTED, { average: 'macro' }), '0.33'],
  ['recall_score, micro', recall(CLASSES, PREDICTED, { average: 'micro' }), '0.33'],
  ['recall_score, weighted', recall(CLASSES, PREDICTED, { average: 'weighted' }), '0.33'],
  ['f1_score, macro', f1(CLASSES, PREDICTED, { average: 'macro' }), '0.26'],
  ['f1_score, micro', f1(CLASSES, PREDICTED, { average: 'micro' }), '0.33'],
  ['f1_score, weighted', f1(CLASSES, PREDICTED, { average: 'weighted' }), '0.26'],
  ['f1_score without positives', f1([0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]), '0'],
  ['roc_auc_score', rocAuc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), '0.75'],
  ['average_precision_score', averagePrecision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), '0.83'],
  [
    'log_loss',
    logLoss(MAILS, [
      [0.1, 0.9],
      [0.9, 0.1],
      [0.8, 0.2],
      [0.35, 0.65],
    ]),
    '0.21616',
  ],
  ['brier_score_loss', brierScore([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), '0.037'],
  ['brier_score_loss, texts', brierScore(MAILS, [0.1, 0.9, 0.8, 0.3], { positive: 'ham' }), '0.037'],
  [
    'brier_score_loss, the other class',
    brierScore([0, 1, 1, 0], [0.9, 0.1, 0.2, 0.7], { positive: 0 }),
    '0.037',
  ],
  ['mean_squared_error', meanSquaredError(NUMBERS, GUESSES), '0.375'],
  ['mean_squared_error, two outputs', meanSquaredError(PAIRS, PAIR_GUESSES), '0.708'],
  ['root_mean_squared_error', rootMeanSquaredError(NUMBERS, GUESSES), '0.612'],
  ['root_mean_squared_error, two outputs', rootMeanSquaredError(PAIRS, PAIR_GUESSES), '0.822'],
  ['mean_absolute_error', meanAbsoluteError(NUMBERS, GUESSES), '0.5'],
  ['mean_absolute_error, two outputs', meanAbsoluteError(PAIRS, PAIR_GUESSES), '0.75'],
  ['r2_score', r2(NUMBERS, GUESSES), '0.948'],
  ['r2_score of the mean', r2([1, 2, 3], [2, 2, 2]), '0'],
  ['r2_score, worse than the mean', r2([1, 2, 3], [3, 2, 1]), '-3'],
  ['r2_score of a constant, predicted', r2([-2, -2, -2], [-2, -2, -2]), '1'],
  ['r2_score of a constant, missed', r2([-2, -2, -2], [-2, -2, -2 + 1e-8]), '0'],
])('%s gives what its documentation prints', (_, value, printed) => {
  const digits = printed.split('.')[1]?.length ?? 0
  // Printed digits are cut, not rounded.
  const cut = Math.trunc(value * 10 ** digits + Math.sign(value) * 1e-9) / 10 ** digits
  expect(cut).toBe(Number(printed))
})

test('confusion matrices are those of the documentation, also of texts', () => {
  const counts = [
    [2, 0, 0],
    [0, 0, 1],
    [1, 0, 2],
  ]
  expect(confusionMatrix([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2])).toEqual({ labels: [0, 1, 2], counts })
  const targets = ['cat', 'ant', 'cat', 'cat', 'ant', 'bird']
  const predictions = ['ant', 'ant', 'cat', 'cat', 'ant', 'cat']
  expect(confusionMatrix(targets, predictions, { labels: ['ant', 'bird', 'cat'] }).counts).toEqual(counts)
  expect(confusionMatrix([0, 1, 0, 1], [1, 1, 1, 0]).counts).toEqual([
    [0, 2],
    [1, 1],
  ])
})

interface Case {
  readonly title: string
  readonly targets: number[]
  readonly scores: Float64Array
  readonly weights: number[]
}

// Rows by seed: a share of positives, and scores of few levels (ties) or many.
const cases: Case[] = [
  { rows: 60, share: 0.5, levels: 1e9 },
  { rows: 60, share: 0.5, levels: 5 },
  { rows: 200, share: 0.03, levels: 20 },
  { rows: 200, share: 0.97, levels: 3 },
  { rows: 40, share: 0.3, levels: 1 },
].flatMap(({ rows, share, levels }) =>
  [1, 2, 3].map((seed) => {
    const random = randomStream(seed, 'metrics')
    const targets = Array.from({ length: rows }, (_, i) => Number(random.uniform(i) < share))
    // At least one of each class.
    targets.splice(0, 2, 0, 1)
    return {
      title: `${rows} rows, ${share} positive, ${levels} scores, seed ${seed}`,
      targets,
      scores: new Float64Array(rows).map((_, i) => Math.floor(random.uniform(1000 + i) * levels) / levels),
      weights: Array.from({ length: rows }, (_, i) => random.below(4, 2000 + i)),
    }
  }),
)

describe.each(cases)('$title', ({ targets, scores, weights }) => {
  const ones = targets.map(() => 1)
  const rows = targets.map((_, i) => i)

  test.each([
    ['without', ones],
    ['with', weights],
  ])('the ROC area is the share of ordered pairs, %s weights', (_, w) => {
    let won = 0
    let pairs = 0
    for (const i of rows.filter((row) => targets[row] === 1)) {
      for (const j of rows.filter((row) => targets[row] === 0)) {
        pairs += w[i] * w[j]
        won += w[i] * w[j] * (scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0)
      }
    }
    expect(rocAuc(targets, scores, { sampleWeights: w })).toBeCloseTo(won / pairs, 12)
  })

  test.each([
    ['without', ones],
    ['with', weights],
  ])('average precision is the sum over explicit thresholds, %s weights', (_, w) => {
    const total = rows.reduce((sum, i) => sum + w[i] * targets[i], 0)
    let area = 0
    let before = 0
    for (const threshold of [...new Set(scores)].sort((a, b) => b - a)) {
      const predicted = rows.filter((i) => scores[i] >= threshold)
      const hits = predicted.reduce((sum, i) => sum + w[i] * targets[i], 0)
      const all = predicted.reduce((sum, i) => sum + w[i], 0)
      if (all > 0) area += (hits / total - before) * (hits / all)
      before = hits / total
    }
    expect(averagePrecision(targets, scores, { sampleWeights: w })).toBeCloseTo(area, 12)
  })

  test('precision, recall and F1 of each average follow from counting rows', () => {
    const predictions = rows.map((i) => Number(scores[i] > 0.4))
    const count = (is: (i: number) => boolean): number => rows.filter(is).length
    const of = (label: number): { p: number; r: number; f: number; share: number } => {
      const hits = count((i) => targets[i] === label && predictions[i] === label)
      const predicted = count((i) => predictions[i] === label)
      const actual = count((i) => targets[i] === label)
      const p = predicted === 0 ? 0 : hits / predicted
      const r = hits / actual
      return { p, r, f: p + r === 0 ? 0 : (2 * p * r) / (p + r), share: actual / rows.length }
    }
    const [zero, one] = [of(0), of(1)]
    expect(precision(targets, predictions)).toBeCloseTo(one.p, 12)
    expect(recall(targets, predictions)).toBeCloseTo(one.r, 12)
    expect(f1(targets, predictions)).toBeCloseTo(one.f, 12)
    expect(f1(targets, predictions, { positive: 0 })).toBeCloseTo(zero.f, 12)
    expect(f1(targets, predictions, { average: 'macro' })).toBeCloseTo((zero.f + one.f) / 2, 12)
    expect(precision(targets, predictions, { average: 'weighted' })).toBeCloseTo(
      zero.share * zero.p + one.share * one.p,
      12,
    )
    expect(f1(targets, predictions, { average: 'micro' })).toBeCloseTo(accuracy(targets, predictions), 12)
    expect(balancedAccuracy(targets, predictions)).toBeCloseTo((zero.r + one.r) / 2, 12)
  })

  test('a row of weight k counts like k rows', () => {
    const repeat = <T>(values: ArrayLike<T>): T[] =>
      rows.flatMap((i) => Array.from({ length: weights[i] }, () => values[i]))
    const predictions = rows.map((i) => Number(scores[i] > 0.4))
    const numbers = rows.map((i) => 0.8 * scores[i] + 0.1)
    const many = repeat(targets)
    const options = { sampleWeights: weights }
    for (const metric of [accuracy, balancedAccuracy, precision, recall, f1]) {
      expect(metric(targets, predictions, options)).toBeCloseTo(metric(many, repeat(predictions)), 12)
    }
    for (const metric of [logLoss, brierScore, rootMeanSquaredError, meanAbsoluteError, r2]) {
      expect(metric(targets, numbers, options)).toBeCloseTo(metric(many, repeat(numbers)), 12)
    }
    expect(confusionMatrix(targets, predictions, options)).toEqual(confusionMatrix(many, repeat(predictions)))
  })

  test('probabilities of two columns give the loss and score of one', () => {
    const two = rows.flatMap((i) => [1 - scores[i], scores[i]])
    expect(logLoss(targets, Float64Array.from(two))).toBeCloseTo(logLoss(targets, scores), 12)
    expect(brierScore(targets, two)).toBeCloseTo(brierScore(targets, scores), 12)
    expect(brierScore(targets, scores)).toBeCloseTo(meanSquaredError(targets, scores), 12)
  })
})

describe('at the edges', () => {
  test('a missing class gives NaN for the ROC area and 0 for average precision without positives', () => {
    expect(rocAuc([0, 0], [0.1, 0.2])).toBeNaN()
    expect(rocAuc([1, 1], [0.1, 0.2])).toBeNaN()
    expect(averagePrecision([0, 0], [0.1, 0.2])).toBe(0)
    expect(averagePrecision([1, 1], [0.1, 0.2])).toBe(1)
  })

  test('classes without predictions or targets score 0; those only predicted do not count in balancedAccuracy', () => {
    expect(precision([0, 1], [0, 0])).toBe(0)
    expect(recall([0, 0], [0, 1])).toBe(0)
    expect(balancedAccuracy([0, 0, 1, 1], [0, 2, 1, 1])).toBe(0.75)
    // scikit-learn averages over the classes of targets and predictions together.
    expect(recall([0, 0, 1, 1], [0, 2, 1, 1], { average: 'macro' })).toBe(0.5)
  })

  test('certain mistakes cost −ln ε of the probabilities’ own type', () => {
    expect(logLoss([1, 0], [0, 0])).toBeCloseTo(-Math.log(2 ** -52) / 2, 12)
    expect(logLoss([1, 0], new Float32Array([0, 0]))).toBeCloseTo(-Math.log(2 ** -23) / 2, 6)
    expect(logLoss([1, 0], new Float32Array([1, 0]))).toBeCloseTo(0, 6)
  })

  test('columns without a target are class indices, or what labels says', () => {
    const rows = [
      [0.5, 0.25, 0.25],
      [0.25, 0.5, 0.25],
    ]
    expect(logLoss(Int32Array.of(0, 1), rows)).toBeCloseTo(Math.LN2, 12)
    expect(logLoss(['b', 'a'], rows, { labels: ['b', 'a', 'c'] })).toBeCloseTo(Math.LN2, 12)
    // Σ_k (p_k − t_k)² of each row: 0.25 + 2·0.0625.
    expect(brierScore([0, 1], rows)).toBeCloseTo(0.375, 12)
  })

  test('numbers of several outputs may be flat, and the mean is over the outputs', () => {
    expect(r2(PAIRS.flat(), PAIR_GUESSES.flat(), { outputs: 2 })).toBe(r2(PAIRS, PAIR_GUESSES))
    expect(r2(PAIRS, PAIR_GUESSES)).toBeCloseTo((0.965438 + 0.908163) / 2, 5)
    // The mean of 0.1, 0.1, 0.1 is not 0.1 in double.
    expect(r2([0.1, 0.1, 0.1], [0.1, 0.1, 0.2])).toBe(0)
    expect(r2([5], [5])).toBe(1)
  })

  test('booleans and texts are labels', () => {
    expect(precision([true, false, true], [true, true, true])).toBeCloseTo(2 / 3, 12)
    expect(rocAuc(['a', 'b'], [0.1, 0.2], { positive: 'b' })).toBe(1)
    expect(recall(['no', 'yes'], ['no', 'yes'], { positive: 'yes' })).toBe(1)
  })
})

test('evaluate reports the metrics of its predictions', () => {
  const network = new Network({ inputs: 1, layers: [dense(2)], loss: 'squaredError', dtype: 'float64' })
  const x = [0.5, -1, 2]
  const evaluation = network.evaluate(x, PAIRS)
  const predictions = network.predict(x)
  expect(evaluation).toEqual({
    rows: 3,
    loss: evaluation.loss,
    rmse: rootMeanSquaredError(PAIRS, predictions, { outputs: 2 }),
    mae: meanAbsoluteError(PAIRS, predictions, { outputs: 2 }),
    r2: r2(PAIRS, predictions, { outputs: 2 }),
  })
  expect(evaluation.loss).toBeCloseTo(meanSquaredError(PAIRS, predictions, { outputs: 2 }), 12)
})

test.each<[string, () => unknown, typeof DataError | typeof SpecError, RegExp]>([
  [
    'lengths differ',
    () => accuracy([0, 1], [0]),
    DataError,
    /predictions: expected 2 values, one for each target; received 1/,
  ],
  [
    'there are no rows',
    () => accuracy([], []),
    DataError,
    /targets: expected at least one value; received 0/,
  ],
  [
    'it is no array',
    () => accuracy(3 as never, [0]),
    DataError,
    /targets: expected an array or typed array; received 3/,
  ],
  [
    'labels are of two kinds',
    () => f1([0, 1], ['0', '1'] as never),
    DataError,
    /predictions: row 0: expected a number, as the first target is; received '0'/,
  ],
  [
    'a label is missing',
    () => accuracy([0, NaN], [0, 1]),
    DataError,
    /targets: row 1: expected a number, as the first target is; received NaN/,
  ],
  [
    'there are three classes',
    () => f1([0, 1, 2], [0, 1, 2]),
    DataError,
    /received 3 classes\. Set average to 'macro'/,
  ],
  [
    'an average is misspelled',
    () => f1([0], [0], { average: 'makro' as 'macro' }),
    SpecError,
    /average: .* Did you mean 'macro'/,
  ],
  [
    'an average takes no class',
    () => f1([0], [0], { average: 'macro', positive: 1 }),
    SpecError,
    /positive: expected nothing/,
  ],
  [
    'an option is misspelled',
    () => accuracy([0], [0], { sampleWeight: [1] } as never),
    SpecError,
    /should be 'sampleWeights'/,
  ],
  [
    'a text has no positive class',
    () => recall(['a', 'b'], ['a', 'a']),
    SpecError,
    /Set it, for instance positive: 'b'/,
  ],
  [
    'no class is the positive one',
    () => recall([0, 2], [0, 2]),
    DataError,
    /positive: expected one of the labels 0 and 2; received 1/,
  ],
  [
    'a label is not among those given',
    () => confusionMatrix([0], [3], { labels: [0, 1] }),
    DataError,
    /predictions: row 0: expected one of the labels 0, 1; received 3/,
  ],
  [
    'a score is not finite',
    () => rocAuc([0, 1], [0, NaN]),
    DataError,
    /scores: row 1: expected a finite number; received NaN/,
  ],
  [
    'more classes than two are ranked',
    () => rocAuc([0, 1, 2], [0, 1, 2]),
    DataError,
    /expected labels of two classes; received 3/,
  ],
  [
    'a probability is above 1',
    () => logLoss([0, 1], [0, 1.5]),
    DataError,
    /row 1: expected probabilities from 0 to 1; received 1.5/,
  ],
  [
    'probabilities do not add up',
    () =>
      logLoss(
        [0, 1],
        [
          [0.5, 0.5],
          [0.5, 0.6],
        ],
      ),
    DataError,
    /row 1: expected probabilities that add up to 1; received a sum of 1.1/,
  ],
  [
    'a target has no column',
    () => logLoss([0, 1, 2, 3], [1, 0, 0, 1, 0, 1, 1, 0]),
    DataError,
    /targets: row 2: expected one of the labels 0, 1; received 2\. Name the columns with labels/,
  ],
  [
    'columns are not rows',
    () => logLoss([0, 1], [0.1, 0.2, 0.3]),
    DataError,
    /expected 2 values, one for each target; received 3/,
  ],
  [
    'one column has labels',
    () => logLoss([0, 1], [0, 1], { labels: [0, 1] }),
    SpecError,
    /received 'labels'/,
  ],
  [
    'rows are ragged',
    () =>
      r2(
        [[1, 2], [3]],
        [
          [1, 2],
          [3, 4],
        ],
      ),
    DataError,
    /targets: row 1: expected 2 numbers, as in row 0; received 1/,
  ],
  [
    'sizes differ',
    () => r2([1, 2], [1, 2, 3]),
    DataError,
    /expected 2 rows of 1, as the targets; received 3 of 1/,
  ],
  [
    'flat rows are cut',
    () => r2([1, 2, 3], [1, 2, 3], { outputs: 2 }),
    DataError,
    /expected rows of 2 numbers; received 3 numbers in all/,
  ],
  [
    'a weight is negative',
    () => r2([1, 2], [1, 2], { sampleWeights: [1, -1] }),
    DataError,
    /sampleWeights: row 1: expected a finite weight of at least 0; received -1/,
  ],
  [
    'all weights are 0',
    () => r2([1, 2], [1, 2], { sampleWeights: [0, 0] }),
    DataError,
    /at least one weight above 0; received only zeros/,
  ],
])('where %s, the error says so', (_, call, type, message) => {
  expect(call).toThrow(type)
  expect(call).toThrow(message)
})

describe('what scikit-learn computes on random rows, many of them weighted', () => {
  interface Case {
    metric: keyof typeof metrics
    arguments: unknown[]
    options?: object
    expected: number | number[][]
  }
  const { cases } = JSON.parse(
    readFileSync(new URL('fixtures/scikit-learn.json', import.meta.url), 'utf8'),
  ) as { cases: Case[] }

  test.each(cases.map((each, i): [string, Case] => [`${i}: ${each.metric}`, each]))('%s', (_, each) => {
    const metric = metrics[each.metric] as (...given: unknown[]) => number | { counts: number[][] }
    const received = metric(...each.arguments, each.options ?? {})
    const numbers = [typeof received === 'number' ? received : received.counts].flat(2)
    const expected = [each.expected].flat(2)
    expect(numbers).toHaveLength(expected.length)
    numbers.forEach((number, i) => {
      expect(Math.abs(number - expected[i])).toBeLessThan(1e-12)
    })
  })
})
