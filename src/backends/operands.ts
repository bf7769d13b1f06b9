/** The checks of a single call of an op: types, lengths and overlap of its operands against the signature. */

import { describeValue } from '../check.ts'
import { SpecError } from '../errors.ts'
import type { Dtype } from '../ops/arithmetic.ts'
import { opNamed } from '../ops/index.ts'
import { elementCount, type OperandPattern } from '../ops/signature.ts'
import { FLOAT_KINDS, overlaps, viewOf, type ArrayKind, type FloatKind, type View } from '../typed-arrays.ts'

const MAX_DIM = 2 ** 31 - 1

/** What the caller of an op calls it and its operands, for messages. */
export interface CallNames {
  readonly kernel: string
  readonly operands: readonly string[]
}

/** An operand that passed the checks. */
export interface CheckedOperand {
  readonly view: View
  /** Elements that the call reads or writes. */
  readonly count: number
}

/**
 * Checks the arguments of one call. Leading operands alone may be checked, before the others exist.
 *
 * @returns the operands, and the element type, that of the first which has the program's own: all such must be of one
 * @throws SpecError naming the operand, what was expected and what came
 */
export function checkOperands(
  op: string,
  dims: readonly number[],
  scalars: readonly number[],
  operands: readonly unknown[],
  names: CallNames = { kernel: op, operands: opNamed(op).signature.operands.map(({ name }) => name) },
): { dtype: Dtype; checked: CheckedOperand[] } {
  const { signature } = opNamed(op)
  const { kernel } = names
  checkCount(kernel, 'dims', signature.dims.length, dims.length)
  checkCount(kernel, 'scalars', signature.scalars.length, scalars.length)
  checkCount(kernel, 'operands', names.operands.length, operands.length)
  dims.forEach((size, i) => {
    if (Number.isInteger(size) && size >= 0 && size <= MAX_DIM) return
    throw new SpecError({
      where: `${kernel}: ${signature.dims[i]}`,
      expected: 'an integer from 0 to 2^31 - 1',
      received: describeValue(size),
    })
  })
  scalars.forEach((value, i) => {
    if (typeof value === 'number') return
    const where = `${kernel}: ${signature.scalars[i]}`
    throw new SpecError({ where, expected: 'a number', received: describeValue(value) })
  })
  let own: FloatKind | undefined
  const checked = operands.map((array, i) => {
    const operand = signature.operands[i]
    const where = `${kernel}: ${names.operands[i]}`
    const view = viewOf(where, array, kindsOf(operand, own))
    if (operand.type === 'f') own = view.kind as FloatKind
    const count = elementCount(signature, operand, dims)
    if (view.length < count) {
      throw new SpecError({
        code: 'HADAMARD_SHAPE',
        where,
        expected: `at least ${count} elements`,
        received: String(view.length),
      })
    }
    return { view, count }
  })
  checkOverlap(signature.operands, checked, names)
  return { dtype: own === 'Float64Array' ? 'float64' : 'float32', checked }
}

function checkCount(name: string, what: string, expected: number, received: number): void {
  if (expected === received) return
  throw new SpecError({
    code: 'HADAMARD_SHAPE',
    where: `${name}: ${what}`,
    expected: String(expected),
    received: String(received),
  })
}

function kindsOf({ type }: OperandPattern, own: FloatKind | undefined): readonly ArrayKind[] {
  if (type === 'u32') return ['Uint32Array']
  if (type === 'f64') return ['Float64Array']
  return own === undefined ? FLOAT_KINDS : [own]
}

// An output may share memory with another operand only where the signature allows it and they are the same memory.
function checkOverlap(
  patterns: readonly OperandPattern[],
  checked: readonly CheckedOperand[],
  names: CallNames,
): void {
  checked.forEach(({ view, count }, i) => {
    const output = patterns[i]
    if (!output.isOutput) return
    checked.forEach((other, j) => {
      if (i === j || !overlaps(view, count, other.view, other.count)) return
      const isSame = view.byteOffset === other.view.byteOffset && count === other.count
      const isAllowed =
        output.mayAlias.includes(patterns[j].name) || patterns[j].mayAlias.includes(output.name)
      if (isSame && isAllowed) return
      throw new SpecError({
        code: 'HADAMARD_OVERLAP',
        where: `${names.kernel}: ${names.operands[i]}`,
        expected: `memory that does not overlap ${names.operands[j]}`,
        received: 'overlapping views of one buffer',
      })
    })
  })
}
