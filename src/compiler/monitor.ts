/** The program of a monitor: a forward and a backward pass over rows that stay the same, and what its arrays are like. */

import { InternalError } from '../errors.ts'
import { monitoredTraits } from '../layers/activation.ts'
import { parameterPlaces } from '../parameters.ts'
import { outputsOf, reductionOf, usedLayers, type NetworkSpec } from '../spec.ts'
import { allocate } from './allocate.ts'
import { Builder, type Value } from './builder.ts'
import { addPenaltyGradient, backwardPass, declarePersistent, forwardPass, lossPerRow } from './graph.ts'
import { bytesOf, type Program } from './program.ts'
import { keepGradients, weightSlot } from './slots.ts'

/** Names of the slots that a monitor's results stand in, doubles each. */
export const monitorSlots = {
  /** Summary of a layer's outputs: mean, deviation, minimum, lower quartile, median, upper quartile, maximum. */
  activation: (layer: string): string => `distribution of ${layer}`,
  /** Summary of the gradient with respect to them. */
  backward: (layer: string): string => `distribution of gradient at ${layer}`,
  /** Summary of a parameter's gradient. */
  gradient: (parameter: string): string => `distribution of gradient of ${parameter}`,
  dead: (layer: string): string => `dead units of ${layer}`,
  saturated: (layer: string): string => `saturated share of ${layer}`,
  /** Norms of a parameter's last update, and of the parameter before it. */
  norms: (parameter: string): string => `update norms of ${parameter}`,
} as const

/** Share of the way from the middle of an activation's range to its end beyond which a unit counts as saturated. */
export const SATURATION = 0.95

/**
 * Compiles what a monitor computes. Entry: `monitor`. Slots beside the parameters: `x`, `t` and, where rows have weights,
 * `weights`; `previous`, the weights before the last update; results by {@link monitorSlots}.
 *
 * The pass is that of training without dropout: batch norm takes the statistics of the rows, and its state stays.
 */
export function compileMonitor(spec: NetworkSpec, rows: number, isWeighted: boolean): Program {
  const builder = new Builder(rows, spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const x = builder.value('x', ['rows', spec.inputs], { region: 'batch', isPinned: true })
  const t = builder.value('t', ['rows', outputsOf(spec)], { region: 'batch', isPinned: true })
  builder.beginEntry('probe')
  const forward = forwardPass(builder, spec, persistent, x, { isTraining: true, isDropping: false })
  const perRow = lossPerRow(builder, spec, forward, t, weightSlot(builder, isWeighted))
  // An output's activation is one function with its loss: its gradient is the one at the activation's input.
  const sums = new Map(perRow.heads.map(({ head, logits }) => [head.layer, logits]))
  const places = new Map([...forward.layerOutputs].map(([name, y]) => [name, sums.get(name) ?? y]))
  const { parameters } = persistent
  const found = backwardPass(builder, perRow, reductionOf(spec), [...parameters.values(), ...places.values()])
  const gradients = keepGradients(builder, persistent, found)
  addPenaltyGradient(builder, spec, persistent, gradients)

  for (const { layer } of usedLayers(spec)) {
    const y = forward.layerOutputs.get(layer.name)
    const place = places.get(layer.name)
    const gradient = place === undefined ? undefined : found.get(place)
    if (y === undefined || gradient === undefined)
      throw new InternalError(`${layer.name} does not reach the loss`)
    keepDistribution(builder, monitorSlots.activation(layer.name), y)
    keepDistribution(builder, monitorSlots.backward(layer.name), gradient)
    const { range, canDie } = 'activation' in layer ? monitoredTraits(layer) : {}
    if (canDie === true) {
      builder.emit('dead_units', { x: y }, {}, { share: result(builder, monitorSlots.dead(layer.name), 1) })
    }
    if (range !== undefined) {
      const share = result(builder, monitorSlots.saturated(layer.name), 1)
      builder.emit('share_beyond', { x: y }, saturationLimits(range), { share })
    }
  }
  const previous = builder.value('previous', persistent.weights.shape, { region: 'scratch', isPinned: true })
  for (const { name, shape, start } of parameterPlaces(spec)) {
    const [after, gradient] = [parameters.get(name), gradients.get(name)]
    if (after === undefined || gradient === undefined) throw new InternalError(`${name} has no gradient`)
    keepDistribution(builder, monitorSlots.gradient(name), gradient)
    const before = builder.view(`previous ${name}`, previous, start * bytesOf('f', spec.dtype), shape)
    builder.emit(
      'update_norms',
      { before, after },
      {},
      { norms: result(builder, monitorSlots.norms(name), 2) },
    )
  }
  builder.beginEntry('monitor')
  builder.repeat('probe', rows, rows)
  return allocate(builder)
}

function keepDistribution(builder: Builder, name: string, x: Value): void {
  builder.emit('distribution', { x }, {}, { summary: result(builder, name, 7) })
}

function result(builder: Builder, name: string, length: number): Value {
  return builder.value(name, [length], { region: 'metrics', type: 'f64', isPinned: true })
}

function saturationLimits([low, high]: readonly [number, number]): { low: number; high: number } {
  const [middle, reach] = [(low + high) / 2, ((high - low) / 2) * SATURATION]
  return { low: middle - reach, high: middle + reach }
}
