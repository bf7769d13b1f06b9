/** Models and scores in words, for `summary()` and for the screen. */

import type { Encoder } from '../data/encoder.ts'
import type { Target } from '../data/target.ts'
import type { Network } from '../network.ts'
import { alignColumns } from './align.ts'
import { plural } from './design.ts'
import { decisionLines } from './describe-decision.ts'
import type { BaselineScores, Scores, TrainReport } from './report.ts'
import { isImbalanced } from './survey.ts'

interface Described {
  readonly encoder: Encoder
  readonly network: Network
  readonly report: TrainReport
}

type Titled = Pick<TrainReport, 'task' | 'metric' | 'classes'>

/**
 * The scores of a task in the order they are shown, the leading one first. Where a class is rare, those that count each
 * class the same come before accuracy.
 */
export function scoreNames({ task, metric, classes }: Titled): (keyof BaselineScores)[] {
  const byTask: (keyof BaselineScores)[] =
    task === 'regression' ? ['r2', 'rmse', 'mae'] : ['accuracy', 'logLoss']
  const names = isImbalanced(classes)
    ? (['balancedAccuracy', 'averagePrecision', ...byTask] as const)
    : byTask
  const leading = metric === 'loss' ? (task === 'regression' ? 'r2' : 'logLoss') : metric
  return [...new Set([leading, ...names])]
}

/** How scores are called on a screen. */
export const scoreLabels: Readonly<Record<keyof BaselineScores, string>> = {
  accuracy: 'accuracy',
  balancedAccuracy: 'balanced accuracy',
  averagePrecision: 'PR-AUC',
  logLoss: 'log loss',
  r2: 'R²',
  rmse: 'RMSE',
  mae: 'MAE',
}

/**
 * A score as a screen shows it: shares with three digits, others with four significant ones.
 *
 * @example
 * formatScore('accuracy', 0.98765) // '0.988'
 */
export function formatScore(name: keyof BaselineScores, value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-'
  if (name !== 'rmse' && name !== 'mae') return value.toFixed(3).replace(/^-(?=0\.000$)/, '')
  return Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3
    ? value.toExponential(3)
    : String(Number(value.toPrecision(4)))
}

/**
 * Scores as a table: a row per set of rows and one for the baseline of the last of them. Of several targets these are means;
 * those of each in the last set follow.
 */
export function scoreTable(
  report: Titled,
  sets: readonly (readonly [string, Scores | undefined])[],
): string[] {
  const present = sets.filter((set): set is readonly [string, Scores] => set[1] !== undefined)
  const last = present.at(-1)
  // Models of older versions have no scores but these.
  const names = scoreNames(report).filter(
    (name) => name === 'accuracy' || present.some(([, scores]) => scores[name] !== undefined),
  )
  const rows = present.map(([label, scores]) => [
    label,
    scores.rows.toLocaleString('en'),
    ...names.map((name) => formatScore(name, scores[name])),
  ])
  const baseline = last?.[1].baseline
  const guess = report.task === 'regression' ? 'always the mean' : 'always the majority'
  if (last && baseline) {
    rows.push([
      `  ${guess}`,
      last[1].rows.toLocaleString('en'),
      ...names.map((name) => formatScore(name, baseline[name])),
    ])
  }
  const targets = last?.[1].targets ?? []
  for (const { target, ...scores } of targets) {
    const cells = names.map((name) => formatScore(name, scores[name as keyof typeof scores.baseline]))
    rows.push([`${last?.[0] ?? ''}: ${target}`, '', ...cells])
  }
  const title = targets.length === 0 ? '' : `mean of ${targets.length} targets`
  return alignColumns([[title, 'rows', ...names.map((name) => scoreLabels[name])], ...rows], [0])
}

/** The text of `model.summary()`. */
export function describeModel({ encoder, network, report }: Described): string {
  const { inputs } = encoder.data
  const names = inputs.map(({ name }) => name)
  const shown = names.slice(0, 8).join(', ') + (names.length > 8 ? ` and ${names.length - 8} more` : '')
  const kept = report.bestEpoch === undefined ? '' : `, kept the weights of epoch ${report.bestEpoch}`
  const facts = [
    ...encoder.targets.map((target, i) => [i === 0 ? 'predicts' : '', describeTarget(target)]),
    ['from', `${plural(names.length, 'column')}: ${shown}`],
    [
      'trained on',
      `${plural(report.split.train, 'row')}${report.source === undefined ? '' : ` of ${report.source}`}`,
    ],
    [
      'training',
      `${plural(report.epochs, 'epoch')} (${stopLabels[report.stopped] ?? report.stopped})${kept}`,
    ],
  ]
  const scores = scoreTable(report, [
    ['train', report.train],
    ['validation', report.validation],
    ['test', report.test],
  ])
  const lines = [...alignColumns(facts, [0, 1]), '', ...scores, '', ...decisionLines(report)]
  return [...lines, network.summary()].join('\n')
}

function describeTarget(target: Target): string {
  if (target.task === 'regression')
    return `${target.name}, a number (mean ${Number(target.mean.toPrecision(6))}, deviation ${Number(target.deviation.toPrecision(4))})`
  const classes = target.classes.map(String)
  const shown = `${classes.slice(0, 12).join(', ')}${classes.length > 12 ? ', …' : ''}`
  return `${target.name}, one of ${classes.length} classes: ${shown}`
}

/** Why a training ended, in words. */
export const stopLabels: Readonly<Record<string, string | undefined>> = {
  epochs: 'all that were asked for',
  earlyStopping: 'stopped early, the validation loss no longer fell',
  maxTime: 'the time was up',
  aborted: 'interrupted',
}
