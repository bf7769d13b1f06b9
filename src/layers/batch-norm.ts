/** Batch normalisation layer. */

import { checkNumber } from '../check.ts'
import { rejectUnknownKeys } from '../errors.ts'
import { placement, type LayerType, type Placement } from './layer.ts'
import { scaleAndShift, scaleShiftParameters } from './scale-shift.ts'

/** Batch normalisation layer as plain data. */
export interface BatchNormSpec extends Placement {
  readonly type: 'batchNorm'
  readonly epsilon: number
  readonly momentum: number
}

/** Settings of {@link batchNorm}. */
export interface BatchNormOptions extends Placement {
  /** Added to the variance, above 0, default 1e-5. */
  epsilon?: number
  /** Share of a batch in the running statistics, from 0 to 1, default 0.1. */
  momentum?: number
}

/**
 * Batch normalisation: `y = gamma · (x − mean) / √(variance + epsilon) + beta`, column by column.
 *
 * Shapes [batch, n] → [batch, n]; parameters gamma [n], starting at 1, and beta [n], starting at 0. In training, mean and
 * variance (divided by the rows) are those of the batch, and each step moves the state runningMean [n] and
 * runningVariance [n] (divided by the rows less one) by `momentum` of the way to the batch's. Prediction uses the state, and
 * so does a last batch that is left with one row. A layer before it needs no bias of its own.
 *
 * @throws SpecError if an option is unknown or out of range
 * @source Ioffe, Szegedy 2015, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift
 * @example
 * batchNorm().momentum // 0.1
 */
export function batchNorm(options: BatchNormOptions = {}): BatchNormSpec {
  rejectUnknownKeys('batchNorm', options, ['epsilon', 'momentum', 'name', 'from'])
  const { epsilon = 1e-5, momentum = 0.1 } = options
  const spec: BatchNormSpec = {
    type: 'batchNorm',
    ...placement(options),
    epsilon,
    momentum,
  }
  batchNormLayer.validate(spec, 'batchNorm')
  return spec
}

/** Row of the layer table. */
export const batchNormLayer: LayerType<BatchNormSpec> = {
  type: 'batchNorm',
  needsBatches: true,
  validate({ epsilon, momentum }, where) {
    checkNumber(`${where}: epsilon`, epsilon, { above: 0 })
    checkNumber(`${where}: momentum`, momentum, { min: 0, max: 1 })
  },
  outputs: (_, inputs) => inputs,
  parameters: (_, inputs) => scaleShiftParameters(inputs),
  state: (_, inputs) => [
    { name: 'runningMean', shape: [inputs], initial: 0, limits: {} },
    { name: 'runningVariance', shape: [inputs], initial: 1, limits: { min: 0 } },
  ],
  describe: ({ epsilon, momentum }) => `epsilon ${epsilon}, momentum ${momentum}`,
  forward({ epsilon, momentum }, x, context) {
    const { builder, name, isTraining, state, atUpdate } = context
    const running = { runningMean: state('runningMean'), runningVariance: state('runningVariance') }
    let statistics = { mean: running.runningMean, variance: running.runningVariance }
    if (isTraining) {
      // In the batch's region: they outlast the entry, and nothing is computed in their place before the update.
      const ofBatch = (statistic: string) =>
        builder.value(`${name}.${statistic}`, [Number(x.shape[1])], { region: 'batch' })
      const batch = { mean: ofBatch('mean'), variance: ofBatch('variance') }
      builder.emit('batch_statistics', { x, ...running }, {}, batch)
      atUpdate(() => builder.emit('update_running', { ...batch, ...running }, { momentum }))
      statistics = batch
    }
    const { mean, variance } = statistics
    const inverse = builder.emit('inverse_deviation', { variance }, { epsilon }, {}, `${name}.inverse`)
    const areConstant = Number(!isTraining)
    const y = builder.emit('normalize_columns', { x, mean, inverse }, { areConstant }, {}, name)
    return scaleAndShift(y, context)
  },
}
