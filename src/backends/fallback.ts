/** The fallback backend: interprets programs with the TypeScript kernels. It is the specification of the native core. */

import { BackendError } from '../errors.ts'
import {
  bytesOf,
  type Instruction,
  type OpInstruction,
  type Program,
  type RepeatInstruction,
  type Slot,
} from '../compiler/program.ts'
import { arithmeticOf, dtypeOf, floatArray, type Dtype, type FloatArray } from '../ops/arithmetic.ts'
import { EARLY_STOP } from '../ops/control.ts'
import { opNamed } from '../ops/index.ts'
import { gemm } from '../ops/matmul.ts'
import type { Call, Kernel } from '../ops/op.ts'
import { elementCount, type ElementType } from '../ops/signature.ts'
import type { Backend, Executable, OperandArray, RunOptions, RunOutcome } from './backend.ts'
import { arrayOn } from '../typed-arrays.ts'
import { checkOperands } from './operands.ts'

/** Longest stretch without yielding to the event loop, in milliseconds. */
const SLICE_MS = 8
const PROGRESS_MS = 33

const NO_FLOATS = new Float32Array(0)
const NO_WORDS = new Uint32Array(0)
const NO_DOUBLES = new Float64Array(0)

/**
 * Builds the fallback backend.
 *
 * @param options.exact use the fma that agrees with the native core bit for bit, at a third of the speed; default false
 */
export function createFallback(options: { exact?: boolean } = {}): Backend {
  const isExact = options.exact === true
  const gemms = {
    float32: gemm(arithmeticOf('float32', isExact)),
    float64: gemm(arithmeticOf('float64', isExact)),
  }
  return {
    name: 'fallback',
    isa: 'typescript',
    ...createInterpreter((op, dtype) => opNamed(op).kernel(arithmeticOf(dtype, isExact))),
    gemm: (transA, transB, m, n, k, alpha, a, ...rest) => {
      gemms[dtypeOf(a)](transA, transB, m, n, k, alpha, a, ...rest)
    },
  }
}

/** What interprets programs and single ops with TypeScript kernels; `makeKernel` gives the kernel of an op. */
export function createInterpreter(
  makeKernel: (op: string, dtype: Dtype) => Kernel,
): Pick<Backend, 'link' | 'call'> {
  const kernels = new Map<string, Kernel>()
  const kernelOf = (name: string, dtype: Dtype): Kernel => {
    const key = `${name} ${dtype}`
    const kernel = kernels.get(key) ?? makeKernel(name, dtype)
    kernels.set(key, kernel)
    return kernel
  }
  return {
    link: (program, buffers) => new Interpreter(program, buffers, kernelOf),
    call(name, dims, scalars, operands, batch, names) {
      const { signature } = opNamed(name)
      const { dtype, checked } = checkOperands(name, dims, scalars, operands, names)
      const rowsDim = signature.dims.indexOf('rows')
      kernelOf(
        name,
        dtype,
      )({
        ...splitByType(
          checked.map(({ view, count }, i) => ({
            array: arrayOn(view, count),
            type: signature.operands[i].type,
          })),
        ),
        dims,
        scalars,
        functions: [],
        rows: rowsDim < 0 ? 0 : (batch?.rows ?? dims[rowsDim]),
        cursor: batch?.cursor ?? 0,
      })
    },
  }
}

// One array per operand in the place of its element type, and an empty one in the others.
function splitByType(
  operands: readonly { array: OperandArray; type: ElementType }[],
): Pick<Call, 'operands' | 'words' | 'doubles'> {
  return {
    operands: operands.map(({ array, type }) => (type === 'f' ? (array as FloatArray) : NO_FLOATS)),
    words: operands.map(({ array, type }) => (type === 'u32' ? (array as Uint32Array) : NO_WORDS)),
    doubles: operands.map(({ array, type }) => (type === 'f64' ? (array as Float64Array) : NO_DOUBLES)),
  }
}

interface LinkedOp {
  readonly kind: 'op'
  readonly kernel: Kernel
  readonly call: Call
}
type LinkedInstruction = LinkedOp | Exclude<Instruction, OpInstruction>

interface Batch {
  readonly rows: number
  readonly cursor: number
}

/** The run's turns at the event loop: it computes for a while, reports, and lets others go first. */
class Turns {
  readonly progress = { runs: 0, steps: 0 }
  readonly #onProgress: RunOptions['onProgress']
  #end = performance.now() + SLICE_MS
  #nextProgress = performance.now() + PROGRESS_MS

  constructor(onProgress: RunOptions['onProgress']) {
    this.#onProgress = onProgress
  }

  isOver(): boolean {
    return performance.now() >= this.#end
  }

  async rest(): Promise<void> {
    if (performance.now() >= this.#nextProgress) {
      this.#onProgress({ ...this.progress })
      this.#nextProgress = performance.now() + PROGRESS_MS
    }
    await new Promise((resolve) => setImmediate(resolve))
    this.#end = performance.now() + SLICE_MS
  }
}

class Interpreter implements Executable {
  readonly #arena: ArrayBuffer
  readonly #dtype: Dtype
  readonly #entries = new Map<string, LinkedInstruction[]>()
  readonly #status: Uint32Array
  #reports: Float64Array[] = []
  #isCancelled = false
  #isRunning = false

  constructor(
    program: Program,
    buffers: readonly OperandArray[],
    kernelOf: (name: string, dtype: Dtype) => Kernel,
  ) {
    this.#arena = new ArrayBuffer(program.arenaBytes)
    this.#dtype = program.dtype
    this.#status = new Uint32Array(this.#arena, program.slots.get('status')?.offset ?? 0, 1)
    for (const [name, instructions] of program.entries) {
      this.#entries.set(
        name,
        instructions.map((instruction) =>
          instruction.kind === 'op' ? this.#link(instruction, program, buffers, kernelOf) : instruction,
        ),
      )
    }
  }

  #link(
    instruction: OpInstruction,
    { dtype, functions }: Program,
    buffers: readonly OperandArray[],
    kernelOf: (name: string, dtype: Dtype) => Kernel,
  ): LinkedOp {
    const { signature } = opNamed(instruction.op)
    const operands = signature.operands.map((operand, i) => {
      const { buffer, offset } = instruction.places[i]
      const length = elementCount(signature, operand, instruction.dims)
      const base = buffer === 0 ? this.#arena : buffers[buffer - 1].buffer
      const start = buffer === 0 ? offset : buffers[buffer - 1].byteOffset + offset
      return { array: viewOf(operand.type, dtype, base, start, length), type: operand.type }
    })
    return {
      kind: 'op',
      kernel: kernelOf(instruction.op, dtype),
      call: {
        ...splitByType(operands),
        dims: instruction.dims,
        scalars: instruction.scalars,
        functions,
        rows: 0,
        cursor: 0,
      },
    }
  }

  runSync(entry: string, rows: number, cursor = 0): void {
    for (const instruction of this.#entry(entry)) {
      if (instruction.kind === 'op') this.#execute(instruction, rows, cursor)
      if (this.#status[0] !== 0) return
    }
  }

  async run(entry: string, times: number, { report, onProgress }: RunOptions): Promise<RunOutcome> {
    if (this.#isRunning) throw new BackendError('run: the executable is running already')
    this.#isRunning = true
    this.#isCancelled = false
    this.#reports = []
    this.#status[0] = 0
    const turns = new Turns(onProgress)
    const { progress } = turns
    try {
      for (; progress.runs < times && !this.#isCancelled && this.#status[0] === 0; progress.runs++) {
        if (!(await this.#walk(entry, undefined, turns))) break
        this.#reports.push(new Float64Array(this.#arena, report.offset, report.count).slice())
      }
      return { ...progress, status: this.#status[0], wasCancelled: this.#isCancelled, threads: 1 }
    } finally {
      this.#isRunning = false
    }
  }

  // Runs an entry for a batch, or as the run's own entry; false where the run ends here.
  async #walk(entry: string, batch: Batch | undefined, turns: Turns): Promise<boolean> {
    for (const instruction of this.#entry(entry)) {
      if (instruction.kind === 'op') this.#execute(instruction, batch?.rows ?? 0, batch?.cursor ?? 0)
      else if (instruction.kind === 'repeat' && !(await this.#repeat(instruction, batch, turns))) return false
      if (this.#isHalted()) return false
    }
    return true
  }

  // A repeat inside a step divides the rows of the step's batch; its turns are no steps of their own.
  async #repeat(
    { entry, total, batch }: RepeatInstruction,
    whole: Batch | undefined,
    turns: Turns,
  ): Promise<boolean> {
    const rows = whole === undefined ? total : Math.min(total, whole.rows)
    const isStraight = this.#entry(entry).every(({ kind }) => kind !== 'repeat')
    for (let done = 0; done < rows; done += batch) {
      const part = { rows: Math.min(batch, rows - done), cursor: (whole?.cursor ?? 0) + done }
      if (isStraight) this.runSync(entry, part.rows, part.cursor)
      else if (!(await this.#walk(entry, part, turns))) return false
      if (this.#isHalted()) return false
      if (whole === undefined) turns.progress.steps++
      if (turns.isOver()) await turns.rest()
      if (this.#isCancelled) return false
    }
    return true
  }

  history(first: number): Float64Array {
    const reports = this.#reports.slice(first)
    const values = new Float64Array(reports.reduce((length, report) => length + report.length, 0))
    reports.forEach((report, i) => values.set(report, i * report.length))
    return values
  }

  cancel(): void {
    this.#isCancelled = true
  }

  read<T extends OperandArray>(slot: Pick<Slot, 'offset'>, out: T): T {
    const bytes = new Uint8Array(this.#arena, slot.offset, out.byteLength)
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes)
    return out
  }

  write(slot: Pick<Slot, 'offset'>, values: OperandArray): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    new Uint8Array(this.#arena, slot.offset, values.byteLength).set(bytes)
  }

  writeFinite(slot: Pick<Slot, 'offset'>, values: FloatArray): number {
    this.write(slot, values)
    for (let i = 0; i < values.length; i++) if (values[i] - values[i] !== 0) return i
    return -1
  }

  view({ offset, length }: Slot): FloatArray {
    return floatArray(this.#dtype, length, this.#arena, offset)
  }

  #execute({ kernel, call }: LinkedOp, rows: number, cursor: number): void {
    call.rows = rows
    call.cursor = cursor
    kernel(call)
  }

  // A raised flag stops the run at once; running out of patience only at its end.
  #isHalted(): boolean {
    return this.#status[0] !== 0 && this.#status[0] !== EARLY_STOP
  }

  #entry(name: string): LinkedInstruction[] {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw new BackendError(`run: the program has no entry ${name}`)
    return entry
  }
}

function viewOf(
  type: ElementType,
  dtype: Dtype,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): OperandArray {
  if (byteOffset + length * bytesOf(type, dtype) > buffer.byteLength) {
    throw new BackendError('link: an operand ends beyond its buffer')
  }
  if (type === 'u32') return new Uint32Array(buffer, byteOffset, length)
  if (type === 'f64') return new Float64Array(buffer, byteOffset, length)
  return floatArray(dtype, length, buffer, byteOffset)
}
