/** Two models side by side: whether they are the same to the bit, and where not, how their scores and answers differ. */

import { column as columnOf, nameList, valueAt, type Value } from '../data/table.ts'
import type { ClassLabel } from '../data/target.ts'
import { DataError } from '../errors.ts'
import type { Parameter } from '../parameters.ts'
import type { ModelEvaluation, Prediction, PredictionCsvOptions } from '../model.ts'
import { openComparedRows, readForBoth, type ComparedRows, type RowPlace } from './compared-rows.ts'
import type { AnyModel } from './going-on.ts'
import type { TrainSource } from './read-source.ts'

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
export interface PredictionDistance extends RowPlace {
  mean: number
  /** In the row whose place this is: the first in which they are farthest apart. */
  largest: number
}

/** A row that two models take for different classes, with its place. */
export interface ChangedRow extends RowPlace {
  /** What it is; null where the data do not say. */
  target: Value
  predictions: [ClassLabel, ClassLabel]
}

/**
 * Compares two models of the same target.
 *
 * @param source data that `train` takes, with the columns of both models; the target is needed for scores alone
 * @throws DataError if the models predict different things, or the data do not fit them
 * @example
 * const { differences, changed } = await compareModels(old, better, 'penguins.csv')
 */
export async function compareModels(
  first: AnyModel,
  second: AnyModel,
  source: TrainSource,
  options: PredictionCsvOptions = {},
): Promise<ModelComparison> {
  checkComparable(first, second)
  const rows = await openComparedRows(source, options)
  try {
    return await compareOn([first, second], rows)
  } finally {
    await rows.close()
  }
}

async function compareOn(
  models: readonly [AnyModel, AnyModel],
  rows: ComparedRows,
): Promise<ModelComparison> {
  const { tables, hasTarget } = await readForBoth(models, rows)
  const [a, b] = models.map((model, i): Prediction[] => model.predictTable(tables[i]).predictions)
  const [first, second] = models
  const isClass = first.encoder.task === 'classification'
  const target = hasTarget && isClass ? columnOf(tables[0], first.report.target) : undefined
  const targetOf = (row: number): Value => (target === undefined ? null : valueAt(target, row))
  const [one, two] = hasTarget
    ? await Promise.all(models.map((model, i) => model.evaluateTable(tables[i])))
    : []
  return {
    differences: differingParts(first, second),
    rows: tables[0].rows,
    hasSameAnswers: JSON.stringify(a) === JSON.stringify(b),
    ...(hasTarget ? { scores: [one, two] } : {}),
    changed: isClass ? await changedRows(a, b, targetOf, rows) : [],
    ...(isClass ? {} : await distancesOf(first, a, b, rows)),
  }
}

async function changedRows(
  a: readonly Prediction[],
  b: readonly Prediction[],
  targetOf: (row: number) => Value,
  rows: ComparedRows,
): Promise<ChangedRow[]> {
  const changed = a.flatMap(({ prediction }, row) => {
    const other = b[row].prediction
    if (typeof prediction === 'object' || typeof other === 'object' || prediction === other) return []
    return [{ row, target: targetOf(row), predictions: [prediction, other] as [ClassLabel, ClassLabel] }]
  })
  const places = await rows.placesOf(changed.map(({ row }) => row))
  return changed.map((found, i) => ({ ...places[i], ...found }))
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

async function distancesOf(
  { encoder: { targets } }: AnyModel,
  a: readonly Prediction[],
  b: readonly Prediction[],
  rows: ComparedRows,
): Promise<Pick<ModelComparison, 'distance' | 'distances'>> {
  const found = targets.map(({ name }) => {
    const of = ({ prediction }: Prediction): number =>
      Number(typeof prediction === 'object' ? prediction[name] : prediction)
    return distanceOf(a.map(of), b.map(of))
  })
  const places = await rows.placesOf(found.map(({ row }) => row))
  const distances = found.map((distance, j) => ({ ...distance, ...places[j] }))
  if (targets.length === 1) return { distance: distances[0] }
  return { distances: distances.map((distance, j) => ({ target: targets[j].name, ...distance })) }
}

function distanceOf(a: readonly number[], b: readonly number[]): PredictionDistance {
  const distances = a.map((prediction, row) => Math.abs(b[row] - prediction))
  const largest = distances.reduce((most, distance) => Math.max(most, distance), 0)
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / Math.max(1, distances.length)
  return { mean, largest, row: Math.max(0, distances.indexOf(largest)) }
}
