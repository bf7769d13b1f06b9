/** Activation layer: an element-wise function, or softmax over each row. */

import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { checkOneOf, fillSettings, type Setting } from '../check.ts'
import type { Builder, Value } from '../compiler/builder.ts'
import { opNamed } from '../ops/index.ts'
import { applyComposed, normalizeComposed, type ComposedActivation } from './composed.ts'
import { applyCustom, normalizeCustom, type CustomActivation } from './custom.ts'
import type { InitializerName } from './initializers.ts'
import { placement, type LayerType, type Placement } from './layer.ts'

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
  readonly settings?: Partial<Record<keyof ActivationSettings, Setting>>
  /** Initializer that keeps the variance of what goes through it. */
  readonly initializer: InitializerName
  /** Formula for docs and messages. */
  readonly formula: string
  /** The limits that its outputs approach, where it has two and its slope vanishes there. */
  readonly range?: readonly [number, number]
  /** Whether a unit can be 0, without a gradient, for every input that comes. */
  readonly canDie?: boolean
}

/** The activations by name. */
export const activationTable = {
  linear: { initializer: 'glorotUniform', formula: 'x' },
  logistic: { op: 'logistic', initializer: 'glorotUniform', formula: '1 / (1 + e^-x)', range: [0, 1] },
  tanh: {
    op: 'tanh',
    initializer: 'glorotUniform',
    formula: '(e^x - e^-x) / (e^x + e^-x)',
    range: [-1, 1],
  },
  relu: { op: 'relu', initializer: 'heUniform', formula: 'max(0, x)', canDie: true },
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
  gudermannian: {
    op: 'gudermannian',
    initializer: 'glorotUniform',
    formula: '2 * atan(tanh(x / 2))',
    range: [-Math.PI / 2, Math.PI / 2],
  },
  step: { op: 'step', initializer: 'glorotUniform', formula: 'x >= 0 ? 1 : 0' },
  softmax: { op: 'softmax', initializer: 'glorotUniform', formula: 'e^x_j / sum_k e^x_k, over each row' },
} satisfies Record<string, ActivationInfo>

/**
 * Name of an activation of the library.
 *
 * @useDeclaredType
 */
export type ActivationName = keyof typeof activationTable

/** The activations that gradients pass through: all but step. */
export const differentiableActivations = (Object.keys(activationTable) as ActivationName[]).filter((name) =>
  hasGradient(name),
)

/** The initializer of weights before an activation where none is asked for. */
export function initializerBefore({ activation }: ActivationData): InitializerName {
  return typeof activation === 'string' ? activationTable[activation].initializer : 'glorotUniform'
}

/** Whether gradients pass through an activation. */
export function hasGradient(activation: ActivationName | OwnActivation): boolean {
  if (typeof activation === 'object') return true
  const { op }: ActivationInfo = activationTable[activation]
  return op === undefined || opNamed(op).gradient !== undefined
}

/** An activation that is not in the table: composed of known ops, or given by two functions. */
export type OwnActivation = ComposedActivation | CustomActivation

/** An activation as users may write it: a name, a name with its setting, or one of their own. */
export type Activation = ActivationName | ({ name: ActivationName } & ActivationSettings) | OwnActivation

/** An activation as it stands in a layer's plain data. */
export interface ActivationData extends ActivationSettings {
  readonly activation: ActivationName | OwnActivation
}

/** Activation layer as plain data. */
export interface ActivationSpec extends ActivationData, Placement {
  readonly type: 'activation'
}

/**
 * A layer that applies an activation, shapes [batch, n] → [batch, n].
 *
 * @param activation a name, a name with its setting, such as `{ name: 'leaky_relu', slope: 0.1 }`, or what `composed` or
 *   `customActivation` gives
 * @throws SpecError if no activation is called so
 * @example
 * new Network({ inputs: 2, layers: [dense(3), activation('tanh'), dense(1)], loss: 'squaredError' })
 */
export function activation(activation: Activation, options: Placement = {}): ActivationSpec {
  rejectUnknownKeys('activation', options, ['name', 'from'])
  const spec = normalizeActivation(activation, 'activation')
  return { type: 'activation', ...placement(options), ...spec }
}

/** An activation in any of its forms as plain data, defaults filled in. */
export function normalizeActivation(activation: Activation, where: string): ActivationData {
  if (isOwn(activation)) return { activation: normalizeOwn(activation, where) }
  const { name, ...given } =
    typeof activation === 'object' && activation !== null ? activation : { name: activation }
  checkOneOf(where, name, Object.keys(activationTable))
  const { settings = {} }: ActivationInfo = activationTable[name]
  return { activation: name, ...fillSettings(`${where} ${name}`, where, given, settings) }
}

function isOwn(activation: Activation): activation is OwnActivation {
  if (typeof activation !== 'object' || activation === null) return false
  return 'steps' in activation || 'forward' in activation || 'backward' in activation
}

function normalizeOwn(activation: OwnActivation, where: string): OwnActivation {
  const own =
    'steps' in activation ? normalizeComposed(activation, where) : normalizeCustom(activation, where)
  if (!Object.hasOwn(activationTable, own.name)) return own
  throw new SpecError({
    code: 'HADAMARD_ACTIVATION',
    where: `${where}: name`,
    expected: 'a name that no activation of the library has',
    received: `'${own.name}'`,
  })
}

/**
 * Checks the activation in a layer's plain data, which may come from a file.
 *
 * @throws SpecError if it is none
 */
export function checkActivation(spec: ActivationData, where: string): void {
  const { activation } = spec
  normalizeActivation(
    typeof activation === 'string' ? { name: activation, ...settingsOf(spec) } : activation,
    where,
  )
}

// The settings that stand in a layer's plain data.
function settingsOf({ slope, alpha }: ActivationSettings): ActivationSettings {
  return { ...(slope === undefined ? {} : { slope }), ...(alpha === undefined ? {} : { alpha }) }
}

/** The name of an activation. */
export function activationName({ activation }: ActivationData): string {
  return typeof activation === 'string' ? activation : activation.name
}

/** An activation as text, such as `leaky_relu(0.01)`. */
export function describeActivation(spec: ActivationData): string {
  const settings = Object.values(settingsOf(spec)).join(', ')
  return settings === '' ? activationName(spec) : `${activationName(spec)}(${settings})`
}

/** What monitors look for behind an activation: units that are saturated, or dead. */
export function monitoredTraits({ activation }: ActivationData): Pick<ActivationInfo, 'range' | 'canDie'> {
  if (typeof activation === 'object') return {}
  const { range, canDie }: ActivationInfo = activationTable[activation]
  return { range, canDie }
}

/** Whether an activation is given by functions. */
export function isCustom({ activation }: ActivationData): boolean {
  return typeof activation === 'object' && 'forward' in activation
}

/** Adds the nodes of an activation; linear adds none. */
export function applyActivation(builder: Builder, x: Value, spec: ActivationData): Value {
  const { activation } = spec
  if (typeof activation === 'object') {
    return 'steps' in activation ? applyComposed(builder, x, activation) : applyCustom(builder, x, activation)
  }
  const { op }: ActivationInfo = activationTable[activation]
  return op === undefined ? x : builder.emit(op, { x }, { ...settingsOf(spec) })
}

/** Row of the layer table. */
export const activationLayer: LayerType<ActivationSpec> = {
  type: 'activation',
  validate: checkActivation,
  outputs: (_, inputs) => inputs,
  parameters: () => [],
  describe: describeActivation,
  forward: (spec, x, { builder }) => applyActivation(builder, x, spec),
}
