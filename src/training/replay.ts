/** Runs a step that failed once more, op by op, and finds the first that gave infinity or NaN. Changes no weights. */

import type { Backend, OperandArray } from '../backends/backend.ts'
import type { Node, Value } from '../compiler/builder.ts'
import { compileReplay, type Phase, type Replay } from '../compiler/replay.ts'
import type { DivergenceCause, FailedInstruction } from '../errors.ts'
import { arithmeticOf, floatArray, type Dtype, type FloatArray } from '../ops/arithmetic.ts'
import { opNamed } from '../ops/index.ts'
import type { Reduction } from '../ops/losses.ts'
import { parameterPlaces, statePlaces } from '../parameters.ts'
import { elementsIn } from '../shape.ts'
import type { NetworkSpec } from '../spec.ts'

/** A batch as the step had it. */
export interface ReplayedBatch {
  /** [rows · inputs]. */
  readonly x: FloatArray
  /** [rows · outputs]. */
  readonly t: FloatArray
  /** [rows]. */
  readonly weights?: FloatArray
  /** The region of parameters and state. */
  readonly parameters: FloatArray
  /** Counter and keys that dropout masks are drawn from, by their slots' names: `step`, `LAYER.key`. */
  readonly counters: ReadonlyMap<string, Uint32Array>
}

/** The instruction that failed, with the row by its place in the batch. */
export interface ReplayFailure extends FailedInstruction {
  /** The cause, where the op tells it. */
  readonly cause?: DivergenceCause
}

/** The first instruction of the step whose result is not finite; undefined where all are. */
export function firstFailure(
  spec: NetworkSpec,
  backend: Backend,
  batch: ReplayedBatch,
  reduction: Reduction,
): ReplayFailure | undefined {
  const rows = batch.x.length / spec.inputs
  const replay = compileReplay(spec, rows, { isWeighted: batch.weights !== undefined, reduction })
  const memory = new Memory(spec.dtype, rows)
  for (const [name, values] of givenValues(spec, batch)) {
    const value = replay.given.get(name)
    if (value !== undefined) memory.set(value, values)
  }
  for (const { node, phase, layer } of replay.nodes) {
    run(node, { memory, backend, replay, rows })
    const failure = failureOf(node, memory, phase)
    if (failure !== undefined) return { op: node.op, phase, layer, ...failure }
  }
  return undefined
}

function* givenValues(spec: NetworkSpec, batch: ReplayedBatch): Generator<[string, OperandArray]> {
  yield ['x', batch.x]
  yield ['t', batch.t]
  if (batch.weights !== undefined) yield ['weights', batch.weights]
  for (const { name, start, length } of [...parameterPlaces(spec), ...statePlaces(spec)])
    yield [name, batch.parameters.slice(start, start + length)]
  yield* batch.counters
}

/** An array for each value. */
class Memory {
  private readonly arrays = new Map<Value, OperandArray>()

  constructor(
    readonly dtype: Dtype,
    private readonly rows: number,
  ) {}

  set(value: Value, array: OperandArray): void {
    this.arrays.set(value, array)
  }

  of(value: Value): OperandArray {
    const known = this.arrays.get(value)
    if (known !== undefined) return known
    const length = elementsIn(value.shape, this.rows)
    const made =
      value.type === 'u32'
        ? new Uint32Array(length)
        : floatArray(value.type === 'f64' ? 'float64' : this.dtype, length)
    this.arrays.set(value, made)
    return made
  }
}

interface Run {
  readonly memory: Memory
  readonly backend: Backend
  readonly replay: Replay
  readonly rows: number
}

function run({ op, dims, scalars, operands }: Node, { memory, backend, replay, rows }: Run): void {
  const { signature, kernel } = opNamed(op)
  const arrays = operands.map((value) => memory.of(value))
  const numbers = signature.scalars.map((name) => scalars[name])
  const { functions } = replay
  if (functions.length === 0) {
    backend.call(op, dims, numbers, arrays, { rows: signature.dims.includes('rows') ? rows : 0, cursor: 0 })
    return
  }
  // Functions of the program are beyond the reach of single calls.
  kernel(arithmeticOf(memory.dtype, true))({
    operands: arrays.map((array) => (array instanceof Uint32Array ? new Float32Array(0) : array)),
    words: arrays.map((array) => (array instanceof Uint32Array ? array : new Uint32Array(0))),
    doubles: arrays.map((array) => (array instanceof Float64Array ? array : new Float64Array(0))),
    dims,
    scalars: numbers,
    functions,
    rows,
    cursor: 0,
  })
}

function failureOf(
  node: Node,
  memory: Memory,
  phase: Phase,
): Pick<ReplayFailure, 'row' | 'cause'> | undefined {
  const { operands } = opNamed(node.op).signature
  for (const [i, value] of node.operands.entries()) {
    if (!operands[i].isOutput || value.type === 'u32') continue
    const array = memory.of(value) as FloatArray
    const at = array.findIndex((element) => element - element !== 0)
    if (at < 0) continue
    const isByRow = value.shape[0] === 'rows'
    const width = value.shape.slice(1).reduce<number>((product, size) => product * Number(size), 1)
    const inputs = node.operands.map((input) => memory.of(input)[at])
    return {
      ...(isByRow ? { row: Math.floor(at / width) } : {}),
      cause: causes[node.op]?.(inputs, phase),
    }
  }
  return undefined
}

// What ops tell by themselves, given their operands at the element that failed.
const causes: Readonly<
  Record<string, ((operands: readonly number[], phase: Phase) => DivergenceCause | undefined) | undefined>
> = {
  log: ([x]) => (x <= 0 ? 'logarithm' : undefined),
  // The gradient of a logarithm is a quotient too.
  divide: ([, divisor], phase) =>
    divisor !== 0 ? undefined : phase === 'backward' ? 'logarithm' : 'division',
  custom: () => 'customActivation',
  custom_backward: () => 'customActivation',
}
