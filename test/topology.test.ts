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
import type { LossName } from '../src/layers/loss.ts'
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

const GRAPHS = Array.from({ length: 24 }, (_, seed) => seed)
const OUTPUTS = 2

function numbers(length: number, stream: string): Float64Array {
  const random = randomStream(7, stream)
  return new Float64Array(length).map((_, i) => random.normal(i))
}

// A random graph; every other one's end feeds two more outputs, one of them behind a softmax.
function randomNetwork(seed: number): Pick<NetworkOptions, 'inputs' | 'layers' | 'loss' | 'outputs'> {
  const { inputs, layers } = randomGraph(seed, OUTPUTS)
  if (seed % 2 === 0) return { inputs, layers, loss: 'squaredError' }
  return {
    inputs,
    layers: [
      ...layers,
      dense(3, 'softmax', { name: 'kind', from: 'end' }),
      dense(1, 'linear', { name: 'sure', from: 'kind' }),
    ],
    outputs: [
      {
        layer: 'end',
        loss: { name: 'squaredError', reduction: seed % 4 === 1 ? 'mean_samples' : 'mean_elements' },
      },
      { layer: 'kind', weight: 0.7 },
      { layer: 'sure', loss: { name: 'binaryCrossEntropyFromLogits', labelSmoothing: 0.1 }, weight: 2 },
    ],
  }
}

// Targets for several outputs: numbers, one class, a probability.
function targetsOfSeveral(rows: number, seed: number): Float64Array {
  const random = randomStream(seed, 'targets')
  const row = (i: number): number[] => [
    ...Array.from({ length: OUTPUTS }, (_, j) => random.normal(i * OUTPUTS + j)),
    ...[0, 1, 2].map((label) => Number(label === i % 3)),
    i % 2,
  ]
  return Float64Array.from(Array.from({ length: rows }, (_, i) => row(i)).flat())
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
    const net = new Network({ ...randomNetwork(seed), l2: 0.1, seed, dtype: 'float64', ...options })
    moveParameters(net)
    const t = net.spec.outputs === undefined ? numbers(4 * OUTPUTS, 't') : targetsOfSeveral(4, seed)
    expect(gradientError(net, numbers(4 * net.spec.inputs, 'x'), t)).toBeLessThan(1e-7)
  })

  test('the objective of several outputs is the weighted sum of what each has alone', () => {
    const stem = dense(4, 'tanh', { name: 'stem' })
    const price = dense(2, 'linear', { name: 'price', from: 'stem' })
    const kind = dense(3, 'softmax', { name: 'kind', from: 'stem' })
    const risk = dense(1, 'linear', { name: 'risk', from: 'price' })
    const base = { inputs: 3, seed: 6, dtype: 'float64', ...options } as const
    const x = numbers(15, 'x')
    const alone = [
      { layers: [stem, price], loss: 'squaredError', weight: 0.5, t: numbers(10, 'price') },
      { layers: [stem, kind], loss: 'categoricalCrossEntropy', weight: 2, t: [0, 2, 1, 1, 2] },
      {
        layers: [stem, price, risk],
        loss: 'binaryCrossEntropyFromLogits',
        weight: 1,
        t: Float64Array.of(1, 0, 0, 1, 1),
      },
    ].map(({ layers, loss, weight, t }) => {
      const net = new Network({ ...base, layers, loss: loss as LossName })
      const layer = layers[layers.length - 1].name ?? ''
      return { layer, loss: loss as LossName, weight, net, t, evaluation: net.evaluate(x, t) }
    })
    const y = Array.from({ length: 5 }, (_, row) =>
      alone.flatMap(({ layer, t, net }) =>
        layer === 'kind'
          ? [0, 1, 2].map((label) => Number(label === t[row]))
          : [...t.slice(row * net.outputs, (row + 1) * net.outputs)],
      ),
    )
    const outputs = alone.map(({ layer, loss, weight }) => ({ layer, loss, weight }))
    const together = new Network({ ...base, layers: [stem, price, kind, risk], outputs })
    const evaluation = together.evaluate(x, y)
    for (const { layer, evaluation: own } of alone) {
      expect(evaluation.outputs?.[layer].loss).toBeCloseTo(own.loss, 14)
      expect(evaluation.outputs?.[layer].accuracy).toBe(own.accuracy)
    }
    const sumOf = (of: (each: (typeof alone)[number]) => number): number =>
      alone.reduce((sum, each) => sum + each.weight * of(each), 0)
    expect(evaluation.loss).toBeCloseTo(
      sumOf((each) => each.evaluation.loss),
      14,
    )
    const { parameters, loss } = together.gradients(x, y)
    expect(loss).toBeCloseTo(evaluation.loss, 14)
    const own = new Map(alone.map(({ layer, net, t }) => [layer, net.gradients(x, t).parameters]))
    for (const [name, gradient] of Object.entries(parameters)) {
      gradient.forEach((value, i) => {
        const partOf = ({ layer }: { layer: string }): number => own.get(layer)?.[name]?.[i] ?? 0
        expect(value).toBeCloseTo(sumOf(partOf), 14)
      })
    }
    const rows = Array.from({ length: 5 }, (_, row) =>
      alone.flatMap(({ net }) => [...net.predict(x).subarray(row * net.outputs, (row + 1) * net.outputs)]),
    )
    expect([...together.predict(x)]).toEqual(rows.flat())
  })

  describe('a fit of several outputs', () => {
    const make = (): Network<'float64'> =>
      new Network({
        inputs: 2,
        layers: [
          dense(8, 'tanh', { name: 'stem' }),
          dense(1, 'linear', { name: 'sum' }),
          dense(2, 'softmax', { name: 'sign', from: 'stem' }),
        ],
        outputs: [{ layer: 'sum' }, { layer: 'sign', weight: 0.5 }],
        seed: 1,
        dtype: 'float64',
        ...options,
      })
    const x = numbers(80, 'x')
    const y = Array.from({ length: 40 }, (_, i) => {
      const sum = x[2 * i] + x[2 * i + 1]
      return [sum, Number(sum > 0), Number(sum <= 0)]
    })
    const totalOf = (outputs: Record<string, { loss: number }> = {}): number =>
      outputs.sum.loss + 0.5 * outputs.sign.loss

    test('reports the losses of each, and of all', async () => {
      const net = make()
      const start = net.evaluate(x, y)
      const { epochs } = await net.fit(x, y, {
        epochs: 60,
        batchSize: 40,
        optimizer: { name: 'adam', learningRate: 0.05 },
        validation: { x, y },
      })
      expect(epochs[0].loss).toBeCloseTo(start.loss, 12)
      for (const { loss, outputs, validation } of epochs) {
        expect(loss).toBeCloseTo(totalOf(outputs), 12)
        expect(validation?.loss).toBeCloseTo(totalOf(validation?.outputs), 12)
      }
      const end = net.evaluate(x, y)
      expect(end.outputs?.sign.accuracy).toBeGreaterThan(0.9)
      expect(epochs[59].validation?.outputs?.sign.accuracy).toBe(end.outputs?.sign.accuracy)
      expect(epochs[59].validation?.outputs?.sum.loss).toBeCloseTo(end.outputs?.sum.loss ?? NaN, 12)
    })

    test('has the same gradients in one batch and in several that are accumulated', async () => {
      const [whole, parts] = [make(), make()]
      await whole.fit(x, y, { epochs: 1, batchSize: 40, optimizer: 'sgd' })
      await parts.fit(x, y, { epochs: 1, batchSize: 10, accumulate: 4, optimizer: 'sgd' })
      for (const [name, { data }] of Object.entries(whole.parameters)) {
        data.forEach((value, i) => expect(parts.parameters[name].data[i]).toBeCloseTo(value, 14))
      }
    })

    test('works with all rows at once', async () => {
      const net = make()
      const start = net.evaluate(x, y).loss
      const { epochs } = await net.fit(x, y, { epochs: 20, optimizer: 'lbfgs', validation: { x, y } })
      expect(net.evaluate(x, y).loss).toBeLessThan(start / 10)
      expect(epochs.at(-1)?.validation?.loss).toBeCloseTo(net.evaluate(x, y).loss, 12)
    })

    test('takes rows with weights: a weight of 2 is a row twice', () => {
      const twice = (rows: number[][]): number[][] => [...rows, rows[0]]
      const rows = Array.from({ length: 40 }, (_, i) => [x[2 * i], x[2 * i + 1]])
      const sampleWeights = rows.map((_, i) => (i === 0 ? 2 : 1))
      const { loss, parameters } = make().gradients(rows, y, { sampleWeights })
      const repeated = make().gradients(twice(rows), twice(y))
      expect(loss * 40).toBeCloseTo(repeated.loss * 41, 12)
      parameters['stem.weight'].forEach((value, i) =>
        expect(value * 40).toBeCloseTo(repeated.parameters['stem.weight'][i] * 41, 12),
      )
    })

    test.each<[string, unknown, RegExp]>([
      [
        'class indices',
        Uint8Array.from({ length: 40 }),
        /y: expected numbers, 3 per row, for the loss squaredError of sum \+ 0.5·categoricalCrossEntropy of sign; received class indices/,
      ],
      [
        'shares that do not sum to 1',
        y.map(([sum]) => [sum, 1, 1]),
        /y: row 0: expected shares of the classes that sum to 1/,
      ],
      [
        'shares below 0',
        y.map(([sum]) => [sum, 2, -1]),
        /y: row 0: expected targets from 0 to 1 for the loss categoricalCrossEntropy; received 2/,
      ],
      ['too few columns', y.map(([sum]) => [sum]), /y: expected rows of 3 numbers/],
    ])('refuses %s', (_, targets, message) => {
      expect(() => make().fit(x, targets as number[][])).toThrow(message)
    })
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
    const network: NetworkOptions = { ...randomNetwork(seed), l2: 0.01, seed, dtype }
    const random = randomStream(seed, 'training')
    return {
      spec: normalizeSpec(network),
      optimizer: 'adam',
      settings: { clipNorm: 0.1 },
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
    ['a loss beside outputs', { outputs: [{ layer: 'dense2' }] }, /loss: expected no loss beside outputs/],
    ['no outputs', { loss: undefined, outputs: [] }, /outputs: expected an array of at least one output/],
    [
      'an output of an unknown layer',
      { loss: undefined, outputs: [{ layer: 'dense3' }] },
      /outputs\[0\].layer: expected one of dense1, dense2; received 'dense3'/,
    ],
    [
      'an output twice',
      { loss: undefined, outputs: [{ layer: 'dense1' }, { layer: 'dense1' }] },
      /expected different layers; received 'dense1' twice/,
    ],
    [
      'an output without weight',
      { loss: undefined, outputs: [{ layer: 'dense1', weight: 0 }] },
      /outputs\[0\].weight: expected a number above 0/,
    ],
    [
      'sums and means',
      {
        loss: undefined,
        outputs: [{ layer: 'dense1' }, { layer: 'dense2', loss: { name: 'huber', reduction: 'sum' } }],
      },
      /all sums over the rows \(reduction 'sum'\), or none; received 1 of 2. Give each loss the same reduction/,
    ],
    [
      'an objective that is raised',
      {
        loss: undefined,
        layers: [dense(2), dense(2, 'softmax')],
        outputs: [{ layer: 'dense1' }, { layer: 'dense2', loss: 'logLikelihood' }],
      },
      /received logLikelihood of dense2, which training raises/,
    ],
    [
      'a loss that needs another activation',
      { loss: undefined, outputs: [{ layer: 'dense1', loss: 'categoricalCrossEntropy' }] },
      /loss categoricalCrossEntropy of dense1: expected a layer with the activation softmax/,
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
