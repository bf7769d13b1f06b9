/** Scores of a network on rows of a table, beside those of the naive baseline. */

import { regressionMetrics } from '../metrics/regression.ts'
import type { Encoder } from '../data/encoder.ts'
import type { EncodedTarget } from '../data/target.ts'
import { nameList, type Table } from '../data/table.ts'
import { DataError } from '../errors.ts'
import type { Network } from '../network.ts'
import type { BaselineScores, Scores } from './report.ts'

/** What predictions and baselines come from. */
export interface Scorer {
  readonly encoder: Encoder
  readonly network: Network
  /** Rows of each class among those trained on; empty under regression. */
  readonly classRows: readonly number[]
}

/**
 * Scores the given rows; those without a target are left out. Rows of a class that training did not have count as wrong in
 * the accuracy, and are left out of the loss, which would be infinite.
 *
 * @returns the scores, the number of rows of unknown classes, and the rows left out
 * @throws DataError if no row has a target
 */
export function scoreRows(
  scorer: Scorer,
  table: Table,
  rows: ArrayLike<number>,
): { scores: Scores; unseenClasses: number; droppedRows: number } {
  const target = scorer.encoder.encodeTarget(table, rows)
  if (target.rows.length === 0) {
    throw new DataError({
      where: table.source ?? 'rows',
      expected: `rows with a value in column ${scorer.encoder.data.target.name}`,
      received: `${rows.length} without`,
    })
  }
  const scores =
    target.task === 'regression' ? scoreNumbers(scorer, table, target) : scoreClasses(scorer, table, target)
  const unseenClasses = target.task === 'classification' ? target.unseen : 0
  return { scores, unseenClasses, droppedRows: target.missing }
}

function scoreNumbers(
  { encoder, network }: Scorer,
  table: Table,
  target: EncodedTarget & { task: 'regression' },
): Scores {
  const { x } = encoder.encode(table, target.rows)
  const predictions = Float64Array.from(network.predict(x), (output) => encoder.decodeValue(output))
  const mean = encoder.decodeValue(0)
  return {
    rows: target.rows.length,
    loss: network.evaluate(x, target.values).loss,
    ...numberScores(target.raw, predictions),
    baseline: numberScores(
      target.raw,
      target.raw.map(() => mean),
    ),
  }
}

function numberScores(targets: ArrayLike<number>, predictions: ArrayLike<number>): BaselineScores {
  const { rmse, r2 } = regressionMetrics(targets, predictions, 1)
  return { rmse, r2 }
}

function scoreClasses(
  { encoder, network, classRows }: Scorer,
  table: Table,
  target: EncodedTarget & { task: 'classification' },
): Scores {
  const rows = target.rows.filter((_, i) => target.classes[i] >= 0)
  const classes = target.classes.filter((index) => index >= 0)
  const share = classes.length / target.rows.length
  if (classes.length === 0) {
    throw new DataError({
      where: `${table.source ?? 'rows'}: column ${encoder.data.target.name}`,
      expected: `classes of the training rows: ${nameList(encoder.classes.map(String))}`,
      received: 'only others',
    })
  }
  const baseline = guess(classRows, classes)
  const { loss, accuracy = NaN } = network.evaluate(encoder.encode(table, rows).x, classes)
  return {
    rows: target.rows.length,
    loss,
    accuracy: accuracy * share,
    logLoss: loss,
    baseline: { accuracy: (baseline.accuracy ?? 0) * share, logLoss: baseline.logLoss },
  }
}

// Always the most frequent class of training, with the shares of the classes there as probabilities.
function guess(classRows: readonly number[], classes: Int32Array): BaselineScores {
  const total = classRows.reduce((sum, rows) => sum + rows, 0)
  const majority = classRows.indexOf(Math.max(...classRows))
  let right = 0
  let logLoss = 0
  for (const index of classes) {
    if (index === majority) right++
    logLoss -= Math.log(classRows[index] / total)
  }
  return { accuracy: right / classes.length, logLoss: logLoss / classes.length }
}
