/** What a training is about to do, as its report begins. */

import { dateForm } from '../data/dates.ts'
import type { Encoder } from '../data/encoder.ts'
import { rowNumbers } from '../data/split.ts'
import { column as columnOf, type Table } from '../data/table.ts'
import { inferTasks, labelledRows } from '../data/target.ts'
import type { Network } from '../network.ts'
import type { Paced } from '../paced.ts'
import { describeNetwork, plural } from './design.ts'
import { withRowsBefore } from './going-on.ts'
import { timeColumn, type TrainSettings } from './options.ts'
import type { Parts } from './parts.ts'
import { preflight } from './preflight.ts'
import type { Course } from './recipe.ts'
import type { ColumnReport, TrainingPlan } from './report.ts'
import { describeClasses, describeColumns, droppedSentences, type DroppedColumn } from './survey.ts'

/** The beginning of a report: rows, columns, classes, split, network, and what to beware of. */
export function* planOf(
  table: Table,
  encoder: Encoder,
  parts: Parts,
  network: Network,
  settings: TrainSettings,
  course: Course,
  dropped: readonly DroppedColumn[],
): Paced<TrainingPlan> {
  const { targets, weight, preset, missing = [] } = settings
  const types = Object.fromEntries(encoder.data.inputs.map(({ name, type }) => [name, type]))
  const columns = describeColumns(table, targets, asideColumns(settings), rolesOf(settings), dropped, types)
  yield
  const { origin } = settings
  const targetColumns = targets.map((name) => columnOf(table, name))
  const taskReason = origin?.model.report.taskReason ?? inferTasks(targetColumns, settings.task).reason
  yield
  const counted = yield* describeClasses(table, encoder, parts.train)
  yield
  const classes = origin === undefined ? counted : withRowsBefore(counted, origin)
  const droppedRows = table.rows - labelledRows(targetColumns, rowNumbers(table.rows)).length
  yield
  const described = describeNetwork(network.spec)
  yield
  return {
    ...(origin === undefined ? {} : { from: origin.name }),
    ...(table.source === undefined ? {} : { source: table.source }),
    rows: table.rows,
    columns,
    target: targets.join(', '),
    ...(targets.length === 1 ? {} : { targets: [...targets] }),
    task: encoder.task,
    taskReason,
    ...(classes === undefined ? {} : { classes }),
    droppedRows,
    split: {
      rule: parts.rule,
      train: parts.train.length,
      validation: parts.validation.length,
      test: parts.test.length,
      ...(settings.coverage === undefined ? {} : { calibration: parts.calibration.length }),
    },
    ...(weight === undefined ? {} : { weight }),
    network: described,
    preset,
    maxEpochs: course.epochs,
    // An optimizer that takes all rows at once has one batch.
    batchSize: course.batchSize ?? parts.train.length,
    backend: network.backend.name,
    isa: network.backend.isa,
    missingTexts: [...missing],
    warnings: [
      ...(table.leftOut === undefined ? [] : [`${plural(table.leftOut, 'wrong record')} left out.`]),
      ...droppedSentences(dropped),
      ...(yield* preflight(
        table,
        encoder,
        parts.train,
        parts.validation.length,
        classes,
        settings.types,
        dropped,
      )),
      ...dateWarnings(encoder, table),
      ...parts.warnings,
      ...weightWarnings(settings),
    ],
  }
}

function weightWarnings({ classWeight }: TrainSettings): string[] {
  const text =
    'Class weights distort the probabilities: they no longer agree with the frequencies in the data. To decide by costs, ' +
    'leave the weights out and set a threshold.'
  return classWeight === undefined ? [] : [text]
}

// A wrong guess would go unnoticed: it has a day for every date, only often another one.
function dateWarnings(encoder: Encoder, table: Table): string[] {
  return encoder.data.inputs.flatMap((input) => {
    const column = columnOf(table, input.name)
    if (input.type !== 'date' || column.type !== 'categorical') return []
    if (dateForm(column.categories)?.isAmbiguous !== true) return []
    const order = input.order === 'mdy' ? 'month before day' : 'day before month'
    return [
      `Column '${input.name}' could be read either way: taken as ${order}. Write dates as 2024-12-31 to be sure.`,
    ]
  })
}

/** Columns that are no inputs: left out on request, or with a part of their own. */
export function asideColumns(settings: TrainSettings): string[] {
  const { ignore, types = {} } = settings
  const ignored = Object.keys(types).filter((name) => types[name] === 'ignored')
  return [...new Set([...ignore, ...ignored, ...Object.values(rolesOf(settings))])]
}

function rolesOf({ weight, group, splitBy }: TrainSettings): Partial<Record<ColumnReport['role'], string>> {
  const roles = { weight, group, time: splitBy === undefined ? undefined : timeColumn(splitBy) }
  return Object.fromEntries(Object.entries(roles).filter(([, name]) => name !== undefined))
}
