/** Users' arrays to the arrays that the core works on: checked, converted with one rounding, in shared memory. */

import { describeValue, hasMemory } from '../check.ts'
import { DataError } from '../errors.ts'
import { bytesOfDtype, dtypeOf, floatArray, type Dtype, type FloatArray } from '../ops/arithmetic.ts'

/** Rows of numbers: one flat typed array, or an array of rows (of numbers where there is one per row). */
export type Rows =
  | Float32Array
  | Float64Array
  | readonly (readonly number[] | Float32Array | Float64Array)[]
  | readonly number[]

/** Class indices. */
export type IntegerArray =
  Uint8Array | Uint8ClampedArray | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array

/** Targets: numbers like {@link Rows}, or class indices in an integer array. */
export type Targets = Rows | IntegerArray

/** Whether a value is an integer typed array, which always means class indices. */
export function isIntegerArray(value: unknown): value is IntegerArray {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof Float32Array || value instanceof Float64Array || value instanceof DataView) &&
    !(value instanceof BigInt64Array || value instanceof BigUint64Array)
  )
}

/** What a message calls an array that has lost its memory. */
export const NO_MEMORY = 'an array whose buffer was transferred away or has shrunk'

/** Where a message says that a number of features comes from. */
export interface Expectation {
  /** `x` or `y`. */
  where: string
  /** Numbers per row. */
  features: number
  /** Element type that they get. */
  dtype: Dtype
  /** `as the network's inputs`. */
  reason: string
}

/**
 * Flat rows of an element type from any form of them, each number rounded once. Arrays of that type on shared memory are
 * used in place, all others are copied.
 *
 * @returns [rows · features] values, all finite
 * @throws DataError at the first ragged row or value that is not a finite number, naming row and position
 */
export function toRows(data: Rows, expectation: Expectation, { isShared = false } = {}): FloatArray {
  const { where, features, dtype, reason } = expectation
  if (data instanceof Float32Array || data instanceof Float64Array) {
    if (data.length === 0) throw noRows(where, hasMemory(data) ? undefined : NO_MEMORY)
    if (data.length % features !== 0) {
      throw new DataError({
        code: 'HADAMARD_SHAPE',
        where,
        expected: `a length that ${features} divides (features per row, ${reason})`,
        received: `${data.length}`,
      })
    }
    const inPlace = dtypeOf(data) === dtype && (!isShared || data.buffer instanceof SharedArrayBuffer)
    const flat = inPlace ? data : fill(allocate(dtype, data.length, isShared), (out) => out.set(data))
    checkFinite(flat, data, expectation)
    return flat
  }
  if (!Array.isArray(data)) {
    const expected = 'a Float32Array, a Float64Array or an array of rows'
    throw new DataError({ code: 'HADAMARD_SHAPE', where, expected, received: describeValue(data) })
  }
  const rows = data as readonly (ArrayLike<number> | number)[]
  if (rows.length === 0) throw noRows(where)
  const flat = allocate(dtype, rows.length * features, isShared)
  const exact = new Float64Array(features)
  rows.forEach((row, i) => {
    const values = typeof row === 'number' ? [row] : row
    if (values === null || typeof values !== 'object' || values.length !== features) {
      const length = (values as ArrayLike<number> | null | undefined)?.length
      throw new DataError({
        code: 'HADAMARD_SHAPE',
        where,
        expected: `rows of ${features} ${features === 1 ? 'number' : 'numbers'}, ${reason}`,
        received: `row ${i} with ${length === undefined ? describeValue(values) : length}`,
      })
    }
    for (let j = 0; j < features; j++) {
      exact[j] = toNumber(values[j], where, i, j)
      flat[i * features + j] = exact[j]
      if (!Number.isFinite(flat[i * features + j])) throw notFinite(expectation, i, j, exact[j])
    }
  })
  return flat
}

/**
 * Class indices from an integer array or an array of integers.
 *
 * @throws DataError at the first value that is not an integer from 0 to classes − 1
 */
export function toLabels(data: IntegerArray | readonly number[], classes: number, where = 'y'): Uint32Array {
  if (data.length === 0) throw noRows(where)
  const labels = allocateIndices(data.length)
  for (let i = 0; i < data.length; i++) {
    const label = data[i]
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new DataError({
        code: 'HADAMARD_TARGET_VALUE',
        where: `${where}: row ${i}`,
        expected: `a class index from 0 to ${classes - 1}`,
        received: describeValue(label),
      })
    }
    labels[i] = label
  }
  return labels
}

/**
 * Refuses another number of rows than x has.
 *
 * @throws DataError naming both
 */
export function checkRows(where: string, received: number, expected: number): void {
  if (received === expected) return
  throw new DataError({
    code: 'HADAMARD_SHAPE',
    where,
    expected: `${expected} rows, as in x`,
    received: String(received),
  })
}

/** An array on shared memory, which a running fit may read while JavaScript goes on. */
export function allocate(dtype: Dtype, length: number, isShared: boolean): FloatArray {
  const bytes = length * bytesOfDtype(dtype)
  return floatArray(dtype, length, isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes))
}

/** Room for row numbers or class indices on shared memory. */
export function allocateIndices(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * 4))
}

/** Row numbers on shared memory. */
export function toSharedIndices(rows: ArrayLike<number>): Uint32Array {
  const indices = allocateIndices(rows.length)
  indices.set(rows)
  return indices
}

function fill<T>(target: T, write: (target: T) => void): T {
  write(target)
  return target
}

function toNumber(value: unknown, where: string, row: number, position: number): number {
  if (typeof value === 'number') return value
  throw new DataError({
    code: 'HADAMARD_NOT_NUMBER',
    where: `${where}: row ${row}, position ${position}`,
    expected: 'a number',
    received: describeValue(value),
  })
}

function checkFinite(flat: FloatArray, given: ArrayLike<number>, expectation: Expectation): void {
  const { features } = expectation
  for (let i = 0; i < flat.length; i++) {
    if (flat[i] - flat[i] !== 0)
      throw notFinite(expectation, Math.floor(i / features), i % features, given[i])
  }
}

function notFinite({ where, dtype }: Expectation, row: number, position: number, value: number): DataError {
  return new DataError({
    code: 'HADAMARD_NOT_FINITE',
    where: `${where}: row ${row}, position ${position}`,
    expected: `a finite ${dtype} number`,
    received: String(value),
    cure: Number.isNaN(value)
      ? 'Fill in or leave out missing values; train() on a CSV does so itself'
      : 'Scale the column, for instance to mean 0 and standard deviation 1',
  })
}

function noRows(where: string, received = '0 rows'): DataError {
  return new DataError({ code: 'HADAMARD_NO_ROWS', where, expected: 'at least one row', received })
}

/** Some of flat rows, in the order in which they are named. */
export function pickRows(values: FloatArray, features: number, rows: readonly number[]): FloatArray {
  const picked = floatArray(dtypeOf(values), rows.length * features)
  rows.forEach((row, i) => picked.set(values.subarray(row * features, (row + 1) * features), i * features))
  return picked
}
