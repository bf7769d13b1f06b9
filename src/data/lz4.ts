/** Unpacks LZ4 frames, as Arrow files have them by default. Packs nothing. */

import { xxh32 } from './xxh32.ts'

/** The first four bytes of a frame, as a number. */
const MAGIC = 0x184d2204
const STORED = 2 ** 31
const LEAST_MATCH = 4
const LONG = 15

/** Marks in the byte behind the first four. */
const flags = { blockChecksums: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 } as const

/**
 * The content of a frame.
 *
 * @throws Error where it is no frame, is cut off or damaged, or needs a dictionary
 * @source https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md
 */
export function unpackLz4(packed: Uint8Array): Uint8Array {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  if (packed.length < 7 || view.getUint32(0, true) !== MAGIC) throw new Error('no LZ4 frame')
  const marks = packed[4]
  const has = (mark: number): boolean => (marks & mark) !== 0
  if (has(flags.dictionary)) throw new Error('an LZ4 frame that needs a dictionary')
  const size = has(flags.contentSize) ? Number(view.getBigUint64(6, true)) : 4 * packed.length
  const into = new Unpacked(Math.min(size, MOST_AT_FIRST))
  let at = has(flags.contentSize) ? 15 : 7
  if (at > packed.length) throw cutOff()
  // Of the header's checksum there is the second byte alone.
  if (packed[at - 1] !== ((xxh32(packed.subarray(4, at - 1)) >>> 8) & 0xff)) throw damaged()
  const check = (bytes: Uint8Array): void => {
    if (at + 4 > packed.length) throw cutOff()
    if (view.getUint32(at, true) !== xxh32(bytes)) throw damaged()
    at += 4
  }
  for (;;) {
    if (at + 4 > packed.length) throw cutOff()
    const header = view.getUint32(at, true)
    at += 4
    if (header === 0) {
      if (has(flags.contentChecksum)) check(into.bytes())
      return into.bytes()
    }
    const bytes = header % STORED
    if (at + bytes > packed.length) throw cutOff()
    const block = packed.subarray(at, at + bytes)
    at += bytes
    if (has(flags.blockChecksums)) check(block)
    if (header >= STORED) into.append(block, 0, bytes)
    else unpackBlock(block, into)
  }
}

/** A size that a damaged frame claims takes no more memory than this. */
const MOST_AT_FIRST = 2 ** 26

// Literals and copies of what came before, in turns; the last literals have no copy behind them.
function unpackBlock(block: Uint8Array, into: Unpacked): void {
  let at = 0
  const lengthOf = (short: number): number => {
    let length = short
    if (short < LONG) return length
    for (let more = 255; more === 255; length += more) {
      if (at >= block.length) throw cutOff()
      more = block[at++]
    }
    return length
  }
  while (at < block.length) {
    const token = block[at++]
    const literals = lengthOf(token >>> 4)
    if (at + literals > block.length) throw cutOff()
    into.append(block, at, literals)
    at += literals
    if (at === block.length) return
    if (at + 2 > block.length) throw cutOff()
    const distance = block[at] | (block[at + 1] << 8)
    at += 2
    into.repeat(distance, lengthOf(token & LONG) + LEAST_MATCH)
  }
}

class Unpacked {
  private memory: Uint8Array
  private filled = 0

  constructor(bytes: number) {
    this.memory = new Uint8Array(bytes)
  }

  append(from: Uint8Array, start: number, count: number): void {
    this.makeRoom(count)
    this.memory.set(from.subarray(start, start + count), this.filled)
    this.filled += count
  }

  // A distance below the count repeats what is being written.
  repeat(distance: number, count: number): void {
    if (distance === 0 || distance > this.filled) throw new Error('an LZ4 block that refers to nothing')
    this.makeRoom(count)
    const { memory, filled } = this
    if (distance >= count) memory.copyWithin(filled, filled - distance, filled - distance + count)
    else for (let i = 0; i < count; i++) memory[filled + i] = memory[filled + i - distance]
    this.filled += count
  }

  bytes(): Uint8Array {
    return this.memory.subarray(0, this.filled)
  }

  private makeRoom(count: number): void {
    if (this.filled + count <= this.memory.length) return
    const larger = new Uint8Array(Math.max(this.filled + count, 2 * this.memory.length))
    larger.set(this.memory.subarray(0, this.filled))
    this.memory = larger
  }
}

function cutOff(): Error {
  return new Error('an LZ4 frame that is cut off')
}

function damaged(): Error {
  return new Error('an LZ4 frame whose checksum is another one')
}
