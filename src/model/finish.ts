/** The end of a training: what the model decides by is learnt, its parts are scored, and the report is written. */

import type { Encoder } from '../data/encoder.ts'
import { nameList, type Table } from '../data/table.ts'
import type { ClassLabel, Task } from '../data/target.ts'
import { Model, type Prediction } from '../model.ts'
import type { Network } from '../network.ts'
import { inTurns, type Paced } from '../paced.ts'
import type { History } from '../training/run.ts'
import { learnDecision } from './decision.ts'
import { plural } from './design.ts'
import type { TrainSettings } from './options.ts'
import type { Parts } from './parts.ts'
import type { Scores, TrainingPlan, TrainReport } from './report.ts'
import { scoreRows, type Scorer } from './score.ts'

/** A network that has been fitted, and what is known of it. */
interface Trained {
  readonly encoder: Encoder
  readonly network: Network
  readonly plan: TrainingPlan
  readonly metric: TrainReport['metric']
  readonly positive: ClassLabel | undefined
  readonly history: History
  /** Sentences on what came up after the plan was told. */
  readonly warnings: readonly string[]
  readonly data: TrainReport['data']
}

/** Learns decisions on the calibration or validation rows of a table, scores its parts, and makes the model with its report. */
export async function finishTraining<Row extends object, P extends Prediction>(
  { encoder, network, plan, metric, positive, history, warnings, data }: Trained,
  table: Table,
  parts: Parts,
  settings: TrainSettings,
): Promise<Model<Row, P>> {
  const learnt = await inTurns(learnDecision(network, encoder, table, parts, settings, positive))
  const { decision } = learnt
  const classRows = (plan.classes ?? []).map(({ trainRows }) => trainRows)
  const scorer = { encoder, network, classRows, decision, weight: settings.weight }
  const scored = await inTurns(scoreParts(scorer, table, parts))
  const report: TrainReport = {
    ...plan,
    warnings: [
      ...plan.warnings,
      ...warnings,
      ...recoveryWarnings(history),
      ...learnt.warnings,
      ...scored.warnings,
      ...verdict(scored.test, encoder.task),
      ...unpredicted(scored.test),
    ],
    threads: history.threads,
    stopped: history.stopped,
    epochs: history.epochs.length,
    ...(history.bestEpoch === undefined ? {} : { bestEpoch: history.bestEpoch }),
    seconds: history.durationMs / 1000,
    metric,
    train: scored.train,
    ...(scored.validation === undefined ? {} : { validation: scored.validation }),
    ...(scored.test === undefined ? {} : { test: scored.test }),
    decision,
    data,
  }
  return new Model<Row, P>({ encoder, network, report })
}

function recoveryWarnings({ recoveries = [] }: History): string[] {
  return recoveries.map(
    ({ epoch, what, learningRate }) =>
      `Training diverged in epoch ${epoch} (${what}) and went on with the learning rate ${learningRate}.`,
  )
}

function* scoreParts(
  scorer: Scorer,
  table: Table,
  parts: Parts,
): Paced<{ train: Scores; validation?: Scores; test?: Scores; warnings: string[] }> {
  const { scores: train } = yield* scoreRows(scorer, table, parts.train)
  const [test, validation] = [
    parts.test.length === 0 ? undefined : yield* scoreRows(scorer, table, parts.test),
    parts.validation.length === 0 ? undefined : yield* scoreRows(scorer, table, parts.validation),
  ]
  const { unseen } = yield* scorer.encoder.encoding(table, parts.test)
  const warnings = unseen.map(
    ({ column, count }) =>
      `Column '${column}': ${plural(count, 'test row')} with a text that the training rows do not have.`,
  )
  const unknown = test?.unseenClasses ?? 0
  if (unknown > 0) {
    warnings.push(
      `${plural(unknown, 'test row')} of a class that the training rows do not have, counted as wrong.`,
    )
  }
  return { train, validation: validation?.scores, test: test?.scores, warnings }
}

// A mean over targets hides the one that cannot be predicted.
function unpredicted(test: Scores | undefined): string[] {
  const names = (test?.targets ?? [])
    .filter(({ r2 = 0, baseline }) => r2 <= (baseline.r2 ?? 0))
    .map(({ target }) => target)
  if (names.length === 0 || names.length === test?.targets?.length) return []
  return [`No better than the mean on the test rows: ${nameList(names)}. A model of its own may do better.`]
}

function verdict(test: Scores | undefined, task: Task): string[] {
  if (test === undefined) return []
  const isBetter =
    task === 'regression'
      ? (test.r2 ?? 0) > (test.baseline.r2 ?? 0)
      : (test.logLoss ?? 0) < (test.baseline.logLoss ?? 0)
  return isBetter
    ? []
    : [
        'No better than guessing on the test rows: the inputs say little about the target, or there are too few rows.',
      ]
}
