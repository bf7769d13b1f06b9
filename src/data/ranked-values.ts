/** Numbers of any count, of which the one at a rank is found exactly in bounded memory: what does not fit lies in a temporary file. */

import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataError } from '../errors.ts'
import type { Paced } from '../paced.ts'
import { temporaryName } from '../temporary.ts'

const MOST_IN_MEMORY = 2 ** 16
const BYTES_PER_KEY = 8
const DIGIT_BITS = 16
/** Of the halves of a key, the bits that lie before each of its four digits. */
const bitsBefore = [
  { high: 0, low: 0 },
  { high: -1 << DIGIT_BITS, low: 0 },
  { high: -1, low: 0 },
  { high: -1, low: -1 << DIGIT_BITS },
] as const

/** A number among others in ascending order. */
interface Ranked {
  readonly value: number
  /** How many are smaller, and how many the same. */
  readonly below: number
  readonly equal: number
}

/** Numbers that are ranked once all have been added. */
export class RankedValues {
  count = 0
  /** Pairs of 32 bits, which ascend as the numbers do. */
  private readonly keys = new Uint32Array(2 * MOST_IN_MEMORY)
  private filled = 0
  private file: number | undefined
  private readonly bits = new DataView(new ArrayBuffer(BYTES_PER_KEY))

  /**
   * Takes in a number that is not NaN.
   *
   * @throws DataError where the temporary file cannot be written
   */
  add(value: number): void {
    const { bits, keys, filled } = this
    // -0 is as large as 0.
    bits.setFloat64(0, value + 0)
    const high = bits.getInt32(0)
    // The bits of negative numbers descend.
    const flip = high < 0 ? -1 : 0
    keys[2 * filled] = high ^ (flip | (1 << 31))
    keys[2 * filled + 1] = bits.getInt32(4) ^ flip
    this.filled++
    this.count++
    if (this.filled === MOST_IN_MEMORY) this.flush()
  }

  /** The number that would stand at a place, from 0, if all were sorted. It takes four readings, one for each digit of the keys. */
  *at(rank: number): Paced<Ranked> {
    const key = { high: 0, low: 0 }
    const counts = new Float64Array(2 ** DIGIT_BITS)
    let below = 0
    let equal = 0
    for (const [place, mask] of bitsBefore.entries()) {
      counts.fill(0)
      for (const keys of this.pieces()) {
        countDigits(keys, place, mask, key, counts)
        yield
      }
      let digit = 0
      while (below + counts[digit] <= rank) below += counts[digit++]
      equal = counts[digit]
      const half = place < 2 ? 'high' : 'low'
      key[half] |= place % 2 === 0 ? digit << DIGIT_BITS : digit
    }
    return { value: this.valueOf(key.high, key.low), below, equal }
  }

  /** Gives back what was kept. */
  close(): void {
    if (this.file !== undefined) closeSync(this.file)
    this.file = undefined
    this.filled = this.count = 0
  }

  private valueOf(high: number, low: number): number {
    const flip = high < 0 ? 0 : -1
    this.bits.setInt32(0, high ^ (flip | (1 << 31)))
    this.bits.setInt32(4, low ^ flip)
    return this.bits.getFloat64(0)
  }

  private flush(): void {
    try {
      this.file ??= openUnnamed()
      const bytes = new Uint8Array(this.keys.buffer)
      for (let written = 0; written < bytes.length;)
        written += writeSync(this.file, bytes, written, bytes.length - written)
    } catch (error) {
      throw new DataError(
        {
          code: 'HADAMARD_CACHE',
          where: tmpdir(),
          expected: 'room for the times of the rows, 8 bytes each',
          received: (error as Error).message,
          cure: 'Set TMPDIR to a folder with more room',
        },
        { cause: error },
      )
    }
    this.filled = 0
  }

  private *pieces(): Generator<Uint32Array> {
    const { file, keys, filled } = this
    if (file !== undefined) {
      const piece = new Uint32Array(keys.length)
      const bytes = new Uint8Array(piece.buffer)
      for (let left = this.count - filled, offset = 0; left > 0; left -= MOST_IN_MEMORY) {
        for (let read = 0; read < bytes.length;)
          read += readSync(file, bytes, read, bytes.length - read, offset + read)
        offset += bytes.length
        yield piece
      }
    }
    yield keys.subarray(0, 2 * filled)
  }
}

function countDigits(
  keys: Uint32Array,
  place: number,
  mask: { high: number; low: number },
  key: { high: number; low: number },
  counts: Float64Array,
): void {
  const half = place < 2 ? 0 : 1
  const shift = place % 2 === 0 ? DIGIT_BITS : 0
  for (let at = 0; at < keys.length; at += 2) {
    const differs = ((keys[at] ^ key.high) & mask.high) | ((keys[at + 1] ^ key.low) & mask.low)
    if (differs === 0) counts[(keys[at + half] >>> shift) & 0xffff]++
  }
}

// A file without a name goes when it is closed, and with the process.
function openUnnamed(): number {
  const folder = join(tmpdir(), temporaryName())
  mkdirSync(folder, { mode: 0o700 })
  try {
    return openSync(join(folder, 'values'), 'wx+', 0o600)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
