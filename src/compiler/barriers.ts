/** Puts a barrier wherever one thread's part of an instruction needs what another thread did before. */

import type { Dtype } from '../ops/arithmetic.ts'
import { opNamed } from '../ops/index.ts'
import { elementCount } from '../ops/signature.ts'
import { bytesOf, type Instruction, type OpInstruction } from './program.ts'

interface Access {
  readonly buffer: number
  readonly start: number
  readonly end: number
  readonly isWrite: boolean
  /** Whether thread parts of the split dim are parts of this operand: the dim is its outermost. */
  readonly isSplit: boolean
}

interface Footprint {
  readonly split: string
  /** Size of the split dim: equal splits of equal sizes give a thread the same part. */
  readonly size: number
  readonly accesses: readonly Access[]
}

/** Ops whose effect is on the run itself: all before them is done first, nothing behind them starts before. */
export const opsWithRunEffects: ReadonlySet<string> = new Set(['halt_if', 'halt_if_nonfinite', 'keep_best'])

/** The instructions with barriers; ends without one, because an entry's end is a barrier of the executor. */
export function placeBarriers(instructions: readonly Instruction[], dtype: Dtype): Instruction[] {
  const result: Instruction[] = []
  let sinceBarrier: Footprint[] = []
  const barrier = (): void => {
    if (sinceBarrier.length > 0) result.push({ kind: 'barrier' })
    sinceBarrier = []
  }
  for (const instruction of instructions) {
    if (instruction.kind !== 'op') {
      barrier()
      result.push(instruction)
      continue
    }
    const footprint = footprintOf(instruction, dtype)
    const isFence = opsWithRunEffects.has(instruction.op)
    const last = sinceBarrier.findLastIndex((earlier) => conflicts(earlier, footprint))
    if (isFence) barrier()
    else if (last >= 0) {
      // Behind the last that it waits for, where the split changes: neighbours of one split stay together.
      const { split } = sinceBarrier[last]
      const change = sinceBarrier.findIndex((earlier, i) => i > last && earlier.split !== split)
      const kept = change < 0 ? 0 : sinceBarrier.length - change
      result.splice(result.length - kept, 0, { kind: 'barrier' })
      sinceBarrier = sinceBarrier.slice(sinceBarrier.length - kept)
    }
    result.push(instruction)
    sinceBarrier.push(footprint)
    if (isFence) barrier()
  }
  return result
}

function footprintOf(instruction: OpInstruction, dtype: Dtype): Footprint {
  const { signature, split } = opNamed(instruction.op)
  return {
    split,
    size: split === 'serial' ? 0 : instruction.dims[signature.dims.indexOf(split)],
    accesses: signature.operands.map((operand, i) => {
      const { buffer, offset } = instruction.places[i]
      const bytes = elementCount(signature, operand, instruction.dims) * bytesOf(operand.type, dtype)
      return {
        buffer,
        start: offset,
        end: offset + bytes,
        isWrite: operand.isOutput,
        isSplit: operand.shape[0] === split,
      }
    }),
  }
}

// Both touch the same bytes, one of them writes, and the threads do not stay within equal parts of them.
function conflicts(a: Footprint, b: Footprint): boolean {
  if (a.split === 'serial' && b.split === 'serial') return false
  return a.accesses.some((x) =>
    b.accesses.some((y) => {
      if (!(x.isWrite || y.isWrite) || x.buffer !== y.buffer || x.end <= y.start || y.end <= x.start)
        return false
      const isSamePart = x.isSplit && y.isSplit && a.split === b.split && a.size === b.size
      return !(isSamePart && x.start === y.start && x.end === y.end)
    }),
  )
}
