/** Bad arguments of the kernels: a typed error that names the place, on every backend, and nothing changed. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { OperandArray } from '../src/backends/backend.ts'
import { loadBinding } from '../src/backends/native.ts'
import { SpecError } from '../src/errors.ts'
import * as kernels from '../src/kernels.ts'
import { ops } from '../src/ops/index.ts'
import { backendsUnderTest, isas } from './support/backends.ts'
import { dtypes } from './support/dtypes.ts'
import { sampleDims, sampleOperands, sampleScalars } from '../src/ops/samples.ts'

type Kernel = (...args: unknown[]) => unknown
const floats = (length: number): Float32Array => new Float32Array(length).fill(0.5)
const shape = { rows: 2, n: 3 }
const rates = { learningRate: 0.1 }

// A right call of every kernel, as a function, since some arguments change.
const goodCalls: Record<string, () => unknown[]> = {
  matmul: () => [floats(4), floats(4), { m: 2, n: 2, k: 2, out: floats(4) }],
  accumulateGradient: () => [floats(4), floats(4), floats(4), { rows: 2, inputs: 2, outputs: 2 }],
  gemm: () => [false, false, 2, 2, 2, 1, floats(4), 2, floats(4), 2, 1, floats(4), 2],
  ...Object.fromEntries(
    ['add', 'subtract', 'hadamard', 'divide', 'tanhBackward', 'logisticBackward', 'reluBackward'].map(
      (name) => [name, () => [floats(6), floats(6), floats(6)]],
    ),
  ),
  ...Object.fromEntries(
    ['exp', 'log', 'tanh', 'logistic', 'relu'].map((name) => [name, () => [floats(6), floats(6)]]),
  ),
  leakyRelu: () => [floats(6), 0.1, floats(6)],
  leakyReluBackward: () => [floats(6), floats(6), 0.1, floats(6)],
  scale: () => [2, floats(6), floats(6)],
  axpy: () => [2, floats(6), floats(6)],
  addBias: () => [floats(6), floats(3), shape, floats(6)],
  softmax: () => [floats(6), shape, floats(6)],
  softmaxBackward: () => [floats(6), floats(6), shape, floats(6)],
  sum: () => [floats(6)],
  squaredNorm: () => [floats(6)],
  sumColumns: () => [floats(6), shape, floats(3)],
  sumRows: () => [floats(6), shape, floats(2)],
  squaredError: () => [floats(6), floats(6), { ...shape, factor: 0.5 }, floats(2)],
  squaredErrorBackward: () => [floats(6), floats(6), { ...shape, factor: 0.5, reduction: 'sum' }, floats(6)],
  binaryCrossEntropyFromLogits: () => [floats(6), floats(6), shape, floats(2)],
  binaryCrossEntropyFromLogitsBackward: () => [
    floats(6),
    floats(6),
    { ...shape, reduction: 'sum' },
    floats(6),
  ],
  categoricalCrossEntropyFromLogits: () => [floats(6), floats(6), shape, floats(2)],
  categoricalCrossEntropyFromLogitsBackward: () => [
    floats(6),
    floats(6),
    { ...shape, reduction: 'sum' },
    floats(6),
  ],
  correctRows: () => [floats(6), floats(6), shape, floats(2)],
  sgd: () => [floats(3), floats(3), rates],
  momentum: () => [floats(3), floats(3), floats(3), { ...rates, momentum: 0.5 }],
  nesterov: () => [floats(3), floats(3), floats(3), { ...rates, momentum: 0.5 }],
  adam: () => [
    floats(3),
    floats(3),
    { m: floats(3), v: floats(3), powers: Float64Array.of(1, 1) },
    { ...rates, beta1: 0.5, beta2: 0.5, epsilon: 0.1 },
  ],
  dropoutMask: () => [floats(6), { rate: 0.5, seed: 1, step: 2, name: 'd' }],
  permutation: () => [5, { seed: 1, epoch: 2, name: 's' }, new Uint32Array(5)],
  gatherRows: () => [floats(6), Uint32Array.of(1, 0), { n: 3 }, floats(6)],
  oneHot: () => [Uint32Array.of(1, 0), { n: 3 }, floats(6)],
}

function detached(): Float32Array {
  const x = floats(6)
  structuredClone(x.buffer, { transfer: [x.buffer as ArrayBuffer] })
  return x
}

function shrunk(offset: number, length?: number): Float32Array {
  // Newer than the types of the oldest Node that is served.
  const buffer = Reflect.construct(ArrayBuffer, [1024, { maxByteLength: 1024 }]) as ArrayBuffer & {
    resize(bytes: number): void
  }
  const x = new Float32Array(buffer, offset, length)
  buffer.resize(4)
  return x
}

const thrower = (): never => {
  throw new Error('from outside')
}
const revoked = Proxy.revocable({}, {})
revoked.revoke()

// No kernel takes one of these anywhere.
const garbage: readonly (readonly [string, unknown])[] = [
  ['a text', '2'],
  ['a bigint', 2n],
  ['a symbol', Symbol('s')],
  ['a function', thrower],
  ['an array', [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]],
  ['an object whose valueOf throws', { valueOf: thrower, toString: thrower, [Symbol.toPrimitive]: thrower }],
  ['an object whose getters throw', Object.defineProperty({}, 'rows', { get: thrower, enumerable: true })],
  ['a revoked proxy', revoked.proxy],
  ['a proxy of an array', new Proxy(new Float32Array(6), {})],
  ['an heir of an array', Object.create(Float32Array.prototype)],
  ['an Int32Array', new Int32Array(6)],
  ['a DataView', new DataView(new ArrayBuffer(24))],
  ['an ArrayBuffer', new ArrayBuffer(24)],
  ['a detached array', detached()],
  ['an array whose memory is gone', shrunk(512, 6)],
  ['a tracking array behind the end', shrunk(512)],
]
const badNumbers = [-1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 53]

// Kernels that take arrays of any length.
const OF_ANY_LENGTH = ['sum', 'squaredNorm', 'dropoutMask']

const call = (name: string, args: readonly unknown[]): unknown =>
  (kernels as unknown as Record<string, Kernel>)[name](...args)

// The arrays among right arguments, those of an optimizer's state too.
function arraysIn(args: readonly unknown[]): OperandArray[] {
  return args.flatMap((value) =>
    ArrayBuffer.isView(value)
      ? [value as OperandArray]
      : typeof value === 'object' && value !== null
        ? arraysIn(Object.values(value))
        : [],
  )
}

/** Expects a SpecError that leaves all arrays alone from the right call of a kernel with one argument replaced. */
function expectRefusal(name: string, position: number, value: unknown, what: string): void {
  const args = goodCalls[name]()
  const arrays = arraysIn(args)
  const before = arrays.map((array) => array.slice())
  args[position] = value
  let error: unknown
  try {
    call(name, args)
  } catch (thrown) {
    error = thrown
  }
  if (!(error instanceof SpecError)) {
    expect.fail(`${name}, ${what} as argument ${position}: expected a SpecError; received ${String(error)}`)
  }
  expect([what, arrays]).toEqual([what, before])
}

const isOptions = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)

describe.each(backendsUnderTest)('bad arguments on $label', ({ options }) => {
  beforeEach(() => {
    vi.stubEnv('HADAMARD_BACKEND', options.backend ?? '')
    vi.stubEnv('HADAMARD_ISA', options.isa ?? '')
  })
  afterEach(() => vi.unstubAllEnvs())

  test('there is a right call of every kernel', () => {
    expect(Object.keys(goodCalls).sort()).toEqual(Object.keys(kernels).sort())
    for (const [name, args] of Object.entries(goodCalls)) expect(() => call(name, args())).not.toThrow()
  })

  test.each(Object.keys(goodCalls))('%s takes Float64Array as it takes Float32Array', (name) => {
    const toDoubles = (value: unknown): unknown =>
      value instanceof Float32Array
        ? Float64Array.from(value)
        : isOptions(value)
          ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toDoubles(inner)]))
          : value
    const [singles, doubles] = [goodCalls[name](), goodCalls[name]().map(toDoubles)]
    const [single, double] = [call(name, singles), call(name, doubles)]
    expect(doubles.some((value) => value instanceof Float64Array) || name === 'permutation').toBe(true)
    if (single instanceof Float32Array) expect(double).toBeInstanceOf(Float64Array)
    const numbers = (value: unknown): number[] =>
      ArrayBuffer.isView(value) ? [...(value as Float32Array)] : typeof value === 'number' ? [value] : []
    const all = [
      [...arraysIn(singles), single].flatMap(numbers),
      [...arraysIn(doubles), double].flatMap(numbers),
    ]
    expect(all[1].length).toBe(all[0].length)
    all[1].forEach((value, i) => expect(Math.abs(value - all[0][i])).toBeLessThan(1e-6))
  })

  test.each(Object.keys(goodCalls))('%s refuses garbage in every place and changes nothing', (name) => {
    goodCalls[name]().forEach((right, position) => {
      for (const [what, value] of garbage) {
        // Any object without keys of its own is right where every option has a default.
        const isBare = what === 'an heir of an array' || what === 'an ArrayBuffer'
        if (!isOptions(right) || !isBare) expectRefusal(name, position, value, what)
      }
      if (right instanceof Float32Array && !OF_ANY_LENGTH.includes(name)) {
        expectRefusal(name, position, right.subarray(1), 'a short array')
        expectRefusal(name, position, shrunk(0), 'an array that has shrunk to one element')
      }
      if (!isOptions(right)) return
      expectRefusal(name, position, { ...right, unknown: 1 }, 'an unknown option')
      for (const key of Object.keys(right)) {
        for (const [what, value] of garbage) {
          if (typeof right[key] === 'string' && typeof value === 'string') continue
          expectRefusal(name, position, { ...right, [key]: value }, `${what} as ${key}`)
        }
      }
    })
  })

  test.each([
    'matmul',
    'accumulateGradient',
    'gemm',
    'softmax',
    'sumRows',
    'permutation',
    'oneHot',
    'gatherRows',
  ])('%s refuses sizes that are none', (name) => {
    goodCalls[name]().forEach((right, position) => {
      const isFactor = name === 'gemm' && [5, 10].includes(position)
      for (const bad of badNumbers) {
        if (typeof right === 'number' && !isFactor) expectRefusal(name, position, bad, String(bad))
        if (!isOptions(right)) continue
        for (const key of ['m', 'n', 'k', 'rows', 'inputs', 'outputs'].filter((size) => size in right)) {
          expectRefusal(name, position, { ...right, [key]: bad }, `${bad} as ${key}`)
        }
      }
    })
  })

  test('gemm refuses too few and too many arguments', () => {
    const gemm = kernels.gemm as Kernel
    expect(() => gemm()).toThrow(/gemm: expected 13 arguments; received 0/)
    expect(() => gemm(...goodCalls.gemm(), 1)).toThrow(/expected 13 arguments; received 14/)
  })

  test('messages name the kernel, the operand as the caller knows it, and what came', () => {
    const x = floats(8)
    const wrong = (value: unknown): Float32Array => value as Float32Array
    expect(() => kernels.add(x, floats(7))).toThrow(
      /^add: b: expected arrays of one length, 8; received 7 \[HADAMARD_SHAPE\]$/,
    )
    expect(() => kernels.relu(wrong([1, 2]))).toThrow(
      /^relu: x: expected a Float32Array.*; received an array of 2 \[HADAMARD_OPTION_VALUE\]$/,
    )
    expect(() => kernels.relu(x.subarray(0, 4), x.subarray(2, 6))).toThrow(
      /^relu: out: .* does not overlap x/,
    )
    expect(() => kernels.softmax(x, { rows: 3, n: 3 })).toThrow(
      /^softmax: x: .*at least 9 elements; received 8 \[HADAMARD_SHAPE\]$/,
    )
    expect(() => kernels.matmul(x, x, { m: 0.5, n: 1, k: 1 })).toThrow(/^matmul: m: expected an integer/)
    expect(() => kernels.matmul(x, x, { m: 3, n: 1, k: 3 })).toThrow(
      /^matmul: a: expected at least 9 elements/,
    )
    expect(() => kernels.matmul(x, x, { m: 2, n: 2, k: 2, out: x })).toThrow(
      /^matmul: out: .* does not overlap a/,
    )
    expect(() => kernels.add(x, wrong(new Float64Array(8)))).toThrow(/^add: b: expected a Float32Array/)
    expect(() => kernels.matmul(x, wrong(new Float64Array(8)), { m: 2, n: 2, k: 2 })).toThrow(
      /^matmul: b: expected a Float32Array; received a Float64Array \[HADAMARD_OPTION_VALUE\]$/,
    )
    expect(() => kernels.relu(detached())).toThrow(/^relu: x: .*detached/)
    const options = { m: 2, n: 2, k: 2, transa: true }
    expect(() => kernels.matmul(x, x, options)).toThrow(/should be 'transA'/)
  })

  test('a result that fits into no memory is an error, not a crash', () => {
    const none = new Float32Array(0)
    expect(() => kernels.matmul(none, none, { m: 2 ** 31 - 1, n: 2 ** 31 - 1, k: 0 })).toThrow(SpecError)
  })

  test('partial overlap is an error wherever something is written', () => {
    const x = floats(64)
    const at = (start: number, length: number): Float32Array => x.subarray(start, start + length)
    expect(() => kernels.add(at(0, 6), at(10, 6), at(1, 6))).toThrow(SpecError)
    expect(() => kernels.softmax(at(0, 6), shape, at(3, 6))).toThrow(SpecError)
    expect(() => kernels.sumRows(at(0, 6), shape, at(5, 2))).toThrow(SpecError)
    expect(() => kernels.axpy(1, at(0, 6), at(0, 6))).toThrow(SpecError)
    expect(() => kernels.sgd(at(0, 6), at(5, 6))).toThrow(SpecError)
    const powers = new Float64Array(x.buffer, 0, 2)
    expect(() => kernels.adam(at(0, 3), at(8, 3), { m: at(16, 3), v: at(24, 3), powers })).toThrow(SpecError)
    expect([...x]).toEqual([...floats(64)])
    const fine = { m: 2, n: 2, k: 2, out: at(4, 4) }
    expect([...kernels.matmul(at(0, 4), at(8, 4), fine)]).toEqual([0.5, 0.5, 0.5, 0.5])
  })

  test('an empty view inside of the result overlaps nothing', () => {
    const c = floats(8)
    kernels.gemm(false, false, 2, 2, 0, 1, c.subarray(1, 1), 1, c.subarray(2, 2), 2, 2, c, 2)
    expect([...c]).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5])
  })
})

// The addon is the last line of defence: whatever reaches it, it answers with an error or with a result.
describe.runIf(isas.length > 0)('the addon, called directly', () => {
  const attempt = (run: (binding: { call: Kernel; gemm: Kernel }) => unknown): unknown => {
    try {
      const binding = loadBinding() as unknown as Record<'call' | 'gemm', Kernel>
      run({ call: (...args) => binding.call(...args), gemm: (...args) => binding.gemm(...args) })
    } catch (error) {
      return error
    }
    return undefined
  }

  test('gemm refuses garbage in every place', () => {
    for (const isa of isas) {
      goodCalls.gemm().forEach((right, position) => {
        const bad = typeof right === 'number' && ![5, 10].includes(position) ? badNumbers : []
        for (const value of [...garbage.map(([, value]) => value), null, undefined, ...bad]) {
          const args = goodCalls.gemm()
          args[position] = value
          const outcome = attempt(({ gemm }) => gemm(isa, ...args))
          expect([position, outcome]).toEqual([position, expect.any(Error)])
        }
      })
    }
    for (const args of [[], [isas[0]], ['no such isa'], [null], [Symbol('isa')]]) {
      expect(attempt(({ gemm }) => gemm(...args))).toBeInstanceOf(Error)
      expect(attempt(({ call }) => call(...args))).toBeInstanceOf(Error)
    }
  })

  test.each([...ops.values()].flatMap((op) => dtypes.map(({ dtype }) => [op.name, dtype, op] as const)))(
    '%s on %s refuses wrong operands, and survives sizes of 0',
    (name, dtype, op) => {
      const scalars = sampleScalars(op)
      for (const isa of isas) {
        const dims = sampleDims(op, [3, 4, 5])
        op.signature.operands.forEach((_, position) => {
          const operands: unknown[] = sampleOperands(op, dims, { seed: 1, dtype })
          const right = operands[position] as OperandArray
          const wrong = [
            ...garbage.map(([, value]) => value),
            null,
            undefined,
            right.subarray(0, right.length - 1),
          ]
          for (const value of wrong) {
            operands[position] = value
            const outcome = attempt(({ call }) => call(isa, name, dims, scalars, operands))
            expect([position, outcome]).toEqual([position, expect.any(Error)])
          }
        })
        dims.forEach((_, position) => {
          const operands = sampleOperands(op, dims, { seed: 1, dtype })
          for (const value of [...garbage.map(([, bad]) => bad), ...badNumbers.slice(0, 4), 2 ** 53]) {
            const outcome = attempt(({ call }) =>
              call(isa, name, dims.with(position, value as number), scalars, operands),
            )
            expect([position, outcome]).toEqual([position, expect.any(Error)])
          }
          for (const empty of [dims.with(position, 0), dims.map(() => 0)]) {
            const fitting = sampleOperands(op, empty, { seed: 1, dtype })
            expect(attempt(({ call }) => call(isa, name, empty, scalars, fitting))).toBeUndefined()
          }
        })
        for (const bad of [NaN, Infinity, -1, 2]) {
          const operands = sampleOperands(op, dims, { seed: 1, dtype })
          attempt(({ call }) =>
            call(
              isa,
              name,
              dims,
              scalars.map(() => bad),
              operands,
            ),
          )
        }
      }
    },
  )

  test('a getter that takes the memory away comes too late to be read', () => {
    const x = floats(1 << 16)
    const operands: unknown[] = [x, x]
    Object.defineProperty(operands, 2, {
      get: () => {
        structuredClone(x.buffer, { transfer: [x.buffer as ArrayBuffer] })
        return floats(1 << 16)
      },
    })
    const outcome = attempt(({ call }) => call(isas[0], 'add', [1 << 16, 1], [], operands))
    expect(String(outcome)).toMatch(/operand a: expected at least 65536 elements; received 0/)
  })
})
