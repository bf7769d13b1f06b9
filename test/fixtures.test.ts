/** Networks computed by PyTorch: outputs, losses, gradients, and weights after ten steps, within the format's tolerance. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkFixture, DTYPES } from './conformance/check.ts'
import { parseFixture, type Fixture } from './conformance/fixture.ts'
import { backendsUnderTest } from './support/backends.ts'

const FOLDER = join(import.meta.dirname, 'fixtures', 'pytorch')
const fixtures = readdirSync(FOLDER)
  .sort()
  .map((file): [string, Fixture] => [file, parseFixture(readFileSync(join(FOLDER, file), 'utf8'))])

describe.each(backendsUnderTest)('fixtures on $label', ({ options }) => {
  describe.each(DTYPES)('in %s', (dtype) => {
    test.each(fixtures)('%s agrees with PyTorch', (_, fixture) => {
      checkFixture(fixture, { ...options, dtype })
    })
  })
})

describe('the check', () => {
  const [, fixture] = fixtures[0]
  const check = (change: object): void => {
    checkFixture({ ...fixture, expected: { ...fixture.expected, ...change } }, { dtype: 'float32' })
  }
  // A number moved by more than any tolerance has to be found wherever it stands.
  const moved = (value: unknown): unknown => {
    if (typeof value === 'number') return value + 0.01
    if (Array.isArray(value)) return [...(value.slice(0, -1) as unknown[]), moved(value.at(-1))]
    const entries = Object.entries(value as object)
    return Object.fromEntries(
      entries.map(([key, item], i) => [key, i === entries.length - 1 ? moved(item) : item]),
    )
  }

  test.each(Object.keys(fixture.expected))('finds one wrong number in %s', (key) => {
    expect(() => check({ [key]: moved(fixture.expected[key]) })).toThrow(/expected .* received/)
  })

  test('takes an infinity for itself alone', () => {
    expect(() => check({ loss: 'Infinity' })).toThrow('loss[0]: expected Infinity')
  })
})
