/** The networks that are measured: W1 to W5, from a handful of weights to memory-bound. */

import { dense } from '../src/layers/dense.ts'
import { randomStream } from '../src/random.ts'
import type { NetworkOptions } from '../src/spec.ts'
import type { Optimizer } from '../src/compiler/optimizers.ts'

/** One training job. */
export interface Workload {
  readonly name: string
  readonly network: NetworkOptions & { inputs: number }
  readonly optimizer: Optimizer
  readonly batchSizes: readonly number[]
  /** Rows of the data set. */
  readonly rows: number
  readonly classes?: number
}

const hidden = (...units: number[]) => units.map((count) => dense(count, 'relu'))

/** The workloads in the order of the table. */
export const workloads: readonly Workload[] = [
  {
    name: 'W1',
    network: { inputs: 2, layers: [dense(8, 'tanh'), dense(1, 'logistic')], loss: 'binaryCrossEntropy' },
    optimizer: { name: 'sgd', learningRate: 0.1 },
    batchSizes: [1, 4],
    rows: 4096,
    classes: 2,
  },
  {
    name: 'W2',
    network: { inputs: 28, layers: [...hidden(64, 64), dense(1)], loss: 'binaryCrossEntropyFromLogits' },
    optimizer: 'adam',
    batchSizes: [128, 1024],
    rows: 65536,
    classes: 2,
  },
  {
    name: 'W3',
    network: { inputs: 784, layers: [...hidden(128), dense(10)], loss: 'categoricalCrossEntropyFromLogits' },
    optimizer: { name: 'momentum', learningRate: 0.01, momentum: 0.9 },
    batchSizes: [32, 128],
    rows: 8192,
    classes: 10,
  },
  {
    name: 'W4',
    network: {
      inputs: 256,
      layers: [...hidden(1024, 1024), dense(10)],
      loss: 'categoricalCrossEntropyFromLogits',
    },
    optimizer: 'adam',
    batchSizes: [256],
    rows: 2048,
    classes: 10,
  },
  {
    name: 'W5',
    network: {
      inputs: 64,
      layers: [...hidden(64, 64, 64, 64, 64, 64, 64, 64), dense(1)],
      loss: 'squaredError',
    },
    optimizer: 'adam',
    batchSizes: [64],
    rows: 32768,
  },
]

/** Random data of a workload, on shared memory so that no copy is measured. */
export function dataOf({ network, rows, classes }: Workload): {
  x: Float32Array
  y: Float32Array | Uint8Array
} {
  const random = randomStream(1, 'bench')
  const x = new Float32Array(new SharedArrayBuffer(rows * network.inputs * 4))
  for (let i = 0; i < x.length; i++) x[i] = 2 * random.uniform(i) - 1
  if (classes !== undefined)
    return { x, y: Uint8Array.from({ length: rows }, (_, i) => random.below(classes, i + 1e9)) }
  const y = new Float32Array(new SharedArrayBuffer(rows * 4))
  for (let i = 0; i < rows; i++) y[i] = x[i * network.inputs] * x[i * network.inputs + 1]
  return { x, y }
}
