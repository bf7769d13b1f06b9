/** Explanations in words, for the screen. */

import type { Value } from '../data/table.ts'
import { alignColumns } from './align.ts'
import type { RowAttribution } from './attribution.ts'
import type { PartialDependence } from './dependence.ts'
import { formatScore, scoreLabels } from './describe.ts'
import { plural } from './design.ts'
import type { Explanation } from './explain.ts'
import type { BaselineScores, TrainReport } from './report.ts'

type Titled = Pick<TrainReport, 'target' | 'targets' | 'decision'>

/** More classes do not fit on a screen. */
const MOST_CLASSES = 8

/** The parts of an explanation as tables, an empty line between them. */
export function explanationLines(explanation: Explanation, report: Titled): string[] {
  const titled = { ...report, target: explanation.target ?? report.target }
  const parts = [
    importanceLines(explanation),
    ...explanation.dependence.map((dependence) => dependenceLines(dependence, titled)),
    ...explanation.attributions.map((attribution) => attributionLines(attribution, titled)),
  ]
  return parts.filter((lines) => lines.length > 0).flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]))
}

function importanceLines({ rows, metric, target, score, importance }: Explanation): string[] {
  if (metric === undefined) return []
  const name = metric as keyof BaselineScores
  const label = `${scoreLabels[name] ?? metric}${target === undefined ? '' : ` of ${target}`}`
  const cells = importance.map(({ column, mean, interval: [low, high] }) => [
    column,
    short(mean),
    `${short(low)} to ${short(high)}`,
  ])
  return [
    `importance: how much worse ${label} (${formatScore(name, score)} on ${plural(rows, 'row')}) gets where a column is shuffled`,
    ...alignColumns([['', 'mean', '95 % interval'], ...cells], [0]),
  ]
}

function dependenceLines(
  { column, points }: PartialDependence,
  { target, targets, decision }: Titled,
): string[] {
  const first = points[0]?.prediction
  const labels = typeof first === 'object' ? Object.keys(first) : []
  const positive = decision?.positive
  const shown =
    labels.length === 2 && positive !== undefined ? [String(positive)] : labels.slice(0, MOST_CLASSES)
  const isOfClasses = labels.length > 0 && targets === undefined
  const header =
    labels.length === 0 ? [target] : isOfClasses ? shown.map((label) => `${target} ${label}`) : shown
  const cells = points.map(({ value, rows, prediction }) => [
    showValue(value),
    ...(typeof prediction === 'number' ? [prediction] : shown.map((label) => prediction[label])).map(short),
    rows.toLocaleString('en'),
  ])
  const what = isOfClasses ? 'probability' : 'prediction'
  return [
    `${column}: mean ${what} where every row has this value`,
    ...alignColumns([['', ...header, 'rows with it'], ...cells], [0]),
  ]
}

function attributionLines(
  { row, label, target: own, output, baseline, columns, gap }: RowAttribution,
  { target }: Titled,
): string[] {
  const what = label === undefined ? (own ?? target) : `probability of ${target} ${String(label)}`
  const sorted = [...columns].sort(
    (a, b) => Math.abs(b.integratedGradients) - Math.abs(a.integratedGradients),
  )
  const cells = sorted.map(({ column, value, integratedGradients, gradientTimesInput }) => [
    column,
    value === null ? '-' : showValue(value),
    signed(integratedGradients),
    signed(gradientTimesInput),
  ])
  const total = columns.reduce((sum, { integratedGradients }) => sum + integratedGradients, 0)
  const rest = Math.abs(gap) > 1e-3 * Math.abs(output - baseline) ? ` (${signed(gap)} left over)` : ''
  return [
    `row ${row}: ${what} ${short(output)}, at the baseline ${short(baseline)}${rest}`,
    ...alignColumns(
      [['', 'value', 'integrated gradients', 'gradient × input'], ...cells, ['sum', '', signed(total), '']],
      [0],
    ),
  ]
}

function showValue(value: Exclude<Value, null>): string {
  return typeof value === 'number' ? short(value) : String(value)
}

function short(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  if (size !== 0 && (size < 5e-5 || size >= 1e6)) return value.toExponential(1)
  return size < 1 && size > 0 ? value.toFixed(4) : String(Number(value.toPrecision(4)))
}

function signed(value: number): string {
  return value > 0 ? `+${short(value)}` : short(value)
}
