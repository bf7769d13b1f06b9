/** Optimizers: their settings, and the nodes that update all parameters at once from all gradients. */

import { checkBoolean, checkNumber, checkOneOf, type Limits } from '../check.ts'
import { rejectUnknownKeys } from '../errors.ts'
import type { Builder, Value } from './builder.ts'

interface OptimizerInfo {
  /** Default of each setting beside the learning rate. */
  readonly settings: Readonly<Record<string, number>>
  readonly learningRate: number
  /** Default factor of weight decay, 0 where none is named. */
  readonly weightDecay?: number
  /** Whether weight decay shrinks the weights themselves (AdamW) rather than adding to the gradient. */
  readonly isDecayDecoupled?: boolean
  /** What a state vector starts from where that is not 0. */
  readonly initialState?: (settings: Readonly<Record<string, number>>) => Readonly<Record<string, number>>
  /** Adds the update; `state(name)` is a vector of the parameters' length that starts at 0. */
  emit(
    builder: Builder,
    operands: { rate: Value; dw: Value; w: Value },
    settings: Readonly<Record<string, number>>,
    state: (name: string) => Value,
  ): void
}

const adam: OptimizerInfo = {
  settings: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  learningRate: 0.001,
  emit(builder, { rate, dw, w }, { beta1, beta2, epsilon }, state) {
    const powers = builder.value('adam.powers', [2], { region: 'settings', type: 'f64' })
    const coefficients = builder.value('adam.coefficients', [2], { region: 'settings', type: 'f64' })
    builder.emit('adam_advance', { rate, powers }, { beta1, beta2 }, { coefficients })
    const moments = { m: state('mean'), v: state('square') }
    builder.emit('adam', { coefficients, dw, ...moments, w }, { beta1, beta2, epsilon })
  },
}

const withMomentum = (op: string): OptimizerInfo => ({
  settings: { momentum: 0.9 },
  learningRate: 0.01,
  emit(builder, { rate, dw, w }, { momentum }, state) {
    builder.emit(op, { rate, dw, v: state('velocity'), w }, { mu: momentum })
  },
})

/** The optimizers by name, with their defaults. Formulas: docs/numerics.md. */
export const optimizerTable = {
  sgd: {
    settings: {},
    learningRate: 0.01,
    emit(builder, { rate, dw, w }) {
      builder.emit('sgd', { rate, dw, w })
    },
  },
  momentum: withMomentum('momentum'),
  nesterov: withMomentum('nesterov'),
  adam,
  adamw: { ...adam, weightDecay: 0.01, isDecayDecoupled: true },
  rmsprop: {
    settings: { rho: 0.9, epsilon: 1e-8, momentum: 0 },
    learningRate: 0.001,
    emit(builder, { rate, dw, w }, { rho, epsilon, momentum }, state) {
      const states = { v: state('square'), b: state('velocity') }
      builder.emit('rmsprop', { rate, dw, ...states, w }, { rho, epsilon, mu: momentum })
    },
  },
  adagrad: {
    settings: { epsilon: 1e-10, initialAccumulator: 0 },
    learningRate: 0.01,
    initialState: ({ initialAccumulator }) => ({ square: initialAccumulator }),
    emit(builder, { rate, dw, w }, { epsilon }, state) {
      builder.emit('adagrad', { rate, dw, v: state('square'), w }, { epsilon })
    },
  },
  adadelta: {
    settings: { rho: 0.9, epsilon: 1e-6 },
    learningRate: 1,
    emit(builder, { rate, dw, w }, { rho, epsilon }, state) {
      builder.emit('adadelta', { rate, dw, v: state('square'), a: state('moved'), w }, { rho, epsilon })
    },
  },
} satisfies Record<string, OptimizerInfo>

/** Name of an optimizer. */
export type OptimizerName = keyof typeof optimizerTable

/** An optimizer as users may write it. */
export type Optimizer =
  | OptimizerName
  | {
      name: OptimizerName
      /** Default 0.001 for adam, adamw and rmsprop, 1 for adadelta, 0.01 for the others. */
      learningRate?: number
      /** λ: adds λ·w to the gradient, or for adamw takes rate·λ·w from the weight. Default 0.01 for adamw, else 0. */
      weightDecay?: number
      /** Whether weight decay acts on biases too, default true. */
      decayBiases?: boolean
      /** Default 0.9 for momentum and nesterov, 0 for rmsprop; these only. */
      momentum?: number
      /** Default 0.9; adam and adamw only. */
      beta1?: number
      /** Default 0.999; adam and adamw only. */
      beta2?: number
      /** Default 0.9; rmsprop and adadelta only. */
      rho?: number
      /** Default 1e-8 for adam, adamw and rmsprop, 1e-10 for adagrad, 1e-6 for adadelta; these only. */
      epsilon?: number
      /** What adagrad's sum of squares starts from, default 0. */
      initialAccumulator?: number
    }

/** An optimizer with all settings filled in. */
export interface OptimizerSpec {
  readonly name: OptimizerName
  readonly learningRate: number
  readonly settings: Readonly<Record<string, number>>
  readonly weightDecay: number
  readonly decayBiases: boolean
}

const COMMON_SETTINGS = ['name', 'learningRate', 'weightDecay', 'decayBiases']
const LIMITS: Readonly<Record<string, Limits | undefined>> = {
  epsilon: { above: 0 },
  initialAccumulator: { min: 0 },
}

/** What the compiler needs to know of an optimizer. */
export function optimizerInfo(name: OptimizerName): OptimizerInfo {
  return optimizerTable[name]
}

/**
 * Fills in and checks an optimizer.
 *
 * @throws SpecError if the name is unknown or a setting does not fit
 */
export function normalizeOptimizer(optimizer: Optimizer): OptimizerSpec {
  if (optimizer === null) rejectUnknownKeys('optimizer', optimizer, ['name', 'learningRate'])
  const given: { name: OptimizerName } & Record<string, unknown> =
    typeof optimizer === 'object' ? { ...optimizer } : { name: optimizer }
  checkOneOf('optimizer', given.name, Object.keys(optimizerTable))
  const info = optimizerInfo(given.name)
  rejectUnknownKeys(`optimizer ${given.name}`, given, [...COMMON_SETTINGS, ...Object.keys(info.settings)])
  const learningRate = given.learningRate ?? info.learningRate
  checkNumber('optimizer.learningRate', learningRate, { above: 0 })
  const { weightDecay = info.weightDecay ?? 0, decayBiases = true } = given
  checkNumber('optimizer.weightDecay', weightDecay, { min: 0 })
  checkBoolean('optimizer.decayBiases', decayBiases)
  const settings: Record<string, number> = {}
  for (const [name, value] of Object.entries(info.settings)) {
    const setting = given[name] ?? value
    checkNumber(`optimizer.${name}`, setting, LIMITS[name] ?? { min: 0, below: 1 })
    settings[name] = setting
  }
  return { name: given.name, learningRate, settings, weightDecay, decayBiases }
}
