/** Forward programs of a network: linked once, run over rows with the weights that the network has by then. */

import type { Backend, Executable } from './backends/backend.ts'
import { compileForward } from './compiler/prediction.ts'
import { slotNamed, type Program } from './compiler/program.ts'
import type { FloatArray } from './ops/arithmetic.ts'
import { atOnce, type Paced } from './paced.ts'
import { outputsOf, type NetworkSpec } from './spec.ts'
import { toInputs } from './training/data.ts'

/** A program linked for prediction; fresh while it has the network's weights. */
interface LinkedForward {
  readonly program: Program
  readonly executable: Executable
  /** Where rows go in and their predictions come out. */
  readonly x: FloatArray
  readonly output: FloatArray
  isFresh: boolean
}

/** Numbers that are sooner copied one by one than by a call into the core (0.4 µs). */
const FEW = 128

/** Rows of one prediction pass; the last may have fewer. */
export const BLOCK_ROWS = 256

/** A program that runs over a block of rows. */
export interface BlockRun {
  (entry: string): void
  read(name: string, out: FloatArray): FloatArray
  write(name: string, values: FloatArray | Uint32Array): void
}

/** Runs forward programs; all rows are checked to be finite. */
export class ForwardPasses {
  readonly #spec: NetworkSpec
  readonly #backend: Backend
  readonly #parameters: () => FloatArray
  readonly #links = new Map<string, LinkedForward>()
  #ofOneRow: LinkedForward | undefined

  /** @param parameters gives the region of parameters and state as it is now */
  constructor(spec: NetworkSpec, backend: Backend, parameters: () => FloatArray) {
    this.#spec = spec
    this.#backend = backend
    this.#parameters = parameters
  }

  /** To be called when the parameters have changed. */
  invalidate(): void {
    for (const linked of this.#links.values()) linked.isFresh = false
  }

  /** Predicts one row through views of the program's memory: calls that copy would take longer than a small network. */
  row(flat: FloatArray, out: FloatArray): void {
    const forward = (this.#ofOneRow ??= this.#linked('forward', 1, compileForward))
    if (!forward.isFresh) this.#refresh(forward)
    const { program, executable, x, output } = forward
    const isFinite =
      x.length <= FEW ? copyFinite(flat, x) : executable.writeFinite(slotNamed(program, 'x'), flat) < 0
    if (!isFinite) toInputs(this.#spec, flat)
    executable.runSync('forward', 1)
    for (let j = 0; j < output.length; j++) out[j] = output[j]
  }

  /** Runs a forward program over all rows in blocks; `run.read` and `run.write` reach its slots. */
  blocks(
    flat: FloatArray,
    body: (run: BlockRun, first: number, rows: number) => void,
    program?: { name: string; compile: (spec: NetworkSpec, rows: number) => Program },
  ): void {
    atOnce(this.blocksInTurns(flat, body, program))
  }

  /** The same, which others interrupt. The weights must not change meanwhile. */
  *blocksInTurns(
    flat: FloatArray,
    body: (run: BlockRun, first: number, rows: number) => void,
    { name, compile } = { name: 'forward', compile: compileForward },
  ): Paced<void> {
    const { inputs } = this.#spec
    const total = flat.length / inputs
    const capacity = total === 1 ? 1 : BLOCK_ROWS
    const forward = this.#linked(name, capacity, compile)
    if (!forward.isFresh) this.#refresh(forward)
    const { program, executable } = forward
    for (let first = 0; first < total; first += capacity) {
      const rows = Math.min(capacity, total - first)
      const run: BlockRun = Object.assign((entry: string) => executable.runSync(entry, rows), {
        read: (name: string, out: FloatArray) => executable.read(slotNamed(program, name), out),
        write: (name: string, values: FloatArray | Uint32Array) =>
          executable.write(slotNamed(program, name), values),
      })
      const block = flat.subarray(first * inputs, (first + rows) * inputs)
      if (executable.writeFinite(slotNamed(program, 'x'), block) >= 0) toInputs(this.#spec, flat)
      body(run, first, rows)
      yield
    }
  }

  /** Predicts all rows in blocks, as {@link blocksInTurns} runs them. */
  *outputsInTurns(flat: FloatArray, out: FloatArray): Paced<void> {
    const outputs = outputsOf(this.#spec)
    yield* this.blocksInTurns(flat, (run, first, rows) => {
      run('forward')
      run.read('output', out.subarray(first * outputs, (first + rows) * outputs))
    })
  }

  #linked(
    name: string,
    capacity: number,
    compile: (spec: NetworkSpec, rows: number) => Program,
  ): LinkedForward {
    const key = `${name} ${capacity}`
    const cached = this.#links.get(key) ?? this.#link(compile(this.#spec, capacity))
    this.#links.set(key, cached)
    return cached
  }

  #link(program: Program): LinkedForward {
    const executable = this.#backend.link(program, [], { threads: 1 })
    const [x, output] = ['x', 'output'].map((name) => executable.view(slotNamed(program, name)))
    return { program, executable, x, output, isFresh: false }
  }

  #refresh(forward: LinkedForward): void {
    forward.executable.write(slotNamed(forward.program, 'parameters'), this.#parameters())
    forward.isFresh = true
  }
}

// Copies numbers, and tells whether all of them are finite.
function copyFinite(from: FloatArray, to: FloatArray): boolean {
  const { length } = to
  for (let i = 0; i < length; i++) {
    const value = from[i]
    if (value - value !== 0) return false
    to[i] = value
  }
  return true
}
