/** The native backend: the only file that touches the addon. */

import { createRequire } from 'node:module'
import { BackendError, reasonOf, SpecError } from '../errors.ts'
import { ALIGNMENT, type Program, type Slot } from '../compiler/program.ts'
import type {
  BlockOptions,
  BlockReader,
  BlockResult,
  BlockTargets,
  CsvScan,
  FilePiece,
} from '../data/csv-block.ts'
import type { CsvBody, CsvBodyOptions, CsvFailure } from '../data/csv-parser.ts'
import { fallbackRowLoops, type RowJobs, type RowLoops } from '../data/row-loops.ts'
import { floatArray, type Dtype, type FloatArray } from '../ops/arithmetic.ts'
import { opNamed, ops } from '../ops/index.ts'
import type { Backend, Executable, OperandArray, RunOptions, RunOutcome } from './backend.ts'
import { BinaryError, cureFor, examineBinary, findBinary, shortPath } from './binary.ts'
import { checkOperands } from './operands.ts'
import { selfTest } from './self-test.ts'

interface NativeProgram {
  ops: string[]
  code: Float64Array
  entries: { name: string; start: number; end: number }[]
  arenaBytes: number
  rows: number
  status: number
  dtype: string
}

interface NativeRunResult {
  runs: number
  steps: number
  status: number
  cancelled: boolean
  threads: number
}

interface NativeExecutable {
  run(
    entry: string,
    times: number,
    options: {
      report: { offset: number; count: number }
      onProgress: (steps: number, runs: number) => void
      onDone: (error: Error | null, result: NativeRunResult) => void
      mayBlock: boolean
    },
  ): NativeRunResult | undefined
  readonly arenaStart: number
  history(first: number): Float64Array
  runSync(entry: number, rows: number, cursor: number): void
  cancel(): void
  read(offset: number, out: OperandArray): void
  write(offset: number, values: OperandArray): void
  copyRows(offset: number, values: FloatArray): number
}

/** Targets of blocks as the addon holds them. */
type NativeTargets = object

/** What tells its result when it is done. */
type Job<Given extends unknown[], Result> = (...given: [...Given, (result: Result) => void]) => void

/** What the addon exports. */
export interface Binding {
  info(): {
    isas: string[]
    compiled: string[]
    cores: number
    ops: { name: string; split: string; signature: string }[]
  }
  call(
    isa: string,
    op: string,
    dims: readonly number[],
    scalars: readonly number[],
    operands: readonly OperandArray[],
    rows?: number,
    cursor?: number,
  ): void
  gemm(isa: string, ...args: Parameters<Backend['gemm']>): void
  parseCsv(
    bytes: Uint8Array,
    start: number,
    line: number,
    delimiter: number,
    declared: Uint8Array,
    missing: readonly string[],
    allowMissing: boolean,
  ): CsvBody | CsvFailure
  scanCsv(bytes: Uint8Array, start: number, end: number, delimiter: number): CsvScan
  CsvReader: new (options: BlockOptions & { threads: number }) => {
    targets(
      kinds: Uint8Array,
      arrays: BlockTargets['arrays'],
      offsets: Int32Array,
      strides: Int32Array,
      capacity: number,
    ): NativeTargets
    parse(
      bytes: Uint8Array,
      start: number,
      end: number,
      targets: NativeTargets,
      onDone: (result: BlockResult | string) => void,
    ): void
    openFile(descriptor: number, offset: number, size: number): void
    read(
      bytes: Uint8Array,
      targets: NativeTargets,
      onDone: (result: BlockResult | string | undefined, piece: FilePiece) => void,
    ): void
    close(): void
  }
  rowLoops: Omit<RowLoops, 'jobs'>
  /** The last argument of each is told the result. */
  rowJobs: {
    [Name in keyof RowJobs]: Job<Parameters<RowJobs[Name]>, Awaited<ReturnType<RowJobs[Name]>>>
  }
  Executable: new (
    program: NativeProgram,
    buffers: readonly OperandArray[],
    options: { isa: string; threads: number; minimumWork: number },
    arena: Uint8Array,
  ) => NativeExecutable
}

// Multiply-adds per step below which a run uses one thread (docs/performance.md): where nobody asked for threads, they
// must pay even on a machine that is shared; where somebody did, they must at least not cost more than they give.
const WORK_FOR_DEFAULT_THREADS = 8_000_000
const WORK_FOR_ASKED_THREADS = 250_000

/** Parsers of a CSV: they read one after another, which so many keep busy, and each has a piece of its own in memory. */
const MOST_READERS = 8

let loaded: Binding | BinaryError | undefined
const faults = new Map<string, string | undefined>()

/**
 * Loads the addon: a prebuilt binary for this platform, or the one that was compiled in place.
 *
 * @throws BackendError with the reason and the cure
 */
export function loadBinding(): Binding {
  loaded ??= tryToLoad()
  if (loaded instanceof Error) throw loaded
  return loaded
}

function tryToLoad(): Binding | BinaryError {
  try {
    const path = findBinary()
    const trouble = examineBinary(path)
    if (trouble !== undefined) return new BinaryError(trouble)
    const binding = load(path)
    const missing = missingPart(binding)
    if (missing === undefined) return binding
    return new BinaryError({
      fault: 'otherVersion',
      expected: `${missing} of this version of hadamard`,
      received: `${shortPath(path)} without it`,
      cure: cureFor(path),
    })
  } catch (error) {
    if (error instanceof BinaryError) return error
    throw error
  }
}

function load(path: string): Binding {
  try {
    return createRequire(import.meta.url)(path) as Binding
  } catch (cause) {
    const reason = reasonOf(cause).split('\n')[0]
    const expected = 'a binary that this machine can load'
    throw new BinaryError(
      { fault: 'unloadable', expected, received: reason, cure: cureFor(path) },
      undefined,
      { cause },
    )
  }
}

// A binary of another version may lack ops, or know them by another signature.
function missingPart(binding: Partial<Binding>): string | undefined {
  if (typeof binding.info !== 'function') return 'the function info'
  const native = new Map(binding.info().ops.map((op) => [op.name, `${op.split} ${op.signature}`]))
  for (const { name, split, signature } of ops.values()) {
    if (native.get(name) !== `${split} ${signature.text}`) return `the op ${name}`
  }
  if (binding.rowLoops === undefined) return 'the loops over rows'
  return binding.rowJobs === undefined ? 'the jobs on rows' : undefined
}

/**
 * Builds the native backend.
 *
 * @param options.isa instruction set, default the best that this machine has
 * @throws BackendError if the addon does not load, the machine lacks the instruction set, or the core fails its self-test
 */
export function createNative(options: { isa?: string } = {}): Backend {
  const binding = loadBinding()
  const { isas, cores } = binding.info()
  const isa = options.isa ?? isas[0]
  if (!isas.includes(isa)) {
    throw new BackendError({
      code: 'HADAMARD_ISA_MISSING',
      where: 'isa',
      expected: `one of ${isas.join(', ')}, which this machine has`,
      received: isa,
    })
  }
  const backend = nativeBackend(binding, isa, defaultThreadsOf(cores))
  const fault = faultOf(backend)
  if (fault === undefined) return backend
  throw new BinaryError(
    {
      fault: 'failsSelfTest',
      expected: 'the bits of the fallback in its self-test',
      received: `a difference in ${fault}`,
      cure: `${cureFor(findBinary())}; or set HADAMARD_BACKEND=fallback`,
    },
    `native core (${isa})`,
  )
}

// What the self-test of an instruction set found, run once per process.
function faultOf(backend: Backend): string | undefined {
  if (!faults.has(backend.isa)) faults.set(backend.isa, selfTest(backend))
  return faults.get(backend.isa)
}

function nativeBackend(binding: Binding, isa: string, defaultThreads: number): Backend {
  return {
    name: 'native',
    isa,
    link(program, buffers, { threads, minimumWork } = {}) {
      const arena = arenaOf(program)
      const options = {
        isa,
        threads: threads ?? defaultThreads,
        minimumWork:
          minimumWork ?? (threads === undefined ? WORK_FOR_DEFAULT_THREADS : WORK_FOR_ASKED_THREADS),
      }
      const native = new binding.Executable(encoded(program), buffers, options, arena)
      return new NativeBackendExecutable(native, program, arena.buffer)
    },
    call(op, dims, scalars, operands, batch, names) {
      checkOperands(op, dims, scalars, operands, names)
      withSpecErrors(() => binding.call(isa, op, dims, scalars, operands, batch?.rows, batch?.cursor))
    },
    gemm: (...args) => withSpecErrors(() => binding.gemm(isa, ...args)),
  }
}

/**
 * Parses the rows of a CSV with the native parser; gives what `parseBody` of src/data/csv-parser.ts gives.
 *
 * @throws BackendError if the addon does not load
 */
export function parseCsvBody(bytes: Uint8Array, options: CsvBodyOptions): CsvBody | CsvFailure {
  const { start, line, delimiter, declared, missing, allowMissing } = options
  return loadBinding().parseCsv(bytes, start, line, delimiter, declared, missing, allowMissing)
}

/**
 * Parses blocks of CSV records on threads of their own; gives what `parseBlock` of src/data/csv-block.ts gives.
 *
 * @param threads how many; default the cores that a fit takes by default, at most 8
 * @throws BackendError if the addon does not load
 */
export function nativeBlockReader(options: BlockOptions, threads?: number): BlockReader {
  const binding = loadBinding()
  const count = threads ?? Math.min(MOST_READERS, defaultThreadsOf(binding.info().cores))
  const reader = new binding.CsvReader({ ...options, threads: count })
  // The memory of targets is used for block after block.
  const known = new WeakMap<BlockTargets, NativeTargets>()
  const nativeTargets = (targets: BlockTargets): NativeTargets => {
    const { kinds, arrays, offsets, strides, capacity } = targets
    const found = known.get(targets) ?? reader.targets(kinds, arrays, offsets, strides, capacity)
    known.set(targets, found)
    return found
  }
  return {
    threads: count,
    scan: (bytes, start, end) => binding.scanCsv(bytes, start, end, options.delimiter),
    parse: (bytes, start, end, targets) =>
      new Promise((resolve, reject) => {
        reader.parse(bytes, start, end, nativeTargets(targets), (result) => {
          if (typeof result === 'string') reject(new BackendError(`native core: ${result}`))
          else resolve(result)
        })
      }),
    openFile({ descriptor, position, size }) {
      reader.openFile(descriptor, position, size)
      return (bytes, targets) =>
        new Promise((resolve, reject) => {
          reader.read(bytes, nativeTargets(targets), (result, piece) => {
            if (typeof result === 'string') reject(new BackendError(`native core: ${result}`))
            else resolve({ piece, result })
          })
        })
    },
    close() {
      reader.close()
    },
  }
}

/**
 * The loops over rows of the native core.
 *
 * @throws BackendError if the addon does not load
 */
export function nativeRowLoops(): RowLoops {
  const binding = loadBinding()
  const { rowLoops, rowJobs } = binding
  return {
    ...rowLoops,
    jobs: {
      readPieces: promised(rowJobs.readPieces),
      writePieces: promised(rowJobs.writePieces),
      standardisePieces: promised(rowJobs.standardisePieces),
    },
    standardise(columns, scales, rows, from, to, x, width, counts) {
      const areTheirs = x instanceof Float32Array && rows instanceof Uint32Array
      const by = areTheirs ? rowLoops : fallbackRowLoops
      return by.standardise(columns, scales, rows, from, to, x, width, counts)
    },
  }
}

function promised<Given extends unknown[], Result>(
  job: Job<Given, Result>,
): (...given: Given) => Promise<Result> {
  return (...given) =>
    new Promise((resolve) => {
      job(...given, resolve)
    })
}

function defaultThreadsOf(cores: number): number {
  return cores > 2 ? cores - 1 : cores
}

class NativeBackendExecutable implements Executable {
  readonly #native: NativeExecutable
  readonly #entries: ReadonlyMap<string, number>
  readonly #dtype: Dtype
  readonly #arena: ArrayBufferLike

  constructor(native: NativeExecutable, { entries, dtype }: Program, arena: ArrayBufferLike) {
    this.#native = native
    this.#entries = new Map([...entries.keys()].map((name, i) => [name, i]))
    this.#dtype = dtype
    this.#arena = arena
  }

  run(
    entry: string,
    times: number,
    { report, onProgress, mayBlock = false }: RunOptions,
  ): Promise<RunOutcome> {
    return new Promise((resolve, reject) => {
      const end = (result: NativeRunResult): void => {
        resolve({ ...result, wasCancelled: result.cancelled })
      }
      const outcome = this.#native.run(entry, times, {
        report,
        onProgress: (steps, runs) => onProgress({ steps, runs }),
        onDone: (error, result) => {
          if (error !== null) reject(error)
          else end(result)
        },
        mayBlock,
      })
      if (outcome !== undefined) end(outcome)
    })
  }

  history(first: number): Float64Array {
    return this.#native.history(first)
  }

  runSync(entry: string, rows: number, cursor = 0): void {
    const index = this.#entries.get(entry)
    if (index === undefined) throw new BackendError(`run: the program has no entry ${entry}`)
    this.#native.runSync(index, rows, cursor)
  }

  cancel(): void {
    this.#native.cancel()
  }

  read<T extends OperandArray>(slot: Pick<Slot, 'offset'>, out: T): T {
    this.#native.read(slot.offset, out)
    return out
  }

  write(slot: Pick<Slot, 'offset'>, values: OperandArray): void {
    this.#native.write(slot.offset, values)
  }

  writeFinite(slot: Pick<Slot, 'offset'>, values: FloatArray): number {
    return this.#native.copyRows(slot.offset, values)
  }

  view({ offset, length }: Slot): FloatArray {
    return floatArray(this.#dtype, length, this.#arena, this.#native.arenaStart + offset)
  }
}

// The addon checks everything again and sees a little more: two buffer objects on the same shared memory.
function withSpecErrors(call: () => void): void {
  try {
    call()
  } catch (cause) {
    throw new SpecError(reasonOf(cause), { code: 'HADAMARD_OVERLAP', cause })
  }
}

// Zeroed memory with room to align the arena in; shared, because shared memory cannot be detached while a thread runs.
function arenaOf({ arenaBytes }: Program): Uint8Array {
  try {
    return new Uint8Array(new SharedArrayBuffer(arenaBytes + ALIGNMENT))
  } catch (cause) {
    const expected = 'a program whose arena fits into memory'
    throw new BackendError(
      { code: 'HADAMARD_MEMORY', where: 'link', expected, received: `${arenaBytes} bytes` },
      { cause },
    )
  }
}

const encodings = new WeakMap<Program, NativeProgram>()

// A program that is linked again is not encoded again.
function encoded(program: Program): NativeProgram {
  const known = encodings.get(program) ?? encode(program)
  encodings.set(program, known)
  return known
}

// The flat form that the core links: op names once, then every instruction as numbers.
function encode(program: Program): NativeProgram {
  const names: string[] = []
  const indexOf = (name: string): number => {
    if (!names.includes(name)) names.push(name)
    return names.indexOf(name)
  }
  const code: number[] = []
  const entries: NativeProgram['entries'] = []
  const entryNames = [...program.entries.keys()]
  for (const [name, instructions] of program.entries) {
    const start = code.length
    for (const instruction of instructions) {
      if (instruction.kind === 'barrier') code.push(indexOf('barrier'))
      else if (instruction.kind === 'repeat') {
        code.push(
          indexOf('repeat'),
          entryNames.indexOf(instruction.entry),
          instruction.total,
          instruction.batch,
        )
      } else {
        const { op, dims, scalars, places } = instruction
        code.push(indexOf(opNamed(op).name), ...dims, ...scalars)
        for (const { buffer, offset } of places) code.push(buffer, offset)
      }
    }
    entries.push({ name, start, end: code.length })
  }
  return {
    ops: names,
    code: Float64Array.from(code),
    entries,
    arenaBytes: program.arenaBytes,
    rows: program.rows,
    status: program.slots.get('status')?.offset ?? 0,
    dtype: program.dtype,
  }
}
