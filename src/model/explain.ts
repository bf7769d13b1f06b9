/** Explanations of a model on data: checks what is asked for, and has each part computed where it is at home. */

import { checkInteger, checkOneOf, describeValue } from '../check.ts'
import { permutation } from '../data/split.ts'
import { nameList, selectRows, tableFromRows, unknownColumn, type Table } from '../data/table.ts'
import type { ClassLabel } from '../data/target.ts'
import { DataError, rejectUnknownKeys, SpecError } from '../errors.ts'
import { atOnce } from '../paced.ts'
import { randomStream } from '../random.ts'
import type { Answering } from './answering.ts'
import { attributeRows, type RowAttribution } from './attribution.ts'
import { partialDependence, type PartialDependence } from './dependence.ts'
import { columnImportance, type ColumnImportance } from './importance.ts'
import { metricNames, type ColumnOf, type MetricName } from './options.ts'
import type { TrainReport } from './report.ts'
import { scoreOf, scoreRows, type Scorer } from './score.ts'

/** What to explain, and how closely. */
export interface ExplanationOptions<Row extends object = Record<string, unknown>> {
  /** Columns that importance and partial dependence are of; default all, and the three most important. */
  columns?: readonly ColumnOf<Row>[]
  /** Shuffles of each column, an integer ≥ 2, default 10; 0 leaves importance out, and needs no target. */
  repeats?: number
  /** The score whose loss is the importance; default the one that leads the model's report. */
  metric?: MetricName
  /** Most values of a column that partial dependence looks at, an integer ≥ 2, default 10; 0 leaves it out. */
  points?: number
  /** Most rows that importance and partial dependence look at, an integer ≥ 2, default 2,000; of more as many are drawn. */
  sample?: number
  /** Numbers from 0 of the rows whose answers are shared out among the columns; default none. */
  rows?: readonly number[]
  /** What these rows are compared with: `zero` (default: numbers at their training mean, no category), `mean` of the data, or a row. */
  baseline?: 'zero' | 'mean' | Partial<Row>
  /** The class whose probability is shared out; default the positive one of two, else the predicted one. */
  label?: ClassLabel
  /** Of several targets the one to explain; default all, importance then being of the mean of their scores. */
  target?: ColumnOf<Row>
  /** Seed of shuffles and sample, default 0. */
  seed?: number
}

/** What a model relies on. */
export interface Explanation {
  /** Rows that importance and partial dependence looked at. */
  rows: number
  /** Undefined without importance. */
  metric?: TrainReport['metric']
  /** The one of several targets that was asked for. */
  target?: string
  /** The score of the rows as they are. */
  score?: number
  /** The most important column first. */
  importance: ColumnImportance[]
  dependence: PartialDependence[]
  attributions: RowAttribution[]
  /** Whether these are the data that the model was trained on, test rows included. */
  isTrainingData: boolean
}

/** What an explanation is of. */
export interface Explained extends Scorer, Answering {
  readonly metric: TrainReport['metric']
}

/** Names of all options of `explain`. */
export const explanationOptionNames = [
  'columns',
  'repeats',
  'metric',
  'points',
  'sample',
  'rows',
  'baseline',
  'label',
  'target',
  'seed',
] as const satisfies (keyof ExplanationOptions)[]
const MOST_DEPENDENCES = 3

/** Explanation options with everything filled in. */
type Settings = ExplanationOptions &
  Required<Pick<ExplanationOptions, 'repeats' | 'points' | 'sample' | 'rows' | 'baseline' | 'seed'>>

/**
 * Checks the options of an explanation and fills in defaults.
 *
 * @throws SpecError at the first option that is unknown, misspelled or out of range
 */
export function normalizeExplanation(options: ExplanationOptions): Settings {
  rejectUnknownKeys('explain', options, explanationOptionNames)
  const { columns, repeats = 10, metric, points = 10, sample = 2000, rows = [], seed = 0 } = options
  const { baseline = 'zero', label, target } = options
  checkNoneOrMore('repeats', repeats)
  checkNoneOrMore('points', points)
  checkInteger('sample', sample, { min: 2 })
  checkInteger('seed', seed, { min: 0 })
  if (metric !== undefined) checkOneOf('metric', metric, metricNames)
  if (columns !== undefined && (!Array.isArray(columns) || columns.length === 0)) {
    throw new SpecError({
      where: 'columns',
      expected: 'an array of column names',
      received: describeValue(columns),
    })
  }
  if (!Array.isArray(rows)) {
    throw new SpecError({ where: 'rows', expected: 'an array of row numbers', received: describeValue(rows) })
  }
  rows.forEach((row, i) => checkInteger(`rows[${i}]`, row, { min: 0 }))
  if (baseline !== 'zero' && baseline !== 'mean' && (typeof baseline !== 'object' || baseline === null)) {
    const expected = "'zero', 'mean', or a row"
    throw new SpecError({ where: 'baseline', expected, received: describeValue(baseline) })
  }
  return { columns, repeats, metric, points, sample, rows, seed, baseline, label, target }
}

/** What {@link Model.explain} does with a table, see there. */
export function explainTable(
  scored: Explained,
  table: Table,
  settings: Settings,
): Omit<Explanation, 'isTrainingData'> {
  const { repeats, points, rows, seed } = settings
  if (table.rows === 0) {
    throw new DataError({
      code: 'HADAMARD_NO_ROWS',
      where: table.source ?? 'explain',
      expected: 'rows to explain',
      received: '0 rows',
    })
  }
  const model = { ...scored, chosen: targetOf(scored, settings.target) }
  const columns = inputColumns(model, settings.columns)
  const label = classOf(model, settings.label)
  const outside = rows.find((row) => row >= table.rows)
  if (outside !== undefined) {
    const expected = `row numbers below ${table.rows}`
    throw new DataError({ code: 'HADAMARD_OPTION_VALUE', where: 'rows', expected, received: String(outside) })
  }
  const sampled = sampleRows(model, table, settings)
  const metric = settings.metric ?? model.metric
  const found =
    repeats === 0
      ? undefined
      : columnImportance(checkMetric(model, sampled, metric), sampled, columns, { metric, repeats, seed })
  const dependent =
    settings.columns !== undefined || found === undefined
      ? columns
      : found.importance.slice(0, MOST_DEPENDENCES).map(({ column }) => column)
  return {
    rows: sampled.rows,
    ...(settings.target === undefined ? {} : { target: settings.target }),
    ...(found === undefined ? {} : { metric, score: found.score }),
    importance: found?.importance ?? [],
    dependence: points === 0 ? [] : dependent.map((name) => partialDependence(model, sampled, name, points)),
    attributions:
      rows.length === 0
        ? []
        : attributeRows(model, table, rows, baselineOf(model, sampled, settings.baseline), label),
  }
}

function inputColumns({ encoder }: Explained, asked: readonly string[] | undefined): readonly string[] {
  const names = encoder.data.inputs.map(({ name }) => name)
  const unknown = asked?.find((name) => !names.includes(name))
  if (unknown !== undefined) throw unknownColumn('columns', unknown, names)
  return asked ?? names
}

function classOf({ encoder }: Explained, label: ClassLabel | undefined): ClassLabel | undefined {
  if (label === undefined) return undefined
  const found = encoder.classes.find((candidate) => String(candidate) === String(label))
  if (found !== undefined) return found
  const expected =
    encoder.task === 'regression'
      ? 'nothing, as the model predicts numbers'
      : `one of the classes ${nameList(encoder.classes.map(String))}`
  throw new SpecError({
    code: 'HADAMARD_CLASS_UNKNOWN',
    where: 'label',
    expected,
    received: describeValue(label),
  })
}

function targetOf({ encoder }: Explained, asked: string | undefined): number | undefined {
  if (asked === undefined) return undefined
  const names = encoder.targets.map(({ name }) => name)
  const found = names.indexOf(asked)
  if (found < 0) throw unknownColumn('target', asked, names)
  return names.length === 1 ? undefined : found
}

// Rows with a target, where importance needs one; drawn by the seed where there are more than wanted.
function sampleRows(model: Explained, table: Table, { repeats, sample, seed }: Settings): Table {
  const target = repeats === 0 ? undefined : model.encoder.encodeTarget(table)
  const usable = target?.rows ?? Uint32Array.from({ length: table.rows }, (_, row) => row)
  if (usable.length <= sample) return target?.missing === 0 ? table : selectRows(table, usable)
  const order = permutation(usable.length, randomStream(seed, 'explain.sample')).slice(0, sample).sort()
  return selectRows(
    table,
    order.map((at) => usable[at]),
  )
}

function checkMetric(model: Explained, table: Table, metric: TrainReport['metric']): Explained {
  const { scores } = atOnce(
    scoreRows(
      model,
      table,
      Uint32Array.from({ length: table.rows }, (_, row) => row),
    ),
  )
  if (scoreOf(scores, metric, model.chosen) !== undefined) return model
  const fitting = metricNames.filter((name) => scoreOf(scores, name, model.chosen) !== undefined)
  const expected = `${fitting.join(', ')} for ${model.encoder.task}`
  throw new SpecError({ code: 'HADAMARD_TASK', where: 'metric', expected, received: `'${metric}'` })
}

// Rows whose mean it is.
function baselineOf({ encoder }: Explained, table: Table, baseline: Settings['baseline']): Float64Array {
  if (baseline === 'zero') return new Float64Array(encoder.width)
  const rows = baseline === 'mean' ? table : tableFromRows([baseline], 'baseline')
  return encoder.encode(rows, undefined, 'float64').x
}

function checkNoneOrMore(where: string, value: unknown): void {
  if (value === 0) return
  if (Number.isSafeInteger(value) && (value as number) >= 2) return
  throw new SpecError({
    where,
    expected: 'an integer at least 2, or 0 for none',
    received: describeValue(value),
  })
}
