/** Training that goes on from a model: its encoder, its network and what was decided with it, on further data. */

import { describeValue } from '../check.ts'
import { Encoder } from '../data/encoder.ts'
import { isIndexed, type Input, type Scaling } from '../data/input.ts'
import { column as columnOf, nameList, valueAt, type Table } from '../data/table.ts'
import { DataError, SpecError } from '../errors.ts'
import { loadModel, Model, type Prediction } from '../model.ts'
import { Network } from '../network.ts'
import type { Parameter } from '../parameters.ts'
import { plural } from './design.ts'
import { targetNames } from './normalize-options.ts'
import type { TrainOptions, TrainSettings } from './options.ts'
import { ofOption } from './read-source.ts'
import type { ClassReport } from './report.ts'
import type { DroppedColumn } from './survey.ts'

/** A model of any rows and answers. */
export type AnyModel = Model<never, Prediction> | Model<Record<string, unknown>, Prediction> | Model<object>

/** What training goes on from. */
export interface Origin {
  readonly model: AnyModel
  /** The path it was read from. */
  readonly name: string
}

/** Options of `train` that a model has answered already. */
const ANSWERED = ['preset', 'task', 'types', 'scale', 'hidden', 'activation', 'dropout', 'loss'] as const

/**
 * Loads what training is to go on from, and fills in what was decided with it.
 *
 * @param isFile whether the data are read from a CSV, in which texts may stand for missing values
 * @throws SpecError for options that the model has answered; DataError if there is no model
 */
export async function originOf(
  options: Partial<TrainOptions>,
  isFile: boolean,
): Promise<{ origin: Origin; options: TrainOptions }> {
  const { from } = options
  const isPath = typeof from === 'string'
  if (!isPath && !(from instanceof Model)) {
    const expected = 'the path of a model file, or a model'
    throw new SpecError({ where: 'from', expected, received: describeValue(from) })
  }
  const answered = ANSWERED.find((name) => options[name] !== undefined)
  if (answered !== undefined) {
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: answered,
      expected: 'nothing, as training goes on from a model that has it',
      received: describeValue(options[answered]),
      cure: 'Leave it out, or train a new model',
    })
  }
  const model: AnyModel = isPath
    ? await ofOption('from', loadModel(from, { backend: options.backend }))
    : from
  const { report, encoder, network } = model
  const target = encoder.targets.map(({ name }) => name)
  if (options.target !== undefined && !isSame(targetNames(options.target), target)) {
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: 'target',
      expected: `'${target.join(',')}', as in the model that training goes on from`,
      received: `'${targetNames(options.target).join(',')}'`,
    })
  }
  const { decision = {} } = report
  const { positive, threshold, tunedFor, conformal, intervals } = decision
  const decided = {
    // Its rates are those for weights that have learnt already.
    preset: 'plain' as const,
    seed: network.spec.seed,
    l2: network.spec.l2,
    missing: isFile ? report.missingTexts : undefined,
    weight: report.weight,
    positive,
    threshold: options.validation === 0 ? threshold : ((tunedFor as TrainOptions['threshold']) ?? threshold),
    coverage: (conformal ?? intervals?.[0])?.coverage,
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return {
    origin: { model, name: isPath ? from : 'a model in memory' },
    options: { ...decided, ...Object.fromEntries(given), target },
  }
}

/**
 * Reads data with the types that the model's columns have.
 *
 * @param read as types say, or as it finds them
 * @throws DataError that names all columns that are missing
 */
export async function readLike(
  { model: { encoder } }: Origin,
  read: (types?: TrainOptions['types']) => Promise<Table>,
): Promise<Table> {
  const types = encoder.columnTypes({ hasTarget: true })
  try {
    return await read(types)
  } catch (error) {
    if (!(error instanceof DataError) || error.column === undefined) throw error
    const { columns, source = 'rows' } = await read()
    const names = columns.map(({ name }) => name)
    const missing = Object.keys(types).filter((name) => !names.includes(name))
    if (missing.length === 0) throw error
    throw new DataError(
      {
        code: 'HADAMARD_COLUMN_MISSING',
        where: source,
        expected: `the columns of the model that training goes on from, also ${nameList(missing)}`,
        received: nameList(names),
      },
      { column: missing[0], cause: error },
    )
  }
}

/** Columns that the model has never seen, nor been told to leave out. */
export function foreignColumns(
  { model: { encoder } }: Origin,
  table: Table,
  aside: readonly string[],
): DroppedColumn[] {
  const { inputs, ignored } = encoder.data
  const known = new Set([...[...inputs, ...encoder.targets].map(({ name }) => name), ...ignored, ...aside])
  return table.columns
    .filter(({ name }) => !known.has(name))
    .map(({ name }) => ({ name, reason: 'that the model does not know' }))
}

/**
 * The model's encoder, or one for the same columns that is learnt from the new training rows; the target stays as it was.
 *
 * @throws DataError naming classes that the model does not have
 */
export function goingOnEncoder(
  { model: { encoder } }: Origin,
  table: Table,
  rows: Uint32Array,
  { refitEncoder = false }: Pick<TrainSettings, 'refitEncoder'>,
): Encoder {
  checkClasses(encoder, table)
  if (!refitEncoder) return encoder
  const { inputs, target, furtherTargets, taskReason } = encoder.data
  const embedded = inputs.find(isIndexed)
  if (embedded !== undefined) {
    throw new SpecError({
      where: 'refitEncoder',
      expected: 'a model without embedded columns, whose categories keep their numbers',
      received: `one with the column '${embedded.name}'`,
      cure: 'Leave it out, or train a new model',
    })
  }
  const types = Object.fromEntries(inputs.map(({ name, type }) => [name, type]))
  const others = table.columns.map(({ name }) => name).filter((name) => !Object.hasOwn(types, name))
  const targets = encoder.targets.map(({ name }) => name)
  const ignore = others.filter((name) => !targets.includes(name))
  const { task } = target
  const fitted = Encoder.fit(table, rows, {
    target: targets,
    task,
    types,
    scale: scalingOf(inputs),
    ignore,
  })
  return Encoder.fromJSON({ ...fitted.toJSON(), target, furtherTargets, taskReason })
}

function scalingOf(inputs: readonly Input[]): Scaling {
  const has = (part: 'clip' | 'quantiles'): boolean => inputs.some((input) => part in input)
  return has('clip') ? 'clipped' : has('quantiles') ? 'quantile' : 'standard'
}

/**
 * The model's network with its weights, a copy. Inputs that a refitted encoder has anew begin with fresh weights; the others keep
 * theirs by name.
 *
 * @returns the network, and sentences on what could not be taken along
 */
export function goingOnNetwork(
  { model }: Origin,
  encoder: Encoder,
  { l2, seed, backend, optimizer, keepOptimizer = false }: TrainSettings,
): { network: Network; warnings: string[] } {
  const { network: old } = model
  const { name } = old.backend
  const network = new Network({
    ...old.spec,
    dtype: 'float32',
    inputs: encoder.width,
    l2,
    seed,
    backend: backend ?? name,
  })
  const names = [model.encoder.inputNames, encoder.inputNames] as const
  network.setParameters(carryArrays(old.parameters, network.parameters, names))
  network.setState(carryArrays(old.state, network.state, names))
  const { optimizerState: state } = old
  if (state === undefined) return { network, warnings: [] }
  const isFit = keepOptimizer && state.optimizer === optimizer && isSame(...names)
  if (isFit) network.setOptimizerState(state)
  const why = keepOptimizer
    ? isSame(...names)
      ? `the optimizer is ${optimizer} now`
      : 'the inputs are others now'
    : 'keepOptimizer goes on with it'
  return {
    network,
    warnings: isFit ? [] : [`The model’s state of ${state.optimizer} is left aside: ${why}.`],
  }
}

/** The classes of new data, with the rows that the model has been trained on before. */
export function withRowsBefore(
  classes: ClassReport[] | undefined,
  { model }: Origin,
): ClassReport[] | undefined {
  return classes?.map((entry, i) => ({
    ...entry,
    trainRows: entry.trainRows + (model.report.classes?.[i].trainRows ?? 0),
  }))
}

// Arrays whose first dimension is the inputs are taken row by row.
function carryArrays(
  old: Readonly<Record<string, Parameter>>,
  fresh: Readonly<Record<string, Parameter>>,
  [before, now]: readonly [readonly string[], readonly string[]],
): Record<string, Parameter> {
  const placeOf = new Map(before.map((name, i) => [name, i]))
  const carried = Object.entries(fresh).map(([name, array]): [string, Parameter] => {
    const { shape, data } = old[name]
    const isByInput = shape[0] === before.length && array.shape[0] === now.length
    if (!isByInput || isSame(before, now)) return [name, old[name]]
    const width = data.length / before.length
    const values = array.data.slice()
    now.forEach((input, i) => {
      const place = placeOf.get(input)
      if (place !== undefined) values.set(data.subarray(place * width, (place + 1) * width), i * width)
    })
    return [name, { shape: array.shape, data: values }]
  })
  return Object.fromEntries(carried)
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i])
}

function checkClasses(encoder: Encoder, table: Table): void {
  const target = encoder.encodeTarget(table)
  if (target.task === 'regression' || target.unseen === 0) return
  const column = columnOf(table, encoder.data.target.name)
  const counts = new Map<string, number>()
  target.rows.forEach((row, i) => {
    const label = String(valueAt(column, row))
    if (target.classes[i] < 0) counts.set(label, (counts.get(label) ?? 0) + 1)
  })
  const shown = [...counts].slice(0, 20).map(([label, rows]) => `'${label}' in ${plural(rows, 'row')}`)
  throw new DataError(
    {
      where: `${table.source ?? 'rows'}: column ${column.name}`,
      expected: `the classes of the model that training goes on from: ${nameList(encoder.classes.map(String))}`,
      received: `also ${shown.join(', ')}`,
      cure: 'Leave these rows out, or train a new model on all classes',
    },
    { column: column.name },
  )
}
