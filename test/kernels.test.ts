/** The kernels as users call them: right numbers, and results over inputs. Bad arguments: kernel-arguments.test.ts. */

import { describe, expect, test } from 'vitest'
import * as kernels from '../src/kernels.ts'

const { matmul } = kernels

// Newer than the types of the oldest Node that is served.
const growable = (bytes: number, maxByteLength: number): SharedArrayBuffer & { grow(bytes: number): void } =>
  Reflect.construct(SharedArrayBuffer, [bytes, { maxByteLength }]) as never

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

  test('softmaxBackward and the gradients of the losses agree with central differences', () => {
    const shape = { rows: 2, n: 3 }
    const x = Float32Array.of(0.3, -1.2, 0.7, 2, 0.1, -0.4)
    const t = Float32Array.of(1, 0, 0, 0.2, 0.5, 0.3)
    const dy = Float32Array.of(1, -2, 0.5, 0.3, 0.2, -1)
    const total = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0)
    const functions: [(x: Float32Array) => number, Float32Array][] = [
      [
        (v) => total(kernels.hadamard(kernels.softmax(v, shape), dy)),
        kernels.softmaxBackward(dy, kernels.softmax(x, shape), shape),
      ],
      [
        (v) => total(kernels.squaredError(v, t, { ...shape, factor: 0.5 })) / 6,
        kernels.squaredErrorBackward(x, t, { ...shape, factor: 0.5, reduction: 'mean_elements' }),
      ],
      [
        (v) => total(kernels.binaryCrossEntropyFromLogits(v, t, shape)),
        kernels.binaryCrossEntropyFromLogitsBackward(x, t, shape),
      ],
      [
        (v) => total(kernels.categoricalCrossEntropyFromLogits(v, t, shape)) / 2,
        kernels.categoricalCrossEntropyFromLogitsBackward(x, t, { ...shape, reduction: 'mean_samples' }),
      ],
    ]
    const h = 2 ** -8
    for (const [f, gradient] of functions) {
      gradient.forEach((slope, i) => {
        const along = (step: number): number => f(x.map((value, j) => (i === j ? value + step : value)))
        expect(Math.abs(slope - (along(h) - along(-h)) / (2 * h))).toBeLessThan(1e-4)
      })
    }
  })

  test('ten steps of adam follow the paper', () => {
    const [w, state] = [
      Float32Array.of(1, -2),
      { m: new Float32Array(2), v: new Float32Array(2), powers: Float64Array.of(1, 1) },
    ]
    const [expected, m, v] = [
      [1, -2],
      [0, 0],
      [0, 0],
    ]
    for (let t = 1; t <= 10; t++) {
      const dw = [Math.sin(t), 3 * Math.cos(t)]
      kernels.adam(w, Float32Array.from(dw), state, { learningRate: 0.1, beta1: 0.8 })
      dw.forEach((g, i) => {
        m[i] = 0.8 * m[i] + 0.2 * g
        v[i] = 0.999 * v[i] + 0.001 * g * g
        expected[i] -= (0.1 * (m[i] / (1 - 0.8 ** t))) / (Math.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-8)
      })
    }
    expected.forEach((value, i) => expect(w[i]).toBeCloseTo(value, 5))
  })

  test.each([
    ['float32', Float32Array, -126],
    ['float64', Float64Array, -1022],
  ] as const)(
    'a weight of %s that halves for ever is 0 while its products are still normal',
    (_, Floats, lowest) => {
      const w = Floats.of(1)
      let steps = 0
      while (w[0] > 0 && steps < 2000) {
        expect(w[0]).toBe(2 ** -steps++)
        kernels.sgd(w, Floats.from(w), { learningRate: 0.5 })
      }
      expect(w[0]).toBe(0)
      expect(steps - 1).toBe(-lowest - 30)
    },
  )

  test('a mask and a permutation are those of a network with the same seed', () => {
    const mask = kernels.dropoutMask(new Float32Array(1000), {
      rate: 0.25,
      seed: 7,
      step: 3,
      name: 'dropout1',
    })
    expect(new Set(mask)).toEqual(new Set([0, Math.fround(1 / 0.75)]))
    expect(
      kernels.dropoutMask(new Float32Array(1000), { rate: 0.25, seed: 7, step: 4, name: 'dropout1' }),
    ).not.toEqual(mask)
    const order = kernels.permutation(100, { seed: 7, epoch: 2 })
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(kernels.permutation(100, { seed: 7, epoch: 3 })).not.toEqual(order)
    expect(kernels.permutation(100, { seed: 7, epoch: 2 }, new Uint32Array(100))).toEqual(order)
  })

  test('arrays on shared memory that has grown are read to their new end', () => {
    const buffer = growable(8, 64)
    const x = new Float32Array(buffer)
    buffer.grow(16)
    x.set([1, 2, 3, 4])
    expect(kernels.sum(x)).toBe(10)
  })

  test('a subclass with a length of its own is what its memory is', () => {
    class Odd extends Float32Array {
      static get [Symbol.species](): never {
        throw new Error('never asked')
      }
    }
    const x = new Odd([1, 2, 3])
    Object.defineProperty(x, 'length', { value: 1e9 })
    expect([...kernels.relu(x as Float32Array)]).toEqual([1, 2, 3])
  })

  test('rows without columns are no work', () => {
    const shape = { rows: 5, n: 0 }
    const none = new Float32Array(0)
    expect(kernels.softmax(none, shape).length).toBe(0)
    expect(kernels.softmaxBackward(none, new Float32Array(0), shape).length).toBe(0)
    expect([...kernels.categoricalCrossEntropyFromLogits(none, none, shape)]).toEqual([0, 0, 0, 0, 0])
    expect([...kernels.sumRows(none, shape)]).toEqual([0, 0, 0, 0, 0])
    expect(kernels.sum(none)).toBe(0)
    expect(kernels.softmax(none, { rows: 2 ** 31 - 1, n: 0 }).length).toBe(0)
  })
})
