/** Memory for the values of blocks, used for one after the other. */

import { columnKinds, type BlockTargets } from './csv-block.ts'

/** Makes the targets of columns of these kinds, with room for so many rows. */
export type MakeTargets = (kinds: Uint8Array, capacity: number) => BlockTargets

// The next block may have a few lines more.
const slack = 1.25

/** Targets that are handed out, and come back when their values have been taken. */
export class TargetPool {
  private free: BlockTargets[] = []
  private kinds = new Uint8Array(0)

  constructor(private readonly make: MakeTargets) {}

  /** Targets with room for so many rows, or more. */
  take(kinds: Uint8Array, capacity: number): BlockTargets {
    if (!isEqual(kinds, this.kinds)) {
      this.kinds = kinds.slice()
      this.free = []
    }
    const found = this.free.pop()
    if (found !== undefined && found.capacity >= capacity) return found
    return this.make(this.kinds, Math.ceil(capacity * slack))
  }

  /** Takes the memory back: its arrays are then overwritten. */
  release(targets: BlockTargets): void {
    if (targets.kinds === this.kinds) this.free.push(targets)
  }
}

/** Targets of float64 for numbers and of int32 for codes, a column behind the other. */
export function columnTargets(kinds: Uint8Array, capacity: number): BlockTargets {
  const width = kinds.length
  const buffer = new SharedArrayBuffer(width * capacity * 8)
  const arrays = Array.from(kinds, (kind, column) => {
    const offset = column * capacity * 8
    if (kind === columnKinds.skip) return undefined
    if (kind === columnKinds.texts || kind === columnKinds.categories)
      return new Int32Array(buffer, offset, capacity)
    return new Float64Array(buffer, offset, capacity)
  })
  return { kinds, arrays, offsets: new Int32Array(width), strides: new Int32Array(width).fill(1), capacity }
}

/** A target of float32 with the numeric columns side by side, row after row; codes of texts have targets behind it. */
export function rowTargets(kinds: Uint8Array, capacity: number): BlockTargets {
  const isNumeric = Array.from(kinds, (kind) => kind === columnKinds.numeric)
  const width = isNumeric.filter(Boolean).length
  const read = kinds.reduce((count, kind) => count + (kind === columnKinds.skip ? 0 : 1), 0)
  const buffer = new SharedArrayBuffer(read * capacity * 4)
  const matrix = new Float32Array(buffer, 0, width * capacity)
  let [nextNumber, nextText] = [0, width]
  const arrays = Array.from(kinds, (kind, column) => {
    if (kind === columnKinds.skip) return undefined
    return isNumeric[column] ? matrix : new Int32Array(buffer, nextText++ * capacity * 4, capacity)
  })
  return {
    kinds,
    arrays,
    offsets: Int32Array.from(isNumeric, (is) => (is ? nextNumber++ : 0)),
    strides: Int32Array.from(isNumeric, (is) => (is ? width : 1)),
    capacity,
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((kind, column) => kind === b[column])
}
