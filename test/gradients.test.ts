/** Gradients of every activation, loss and normalisation against central differences, in float64. */

import { describe, expect, test } from 'vitest'
import { activation, differentiableActivations, type ActivationName } from '../src/layers/activation.ts'
import {
  composableOps,
  composed,
  type ComposableName,
  type ComposedOps,
  type ComposedValue,
} from '../src/layers/composed.ts'
import { customActivation } from '../src/layers/custom.ts'
import { batchNorm } from '../src/layers/batch-norm.ts'
import { dense } from '../src/layers/dense.ts'
import { embedding } from '../src/layers/embedding.ts'
import { layerNorm } from '../src/layers/layer-norm.ts'
import { concat } from '../src/layers/merge.ts'
import { scale } from '../src/layers/scale.ts'
import { lossTable, type Loss, type LossName } from '../src/layers/loss.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'
import { gradientError, type DifferenceOptions, type Objective } from './support/central-differences.ts'

const ROWS = 5
const INPUTS = 3
const OUTPUTS = 4

// Targets that suit a loss: classes, signs, probabilities or numbers.
function targetsFor(task: string, rows = ROWS): number[] {
  const random = randomStream(3, 'targets')
  return Array.from({ length: rows * OUTPUTS }, (_, i) => {
    if (task === 'classes') return Number(random.below(OUTPUTS, Math.floor(i / OUTPUTS)) === i % OUTPUTS)
    if (task === 'margin') return 2 * random.below(2, i) - 1
    return task === 'binary' ? random.uniform(i) : random.normal(i)
  })
}

// Σ relu(z) − t·z, whose gradient the perceptron rule follows: a step has none of its own.
const perceptronCriterion: Objective = (net, x, t) =>
  net.forward(x).dense2.reduce((sum, z, i) => sum + Math.max(0, z) - t[i] * z, 0)

// The largest difference of a tensor's gradient from central differences, as a share of its largest entry.
function error(
  options: ConstructorParameters<typeof Network<'float64'>>[0],
  targets: number[],
  settings: DifferenceOptions = {},
): number {
  const net = new Network<'float64'>(options)
  const random = randomStream(5, 'x')
  const x = new Float64Array((targets.length / OUTPUTS) * INPUTS).map((_, i) => random.normal(i))
  const t = Float64Array.from(targets)
  // Away from where all gammas are 1 and all biases 0.
  for (const [name, { data }] of Object.entries(net.parameters)) {
    const move = randomStream(6, name)
    net.setParameters({ [name]: data.map((value, i) => value + 0.3 * move.normal(i)) })
  }
  return gradientError(net, x, t, settings)
}

const differentiableLosses = (Object.keys(lossTable) as LossName[]).filter((name) => name !== 'perceptron')

describe.each(backendsUnderTest)('$label', ({ options }) => {
  test.each(differentiableActivations)('activation %s', (name) => {
    const layers = [dense(6, name), dense(OUTPUTS)]
    const network = { inputs: INPUTS, layers, loss: 'squaredError', l2: 0.1, l1: 0.05, seed: 2 } as const
    expect(error({ ...network, dtype: 'float64', ...options }, targetsFor('regression'))).toBeLessThan(1e-7)
  })

  test.each(Object.keys(composableOps) as ComposableName[])('composed of %s', (name) => {
    // The softplus keeps logarithms and divisors above 0.
    const record = (x: ComposedValue, ops: ComposedOps): ComposedValue => {
      const positive = ops.shift(ops.softplus(x), 0.5)
      const { inputs, scalar }: { inputs: number; scalar?: object } = composableOps[name]
      const op = ops[name] as (...given: unknown[]) => ComposedValue
      return inputs === 2 ? op(x, positive) : op(name === 'log' ? positive : x, ...(scalar ? [0.7] : []))
    }
    const layers = [dense(6, composed('own', record)), dense(OUTPUTS)]
    const network = { inputs: INPUTS, layers, loss: 'squaredError', seed: 2, dtype: 'float64' } as const
    expect(error({ ...network, ...options }, targetsFor('regression'))).toBeLessThan(1e-7)
  })

  // The dense layers in front have no bias: batch norm takes it out again, and its gradient is rounding noise. Two rows are
  // normalised to about ±1, whatever they are, unless epsilon is large.
  test.each([2, 7].flatMap((rows) => [batchNorm, layerNorm].map((layer) => ({ rows, layer }))))(
    '$layer.name of $rows rows',
    ({ rows, layer }) => {
      const layers = [
        dense(5, 'linear', { bias: false }),
        layer({ epsilon: 0.1 }),
        dense(7, 'tanh', { bias: false }),
        layer({ epsilon: 0.2 }),
        dense(OUTPUTS),
      ]
      const network = { inputs: INPUTS, layers, loss: 'squaredError', l2: 0.1, seed: 2 } as const
      const targets = targetsFor('regression', rows)
      expect(error({ ...network, dtype: 'float64', ...options }, targets)).toBeLessThan(1e-7)
    },
  )

  test('scale layers, and dense layers in NTK form', () => {
    const ntk = { parametrization: 'ntk' } as const
    const layers = [
      scale(),
      dense(6, 'selu', ntk),
      scale(),
      dense(5, 'mish', ntk),
      dense(OUTPUTS, 'linear', ntk),
    ]
    const network = { inputs: INPUTS, layers, loss: 'squaredError', l2: 0.1, seed: 2 } as const
    expect(error({ ...network, dtype: 'float64', ...options }, targetsFor('regression'))).toBeLessThan(1e-7)
  })

  // Of the table alone: the place in it has no gradient.
  test('an embedding, whose rows some batches name twice and some not at all', () => {
    const layers = [
      embedding(4, 3, { from: 'kind', name: 'place' }),
      concat(['place', 'number']),
      dense(5, 'tanh'),
      dense(1),
    ]
    const inputs = { number: 1, kind: 1 }
    const net = new Network({ inputs, layers, loss: 'squaredError', l2: 0.1, dtype: 'float64', ...options })
    const x = Float64Array.of(0.3, 1, -0.7, 3, 1.1, 1, 0.2, 0, -0.4, 1)
    const t = Float64Array.of(0.5, -1, 2, 0, 1)
    const { parameters, input } = net.gradients(x, t)
    expect(Array.from(input).filter((_, i) => i % 2 === 1)).toEqual([0, 0, 0, 0, 0])
    const table = net.parameters['place.weight'].data
    const objective = (i: number, h: number): number => {
      net.setParameters({ 'place.weight': table.map((w, j) => (i === j ? w + h : w)) })
      return net.trainStep(x, t, { optimizer: { name: 'sgd', learningRate: 1e-300 } }).objective
    }
    const numeric = Array.from(table, (_, i) => (objective(i, 1e-6) - objective(i, -1e-6)) / 2e-6)
    const largest = Math.max(...numeric.map(Math.abs))
    numeric.forEach((value, i) => {
      expect(Math.abs(value - parameters['place.weight'][i]) / largest).toBeLessThan(1e-7)
    })
  })

  test.each(differentiableLosses)('loss %s', (loss) => {
    const { needs, task }: { needs?: ActivationName; task: string } = lossTable[loss]
    for (const reduction of ['sum', 'mean_samples', 'mean_elements'] as const) {
      const layers = [dense(6, 'tanh'), dense(OUTPUTS, needs ?? 'linear')]
      const network = { inputs: INPUTS, layers, loss: { name: loss, reduction }, l2: 0.1, seed: 2 }
      expect(error({ ...network, dtype: 'float64', ...options }, targetsFor(task))).toBeLessThan(1e-7)
    }
  })

  test.each(['squaredError', 'logLikelihood', 'categoricalCrossEntropy'] as const)(
    'weights in %s',
    (loss) => {
      const { needs, task }: { needs?: ActivationName; task: string } = lossTable[loss]
      const layers = [dense(6, 'tanh'), dense(OUTPUTS, needs ?? 'linear')]
      const network = { inputs: INPUTS, layers, loss, l2: 0.1, seed: 2, dtype: 'float64' } as const
      expect(
        error({ ...network, ...options }, targetsFor(task), { sampleWeights: [0.5, 2, 0, 1, 3] }),
      ).toBeLessThan(1e-7)
    },
  )

  test.each<[Loss, ActivationName, string]>([
    ['logLikelihood', 'softmax', 'classes'],
    [{ name: 'binaryCrossEntropy', labelSmoothing: 0.2 }, 'logistic', 'binary'],
    [{ name: 'categoricalCrossEntropy', labelSmoothing: 0.2 }, 'softmax', 'classes'],
  ])('loss %j behind %s', (loss, activation, task) => {
    const layers = [dense(6, 'tanh'), dense(OUTPUTS, activation)]
    const network = { inputs: INPUTS, layers, loss, l2: 0.1, seed: 2 }
    expect(error({ ...network, dtype: 'float64', ...options }, targetsFor(task))).toBeLessThan(1e-7)
  })

  test('loss perceptron, the gradient of its criterion', () => {
    const layers = [dense(6, 'tanh'), dense(OUTPUTS), activation('step')]
    const network = { inputs: INPUTS, layers, loss: 'perceptron', seed: 2, dtype: 'float64' } as const
    const targets = targetsFor('classes')
    expect(error({ ...network, ...options }, targets, { objectiveOf: perceptronCriterion })).toBeLessThan(
      1e-7,
    )
  })
})

test('custom activation', () => {
  const own = customActivation({
    name: 'own',
    forward: (x) => x / (1 + x * x),
    backward: (x, y) => (1 - 2 * x * y) / (1 + x * x),
  })
  const layers = [dense(6, own), dense(5), activation(own), dense(OUTPUTS, own)]
  const network = { inputs: INPUTS, layers, loss: 'squaredError', seed: 2, dtype: 'float64' } as const
  expect(error({ ...network, backend: 'fallback' }, targetsFor('regression'))).toBeLessThan(1e-7)
})
