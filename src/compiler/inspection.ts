/** Programs for tools that look at every number: one step at a time, and derivatives of predictions. */

import { InternalError } from '../errors.ts'
import { outputsOf, parametersOf, reductionOf, type NetworkSpec } from '../spec.ts'
import { allocate } from './allocate.ts'
import { Builder, type Node, type Value } from './builder.ts'
import { differentiate } from './differentiate.ts'
import {
  addPenaltyGradient,
  backwardPass,
  declarePersistent,
  forwardPass,
  lossPerRow,
  prediction,
  update,
  type ForwardPass,
  type Persistent,
} from './graph.ts'
import type { OptimizerSpec } from './optimizers.ts'
import type { Program } from './program.ts'
import { keepGradients, keepSum, weightSlot } from './slots.ts'

/**
 * Compiles one step on a batch that is written into the slots `x`, `t` and, where rows have weights, `weights`, for tools
 * that look at every number.
 *
 * Entries: `gradient` (forward pass in training mode, loss, gradients of parameters and input), `update`, `forward` (in
 * prediction mode). Slots beside the parameters: `loss` (sum over the rows), `gradient of NAME`, `gradient of x`,
 * `output of LAYER`, `LAYER.mask`.
 */
export function compileStep(
  spec: NetworkSpec,
  rows: number,
  optimizer: OptimizerSpec,
  isWeighted = false,
): Program {
  const builder = new Builder(rows, spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const x = builder.value('x', ['rows', spec.inputs], { region: 'batch', isPinned: true })
  const t = builder.value('t', ['rows', outputsOf(spec)], { region: 'batch', isPinned: true })
  builder.beginEntry('gradient')
  const forward = forwardPass(builder, spec, persistent, x, { isTraining: true, areMasksGiven: true })
  const outputSlots = new Map(
    [...forward.layerOutputs].map(([name, { shape }]) => [
      name,
      builder.value(`output of ${name}`, shape, { region: 'batch', isPinned: true }),
    ]),
  )
  const keepOutputs = ({ layerOutputs }: ForwardPass): void => {
    for (const [name, y] of outputSlots) {
      const x = layerOutputs.get(name)
      if (x !== undefined) builder.emit('scale', { x }, { alpha: 1 }, { y })
    }
  }
  keepOutputs(forward)
  const perRow = lossPerRow(builder, spec, forward, t, weightSlot(builder, isWeighted))
  keepSum(builder, 'loss', perRow)
  const wanted = [...persistent.parameters.values(), x]
  const found = backwardPass(builder, perRow, reductionOf(spec), wanted)
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
 * Compiles derivatives of predictions for up to `rows` rows at once, from the slots `x` and `v`, the latter in the place of
 * the loss's gradient with respect to the output.
 *
 * Entries: `vjp` (slots `gradient of NAME` and `gradient of x` out) and `input` (only the latter).
 */
export function compileDerivatives(spec: NetworkSpec, rows: number): Program {
  const builder = new Builder(rows, spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const x = builder.value('x', ['rows', spec.inputs], { region: 'batch', isPinned: true })
  const v = builder.value('v', ['rows', outputsOf(spec)], { region: 'batch', isPinned: true })
  const kept = builder.value('gradient of x', x.shape, { region: 'batch', isPinned: true })
  const differentiateTo = (wanted: readonly Value[]): ReadonlyMap<Value, Value> => {
    const { output, nodes } = squashedPrediction(builder, spec, persistent, x)
    const found = differentiate(builder, nodes, new Map([[output, v]]), wanted)
    const gradient = found.get(x)
    if (gradient === undefined) throw new InternalError('x does not reach the output')
    builder.emit('scale', { x: gradient }, { alpha: 1 }, { y: kept })
    return found
  }
  builder.beginEntry('vjp')
  keepGradients(builder, persistent, differentiateTo([...persistent.parameters.values(), x]))
  builder.beginEntry('input')
  differentiateTo([x])
  return allocate(builder)
}

// What `predict` gives, with the nodes that lead there.
function squashedPrediction(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  x: Value,
): { output: Value; nodes: readonly Node[] } {
  const forward = forwardPass(builder, spec, persistent, x, { isTraining: false })
  const output = builder.value('output', ['rows', outputsOf(spec)])
  const first = builder.steps.length
  prediction(builder, spec, forward, output)
  const behind = builder.steps.slice(first).filter((node): node is Node => node.kind === 'op')
  return { output, nodes: [...forward.nodes, ...behind] }
}
