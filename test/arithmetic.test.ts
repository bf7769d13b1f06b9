/** The emulated fma against exact rational arithmetic, where rounding is hardest. */

import { expect, test } from 'vitest'
import { fmaExact, fmaFast } from '../src/ops/arithmetic.ts'
import { randomStream } from '../src/random.ts'

const UNIT = 300n

/** A float32 or double as an integer multiple of 2^-300. */
function exactly(value: number): bigint {
  let exponent = 0
  let mantissa = value
  while (!Number.isInteger(mantissa)) [mantissa, exponent] = [mantissa * 2, exponent + 1]
  return BigInt(mantissa) << (UNIT - BigInt(exponent))
}

/** a·b + c rounded once to the nearest float32, ties to even, from integers alone. */
function fmaByIntegers(a: number, b: number, c: number): number {
  const exact = ((exactly(a) * exactly(b)) >> UNIT) + exactly(c)
  const magnitude = exact < 0n ? -exact : exact
  const bits = magnitude.toString(2).length
  // Value of the last place: 24 bits, but never below 2^-149.
  const last = Math.max(bits - 24, Number(UNIT) - 149)
  const quotient = magnitude >> BigInt(last)
  const rest = magnitude - (quotient << BigInt(last))
  const half = 1n << BigInt(last - 1)
  const rounded = quotient + (rest > half || (rest === half && (quotient & 1n) === 1n) ? 1n : 0n)
  const result = Math.fround(Number(rounded) * 2 ** (last - Number(UNIT)))
  return exact < 0n ? -result : result
}

const random = randomStream(1, 'fma')
const float = (i: number): number => {
  const value = new Float32Array(Uint32Array.of(random.uint32(i)).buffer)[0]
  // Exponents from -60 to 60 and short mantissas, which make ties likely; every fifth product is subnormal.
  const mantissa = 1 + Math.fround(value - value !== 0 ? 0.5 : (random.uint32(i + 1e9) % 4096) / 4096)
  const exponent = (random.uint32(i + 2e9) % (i % 15 < 3 ? 6 : 24)) - (i % 15 < 3 ? 74 : 12)
  return Math.fround((random.uint32(i + 3e9) & 1 ? -1 : 1) * mantissa * 2 ** exponent)
}

// Odd multiples of 2^-12 have a product half-way between two floats; the addend is lost in the double sum.
const nearTie = (i: number): [number, number, number] => {
  const odd = (draw: number): number => 1 + (2 * (random.uint32(draw) % 700) + 1) / 4096
  return [odd(5e8 + i), odd(6e8 + i), (i % 2 === 0 ? 1 : -1) * 2 ** -(54 + (i % 40))]
}

test('fmaExact rounds once: 20,000 triples around ties and subnormals', () => {
  let ties = 0
  for (let i = 0; i < 20_000; i++) {
    const [a, b, c] = i % 3 === 0 ? nearTie(i) : [float(3 * i), float(3 * i + 1), float(3 * i + 2)]
    const expected = fmaByIntegers(a, b, c)
    if (fmaExact(a, b, c) !== expected)
      expect.fail(`fma(${a}, ${b}, ${c}): expected ${expected}, received ${fmaExact(a, b, c)}`)
    if (fmaFast(a, b, c) !== expected) ties++
  }
  // The cases are hard ones: the fast form fails some of them.
  expect(ties).toBeGreaterThan(0)
})

test.each([
  [1 + 2 ** -12, 1 + 2 ** -12, 2 ** -60],
  [1 + 2 ** -12, 1 + 2 ** -12, -(2 ** -60)],
  [-(1 + 2 ** -12), 1 + 2 ** -12, 2 ** -60],
  [2 ** -75, 1.5 * 2 ** -75, 2 ** -149],
  [3 * 2 ** -75, 2 ** -75, 2 ** -149],
])('fma(%d, %d, %d) is rounded by what the double loses', (a, b, c) => {
  expect(fmaExact(a, b, c)).toBe(fmaByIntegers(a, b, c))
})

test('the fast form is wrong at such a tie, as documented', () => {
  expect(fmaFast(1 + 2 ** -12, 1 + 2 ** -12, 2 ** -60)).not.toBe(
    fmaExact(1 + 2 ** -12, 1 + 2 ** -12, 2 ** -60),
  )
})

test('infinities, NaN and the edge of overflow', () => {
  const max = 3.4028234663852886e38
  expect(fmaExact(Infinity, 1, -Infinity)).toBeNaN()
  expect(fmaExact(Infinity, 0, 1)).toBeNaN()
  expect(fmaExact(Infinity, 2, 1)).toBe(Infinity)
  expect(fmaExact(max, 2, -max)).toBe(max)
  expect(fmaExact(max, 2, 0)).toBe(Infinity)
  // Half-way between the largest float and 2^128, and a hair below.
  expect(fmaExact(2 ** 64, 2 ** 63, max - 2 ** 127)).toBe(max)
  expect(fmaExact(2 ** 103, 1, max)).toBe(Infinity)
  expect(fmaExact(2 ** 103 * (1 - 2 ** -24), 1, max)).toBe(max)
  expect(Object.is(fmaExact(-0, 1, -0), -0)).toBe(true)
  expect(Object.is(fmaExact(-0, 1, 0), 0)).toBe(true)
})
