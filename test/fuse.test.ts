/** Fused products: the same bits as their composition, and no fusion where a result in between is read. */

import { describe, expect, test } from 'vitest'
import { Builder, type Value } from '../src/compiler/builder.ts'
import { fuse } from '../src/compiler/fuse.ts'
import { arithmeticOf, floatArray, type FloatArray } from '../src/ops/arithmetic.ts'
import { opNamed } from '../src/ops/index.ts'
import { REDUCTIONS } from '../src/ops/losses.ts'
import { randomStream } from '../src/random.ts'

const [ROWS, N, K] = [7, 5, 9]

describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
  const random = randomStream(1, 'fuse')
  let draws = 0
  const array = (length: number): FloatArray =>
    floatArray(dtype, length).map(() => 2 * random.uniform(draws++) - 1)
  const run = (op: string, dims: number[], ...operands: FloatArray[]): void => {
    const { kernel, signature } = opNamed(op)
    kernel(arithmeticOf(dtype, true))({
      dims,
      scalars: signature.scalars.map(() => REDUCTIONS.indexOf('mean_elements')),
      operands,
      words: [],
      doubles: [],
      functions: [],
      rows: ROWS,
      cursor: 0,
    })
  }
  const [x, w, b, y] = [array(ROWS * K), array(K * N), array(N), array(ROWS * N)]
  // A row of NaN, one of zeros that a bias of -0 meets, and a mask with every special value.
  x.fill(NaN, 0, K)
  x.fill(0, K, 2 * K)
  b[0] = -0
  y.set([NaN, 0, -0, Infinity, -Infinity], N)
  const product = floatArray(dtype, ROWS * N)
  run('matmul_nn', [ROWS, N, K], x, w, product)

  test('matmul_bias is matmul_nn, then add_bias', () => {
    const [expected, fused] = [product.slice(), floatArray(dtype, ROWS * N)]
    run('add_bias', [ROWS, N], expected, b, expected)
    run('matmul_bias', [ROWS, N, K], x, w, b, fused)
    expect(fused).toEqual(expected)
  })

  test.each(['relu', 'tanh', 'logistic'])('matmul_bias_%s is matmul_nn, then add_bias, then that', (name) => {
    const [expected, fused] = [product.slice(), floatArray(dtype, ROWS * N)]
    run('add_bias', [ROWS, N], expected, b, expected)
    run(name, [ROWS, N], expected, expected)
    run(`matmul_bias_${name}`, [ROWS, N, K], x, w, b, fused)
    expect(fused).toEqual(expected)
    expect(fused.some((value) => value === 0 || value === 0.5)).toBe(true)
  })

  test.each(['relu', 'tanh', 'logistic'])('matmul_%s_backward is matmul_nn, then that', (name) => {
    const [expected, fused] = [product.slice(), floatArray(dtype, ROWS * N)]
    run(`${name}_backward`, [ROWS, N], expected, y, expected)
    run(`matmul_${name}_backward`, [ROWS, N, K], x, w, y, fused)
    expect(fused).toEqual(expected)
  })

  test.each(['binary', 'categorical'])('%s cross-entropy and gradient are both ops, in place too', (kind) => {
    const op = `${kind}_cross_entropy_with_logits`
    const [z, t] = [array(ROWS * N), array(ROWS * N)]
    const [loss, dz, fusedLoss] = [ROWS, ROWS * N, ROWS].map((length) => floatArray(dtype, length))
    run(op, [ROWS, N], z, t, loss)
    run(`${op}_backward`, [ROWS, N], z, t, dz)
    run(`${op}_and_gradient`, [ROWS, N], z, t, fusedLoss, z)
    expect([fusedLoss, z]).toEqual([loss, dz])
  })
})

function layer(isPinned: boolean): { builder: Builder; sum: Value } {
  const builder = new Builder(ROWS, 'float32')
  builder.beginEntry('forward')
  const input = (name: string, shape: ('rows' | number)[]): Value =>
    builder.value(name, shape, { region: 'batch' })
  const sum = builder.value('sum', ['rows', N], { isPinned })
  builder.emit('matmul_nn', { x: input('x', ['rows', K]), w: input('w', [K, N]) }, {}, { y: sum })
  const biased = builder.emit('add_bias', { x: sum, b: input('b', [N]) })
  builder.emit('relu', { x: biased }, {}, { y: builder.value('y', ['rows', N], { isPinned: true }) })
  return { builder, sum }
}

const opsOf = (builder: Builder): string[] =>
  fuse(builder.steps).map((step) => (step.kind === 'op' ? step.op : step.kind))

test('a product, its bias and its relu become one instruction', () => {
  expect(opsOf(layer(false).builder)).toEqual(['matmul_bias_relu'])
})

test('a loss and its gradient become one instruction, unless they are of different values', () => {
  const op = 'binary_cross_entropy_with_logits'
  const builder = new Builder(ROWS, 'float32')
  builder.beginEntry('step')
  const [z, t, u] = ['z', 't', 'u'].map((name) => builder.value(name, ['rows', N], { region: 'batch' }))
  builder.emit(op, { z, t })
  builder.emit('tanh', { x: u })
  builder.emit(`${op}_backward`, { z, t }, { reduction: 0 })
  builder.emit(op, { z: u, t })
  builder.emit(`${op}_backward`, { z: u, t: z }, { reduction: 0 })
  expect(opsOf(builder)).toEqual([`${op}_and_gradient`, 'tanh', op, `${op}_backward`])
})

test.each([
  [[1, N], true],
  [[N, 1], true],
  [[N, 2], false],
])('a weight of shape %j is its own transpose: %s', (shape, isOne) => {
  const builder = new Builder(ROWS, 'float32')
  builder.beginEntry('step')
  const weight = builder.value('weight', shape, { region: 'parameters' })
  const w = builder.emit('transpose', { x: weight })
  builder.emit('matmul_nn', { x: builder.value('x', ['rows', shape[1]], { region: 'batch' }), w })
  expect(opsOf(builder)).toEqual(isOne ? ['matmul_nn'] : ['transpose', 'matmul_nn'])
})

test('a result that users read stays', () => {
  expect(opsOf(layer(true).builder)).toEqual(['matmul_nn', 'add_bias', 'relu'])
})

test('a result that another op reads stays', () => {
  const { builder, sum } = layer(false)
  builder.emit('tanh', { x: sum })
  expect(opsOf(builder)).toEqual(['matmul_nn', 'add_bias', 'relu', 'tanh'])
})
