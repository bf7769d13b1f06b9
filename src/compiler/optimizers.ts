/** Optimizers: their settings, and the nodes that update all parameters at once from all gradients. */

import { checkNumber, checkOneOf } from '../check.ts'
import { rejectUnknownKeys } from '../errors.ts'
import type { Builder, Value } from './builder.ts'

interface OptimizerInfo {
  /** Default of each setting beside the learning rate. */
  readonly settings: Readonly<Record<string, number>>
  readonly learningRate: number
  /** Adds the update; `state(name)` is a vector of the parameters' length that starts at 0. */
  emit(
    builder: Builder,
    operands: { rate: Value; dw: Value; w: Value },
    settings: Readonly<Record<string, number>>,
    state: (name: string) => Value,
  ): void
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
  adam: {
    settings: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    learningRate: 0.001,
    emit(builder, { rate, dw, w }, { beta1, beta2, epsilon }, state) {
      const powers = builder.value('adam.powers', [2], { region: 'settings', type: 'f64' })
      const coefficients = builder.value('adam.coefficients', [2], { region: 'settings', type: 'f64' })
      builder.emit('adam_advance', { rate, powers }, { beta1, beta2 }, { coefficients })
      const moments = { m: state('mean'), v: state('square') }
      builder.emit('adam', { coefficients, dw, ...moments, w }, { beta1, beta2, epsilon })
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
      /** Default 0.001 for adam, 0.01 for the others. */
      learningRate?: number
      /** Default 0.9; momentum and nesterov only. */
      momentum?: number
      /** Default 0.9; adam only. */
      beta1?: number
      /** Default 0.999; adam only. */
      beta2?: number
      /** Default 1e-8; adam only. */
      epsilon?: number
    }

/** An optimizer with all settings filled in. */
export interface OptimizerSpec {
  readonly name: OptimizerName
  readonly learningRate: number
  readonly settings: Readonly<Record<string, number>>
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
  rejectUnknownKeys(`optimizer ${given.name}`, given, ['name', 'learningRate', ...Object.keys(info.settings)])
  const learningRate = given.learningRate ?? info.learningRate
  checkNumber('optimizer.learningRate', learningRate, { above: 0 })
  const settings: Record<string, number> = {}
  for (const [name, value] of Object.entries(info.settings)) {
    const setting = given[name] ?? value
    checkNumber(`optimizer.${name}`, setting, name === 'epsilon' ? { above: 0 } : { min: 0, below: 1 })
    settings[name] = setting
  }
  return { name: given.name, learningRate, settings }
}
