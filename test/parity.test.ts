/** Every op of the table: each native instruction set against the fallback's exact mode, bit for bit. */

import { describe, expect, test } from 'vitest'
import { createNative, loadBinding } from '../src/backends/native.ts'
import { DTYPES } from '../src/ops/arithmetic.ts'
import { ops } from '../src/ops/index.ts'
import { compiledIsas, isas, isNativeUnderTest } from './support/backends.ts'
import { parityDifference } from './support/parity.ts'

describe.runIf(isNativeUnderTest)('the op tables', () => {
  test('the native op table is the TypeScript op table, string for string', () => {
    const native = loadBinding().info().ops
    expect(native.map((op) => op.name).sort()).toEqual([...ops.keys()].sort())
    for (const { name, split, signature } of native) {
      expect([name, ops.get(name)?.split, ops.get(name)?.signature.text]).toEqual([name, split, signature])
    }
  })
})

// An instruction set that this processor lacks is skipped by name: its suite runs where it is to be had (.ci/run). All
// instruction sets of an op stand together, so that the fallback computes its cases once.
describe.each(DTYPES)('%s', (dtype) => {
  describe.each([...ops.values()].map((op) => [op.name, op] as const))('%s', (_, op) => {
    for (const isa of compiledIsas) {
      test.skipIf(!isas.includes(isa))(`${isa} equals the fallback bit for bit`, () => {
        expect(parityDifference(op, createNative({ isa }), dtype)).toBeUndefined()
      })
    }
  })
})
