/** Two models side by side: whether they are the same to the bit, and where not, how their scores and answers differ. */

import { rowLines } from '../data/csv-lines.ts'
import {
  column as columnOf,
  type Column,
  nameList,
  tableFromRows,
  valueAt,
  type Table,
  type Value,
} from '../data/table.ts'
import type { ClassLabel } from '../data/target.ts'
import { DataError } from '../errors.ts'
import type { Parameter } from '../network.ts'
import type { ModelEvaluation, Prediction, PredictionCsvOptions } from '../model.ts'
import type { AnyModel } from './going-on.ts'

/** What tells two models apart on data. */
export interface ModelComparison {
  /** Parts that differ; none where the models are the same to the bit. */
  differences: ('encoder' | 'network' | 'weights' | 'decision')[]
  rows: number
  /** Whether all answers are the same to the bit, probabilities included. */
  hasSameAnswers: boolean
  /** Scores of both on the rows with a target; undefined where the data have no such column. */
  scores?: [ModelEvaluation, ModelEvaluation]
  /** Rows that are taken for another class. */
  changed: ChangedRow[]
  /** Where the models predict a number: how far apart they are. */
  distance?: PredictionDistance
  /** The same of each of several targets, in their order. */
  distances?: (PredictionDistance & { target: string })[]
}

/** How far apart the numbers are that two models predict, in the unit of the target. */
export interface PredictionDistance {
  mean: number
  largest: number
  /** The first row in which they are farthest apart, from 0. */
  row: number
  /** Its physical line in the file, where the rows come from one. */
  line?: number
}

/** A row that two models take for different classes. */
export interface ChangedRow {
  /** Row number from 0. */
  row: number
  /** Physical line of the file, where the rows come from one. */
  line?: number
  /** What it is; null where the data do not say. */
  target: Value
  predictions: [ClassLabel, ClassLabel]
}

/**
 * Compares two models of the same target.
 *
 * @param source path of a CSV file, or raw rows, with the columns of both models; the target is needed for scores alone
 * @throws DataError if the models predict different things, or the data do not fit them
 * @example
 * const { differences, changed } = await compareModels(old, better, 'penguins.csv')
 */
export async function compareModels(
  first: AnyModel,
  second: AnyModel,
  source: string | readonly object[],
  options: PredictionCsvOptions = {},
): Promise<ModelComparison> {
  checkComparable(first, second)
  const models = [first, second]
  const read = await Promise.all(models.map((model) => tableFor(model, source, options)))
  const [a, b] = models.map((model, i): Prediction[] => model.predictTable(read[i].table).predictions)
  const { table, hasTarget } = read[0]
  const isClass = first.encoder.task === 'classification'
  const lines = typeof source === 'string' ? await rowLines(source, options) : undefined
  const place = (row: number): { row: number; line?: number } =>
    lines === undefined ? { row } : { row, line: lines[row] }
  const target = hasTarget && isClass ? columnOf(table, first.report.target) : undefined
  const [one, two] = hasTarget
    ? await Promise.all(models.map((model) => model.evaluate(source as never, options)))
    : []
  return {
    differences: differingParts(first, second),
    rows: table.rows,
    hasSameAnswers: JSON.stringify(a) === JSON.stringify(b),
    ...(hasTarget ? { scores: [one, two] } : {}),
    changed: isClass ? changedRows(a, b, target, place) : [],
    ...(isClass ? {} : distancesOf(first, a, b, place)),
  }
}

type Place = (row: number) => { row: number; line?: number }

function changedRows(
  a: readonly Prediction[],
  b: readonly Prediction[],
  target: Column | undefined,
  place: Place,
): ChangedRow[] {
  return a.flatMap(({ prediction }, row) => {
    const other = b[row].prediction
    if (typeof prediction === 'object' || typeof other === 'object' || prediction === other) return []
    const value = target === undefined ? null : valueAt(target, row)
    return [{ ...place(row), target: value, predictions: [prediction, other] }]
  })
}

function checkComparable(first: AnyModel, second: AnyModel): void {
  const [a, b] = [first, second].map(({ encoder, report }) => {
    const { classes, task } = encoder
    const what = task === 'regression' ? 'a number' : `one of ${nameList(classes.map(String))}`
    return `${report.target}, ${what}`
  })
  if (a === b) return
  throw new DataError({
    code: 'HADAMARD_NOT_POSSIBLE',
    where: 'second model',
    expected: `one that predicts ${a}`,
    received: `one of ${b}`,
  })
}

// With the target where it is there.
async function tableFor(
  model: AnyModel,
  source: string | readonly object[],
  options: PredictionCsvOptions,
): Promise<{ table: Table; hasTarget: boolean }> {
  const targets = model.encoder.targets.map(({ name }) => name)
  if (typeof source !== 'string') {
    const table = tableFromRows(source)
    const names = table.columns.map(({ name }) => name)
    return { table, hasTarget: targets.every((target) => names.includes(target)) }
  }
  try {
    return { table: await model.readTable(source, { ...options, hasTarget: true }), hasTarget: true }
  } catch (error) {
    const isAbsent = error instanceof DataError && error.line === undefined
    if (!isAbsent || !targets.includes(error.column ?? '')) throw error
    return { table: await model.readTable(source, options), hasTarget: false }
  }
}

function differingParts(first: AnyModel, second: AnyModel): ModelComparison['differences'] {
  const [a, b] = [first, second].map(({ encoder, network, report }) => ({
    encoder: JSON.stringify(encoder),
    // What a seed decided has become the weights.
    network: JSON.stringify({ ...network.spec, seed: 0 }),
    weights: bitsOf(network.parameters) + bitsOf(network.state),
    decision: JSON.stringify(report.decision ?? {}),
  }))
  return (['encoder', 'network', 'weights', 'decision'] as const).filter((part) => a[part] !== b[part])
}

function bitsOf(arrays: Readonly<Record<string, Parameter>>): string {
  return Object.entries(arrays)
    .map(
      ([name, { data }]) =>
        `${name} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`,
    )
    .join('\n')
}

function distancesOf(
  { encoder: { targets } }: AnyModel,
  a: readonly Prediction[],
  b: readonly Prediction[],
  place: Place,
): Pick<ModelComparison, 'distance' | 'distances'> {
  const distances = targets.map(({ name }) => {
    const of = ({ prediction }: Prediction): number =>
      Number(typeof prediction === 'object' ? prediction[name] : prediction)
    return distanceOf(a.map(of), b.map(of), place)
  })
  if (targets.length === 1) return { distance: distances[0] }
  return { distances: distances.map((distance, j) => ({ target: targets[j].name, ...distance })) }
}

function distanceOf(a: readonly number[], b: readonly number[], place: Place): PredictionDistance {
  const distances = a.map((prediction, row) => Math.abs(b[row] - prediction))
  const largest = distances.reduce((most, distance) => Math.max(most, distance), 0)
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / Math.max(1, distances.length)
  return { mean, largest, ...place(Math.max(0, distances.indexOf(largest))) }
}
