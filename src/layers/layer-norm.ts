/** Layer normalisation layer. */

import { checkNumber } from '../check.ts'
import { rejectUnknownKeys } from '../errors.ts'
import { placement, PLACEMENT, type LayerType, type SharedPlacement } from './layer.ts'
import { scaleAndShift, scaleShiftParameters } from './scale-shift.ts'

/** Layer normalisation layer as plain data. */
export interface LayerNormSpec extends SharedPlacement {
  readonly type: 'layerNorm'
  readonly epsilon: number
}

/** Settings of {@link layerNorm}. */
export interface LayerNormOptions extends SharedPlacement {
  /** Added to the variance, above 0, default 1e-5. */
  epsilon?: number
}

/**
 * Layer normalisation: `y = gamma · (x − mean) / √(variance + epsilon) + beta` with mean and variance (divided by n) of each
 * row, in training and in prediction alike.
 *
 * Shapes [batch, n] → [batch, n]; parameters gamma [n], starting at 1, and beta [n], starting at 0.
 *
 * @throws SpecError if an option is unknown or out of range
 * @source Ba, Kiros, Hinton 2016, Layer Normalization, eq. 4
 * @example
 * layerNorm().epsilon // 0.00001
 */
export function layerNorm(options: LayerNormOptions = {}): LayerNormSpec {
  rejectUnknownKeys('layerNorm', options, ['epsilon', ...PLACEMENT])
  const { epsilon = 1e-5 } = options
  const spec: LayerNormSpec = { type: 'layerNorm', ...placement(options), epsilon }
  layerNormLayer.validate(spec, 'layerNorm')
  return spec
}

/** Row of the layer table. */
export const layerNormLayer: LayerType<LayerNormSpec> = {
  type: 'layerNorm',
  validate: ({ epsilon }, where) => checkNumber(`${where}: epsilon`, epsilon, { above: 0 }),
  outputs: (_, inputs) => inputs,
  parameters: (_, inputs) => scaleShiftParameters(inputs),
  describe: ({ epsilon }) => `epsilon ${epsilon}`,
  forward({ epsilon }, x, context) {
    const { builder, name } = context
    return scaleAndShift(builder.emit('normalize_rows', { x }, { epsilon }, {}, name), context)
  },
}
