/** What all kernels share: reading options, allocating results, and the call of one op in the caller's terms. */

import { chooseBackend } from '../backends/choose.ts'
import type { OperandArray } from '../backends/backend.ts'
import { checkOperands } from '../backends/operands.ts'
import { checkInteger, describeValue } from '../check.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import type { FloatArray } from '../ops/arithmetic.ts'
import { opNamed } from '../ops/index.ts'
import { elementCount } from '../ops/signature.ts'
import { allocate, FLOAT_KINDS, viewOf, type ArrayKind } from '../typed-arrays.ts'

/** Sizes of a matrix of rows. */
export interface RowShape {
  rows: number
  /** Numbers per row. */
  n: number
}

/** Largest size of a dimension. */
export const MAX_SIZE = 2 ** 31 - 1

/** Arrays by the names that the caller knows them by, in the order of the op's operands. */
export type Operands = Readonly<Record<string, OperandArray>>

/**
 * Runs an op whose operands all exist.
 *
 * @throws SpecError if they do not fit
 */
export function run(
  kernel: string,
  op: string,
  dims: readonly number[],
  scalars: readonly number[],
  operands: Operands,
): void {
  const names = { kernel, operands: Object.keys(operands) }
  chooseBackend().call(op, dims, scalars, Object.values(operands), undefined, names)
}

/**
 * Runs an op with one output, which is its last operand: `out`, or a new array of the inputs' class.
 *
 * @throws SpecError if an operand does not fit
 */
export function compute<T extends FloatArray>(
  kernel: string,
  op: string,
  dims: readonly number[],
  scalars: readonly number[],
  inputs: Operands,
  out: T | undefined,
): T {
  const result = out ?? (newResult(kernel, op, dims, scalars, inputs) as T)
  run(kernel, op, dims, scalars, { ...inputs, out: result })
  return result
}

// The inputs come first: their mistakes are the ones to name, not a result of a mistaken size.
function newResult(
  kernel: string,
  op: string,
  dims: readonly number[],
  scalars: readonly number[],
  inputs: Operands,
): OperandArray {
  const names = { kernel, operands: Object.keys(inputs) }
  const { dtype, checked } = checkOperands(op, dims, scalars, Object.values(inputs), names)
  const { signature } = opNamed(op)
  const count = elementCount(signature, signature.operands[checked.length], dims)
  return allocate(`${kernel}: out`, dtype === 'float32' ? 'Float32Array' : 'Float64Array', count)
}

/** Runs an op on arrays of one length, element by element; dims are that length as rows of 1. */
export function computeEach<T extends FloatArray>(
  kernel: string,
  op: string,
  scalars: readonly number[],
  inputs: Readonly<Record<string, T>>,
  out: T | undefined,
): T {
  const length = commonLength(kernel, out === undefined ? inputs : { ...inputs, out })
  return compute(kernel, op, [length, 1], scalars, inputs, out)
}

/**
 * The one length of several floating-point arrays.
 *
 * @throws SpecError if they differ
 */
export function commonLength(kernel: string, arrays: Readonly<Record<string, unknown>>): number {
  const lengths = Object.entries(arrays).map(([name, array]) => lengthOf(`${kernel}: ${name}`, array))
  const odd = lengths.findIndex((length) => length !== lengths[0])
  if (odd < 0) return lengths[0]
  throw new SpecError({
    code: 'HADAMARD_SHAPE',
    where: `${kernel}: ${Object.keys(arrays)[odd]}`,
    expected: `arrays of one length, ${lengths[0]}`,
    received: String(lengths[odd]),
  })
}

/** Length of an array of one of the classes, by default the floating-point ones. */
export function lengthOf(where: string, array: unknown, kinds: readonly ArrayKind[] = FLOAT_KINDS): number {
  return viewOf(where, array, kinds).length
}

/**
 * A copy of the options that are known. Getters of the caller run here, before anything else is looked at.
 *
 * @throws SpecError if it is no object, has another key, or cannot be read
 */
export function readOptions<T extends object>(
  kernel: string,
  options: T,
  known: readonly (keyof T & string)[],
): T {
  // An array in the place of options has no key to refuse where it is empty.
  if (ArrayBuffer.isView(options)) {
    const expected = `an object with options (${known.join(', ')})`
    throw new SpecError({ where: `${kernel}: options`, expected, received: describeValue(options) })
  }
  try {
    rejectUnknownKeys(`${kernel}: options`, options, known)
    return Object.fromEntries(known.map((name) => [name, options[name]])) as T
  } catch (cause) {
    if (cause instanceof SpecError) throw cause
    const received = cause instanceof Error ? describeValue(cause.message) : 'an error'
    throw new SpecError(
      { where: `${kernel}: options`, expected: 'an object that can be read', received },
      { cause },
    )
  }
}

/**
 * The sizes among options.
 *
 * @throws SpecError if one is no integer from 0 to 2³¹ − 1
 */
export function checkSizes(kernel: string, sizes: Readonly<Record<string, unknown>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    checkInteger(`${kernel}: ${name}`, size, { min: 0, max: MAX_SIZE })
  }
}

/** Checked rows and numbers per row. */
export function readShape(kernel: string, shape: RowShape): RowShape {
  const { rows, n } = readOptions(kernel, shape, ['rows', 'n'])
  checkSizes(kernel, { rows, n })
  return { rows, n }
}

/** A number, which may be infinite or NaN: as in BLAS, it goes into the arithmetic as it is. */
export function checkScalar(where: string, value: unknown): void {
  if (typeof value === 'number') return
  throw new SpecError({ where, expected: 'a number', received: describeValue(value) })
}
