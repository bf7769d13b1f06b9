/** Loss and metrics of a network on rows. */

import { compileForward } from './compiler/prediction.ts'
import type { Program } from './compiler/program.ts'
import type { BlockRun, ForwardPasses } from './forward-passes.ts'
import { regressionMetrics, type RegressionMetrics } from './metrics/regression.ts'
import { floatArray, type FloatArray } from './ops/arithmetic.ts'
import type { Paced } from './paced.ts'
import { hasAccuracy, headsOf, isDecided, outputsOf, type NetworkSpec } from './spec.ts'
import { lossScale, outputScores } from './training/fit.ts'
import type { OutputScores } from './training/run.ts'

/** Loss and metrics of a network on data. */
export interface Evaluation extends Partial<RegressionMetrics> {
  rows: number
  /** Without penalty. */
  loss: number
  /** Share of right answers, for classification. */
  accuracy?: number
  /** By layer, where the network has several outputs. */
  outputs?: Record<string, OutputScores>
}

/** Rows that have been checked, with their targets. */
export interface EvaluatedRows {
  /** [rows, inputs] */
  readonly flat: FloatArray
  /** [rows, outputs] */
  readonly targets: FloatArray
  /** [rows] */
  readonly weights?: FloatArray
}

/** The evaluation of rows that have weights. */
const WEIGHTED = {
  name: 'weighted',
  compile: (spec: NetworkSpec, rows: number): Program => compileForward(spec, rows, true),
}

/** Runs over all rows in blocks; others may go first between them. */
export function* evaluateRows(
  spec: NetworkSpec,
  passes: ForwardPasses,
  { flat, targets, weights }: EvaluatedRows,
): Paced<Evaluation> {
  const outputs = outputsOf(spec)
  const rows = flat.length / spec.inputs
  const sum = floatArray(spec.dtype, 1)
  const heads = headsOf(spec)
  const hasClasses = hasAccuracy(spec)
  const names = [
    'loss',
    ...(hasClasses ? ['correct'] : []),
    ...(spec.outputs === undefined ? [] : heads).flatMap((head) => [
      `loss of ${head.layer}`,
      ...(isDecided(head) ? [`correct of ${head.layer}`] : []),
    ]),
  ]
  const totals = Object.fromEntries(names.map((name) => [name, 0]))
  const evaluateBlock = (run: BlockRun, first: number, count: number): void => {
    run.write('t', targets.subarray(first * outputs, (first + count) * outputs))
    if (weights !== undefined) run.write('weights', weights.subarray(first, first + count))
    run('evaluate')
    for (const name of names) totals[name] += run.read(name, sum)[0]
  }
  yield* passes.blocksInTurns(flat, evaluateBlock, weights === undefined ? undefined : WEIGHTED)
  const loss = totals.loss * lossScale(spec, rows)
  if (hasClasses) return { rows, loss, accuracy: totals.correct / rows }
  if (spec.outputs !== undefined) {
    return { rows, loss, ...outputScores(spec, rows, (name) => totals[name], true) }
  }
  if (heads[0].info.task !== 'regression') return { rows, loss }
  const predictions = floatArray(spec.dtype, rows * outputs)
  yield* passes.outputsInTurns(flat, predictions)
  return { rows, loss, ...regressionMetrics(targets, predictions, outputs) }
}
