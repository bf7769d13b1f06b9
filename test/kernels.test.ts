/** The kernels as users call them: right numbers, aliasing, and a clear error for every bad argument. */

import { describe, expect, test } from 'vitest'
import { createFallback } from '../src/backends/fallback.ts'
import { createNative } from '../src/backends/native.ts'
import { SpecError } from '../src/errors.ts'
import * as kernels from '../src/kernels.ts'
import { randomStream } from '../src/random.ts'
import { isas } from './support/backends.ts'
import { findDifference } from '../src/backends/compare.ts'

const { gemm, matmul } = kernels

/** Integers small enough that every product and sum is exact in float32, so that any order gives the same number. */
function integers(length: number, seed: number): Float32Array {
  const random = randomStream(seed, 'integers')
  return new Float32Array(length).map((_, i) => random.below(17, i) - 8)
}

function plainProduct(
  transA: boolean,
  transB: boolean,
  m: number,
  n: number,
  k: number,
  a: Float32Array,
  lda: number,
  b: Float32Array,
  ldb: number,
): Float64Array {
  const c = new Float64Array(m * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let p = 0; p < k; p++)
        c[i * n + j] += a[transA ? p * lda + i : i * lda + p] * b[transB ? j * ldb + p : p * ldb + j]
    }
  }
  return c
}

describe('gemm', () => {
  const fallback = createFallback({ exact: true })
  const random = randomStream(3, 'gemm')
  const cases = Array.from({ length: 400 }, (_, i) => {
    const size = (draw: number): number => random.below(i % 5 === 0 ? 70 : 20, 16 * i + draw)
    return {
      transA: random.below(2, 16 * i) === 1,
      transB: random.below(2, 16 * i + 1) === 1,
      m: size(2),
      n: i % 7 === 0 ? 1 : size(3),
      k: i % 11 === 0 ? 300 : size(4),
      alpha: [1, 1, 0, -2, 0.5][random.below(5, 16 * i + 5)],
      beta: [0, 0, 1, 3, -0.25][random.below(5, 16 * i + 6)],
      gap: random.below(3, 16 * i + 7),
      seed: i,
    }
  })

  // Wide enough for packed panels, deep enough for two of them, with a ragged edge everywhere.
  for (const [transA, transB] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ]) {
    cases.push({ transA, transB, m: 37, n: 275, k: 290, alpha: 1, beta: 1, gap: 1, seed: 500 })
  }

  test('is exact on integers, and writes nothing between the rows of c', () => {
    for (const { transA, transB, m, n, k, alpha, beta, gap, seed } of cases) {
      const [lda, ldb, ldc] = [(transA ? m : k) + gap || 1, (transB ? k : n) + gap || 1, n + gap || 1]
      const a = integers(lda * (transA ? k : m) + 1, seed)
      const b = integers(ldb * (transB ? n : k) + 1, seed + 1000)
      const c = integers(ldc * m + 5, seed + 2000)
      const before = c.slice()
      gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
      const product = plainProduct(transA, transB, m, n, k, a, lda, b, ldb)
      for (let i = 0; i < c.length; i++) {
        const [row, column] = [Math.floor(i / ldc), i % ldc]
        const expected =
          row < m && column < n ? alpha * product[row * n + column] + beta * before[i] : before[i]
        expect([seed, i, c[i] + 0]).toEqual([seed, i, expected + 0])
      }
    }
  })

  test.runIf(isas.length > 0)('gives the same bits on every instruction set and the fallback', () => {
    for (const { transA, transB, m, n, k, alpha, beta, gap, seed } of cases) {
      const [lda, ldb, ldc] = [(transA ? m : k) + gap || 1, (transB ? k : n) + gap || 1, n + gap || 1]
      const fill = (length: number, name: string): Float32Array =>
        new Float32Array(length).map((_, i) => randomStream(seed, name).normal(i))
      const a = fill(lda * (transA ? k : m) + 1, 'a')
      const b = fill(ldb * (transB ? n : k) + 1, 'b')
      const c = fill(ldc * m + 5, 'c')
      const expected = c.slice()
      fallback.gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, expected, ldc)
      for (const isa of isas) {
        const received = c.slice()
        createNative({ isa }).gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, received, ldc)
        expect([isa, seed, findDifference(expected, received)]).toEqual([isa, seed, undefined])
      }
    }
  })

  test('beta = 0 does not read c, alpha = 0 does not read a and b, and zeros are not skipped', () => {
    const nan = Float32Array.of(NaN)
    const c = Float32Array.of(NaN)
    gemm(false, false, 1, 1, 1, 1, Float32Array.of(2), 1, Float32Array.of(3), 1, 0, c, 1)
    expect(c[0]).toBe(6)
    gemm(false, false, 1, 1, 1, 0, nan, 1, nan, 1, 2, c, 1)
    expect(c[0]).toBe(12)
    gemm(false, false, 1, 1, 1, 1, Float32Array.of(0), 1, nan, 1, 0, c, 1)
    expect(c[0]).toBeNaN()
  })

  const good = (): Parameters<typeof gemm> => [
    false,
    false,
    2,
    2,
    2,
    1,
    new Float32Array(4),
    2,
    new Float32Array(4),
    2,
    0,
    new Float32Array(4),
    2,
  ]
  test.each([
    ['a negative size', 2, -1, /gemm: m: expected an integer at least 0/],
    ['a fractional size', 3, 1.5, /gemm: n/],
    ['NaN as a size', 4, NaN, /gemm: k/],
    ['a size of 2^31', 2, 2 ** 31, /gemm: m/],
    ['a short a', 6, new Float32Array(3), /gemm: a: expected at least 4 elements .* received 3/],
    ['a Float64Array', 8, new Float64Array(4), /gemm: b: expected a Float32Array; received a Float64Array/],
    ['an lda smaller than a row', 7, 1, /gemm: lda/],
    ['no array', 11, undefined, /gemm: c: expected a Float32Array; received undefined/],
  ])('%s is an error that names it', (_, position, value, message) => {
    const args = good()
    ;(args as unknown[])[position] = value
    expect(() => gemm(...args)).toThrow(SpecError)
    expect(() => gemm(...args)).toThrow(message)
  })

  test('c may not overlap a', () => {
    const args = good()
    args[11] = args[6]
    expect(() => gemm(...args)).toThrow(/c: expected memory that does not overlap a/)
  })
})

describe('kernels', () => {
  test('matmul with transposes and accumulation', () => {
    const a = Float32Array.of(1, 2, 3, 4, 5, 6)
    const b = Float32Array.of(1, 0, 2, 1, 1, 3)
    expect([...matmul(a, b, { m: 2, n: 2, k: 3 })]).toEqual([8, 11, 20, 23])
    expect([...matmul(a, b, { m: 3, n: 3, k: 2, transA: true })]).toEqual([5, 4, 14, 7, 5, 19, 9, 6, 24])
    expect([...matmul(a, b, { m: 2, n: 2, k: 3, transB: true })]).toEqual([7, 12, 16, 27])
    expect([
      ...matmul(a, b, { m: 2, n: 2, k: 3, out: Float32Array.of(1, 1, 1, 1), accumulate: true }),
    ]).toEqual([9, 12, 21, 24])
  })

  test('accumulateGradient adds xᵀ · dy over the batch', () => {
    const dw = Float32Array.of(1, 1, 1, 1)
    kernels.accumulateGradient(dw, Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 0, 0, 1), {
      rows: 2,
      inputs: 2,
      outputs: 2,
    })
    expect([...dw]).toEqual([2, 4, 3, 5])
  })

  test('element-wise ops may write over an input', () => {
    const a = Float32Array.of(1, 2, 3)
    const b = Float32Array.of(4, 5, 6)
    expect([...kernels.add(a, b)]).toEqual([5, 7, 9])
    expect([...kernels.subtract(a, b)]).toEqual([-3, -3, -3])
    expect([...kernels.divide(b, a)]).toEqual([4, 2.5, 2])
    expect([...kernels.scale(2, a)]).toEqual([2, 4, 6])
    expect(kernels.hadamard(a, b, a)).toBe(a)
    expect([...a]).toEqual([4, 10, 18])
    expect([...kernels.axpy(10, b, a)]).toEqual([44, 60, 78])
    expect([...kernels.addBias(b, Float32Array.of(1), { rows: 3, n: 1 })]).toEqual([5, 6, 7])
  })

  test('activations at the points of the lectures', () => {
    const x = Float32Array.of(-2, -0.5, 0, 0.5, 2)
    const close = (received: Float32Array, expected: number[]): void => {
      expected.forEach((value, i) => expect(received[i]).toBeCloseTo(value, 6))
    }
    close(kernels.logistic(x), [0.119202922, 0.3775406688, 0.5, 0.6224593312, 0.880797078])
    close(kernels.tanh(x), [-0.9640275801, -0.4621171573, 0, 0.4621171573, 0.9640275801])
    close(kernels.relu(x), [0, 0, 0, 0.5, 2])
    close(kernels.leakyRelu(x, 0.1), [-0.2, -0.05, 0, 0.5, 2])
    close(
      kernels.softmax(Float32Array.of(1, 2, 3), { rows: 1, n: 3 }),
      [0.09003057317, 0.2447284711, 0.6652409558],
    )
    close(kernels.exp(kernels.log(Float32Array.of(0.1, 1, 7))), [0.1, 1, 7])
  })

  test('derivatives agree with central differences', () => {
    const x = Float32Array.of(-1.7, -0.3, 0.4, 1.9)
    const h = 2 ** -9
    const pairs: [(x: Float32Array) => Float32Array, (dy: Float32Array, y: Float32Array) => Float32Array][] =
      [
        [kernels.tanh, kernels.tanhBackward],
        [kernels.logistic, kernels.logisticBackward],
        [kernels.relu, kernels.reluBackward],
        [(v) => kernels.leakyRelu(v, 0.2), (dy, y) => kernels.leakyReluBackward(dy, y, 0.2)],
      ]
    for (const [forward, backward] of pairs) {
      const derivative = backward(new Float32Array(4).fill(1), forward(x))
      const [up, down] = [forward(x.map((v) => v + h)), forward(x.map((v) => v - h))]
      derivative.forEach((d, i) => expect(Math.abs(d - (up[i] - down[i]) / (2 * h))).toBeLessThan(1e-4))
    }
  })

  test('sums', () => {
    const x = Float32Array.from({ length: 35 }, (_, i) => i)
    expect(kernels.sum(x)).toBe(595)
    expect([...kernels.sumRows(x, { rows: 5, n: 7 })]).toEqual([21, 70, 119, 168, 217])
    expect([...kernels.sumColumns(x, { rows: 5, n: 7 })]).toEqual([70, 75, 80, 85, 90, 95, 100])
  })

  test('arrays of different lengths, other types and partial overlap are errors', () => {
    const x = new Float32Array(8)
    expect(() => kernels.add(x, new Float32Array(7))).toThrow(/arrays of one length, 8; received 7/)
    expect(() => kernels.relu([1, 2] as unknown as Float32Array)).toThrow(
      /expected a Float32Array; received an array of 2/,
    )
    expect(() => kernels.relu(x.subarray(0, 4), x.subarray(2, 6))).toThrow(/does not overlap x/)
    expect(() => kernels.softmax(x, { rows: 3, n: 3 })).toThrow(/at least 9 elements; received 8/)
    expect(() => kernels.matmul(x, x, { m: 0.5, n: 1, k: 1 })).toThrow(/matmul: m: expected an integer/)
  })

  test('a detached array is an error', () => {
    const x = new Float32Array(8)
    structuredClone(x.buffer, { transfer: [x.buffer] })
    expect(() => kernels.softmax(x, { rows: 2, n: 4 })).toThrow(/at least 8 elements; received 0/)
  })
})
