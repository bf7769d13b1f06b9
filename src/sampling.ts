/** Monte Carlo dropout: predictions under many masks, as a measure of how uncertain a network is. */

import { checkInteger } from './check.ts'
import { compileSampling } from './compiler/prediction.ts'
import { rejectUnknownKeys, SpecError } from './errors.ts'
import { BLOCK_ROWS, type ForwardPasses } from './forward-passes.ts'
import { floatArray, type Dtype, type FloatArray, type FloatArrayOf } from './ops/arithmetic.ts'
import { streamKey } from './random.ts'
import { outputsOf, type NetworkSpec } from './spec.ts'
import { Moments } from './training/moments.ts'

/** Settings of predictions with dropout. */
export interface SampleOptions {
  /** Predictions per row, each with masks of its own: an integer from 1 to 2³² − 1. */
  samples: number
  /** Seed of the masks, an integer from 0 to 2⁵³ − 1, default the network's. */
  seed?: number
}

/** Predictions of a network with dropout: what they are on average, and how far they scatter. */
export interface SampledPrediction<D extends Dtype = Dtype> {
  /** Mean over the samples [rows · outputs]. */
  mean: FloatArrayOf<D>
  /** Standard deviation over the samples [rows · outputs], the squares divided by their number. */
  deviation: FloatArrayOf<D>
}

/**
 * Predictions with dropout acting: mean and deviation over samples of the masks.
 *
 * @param flat [rows · inputs]
 * @throws SpecError if the network has no dropout or an option does not fit
 */
export function samplePredictions(
  spec: NetworkSpec,
  passes: ForwardPasses,
  flat: FloatArray,
  options: SampleOptions,
): SampledPrediction {
  rejectUnknownKeys('predict', options, ['samples', 'seed'])
  const { samples, seed = spec.seed } = options
  checkInteger('predict: samples', samples, { min: 1, max: 2 ** 32 - 1 })
  checkInteger('predict: seed', seed, { min: 0 })
  const dropouts = spec.layers.filter((layer) => layer.type === 'dropout' && layer.rate > 0)
  if (dropouts.length === 0) {
    throw new SpecError({
      code: 'HADAMARD_NOT_POSSIBLE',
      where: 'predict: samples',
      expected: 'a network with dropout, whose predictions then differ',
      received: 'one without',
      cure: 'Add dropout(rate) between its layers before training, or call predict(x) without options',
    })
  }
  const outputs = outputsOf(spec)
  const length = (flat.length / spec.inputs) * outputs
  const [mean, deviation] = [floatArray(spec.dtype, length), floatArray(spec.dtype, length)]
  const sampling = { name: 'sampling', compile: compileSampling }
  passes.blocks(
    flat,
    (run, first, rows) => {
      // A stream for each block of rows: what a row gets depends neither on the samples nor on the rows behind it.
      const block = first / BLOCK_ROWS
      for (const { name } of dropouts) run.write(`${name}.key`, streamKey(seed, `${name}.samples${block}`))
      const [start, end] = [first * outputs, (first + rows) * outputs]
      const moments = new Moments(end - start)
      const output = floatArray(spec.dtype, end - start)
      for (let step = 0; step < samples; step++) {
        run.write('step', Uint32Array.of(step))
        run('forward')
        moments.add(run.read('output', output))
      }
      mean.set(moments.mean, start)
      deviation.set(moments.deviation(), start)
    },
    sampling,
  )
  return { mean, deviation }
}
