/** Initial weights, drawn in double from the stream of the parameter's name and rounded once. */

import type { FloatArray } from '../ops/arithmetic.ts'
import { randomStream, type RandomStream } from '../random.ts'

interface Initializer {
  /** One value; fans are the inputs and outputs of the weight. */
  readonly draw: (random: RandomStream, index: number, fanIn: number, fanOut: number) => number
}

const uniform = (limit: (fanIn: number, fanOut: number) => number): Initializer => ({
  draw: (random, index, fanIn, fanOut) => (2 * random.uniform(index) - 1) * limit(fanIn, fanOut),
})

const normal = (deviation: (fanIn: number, fanOut: number) => number): Initializer => ({
  draw: (random, index, fanIn, fanOut) => random.normal(index) * deviation(fanIn, fanOut),
})

/**
 * The initializers by name.
 *
 * Glorot: variance 2/(fanIn + fanOut) (Glorot, Bengio 2010); He: 2/fanIn (He et al. 2015); LeCun: 1/fanIn (LeCun et al.
 * 1998, the "Xavier" of CS 4774). Uniform ranges have the same variance.
 */
export const initializers = {
  zeros: { draw: () => 0 },
  ones: { draw: () => 1 },
  glorotUniform: uniform((fanIn, fanOut) => Math.sqrt(6 / (fanIn + fanOut))),
  glorotNormal: normal((fanIn, fanOut) => Math.sqrt(2 / (fanIn + fanOut))),
  heUniform: uniform((fanIn) => Math.sqrt(6 / fanIn)),
  heNormal: normal((fanIn) => Math.sqrt(2 / fanIn)),
  lecunUniform: uniform((fanIn) => Math.sqrt(3 / fanIn)),
  lecunNormal: normal((fanIn) => Math.sqrt(1 / fanIn)),
} satisfies Record<string, Initializer>

/** Name of an initializer. */
export type InitializerName = keyof typeof initializers

/** Fills `out`, a parameter of shape [fanIn, fanOut] (or [fanOut]), from the stream `name` of the seed. */
export function initialize(
  out: FloatArray,
  initializer: InitializerName,
  seed: number,
  name: string,
  shape: readonly number[],
): void {
  const random = randomStream(seed, name)
  const [fanIn, fanOut] = [shape[0], shape[shape.length - 1]]
  const { draw } = initializers[initializer]
  for (let i = 0; i < out.length; i++) out[i] = draw(random, i, fanIn, fanOut)
}
