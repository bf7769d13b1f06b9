/** Random arguments for any op, made from its signature: what self-tests and parity tests run. */

import { InternalError } from '../errors.ts'
import { randomStream } from '../random.ts'
import { floatArray, type Dtype, type FloatArray } from './arithmetic.ts'
import type { Op } from './op.ts'
import { elementCount } from './signature.ts'

/** Numbers at which kernels go wrong: zeros, infinities, NaN, subnormals, the ends of the range, ends of exp's. */
const SPECIAL = {
  float32: [0, -0, 1, -1, Infinity, -Infinity, NaN, 1e-45, -1e-40, 2 ** -126, 3.4e38, 88.5, -103.9, 0.625],
  float64: [
    0,
    -0,
    1,
    -1,
    Infinity,
    -Infinity,
    NaN,
    5e-324,
    -1e-310,
    2 ** -1022,
    1.7e308,
    709.5,
    -744.9,
    0.625,
  ],
}

const SCALARS: Readonly<Record<string, number | undefined>> = {
  alpha: 0.3,
  slope: 0.01,
  factor: 0.5,
  reduction: 2,
  delta: 0.7,
  smoothing: 0.1,
  classes: 3,
  rho: 0.9,
  rate: 0.25,
  mu: 0.9,
  momentum: 0.1,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  patience: 3,
  minDelta: 0,
  minimum: 1e-6,
  value: 0.4,
  outputs: 3,
  limit: 0.8,
  stride: 2,
  phase: 1,
  first: 2,
  low: -0.5,
  high: 0.5,
}

/** Scalars that suit an op: rates and factors in the range that the op is used with. */
export function sampleScalars({ name, signature }: Op): number[] {
  return signature.scalars.map((scalar) => {
    const value = SCALARS[scalar]
    if (value === undefined) throw new InternalError(`${name}: no sample for the scalar ${scalar}`)
    return value
  })
}

/** Dims for an op: `sizes` in the order of its dims. */
export function sampleDims({ signature }: Op, sizes: readonly number[]): number[] {
  return signature.dims.map((_, i) => sizes[i % sizes.length])
}

/** Operands filled with random numbers (and special values where asked), each a view at `offset` elements. */
export function sampleOperands(
  op: Op,
  dims: readonly number[],
  {
    seed,
    dtype = 'float32',
    offset = 0,
    hasSpecials = false,
  }: { seed: number; dtype?: Dtype; offset?: number; hasSpecials?: boolean },
): (FloatArray | Uint32Array)[] {
  const special = SPECIAL[dtype]
  return op.signature.operands.map((operand) => {
    const count = elementCount(op.signature, operand, dims)
    const random = randomStream(seed, `${op.name}.${operand.name}`)
    if (operand.type === 'u32') {
      const bound = Math.max(1, ...dims)
      return new Uint32Array(count + offset).map((_, i) => random.below(bound, i)).subarray(offset)
    }
    if (operand.type === 'f64') {
      return new Float64Array(count + offset).map((_, i) => 0.1 + 0.8 * random.uniform(i)).subarray(offset)
    }
    const values = floatArray(dtype, count + offset).map((_, i) => {
      if (hasSpecials && random.below(4, i + 1e6) === 0) return special[random.below(special.length, i + 2e6)]
      const magnitude = random.below(3, i + 3e6) === 0 ? 20 : 1
      return magnitude * (2 * random.uniform(i) - 1)
    })
    return values.subarray(offset)
  })
}

/** Copies of operands that keep their offset in the buffer. */
export function copyOperands(operands: readonly (FloatArray | Uint32Array)[]): (FloatArray | Uint32Array)[] {
  return operands.map((array) => {
    const type = array.constructor as new (
      buffer: ArrayBufferLike,
      offset: number,
      length: number,
    ) => FloatArray | Uint32Array
    return new type(array.buffer.slice(0), array.byteOffset, array.length)
  })
}
