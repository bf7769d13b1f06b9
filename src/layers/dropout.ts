/** Dropout layer (inverted: outputs are scaled in training, so that prediction needs nothing). */

import { rejectUnknownKeys } from '../errors.ts'
import { checkNumber } from '../check.ts'
import { placement, type LayerType, type Placement } from './layer.ts'

/** Dropout layer as plain data. */
export interface DropoutSpec extends Placement {
  readonly type: 'dropout'
  readonly rate: number
}

/**
 * Dropout: in training each input is zeroed with probability `rate`, the others are divided by 1 − rate; in prediction
 * nothing happens. Shapes [batch, n] → [batch, n].
 *
 * @param rate from 0 to below 1
 * @throws SpecError if the rate is out of range
 * @source Srivastava et al. 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting
 * @example
 * dropout(0.1).rate // 0.1
 */
export function dropout(rate: number, options: Placement = {}): DropoutSpec {
  rejectUnknownKeys('dropout', options, ['name', 'from'])
  const spec: DropoutSpec = {
    type: 'dropout',
    ...placement(options),
    rate,
  }
  dropoutLayer.validate(spec, 'dropout')
  return spec
}

/** Row of the layer table. */
export const dropoutLayer: LayerType<DropoutSpec> = {
  type: 'dropout',
  validate: ({ rate }, where) => checkNumber(`${where}: rate`, rate, { min: 0, below: 1 }),
  outputs: (_, inputs) => inputs,
  parameters: () => [],
  describe: ({ rate }) => `rate ${rate}`,
  forward({ rate }, x, { builder, isDropping, mask }) {
    if (!isDropping || rate === 0) return x
    return builder.emit('hadamard', { a: x, b: mask(rate, Number(x.shape[1])) })
  },
}
