/** Whole trainings: the same weights, bit for bit, for every instruction set, thread count and the exact fallback. */

import { beforeAll, describe, expect, test } from 'vitest'
import { batchNorm } from '../src/layers/batch-norm.ts'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import { layerNorm } from '../src/layers/layer-norm.ts'
import { activation } from '../src/layers/activation.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import { DTYPES, type Dtype } from '../src/ops/arithmetic.ts'
import type { NetworkOptions } from '../src/spec.ts'
import type { FitOptions } from '../src/training/options.ts'
import type { EpochRecord } from '../src/training/run.ts'
import { backendsUnderTest } from './support/backends.ts'
import { findDifference } from '../src/backends/compare.ts'

interface Case {
  name: string
  network: NetworkOptions & { inputs: number }
  fit: FitOptions
  classes?: number
}

// 203 rows: the last batch is ragged. Hidden layers large enough that threads really share the work.
const ROWS = 203
const CASES: Case[] = [
  {
    name: 'ReLU + SGD',
    network: {
      inputs: 20,
      layers: [dense(96, 'relu'), dense(64, 'relu'), dense(3)],
      loss: 'squaredError',
      seed: 7,
    },
    fit: { optimizer: { name: 'sgd', learningRate: 0.05 }, batchSize: 64 },
  },
  {
    name: 'tanh + softmax + Adam, l2',
    network: {
      inputs: 20,
      layers: [dense(80, 'tanh'), dense(50, 'logistic'), dense(5, 'softmax')],
      loss: 'categoricalCrossEntropy',
      l2: 0.01,
      seed: 8,
    },
    fit: { optimizer: 'adam', batchSize: 50, validation: 0.2, earlyStopping: { patience: 2 } },
    classes: 5,
  },
  {
    name: 'dropout + momentum',
    network: {
      inputs: 20,
      layers: [
        dense(90, { name: 'leaky_relu', slope: 0.1 }),
        dropout(0.3),
        dense(70, 'relu'),
        dropout(0.2),
        dense(1),
      ],
      loss: 'binaryCrossEntropyFromLogits',
      seed: 9,
    },
    fit: { optimizer: { name: 'nesterov', learningRate: 0.02 }, batchSize: 37 },
    classes: 2,
  },
  {
    name: 'accumulated batches, clipped gradients, cosine with warm-up',
    network: {
      inputs: 20,
      layers: [dense(96, 'gelu'), dropout(0.1), dense(64, 'silu'), dense(3)],
      loss: 'huber',
      l1: 0.001,
      seed: 10,
    },
    fit: {
      optimizer: { name: 'adamw', clipNorm: 0.1, clipValue: 0.02 },
      batchSize: 40,
      accumulate: 2,
      schedule: { name: 'cosine', warmup: 1 },
    },
  },
  {
    name: 'L-BFGS',
    network: { inputs: 20, layers: [dense(90, 'tanh'), dense(3)], loss: 'squaredError', l2: 0.01, seed: 11 },
    fit: { optimizer: 'lbfgs', validation: 0.2 },
  },
  {
    // 101 = 50 + 50 + 1: the last batch is one row.
    name: 'batch norm + layer norm + RMSprop',
    network: {
      inputs: 20,
      layers: [dense(90), batchNorm(), activation('relu'), dense(70, 'tanh'), layerNorm(), dense(3)],
      loss: 'squaredError',
      seed: 10,
    },
    fit: { optimizer: 'rmsprop', batchSize: 50, validation: new Uint32Array(102).map((_, i) => 2 * i) },
  },
]

async function train(
  { network, fit, classes }: Case,
  dtype: Dtype,
  options: object,
  threads: number,
): Promise<{ weights: Float64Array; epochs: readonly EpochRecord[]; threads: number }> {
  const random = randomStream(1, 'data')
  const x = new Float32Array(ROWS * network.inputs).map((_, i) => 2 * random.uniform(i) - 1)
  const y =
    classes === undefined
      ? new Float32Array(ROWS * 3).map((_, i) => random.normal(1e6 + i))
      : Uint8Array.from({ length: ROWS }, (_, i) => random.below(classes, 2e6 + i))
  const net = new Network({ ...network, dtype, ...options })
  const history = await net.fit(x, y, { ...fit, epochs: 3, threads })
  const learned = Object.values({ ...net.parameters, ...net.state })
  const weights = Float64Array.from(learned.flatMap(({ data }) => [...data]))
  return { weights, epochs: history.epochs, threads: history.threads }
}

describe.each(CASES.flatMap((net) => DTYPES.map((dtype) => ({ name: net.name, net, dtype }))))(
  'three epochs of $name, $dtype',
  ({ net, dtype }) => {
    let expected: Awaited<ReturnType<typeof train>>
    beforeAll(async () => {
      expected = await train(net, dtype, { backend: 'fallback', exact: true }, 1)
    })

    const runs = backendsUnderTest.flatMap(({ label, options }) =>
      options.backend === 'native'
        ? [1, 2, 3, 7].map((threads) => ({ label, options, threads }))
        : [{ label, options, threads: 1 }],
    )
    test.each(runs)('$label with $threads threads: the same bits', async ({ options, threads }) => {
      const received = await train(net, dtype, options, threads)
      expect(findDifference(expected.weights, received.weights)).toBeUndefined()
      expect(received.epochs).toEqual(expected.epochs)
      expect(received.threads).toBe(threads)
    })

    test('training moves the weights', () => {
      const { parameters, state } = new Network({ ...net.network, dtype })
      const initial = Object.values({ ...parameters, ...state }).flatMap(({ data }) => [...data])
      expect(expected.weights).not.toEqual(Float64Array.from(initial))
    })
  },
)
