/** Comparison of arrays bit for bit, with a report that names the first difference. */

import type { OperandArray } from '../../src/backends/backend.ts'

/** The first difference of two arrays as text, or undefined where they hold the same bits (any NaN equals any NaN). */
export function firstDifference(expected: OperandArray, received: OperandArray): string | undefined {
  if (expected.length !== received.length) return `lengths ${expected.length} and ${received.length}`
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(expected[i], received[i])) continue
    const distance = expected instanceof Float32Array ? ulpDistance(expected[i], received[i]) : NaN
    return `element ${i}: expected ${expected[i]}, received ${received[i]}, ${distance} ulp apart`
  }
  return undefined
}

/** Distance of two float32 values in units in the last place. */
export function ulpDistance(a: number, b: number): number {
  const ordered = (x: number): number => {
    const bits = new Int32Array(Float32Array.of(x).buffer)[0]
    return bits < 0 ? -(bits & 0x7fffffff) : bits
  }
  return Math.abs(ordered(a) - ordered(b))
}
