/** Cross-validation: a model for every fold, trained on the others, and two configurations compared on the same folds. */

import { checkInteger } from '../check.ts'
import type { Task } from '../data/target.ts'
import { reasonOf, rejectUnknownKeys, SpecError } from '../errors.ts'
import { spreadOf, type Spread } from '../metrics/spread.ts'
import { studentPValue } from '../metrics/student.ts'
import { foldRows } from './folds.ts'
import { normalizeTrainOptions } from './normalize-options.ts'
import type { TrainOptions } from './options.ts'
import type { Scores, TrainReport } from './report.ts'
import { readSource, type TrainSource } from './read-source.ts'
import { isLowerBetter } from './score.ts'
import { checkTargets } from './survey.ts'
import { taskOf, trainOnTable } from './train.ts'

/** Numbers that every fold has. */
export type FoldScore = Exclude<keyof Scores, 'baseline' | 'confusion' | 'rows' | 'targets'>

/** How to cross-validate. */
export interface CrossValidationOptions {
  /** Parts of about the same size, each held out once, an integer ≥ 2, default 5. */
  folds?: number
  /** Divisions into folds, each drawn anew, an integer ≥ 1, default 1. */
  repeats?: number
  /** Options of a second configuration where they differ, to be compared on the same folds. */
  compare?: Partial<TrainOptions>
  /** Called after every fold. */
  onFold?: (fold: FoldResult) => void
}

/** One fold, held out. */
export interface FoldResult {
  /** From 0. */
  repeat: number
  /** From 0. */
  fold: number
  /** Scores on the rows of the fold. */
  scores: Scores
  /** Those of the second configuration. */
  compared?: Scores
}

/** Difference of two configurations, the second less the first. */
export interface Comparison extends Spread {
  /** Means of the second configuration. */
  scores: Partial<Record<FoldScore, Spread>>
  /** Two-sided p value of a corrected resampled t-test: small where the difference is more than chance. */
  p: number
  /** Folds in which the second is better. */
  wins: number
}

/** What cross-validation finds. */
export interface CrossValidation {
  task: Task
  /** The score that leads, and that a comparison is of. */
  metric: TrainReport['metric']
  folds: number
  repeats: number
  results: FoldResult[]
  scores: Partial<Record<FoldScore, Spread>>
  /** Of each of several targets, in their order. */
  targets?: { target: string; scores: Partial<Record<FoldScore, Spread>> }[]
  comparison?: Comparison
}

const optionNames = ['folds', 'repeats', 'compare', 'onFold']

/**
 * Trains a model for every fold on the rows of the others, and scores it on the fold. Rows are divided by the rules of
 * `train`: classes keep their shares, groups and copies of a row stay in one fold.
 *
 * @param source as for `train`
 * @param options as for `train`, without `test`, `split` and `splitBy`
 * @throws SpecError and DataError as `train` does
 * @source Nadeau, Bengio 2003, Inference for the Generalization Error, section 3 (the corrected test)
 * @example
 * const { scores } = await crossValidate('penguins.csv', { target: 'species' }, { folds: 5, repeats: 2 })
 * scores.accuracy // { mean: 0.99…, deviation: 0.0… }
 */
export async function crossValidate(
  source: TrainSource,
  options: TrainOptions,
  { folds = 5, repeats = 1, compare, onFold, ...unknown }: CrossValidationOptions = {},
): Promise<CrossValidation> {
  rejectUnknownKeys('cross-validation', unknown, optionNames)
  checkInteger('folds', folds, { min: 2 })
  checkInteger('repeats', repeats, { min: 1 })
  if (compare !== undefined) checkComparable(compare)
  checkFree({ ...options, ...compare })
  const settings = normalizeTrainOptions(options)
  const other =
    compare === undefined ? undefined : inCompare(() => normalizeTrainOptions({ ...options, ...compare }))
  const table = await readSource(source, settings)
  checkTargets(table, settings)
  const task = taskOf(table, settings)
  const results: FoldResult[] = []
  let metric: TrainReport['metric'] = 'loss'
  for (let repeat = 0; repeat < repeats; repeat++) {
    const divided = foldRows(table, task, settings, folds, repeat)
    for (const [fold, test] of divided.entries()) {
      const train = Uint32Array.from(divided.flatMap((rows) => (rows === test ? [] : [...rows]))).sort()
      const scoresOf = async (given: typeof settings): Promise<Scores> => {
        const { report } = await trainOnTable(table, { ...given, split: { train, test } })
        metric = given === settings ? report.metric : metric
        if (report.test !== undefined) return report.test
        throw new SpecError({
          code: 'HADAMARD_SPLIT',
          where: 'folds',
          expected: 'rows in every fold',
          received: 'a fold without',
        })
      }
      const scores = await scoresOf(settings)
      const result: FoldResult = { repeat, fold, scores }
      if (other !== undefined) result.compared = await scoresOf(other)
      results.push(result)
      onFold?.(result)
    }
  }
  const answer: CrossValidation = {
    task,
    metric,
    folds,
    repeats,
    results,
    scores: summarize(results.map(({ scores }) => scores)),
    ...(settings.targets.length === 1 ? {} : { targets: byTarget(results, settings.targets) }),
  }
  return other === undefined ? answer : { ...answer, comparison: comparisonOf(results, metric, folds) }
}

/**
 * p value of the corrected resampled t-test: folds share training rows, so their differences vary less than independent
 * ones would, by a factor of 1/n + test/train rows instead of 1/n.
 *
 * @param differences one for each fold of all repeats
 */
export function correctedPValue(differences: readonly number[], folds: number): number {
  const { mean, deviation } = spreadOf(differences)
  if (deviation === 0) return mean === 0 ? 1 : 0
  const variance = (1 / differences.length + 1 / (folds - 1)) * deviation ** 2
  return studentPValue(mean / Math.sqrt(variance), differences.length - 1)
}

function comparisonOf(
  results: readonly FoldResult[],
  metric: TrainReport['metric'],
  folds: number,
): Comparison {
  const pairs = results.map(({ scores, compared }) => [scores[metric] ?? NaN, compared?.[metric] ?? NaN])
  const differences = pairs.map(([first, second]) => second - first)
  const sign = isLowerBetter(metric) ? -1 : 1
  return {
    ...spreadOf(differences),
    scores: summarize(results.flatMap(({ compared }) => (compared === undefined ? [] : [compared]))),
    p: correctedPValue(differences, folds),
    wins: differences.filter((difference) => sign * difference > 0).length,
  }
}

function byTarget(
  results: readonly FoldResult[],
  targets: readonly string[],
): NonNullable<CrossValidation['targets']> {
  return targets.map((target, j) => ({
    target,
    scores: summarize(results.flatMap(({ scores }) => scores.targets?.[j] ?? [])),
  }))
}

function summarize(all: readonly Partial<Scores>[]): Partial<Record<FoldScore, Spread>> {
  const names = Object.keys(all[0] ?? {}).filter((name) => name !== 'rows') as (keyof Scores)[]
  const entries = names.flatMap((name) => {
    const values = all.map((scores) => scores[name]).filter((value) => typeof value === 'number')
    return values.length === all.length ? [[name, spreadOf(values)]] : []
  })
  return Object.fromEntries(entries) as Partial<Record<FoldScore, Spread>>
}

function inCompare<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    throw new SpecError(`compare.${reasonOf(error)}`, { code: error.code, cause: error })
  }
}

// Both configurations must predict the same target of the same rows.
function checkComparable(compare: Partial<TrainOptions>): void {
  for (const name of [
    'target',
    'task',
    'group',
    'stratify',
    'seed',
    'types',
    'delimiter',
    'missing',
  ] as const) {
    if (compare[name] === undefined) continue
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: `compare.${name}`,
      expected: 'the same rows and target in both configurations',
      received: 'a value of its own',
    })
  }
}

function checkFree(options: Partial<TrainOptions>): void {
  for (const name of ['test', 'split', 'splitBy'] as const) {
    if (options[name] === undefined) continue
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: name,
      expected: 'nothing, as each fold is the test once',
      received: 'a value',
    })
  }
}
