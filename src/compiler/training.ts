/** Programs that train: whole epochs, and the objective over all rows. */

import { REDUCTIONS, type Reduction } from '../ops/losses.ts'
import { isDecided, outputsOf, parametersOf, reductionOf, type NetworkSpec } from '../spec.ts'
import { allocate } from './allocate.ts'
import { Builder, type Value } from './builder.ts'
import {
  addPenaltyGradient,
  backwardPass,
  declarePersistent,
  flagOf,
  forwardPass,
  lossPerRow,
  sumOfLosses,
  update,
  type ForwardPass,
  type Persistent,
  type RowLosses,
} from './graph.ts'
import type { OptimizerSpec } from './optimizers.ts'
import type { Program } from './program.ts'
import { keepGradients } from './slots.ts'

/** What a training program is compiled for. */
export interface TrainingPlan {
  readonly batchSize: number
  /** Rows of the data set, of which the training and validation rows are parts. */
  readonly totalRows: number
  readonly trainRows: number
  readonly validationRows: number
  /** Training rows that an epoch takes, whole batches first; default all. */
  readonly rowsPerEpoch?: number
  readonly optimizer: OptimizerSpec
  /** Batches whose gradients are accumulated for one update, default 1. */
  readonly accumulate?: number
  /** Entries of the table of learning rates and steps for which each holds; without it the rate stays as written. */
  readonly rates?: { readonly count: number; readonly stride: number }
  /** Settings of the op that lowers the rate on a plateau. */
  readonly plateau?: Readonly<Record<'factor' | 'patience' | 'minDelta' | 'minimum', number>>
  /** Whether targets are class indices rather than numbers. */
  readonly areTargetsLabels: boolean
  /** Whether rows have weights, in a data buffer `weights`. Default no. */
  readonly isWeighted?: boolean
  /** Whether the weights before the last update of an epoch are kept in a slot `previous`. Default no. */
  readonly isMonitored?: boolean
  /** Epochs without improvement after which the run ends; 0 never ends it. Undefined: the best is not kept. */
  readonly patience?: number
  /** Improvement of the sum of losses over the watched rows that counts. */
  readonly minDelta?: number
  /** Whether the best is that with the fewest wrong validation rows, of equal ones the last. Default no. */
  readonly isErrorWatched?: boolean
}

/**
 * Names of the doubles that a training program reports after every epoch, in this order, one per cache line. The first is
 * written by the schedule, the others are cleared and summed up in every epoch.
 */
export function trainingMetrics(spec: NetworkSpec): string[] {
  const ofOutputs = (spec.outputs ?? []).flatMap(({ layer }) =>
    LOSS_METRICS.map((name) => `${name} of ${layer}`),
  )
  return ['learningRate', ...LOSS_METRICS, ...ofOutputs]
}

// What the names of metrics of validation rows begin with.
const VALIDATION = 'validation.'
const LOSS_METRICS = ['loss', 'validation.loss', 'validation.correct']
/** Batch of a validation pass; more only costs memory. */
const MAX_ROWS = 256
/** Rows of a part of the objective. */
const MAX_OBJECTIVE_ROWS = 1024

/**
 * Compiles whole epochs: shuffle, steps over the training rows, a pass over the validation rows, the best weights.
 *
 * Entries: `epoch`, `step`, `validate`. Data buffers: x, y, the row numbers `trainRows`, `validationRows`, and `weights`
 * where rows have them.
 */
export function compileTraining(spec: NetworkSpec, plan: TrainingPlan): Program {
  const builder = new Builder(Math.max(plan.batchSize, Math.min(plan.validationRows, MAX_ROWS)), spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const { trainRows, validationRows, rowsPerEpoch = trainRows, accumulate = 1 } = plan
  const { base, gather } = declareData(builder, spec, plan)
  const totals = declareTotals(builder, spec)
  const order = builder.value('order', [trainRows], { region: 'batch', type: 'u32' })

  trainingSteps(builder, spec, persistent, plan, gather, order, totals)
  if (validationRows > 0) {
    const rows = builder.buffer('validationRows', [validationRows], 'u32')
    validation(builder, spec, persistent, () => gather(rows), totals)
  }

  builder.beginEntry('epoch')
  const watched = validationRows > 0 ? totals['validation.loss'] : totals.loss
  const counter = builder.value('epoch', [1], { region: 'settings', type: 'u32' })
  const key = builder.value('shuffle.key', [2], { region: 'settings', type: 'u32' })
  lowerOnPlateau(builder, persistent, watched, plan)
  builder.emit('permute', { base, key, epoch: counter }, {}, { order })
  builder.emit('advance', { step: counter })
  for (const total of Object.values(totals)) builder.emit('clear', {}, {}, { total })
  builder.repeat('step', rowsPerEpoch, plan.batchSize * accumulate)
  if (validationRows > 0) builder.repeat('validate', validationRows, builder.rows)
  endOfEpoch(builder, spec, persistent, judged(builder, totals, watched, plan), plan)
  return allocate(builder)
}

/** What a program that trains window by window is compiled for. */
export interface WindowPlan extends Omit<
  TrainingPlan,
  'totalRows' | 'trainRows' | 'validationRows' | 'isMonitored'
> {
  /** Rows of the largest window. The data buffers hold two: one is filled while the other is trained on. */
  readonly windowRows: number
  /** How many rows windows of training rows have: full ones, and the last of an epoch. */
  readonly trainSizes: readonly number[]
  /** The same of validation rows; none without any. */
  readonly validationSizes: readonly number[]
}

/**
 * Compiles epochs over more rows than lie in memory: the caller fills the data buffers with a window of rows after another.
 *
 * Entries: `begin`, then for each window of training rows `train N` with its number of rows, which shuffles them, then
 * `watch N` for windows of validation rows, and `end`. Data buffers: x, y of two windows, `weights` where rows have them, and
 * in `trainRows` the places of the window's rows in them.
 */
export function compileWindows(spec: NetworkSpec, plan: WindowPlan): Program {
  const { windowRows, trainSizes, validationSizes } = plan
  const isWatched = validationSizes.length > 0
  const capacity = Math.max(plan.batchSize, Math.min(Math.max(0, ...validationSizes), MAX_ROWS))
  const builder = new Builder(capacity, spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const { base, gather } = declareData(builder, spec, {
    ...plan,
    totalRows: 2 * windowRows,
    trainRows: windowRows,
  })
  const totals = declareTotals(builder, spec)
  const order = builder.value('order', [windowRows], { region: 'batch', type: 'u32' })
  trainingSteps(builder, spec, persistent, { ...plan, trainRows: windowRows }, gather, order, totals)
  if (isWatched) validation(builder, spec, persistent, () => gather(base), totals)

  const watched = isWatched ? totals['validation.loss'] : totals.loss
  const counter = builder.value('window', [1], { region: 'settings', type: 'u32' })
  const key = builder.value('shuffle.key', [2], { region: 'settings', type: 'u32' })
  builder.beginEntry('begin')
  lowerOnPlateau(builder, persistent, watched, plan)
  for (const total of Object.values(totals)) builder.emit('clear', {}, {}, { total })
  for (const rows of trainSizes) {
    builder.beginEntry(`train ${rows}`)
    const [from, to] = [base, order].map((value) =>
      rows === windowRows ? value : builder.view(`${value.name} ${rows}`, value, 0, [rows]),
    )
    builder.emit('permute', { base: from, key, epoch: counter }, {}, { order: to })
    builder.emit('advance', { step: counter })
    builder.repeat('step', rows, plan.batchSize * (plan.accumulate ?? 1))
  }
  for (const rows of validationSizes) {
    builder.beginEntry(`watch ${rows}`)
    builder.repeat('validate', rows, builder.rows)
  }
  builder.beginEntry('end')
  endOfEpoch(builder, spec, persistent, judged(builder, totals, watched, plan), plan)
  return allocate(builder)
}

/**
 * Compiles the objective over all training rows, for optimizers that are driven from outside.
 *
 * Entries: `objective` (sum of the losses into the metric `loss`, gradients of loss and penalty into the region
 * `gradients`) and `validation`. Data buffers as for training.
 */
export function compileObjective(
  spec: NetworkSpec,
  plan: DataPlan & Pick<TrainingPlan, 'validationRows'>,
): Program {
  const { trainRows, validationRows } = plan
  const builder = new Builder(Math.min(Math.max(trainRows, validationRows), MAX_OBJECTIVE_ROWS), spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const { base, gather } = declareData(builder, spec, plan)
  const totals = declareTotals(builder, spec)
  const { gradients, rows } = partialGradients(builder, spec, persistent, gather, base, totals)
  builder.beginEntry('objective')
  clearTotals(builder, totals, false)
  sumGradients(builder, spec, { rows, total: trainRows, batch: builder.rows })
  addPenaltyGradient(builder, spec, persistent, gradients)
  if (validationRows > 0) {
    const held = builder.buffer('validationRows', [validationRows], 'u32')
    validation(builder, spec, persistent, () => gather(held), totals)
    builder.beginEntry('validation')
    clearTotals(builder, totals, true)
    builder.repeat('validate', validationRows, builder.rows)
  }
  return allocate(builder)
}

// The entry `step`: a batch, or the batches that are accumulated, and one update.
function trainingSteps(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  plan: StepPlan,
  gather: Gather,
  order: Value,
  totals: Totals,
): void {
  const { accumulate = 1 } = plan
  if (accumulate === 1) {
    beginStep(builder, persistent, plan)
    const { gradients, forward } = batchGradients(builder, spec, persistent, gather(order), totals)
    applyGradients(builder, spec, persistent, { gradients, updates: forward.updates }, plan.optimizer)
  } else {
    const { gradients, rows } = partialGradients(builder, spec, persistent, gather, order, totals)
    beginStep(builder, persistent, plan)
    sumGradients(builder, spec, { rows, total: plan.batchSize * accumulate, batch: plan.batchSize })
    applyGradients(builder, spec, persistent, { gradients, updates: [] }, plan.optimizer)
  }
}

// Before an epoch, where the rate is lowered when the loss stops falling.
function lowerOnPlateau(
  builder: Builder,
  { rate }: Persistent,
  loss: Value,
  { plateau }: Pick<TrainingPlan, 'plateau'>,
): void {
  if (plateau === undefined) return
  const state = builder.value('plateau.state', [3], { region: 'settings', type: 'f64' })
  builder.emit('reduce_on_plateau', { loss, rate, state }, plateau)
}

// The batch is one place for all entries: an epoch uses one after the other.
function batchValue(builder: Builder, name: string, features: number): Value {
  const existing = builder.values.find((value) => value.name === `batch.${name}`)
  return existing ?? builder.value(`batch.${name}`, ['rows', features], { region: 'batch' })
}

// What an entry gathers of the data.
interface Batch {
  readonly input: Value
  readonly target: Value
  /** [rows, 1]. */
  readonly weight?: Value
}

/** What the steps of an epoch are compiled for, whichever rows it has in memory. */
type StepPlan = Omit<TrainingPlan, 'totalRows' | 'validationRows'>
type DataPlan = Pick<TrainingPlan, 'areTargetsLabels' | 'isWeighted' | 'totalRows' | 'trainRows'>
type Gather = (rows: Value) => Batch

// The data buffers, and how a batch is gathered from them by row numbers.
function declareData(
  builder: Builder,
  spec: NetworkSpec,
  { areTargetsLabels, isWeighted = false, totalRows, trainRows }: DataPlan,
): { base: Value; gather: Gather } {
  const outputs = outputsOf(spec)
  const x = builder.buffer('x', [totalRows, spec.inputs])
  const y = areTargetsLabels
    ? builder.buffer('y', [totalRows], 'u32')
    : builder.buffer('y', [totalRows, outputs])
  const weights = isWeighted ? builder.buffer('weights', [totalRows, 1]) : undefined
  const base = builder.buffer('trainRows', [trainRows], 'u32')
  const gather: Gather = (order) => {
    const [input, target] = [batchValue(builder, 'x', spec.inputs), batchValue(builder, 't', outputs)]
    builder.emit('gather_rows', { source: x, order }, {}, { y: input })
    if (areTargetsLabels) builder.emit('gather_one_hot', { label: y, order }, {}, { y: target })
    else builder.emit('gather_rows', { source: y, order }, {}, { y: target })
    if (weights === undefined) return { input, target }
    const weight = batchValue(builder, 'weight', 1)
    builder.emit('gather_rows', { source: weights, order }, {}, { y: weight })
    return { input, target, weight }
  }
  return { base, gather }
}

type Totals = Readonly<Record<string, Value>>

// The metrics behind the learning rate, in their order.
function declareTotals(builder: Builder, spec: NetworkSpec): Totals {
  const [, ...names] = trainingMetrics(spec)
  const metric = { region: 'metrics', type: 'f64' } as const
  return Object.fromEntries(names.map((name) => [name, builder.value(name, [1], metric)]))
}

function clearTotals(builder: Builder, totals: Totals, areOfValidation: boolean): void {
  for (const [name, total] of Object.entries(totals)) {
    if (name.startsWith(VALIDATION) === areOfValidation) builder.emit('clear', {}, {}, { total })
  }
}

// Adds the sum of a batch's losses of each of several outputs to the totals.
function accumulateLossesOfOutputs(
  builder: Builder,
  spec: NetworkSpec,
  { heads, weight }: RowLosses,
  { totals, prefix }: { totals: Totals; prefix: '' | typeof VALIDATION },
): void {
  if (spec.outputs === undefined) return
  for (const { head, loss } of heads) {
    const s = sumOfLosses(builder, { loss, weight })
    builder.emit('accumulate', { s, total: totals[`${prefix}loss of ${head.layer}`] })
  }
}

// The entry `step` up to the gradients.
function beginStep(builder: Builder, persistent: Persistent, plan: StepPlan): void {
  const { rate, step } = persistent
  const { rates, isMonitored = false } = plan
  builder.beginEntry('step')
  if (isMonitored) keepPrevious(builder, persistent, plan)
  if (rates === undefined) return
  const table = builder.value('rates', [rates.count], { region: 'settings', type: 'f64' })
  builder.emit('look_up', { table, step }, { stride: rates.stride }, { rate })
}

// Copies the weights before the last update of every epoch; `step` counts batches.
function keepPrevious(
  builder: Builder,
  { weights: x, step }: Persistent,
  { trainRows, rowsPerEpoch = trainRows, batchSize, accumulate = 1 }: StepPlan,
): void {
  const batches = Math.ceil(rowsPerEpoch / batchSize)
  const phase = Math.floor((batches - 1) / accumulate) * accumulate
  const y = builder.value('previous', x.shape, { region: 'scratch' })
  builder.emit('copy_at', { step, x, y }, { stride: batches, phase })
}

// Forward and backward pass over a batch; the sums of its losses are added to the totals.
function batchGradients(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  { input, target, weight }: Batch,
  totals: Totals,
  { region, reduction }: { region: 'gradients' | 'parts'; reduction: Reduction } = {
    region: 'gradients',
    reduction: reductionOf(spec),
  },
): { gradients: ReadonlyMap<string, Value>; forward: ForwardPass } {
  const forward = forwardPass(builder, spec, persistent, input, { isTraining: true })
  const perRow = lossPerRow(builder, spec, forward, target, weight)
  const found = backwardPass(builder, perRow, reduction, [...persistent.parameters.values()])
  const flag = flagOf(builder, spec, persistent, 'loss')
  if (weight === undefined) {
    builder.emit('tally', { x: perRow.loss, total: totals.loss, flag })
  } else {
    const s = sumOfLosses(builder, perRow)
    builder.emit('find_nonfinite', { x: s, flag })
    builder.emit('accumulate', { s, total: totals.loss })
  }
  accumulateLossesOfOutputs(builder, spec, perRow, { totals, prefix: '' })
  const gradients = keepGradients(builder, persistent, found, region)
  builder.emit('advance', { step: persistent.step })
  return { gradients, forward }
}

function applyGradients(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  { gradients, updates }: { gradients: ReadonlyMap<string, Value>; updates: ForwardPass['updates'] },
  optimizer: OptimizerSpec,
): void {
  addPenaltyGradient(builder, spec, persistent, gradients)
  update(builder, spec, persistent, gradients, { updates }, optimizer)
}

// The entry `batch`: adds the gradients of the sum of a batch's losses to the gradients, and its rows to `rows`.
function partialGradients(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  gather: Gather,
  order: Value,
  totals: Totals,
): { gradients: ReadonlyMap<string, Value>; rows: Value } {
  const rows = builder.value('rows', [1], { region: 'settings', type: 'f64' })
  const gradients = new Map(
    parametersOf(spec).map(({ name, shape }) => [
      name,
      builder.value(`gradient of ${name}`, shape, { region: 'gradients' }),
    ]),
  )
  builder.beginEntry('batch')
  const asSum = { region: 'parts', reduction: 'sum' } as const
  const { forward } = batchGradients(builder, spec, persistent, gather(order), totals, asSum)
  for (const emit of forward.updates) emit()
  builder.emit('count_rows', {}, {}, { total: rows })
  const [x, y] = [builder.wholeRegion('parts'), builder.wholeRegion('gradients')]
  builder.emit('axpy', { x, y }, { alpha: 1 })
  return { gradients, rows }
}

// Runs the entry `batch` over `total` rows, or those that a step has, and turns the sum into what the loss's reduction
// asks for.
function sumGradients(
  builder: Builder,
  spec: NetworkSpec,
  { rows, total, batch }: { rows: Value; total: number; batch: number },
): void {
  const gradients = builder.wholeRegion('gradients')
  const reduction = REDUCTIONS.indexOf(reductionOf(spec))
  builder.emit('fill', {}, { value: 0 }, { y: gradients })
  builder.emit('clear', {}, {}, { total: rows })
  builder.repeat('batch', total, batch)
  builder.emit('divide_by_rows', { rows, x: gradients }, { reduction, outputs: outputsOf(spec) })
}

// The entry `validate`.
function validation(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  gatherHeldOut: () => Batch,
  totals: Totals,
): void {
  builder.beginEntry('validate')
  const { input, target, weight } = gatherHeldOut()
  const forward = forwardPass(builder, spec, persistent, input, { isTraining: false })
  const perRow = lossPerRow(builder, spec, forward, target, weight)
  builder.emit('accumulate', { s: sumOfLosses(builder, perRow), total: totals['validation.loss'] })
  accumulateLossesOfOutputs(builder, spec, perRow, { totals, prefix: VALIDATION })
  for (const { head, scores: y, answers: t } of perRow.heads) {
    if (!isDecided(head)) continue
    const name = spec.outputs === undefined ? 'correct' : `correct of ${head.layer}`
    const correct = builder.emit('count_correct', { y, t })
    builder.emit('accumulate', { s: builder.emit('sum', { x: correct }), total: totals[VALIDATION + name] })
  }
}

// What the best epoch has least of: the loss, or wrong rows, which is minus the right ones.
function judged(
  builder: Builder,
  totals: Totals,
  watched: Value,
  { isErrorWatched = false }: Pick<TrainingPlan, 'isErrorWatched'>,
): Value {
  if (!isErrorWatched) return watched
  const x = totals['validation.correct']
  const y = builder.value('watched', x.shape, { region: 'settings', type: 'f64' })
  return builder.emit('scale_first', { x }, { factor: -1 }, { y })
}

function endOfEpoch(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  watched: Value,
  {
    patience,
    minDelta = 0,
    isErrorWatched = false,
  }: Pick<TrainingPlan, 'patience' | 'minDelta' | 'isErrorWatched'>,
): void {
  const { weights, state: layerState, learned: w, flags, status } = persistent
  for (const [name, x] of [['weights', weights] as const, ...layerState]) {
    builder.emit('find_nonfinite', { x, flag: flagOf(builder, spec, persistent, name) })
  }
  builder.emit('halt_if', { flags, status })
  // Kept for every run: the last weights and state known to be good, or the best.
  const best = builder.value('best', w.shape, { region: 'scratch' })
  if (patience === undefined) {
    builder.emit('copy', { x: w }, {}, { y: best })
    return
  }
  const state = builder.value('best.state', [4], { region: 'settings', type: 'f64' })
  // Half a row: as many right ones as the best has are as good.
  const margin = isErrorWatched ? -0.5 : minDelta
  builder.emit('keep_best', { loss: watched, w, best, state, status }, { patience, minDelta: margin })
}
