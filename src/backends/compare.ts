/** Comparison of operands bit for bit; any NaN equals any NaN. */

import { dtypeOf, type Dtype } from '../ops/arithmetic.ts'
import type { OperandArray } from './backend.ts'

/** The first place where two arrays differ. */
export interface Difference {
  readonly element: number
  readonly expected: number
  readonly received: number
  /** Distance in units in the last place; NaN where one of the values is NaN, undefined for whole numbers. */
  readonly ulp?: number
}

/** The first difference of two arrays of one type and length, undefined where they hold the same bits. */
export function findDifference(expected: OperandArray, received: OperandArray): Difference | undefined {
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(expected[i], received[i])) continue
    const place = { element: i, expected: expected[i], received: received[i] }
    if (expected instanceof Uint32Array) return place
    return { ...place, ulp: ulpDistance(expected[i], received[i], dtypeOf(expected)) }
  }
  return undefined
}

/** A difference as text. */
export function describeDifference({ element, expected, received, ulp }: Difference): string {
  const distance = ulp === undefined || Number.isNaN(ulp) ? '' : `, ${ulp} ulp apart`
  return `element ${element}: expected ${show(expected)}, received ${show(received)}${distance}`
}

/**
 * Distance of two values in units in the last place of an element type: how many values lie between them, plus one.
 *
 * @example
 * ulpDistance(1, 1 + 2 ** -23, 'float32') // 1
 */
export function ulpDistance(a: number, b: number, dtype: Dtype): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return NaN
  const distance = ordinal(a, dtype) - ordinal(b, dtype)
  return Number(distance < 0n ? -distance : distance)
}

// Position among the values of the type, 0 for both zeros.
function ordinal(value: number, dtype: Dtype): bigint {
  const magnitude =
    dtype === 'float32'
      ? BigInt(new Uint32Array(Float32Array.of(Math.abs(value)).buffer)[0])
      : new BigUint64Array(Float64Array.of(Math.abs(value)).buffer)[0]
  return value < 0 ? -magnitude : magnitude
}

function show(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}
