/** Refuses bytes that are no UTF-8 text, naming the line; converts nothing. */

import { isUtf8 } from 'node:buffer'
import { DataError } from '../errors.ts'

/**
 * Checks that a CSV is UTF-8 without NUL bytes.
 *
 * @throws DataError for UTF-16 (by its byte-order mark), a NUL byte, and the first byte that is no UTF-8
 */
export function checkEncoding(bytes: Uint8Array, source: string): void {
  checkMark(bytes, source)
  checkText(bytes, source, 1)
}

/** Refuses UTF-16 by the byte-order mark at the start of a file. */
export function checkMark(bytes: Uint8Array, source: string): void {
  const mark = bytes.length < 2 ? 0 : bytes[0] * 256 + bytes[1]
  if (mark === 0xfffe || mark === 0xfeff) {
    throw new DataError({
      code: 'HADAMARD_CSV_ENCODING',
      where: source,
      expected: 'a file in UTF-8',
      received: 'one in UTF-16',
      cure: 'Save it as UTF-8',
    })
  }
}

/**
 * Refuses NUL bytes and what is no UTF-8.
 *
 * @param firstLine physical line of the first byte
 */
export function checkText(bytes: Uint8Array, source: string, firstLine: number): void {
  const nul = bytes.indexOf(0)
  if (nul >= 0)
    throw wrongByte(
      bytes,
      nul,
      source,
      firstLine,
      'a NUL byte',
      'The file is binary or in UTF-16; save it as UTF-8 text',
    )
  if (isUtf8(bytes)) return
  const at = firstWrongByte(bytes)
  const hex = bytes[at].toString(16).toUpperCase().padStart(2, '0')
  throw wrongByte(bytes, at, source, firstLine, `byte 0x${hex}, which is no UTF-8`, 'Save the file as UTF-8')
}

/** Physical line of an offset; the first line is 1. LF, CR LF and CR end a line. */
export function lineAt(bytes: Uint8Array, offset: number): number {
  let line = 1
  for (let i = 0; i < offset; i++)
    if (bytes[i] === 0x0a || (bytes[i] === 0x0d && bytes[i + 1] !== 0x0a)) line++
  return line
}

function wrongByte(
  bytes: Uint8Array,
  at: number,
  source: string,
  firstLine: number,
  received: string,
  cure: string,
): DataError {
  const line = firstLine - 1 + lineAt(bytes, at)
  return new DataError(
    {
      code: 'HADAMARD_CSV_ENCODING',
      where: `${source} line ${line}`,
      expected: 'text in UTF-8',
      received,
      cure,
    },
    { line },
  )
}

// The first byte of the first ill-formed sequence (Unicode 15, table 3-7).
function firstWrongByte(bytes: Uint8Array): number {
  let at = 0
  for (;;) {
    const length = sequenceLength(bytes, at)
    if (length === 0 || at >= bytes.length) return Math.min(at, bytes.length - 1)
    at += length
  }
}

function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]
  if (lead < 0x80) return 1
  const isTail = (offset: number, low = 0x80, high = 0xbf): boolean =>
    bytes[at + offset] >= low && bytes[at + offset] <= high
  if (lead >= 0xc2 && lead <= 0xdf) return isTail(1) ? 2 : 0
  if (lead >= 0xe0 && lead <= 0xef) {
    const isSecond = isTail(1, lead === 0xe0 ? 0xa0 : 0x80, lead === 0xed ? 0x9f : 0xbf)
    return isSecond && isTail(2) ? 3 : 0
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const isSecond = isTail(1, lead === 0xf0 ? 0x90 : 0x80, lead === 0xf4 ? 0x8f : 0xbf)
    return isSecond && isTail(2) && isTail(3) ? 4 : 0
  }
  return 0
}
