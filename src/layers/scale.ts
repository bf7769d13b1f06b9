/** Scale layer: one learned factor for each column. */

import { rejectUnknownKeys } from '../errors.ts'
import { placement, PLACEMENT, type LayerType, type SharedPlacement } from './layer.ts'

/** Scale layer as plain data. */
export interface ScaleSpec extends SharedPlacement {
  readonly type: 'scale'
}

/**
 * A learned factor for each column: `y = factor ∘ x`. In front of a network it weighs the inputs against each other.
 *
 * Shapes [batch, n] → [batch, n]; parameter factor [n], starting at 1, without penalty.
 *
 * @throws SpecError if an option is unknown
 * @source Holzmüller, Grinsztajn, Steinwart 2024, Better by Default, section 3
 * @example
 * new Network({ inputs: 3, layers: [scale(), dense(8, 'selu'), dense(1)], loss: 'squaredError' })
 */
export function scale(options: SharedPlacement = {}): ScaleSpec {
  rejectUnknownKeys('scale', options, PLACEMENT)
  return { type: 'scale', ...placement(options) }
}

/** Row of the layer table. */
export const scaleLayer: LayerType<ScaleSpec> = {
  type: 'scale',
  validate: () => undefined,
  outputs: (_, inputs) => inputs,
  parameters: (_, inputs) => [{ name: 'factor', shape: [inputs], initializer: 'ones', isPenalised: false }],
  describe: () => '',
  forward: (_, x, { builder, name, parameter }) =>
    builder.emit('multiply_columns', { x, w: parameter('factor') }, {}, {}, name),
}
