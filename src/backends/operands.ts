/** The checks of a single call of an op: types, lengths and overlap of its operands against the signature. */

import { SpecError } from '../errors.ts'
import type { Dtype } from '../ops/arithmetic.ts'
import { opNamed } from '../ops/index.ts'
import { elementCount, type OperandPattern } from '../ops/signature.ts'
import type { OperandArray } from './backend.ts'

const MAX_DIM = 2 ** 31 - 1

/**
 * Checks the arguments of one call.
 *
 * @returns the element type, that of the first operand which has the program's own: all such must be of one
 * @throws SpecError naming the operand, what was expected and what came
 */
export function checkOperands(
  name: string,
  dims: readonly number[],
  scalars: readonly number[],
  operands: readonly OperandArray[],
): Dtype {
  const { signature } = opNamed(name)
  checkCount(name, 'dims', signature.dims.length, dims.length)
  checkCount(name, 'scalars', signature.scalars.length, scalars.length)
  checkCount(name, 'operands', signature.operands.length, operands.length)
  dims.forEach((size, i) => {
    if (!Number.isInteger(size) || size < 0 || size > MAX_DIM) {
      throw new SpecError({
        where: `${name}: ${signature.dims[i]}`,
        expected: 'an integer from 0 to 2^31 - 1',
        received: String(size),
      })
    }
  })
  const lengths = signature.operands.map((operand) => elementCount(signature, operand, dims))
  const dtype =
    operands[signature.operands.findIndex(({ type }) => type === 'f')] instanceof Float64Array
      ? 'float64'
      : 'float32'
  signature.operands.forEach((operand, i) => {
    const array = operands[i]
    const where = `${name}: ${operand.name}`
    if (!isOfType(array, operand, dtype)) {
      const own = dtype === 'float32' ? 'a Float32Array' : 'a Float64Array'
      const expected = { f: own, u32: 'a Uint32Array', f64: 'a Float64Array' }[operand.type]
      throw new SpecError({ where, expected, received: describe(array) })
    }
    if (array.length < lengths[i]) {
      throw new SpecError({ where, expected: `at least ${lengths[i]} elements`, received: `${array.length}` })
    }
  })
  checkOverlap(name, operands, lengths)
  return dtype
}

function checkCount(name: string, what: string, expected: number, received: number): void {
  if (expected === received) return
  throw new SpecError({ where: `${name}: ${what}`, expected: String(expected), received: String(received) })
}

function isOfType(array: unknown, { type }: OperandPattern, dtype: Dtype): array is OperandArray {
  if (type === 'u32') return array instanceof Uint32Array
  return type === 'f64' || dtype === 'float64' ? array instanceof Float64Array : array instanceof Float32Array
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? `a ${value.constructor.name}` : `a ${typeof value}`
}

// An output may share memory with another operand only where the signature allows it and they are the same memory.
function checkOverlap(name: string, operands: readonly OperandArray[], lengths: readonly number[]): void {
  const { signature } = opNamed(name)
  signature.operands.forEach((output, i) => {
    if (!output.isOutput) return
    signature.operands.forEach((other, j) => {
      if (i === j || !overlaps(operands[i], lengths[i], operands[j], lengths[j])) return
      const isSame = operands[i].byteOffset === operands[j].byteOffset && lengths[i] === lengths[j]
      if (isSame && (output.mayAlias.includes(other.name) || other.mayAlias.includes(output.name))) return
      throw new SpecError({
        where: `${name}: ${output.name}`,
        expected: `memory that does not overlap ${other.name}`,
        received: 'overlapping views of one buffer',
      })
    })
  })
}

function overlaps(a: OperandArray, aLength: number, b: OperandArray, bLength: number): boolean {
  if (a.buffer !== b.buffer || aLength === 0 || bLength === 0) return false
  const aEnd = a.byteOffset + aLength * a.BYTES_PER_ELEMENT
  const bEnd = b.byteOffset + bLength * b.BYTES_PER_ELEMENT
  return a.byteOffset < bEnd && b.byteOffset < aEnd
}
