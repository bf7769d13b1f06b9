/** Reads one decimal number from bytes, to the bit as `Number(text)` would; the native twin is in native/csv.cc. */

import { PlainNumber, powersOfTen } from './csv-plain-number.ts'

const plain = new PlainNumber()

/**
 * The number written in `bytes[start, end)`: an optional sign, digits with an optional point (`.5` and `1.` included), an
 * optional exponent. No blanks, no hexadecimal, no separators.
 *
 * @returns the double of `Number(token)`; ±Infinity where the token overflows; NaN where it is not a number
 * @example
 * numberAt(Buffer.from('-.25e+1'), 0, 7) // -2.5
 */
export function numberAt(bytes: Uint8Array, start: number, end: number): number {
  if (plain.read(bytes, start) && plain.end === end) return plain.value
  let at = start
  const isNegative = bytes[at] === minus
  if (isNegative || bytes[at] === plus) at++
  let mantissa = 0
  let significant = 0
  let digits = 0
  let exponent = 0
  let isFraction = false
  for (; at < end; at++) {
    const digit = bytes[at] - zero
    if (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit
      if (mantissa > 0) significant++
      digits++
      if (isFraction) exponent--
    } else if (bytes[at] === point && !isFraction) isFraction = true
    else break
  }
  if (digits === 0) return NaN
  if (at < end) {
    const written = exponentAt(bytes, at, end)
    if (Number.isNaN(written)) return NaN
    exponent += written
  }
  // Clinger's fast path: both the integer and the power of ten are exact, so one operation rounds once.
  if (mantissa === 0) return isNegative ? -0 : 0
  if (significant <= 15 && exponent >= -22 && exponent <= 22) {
    const value = exponent < 0 ? mantissa / powersOfTen[-exponent] : mantissa * powersOfTen[exponent]
    return isNegative ? -value : value
  }
  return Number(asciiText(bytes, start, end))
}

/** Whether a text is a number by the syntax of CSV tokens, overflow included. */
export function isNumberText(text: string): boolean {
  const bytes = Buffer.from(text)
  return !Number.isNaN(numberAt(bytes, 0, bytes.length))
}

/** Whether a text is a number with a decimal comma, or with one between thousands: no number here. */
export function isCommaNumber(text: string): boolean {
  return /^[-+]?\d[\d.]*,\d[\d,]*$/.test(text)
}

/** Whether a field's text is a number that is finite or a word for a missing one: what a numeric column takes. */
export function isNumberField(text: string): boolean {
  const bytes = Buffer.from(text.replaceAll(/^[ \t]+|[ \t]+$/g, ''))
  return Number.isFinite(numberAt(bytes, 0, bytes.length)) || isMissingNumberAt(bytes, 0, bytes.length)
}

/** Whether `bytes[start, end)` spells infinity: an optional sign and `inf` or `infinity` in any case. */
export function isInfinityAt(bytes: Uint8Array, start: number, end: number): boolean {
  const at = bytes[start] === minus || bytes[start] === plus ? start + 1 : start
  if (end - at !== 3 && end - at !== 8) return false
  for (let i = at; i < end; i++) if ((bytes[i] | 0x20) !== 'infinity'.charCodeAt(i - at)) return false
  return true
}

/** Whether `bytes[start, end)` is one of the words for a missing number: `NA`, `nan`, `NaN`. */
export function isMissingNumberAt(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2 || end - start > 3) return false
  const word = asciiText(bytes, start, end)
  return word === 'NA' || word === 'nan' || word === 'NaN'
}

const plus = 0x2b
const minus = 0x2d
const point = 0x2e
const zero = 0x30

// The exponent at `e…`, held below a million (beyond any double, and beyond the digits of any token that fits a line).
function exponentAt(bytes: Uint8Array, start: number, end: number): number {
  if ((bytes[start] | 0x20) !== 0x65) return NaN
  let at = start + 1
  const isNegative = bytes[at] === minus
  if (isNegative || bytes[at] === plus) at++
  if (at >= end) return NaN
  let exponent = 0
  for (; at < end; at++) {
    const digit = bytes[at] - zero
    if (!(digit >= 0 && digit <= 9)) return NaN
    exponent = Math.min(exponent * 10 + digit, 1e6)
  }
  return isNegative ? -exponent : exponent
}

function asciiText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}
