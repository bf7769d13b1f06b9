/** The checksum of LZ4 frames. Not meant against forgery. */

const primes = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1]
const STRIPE = 16

/**
 * xxHash of 32 bits, from seed 0.
 *
 * @source https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 * @example
 * xxh32(new TextEncoder().encode('abc')).toString(16) // '32d153ff'
 */
export function xxh32(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { length } = bytes
  const [one, two, three, four, five] = primes
  let at = 0
  let hash = five
  if (length >= STRIPE) {
    let [a, b, c, d] = [one + two, two, 0, -one]
    for (; at + STRIPE <= length; at += STRIPE) {
      a = round(a, view.getUint32(at, true))
      b = round(b, view.getUint32(at + 4, true))
      c = round(c, view.getUint32(at + 8, true))
      d = round(d, view.getUint32(at + 12, true))
    }
    hash = rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18)
  }
  hash += length
  for (; at + 4 <= length; at += 4)
    hash = Math.imul(rotated(hash + Math.imul(view.getUint32(at, true), three), 17), four)
  for (; at < length; at++) hash = Math.imul(rotated(hash + Math.imul(bytes[at], five), 11), one)
  hash = Math.imul(hash ^ (hash >>> 15), two)
  hash = Math.imul(hash ^ (hash >>> 13), three)
  return (hash ^ (hash >>> 16)) >>> 0
}

function round(sum: number, word: number): number {
  return Math.imul(rotated(sum + Math.imul(word, primes[1]), 13), primes[0])
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
