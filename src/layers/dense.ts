/** Fully connected layer. */

import { rejectUnknownKeys } from '../errors.ts'
import { checkInteger, checkOneOf } from '../check.ts'
import {
  applyActivation,
  checkActivation,
  initializerBefore,
  describeActivation,
  normalizeActivation,
  type Activation,
  type ActivationData,
} from './activation.ts'
import { initializers, type InitializerName } from './initializers.ts'
import type { LayerType } from './layer.ts'

/** Dense layer as plain data. */
export interface DenseSpec extends ActivationData {
  readonly type: 'dense'
  readonly name?: string
  readonly units: number
  readonly bias: boolean
  readonly initializer: InitializerName
}

/** Settings of {@link dense}. */
export interface DenseOptions {
  /** Whether a bias is added, default true. */
  bias?: boolean
  /** Initializer of the weight; default heUniform before relu and leaky_relu, else glorotUniform. Biases start at 0. */
  initializer?: InitializerName
  /** Name of the layer, unique in the network; default dense1, dense2, … */
  name?: string
}

/**
 * Fully connected layer: `y = activation(x · weight + bias)`.
 *
 * Input [batch, in], output [batch, units]; parameters weight [in, units], bias [units].
 *
 * @param units outputs per sample, an integer ≥ 1
 * @param activation default linear
 * @throws SpecError if `units` is not a positive integer, or an option is unknown
 * @source Bishop 2006, Pattern Recognition and Machine Learning, eq. 5.2
 * @example
 * dense(64, 'relu').units // 64
 */
export function dense(
  units: number,
  activation: Activation = 'linear',
  options: DenseOptions = {},
): DenseSpec {
  rejectUnknownKeys('dense', options, ['bias', 'initializer', 'name'])
  const normalized = normalizeActivation(activation, 'dense: activation')
  const spec: DenseSpec = {
    type: 'dense',
    ...(options.name === undefined ? {} : { name: options.name }),
    units,
    ...normalized,
    bias: options.bias ?? true,
    initializer: options.initializer ?? initializerBefore(normalized),
  }
  denseLayer.validate(spec, 'dense')
  return spec
}

/** Row of the layer table. */
export const denseLayer: LayerType<DenseSpec> = {
  type: 'dense',
  validate(spec, where) {
    checkInteger(`${where}: units`, spec.units, { min: 1, max: 2 ** 24 })
    checkActivation(spec, `${where}: activation`)
    checkOneOf(`${where}: initializer`, spec.initializer, Object.keys(initializers))
  },
  outputs: ({ units }) => units,
  parameters: ({ units, bias, initializer }, inputs) => [
    { name: 'weight', shape: [inputs, units], initializer, isPenalised: true },
    ...(bias ? [{ name: 'bias', shape: [units], initializer: 'zeros' as const, isPenalised: false }] : []),
  ],
  describe: describeActivation,
  forward(spec, x, { builder, name, parameter }) {
    const product = builder.emit('matmul_nn', { x, w: parameter('weight') }, {}, {}, name)
    const net = spec.bias
      ? builder.emit('add_bias', { x: product, b: parameter('bias') }, {}, {}, name)
      : product
    return applyActivation(builder, net, spec)
  },
}
