/** Program: an immutable flat list of instructions over one arena. It knows ops and offsets, no layers. */

import { InternalError } from '../errors.ts'
import { bytesOfDtype, type Dtype } from '../ops/arithmetic.ts'
import type { CustomFunction } from '../ops/op.ts'
import { opNamed } from '../ops/index.ts'
import type { ElementType } from '../ops/signature.ts'

/** Bytes that every offset in the arena is a multiple of. */
export const ALIGNMENT = 64

/** Where an operand starts: buffer 0 is the arena, the others are the data that the program is linked with. */
export interface Place {
  readonly buffer: number
  /** Bytes from the buffer's start. */
  readonly offset: number
}

/** One op on operands at fixed places. */
export interface OpInstruction {
  readonly kind: 'op'
  readonly op: string
  readonly dims: readonly number[]
  readonly scalars: readonly number[]
  readonly places: readonly Place[]
  /** Names of the operands, for print and messages. */
  readonly names: readonly string[]
}

/** Runs another entry for the rows [0, batch), [batch, 2·batch), … of total; the last batch may be ragged. */
export interface RepeatInstruction {
  readonly kind: 'repeat'
  readonly entry: string
  readonly total: number
  readonly batch: number
}

/** All threads wait here for each other. */
export interface BarrierInstruction {
  readonly kind: 'barrier'
}

/** A step of a program. */
export type Instruction = OpInstruction | RepeatInstruction | BarrierInstruction

/** A named array in the arena. */
export interface Slot {
  readonly offset: number
  readonly length: number
  readonly type: ElementType
}

/** Straight-line code with entry points over one arena. */
export interface Program {
  readonly dtype: Dtype
  readonly arenaBytes: number
  /** Capacity of the dim `rows`: the largest batch. */
  readonly rows: number
  readonly entries: ReadonlyMap<string, readonly Instruction[]>
  readonly slots: ReadonlyMap<string, Slot>
  /** Names of the data buffers 1, 2, …, in the order in which `link` wants them. */
  readonly buffers: readonly string[]
  /** What the ops `custom` and `custom_backward` run, by their scalar `index`; none for the native core. */
  readonly functions: readonly CustomFunction[]
}

/** Bytes of one element in a program of a dtype. */
export function bytesOf(type: ElementType, dtype: Dtype): number {
  return type === 'f' ? bytesOfDtype(dtype) : type === 'f64' ? 8 : 4
}

/** The slot of a name that the compiler itself allocated. */
export function slotNamed(program: Program, name: string): Slot {
  const slot = program.slots.get(name)
  if (slot === undefined) throw new InternalError(`the program has no slot ${name}`)
  return slot
}

/**
 * Prints a program readably: one line per instruction, operands as name@offset.
 *
 * @example
 * printProgram(program)
 * // step:
 * //   matmul_nn rows=4 n=1 k=2  x@1024 dense1.weight@0 -> y@1088
 */
export function printProgram(program: Program): string {
  const lines = [`arena ${program.arenaBytes} bytes, rows ${program.rows}`]
  for (const [name, instructions] of program.entries) {
    lines.push(`${name}:`)
    for (const instruction of instructions) lines.push(`  ${printInstruction(instruction, program)}`)
  }
  return lines.join('\n')
}

function printInstruction(instruction: Instruction, program: Program): string {
  if (instruction.kind === 'barrier') return 'barrier'
  if (instruction.kind === 'repeat') {
    return `repeat ${instruction.entry} total=${instruction.total} batch=${instruction.batch}`
  }
  const { signature } = opNamed(instruction.op)
  const numbers = [
    ...signature.dims.map((dim, i) => `${dim}=${instruction.dims[i]}`),
    ...signature.scalars.map((scalar, i) => `${scalar}=${instruction.scalars[i]}`),
  ]
  const text = (i: number): string => {
    const { buffer, offset } = instruction.places[i]
    return `${instruction.names[i]}@${buffer === 0 ? '' : `${program.buffers[buffer - 1]}+`}${offset}`
  }
  const operands = signature.operands.map((operand, i) => ({ ...operand, text: text(i) }))
  const inputs = operands.filter((operand) => operand.isInput).map((operand) => operand.text)
  const outputs = operands.filter((operand) => operand.isOutput).map((operand) => operand.text)
  return [instruction.op, ...numbers, '', ...inputs, '->', ...outputs].join(' ')
}
