/** Fully connected layer. */

import { rejectUnknownKeys, SpecError } from '../errors.ts'
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
import { biasInitializers, normalizeInitializer, type Initializer } from './initializers.ts'
import { placement, PLACEMENT, type LayerType, type SharedPlacement } from './layer.ts'

/** Dense layer as plain data. */
export interface DenseSpec extends ActivationData, SharedPlacement {
  readonly type: 'dense'
  readonly units: number
  readonly bias: boolean
  readonly initializer: Initializer
  /** Stands here where biases do not start at 0. */
  readonly biasInitializer?: Initializer
  /** Stands here where the product is divided by √inputs. */
  readonly parametrization?: 'ntk'
}

/** Settings of {@link dense}. */
export interface DenseOptions extends SharedPlacement {
  /** Whether a bias is added, default true. */
  bias?: boolean
  /**
   * Initializer of the weight, such as `'heNormal'` or `{ name: 'normal', deviation: 0.02 }`; default the one that keeps
   * the variance of what goes through the activation: heUniform before relu and its kin, lecunNormal before selu, else
   * glorotUniform.
   */
  initializer?: Initializer
  /** Initializer of the bias: zeros (default), ones, constant, uniform or normal. */
  biasInitializer?: Initializer
  /**
   * `standard` (default), or `ntk`: `y = activation(x · weight / √in + bias)`, with a weight that is drawn with variance 1 by
   * default. Layers of all widths then learn well at one rate.
   *
   * @source Jacot, Gabriel, Hongler 2018, Neural Tangent Kernel, section 3
   */
  parametrization?: 'standard' | 'ntk'
}

const KNOWN = ['bias', 'initializer', 'biasInitializer', 'parametrization', ...PLACEMENT]
const PARAMETRIZATIONS = ['standard', 'ntk'] as const
const UNIT_NORMAL: Initializer = { name: 'normal', deviation: 1 }

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
  rejectUnknownKeys('dense', options, KNOWN)
  const normalized = normalizeActivation(activation, 'dense: activation')
  const { parametrization = 'standard' } = options
  checkOneOf('dense: parametrization', parametrization, PARAMETRIZATIONS)
  const usual = parametrization === 'ntk' ? UNIT_NORMAL : initializerBefore(normalized)
  const spec: DenseSpec = {
    type: 'dense',
    ...placement(options),
    units,
    ...normalized,
    bias: options.bias ?? true,
    initializer: normalizeInitializer(options.initializer ?? usual, 'dense: initializer'),
    ...(options.biasInitializer === undefined
      ? {}
      : {
          biasInitializer: normalizeInitializer(
            options.biasInitializer,
            'dense: biasInitializer',
            biasInitializers,
          ),
        }),
    ...(parametrization === 'ntk' ? { parametrization } : {}),
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
    normalizeInitializer(spec.initializer, `${where}: initializer`)
    checkOneOf(`${where}: parametrization`, spec.parametrization ?? 'standard', PARAMETRIZATIONS)
    if (spec.biasInitializer === undefined) return
    normalizeInitializer(spec.biasInitializer, `${where}: biasInitializer`, biasInitializers)
    if (spec.bias) return
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: `${where}: biasInitializer`,
      expected: 'a layer with a bias',
      received: 'bias: false',
    })
  },
  outputs: ({ units }) => units,
  parameters: ({ units, bias, initializer, biasInitializer = 'zeros' }, inputs) => [
    { name: 'weight', shape: [inputs, units], initializer, isPenalised: true },
    ...(bias ? [{ name: 'bias', shape: [units], initializer: biasInitializer, isPenalised: false }] : []),
  ],
  describe: (spec) => `${describeActivation(spec)}${spec.parametrization === 'ntk' ? ', ntk' : ''}`,
  forward(spec, x, { builder, name, parameter }) {
    const weight = parameter('weight')
    const sum = builder.emit('matmul_nn', { x, w: weight }, {}, {}, name)
    const product =
      spec.parametrization === 'ntk'
        ? builder.emit('scale', { x: sum }, { alpha: 1 / Math.sqrt(Number(weight.shape[0])) }, {}, name)
        : sum
    const net = spec.bias
      ? builder.emit('add_bias', { x: product, b: parameter('bias') }, {}, {}, name)
      : product
    return applyActivation(builder, net, spec)
  },
}
