/** What a backend is: something that links programs and runs their entries. Choosing one is in choose.ts. */

import type { Program, Slot } from '../compiler/program.ts'
import type { FloatArray } from '../ops/arithmetic.ts'
import type { Gemm } from '../ops/matmul.ts'
import type { CallNames } from './operands.ts'

/** Arrays that instructions work on. */
export type OperandArray = FloatArray | Uint32Array

/** How a run ended. */
export interface RunOutcome {
  /** Completed runs of the entry. */
  runs: number
  /** Completed iterations of its repeats. */
  steps: number
  /** Status word: 0, EARLY_STOP, or 1 + index of the flag that halted the run. */
  status: number
  /** Whether `cancel` ended it. */
  wasCancelled: boolean
  /** Threads that shared the work. */
  threads: number
}

/** What a run tells while it runs. */
export interface RunOptions {
  /** Doubles in the arena that are recorded after every completed run of the entry. */
  report: { offset: number; count: number }
  /** Called at most ~30 times a second, and never after the run has ended. */
  onProgress: (progress: { runs: number; steps: number }) => void
  /** Whether a run of some ten microseconds may be made at once, for which a thread would take longer to start; default false. */
  mayBlock?: boolean
}

/** A linked program with its own arena. */
export interface Executable {
  /** Runs an entry `times` times without blocking the event loop; rejects only on an internal error. */
  run(entry: string, times: number, options: RunOptions): Promise<RunOutcome>
  /** The reports of the completed runs from `first` on, `count` doubles each. */
  history(first: number): Float64Array
  /** Runs an entry once, at once, for `rows` rows that follow `cursor` earlier ones. */
  runSync(entry: string, rows: number, cursor?: number): void
  /** Ends a run at the next step boundary. */
  cancel(): void
  /** Copies a slot's first `out.length` elements out of the arena. */
  read<T extends OperandArray>(slot: Pick<Slot, 'offset'>, out: T): T
  /** Copies values into the arena at a slot's start. */
  write(slot: Pick<Slot, 'offset'>, values: OperandArray): void
  /** As `write`, in the same pass over the values: the index of the first that is not finite, or −1. */
  writeFinite(slot: Pick<Slot, 'offset'>, values: FloatArray): number
  /** A slot of the program's element type in place, for values that are too few to be worth a call that copies them. */
  view(slot: Slot): FloatArray
}

/** How a program is to be run. */
export interface LinkOptions {
  /** Threads that share a step, default by the machine's cores. */
  threads?: number
  /** Multiply-adds of a step below which one thread serves; default what was measured to pay (docs/performance.md). */
  minimumWork?: number
}

/** Runs programs and single ops. */
export interface Backend {
  readonly name: 'native' | 'fallback'
  /** Instruction set in use: `avx512`, `avx2`, `scalar`, or `typescript`. */
  readonly isa: string
  /** Links a program with its data buffers (arrays on shared memory, in the program's order). */
  link(program: Program, buffers: readonly OperandArray[], options?: LinkOptions): Executable
  /**
   * Runs one op on whole arrays, synchronously; sizes and overlap are checked against its signature.
   *
   * @param batch rows of the batch, at most the dim `rows` (the default), and rows of the epoch before it, default 0
   * @param names what messages call the op and its operands, default as in the signature
   */
  call(
    op: string,
    dims: readonly number[],
    scalars: readonly number[],
    operands: readonly OperandArray[],
    batch?: { readonly rows: number; readonly cursor: number },
    names?: CallNames,
  ): void
  /** BLAS gemm on arrays whose sizes the caller has checked. */
  readonly gemm: Gemm
}
