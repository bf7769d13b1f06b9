/** Networks that are no chains: every connection has the right gradient, the same bits everywhere, and a name. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findDifference } from '../src/backends/compare.ts'
import { createFallback } from '../src/backends/fallback.ts'
import { createNative } from '../src/backends/native.ts'
import { SpecError } from '../src/errors.ts'
import { activation } from '../src/layers/activation.ts'
import { batchNorm } from '../src/layers/batch-norm.ts'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import type { LayerSpec } from '../src/layers/index.ts'
import { layerNorm } from '../src/layers/layer-norm.ts'
import { add, concat, multiply, residual } from '../src/layers/merge.ts'
import { Network } from '../src/network.ts'
import { DTYPES } from '../src/ops/arithmetic.ts'
import { randomStream } from '../src/random.ts'
import { normalizeSpec, type NetworkOptions } from '../src/spec.ts'
import { backendsUnderTest, isNativeUnderTest } from './support/backends.ts'
import { gradientError } from './support/central-differences.ts'
import { arenaAfterTraining, type TrainingCase } from './support/programs.ts'
import { randomGraph } from './support/random-graphs.ts'

const GRAPHS = Array.from({ length: 30 }, (_, seed) => seed)
const OUTPUTS = 2

function numbers(length: number, stream: string): Float64Array {
  const random = randomStream(7, stream)
  return new Float64Array(length).map((_, i) => random.normal(i))
}

// Away from where all biases are 0.
function moveParameters(net: Network<'float64'>): void {
  for (const [name, { data }] of Object.entries(net.parameters)) {
    const move = numbers(data.length, name)
    net.setParameters({ [name]: data.map((value, i) => value + 0.3 * move[i]) })
  }
}

describe.each(backendsUnderTest)('$label', ({ options }) => {
  test.each(GRAPHS)('random graph %i has the gradients of its objective', (seed) => {
    const graph = randomGraph(seed, OUTPUTS)
    const net = new Network({ ...graph, loss: 'squaredError', l2: 0.1, seed, dtype: 'float64', ...options })
    moveParameters(net)
    const error = gradientError(net, numbers(4 * net.spec.inputs, 'x'), numbers(4 * OUTPUTS, 't'))
    expect(error).toBeLessThan(1e-7)
  })

  test('a residual block adds its input to its output', () => {
    const layers = [
      dense(3, 'tanh', { name: 'stem' }),
      residual([dense(4, 'relu'), dense(3, 'linear', { name: 'last' })], { name: 'sum' }),
    ]
    const net = new Network({ inputs: 2, layers, loss: 'squaredError', seed: 1, ...options })
    const { stem, last, sum } = net.forward([[0.3, -2]])
    expect([...sum]).toEqual([...stem].map((value, i) => Math.fround(value + last[i])))
  })

  test('concat puts columns side by side, multiply multiplies, inputs are columns of x', () => {
    const layers = [
      concat(['b', 'a', 'b'], { name: 'side' }),
      multiply(['a', 'a'], { name: 'square' }),
      add(['input', 'input'], { name: 'twice' }),
      concat(['side', 'square', 'twice'], { name: 'all' }),
      dense(1),
    ]
    const net = new Network({ inputs: { a: 2, b: 1 }, layers, loss: 'squaredError', ...options })
    const { all } = net.forward([
      [1, 2, 3],
      [-4, 5, 6],
    ])
    expect([...all]).toEqual([...[3, 1, 2, 3, 1, 4, 2, 4, 6], ...[6, -4, 5, 6, 16, 25, -8, 10, 12]])
  })

  test('weights that are shared have the sum of the gradients of the two that they stand for', () => {
    const twice = (share: boolean): LayerSpec[] => [
      dense(3, 'tanh', { name: 'one' }),
      dense(3, 'tanh', { name: 'two', from: 'input', ...(share ? { shareWith: 'one' } : {}) }),
      multiply(['one', 'two']),
      dense(3, 'tanh', { name: 'three', ...(share ? { shareWith: 'one' } : {}) }),
      dense(1, 'linear', { name: 'end' }),
    ]
    const make = (share: boolean): Network<'float64'> =>
      new Network({
        inputs: 3,
        layers: twice(share),
        loss: 'squaredError',
        seed: 4,
        dtype: 'float64',
        ...options,
      })
    const [shared, apart] = [make(true), make(false)]
    expect(Object.keys(shared.parameters)).toEqual(['one.weight', 'one.bias', 'end.weight', 'end.bias'])
    const { data: weight } = shared.parameters['one.weight']
    apart.setParameters({ 'two.weight': weight, 'three.weight': weight })
    const [x, t] = [numbers(12, 'x'), numbers(4, 't')]
    const [together, each] = [shared.gradients(x, t).parameters, apart.gradients(x, t).parameters]
    for (const array of ['weight', 'bias']) {
      together[`one.${array}`].forEach((value, i) => {
        const sum = each[`one.${array}`][i] + each[`two.${array}`][i] + each[`three.${array}`][i]
        expect(value).toBeCloseTo(sum, 14)
      })
    }
    expect(together['end.weight']).toEqual(each['end.weight'])
  })

  test('removing a node that nothing uses changes no bit of the rest', async () => {
    const used = [
      dense(5, 'tanh', { name: 'stem' }),
      dropout(0.3, { name: 'noise', from: 'stem' }),
      dense(5, 'relu', { name: 'left', from: 'noise' }),
      batchNorm({ name: 'norm', from: 'noise' }),
      add(['left', 'norm', 'stem'], { name: 'sum' }),
      dense(2, 'linear', { name: 'end', from: 'sum' }),
    ]
    const unused: LayerSpec[] = [
      dense(7, 'relu', { name: 'idle', from: 'sum' }),
      batchNorm({ name: 'idleNorm', from: 'idle' }),
      concat(['idleNorm', 'stem'], { name: 'idleSide' }),
    ]
    const train = async (layers: LayerSpec[]): Promise<Network> => {
      const net = new Network({
        inputs: 3,
        layers,
        loss: 'squaredError',
        l1: 0.01,
        l2: 0.01,
        seed: 2,
        ...options,
      })
      await net.fit(numbers(60, 'x'), numbers(40, 't'), {
        epochs: 3,
        batchSize: 8,
        optimizer: { name: 'adamw', weightDecay: 0.1, clipNorm: 0.5 },
      })
      return net
    }
    const without = await train(used)
    const withUnused = await train([...used.slice(0, 1), ...unused, ...used.slice(1)])
    expect(withUnused.parameters).toEqual(without.parameters)
    expect(withUnused.state).toEqual(without.state)
    const x = numbers(9, 'y')
    expect(withUnused.predict(x)).toEqual(without.predict(x))
    expect(withUnused.gradients(x, numbers(6, 't'))).toEqual(without.gradients(x, numbers(6, 't')))
    expect(withUnused.summary()).toContain('sum (unused)')
  })
})

describe.skipIf(!isNativeUnderTest).each(DTYPES)('two epochs of random graphs, %s', (dtype) => {
  const cases = GRAPHS.map((seed): TrainingCase => {
    const network: NetworkOptions = {
      ...randomGraph(seed, OUTPUTS),
      loss: 'squaredError',
      l2: 0.01,
      seed,
      dtype,
    }
    const random = randomStream(seed, 'training')
    return {
      spec: normalizeSpec(network),
      optimizer: 'adam',
      clips: { clipNorm: 0.1 },
      accumulate: 1 + random.below(2, 0),
      rows: 5 + random.below(60, 1),
      batchSize: 1 + random.below(20, 2),
    }
  })

  test.each([1, 2, 3])('%i threads of the core give the bits of the fallback', async (threads) => {
    for (const [seed, each] of cases.entries()) {
      const expected = await arenaAfterTraining(createFallback({ exact: true }), each, 1)
      const received = await arenaAfterTraining(createNative(), each, threads)
      expect([seed, findDifference(expected.arena, received.arena)]).toEqual([seed, undefined])
    }
  })
})

test('a network is plain data: branches lie before their merge, and the spec makes the same network', () => {
  const net = new Network({
    inputs: { a: 2, b: 1 },
    layers: [
      dense(3, 'relu'),
      residual([dense(3, 'tanh'), residual([dense(3)])]),
      concat([[dense(2, 'tanh', { from: 'a' }), dense(2)], [], 'b']),
      dense(1),
    ],
    loss: 'squaredError',
    seed: 5,
  })
  const wiring = net.spec.layers.map(({ name, from }) => (from === undefined ? name : { [name]: from }))
  expect(wiring).toEqual([
    'dense1',
    'dense2',
    'dense3',
    { add1: ['dense2', 'dense3'] },
    { add2: ['dense1', 'add1'] },
    { dense4: 'a' },
    'dense5',
    { concat1: ['dense5', 'add2', 'b'] },
    'dense6',
  ])
  const spec = JSON.parse(JSON.stringify(net.spec)) as NetworkOptions
  expect(normalizeSpec(spec)).toEqual(net.spec)
  const x = numbers(6, 'x')
  expect(new Network(spec).predict(x)).toEqual(net.predict(x))
})

test('layers run behind what they take in, wherever they stand in the list', () => {
  const layers = [
    dense(3, 'tanh', { name: 'a' }),
    dense(2, 'tanh', { name: 'b', from: 'a' }),
    dense(1, 'linear', { name: 'end', from: 'b' }),
  ]
  const predict = (order: number[]): unknown =>
    new Network({
      inputs: 2,
      layers: order.map((i) => ({ ...layers[i], from: layers[i].from ?? 'input' })),
      loss: 'squaredError',
    }).predict([[1, 2]])
  expect(predict([1, 0, 2])).toEqual(predict([0, 1, 2]))
})

test('the summary shows what each layer takes in, and counts shared weights once', () => {
  const net = new Network({
    inputs: { a: 2, b: 1 },
    layers: [
      dense(3, 'relu', { from: 'a', name: 'left' }),
      dense(3, 'tanh', { from: 'a', name: 'right', shareWith: 'left' }),
      add(['left', 'right']),
      dense(1, 'linear', { name: 'end' }),
    ],
    loss: 'squaredError',
  })
  expect(
    net
      .summary()
      .split('\n')
      .map((line) => line.trimEnd().split(/ {2,}/))
      .slice(0, -1),
  ).toEqual([
    ['layer', 'from', 'activation', 'output', 'parameters'],
    ['a', '[batch, 2]', '0'],
    ['b', '[batch, 1]', '0'],
    ['left', 'a', 'relu', '[batch, 3]', '9'],
    ['right', 'a (weights of left)', 'tanh', '[batch, 3]', '0'],
    ['add1', 'left, right', 'add', '[batch, 3]', '0'],
    ['end', 'add1', 'linear', '[batch, 1]', '4'],
  ])
  expect(net.summary()).toContain('13 parameters in 2 layers')
})

test('the model file keeps connections, and no weights of what is unused or shared', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  try {
    const path = join(folder, 'graph.model')
    const net = new Network({
      inputs: { a: 2, b: 1 },
      layers: [
        dense(3, 'relu', { name: 'one' }),
        dense(3, 'tanh', { name: 'two', from: 'input', shareWith: 'one' }),
        residual([dense(3)], { name: 'block' }),
        dense(1, 'linear', { name: 'end', from: 'two' }),
        dense(9, 'tanh', { name: 'idle', from: 'block' }),
        concat(['end', 'two', 'b']),
      ],
      loss: 'squaredError',
      seed: 3,
    })
    await net.save(path)
    const loaded = await Network.load(path)
    expect(loaded.spec).toEqual(net.spec)
    expect(Object.keys(loaded.parameters)).toEqual(['one.weight', 'one.bias', 'end.weight', 'end.bias'])
    const x = numbers(12, 'x')
    expect(loaded.predict(x)).toEqual(net.predict(x))
  } finally {
    await rm(folder, { recursive: true })
  }
})

describe('connections that cannot be', () => {
  const end = dense(1)
  test.each<[string, Partial<NetworkOptions>, RegExp]>([
    [
      'an unknown name',
      { layers: [dense(2, 'relu', { name: 'stem' }), dense(1, 'linear', { from: 'stme' })] },
      /layers\[1\] \(dense2\): from: expected one of stem, dense2, input; received 'stme'. Did you mean 'stem'/,
    ],
    [
      'a cycle',
      {
        layers: [
          dense(2, 'relu', { name: 'a', from: 'c' }),
          dense(2, 'relu', { name: 'b' }),
          dense(2, 'relu', { name: 'c' }),
          end,
        ],
      },
      /received the cycle c → a → b → c/,
    ],
    [
      'a layer behind itself',
      { layers: [dense(2, 'relu', { name: 'a', from: 'a' }), end] },
      /received the cycle a → a/,
    ],
    [
      'a cycle that nothing uses',
      { layers: [dense(2, 'relu', { name: 'a', from: 'a' }), dense(1, 'linear', { from: 'input' })] },
      /the cycle a → a/,
    ],
    [
      'a residual block that changes the size',
      { layers: [dense(3), residual([dense(2)]), end] },
      /layers\[2\] \(add1\): expected sources of one size; received 3 of dense1 and 2 of dense2. Give one of them as many outputs/,
    ],
    [
      'a sum of one',
      { layers: [dense(3), { type: 'add', from: ['dense1'] }, end] },
      /layers\[1\]: from: expected an array of at least two sources/,
    ],
    [
      'several sources of a layer that takes one',
      { layers: [dense(3), { ...dense(1), from: ['dense1', 'input'] } as unknown as LayerSpec] },
      /Bring several together with add or concat/,
    ],
    [
      'a source that is no name',
      { layers: [dense(3), { type: 'add', from: [3, 'input'] } as unknown as LayerSpec, end] },
      /expected the name of a layer or an input; received 3/,
    ],
    [
      'the name of an input for a layer',
      { inputs: { a: 1 }, layers: [dense(3, 'relu', { name: 'a' }), end] },
      /layers\[0\].name/,
    ],
    [
      'the name of all inputs for a layer',
      { layers: [dense(3, 'relu', { name: 'input' }), end] },
      /layers\[0\].name/,
    ],
    [
      'the name of all inputs for one',
      { inputs: { input: 1 } },
      /inputs: expected names of .* other than input/,
    ],
    ['an input whose name is a number', { inputs: { 1: 2 } }, /that begin with a letter/],
    ['an input without columns', { inputs: { a: 0 } }, /inputs.a: expected an integer at least 1/],
    ['no inputs', { inputs: {} }, /columns of all inputs: expected an integer at least 1/],
    [
      'columns of another sum',
      { inputs: 4, inputColumns: { a: 1, b: 2 } },
      /inputs: expected an integer at least 3 and at most 3; received 4/,
    ],
    [
      'weights of an unknown layer',
      { layers: [dense(3), dense(1, 'linear', { shareWith: 'dense9' })] },
      /shareWith: expected one of dense1, dense2; received 'dense9'/,
    ],
    [
      'weights of another size',
      { layers: [dense(3), dense(1, 'linear', { shareWith: 'dense1' })] },
      /expected a layer of the same type and sizes .*: dense with weight \[3, 1\] and bias \[1\]; received dense1, dense with weight \[2, 3\] and bias \[3\]/,
    ],
    [
      'weights of another type',
      { layers: [dense(2), layerNorm({ shareWith: 'dense1' }), end] },
      /expected a layer of the same type/,
    ],
    [
      'weights of a layer that shares itself',
      {
        layers: [
          dense(2),
          dense(2, 'relu', { shareWith: 'dense1' }),
          dense(2, 'relu', { shareWith: 'dense2' }),
          end,
        ],
      },
      /received dense2, which shares with dense1. Use shareWith: 'dense1'/,
    ],
    [
      'running statistics',
      { layers: [dense(2), batchNorm(), { ...batchNorm(), shareWith: 'batchNorm1' } as LayerSpec, end] },
      /shareWith/,
    ],
    [
      'an activation within that has no gradient',
      { layers: [dense(2, 'step', { name: 'hard' }), dense(1, 'linear', { from: 'hard' })] },
      /expected an activation with a gradient/,
    ],
  ])('%s', (_, options, message) => {
    const make = (): Network =>
      new Network({ inputs: 2, layers: [dense(2), end], loss: 'squaredError', ...options })
    expect(make).toThrow(SpecError)
    expect(make).toThrow(message)
  })

  test('a step whose output goes on behind the loss', () => {
    const layers = [dense(1, 'step', { name: 'hard' }), activation('tanh', { name: 'idle' })]
    expect(
      () =>
        new Network({
          inputs: 2,
          layers: [...layers, dense(1, 'step', { from: 'hard' })],
          loss: 'perceptron',
        }),
    ).toThrow(/gradient/)
  })
})
