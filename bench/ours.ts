/** This library as a peer: one of its backends, measured in this process. */

import { Bench } from 'tinybench'
import type { Backend, Executable, OperandArray } from '../src/backends/backend.ts'
import { chooseBackend, type BackendOptions } from '../src/backends/choose.ts'
import { ALIGNMENT, slotNamed, type Instruction, type Program, type Slot } from '../src/compiler/program.ts'
import { Network } from '../src/network.ts'
import { bytesOfDtype, floatArray, type Dtype } from '../src/ops/arithmetic.ts'
import { opNamed } from '../src/ops/index.ts'
import { elementCount } from '../src/ops/signature.ts'
import { loadBinding } from '../src/backends/native.ts'
import { randomStream } from '../src/random.ts'
import { libraryVersion } from '../src/version.ts'
import type { Case, Form, Job } from './cases.ts'
import type { Meter, Peer } from './peer.ts'
import { dataOf } from './workloads.ts'

/** The backends of this machine: native with each of its instruction sets, the best first, then the fallback. */
export function ourPeers(): Peer[] {
  const native = nativeInstructionSets().map((isa, i) =>
    peerOf(i === 0 ? 'hadamard-native' : `hadamard-native-${isa}`, isa, { backend: 'native', isa }),
  )
  return [...native, peerOf('hadamard-fallback', 'typescript', { backend: 'fallback' })]
}

/** The instruction sets of the native core, the best first; none where it does not load. */
export function nativeInstructionSets(): string[] {
  try {
    return loadBinding().info().isas
  } catch {
    return []
  }
}

function peerOf(name: string, isa: string, backend: BackendOptions): Peer {
  return {
    name,
    version: `${libraryVersion} ${isa}`,
    open: ({ job, threads }: Case) => Promise.resolve(openJob(job, backend, threads)),
    close: () => undefined,
  }
}

function openJob(job: Job, backend: BackendOptions, threads: number): Meter | string {
  switch (job.kind) {
    case 'train':
      return training(job, backend, threads)
    case 'infer':
      return inference(job, backend, threads)
    case 'product':
      return product(job, backend, threads)
    case 'map':
      return map(job, backend, threads)
  }
}

type JobOf<K extends Job['kind']> = Extract<Job, { kind: K }>

// Rows per second of a fit that is ended by its time.
function training({ workload, batch }: JobOf<'train'>, backend: BackendOptions, threads: number): Meter {
  const { x, y } = dataOf(workload)
  const net = new Network({ ...workload.network, ...backend })
  return {
    async rate(maxTimeMs) {
      const { optimizer } = workload
      const history = await net.fit(x, y, { optimizer, batchSize: batch, threads, epochs: 1e6, maxTimeMs })
      if (history.threads !== threads) throw new TooFewThreads(history.threads)
      return (history.steps * batch * 1000) / history.durationMs
    },
  }
}

/** A run that did not share its work as it was asked to, because it has too little: no measurement. */
export class TooFewThreads extends Error {
  constructor(threads: number) {
    super(`it takes ${threads} thread${threads > 1 ? 's' : ''} for this`)
  }
}

function inference(
  { workload, batch }: JobOf<'infer'>,
  backend: BackendOptions,
  threads: number,
): Meter | string {
  if (threads > 1) return 'it predicts on one thread'
  const net = new Network({ ...workload.network, ...backend })
  const x = dataOf({ ...workload, rows: batch }).x
  const out = new Float32Array(batch * net.outputs)
  return timed(() => net.predict(x, out), batch)
}

const OPS: Readonly<Record<Form, string>> = { NN: 'matmul_nn', TN: 'matmul_tn', NT: 'matmul_nt' }

function product(
  { form, m, n, k, dtype }: JobOf<'product'>,
  backend: BackendOptions,
  threads: number,
): Meter | string {
  return kernel(chooseBackend(backend), OPS[form], [m, n, k], {
    dtype,
    threads,
    items: 1,
    copies: Math.min(64, Math.ceil(ENTRY_FLOPS / (2 * m * n * k))),
  })
}

// About what an entry of copies of a product does: its call from JavaScript is none of the kernel's time.
const ENTRY_FLOPS = 1e7

function map({ op, count }: JobOf<'map'>, backend: BackendOptions, threads: number): Meter | string {
  const rows = 256
  const dims = [rows, count / rows]
  return kernel(chooseBackend(backend), op, dims, { dtype: 'float32', threads, items: count, copies: 1 })
}

function kernel(
  backend: Backend,
  op: string,
  dims: readonly number[],
  { dtype, threads, items, copies }: { dtype: Dtype; threads: number; items: number; copies: number },
): Meter | string {
  if (backend.name === 'fallback' && threads > 1) return 'the fallback has one thread'
  const program = programOf(op, dims, dtype, copies)
  const executable = backend.link(program, [], { threads, minimumWork: 0 })
  fill(executable, program)
  return timed(() => executable.runSync('run', program.rows), items * copies)
}

// The op again and again, its operands in the arena; threads meet after each, as in a step.
function programOf(name: string, dims: readonly number[], dtype: Dtype, copies: number): Program {
  const { signature } = opNamed(name)
  const slots = new Map<string, Slot>([['status', { offset: 0, length: 1, type: 'u32' }]])
  let next = ALIGNMENT
  for (const operand of signature.operands) {
    const length = elementCount(signature, operand, dims)
    slots.set(operand.name, { offset: next, length, type: 'f' })
    next += Math.ceil((length * bytesOfDtype(dtype)) / ALIGNMENT) * ALIGNMENT
  }
  const names = signature.operands.map((operand) => operand.name)
  const places = names.map((operand) => ({ buffer: 0, offset: slots.get(operand)?.offset ?? 0 }))
  const instruction: Instruction = { kind: 'op', op: name, dims, scalars: [], places, names }
  const run = Array.from({ length: copies }, (): Instruction[] => [instruction, { kind: 'barrier' }]).flat()
  return {
    dtype,
    arenaBytes: next,
    rows: dims[signature.dims.indexOf('rows')],
    entries: new Map([['run', run]]),
    slots,
    buffers: [],
    functions: [],
  }
}

function fill(executable: Executable, program: Program): void {
  const random = randomStream(1, 'bench')
  for (const name of program.slots.keys()) {
    if (name === 'status') continue
    const slot = slotNamed(program, name)
    const values: OperandArray = floatArray(program.dtype, slot.length)
    for (let i = 0; i < values.length; i++) values[i] = 2 * random.uniform(i) - 1
    executable.write(slot, values)
  }
}

// Calls shorter than this are timed in groups, so that the clock's own time is none of theirs.
const GROUP_MS = 0.05

// Items per second of a synchronous call.
function timed(call: () => void, items: number): Meter {
  let group = 1
  for (; group < 4096; group *= 2) {
    const start = performance.now()
    for (let i = 0; i < group; i++) call()
    if (performance.now() - start > GROUP_MS) break
  }
  const grouped = (): void => {
    for (let i = 0; i < group; i++) call()
  }
  return {
    rate(time) {
      const bench = new Bench({ time, iterations: 1, warmup: false })
      bench.add('calls', grouped)
      const [{ result }] = bench.runSync()
      if (result.state !== 'completed') throw new Error(`a measurement ended as ${result.state}`)
      return Promise.resolve((items * group * 1000) / result.latency.mean)
    },
  }
}
