/** The command line on tables as people have them: rare classes, weights, thresholds, coverage, and the errors of their flags. */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomStream } from '../src/random.ts'

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
let folder = ''

function hadamard(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { code: status, out: stdout, err: stderr }
}

const words = (text: string): string[] => text.split(' ')
const lastEvent = (out: string): Record<string, unknown> =>
  JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  const random = randomStream(1, 'churn')
  const rows = Array.from({ length: 1500 }, (_, i) => {
    const isChurn = random.uniform(i) < 0.08
    const usage = random.normal(1e9 + 2 * i) + (isChurn ? 1.5 : 0)
    const plan = 'abc'[random.below(3, 2e9 + i)]
    return `${usage.toFixed(4)},${plan},${1 + (i % 3)},${isChurn ? 'yes' : 'no'}`
  })
  await writeFile(join(folder, 'churn.csv'), `usage,plan,w,churn\n${rows.join('\n')}\n`)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const train = words('train churn.csv -t churn --epochs 5 --hidden 8')

describe('train', () => {
  test('weights, threshold and coverage reach the report, the screen and the predictions', () => {
    const flags = words(
      '--weight w --class-weight yes=3 --threshold cost:FN=5,FP=1 --coverage 0.9 --validation 0.2',
    )
    const { code, out, err } = hadamard(...train, ...flags)
    expect(code).toBe(0)
    for (const text of [
      /w +number +- +weight/,
      /balanced accuracy +PR-AUC +accuracy +log loss/,
      /confusion matrix of the test rows .*in sums of w/,
      /threshold +yes from a probability of 0\.\d+ on \(tuned on the validation rows for cost:FN=5,FP=1\)/,
      /coverage +sets of the classes .* for 90 % of new rows/,
      /reliability +Brier score/,
    ]) {
      expect(out).toMatch(text)
    }
    expect(err).toMatch(/Class weights distort the probabilities/)
    const { out: answers } = hadamard(...words('predict churn.model churn.csv --proba'))
    expect(answers).toMatch(
      /^prediction,probability,set,probability_no,probability_yes\n(yes|no),0\.\d+,(yes|no|no\|yes)?,/,
    )
  })

  test('--json has the decision', () => {
    const { out } = hadamard(...train, ...words('--threshold 0.3 --positive no --no-calibrate --json'))
    expect(lastEvent(out)).toMatchObject({ decision: { positive: 'no', threshold: 0.3 } })
  })

  test('intervals of numbers are two further columns', () => {
    const { code } = hadamard(
      ...words('train churn.csv -t usage --epochs 3 --coverage 0.8 -m usage.model -q'),
    )
    expect(code).toBe(0)
    const { out } = hadamard(...words('predict usage.model churn.csv'))
    const [header, first] = out.split('\n')
    expect(header).toBe('prediction,low,high')
    const [prediction, low, high] = first.split(',').map(Number)
    expect((low + high) / 2).toBeCloseTo(prediction, 5)
  })
})

describe('explain', () => {
  test('prints importance, dependence and the shares of rows, and the same as JSON', () => {
    expect(hadamard(...train, ...words('-m explained.model -q')).code).toBe(0)
    const flags = words('explain explained.model churn.csv --repeats 2 --sample 300 --rows 3')
    const { code, out, err } = hadamard(...flags)
    expect([code, err]).toEqual([0, expect.stringMatching(/these are the training data/)])
    for (const text of [
      /^importance: how much worse balanced accuracy \(0\.\d+ on 300 rows\) gets.*\n +mean +95 % interval\nusage +/,
      /\n\nusage: mean probability where every row has this value\n +churn yes +rows with it\n/,
      /\n\nrow 3: probability of churn yes 0\.\d+, at the baseline 0\.\d+\n +value +integrated gradients/,
    ]) {
      expect(out).toMatch(text)
    }
    expect(lastEvent(hadamard(...flags, '--json').out)).toMatchObject({
      rows: 300,
      metric: 'balancedAccuracy',
      attributions: [{ row: 3, label: 'yes' }],
      isTrainingData: true,
    })
  })
})

describe('dry run and diff', () => {
  test('a dry run tells sizes and times and saves nothing', () => {
    const { code, out } = hadamard(...train, ...words('--dry-run -m dry.model'))
    expect(code).toBe(0)
    for (const text of [
      /parameters +\d+/,
      /encoded data +[\d.]+ kB/,
      /weights and training +[\d.]+ kB/,
      /memory available +[\d.]+ [GM]B/,
      /an epoch +\d+\.\d+ s/,
      /A dry run: no model is saved/,
    ]) {
      expect(out).toMatch(text)
    }
    expect(existsSync(join(folder, 'dry.model'))).toBe(false)
  })

  test('diff names the lines that changed side', () => {
    expect(hadamard(...train, ...words('-m one.model -q --threshold 0.5')).code).toBe(0)
    expect(
      hadamard(...words('train churn.csv --from one.model --threshold 0.02 --epochs 1 -m two.model -q')).code,
    ).toBe(0)
    const { code, out } = hadamard(...words('diff one.model two.model churn.csv'))
    expect(code).toBe(0)
    expect(out).toMatch(/^Different: weights, decision\.\n\n +rows +balanced accuracy/)
    expect(out).toMatch(/\ndifference +[+-]?0\.\d+/)
    expect(out).toMatch(
      /of 1,500 rows changed side: \d+ right now, \d+ no longer\.\nline +target +one\.model +two\.model\n +\d+ +(yes|no) +no +yes/,
    )
    expect(hadamard(...words('diff one.model one.model churn.csv')).out).toMatch(
      /^The same bits: encoder, network, weights and decision\. The same answers to the bit for 1,500 rows\./,
    )
  })
})

describe('cv', () => {
  test('prints mean and deviation, and two configurations side by side', () => {
    const flags = words('cv churn.csv -t churn --epochs 2 --hidden 8 --folds 3')
    const { code, out } = hadamard(...flags, '--compare', '--ignore usage')
    expect(code).toBe(0)
    expect(out).toMatch(
      /^3 models: 3 folds; mean ± standard deviation\n\n +mean +compared\nbalanced accuracy +\d\.\d+ +± /,
    )
    expect(out).toMatch(
      /difference of balanced accuracy: [+−]\d\.\d+ ± \d\.\d+, better in \d of 3 folds, p \d/,
    )
    const lines = hadamard(...flags, '--json')
      .out.trimEnd()
      .split('\n')
    expect(lines).toHaveLength(4)
    expect(lastEvent(lines.join('\n'))).toMatchObject({ event: 'result', folds: 3, scores: { accuracy: {} } })
  })

  test.each([
    ['--folds 1', /--folds: expected an integer at least 2; received 1/],
    ['--test 0.3', /--test: expected nothing, as each fold is the test once/],
    ['--compare --hiden=3', /--compare: expected flags of train; received unknown option '--hiden=3'/],
    ['--compare --seed=3', /--compare --seed: expected the same rows/],
  ])('%s is refused', (flags, message) => {
    const { code, err } = hadamard('cv', 'churn.csv', '-t', 'churn', ...words(flags))
    expect([code, err]).toEqual([1, expect.stringMatching(message)])
  })
})

describe('mistakes are one line that names the flag, the value and what is allowed', () => {
  test.each([
    ['--threshold 3', /--threshold: expected a number at least 0 and at most 1; received 3/],
    [
      '--threshold best',
      /--threshold: expected a number from 0 to 1, 'f1', 'balanced', or costs.*received 'best'/,
    ],
    ['--class-weight yes=x', /--class-weight: expected 'balanced', or CLASS=WEIGHT.*received 'yes=x'/],
    ['--class-weight jes=2', /--class-weight: expected weights of the classes 'no', 'yes'; received 'jes'/],
    ['--positive jo', /--positive: expected one of the classes 'no', 'yes'; received 'jo'/],
    ['--coverage 95', /--coverage: expected a number above 0 and below 1; received 95/],
    ['--group v', /--group: expected a column named 'v'/],
    ['--split-by usage', /--split-by: expected time:COLUMN.*received 'usage'/],
    ['--split-by time:plan', /--split-by: expected numbers or dates.*in column plan/],
    [
      '--stratify --group plan',
      /--group: expected one rule to part the rows by; received --group and --stratify/,
    ],
    ['--weight v', /--weight, churn\.csv: expected a column named 'v'/],
  ])('%s', (flags, message) => {
    const { code, err } = hadamard(...train, ...words(flags))
    expect(code).toBe(1)
    expect(err).toMatch(message)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
  })
})
