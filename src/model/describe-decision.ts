/** How a model decides and how far its answers can be relied on, in words: confusion matrix, threshold, calibration, intervals. */

import { alignColumns } from './align.ts'
import { plural } from './design.ts'
import type { Scores, TrainReport } from './report.ts'

/** More classes do not fit on a screen. */
const MOST_CLASSES = 12

type Decided = Pick<TrainReport, 'task' | 'weight' | 'decision' | 'test' | 'validation' | 'train'>

/** Lines on decisions and reliability, each part followed by an empty one; none for models of older versions. */
export function decisionLines(report: Decided): string[] {
  const [name, scores] = lastScores(report)
  const facts = [...decisionFacts(report), ...reliabilityFacts(name, scores)]
  return [
    ...confusionLines(name, scores, report.weight),
    ...(facts.length === 0 ? [] : [...alignColumns(facts, [0, 1]), '']),
  ]
}

/** The confusion matrix as a table with a title, where scores have one that fits a screen. */
export function confusionLines(name: string, { confusion }: Scores, weight?: string): string[] {
  if (confusion === undefined || confusion.labels.length > MOST_CLASSES) return []
  const labels = confusion.labels.map(String)
  const rows = confusion.counts.map((counts, i) => [
    labels[i],
    ...counts.map((count) => Number(count.toPrecision(6)).toLocaleString('en')),
  ])
  const unit = weight === undefined ? '' : `, in sums of ${weight}`
  return [
    `confusion matrix of the ${name} rows (down: what they are, across: what they are taken for${unit})`,
    ...alignColumns([['', ...labels], ...rows], [0]),
    '',
  ]
}

function decisionFacts({ decision, task }: Decided): string[][] {
  const { positive, threshold, tunedFor, calibration, conformal, intervals } = decision ?? {}
  const facts: string[][] = []
  if (positive !== undefined && threshold !== undefined) {
    const why = tunedFor === undefined ? 'as given' : `tuned on the validation rows for ${tunedFor}`
    facts.push(['threshold', `${String(positive)} from a probability of ${short(threshold)} on (${why})`])
  }
  if (calibration !== undefined) {
    const { temperature, rows, before, after } = calibration
    facts.push([
      'calibration',
      `temperature ${short(temperature)}: on ${plural(rows, 'validation row')} log loss ${short(before.logLoss)} → ` +
        `${short(after.logLoss)}, calibration error ${short(before.calibrationError)} → ${short(after.calibrationError)}`,
    ])
  }
  if (conformal !== undefined) {
    const { coverage, quantile, rows } = conformal
    const what =
      task === 'regression'
        ? `intervals of ± ${short(quantile)}`
        : `sets of the classes with a probability of at least ${short(1 - quantile)}`
    facts.push([
      'coverage',
      `${what} for ${percent(coverage)} of new rows, from ${plural(rows, 'row')} kept aside`,
    ])
  }
  if (intervals !== undefined) {
    const [{ coverage, rows }] = intervals
    const widths = intervals.map(({ target, quantile }) => `${target} ± ${short(quantile)}`)
    facts.push([
      'coverage',
      `intervals for ${percent(coverage)} of new rows each, from ${plural(rows, 'row')} kept aside: ${widths.join(', ')}`,
    ])
  }
  return facts
}

function reliabilityFacts(name: string, scores: Scores): string[][] {
  const { brier, calibrationError, coverage, width, targets = [] } = scores
  const facts: string[][] = []
  if (brier !== undefined && calibrationError !== undefined) {
    facts.push([
      'reliability',
      `Brier score ${short(brier)}, calibration error ${short(calibrationError)} on the ${name} rows`,
    ])
  }
  if (coverage !== undefined && width !== undefined)
    facts.push(['covered', `${percent(coverage)} of the ${name} rows, mean width ${short(width)}`])
  if (coverage !== undefined && targets.length > 0) {
    const shares = targets.map((of) => `${of.target} ${percent(of.coverage ?? NaN)}`)
    facts.push(['covered', `of the ${name} rows: ${shares.join(', ')}`])
  }
  return facts
}

function lastScores({ test, validation, train }: Decided): [string, Scores] {
  if (test !== undefined) return ['test', test]
  return validation === undefined ? ['training', train] : ['validation', validation]
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`
}
