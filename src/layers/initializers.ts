/** Initial weights, drawn in double from the stream of the parameter's name and rounded once. */

import { checkOneOf, fillSettings, type Setting } from '../check.ts'
import type { FloatArray } from '../ops/arithmetic.ts'
import { randomStream, type RandomStream } from '../random.ts'

/** Settings of initializers; each has those that its formula names. */
export interface InitializerSettings {
  /** The value of constant. */
  readonly value?: number
  /** Largest absolute value of uniform, above 0, default 0.05. */
  readonly range?: number
  /** Standard deviation of normal, above 0, default 0.01. */
  readonly deviation?: number
  /** Length of the orthogonal columns or rows, above 0, default 1. */
  readonly gain?: number
}

interface Fans {
  readonly fanIn: number
  readonly fanOut: number
}

interface InitializerInfo {
  /** Settings with their defaults and limits. */
  readonly settings?: Partial<Record<keyof InitializerSettings, Setting>>
  /** Whether it needs no fans, and so suits biases too. */
  readonly suitsBias?: boolean
  /** Fills the weight [fanIn, fanOut]. */
  readonly fill: (
    out: FloatArray,
    random: RandomStream,
    fans: Fans,
    settings: Required<InitializerSettings>,
  ) => void
}

const each =
  (draw: (random: RandomStream, index: number) => number, scale: (fans: Fans) => number) =>
  (out: FloatArray, random: RandomStream, fans: Fans): void => {
    const factor = scale(fans)
    for (let i = 0; i < out.length; i++) out[i] = draw(random, i) * factor
  }
const drawUniform = (random: RandomStream, index: number): number => 2 * random.uniform(index) - 1
const drawNormal = (random: RandomStream, index: number): number => random.normal(index)

/**
 * The initializers by name.
 *
 * Glorot: variance 2/(fanIn + fanOut) (Glorot, Bengio 2010); He: 2/fanIn (He et al. 2015); LeCun: 1/fanIn (LeCun et al.
 * 1998, the "Xavier" of CS 4774). Uniform ranges have the same variance. `constant`, `uniform` and `normal` take their
 * size as it is set, whatever the fans. `orthogonal` (Saxe et al. 2014): the columns of the weight are orthonormal, or
 * the rows where those are fewer, evenly distributed among all such.
 */
export const initializers = {
  zeros: { suitsBias: true, fill: (out) => out.fill(0) },
  ones: { suitsBias: true, fill: (out) => out.fill(1) },
  constant: {
    settings: { value: { limits: {} } },
    suitsBias: true,
    fill: (out, _random, _fans, { value }) => out.fill(value),
  },
  uniform: {
    settings: { range: { default: 0.05, limits: { above: 0 } } },
    suitsBias: true,
    fill: (out, random, fans, { range }) => each(drawUniform, () => range)(out, random, fans),
  },
  normal: {
    settings: { deviation: { default: 0.01, limits: { above: 0 } } },
    suitsBias: true,
    fill: (out, random, fans, { deviation }) => each(drawNormal, () => deviation)(out, random, fans),
  },
  glorotUniform: { fill: each(drawUniform, ({ fanIn, fanOut }) => Math.sqrt(6 / (fanIn + fanOut))) },
  glorotNormal: { fill: each(drawNormal, ({ fanIn, fanOut }) => Math.sqrt(2 / (fanIn + fanOut))) },
  heUniform: { fill: each(drawUniform, ({ fanIn }) => Math.sqrt(6 / fanIn)) },
  heNormal: { fill: each(drawNormal, ({ fanIn }) => Math.sqrt(2 / fanIn)) },
  lecunUniform: { fill: each(drawUniform, ({ fanIn }) => Math.sqrt(3 / fanIn)) },
  lecunNormal: { fill: each(drawNormal, ({ fanIn }) => Math.sqrt(1 / fanIn)) },
  orthogonal: {
    settings: { gain: { default: 1, limits: { above: 0 } } },
    fill: (out, random, fans, { gain }) => fillOrthogonal(out, random, fans, gain),
  },
} satisfies Record<string, InitializerInfo>

/**
 * Name of an initializer.
 *
 * @useDeclaredType
 */
export type InitializerName = keyof typeof initializers

/** An initializer as users may write it: a name, or a name with its setting. */
export type Initializer = InitializerName | ({ readonly name: InitializerName } & InitializerSettings)

/** Names of the initializers that suit biases. */
export const biasInitializers: readonly string[] = Object.entries<InitializerInfo>(initializers)
  .filter(([, { suitsBias }]) => suitsBias)
  .map(([name]) => name)

/**
 * An initializer as plain data: the name where it has no settings, otherwise with all of them.
 *
 * @param names those that may stand here, default all
 * @throws SpecError if the name is unknown or a setting does not fit
 */
export function normalizeInitializer(
  initializer: Initializer,
  where: string,
  names: readonly string[] = Object.keys(initializers),
): Initializer {
  const { name, ...given } =
    typeof initializer === 'object' && initializer !== null ? initializer : { name: initializer }
  checkOneOf(where, name, names)
  const { settings = {} }: InitializerInfo = initializers[name]
  const filled = fillSettings(`${where} ${name}`, where, given, settings)
  return Object.keys(settings).length === 0 ? name : { name, ...filled }
}

/** Fills `out`, a parameter of shape [fanIn, fanOut] (or [fanOut]), from the stream `name` of the seed. */
export function initialize(
  out: FloatArray,
  initializer: Initializer,
  seed: number,
  name: string,
  shape: readonly number[],
): void {
  const normalized = normalizeInitializer(initializer, `initializer of ${name}`)
  const spec = typeof normalized === 'object' ? normalized : { name: normalized }
  const { fill }: InitializerInfo = initializers[spec.name]
  const fans = { fanIn: shape[0], fanOut: shape[shape.length - 1] }
  fill(out, randomStream(seed, name), fans, spec as Required<InitializerSettings>)
}

/**
 * The orthogonal factor of a normal matrix, its triangular factor having a positive diagonal: without that sign it would
 * not be evenly distributed.
 *
 * Gram-Schmidt's projections are done twice, which makes the columns orthogonal to rounding.
 *
 * @source Mezzadri 2007, How to generate random matrices from the classical compact groups
 */
function fillOrthogonal(out: FloatArray, random: RandomStream, { fanIn, fanOut }: Fans, gain: number): void {
  const [length, count] = fanIn >= fanOut ? [fanIn, fanOut] : [fanOut, fanIn]
  const vectors: Float64Array[] = []
  for (let k = 0; k < count; k++) {
    const vector = new Float64Array(length).map((_, i) => random.normal(i * count + k))
    for (const previous of [...vectors, ...vectors]) {
      const projection = dot(previous, vector)
      for (let i = 0; i < length; i++) vector[i] -= projection * previous[i]
    }
    const norm = Math.sqrt(dot(vector, vector))
    for (let i = 0; i < length; i++) vector[i] /= norm
    vectors.push(vector)
  }
  // Vector k is column k of the weight, or row k where rows are fewer.
  const [step, stride] = fanIn >= fanOut ? [fanOut, 1] : [1, fanOut]
  vectors.forEach((vector, k) => vector.forEach((value, i) => (out[i * step + k * stride] = gain * value)))
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
