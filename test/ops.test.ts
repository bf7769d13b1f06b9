/** Ops against something outside of them: Math in double, plain loops, central differences, statistics. */

import { describe, expect, test } from 'vitest'
import type { OperandArray } from '../src/backends/backend.ts'
import { chooseBackend } from '../src/backends/choose.ts'
import { EARLY_STOP } from '../src/ops/control.ts'
import { ops } from '../src/ops/index.ts'
import { randomStream, streamKey } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'

const floats = (...values: number[]): Float32Array => Float32Array.from(values)

describe.each(backendsUnderTest)('ops on $label', ({ options }) => {
  const backend = chooseBackend(options)
  const call = (op: string, dims: number[], scalars: number[], ...operands: OperandArray[]): void =>
    backend.call(op, dims, scalars, operands)

  test.each<[string, (x: number) => number, number]>([
    ['exp', Math.exp, 1.1],
    ['log', Math.log, 1],
    ['tanh', Math.tanh, 1.5],
    ['logistic', (x) => 1 / (1 + Math.exp(-x)), 2.5],
  ])('%s is within its documented error of Math in double, and right at the edges', (op, reference, ulp) => {
    const edges = [
      0,
      -0,
      Infinity,
      -Infinity,
      NaN,
      1e-45,
      1e-38,
      3.4e38,
      88.7,
      88.8,
      -87.4,
      -103,
      -104,
      1,
      -1,
    ]
    const random = randomStream(1, op)
    const x = Float32Array.from({ length: 50_000 }, (_, i) =>
      i < edges.length ? edges[i] : (2 * random.uniform(i) - 1) * 10 ** (random.below(80, i + 1e6) / 2 - 38),
    )
    const y = new Float32Array(x.length)
    call(op, [x.length, 1], [], x, y)
    x.forEach((value, i) => {
      const exact = reference(value)
      if (Object.is(Math.fround(exact), y[i])) return
      const exponent = Math.max(-126, Math.floor(Math.log2(Math.min(Math.abs(exact), 3.4e38))))
      const error = Math.abs(exact - y[i]) / 2 ** (exponent - 23)
      if (!(error <= ulp))
        expect.fail(`${op}(${value}): expected ${exact} within ${ulp} ulp, received ${y[i]} (${error} ulp)`)
    })
  })

  test.each([
    ['binary_cross_entropy_with_logits', 1],
    ['categorical_cross_entropy_with_logits', 2],
    ['categorical_cross_entropy_with_logits', 17],
  ])('errors of %s in %i columns are eᶻ down to 2⁻⁹⁶, and 0 below', (op, n) => {
    const rows = 90
    // The first class has the logit z of a row, the others share e⁰ = 1.
    const z = new Float32Array(rows * n).fill(-Math.log(n - 1))
    const t = new Float32Array(rows * n)
    for (let row = 0; row < rows; row++) z[row * n] = -row
    if (n > 1) t.forEach((_, i) => (t[i] = Number(i % n > 0) / (n - 1)))
    const [loss, together, apart] = [
      new Float32Array(rows),
      new Float32Array(rows * n),
      new Float32Array(rows * n),
    ]
    call(`${op}_and_gradient`, [rows, n], [0], z, t, loss, together)
    call(`${op}_backward`, [rows, n], [0], z, t, apart)
    expect(together).toEqual(apart)
    for (let row = 0; row < rows; row++) {
      const exact = 1 / (1 + Math.exp(row))
      if (exact < 2 ** -96) expect(apart[row * n]).toBe(0)
      else expect(Math.abs(apart[row * n] / exact - 1)).toBeLessThan(1e-5)
    }
  })

  test.each([
    ['adam', [0.9, 0.999, 1e-8], 0.001],
    ['rmsprop', [0.9, 1e-8, 0], 0.1],
    ['adagrad', [1e-8], 1],
    ['adadelta', [0.9, 1e-6], 0.1],
  ] as const)('gradients of %s below 2⁻⁵⁵ move weights, but their squares are 0', (op, scalars, rest) => {
    const dw = Float32Array.from({ length: 40 }, (_, i) => -(2 ** -(35 + i)))
    const [first, second, w] = [new Float32Array(40), new Float32Array(40), new Float32Array(40)]
    const states = {
      adam: [first, second],
      rmsprop: [second, first],
      adagrad: [second],
      adadelta: [second, first],
    }[op]
    call(op, [40], [...scalars], Float64Array.of(0.1, 1), dw, ...states, w)
    dw.forEach((g, i) => {
      expect(w[i]).toBeGreaterThan(0)
      if (g > -(2 ** -55)) expect(second[i]).toBe(0)
      else expect(Math.abs(second[i] / (rest * g * g) - 1)).toBeLessThan(1e-5)
    })
  })

  test('gradients of softmax agree with central differences', () => {
    const x = floats(0.3, -1.2, 0.7, 2, 0.1, -0.4)
    const dy = floats(1, -2, 0.5, 0.3, 0.2, -1)
    const y = new Float32Array(6)
    const dx = new Float32Array(6)
    call('softmax', [2, 3], [], x, y)
    call('softmax_backward', [2, 3], [], dy, y, dx)
    const h = 2 ** -8
    dx.forEach((gradient, i) => {
      const along = (change: number): number => {
        const out = new Float32Array(6)
        call(
          'softmax',
          [2, 3],
          [],
          x.map((value, j) => (i === j ? value + change : value)),
          out,
        )
        return out.reduce((sum, value, j) => sum + value * dy[j], 0)
      }
      expect(Math.abs(gradient - (along(h) - along(-h)) / (2 * h))).toBeLessThan(1e-4)
    })
  })

  test('losses from logits are finite and right where the composition overflows', () => {
    const loss = new Float32Array(2)
    call('binary_cross_entropy_with_logits', [2, 1], [], floats(1000, -1000), floats(0, 0), loss)
    expect([...loss]).toEqual([1000, 0])
    call(
      'categorical_cross_entropy_with_logits',
      [2, 2],
      [],
      floats(1000, -1000, 1000, -1000),
      floats(0, 1, 1, 0),
      loss,
    )
    expect([...loss]).toEqual([2000, 0])
    const dz = new Float32Array(4)
    call(
      'categorical_cross_entropy_with_logits_backward',
      [2, 2],
      [1],
      floats(1000, -1000, 0, 0),
      floats(0, 1, 1, 0),
      dz,
    )
    expect([...dz]).toEqual([0.5, -0.5, -0.25, 0.25])
  })

  test('the cross-entropy table of the lectures', () => {
    const p = [0.8, 0.1, 0.1, 0.2, 0.7, 0.1, 0.1, 0.2, 0.7, 0.6, 0.2, 0.2]
    const t = floats(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0)
    const loss = new Float32Array(4)
    call('categorical_cross_entropy_with_logits', [4, 3], [], Float32Array.from(p, Math.log), t, loss)
    ;[0.2231435513, 0.3566749439, 0.3566749439, 0.5108256238].forEach((value, i) =>
      expect(loss[i]).toBeCloseTo(value, 6),
    )
  })

  test('reductions equal plain sums of integers', () => {
    const x = Float32Array.from({ length: 300 }, (_, i) => (i % 13) - 6)
    const total = x.reduce((sum, value) => sum + value, 0)
    const squares = x.reduce((sum, value) => sum + value * value, 0)
    const s = new Float32Array(1)
    call('sum', [300], [], x, s)
    expect(s[0]).toBe(total)
    call('squared_norm', [300], [], x, s)
    expect(s[0]).toBe(squares)
    const accumulated = Float64Array.of(0.5)
    call('accumulate', [], [], s, accumulated)
    expect(accumulated[0]).toBe(squares + 0.5)
  })

  test('dropout masks keep 1 − rate of the elements, scaled, and differ from step to step', () => {
    const [rows, n, rate] = [200, 50, 0.3]
    const masks = [0, 1].map((step) => {
      const mask = new Float32Array(rows * n)
      call('dropout_mask', [rows, n], [rate], streamKey(1, 'dropout1'), Uint32Array.of(step), mask)
      return mask
    })
    const kept = masks[0].filter((value) => value !== 0)
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.7)]))
    // Four standard deviations of a binomial.
    expect(Math.abs(kept.length / (rows * n) - 0.7)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / (rows * n)))
    const both = masks[0].filter((value, i) => value !== 0 && masks[1][i] !== 0).length / (rows * n)
    expect(Math.abs(both - 0.49)).toBeLessThan(0.02)
  })

  test('permutations hold every row once, differ by epoch, and put every row everywhere equally often', () => {
    const base = Uint32Array.from({ length: 8 }, (_, i) => 10 + i)
    const order = new Uint32Array(8)
    const counts = new Uint32Array(64)
    const seen = new Set<string>()
    const epochs = 4000
    for (let epoch = 0; epoch < epochs; epoch++) {
      call('permute', [8], [], base, streamKey(5, 'shuffle'), Uint32Array.of(epoch), order)
      expect([...order].sort()).toEqual([...base])
      seen.add(order.join())
      order.forEach((row, position) => counts[8 * position + row - 10]++)
    }
    const expected = epochs / 8
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    // 49 degrees of freedom: above 85.4 in one of a thousand.
    expect(chiSquare).toBeLessThan(85.4)
    expect(seen.size).toBeGreaterThan(3500)
  })

  test('gathers take the rows of the order, and NaN where an index is out of range', () => {
    const y = new Float32Array(6)
    call('gather_rows', [3, 2, 3, 3], [], floats(1, 2, 3, 4, 5, 6), Uint32Array.of(2, 0, 9), y)
    expect([...y]).toEqual([5, 6, 1, 2, NaN, NaN])
    call('gather_one_hot', [3, 2, 3, 3], [], Uint32Array.of(1, 0, 7), Uint32Array.of(0, 1, 2), y)
    expect([...y]).toEqual([0, 1, 1, 0, NaN, NaN])
  })

  test('right answers are counted by the first largest, or by the sign of a single logit', () => {
    const correct = new Float32Array(3)
    call('count_correct', [3, 2], [], floats(1, 2, 5, 5, 3, 1), floats(0, 1, 1, 0, 0, 1), correct)
    expect([...correct]).toEqual([1, 1, 0])
    call('count_correct', [3, 1], [], floats(0.1, -0.1, -3), floats(1, 0, 1), correct)
    expect([...correct]).toEqual([1, 1, 0])
  })

  test('checks raise a flag for NaN and infinities only, and halt at the first raised one', () => {
    const flag = Uint32Array.of(0)
    call('find_nonfinite', [4], [], floats(1, 3.4e38, -1e-45, 0), flag)
    expect(flag[0]).toBe(0)
    for (const bad of [NaN, Infinity, -Infinity]) {
      const raised = Uint32Array.of(0)
      call('find_nonfinite', [20], [], new Float32Array(20).fill(1).with(17, bad), raised)
      expect(raised[0]).toBe(1)
    }
    const status = Uint32Array.of(0)
    call('halt_if', [3], [], Uint32Array.of(0, 0, 0), status)
    expect(status[0]).toBe(0)
    call('halt_if', [3], [], Uint32Array.of(0, 1, 1), status)
    expect(status[0]).toBe(2)
  })

  test.each([
    [[1, 2, 3], [0, 0], [0, 0], 0],
    [[1, NaN, 3], [0, 0], [0, 1], 2],
    [[1, -Infinity, 3], [1, 0], [1, 1], 1],
  ])('halt_if_nonfinite of %j with the flags %j leaves %j and the status %j', (x, before, after, status) => {
    const [flags, word] = [Uint32Array.from(before), Uint32Array.of(0)]
    call('halt_if_nonfinite', [3, 2], [], floats(...x), flags, word)
    expect([...flags, ...word]).toEqual([...after, status])
  })

  test.each([
    [[1, 2, 4], 107, 0],
    [[3e38, 3e38, 0], Infinity, 1],
    [[1, NaN, 4], NaN, 1],
  ])('tally of %j adds up to %j and leaves the flag %j', (x, total, flag) => {
    const [sum, raised] = [Float64Array.of(100), Uint32Array.of(0)]
    call('tally', [3], [], floats(...x), sum, raised)
    expect([sum[0], raised[0]]).toEqual([total, flag])
  })

  test('keep_best copies at every improvement and stops when patience runs out', () => {
    const best = new Float32Array(2)
    const state = Float64Array.of(Infinity, 0, 0, 0)
    const status = Uint32Array.of(0)
    const kept = [3, 2, 2.5, NaN, 4].map((loss, epoch) => {
      call('keep_best', [2], [3, 0], Float64Array.of(loss), floats(epoch, -epoch), best, state, status)
      return [best[0], status[0]]
    })
    expect(kept).toEqual([
      [0, 0],
      [1, 0],
      [1, 0],
      [1, 0],
      [1, EARLY_STOP],
    ])
    expect([...state]).toEqual([2, 2, 5, 3])
  })

  test.each([
    [3, 1, true],
    [3, 2, false],
    [3.5, 1, true],
    [2 ** 32 - 1, 7, true],
    ...[0, 0.5, -3.5, 2 ** 32, -1e300, NaN, Infinity].map((stride) => [stride, 7, false] as const),
  ] as const)('copy_at in step 7 with the stride %d and the phase %d: %j', (stride, phase, copied) => {
    const y = new Float32Array(2)
    call('copy_at', [2], [stride, phase], Uint32Array.of(7), floats(1, 2), y)
    expect([...y]).toEqual(copied ? [1, 2] : [0, 0])
  })

  test('small ops', () => {
    const total = Float64Array.of(3, 4)
    call('clear', [2], [], total)
    expect([...total]).toEqual([0, 0])
    const step = Uint32Array.of(41)
    call('advance', [], [], step)
    expect(step[0]).toBe(42)
    const copy = new Float32Array(3)
    call('copy', [3], [], floats(1, 2, 3), copy)
    expect([...copy]).toEqual([1, 2, 3])
  })
})

test('every op that a gradient rule names exists', () => {
  for (const op of ops.values()) {
    if (op.gradient === undefined) continue
    const inputs = Object.fromEntries(op.signature.operands.map(({ name }) => [name, name]))
    const emitted: string[] = []
    const emitter = { emit: (name: string) => (emitted.push(name), name), like: (name: string) => name }
    const rules = op.gradient<string>(
      emitter,
      { inputs, output: 'y', scalars: { alpha: 1, slope: 1 }, dims: [] },
      'dy',
    )
    Object.values(rules).forEach((rule) => rule())
    for (const name of emitted) expect(ops.has(name)).toBe(true)
  }
})
