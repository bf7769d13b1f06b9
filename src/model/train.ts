/** train(): a CSV or raw rows in, a Model out. Reads, parts, encodes, fits and scores; each is done elsewhere. */

import { Encoder } from '../data/encoder.ts'
import { isOtherSource } from '../data/open-dataset.ts'
import { column as columnOf, type Table } from '../data/table.ts'
import { inferTasks, type Task } from '../data/target.ts'
import { DataError } from '../errors.ts'
import { positiveClass } from './decision.ts'
import { Model, type ClassPrediction, type Prediction } from '../model.ts'
import { foreignColumns, goingOnEncoder, goingOnNetwork, originOf, readLike } from './going-on.ts'
import { divergedOn, type Reopen } from './diverged.ts'
import { designNetwork, leadingMetric } from './design.ts'
import { finishTraining } from './finish.ts'
import { follow } from './follow.ts'
import { asideColumns, planOf } from './plan.ts'
import { fingerprintInTurns } from './fingerprint.ts'
import { checkFootprint, footprintOf } from './footprint.ts'
import { normalizeTrainOptions } from './normalize-options.ts'
import { type GoingOnOptions, type TrainOptions, type TrainSettings } from './options.ts'
import { partRows, type Parts } from './parts.ts'
import { isInput, readSource, reread, type TrainSource } from './read-source.ts'
import { courseOf, type Course } from './recipe.ts'
import { isTrainedByParts, largeSource, tableOf } from './large-source.ts'
import { trainLarge } from './train-large.ts'
import { classWeights, multiplyWeights, rowWeights } from './row-weights.ts'
import { checkTargets, isImbalanced, noInputs, uselessColumns, type DroppedColumn } from './survey.ts'
import { Network } from '../network.ts'
import { inTurns, type Paced } from '../paced.ts'
import { normalizeSpec } from '../spec.ts'
import type { Rows, Targets } from '../training/arrays.ts'
import type { History } from '../training/run.ts'

/**
 * Trains a model on a CSV file, on rows of another source, or on raw rows.
 *
 * The task follows from the target: text and booleans are classes, and so are at most 20 different integers with at least
 * 10 rows each; all else is regression. Several targets are numbers, which one network predicts together. A fifth of the rows is held out for the test and a tenth of the rest watches for
 * overfitting; the weights of the best epoch are kept. The same seed gives the same bits.
 *
 * @param source path of a CSV file or another input of {@link openDataset}, a dataset, or an array of objects
 * @throws SpecError for an unknown or misspelled option or one out of range; DataError for data that do not fit;
 *   DivergenceError if a loss or weight is no longer finite; BackendError if the backend asked for cannot serve
 * @example
 * const model = await train('penguins.csv', { target: 'species', seed: 1 })
 * model.report.test // { rows: 69, accuracy: …, logLoss: …, baseline: { accuracy: … }, loss: … }
 */
export function train(source: TrainSource, options: TrainOptions): Promise<Model<object>>
/**
 * With a type of rows: a misspelled column, in options and in rows, is a compile error. With `from` training goes on from a model,
 * whose target, columns and network are taken.
 */
export function train<Row extends object = Record<string, unknown>, P extends Prediction = ClassPrediction>(
  source: TrainSource<Row>,
  options: TrainOptions<Row> | (GoingOnOptions<Row> & Required<Pick<TrainOptions, 'from'>>),
): Promise<Model<Row, P>>
export async function train(
  source: TrainSource,
  options: TrainOptions | GoingOnOptions,
): Promise<Model<object>> {
  const isGoingOn = typeof options === 'object' && (options as GoingOnOptions | null)?.from !== undefined
  if (!isGoingOn) {
    const settings = normalizeTrainOptions(options as TrainOptions)
    const table = await tableOrModel(source, settings)
    if (table instanceof Model) return table
    return trainOnTable<object, ClassPrediction>(table, settings, (read) => reread(source, settings, read))
  }
  const found = await originOf(options, isInput(source) && !isOtherSource(source))
  const settings = normalizeTrainOptions(found.options, found.origin)
  const table = await readLike(found.origin, (types) => readSource(source, { ...settings, types }))
  return trainOnTable<object, ClassPrediction>(table, settings, (read) => reread(source, settings, read))
}

// The rows in memory, or what comes of training on them out of core.
async function tableOrModel(source: TrainSource, settings: TrainSettings): Promise<Table | Model<object>> {
  const large = await largeSource(source, settings)
  if (large === undefined) return readSource(source, settings)
  try {
    if (await isTrainedByParts(large, settings))
      return await trainLarge<object, ClassPrediction>(large, settings)
    return await (large.isCopy ? tableOf(large, settings) : readSource(source, settings))
  } finally {
    await large.close()
  }
}

/** Trains on a table that has been read, by options that have been checked. */
export async function trainOnTable<
  Row extends object = Record<string, unknown>,
  P extends Prediction = Prediction,
>(table: Table, settings: TrainSettings, reopen?: Reopen): Promise<Model<Row, P>> {
  checkTargets(table, settings)
  const { origin } = settings
  const task = origin?.model.encoder.task ?? taskOf(table, settings)
  const drawn = await partRows(table, task, settings)
  const dropped =
    origin === undefined
      ? await inTurns(droppedColumns(table, settings))
      : foreignColumns(origin, table, asideColumns(settings))
  const encoder =
    origin === undefined
      ? await inTurns(fitEncoder(table, drawn, settings, dropped))
      : goingOnEncoder(origin, table, drawn.train, settings)
  const parts = { ...drawn, validation: knownRows(encoder, table, drawn.validation) }
  checkTestRows(encoder, table, parts.test)
  const design = origin === undefined ? designNetwork(encoder, settings) : origin.model.network.spec
  const spec = normalizeSpec(origin === undefined ? design : { ...design, inputs: encoder.width })
  const course = courseOf(settings, encoder, spec, parts.train.length)
  const footprint = footprintOf(spec, {
    train: parts.train.length,
    validation: parts.validation.length,
    batchSize: course.batchSize ?? parts.train.length,
    optimizer: course.optimizer,
    isWeighted: settings.weight !== undefined || settings.classWeight !== undefined,
  })
  checkFootprint(footprint)
  const { network, warnings: leftAside } =
    origin === undefined
      ? {
          network: new Network({ ...design, backend: settings.backend }),
          warnings: [],
        }
      : goingOnNetwork(origin, encoder, settings)
  const planned = await inTurns(planOf(table, encoder, parts, network, settings, course, dropped))
  const plan = { ...planned, footprint }
  const metric = leadingMetric(encoder, settings.metric, isImbalanced(plan.classes))
  const positive = positiveClass(encoder, plan.classes, settings)
  const weights = fitWeights(encoder, table, parts, settings)
  settings.onStart?.(plan)
  const history = await fit(network, encoder, table, parts, settings, course, weights, reopen)
  const trained = {
    encoder,
    network,
    plan,
    metric,
    positive,
    history,
    warnings: leftAside,
    data: await inTurns(fingerprintInTurns(table)),
  }
  return finishTraining<Row, P>(trained, table, parts, settings)
}

/** The task of the targets in a table, as asked for or as their values suggest. */
export function taskOf(table: Table, { targets, task }: Pick<TrainSettings, 'targets' | 'task'>): Task {
  return inferTasks(
    targets.map((name) => columnOf(table, name)),
    task,
  ).task
}

function* droppedColumns(table: Table, settings: TrainSettings): Paced<DroppedColumn[]> {
  const aside = [...settings.targets, ...asideColumns(settings)]
  const inputs = table.columns.map(({ name }) => name).filter((name) => !aside.includes(name))
  const dropped = yield* uselessColumns(table, inputs, settings.types)
  if (dropped.length === inputs.length) throw noInputs(table.source ?? 'rows', dropped)
  return dropped
}

function fitEncoder(
  table: Table,
  parts: Parts,
  settings: TrainSettings,
  dropped: readonly DroppedColumn[],
): Paced<Encoder> {
  const { targets, types, scale, preset } = settings
  return Encoder.fitting(table, parts.train, {
    target: targets,
    types,
    scale,
    clampTarget: preset === 'realmlp',
    indexCategories: true,
    ignore: [...asideColumns(settings), ...dropped.map(({ name }) => name)],
    task: taskOf(table, settings),
  })
}

// Training cannot watch rows of a class that it does not know.
function knownRows(encoder: Encoder, table: Table, rows: Uint32Array): Uint32Array {
  const target = encoder.encodeTarget(table, rows)
  return target.task === 'regression' ? rows : target.rows.filter((_, i) => target.classes[i] >= 0)
}

// Scoring would refuse these rows too, but only after the training.
function checkTestRows(encoder: Encoder, table: Table, rows: Uint32Array): void {
  const target = encoder.encodeTarget(table, rows)
  if (target.task === 'regression' || target.rows.length === 0 || target.unseen < target.rows.length) return
  throw new DataError({
    code: 'HADAMARD_CLASS_UNKNOWN',
    where: `${table.source ?? 'rows'}: test rows`,
    expected: 'classes that the training rows have',
    received: 'only others',
    cure: 'Choose another split',
  })
}

async function fit(
  network: Network,
  encoder: Encoder,
  table: Table,
  parts: Parts,
  settings: TrainSettings,
  { earlyStopping, ...course }: Course,
  weights: FitWeights,
  reopen?: Reopen,
): Promise<History> {
  const { keepOptimizer, recover, threads, maxTime, onProgress } = settings
  const { x, y } = await inTurns(encodePart(encoder, table, parts.train))
  const sampleWeights = weights.train
  const isWatched = parts.validation.length > 0
  const common = {
    ...course,
    threads,
    maxTimeMs: maxTime === undefined ? undefined : 1000 * maxTime,
    keepOptimizer,
    recover,
    sampleWeights,
  }
  const options = isWatched
    ? {
        ...common,
        validation: {
          ...(await inTurns(encodePart(encoder, table, parts.validation))),
          sampleWeights: weights.validation,
        },
        earlyStopping,
      }
    : common
  try {
    return await follow((signal) => network.fit(x, y, { ...options, signal }, onProgress), settings)
  } catch (error) {
    const { rows } = encoder.encodeTarget(table, parts.train)
    throw await divergedOn(error, { table, encoder, rows }, settings.weight, reopen)
  }
}

/** A weight for each row that has all targets; none where every row counts once. */
interface FitWeights {
  train?: Float64Array
  validation?: Float64Array
}

function fitWeights(encoder: Encoder, table: Table, parts: Parts, settings: TrainSettings): FitWeights {
  const classesOf = (rows: Uint32Array): Int32Array => {
    const target = encoder.encodeTarget(table, rows)
    return target.task === 'classification' ? target.classes : new Int32Array()
  }
  const byClass = classWeights(settings.classWeight, encoder, classesOf(parts.train))
  const of = (rows: Uint32Array): Float64Array | undefined =>
    multiplyWeights(rowWeights(table, settings.weight, rows), byClass, classesOf(rows))
  return { train: of(parts.train), validation: of(parts.validation) }
}

function* encodePart(encoder: Encoder, table: Table, rows: Uint32Array): Paced<{ x: Rows; y: Targets }> {
  const target = encoder.encodeTarget(table, rows)
  const { x } = yield* encoder.encoding(table, target.rows)
  return { x, y: target.task === 'classification' ? target.classes : target.values }
}
