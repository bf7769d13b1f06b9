/** What follows a normalisation: a scale gamma and a shift beta per column. */

import type { Value } from '../compiler/builder.ts'
import type { LayerContext, ParameterSpec } from './layer.ts'

/** gamma [n], starting at 1, and beta [n], starting at 0. */
export function scaleShiftParameters(n: number): ParameterSpec[] {
  return [
    { name: 'gamma', shape: [n], initializer: 'ones', isPenalised: false },
    { name: 'beta', shape: [n], initializer: 'zeros', isPenalised: false },
  ]
}

/** Adds x∘gamma + beta, shapes [rows, n] → [rows, n]. */
export function scaleAndShift(x: Value, { builder, name, parameter }: LayerContext): Value {
  const scaled = builder.emit('multiply_columns', { x, w: parameter('gamma') }, {}, {}, name)
  return builder.emit('add_bias', { x: scaled, b: parameter('beta') }, {}, {}, name)
}
