/** What `train` shows: the data before, the result after. Returns lines; writes nothing. */

import { basename } from 'node:path'
import { plural } from '../model/design.ts'
import { alignColumns } from '../model/align.ts'
import { decisionLines } from '../model/describe-decision.ts'
import { scoreTable } from '../model/describe.ts'
import type { TrainingEstimate } from '../model/estimate.ts'
import { formatBytes } from '../memory-limit.ts'
import type { ColumnReport, TrainingPlan, TrainReport } from '../model/report.ts'

const INDENT = '  '
/** Files with more columns show the first of them only. */
const MOST_COLUMNS = 20
const SHOWN_COLUMNS = 10
const MOST_CLASSES = 12

/** Data, parts, network and backend, before training starts. */
export function planScreen(plan: TrainingPlan): string[] {
  const { source, rows, columns, network, preset, backend, isa, maxEpochs, batchSize } = plan
  const name = source === undefined ? 'rows' : basename(source)
  const facts = [
    ...(plan.from === undefined ? [] : [['goes on from', plan.from]]),
    ['task', `${plan.task} of ${plan.target} (${plan.taskReason})`],
    ...(plan.classes === undefined ? [] : [['classes', classLine(plan.classes)]]),
    ['rows', partLine(plan)],
    ...(plan.outOfCore === undefined ? [] : [['out of core', outOfCoreLine(plan)]]),
    ['network', network],
    [
      'training',
      `preset ${preset ?? 'plain'}, up to ${plural(maxEpochs, 'epoch')}, ${plural(batchSize, 'row')} a step`,
    ],
    [
      'runs on',
      backend === 'native' ? `native core, ${isa}` : 'TypeScript fallback (slower; see hadamard doctor)',
    ],
  ]
  return [
    `${name}: ${plural(rows, 'row')}, ${plural(columns.length, 'column')}`,
    '',
    ...columnTable(columns).map((line) => INDENT + line),
    '',
    ...alignColumns(facts, [0, 1]).map((line) => INDENT + line),
    '',
  ]
}

/** What a training would take. */
export function estimateScreen(estimate: TrainingEstimate): string[] {
  const { plan, availableBytes, secondsBefore, secondsPerEpoch, secondsAtMost } = estimate
  const { parameters, dataBytes, arenaBytes } = plan.footprint ?? {
    parameters: 0,
    dataBytes: 0,
    arenaBytes: 0,
  }
  const facts = [
    ['parameters', parameters.toLocaleString('en')],
    ['encoded data', formatBytes(dataBytes)],
    ['weights and training', formatBytes(arenaBytes)],
    ['memory available', formatBytes(availableBytes)],
    ['until training starts', formatSeconds(secondsBefore)],
    ['an epoch', formatSeconds(secondsPerEpoch)],
    ['all epochs', `${formatSeconds(secondsAtMost)} at most; early stopping mostly ends sooner`],
  ]
  return [...alignColumns(facts, [0, 1]).map((line) => INDENT + line), '', 'A dry run: no model is saved.']
}

function outOfCoreLine({ outOfCore, split }: TrainingPlan): string {
  const { shuffleWindow = 0, blockRows = 0, scored } = outOfCore ?? {}
  const isSampled = (scored?.train ?? 0) < split.train
  const mixed = `windows of ${shuffleWindow.toLocaleString('en')} rows from blocks of ${blockRows.toLocaleString('en')}`
  return `${mixed}${isSampled ? '; scores of samples of the rows' : ''}`
}

/** Course and scores, after training. */
export function resultScreen(report: TrainReport): string[] {
  const sets = [
    ['train', report.train],
    ['validation', report.validation],
    ['test', report.test],
  ] as const
  const lines = [...scoreTable(report, sets), '', ...decisionLines(report)]
  return [courseLine(report), '', ...lines.map((line) => (line === '' ? '' : INDENT + line))]
}

function courseLine({ epochs, seconds, threads, stopped, bestEpoch, maxEpochs }: TrainReport): string {
  const ends: Record<TrainReport['stopped'], string> = {
    epochs: '',
    earlyStopping: `, stopped early (of ${maxEpochs})`,
    maxTime: ', time was up',
    aborted: ', interrupted',
    tolerance: ', nothing more to gain',
  }
  const kept =
    bestEpoch === undefined || bestEpoch === 0 ? '' : `; the weights of epoch ${bestEpoch} are kept`
  return `Trained ${plural(epochs, 'epoch')} in ${formatSeconds(seconds)} on ${plural(threads, 'thread')}${ends[stopped]}${kept}.`
}

/** `0.31 s`, `4.2 s`, `3 min 5 s` */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(2)} s`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

function columnTable(columns: readonly ColumnReport[]): string[] {
  const shown =
    columns.length <= MOST_COLUMNS
      ? columns
      : columns.filter(({ role }, i) => role === 'target' || i < SHOWN_COLUMNS)
  const lines = alignColumns(
    [
      ['column', 'type', 'missing', ''],
      ...shown.map((column) => [
        column.name,
        typeOf(column),
        column.missing === 0 ? '-' : column.missing.toLocaleString('en'),
        role(column),
      ]),
    ],
    [0, 1, 3],
  )
  const rest = columns.filter((column) => !shown.includes(column))
  return rest.length === 0 ? lines : [...lines, restLine(rest)]
}

function restLine(rest: readonly ColumnReport[]): string {
  const numbers = rest.filter(({ type }) => type === 'numeric').length
  const texts = rest.length - numbers
  const kinds =
    texts === 0
      ? 'all numbers'
      : numbers === 0
        ? 'all texts'
        : `${plural(numbers, 'number')}, ${plural(texts, 'text')}`
  const missing = rest.reduce((sum, column) => sum + column.missing, 0)
  const gaps = missing === 0 ? '' : `; ${plural(missing, 'missing value')}`
  return `… and ${rest.length.toLocaleString('en')} more (${kinds}${gaps})`
}

function typeOf({ type, categories = 0 }: ColumnReport): string {
  if (type === 'numeric') return 'number'
  return type === 'categorical' ? `text, ${categories.toLocaleString('en')} different` : type
}

function role(column: ColumnReport): string {
  if (column.role === 'input') return ''
  return column.reason === undefined ? column.role : `left out: ${column.reason}`
}

function classLine(classes: NonNullable<TrainingPlan['classes']>): string {
  const shown = classes
    .slice(0, MOST_CLASSES)
    .map(({ label, rows }) => `${String(label)} ${rows.toLocaleString('en')}`)
  return shown.join(', ') + (classes.length > MOST_CLASSES ? `, … (${classes.length} in all)` : '')
}

function partLine({ split, droppedRows, target }: TrainingPlan): string {
  const parts = [
    `${split.train.toLocaleString('en')} train`,
    ...(split.validation > 0 ? [`${split.validation.toLocaleString('en')} validation`] : []),
    ...(split.calibration === undefined ? [] : [`${split.calibration.toLocaleString('en')} calibration`]),
    ...(split.test > 0 ? [`${split.test.toLocaleString('en')} test`] : []),
  ]
  const dropped = droppedRows === 0 ? '' : `; ${plural(droppedRows, 'row')} without ${target} left out`
  return `${parts.join(', ')} (${split.rule})${dropped}`
}
