/** Activation layer: an element-wise function, or softmax over each row. */

import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { checkNumber, checkOneOf } from '../check.ts'
import type { Builder, Value } from '../compiler/builder.ts'
import type { InitializerName } from './initializers.ts'
import type { LayerType } from './layer.ts'

interface ActivationInfo {
  /** The op, or undefined where nothing is computed. */
  readonly op?: string
  readonly hasSlope?: boolean
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
    hasSlope: true,
    initializer: 'heUniform',
    formula: 'x >= 0 ? x : slope * x',
  },
  softmax: { op: 'softmax', initializer: 'glorotUniform', formula: 'e^x_j / sum_k e^x_k, over each row' },
} satisfies Record<string, ActivationInfo>

/** Name of an activation. */
export type ActivationName = keyof typeof activationTable

/** An activation as users may write it: a name, or a name with its setting. */
export type Activation = ActivationName | { name: ActivationName; slope?: number }

/** Activation layer as plain data. */
export interface ActivationSpec {
  readonly type: 'activation'
  readonly name?: string
  readonly activation: ActivationName
  /** Slope of leaky_relu for negative inputs, at least 0. */
  readonly slope?: number
}

const DEFAULT_SLOPE = 0.01

/**
 * A layer that applies an activation, shapes [batch, n] → [batch, n].
 *
 * @param activation a name, or `{ name: 'leaky_relu', slope }` with slope ≥ 0, default 0.01
 * @throws SpecError if no activation is called so
 * @example
 * new Network({ inputs: 2, layers: [dense(3), activation('tanh'), dense(1)], loss: 'squaredError' })
 */
export function activation(activation: Activation): ActivationSpec {
  const spec = normalizeActivation(activation, 'activation')
  return { type: 'activation', ...spec }
}

/** Name and slope of an activation in any of its forms. */
export function normalizeActivation(
  activation: Activation,
  where: string,
): { activation: ActivationName; slope?: number } {
  if (typeof activation === 'object') rejectUnknownKeys(where, activation, ['name', 'slope'])
  const { name, slope } = typeof activation === 'object' ? activation : { name: activation, slope: undefined }
  checkOneOf(where, name, Object.keys(activationTable))
  const info: ActivationInfo = activationTable[name]
  if (slope !== undefined && info.hasSlope !== true) {
    throw new SpecError({
      where: `${where}.slope`,
      expected: `no slope for ${name}`,
      received: String(slope),
    })
  }
  if (info.hasSlope !== true) return { activation: name }
  checkNumber(`${where}.slope`, slope ?? DEFAULT_SLOPE, { min: 0 })
  return { activation: name, slope: slope ?? DEFAULT_SLOPE }
}

/** Adds the node of an activation; linear adds none. */
export function applyActivation(
  builder: Builder,
  x: Value,
  { activation, slope }: { activation: ActivationName; slope?: number },
): Value {
  const { op }: ActivationInfo = activationTable[activation]
  if (op === undefined) return x
  return builder.emit(op, { x }, slope === undefined ? {} : { slope })
}

/** Row of the layer table. */
export const activationLayer: LayerType<ActivationSpec> = {
  type: 'activation',
  validate: ({ activation, slope }, where) => {
    normalizeActivation({ name: activation, slope }, where)
  },
  outputs: (_, inputs) => inputs,
  parameters: () => [],
  forward: (spec, x, { builder }) => applyActivation(builder, x, spec),
}
