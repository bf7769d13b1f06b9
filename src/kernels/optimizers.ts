/** One step of an optimizer on a vector of weights; the caller keeps the state. Formulas: docs/numerics.md. */

import { normalizeOptimizer, type OptimizerName, type OptimizerSpec } from '../compiler/optimizers.ts'
import type { FloatArray } from '../ops/arithmetic.ts'
import { SpecError } from '../errors.ts'
import { FLOAT_KINDS, overlaps, viewOf } from '../typed-arrays.ts'
import { commonLength, readOptions, run } from './call.ts'

/** State of {@link adam}: two moments, as long as the weights and zero at first, and β₁ᵗ and β₂ᵗ, which start at 1. */
export interface AdamState<T extends FloatArray> {
  m: T
  v: T
  powers: Float64Array
}

/**
 * Gradient descent: `w −= learningRate · dw`. Synchronous, in place.
 *
 * @param w weights, changed in place; must not overlap dw
 * @param dw their gradient, as long as w
 * @param options.learningRate above 0, default 0.01
 * @returns w
 * @throws SpecError if an option, types, lengths or overlap do not fit
 * @example
 * sgd(Float32Array.of(1, 2), Float32Array.of(2, -2), { learningRate: 0.5 }) // Float32Array [ 0, 3 ]
 */
export function sgd<T extends FloatArray>(w: T, dw: T, options: { learningRate?: number } = {}): T {
  const { learningRate } = settingsOf('sgd', readOptions('sgd', options, ['learningRate']))
  const count = commonLength('sgd', { w, dw })
  run('sgd', 'sgd', [count], [], { learningRate: Float64Array.of(learningRate), dw, w })
  return w
}

/**
 * Gradient descent with momentum: `v = momentum · v + dw`, `w −= learningRate · v`. Synchronous, in place.
 *
 * @param w weights, changed in place; no two of the arrays may overlap
 * @param dw their gradient, as long as w
 * @param v velocity, as long as w and zero at first, changed in place
 * @param options.learningRate above 0, default 0.01
 * @param options.momentum from 0 to below 1, default 0.9
 * @returns w
 * @throws SpecError if an option, types, lengths or overlap do not fit
 * @source Sutskever et al. 2013, On the Importance of Initialization and Momentum in Deep Learning
 * @example
 * const v = Float32Array.of(1)
 * momentum(Float32Array.of(4), Float32Array.of(2), v, { learningRate: 0.5, momentum: 0.5 }) // Float32Array [ 2.75 ]
 * v // Float32Array [ 2.5 ]
 */
export function momentum<T extends FloatArray>(
  w: T,
  dw: T,
  v: T,
  options: { learningRate?: number; momentum?: number } = {},
): T {
  return withVelocity('momentum', w, dw, v, options)
}

/**
 * Nesterov's momentum: `v = momentum · v + dw`, `w −= learningRate · (momentum · v + dw)`. Synchronous, in place.
 *
 * @param w weights, changed in place; no two of the arrays may overlap
 * @param dw their gradient, as long as w
 * @param v velocity, as long as w and zero at first, changed in place
 * @param options.learningRate above 0, default 0.01
 * @param options.momentum from 0 to below 1, default 0.9
 * @returns w
 * @throws SpecError if an option, types, lengths or overlap do not fit
 * @source Sutskever et al. 2013, On the Importance of Initialization and Momentum in Deep Learning
 * @example
 * const v = Float32Array.of(1)
 * nesterov(Float32Array.of(4), Float32Array.of(2), v, { learningRate: 0.5, momentum: 0.5 }) // Float32Array [ 2.375 ]
 * v // Float32Array [ 2.5 ]
 */
export function nesterov<T extends FloatArray>(
  w: T,
  dw: T,
  v: T,
  options: { learningRate?: number; momentum?: number } = {},
): T {
  return withVelocity('nesterov', w, dw, v, options)
}

/**
 * One step of Adam. Synchronous, in place.
 *
 * @param w weights, changed in place; no two of the arrays may overlap
 * @param dw their gradient, as long as w
 * @param state changed in place: m and v as long as w, zero at first; powers [2], 1 and 1 at first
 * @param options.learningRate above 0, default 0.001
 * @param options.beta1 from 0 to below 1, default 0.9
 * @param options.beta2 from 0 to below 1, default 0.999
 * @param options.epsilon above 0, default 1e-8
 * @returns w
 * @throws SpecError if an option, types, lengths or overlap do not fit
 * @source Kingma, Ba 2015, Adam: A Method for Stochastic Optimization, algorithm 1
 * @example
 * const state = { m: new Float32Array(1), v: new Float32Array(1), powers: Float64Array.of(1, 1) }
 * adam(Float32Array.of(1), Float32Array.of(3), state, { learningRate: 0.25 }) // Float32Array [ 0.75 ]
 * state.powers // Float64Array [ 0.9, 0.999 ]
 */
export function adam<T extends FloatArray>(
  w: T,
  dw: T,
  state: AdamState<T>,
  options: { learningRate?: number; beta1?: number; beta2?: number; epsilon?: number } = {},
): T {
  const given = readOptions('adam', options, ['learningRate', 'beta1', 'beta2', 'epsilon'])
  const { learningRate, settings } = settingsOf('adam', given)
  const { beta1, beta2, epsilon } = settings
  const { m, v, powers } = readOptions('adam', state, ['m', 'v', 'powers'])
  const count = commonLength('adam', { w, dw, m, v })
  checkPowers(powers, { w, dw, m, v })
  // The powers advance once everything else has been found right: a bad call changes nothing.
  const next = Float64Array.of(powers[0], powers[1])
  const coefficients = new Float64Array(2)
  const rate = Float64Array.of(learningRate)
  run('adam', 'adam_advance', [], [beta1, beta2], { learningRate: rate, powers: next, coefficients })
  run('adam', 'adam', [count], [beta1, beta2, epsilon], { coefficients, dw, m, v, w })
  powers[0] = next[0]
  powers[1] = next[1]
  return w
}

function withVelocity<T extends FloatArray>(
  name: 'momentum' | 'nesterov',
  w: T,
  dw: T,
  v: T,
  options: { learningRate?: number; momentum?: number },
): T {
  const { learningRate, settings } = settingsOf(
    name,
    readOptions(name, options, ['learningRate', 'momentum']),
  )
  const count = commonLength(name, { w, dw, v })
  run(name, name, [count], [settings.momentum], { learningRate: Float64Array.of(learningRate), dw, v, w })
  return w
}

function settingsOf(name: OptimizerName, options: object): OptimizerSpec {
  return normalizeOptimizer({ name, ...options })
}

function checkPowers(powers: unknown, others: Readonly<Record<string, FloatArray>>): void {
  const where = 'adam: powers'
  const view = viewOf(where, powers, ['Float64Array'])
  if (view.length < 2) {
    throw new SpecError({
      code: 'HADAMARD_SHAPE',
      where,
      expected: 'at least 2 elements',
      received: String(view.length),
    })
  }
  for (const [name, array] of Object.entries(others)) {
    const other = viewOf(`adam: ${name}`, array, FLOAT_KINDS)
    if (!overlaps(view, 2, other, other.length)) continue
    const expected = `memory that does not overlap ${name}`
    throw new SpecError({
      code: 'HADAMARD_OVERLAP',
      where,
      expected,
      received: 'overlapping views of one buffer',
    })
  }
}
