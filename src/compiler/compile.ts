/** The pipeline from a network's spec to its programs: training, one step at a time, and prediction. */

import { hasAccuracy, layerOutputs, parametersOf, type NetworkSpec } from '../spec.ts'
import { lossInfo } from '../layers/loss.ts'
import { allocate } from './allocate.ts'
import { Builder, type Value } from './builder.ts'
import {
  addPenaltyGradient,
  backwardPass,
  declarePersistent,
  flagOf,
  forwardPass,
  lossPerRow,
  update,
  type ForwardPass,
  type Persistent,
} from './graph.ts'
import type { OptimizerSpec } from './optimizers.ts'
import type { Program } from './program.ts'

/** What a training program is compiled for. */
export interface TrainingPlan {
  readonly batchSize: number
  /** Rows of the data set, of which the training and validation rows are parts. */
  readonly totalRows: number
  readonly trainRows: number
  readonly validationRows: number
  readonly optimizer: OptimizerSpec
  /** Whether targets are class indices rather than numbers. */
  readonly areTargetsLabels: boolean
  /** Epochs without improvement after which the run ends; 0 never ends it. Undefined: the best is not kept. */
  readonly patience?: number
  /** Improvement of the sum of losses over the watched rows that counts. */
  readonly minDelta?: number
}

/** Doubles that a training program reports after every epoch, in this order, one per cache line. */
export const TRAINING_METRICS = ['loss', 'validation.loss', 'validation.correct'] as const

/** Batch of a validation pass; more only costs memory. */
const MAX_ROWS = 256

/**
 * Compiles whole epochs: shuffle, steps over the training rows, a pass over the validation rows, the best weights.
 *
 * Entries: `epoch`, `step`, `validate`. Data buffers: x, y, and the row numbers `trainRows`, `validationRows`.
 */
export function compileTraining(spec: NetworkSpec, plan: TrainingPlan): Program {
  const builder = new Builder(Math.max(plan.batchSize, Math.min(plan.validationRows, MAX_ROWS)), spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const outputs = layerOutputs(spec)[spec.layers.length - 1]
  const { areTargetsLabels, totalRows, trainRows, validationRows } = plan
  const x = builder.buffer('x', [totalRows, spec.inputs])
  const y = areTargetsLabels
    ? builder.buffer('y', [totalRows], 'u32')
    : builder.buffer('y', [totalRows, outputs])
  const base = builder.buffer('trainRows', [trainRows], 'u32')
  const totals = TRAINING_METRICS.map((name) => builder.value(name, [1], { region: 'metrics', type: 'f64' }))
  const order = builder.value('order', [trainRows], { region: 'batch', type: 'u32' })

  const gather = (rows: Value): { input: Value; target: Value } => ({
    input: builder.emit(
      'gather_rows',
      { source: x, order: rows },
      {},
      { y: batchValue(builder, 'x', spec.inputs) },
    ),
    target: areTargetsLabels
      ? builder.emit(
          'gather_one_hot',
          { label: y, order: rows },
          {},
          { y: batchValue(builder, 't', outputs) },
        )
      : builder.emit('gather_rows', { source: y, order: rows }, {}, { y: batchValue(builder, 't', outputs) }),
  })

  builder.beginEntry('step')
  const batch = gather(order)
  trainingStep(builder, spec, persistent, batch, totals[0], plan.optimizer)

  if (validationRows > 0) {
    const rows = builder.buffer('validationRows', [validationRows], 'u32')
    builder.beginEntry('validate')
    validation(builder, spec, persistent, gather(rows), totals)
  }

  builder.beginEntry('epoch')
  const counter = builder.value('epoch', [1], { region: 'settings', type: 'u32' })
  const key = builder.value('shuffle.key', [2], { region: 'settings', type: 'u32' })
  builder.emit('permute', { base, key, epoch: counter }, {}, { order })
  builder.emit('advance', { step: counter })
  for (const total of totals) builder.emit('clear', {}, {}, { total })
  builder.repeat('step', trainRows, plan.batchSize)
  if (validationRows > 0) builder.repeat('validate', validationRows, builder.rows)
  endOfEpoch(builder, spec, persistent, validationRows > 0 ? totals[1] : totals[0], plan)
  return allocate(builder)
}

/**
 * Compiles one step on a batch that is written into the slots `x` and `t`, for tools that look at every number.
 *
 * Entries: `gradient` (forward pass in training mode, loss, gradients of parameters and input), `update`, `forward` (in
 * prediction mode). Slots beside the parameters: `loss` (sum over the rows), `gradient of NAME`, `gradient of x`,
 * `output of LAYER`, `LAYER.mask`.
 */
export function compileStep(spec: NetworkSpec, rows: number, optimizer: OptimizerSpec): Program {
  const builder = new Builder(rows, spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const outputs = layerOutputs(spec)
  const x = builder.value('x', ['rows', spec.inputs], { region: 'batch', isPinned: true })
  const t = builder.value('t', ['rows', outputs[outputs.length - 1]], { region: 'batch', isPinned: true })
  builder.beginEntry('gradient')
  const forward = forwardPass(builder, spec, persistent, x, { isTraining: true, areMasksGiven: true })
  const outputSlots = forward.layerOutputs.map(({ shape }, i) =>
    builder.value(`output of ${spec.layers[i].name}`, shape, { region: 'batch', isPinned: true }),
  )
  const keepOutputs = ({ layerOutputs }: ForwardPass): void => {
    layerOutputs.forEach((x, i) => builder.emit('scale', { x }, { alpha: 1 }, { y: outputSlots[i] }))
  }
  keepOutputs(forward)
  const perRow = lossPerRow(builder, spec, forward, t)
  builder.emit(
    'sum',
    { x: perRow.loss },
    {},
    { s: builder.value('loss', [1], { region: 'metrics', isPinned: true }) },
  )
  const found = backwardPass(builder, spec, perRow, t, [...persistent.parameters.values(), x])
  const gradients = keepGradients(builder, persistent, found)
  addPenaltyGradient(builder, spec, persistent, gradients)
  const inputGradient = found.get(x)
  if (inputGradient !== undefined) {
    const kept = builder.value('gradient of x', x.shape, { region: 'batch', isPinned: true })
    builder.emit('scale', { x: inputGradient }, { alpha: 1 }, { y: kept })
  }
  for (const { name, isPenalised } of parametersOf(spec)) {
    const w = persistent.parameters.get(name)
    if (!isPenalised || w === undefined) continue
    const s = builder.value(`squared norm of ${name}`, [1], { region: 'metrics', isPinned: true })
    builder.emit('squared_norm', { x: w }, {}, { s })
    const absolute = builder.value(`absolute sum of ${name}`, [1], { region: 'metrics', isPinned: true })
    builder.emit('absolute_sum', { x: w }, {}, { s: absolute })
  }
  builder.beginEntry('update')
  update(builder, spec, persistent, gradients, forward, optimizer)

  builder.beginEntry('forward')
  keepOutputs(forwardPass(builder, spec, persistent, x, { isTraining: false }))
  return allocate(builder)
}

/**
 * Compiles prediction for up to `rows` rows at once.
 *
 * Entries: `forward` (slot `x` in, `output` out, logits squashed to probabilities) and `evaluate` (slots `x` and `t` in,
 * the sums over the rows `loss` and, for classification, `correct` out).
 */
export function compileForward(spec: NetworkSpec, rows: number): Program {
  const builder = new Builder(rows, spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const outputs = layerOutputs(spec)
  const x = builder.value('x', ['rows', spec.inputs], { region: 'batch', isPinned: true })
  const t = builder.value('t', ['rows', outputs[outputs.length - 1]], { region: 'batch', isPinned: true })
  const { squash } = lossInfo(spec.loss.name)

  builder.beginEntry('forward')
  const { output } = forwardPass(builder, spec, persistent, x, { isTraining: false })
  const kept = builder.value('output', output.shape, { region: 'batch', isPinned: true })
  builder.emit(squash ?? 'scale', { x: output }, squash === undefined ? { alpha: 1 } : {}, { y: kept })

  builder.beginEntry('evaluate')
  const forward = forwardPass(builder, spec, persistent, x, { isTraining: false })
  const { loss, logits } = lossPerRow(builder, spec, forward, t)
  builder.emit(
    'sum',
    { x: loss },
    {},
    { s: builder.value('loss', [1], { region: 'metrics', isPinned: true }) },
  )
  if (hasAccuracy(spec)) {
    const correct = builder.emit('count_correct', { y: logits, t })
    builder.emit(
      'sum',
      { x: correct },
      {},
      { s: builder.value('correct', [1], { region: 'metrics', isPinned: true }) },
    )
  }
  return allocate(builder)
}

// The batch is one place for all entries: an epoch uses one after the other.
function batchValue(builder: Builder, name: string, features: number): Value {
  const existing = builder.values.find((value) => value.name === `batch.${name}`)
  return existing ?? builder.value(`batch.${name}`, ['rows', features], { region: 'batch' })
}

function trainingStep(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  { input, target }: { input: Value; target: Value },
  total: Value,
  optimizer: OptimizerSpec,
): void {
  const forward = forwardPass(builder, spec, persistent, input, { isTraining: true })
  const perRow = lossPerRow(builder, spec, forward, target)
  const found = backwardPass(builder, spec, perRow, target, [...persistent.parameters.values()])
  const sum = builder.emit('sum', { x: perRow.loss })
  builder.emit('find_nonfinite', { x: sum, flag: flagOf(builder, spec, persistent, 'loss') })
  builder.emit('accumulate', { s: sum, total })
  const gradients = keepGradients(builder, persistent, found)
  addPenaltyGradient(builder, spec, persistent, gradients)
  update(builder, spec, persistent, gradients, forward, optimizer)
  builder.emit('advance', { step: persistent.step })
}

function validation(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  { input, target }: { input: Value; target: Value },
  totals: readonly Value[],
): void {
  const forward = forwardPass(builder, spec, persistent, input, { isTraining: false })
  const { loss, logits } = lossPerRow(builder, spec, forward, target)
  builder.emit('accumulate', { s: builder.emit('sum', { x: loss }), total: totals[1] })
  if (!hasAccuracy(spec)) return
  const correct = builder.emit('count_correct', { y: logits, t: target })
  builder.emit('accumulate', { s: builder.emit('sum', { x: correct }), total: totals[2] })
}

function endOfEpoch(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  watched: Value,
  { patience, minDelta = 0 }: TrainingPlan,
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
  builder.emit('keep_best', { loss: watched, w, best, state, status }, { patience, minDelta })
}

// Moves each parameter's gradient to the place in the region `gradients` that mirrors the parameter's own: the node
// that computes it writes there at once.
function keepGradients(
  builder: Builder,
  { parameters }: Persistent,
  found: ReadonlyMap<Value, Value>,
): ReadonlyMap<string, Value> {
  const kept = new Map<string, Value>()
  for (const [name, parameter] of parameters) {
    const gradient = found.get(parameter)
    if (gradient === undefined) throw new Error(`${name} does not reach the loss`)
    const place = builder.value(`gradient of ${name}`, parameter.shape, { region: 'gradients' })
    builder.redirect(gradient, place)
    kept.set(name, place)
  }
  return kept
}
