/** Reads the plain numbers that most files consist of, each to the bit as `Number(text)` would, and without making texts of them. */

/** Those that are exact as doubles. */
export const powersOfTen: readonly number[] = Array.from({ length: 23 }, (_, exponent) =>
  Number(`1e${exponent}`),
)
/** The product of it and a double cuts that in two halves. Source: Dekker 1971, A floating-point technique for extending the available precision. */
const splitter = 2 ** 27 + 1
/** Digits whose number fits a small integer, which processors add up faster than doubles. */
const half = 9

/** By how many digits follow: whole numbers below it are exact doubles times that power of ten, whose odd part is a power of five. */
const exactBelow = Array.from(
  { length: 12 },
  (_, digits) => 2 ** (53 - Math.ceil(Math.log2(5 ** digits + 0.5))),
)
const largestExact = 2 ** 53

/** A number of an optional minus, digits, and an optional point with digits behind it. */
export class PlainNumber {
  /** Behind the number that was read. */
  end = 0
  value = 0

  /**
   * Does what {@link read} does, four digits behind the point at once: there are bytes behind the number, and `words` has the same bytes
   * and these. Nothing in it depends on a digit but how many there are: the processor foresees nearly all branches.
   */
  readPadded(bytes: Uint8Array, words: DataView, start: number): boolean {
    // 1 for a minus, else 0.
    const negative = ((bytes[start] ^ minus) - 1) >>> 31
    const first = start + negative
    let at = first
    let high = 0
    for (let digit = bytes[at] - zero; digit >= 0 && digit <= 9; digit = bytes[at] - zero) {
      high = high * 10 + digit
      at++
    }
    if (at === first || at - first > half) return this.read(bytes, start)
    if (bytes[at] !== point) {
      this.end = at
      this.value = high * (1 - 2 * negative)
      return true
    }
    const fraction = ++at
    let low = 0
    let digits = words.getUint32(at, true) ^ zeros
    if (othersIn(digits) === 0) {
      high = high * 10000 + fourDigits(digits)
      digits = words.getUint32((at += 4), true) ^ zeros
      if (othersIn(digits) === 0) {
        high = high * 10000 + fourDigits(digits)
        digits = words.getUint32((at += 4), true) ^ zeros
        if (othersIn(digits) === 0) {
          low = fourDigits(digits)
          digits = words.getUint32((at += 4), true) ^ zeros
          if (othersIn(digits) === 0) {
            low = low * 10000 + fourDigits(digits)
            digits = words.getUint32((at += 4), true) ^ zeros
          }
        }
      }
    }
    // Of the last four bytes those before the first that is no digit, with zeros in front.
    const others = othersIn(digits)
    if (others === 0) return this.read(bytes, start)
    const count = (31 - Math.clz32(others & -others)) >> 3
    const gap = 16 - 4 * count
    low = low * powersOfTen[count] + fourDigits((digits << gap) << gap)
    at += count
    const decimals = at - fraction
    const lowDigits = decimals < 8 ? count : decimals - 8
    if (high >= exactBelow[lowDigits]) return this.read(bytes, start)
    const product = high * powersOfTen[lowDigits]
    const power = powersOfTen[decimals]
    const sum = product + low
    const value = sum <= largestExact ? sum / power : quotient(product, low, power)
    this.end = at
    this.value = value * (1 - 2 * negative)
    return value === value
  }

  /** Reads the number at `start`; false where there is none, or where its value is not decided here. */
  read(bytes: Uint8Array, start: number): boolean {
    const isNegative = bytes[start] === minus
    const first = isNegative ? start + 1 : start
    let at = first
    let fraction = 0
    let high = 0
    let left = half
    // The same loop twice, as a function of it takes twice the time. Zeros that lead are no significant digits.
    for (; ; at++) {
      const digit = bytes[at] - zero
      if (digit >= 0 && digit <= 9) {
        if (left === 0) break
        high = (high * 10 + digit) | 0
        if (high !== 0) left--
      } else if (digit === pointDigit && fraction === 0) fraction = at + 1
      else break
    }
    let low = 0
    let lowDigits = 0
    if (left === 0) {
      for (; ; at++) {
        const digit = bytes[at] - zero
        if (digit >= 0 && digit <= 9) {
          if (lowDigits === half) return false
          low = (low * 10 + digit) | 0
          lowDigits++
        } else if (digit === pointDigit && fraction === 0) fraction = at + 1
        else break
      }
    }
    const decimals = fraction === 0 ? 0 : at - fraction
    if (at - first === (fraction === 0 ? 0 : 1) || decimals > 22) return false
    const product = high * powersOfTen[lowDigits]
    const power = powersOfTen[decimals]
    const value = lowDigits <= 6 ? (product + low) / power : quotient(product, low, power)
    this.end = at
    this.value = isNegative ? -value : value
    return !Number.isNaN(value)
  }
}

/**
 * (high + low) / power rounded once, for exact integers, the low one below 10⁹, and an exact power of ten. NaN where the
 * quotient lies too near the middle of two doubles to tell.
 */
function quotient(high: number, low: number, power: number): number {
  // The dividend as an exact sum.
  const dividend = high + low
  const rest = low - (dividend - high)
  const first = dividend / power
  // What the first quotient leaves: the product of it and the power, exactly, by halves.
  const back = first * power
  const a = splitter * first
  const b = splitter * power
  const firstUpper = a - (a - first)
  const powerUpper = b - (b - power)
  const firstLower = first - firstUpper
  const powerLower = power - powerUpper
  const ofBack =
    firstUpper * powerUpper -
    back +
    firstUpper * powerLower +
    firstLower * powerUpper +
    firstLower * powerLower
  const second = (dividend - back - ofBack + rest) / power
  // The second quotient is wrong by at most a few units in its 52nd bit, 2⁻¹⁰⁴ of the first.
  const doubt = first * 2 ** -100
  const value = first + (second - doubt)
  return value === first + (second + doubt) ? value : NaN
}

// The highest bit of each of four bytes that is no digit once {@link zeros} are taken off, and of some behind the first such byte.
function othersIn(digits: number): number {
  return ((digits + 0x76767676) | digits) & 0x80808080
}

// The number of four digits, the first in the lowest byte.
function fourDigits(digits: number): number {
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff00ff
  return (Math.imul(pairs, 100) + (pairs >>> 16)) & 0xffff
}

const minus = 0x2d
const point = 0x2e
const zero = 0x30
const zeros = 0x30303030
const pointDigit = 0x2e - zero
