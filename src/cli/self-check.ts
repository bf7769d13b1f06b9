/** A short check of the native core against the fallback, bit for bit; the parity suite of the tests is the thorough one. */

import { createFallback } from '../backends/fallback.ts'
import { createNative } from '../backends/native.ts'
import { ops } from '../ops/index.ts'
import { elementCount } from '../ops/signature.ts'
import { randomStream } from '../random.ts'

/** What a check of one instruction set found. */
export interface CheckResult {
  isa: string
  /** Ops that were run. */
  checked: number
  /** The first op that differs, with the place; undefined where all are equal. */
  difference?: string
}

/** A few shapes: smaller than a vector, not a multiple of one, longer than one. */
const SIZES = [
  [3, 5, 7],
  [6, 33, 20],
  [17, 1, 64],
]

/** Runs every op that takes plain arrays of numbers on one instruction set and on the exact fallback. */
export function selfCheck(isa: string): CheckResult {
  const native = createNative({ isa })
  const fallback = createFallback({ exact: true })
  const plain = [...ops.values()].filter(
    ({ signature }) => signature.scalars.length === 0 && signature.operands.every(({ type }) => type === 'f'),
  )
  for (const { name, signature } of plain) {
    for (const sizes of SIZES) {
      const dims = signature.dims.map((_, i) => sizes[i % sizes.length])
      const operands = (): Float32Array[] =>
        signature.operands.map((operand) => {
          const random = randomStream(1, `${name}.${operand.name}`)
          return new Float32Array(elementCount(signature, operand, dims)).map(
            (_, i) => 8 * random.uniform(i) - 4,
          )
        })
      const [expected, received] = [operands(), operands()]
      fallback.call(name, dims, [], expected)
      native.call(name, dims, [], received)
      const at = expected.findIndex(
        (array, i) => !array.every((value, j) => Object.is(value, received[i][j])),
      )
      if (at >= 0) {
        const place = `${name} ${signature.operands[at].name} for ${dims.join(' x ')}`
        return { isa, checked: plain.length, difference: place }
      }
    }
  }
  return { isa, checked: plain.length }
}
