/** Permutation importance: how much a score suffers where the values of a column are dealt out anew among the rows. */

import { permutation } from '../data/split.ts'
import { column as columnOf, selectColumn, withColumn, type Table } from '../data/table.ts'
import { spreadOf } from '../metrics/spread.ts'
import { studentQuantile } from '../metrics/student.ts'
import { atOnce } from '../paced.ts'
import { randomStream } from '../random.ts'
import type { TrainReport } from './report.ts'
import type { Explained } from './explain.ts'
import { isLowerBetter, scoreOf, scoreRows } from './score.ts'

/** How much a model relies on a column. */
export interface ColumnImportance {
  column: string
  /** Mean loss of the score over the shuffles: above 0 where the column helps, whichever way the score points. */
  mean: number
  /** Sample standard deviation over the shuffles. */
  deviation: number
  /** `[low, high]`, which holds the mean of all shuffles with a confidence of 95 %; it knows nothing of other rows. */
  interval: [number, number]
}

/** How to shuffle. */
export interface ImportanceSettings {
  readonly metric: TrainReport['metric']
  /** At least 2. */
  readonly repeats: number
  readonly seed: number
}

/** Two-sided: a mean lies outside its interval in 5 % of cases. */
const OUTSIDE = 0.05

/**
 * Importance of columns, the greatest first.
 *
 * @param table rows that have a target
 * @param columns names of inputs; what a column gets does not depend on which others are asked for
 * @source Breiman 2001, Random Forests, section 10; Fisher, Rudin, Dominici 2019, All Models are Wrong, but Many are Useful
 */
export function columnImportance(
  scorer: Explained,
  table: Table,
  columns: readonly string[],
  { metric, repeats, seed }: ImportanceSettings,
): { score: number; importance: ColumnImportance[] } {
  const all = Uint32Array.from({ length: table.rows }, (_, row) => row)
  const measure = (rows: Table): number =>
    scoreOf(atOnce(scoreRows(scorer, rows, all)).scores, metric, scorer.chosen) ?? NaN
  const score = measure(table)
  const sign = isLowerBetter(metric) ? -1 : 1
  const factor = studentQuantile(OUTSIDE, repeats - 1) / Math.sqrt(repeats)
  const importance = columns.map((name): ColumnImportance => {
    const column = columnOf(table, name)
    const losses = Array.from({ length: repeats }, (_, repeat) => {
      const order = permutation(table.rows, randomStream(seed, `importance ${repeat} ${name}`))
      return sign * (score - measure(withColumn(table, selectColumn(column, order))))
    })
    const { mean, deviation } = spreadOf(losses)
    return {
      column: name,
      mean,
      deviation,
      interval: [mean - factor * deviation, mean + factor * deviation],
    }
  })
  return { score, importance: importance.sort((a, b) => b.mean - a.mean) }
}
