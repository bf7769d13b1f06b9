/** Counter-based random numbers (Threefry-2x32, 20 rounds): a draw depends on seed, stream name and index alone. */

import { SpecError } from './errors.ts'

const PARITY = 0x1bd11bda

/**
 * One Threefry-2x32-20 block: two words of key and two of counter give two uniform 32-bit words.
 *
 * @param out receives the two words
 * @source Salmon, Moraes, Dror, Shaw 2011, Parallel Random Numbers: As Easy as 1, 2, 3
 * @example
 * const out = new Uint32Array(2)
 * threefry(0, 0, 0, 0, out) // out is [0x6b200159, 0x99ba4efe]
 */
export function threefry(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
  out: Uint32Array,
): void {
  // Rotations by numbers that stand here: with a table of them a block takes two to four times as long.
  let [first, second, third] = [key0 | 0, key1 | 0, (key0 ^ key1 ^ PARITY) | 0]
  let x0 = (counter0 + first) | 0
  let x1 = (counter1 + second) | 0
  for (let group = 1; ; group += 2) {
    x0 = (x0 + x1) | 0
    x1 = rotated(x1, 13) ^ x0
    x0 = (x0 + x1) | 0
    x1 = rotated(x1, 15) ^ x0
    x0 = (x0 + x1) | 0
    x1 = rotated(x1, 26) ^ x0
    x0 = (x0 + x1) | 0
    x1 = rotated(x1, 6) ^ x0
    x0 = (x0 + second) | 0
    x1 = (x1 + third + group) | 0
    if (group === 5) break
    x0 = (x0 + x1) | 0
    x1 = rotated(x1, 17) ^ x0
    x0 = (x0 + x1) | 0
    x1 = rotated(x1, 29) ^ x0
    x0 = (x0 + x1) | 0
    x1 = rotated(x1, 16) ^ x0
    x0 = (x0 + x1) | 0
    x1 = rotated(x1, 24) ^ x0
    x0 = (x0 + third) | 0
    x1 = (x1 + first + group + 1) | 0
    const used = first
    first = third
    third = second
    second = used
  }
  out[0] = x0
  out[1] = x1
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/**
 * The key of a named stream of a seed: the block of the name's 64-bit FNV-1a hash under the seed's two words.
 *
 * @param seed an integer from 0 to 2⁵³ − 1
 * @throws SpecError if the seed is no such integer
 */
export function streamKey(seed: number, name: string): Uint32Array {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new SpecError({ where: 'seed', expected: 'an integer from 0 to 2^53 - 1', received: String(seed) })
  }
  const hash = fnv1a(name)
  const key = new Uint32Array(2)
  threefry(seed >>> 0, Math.floor(seed / 2 ** 32), Number(hash & 0xffffffffn), Number(hash >> 32n), key)
  return key
}

/** A named stream of draws; each is a pure function of its index. */
export interface RandomStream {
  /** A uniform 32-bit integer. */
  uint32(index: number): number
  /** A uniform double in [0, 1) with 53 random bits. */
  uniform(index: number): number
  /** A uniform integer in [0, bound), unbiased; bound is at most 2³². */
  below(bound: number, index: number): number
  /** A standard normal double. */
  normal(index: number): number
}

/**
 * Opens the stream `name` of a seed. Removing one stream changes no draw of another.
 *
 * @param seed an integer from 0 to 2⁵³ − 1
 * @throws SpecError if the seed is no such integer
 */
export function randomStream(seed: number, name: string): RandomStream {
  const key = streamKey(seed, name)
  const words = new Uint32Array(2)
  // The index fills the counter's low word; `attempt` separates redraws of the same index.
  const draw = (index: number, attempt: number): void =>
    threefry(key[0], key[1], index >>> 0, (Math.floor(index / 2 ** 32) + attempt * 0x01000000) >>> 0, words)
  const fraction = (): number => ((words[0] >>> 5) * 2 ** 26 + (words[1] >>> 6)) * 2 ** -53
  return {
    uint32(index) {
      draw(index, 0)
      return words[0]
    },
    uniform(index) {
      draw(index, 0)
      return fraction()
    },
    below(bound, index) {
      for (let attempt = 0; ; attempt++) {
        draw(index, attempt)
        for (const word of words) {
          const value = multiplyBounded(word, bound)
          if (value >= 0) return value
        }
      }
    },
    normal(index) {
      // Marsaglia's polar method: two coordinates of one point, redrawn until it falls inside the unit disc.
      for (let attempt = 0; ; attempt += 2) {
        draw(index, attempt)
        const x = 2 * fraction() - 1
        draw(index, attempt + 1)
        const y = 2 * fraction() - 1
        const s = x * x + y * y
        if (s < 1 && s > 0) return x * Math.sqrt((-2 * naturalLog(s)) / s)
      }
    },
  }
}

/**
 * Maps a uniform 32-bit word to [0, bound) by Lemire's multiplication, or gives −1 where the word must be redrawn
 * for the result to be unbiased.
 *
 * @source Lemire 2019, Fast Random Integer Generation in an Interval
 */
export function multiplyBounded(word: number, bound: number): number {
  if (bound === 2 ** 32) return word
  const lowProduct = (word & 0xffff) * bound
  const middle = (word >>> 16) * bound + Math.floor(lowProduct / 65536)
  const high = Math.floor(middle / 65536)
  const low = ((middle % 65536) * 65536 + (lowProduct % 65536)) >>> 0
  return low < bound && low < (2 ** 32 - bound) % bound ? -1 : high
}

// log of a positive normal double by additions, multiplications and divisions alone: Math.log may differ by machine.
function naturalLog(value: number): number {
  let exponent = 0
  let mantissa = value
  while (mantissa < Math.SQRT1_2) [mantissa, exponent] = [mantissa * 2, exponent - 1]
  while (mantissa > Math.SQRT2) [mantissa, exponent] = [mantissa / 2, exponent + 1]
  const s = (mantissa - 1) / (mantissa + 1)
  const square = s * s
  let series = 0
  for (let k = 25; k >= 1; k -= 2) series = series * square + 1 / k
  return exponent * Math.LN2 + 2 * s * series
}

function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return hash
}
