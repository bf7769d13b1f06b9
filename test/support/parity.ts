/** The parity suite as plain functions: every op, on a native instruction set and on the fallback's exact mode. */

import { describeDifference, findDifference } from '../../src/backends/compare.ts'
import type { Backend, OperandArray } from '../../src/backends/backend.ts'
import { createFallback } from '../../src/backends/fallback.ts'
import {
  ALIGNMENT,
  bytesOf,
  slotNamed,
  type OpInstruction,
  type Program,
  type Slot,
} from '../../src/compiler/program.ts'
import { dtypeOf, floatArray, type Dtype } from '../../src/ops/arithmetic.ts'
import type { Op } from '../../src/ops/op.ts'
import { copyOperands, sampleDims, sampleOperands, sampleScalars } from '../../src/ops/samples.ts'
import { elementCount } from '../../src/ops/signature.ts'

const fallback = createFallback({ exact: true })

/** Every count from 0 to beyond two vectors of 16 lanes, then sizes around tiles and panels. */
const SIZES: readonly (readonly number[])[] = [
  ...Array.from({ length: 36 }, (_, n) => [3, n + 1, 5]),
  [0, 4, 4],
  [4, 0, 4],
  [4, 4, 0],
  [1, 1, 1],
  [1, 33, 17],
  [7, 1, 40],
  [13, 1, 1],
  [6, 16, 300],
  [14, 47, 31],
  [37, 10, 64],
  [26, 260, 270],
]

const THREADS = [1, 2, 3, 7]

/** Sizes at which every op has work for seven threads, and some threads have none. */
const THREADED_SIZES: readonly (readonly number[])[] = [
  [3, 2, 5],
  [53, 130, 17],
  [130, 20, 33],
]

/** What no layer or optimizer asks for, but a program may: the verifier takes any number that is finite. */
const ODD_SCALARS = [-1e300, -3.5, -1, -0, 5e-324, 0.5, 1, 2.5, 2 ** 32 + 0.5, 2 ** 53, 1e300]

/** A call of an op: on plain arrays, or as a program that threads share. */
export interface ParityCase {
  readonly label: string
  /** Runs it and gives what it wrote, one array per operand or the whole arena. */
  readonly run: (backend: Backend) => readonly OperandArray[]
}

/** All cases of an op: sizes, misaligned views, special values, odd scalars, in place, and as programs on 1, 2, 3 and 7 threads. */
export function* parityCases(op: Op, dtype: Dtype): Generator<ParityCase> {
  yield* eagerCases(op, dtype)
  yield* oddScalarCases(op, dtype)
  yield* inPlaceCases(op, dtype)
  for (const threads of THREADS) yield* threadedCases(op, dtype, threads)
}

// What the fallback computed for the op that was looked at last: most of the suite's time, and right for every instruction set.
let right: { op?: Op; dtype?: Dtype; results: (readonly OperandArray[])[] } = { results: [] }

/** The first difference between a native instruction set and the fallback; undefined where there is none. */
export function parityDifference(op: Op, native: Backend, dtype: Dtype): string | undefined {
  if (right.op !== op || right.dtype !== dtype) right = { op, dtype, results: [] }
  let number = 0
  for (const { label, run } of parityCases(op, dtype)) {
    const expected = (right.results[number++] ??= run(fallback))
    const received = run(native)
    for (const [i, array] of expected.entries()) {
      const difference = findDifference(array, received[i])
      if (difference !== undefined) return `${label}, array ${i}, ${describeDifference(difference)}`
    }
  }
  return undefined
}

function* eagerCases(op: Op, dtype: Dtype): Generator<ParityCase> {
  for (const sizes of SIZES) {
    for (const offset of [0, 1, 3]) {
      for (const hasSpecials of [false, true]) {
        const dims = sampleDims(op, sizes)
        const seed = sizes[0] * 1000 + sizes[1] + offset
        const operands = sampleOperands(op, dims, { seed, dtype, offset, hasSpecials })
        yield {
          label: `dims ${dims.join(' ')}, offset ${offset}${hasSpecials ? ', special values' : ''}`,
          run: (backend) => {
            const copies = copyOperands(operands)
            backend.call(op.name, dims, sampleScalars(op), copies)
            return copies
          },
        }
      }
    }
  }
}

// Each scalar in turn is an odd one, then all of them are.
function* oddScalarCases(op: Op, dtype: Dtype): Generator<ParityCase> {
  const dims = sampleDims(op, [3, 19, 7])
  const usual = sampleScalars(op)
  for (const odd of usual.length === 0 ? [] : ODD_SCALARS) {
    for (const place of [...usual.keys(), -1]) {
      const scalars = usual.map((scalar, i) => (i === place || place < 0 ? odd : scalar))
      const operands = sampleOperands(op, dims, { seed: 11, dtype, hasSpecials: true })
      yield {
        label: `dims ${dims.join(' ')}, scalars ${scalars.join(' ')}`,
        run: (backend) => {
          const copies = copyOperands(operands)
          backend.call(op.name, dims, scalars, copies)
          return copies
        },
      }
    }
  }
}

// Every output over every input whose memory the signature lets it take.
function* inPlaceCases(op: Op, dtype: Dtype): Generator<ParityCase> {
  const dims = sampleDims(op, [5, 19, 7])
  const operands = sampleOperands(op, dims, { seed: 5, dtype, hasSpecials: true })
  for (const [out, output] of op.signature.operands.entries()) {
    for (const name of output.mayAlias) {
      const input = op.signature.operands.findIndex((operand) => operand.name === name)
      yield {
        label: `${output.name} over ${name}`,
        run: (backend) => {
          const copies = copyOperands(operands)
          copies[out] = copies[input]
          backend.call(op.name, dims, sampleScalars(op), copies)
          return copies
        },
      }
    }
  }
}

function* threadedCases(op: Op, dtype: Dtype, threads: number): Generator<ParityCase> {
  for (const sizes of THREADED_SIZES) {
    const dims = sampleDims(op, sizes)
    const program = programOf(op, dims, dtype)
    const operands = sampleOperands(op, dims, { seed: 7, dtype })
    // A ragged batch too, where the op has rows.
    for (const rows of new Set([program.rows, Math.max(0, program.rows - 2)])) {
      yield {
        label: `dims ${dims.join(' ')}, ${rows} rows on ${threads} threads`,
        run: (backend) => {
          const executable = backend.link(program, [], { threads, minimumWork: 0 })
          operands.forEach((values, i) => executable.write(slotNamed(program, String(i)), values))
          executable.runSync('run', rows)
          // By operand with the padding behind it, so that a NaN equals any NaN.
          return operands.map((values, i) => {
            const { offset } = slotNamed(program, String(i))
            const length = Math.ceil(values.byteLength / ALIGNMENT) * (ALIGNMENT / values.BYTES_PER_ELEMENT)
            return executable.read({ offset }, arrayLike(values, length))
          })
        },
      }
    }
  }
}

function arrayLike(values: OperandArray, length: number): OperandArray {
  return values instanceof Uint32Array ? new Uint32Array(length) : floatArray(dtypeOf(values), length)
}

// A program whose one entry is the op, all operands in the arena.
function programOf(op: Op, dims: readonly number[], dtype: Dtype): Program {
  const { signature } = op
  const slots = new Map<string, Slot>()
  const places: { buffer: number; offset: number }[] = []
  let next = ALIGNMENT
  signature.operands.forEach((operand, i) => {
    const length = elementCount(signature, operand, dims)
    places.push({ buffer: 0, offset: next })
    slots.set(String(i), { offset: next, length, type: operand.type })
    next += Math.ceil((length * bytesOf(operand.type, dtype)) / ALIGNMENT) * ALIGNMENT
  })
  const instruction: OpInstruction = {
    kind: 'op',
    op: op.name,
    dims,
    scalars: sampleScalars(op),
    places,
    names: signature.operands.map(({ name }) => name),
  }
  const rowsDim = signature.dims.indexOf('rows')
  const rows = rowsDim < 0 ? 1 : dims[rowsDim]
  slots.set('status', { offset: 0, length: 1, type: 'u32' })
  return {
    dtype,
    arenaBytes: next,
    rows,
    entries: new Map([['run', [instruction]]]),
    slots,
    buffers: [],
    functions: [],
  }
}
