/** The networks that are measured: W1 to W5, from a handful of weights to memory-bound. */

import { dense } from '../src/layers/dense.ts'
import { randomStream } from '../src/random.ts'
import type { NetworkOptions } from '../src/spec.ts'

type Activation = 'tanh' | 'logistic' | 'relu' | 'linear'

/** One training job. */
export interface Workload {
  readonly name: string
  readonly network: NetworkOptions & { inputs: number }
  /** Of each layer its outputs and activation, as rivals build it; `network` is the same for this library. */
  readonly units: readonly (readonly [count: number, activation: Activation])[]
  readonly loss: Loss
  readonly optimizer: {
    readonly name: 'sgd' | 'momentum' | 'adam'
    readonly learningRate: number
    readonly momentum?: number
  }
  readonly batchSizes: readonly number[]
  readonly inferenceBatches?: readonly number[]
  /** Rows of the data set. */
  readonly rows: number
  readonly classes?: number
}

type Loss =
  'binaryCrossEntropy' | 'binaryCrossEntropyFromLogits' | 'categoricalCrossEntropyFromLogits' | 'squaredError'

type WorkloadParts = Omit<Workload, 'network'> & { inputs: number }

const hidden = (...counts: number[]) => counts.map((count) => [count, 'relu'] as const)
const adam = { name: 'adam', learningRate: 0.001 } as const

/** The workloads in the order of the table. */
export const workloads: readonly Workload[] = (
  [
    {
      name: 'W1',
      inputs: 2,
      units: [
        [8, 'tanh'],
        [1, 'logistic'],
      ],
      loss: 'binaryCrossEntropy',
      optimizer: { name: 'sgd', learningRate: 0.1 },
      batchSizes: [1, 4],
      rows: 4096,
      classes: 2,
    },
    {
      name: 'W2',
      inputs: 28,
      units: [...hidden(64, 64), [1, 'linear']],
      loss: 'binaryCrossEntropyFromLogits',
      optimizer: adam,
      batchSizes: [128, 1024],
      inferenceBatches: [1, 1024],
      rows: 65536,
      classes: 2,
    },
    {
      name: 'W3',
      inputs: 784,
      units: [...hidden(128), [10, 'linear']],
      loss: 'categoricalCrossEntropyFromLogits',
      optimizer: { name: 'momentum', learningRate: 0.01, momentum: 0.9 },
      batchSizes: [32, 128],
      inferenceBatches: [1, 1024],
      rows: 8192,
      classes: 10,
    },
    {
      name: 'W4',
      inputs: 256,
      units: [...hidden(1024, 1024), [10, 'linear']],
      loss: 'categoricalCrossEntropyFromLogits',
      optimizer: adam,
      batchSizes: [256],
      rows: 2048,
      classes: 10,
    },
    {
      name: 'W5',
      inputs: 64,
      units: [...hidden(64, 64, 64, 64, 64, 64, 64, 64), [1, 'linear']],
      loss: 'squaredError',
      optimizer: adam,
      batchSizes: [64],
      rows: 32768,
    },
  ] satisfies WorkloadParts[]
).map(workloadOf)

/** The workload of a name. */
export function workloadNamed(name: string): Workload {
  const workload = workloads.find((candidate) => candidate.name === name)
  if (workload === undefined) throw new Error(`no workload ${name}`)
  return workload
}

/** A workload with the network that its parts describe. */
export function workloadOf({ inputs, ...parts }: WorkloadParts): Workload {
  const layers = parts.units.map(([count, activation]) => dense(count, activation))
  return { ...parts, network: { inputs, layers, loss: parts.loss } }
}

/**
 * Random data of a workload, on shared memory so that no copy is measured. Two classes are told by the signs of two features:
 * of labels that nothing tells W1 learns weights that shrink for ever, and below the normal numbers all arithmetic is slow.
 */
export function dataOf({ network, rows, classes }: Workload): {
  x: Float32Array
  y: Float32Array | Uint8Array
} {
  const random = randomStream(1, 'bench')
  const x = new Float32Array(new SharedArrayBuffer(rows * network.inputs * 4))
  for (let i = 0; i < x.length; i++) x[i] = 2 * random.uniform(i) - 1
  const product = (i: number): number => x[i * network.inputs] * x[i * network.inputs + 1]
  if (classes !== undefined) {
    const label = (i: number): number =>
      classes === 2 ? Number(product(i) > 0) : random.below(classes, i + 1e9)
    return { x, y: Uint8Array.from({ length: rows }, (_, i) => label(i)) }
  }
  const y = new Float32Array(new SharedArrayBuffer(rows * 4))
  for (let i = 0; i < rows; i++) y[i] = product(i)
  return { x, y }
}
