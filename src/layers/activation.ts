/** Activation layer: an element-wise function, or softmax over each row. */

import { rejectUnknownKeys } from '../errors.ts'
import { checkNumber, checkOneOf, type Limits } from '../check.ts'
import type { Builder, Value } from '../compiler/builder.ts'
import type { InitializerName } from './initializers.ts'
import type { LayerType } from './layer.ts'

/** Settings of activations; each has those that its formula names. */
export interface ActivationSettings {
  /** Slope of leaky_relu for negative inputs, at least 0, default 0.01. */
  readonly slope?: number
  /** Minus the limit of elu for negative inputs, above 0, default 1. */
  readonly alpha?: number
}

interface ActivationInfo {
  /** The op, or undefined where nothing is computed. */
  readonly op?: string
  /** Scalars of the op, with their defaults and limits. */
  readonly settings?: Partial<Record<keyof ActivationSettings, { default: number; limits: Limits }>>
  /** Initializer that keeps the variance of what goes through it. */
  readonly initializer: InitializerName
  /** Formula for docs and messages. */
  readonly formula: string
}

/** The activations by name. */
export const activationTable = {
  linear: { initializer: 'glorotUniform', formula: 'x' },
  logistic: { op: 'logistic', initializer: 'glorotUniform', formula: '1 / (1 + e^-x)' },
  tanh: { op: 'tanh', initializer: 'glorotUniform', formula: '(e^x - e^-x) / (e^x + e^-x)' },
  relu: { op: 'relu', initializer: 'heUniform', formula: 'max(0, x)' },
  leaky_relu: {
    op: 'leaky_relu',
    settings: { slope: { default: 0.01, limits: { min: 0 } } },
    initializer: 'heUniform',
    formula: 'x >= 0 ? x : slope * x',
  },
  elu: {
    op: 'elu',
    settings: { alpha: { default: 1, limits: { above: 0 } } },
    initializer: 'heUniform',
    formula: 'x > 0 ? x : alpha * (e^x - 1)',
  },
  selu: {
    op: 'selu',
    initializer: 'lecunNormal',
    formula: '1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (e^x - 1))',
  },
  softplus: { op: 'softplus', initializer: 'heUniform', formula: 'log(1 + e^x)' },
  gelu: { op: 'gelu', initializer: 'heUniform', formula: 'x * (1 + erf(x / sqrt(2))) / 2' },
  gelu_tanh: {
    op: 'gelu_tanh',
    initializer: 'heUniform',
    formula: 'x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2',
  },
  silu: { op: 'silu', initializer: 'heUniform', formula: 'x / (1 + e^-x)' },
  mish: { op: 'mish', initializer: 'heUniform', formula: 'x * tanh(log(1 + e^x))' },
  gudermannian: { op: 'gudermannian', initializer: 'glorotUniform', formula: '2 * atan(tanh(x / 2))' },
  softmax: { op: 'softmax', initializer: 'glorotUniform', formula: 'e^x_j / sum_k e^x_k, over each row' },
} satisfies Record<string, ActivationInfo>

/** Name of an activation. */
export type ActivationName = keyof typeof activationTable

/** An activation as users may write it: a name, or a name with its setting. */
export type Activation = ActivationName | ({ name: ActivationName } & ActivationSettings)

/** Activation layer as plain data. */
export interface ActivationSpec extends ActivationSettings {
  readonly type: 'activation'
  readonly name?: string
  readonly activation: ActivationName
}

/**
 * A layer that applies an activation, shapes [batch, n] → [batch, n].
 *
 * @param activation a name, or a name with its setting, such as `{ name: 'leaky_relu', slope: 0.1 }`
 * @throws SpecError if no activation is called so
 * @example
 * new Network({ inputs: 2, layers: [dense(3), activation('tanh'), dense(1)], loss: 'squaredError' })
 */
export function activation(activation: Activation): ActivationSpec {
  const spec = normalizeActivation(activation, 'activation')
  return { type: 'activation', ...spec }
}

/** Name and settings of an activation in any of its forms, defaults filled in. */
export function normalizeActivation(
  activation: Activation,
  where: string,
): { activation: ActivationName } & ActivationSettings {
  const { name, ...given } =
    typeof activation === 'object' && activation !== null ? activation : { name: activation }
  checkOneOf(where, name, Object.keys(activationTable))
  const { settings = {} }: ActivationInfo = activationTable[name]
  rejectUnknownKeys(`${where} ${name}`, given, Object.keys(settings))
  const filled = Object.entries(settings).map(([key, { default: value, limits }]) => {
    const setting: unknown = given[key as keyof ActivationSettings] ?? value
    checkNumber(`${where}.${key}`, setting, limits)
    return [key, setting]
  })
  return { activation: name, ...(Object.fromEntries(filled) as ActivationSettings) }
}

/** The settings that stand in a layer's plain data. */
export function settingsOf({ slope, alpha }: ActivationSettings): ActivationSettings {
  return { ...(slope === undefined ? {} : { slope }), ...(alpha === undefined ? {} : { alpha }) }
}

/** An activation as text, such as `leaky_relu(0.01)`. */
export function describeActivation(spec: { activation: ActivationName } & ActivationSettings): string {
  const settings = Object.values(settingsOf(spec)).join(', ')
  return settings === '' ? spec.activation : `${spec.activation}(${settings})`
}

/** Adds the node of an activation; linear adds none. */
export function applyActivation(
  builder: Builder,
  x: Value,
  spec: { activation: ActivationName } & ActivationSettings,
): Value {
  const { op }: ActivationInfo = activationTable[spec.activation]
  return op === undefined ? x : builder.emit(op, { x }, { ...settingsOf(spec) })
}

/** Row of the layer table. */
export const activationLayer: LayerType<ActivationSpec> = {
  type: 'activation',
  validate: (spec, where) => {
    normalizeActivation({ name: spec.activation, ...settingsOf(spec) }, where)
  },
  outputs: (_, inputs) => inputs,
  parameters: () => [],
  describe: describeActivation,
  forward: (spec, x, { builder }) => applyActivation(builder, x, spec),
}
