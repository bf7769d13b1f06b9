/** From options and an encoder to a network: the loss for the task, the layers, the score that leads. */

import type { Encoder } from '../data/encoder.ts'
import { SpecError } from '../errors.ts'
import { activationName } from '../layers/activation.ts'
import { lossInfo, type LossName } from '../layers/loss.ts'
import { outputsOf, parametersOf, type NetworkOptions, type NetworkSpec } from '../spec.ts'
import { trainLosses, type MetricName, type TrainSettings } from './options.ts'
import { embeddedInputs } from './embed.ts'
import { layersOf } from './recipe.ts'
import type { TrainReport } from './report.ts'

/**
 * The network for what an encoder gives. Two classes take one output: the same function as two, with half the weights of
 * the last layer, and its logit reads as the log-odds of the second class.
 *
 * @throws SpecError if the loss does not fit the task
 */
export function designNetwork(encoder: Encoder, settings: TrainSettings): NetworkOptions {
  const loss = chooseLoss(encoder, settings.loss)
  const { task, needs } = lossInfo(loss)
  const outputs = task === 'classes' ? encoder.classes.length : encoder.targets.length
  const place = { task: encoder.task, outputs, output: needs ?? 'linear' }
  const { layers, labelSmoothing } = layersOf(settings, place)
  const front = embeddedInputs(encoder.data.inputs)
  return {
    inputs: front.inputs,
    layers: [...front.layers, ...layers],
    loss: labelSmoothing === 0 ? loss : { name: loss, labelSmoothing },
    l2: settings.l2,
    seed: settings.seed,
  }
}

function chooseLoss({ task, classes }: Encoder, asked: LossName | undefined): LossName {
  const { regression, binary, categorical } = trainLosses
  const isBinary = classes.length === 2
  const fitting: readonly LossName[] =
    task === 'regression' ? regression : isBinary ? [...binary, ...categorical] : categorical
  if (asked === undefined) return fitting[0]
  if (fitting.includes(asked)) return asked
  const what = task === 'regression' ? task : `${task} into ${classes.length} classes`
  throw new SpecError({
    code: 'HADAMARD_TASK',
    where: 'loss',
    expected: `${fitting.join(' or ')} for ${what}`,
    received: `'${asked}'`,
  })
}

/**
 * The score that leads a report.
 *
 * @throws SpecError if the task has no such score
 */
export function leadingMetric(
  { task }: Encoder,
  asked: MetricName | undefined,
  isImbalanced = false,
): TrainReport['metric'] {
  const fitting: MetricName[] =
    task === 'regression'
      ? ['r2', 'rmse', 'mae', 'loss']
      : ['accuracy', 'logLoss', 'loss', 'balancedAccuracy', 'averagePrecision']
  if (asked === undefined) return isImbalanced ? 'balancedAccuracy' : fitting[0]
  if (fitting.includes(asked)) return asked
  throw new SpecError({
    code: 'HADAMARD_TASK',
    where: 'metric',
    expected: `${fitting.join(', ')} for ${task}`,
    received: `'${asked}'`,
  })
}

/**
 * A network on one line.
 *
 * @example
 * describeNetwork(network.spec) // '11 inputs → 64 relu → 32 relu → 3 outputs, 2,947 parameters'
 */
export function describeNetwork(spec: NetworkSpec): string {
  const hidden = spec.layers.slice(0, -1).map((layer) => {
    if (layer.type === 'dropout') return `dropout ${layer.rate}`
    if (layer.type === 'dense') return `${layer.units} ${activationName(layer)}`
    return layer.type === 'activation' ? activationName(layer) : layer.type
  })
  const outputs = outputsOf(spec)
  const count = parametersOf(spec).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const places = [plural(spec.inputs, 'input'), ...hidden, plural(outputs, 'output')]
  return `${places.join(' → ')}, ${plural(count, 'parameter')}`
}

/**
 * A count with its noun.
 *
 * @example
 * plural(2883, 'parameter') // '2,883 parameters'
 */
export function plural(count: number, noun: string): string {
  const ending = count === 1 ? '' : noun.endsWith('s') ? 'es' : 's'
  return `${count.toLocaleString('en')} ${noun}${ending}`
}
