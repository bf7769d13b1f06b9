/** Random operands for any op, made from its signature. */

import type { OperandArray } from '../../src/backends/backend.ts'
import type { Op } from '../../src/ops/op.ts'
import { elementCount } from '../../src/ops/signature.ts'
import { randomStream } from '../../src/random.ts'

const SPECIAL = [
  0,
  -0,
  1,
  -1,
  Infinity,
  -Infinity,
  NaN,
  1e-45,
  -1e-40,
  1.1754943508222875e-38,
  3.4e38,
  88.5,
  -103.9,
  0.625,
]

/** Scalars that suit an op: rates and factors in the range that the op is used with. */
export function scalarsFor(op: Op): number[] {
  const values: Record<string, number> = {
    alpha: 0.3,
    slope: 0.01,
    factor: 0.5,
    reduction: 2,
    rate: 0.25,
    mu: 0.9,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    patience: 3,
    minDelta: 0,
  }
  return op.signature.scalars.map((name) => values[name])
}

/** Dims for an op: `sizes` in the order of its dims. */
export function dimsFor(op: Op, sizes: readonly number[]): number[] {
  return op.signature.dims.map((_, i) => sizes[i % sizes.length])
}

/** Operands filled with random numbers (and special values where asked), each a view at `offset` elements. */
export function operandsFor(
  op: Op,
  dims: readonly number[],
  { seed, offset = 0, hasSpecials = false }: { seed: number; offset?: number; hasSpecials?: boolean },
): OperandArray[] {
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
    const values = new Float32Array(count + offset).map((_, i) => {
      if (hasSpecials && random.below(4, i + 1e6) === 0) return SPECIAL[random.below(SPECIAL.length, i + 2e6)]
      const magnitude = random.below(3, i + 3e6) === 0 ? 20 : 1
      return magnitude * (2 * random.uniform(i) - 1)
    })
    return values.subarray(offset)
  })
}

/** Copies of operands that keep their offset in the buffer. */
export function copyOperands(operands: readonly OperandArray[]): OperandArray[] {
  return operands.map((array) => {
    const whole = array.buffer.slice(0)
    const type = array.constructor as new (
      buffer: ArrayBufferLike,
      offset: number,
      length: number,
    ) => OperandArray
    return new type(whole, array.byteOffset, array.length)
  })
}
