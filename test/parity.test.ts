/** Every op of the table: each native instruction set against the fallback's exact mode, bit for bit. */

import { describe, expect, test } from 'vitest'
import { createFallback } from '../src/backends/fallback.ts'
import { isas, isNativeUnderTest } from './support/backends.ts'
import { createNative, loadBinding } from '../src/backends/native.ts'
import { ops } from '../src/ops/index.ts'
import { copyOperands, dimsFor, operandsFor, scalarsFor } from './support/operands.ts'
import { firstDifference } from './support/bits.ts'

const fallback = createFallback({ exact: true })

// Every count from 0 to beyond two vectors of 16 lanes, then sizes around tiles and panels.
const SIZES: number[][] = [
  ...Array.from({ length: 36 }, (_, n) => [3, n + 1, 5]),
  [0, 4, 4],
  [1, 1, 1],
  [1, 33, 17],
  [7, 1, 40],
  [13, 1, 1],
  [6, 16, 300],
  [14, 47, 31],
  [37, 10, 64],
  [26, 260, 270],
]

describe.runIf(isNativeUnderTest)('parity', () => {
  test('the native op table is the TypeScript op table, string for string', () => {
    const native = loadBinding().info().ops
    expect(native.map((op) => op.name).sort()).toEqual([...ops.keys()].sort())
    for (const { name, split, signature } of native) {
      expect([name, ops.get(name)?.split, ops.get(name)?.signature.text]).toEqual([name, split, signature])
    }
  })

  for (const isa of isas) {
    const native = createNative({ isa })
    test.each([...ops.values()].map((op) => [op.name, op] as const))(
      `%s: native ${isa} equals the fallback bit for bit`,
      (name, op) => {
        for (const sizes of SIZES) {
          for (const offset of [0, 1, 3]) {
            for (const hasSpecials of [false, true]) {
              const dims = dimsFor(op, sizes)
              const seed = sizes[0] * 1000 + sizes[1] + offset
              const expected = operandsFor(op, dims, { seed, offset, hasSpecials })
              const received = copyOperands(expected)
              const scalars = scalarsFor(op)
              fallback.call(name, dims, scalars, expected)
              native.call(name, dims, scalars, received)
              op.signature.operands.forEach((operand, i) => {
                const difference = firstDifference(expected[i], received[i])
                if (difference === undefined) return
                expect.fail(
                  `${name} on ${isa}, dims ${dims.join(' ')}, offset ${offset}, seed ${seed}, ${operand.name}: ${difference}`,
                )
              })
            }
          }
        }
      },
    )

    test(`ops in place: native ${isa} equals the fallback bit for bit`, () => {
      for (const op of ops.values()) {
        op.signature.operands.forEach((output, out) => {
          for (const name of output.mayAlias) {
            const dims = dimsFor(op, [5, 19, 7])
            const expected = operandsFor(op, dims, { seed: 5 })
            const input = op.signature.operands.findIndex((operand) => operand.name === name)
            const received = copyOperands(expected)
            expected[out] = expected[input]
            received[out] = received[input]
            fallback.call(op.name, dims, scalarsFor(op), expected)
            native.call(op.name, dims, scalarsFor(op), received)
            expect([op.name, firstDifference(expected[out], received[out])]).toEqual([op.name, undefined])
          }
        })
      }
    })
  }
})
