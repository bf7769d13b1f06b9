/** Random numbers: published vectors, uniformity, and independence of streams. */

import { describe, expect, test } from 'vitest'
import { randomStream, streamKey, threefry } from '../src/random.ts'
import { chiSquare, criticalChiSquare } from './support/distributions.ts'

// Known answers of Threefry-2x32-20 from the authors' distribution (Random123, kat_vectors).
test.each([
  [
    [0, 0],
    [0, 0],
    [0x6b200159, 0x99ba4efe],
  ],
  [
    [0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x1cb996fc, 0xbb002be7],
  ],
  [
    [0x13198a2e, 0x03707344],
    [0x243f6a88, 0x85a308d3],
    [0xc4923a9c, 0x483df7a0],
  ],
])('threefry under key %j at counter %j is %j', (key, counter, expected) => {
  const out = new Uint32Array(2)
  threefry(key[0], key[1], counter[0], counter[1], out)
  expect([...out]).toEqual(expected)
})

describe('a stream', () => {
  const draws = 70_000

  test('draws integers below a bound without bias', () => {
    const random = randomStream(1, 'a')
    const counts = new Uint32Array(7)
    for (let i = 0; i < draws; i++) counts[random.below(7, i)]++
    expect(chiSquare(counts)).toBeLessThan(criticalChiSquare(6))
  })

  test('draws uniform doubles over [0, 1)', () => {
    const random = randomStream(2, 'a')
    const counts = new Uint32Array(100)
    for (let i = 0; i < draws; i++) counts[Math.floor(100 * random.uniform(i))]++
    expect(chiSquare(counts)).toBeLessThan(criticalChiSquare(99))
  })

  test('draws normal doubles with the moments of a normal', () => {
    const random = randomStream(3, 'a')
    const moments = [0, 0, 0, 0]
    for (let i = 0; i < draws; i++)
      moments.forEach((_, k) => (moments[k] += random.normal(i) ** (k + 1) / draws))
    const [mean, variance, skew, kurtosis] = moments
    expect(Math.abs(mean)).toBeLessThan(0.015)
    expect(Math.abs(variance - 1)).toBeLessThan(0.02)
    expect(Math.abs(skew)).toBeLessThan(0.04)
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.12)
  })

  test('depends on seed and name, not on other streams', () => {
    const values = (seed: number, name: string): number[] =>
      Array.from({ length: 4 }, (_, i) => randomStream(seed, name).uint32(i))
    expect(values(1, 'a')).toEqual(values(1, 'a'))
    expect(values(1, 'a')).not.toEqual(values(2, 'a'))
    expect(values(1, 'a')).not.toEqual(values(1, 'b'))
    expect([...streamKey(2 ** 40, 'a')]).not.toEqual([...streamKey(0, 'a')])
  })

  test.each([-1, 0.5, NaN, 2 ** 53])('refuses the seed %s', (seed) => {
    expect(() => randomStream(seed, 'a')).toThrow(/seed: expected an integer from 0 to 2\^53 - 1/)
  })
})
