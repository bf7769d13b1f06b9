/** Training programs of random networks: the whole arena, bit for bit, on every instruction set and thread count. */

import { describe, expect, test } from 'vitest'
import { findDifference } from '../src/backends/compare.ts'
import { createFallback } from '../src/backends/fallback.ts'
import { createNative } from '../src/backends/native.ts'
import { DTYPES } from '../src/ops/arithmetic.ts'
import { compiledIsas, isas } from './support/backends.ts'
import { arenaAfterTraining, randomCase } from './support/programs.ts'

const CASES = 24
const fallback = createFallback({ exact: true })

describe.each(DTYPES)('two epochs of %d random networks, %s'.replace('%d', String(CASES)), (dtype) => {
  const cases = Array.from({ length: CASES }, (_, seed) => randomCase(seed, dtype))
  const expected = cases.map((each) => arenaAfterTraining(fallback, each, 1))

  describe.each(compiledIsas)('%s', (isa) => {
    test.skipIf(!isas.includes(isa)).each([1, 2, 3, 7])('%d threads', async (threads) => {
      const native = createNative({ isa })
      for (const [seed, each] of cases.entries()) {
        const received = await arenaAfterTraining(native, each, threads)
        expect([seed, received.threads]).toEqual([seed, threads])
        expect([seed, findDifference((await expected[seed]).arena, received.arena)]).toEqual([
          seed,
          undefined,
        ])
      }
    })
  })

  test('training moves the arena', async () => {
    const arenas = await Promise.all(expected)
    expect(arenas.every(({ arena }) => arena.some((word) => word !== 0))).toBe(true)
  })
})
