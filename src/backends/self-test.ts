/** A short check of the native core against the fallback, bit for bit; the parity suite of the tests is the thorough one. */

import { DTYPES } from '../ops/arithmetic.ts'
import { ops } from '../ops/index.ts'
import { copyOperands, sampleDims, sampleOperands, sampleScalars } from '../ops/samples.ts'
import type { Backend } from './backend.ts'
import { describeDifference, findDifference } from './compare.ts'
import { createFallback } from './fallback.ts'

/** Shapes: one smaller than a vector with special values, one with tails behind whole vectors and tiles. */
const CASES = [
  { sizes: [3, 5, 7], hasSpecials: true },
  { sizes: [15, 37, 6], hasSpecials: false },
]

/**
 * Runs every op in both element types on a native instruction set and on the exact fallback.
 *
 * @returns the first op that differs with the place, or undefined where all are equal
 */
export function selfTest(native: Pick<Backend, 'call'>): string | undefined {
  const fallback = createFallback({ exact: true })
  for (const op of ops.values()) {
    const scalars = sampleScalars(op)
    for (const dtype of DTYPES) {
      for (const { sizes, hasSpecials } of CASES) {
        const dims = sampleDims(op, sizes)
        const expected = sampleOperands(op, dims, { seed: 1, dtype, hasSpecials })
        const received = copyOperands(expected)
        fallback.call(op.name, dims, scalars, expected)
        native.call(op.name, dims, scalars, received)
        for (const [i, { name }] of op.signature.operands.entries()) {
          const difference = findDifference(expected[i], received[i])
          if (difference === undefined) continue
          return `${op.name} (${dtype}, ${dims.join(' x ')}), ${name}, ${describeDifference(difference)}`
        }
      }
    }
  }
  return undefined
}
