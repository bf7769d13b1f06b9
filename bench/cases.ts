/** Everything that can be measured, as data: the same cases for this library and for its rivals. */

import type { Dtype } from '../src/ops/arithmetic.ts'
import { workloads, type Workload } from './workloads.ts'

/** One measurement to take of every peer. */
export interface Case {
  readonly task: string
  /** `W2 b128`, `NN 32x128x784` (M x N x K), … */
  readonly config: string
  readonly threads: number
  /** The case for a process that measures: kind, then fields. */
  readonly request: string
  /** What runs it in this process. */
  readonly job: Job
  /** From items per second (rows, calls, elements) to the figure that is shown. */
  readonly value: (rate: number) => number
  readonly unit: string
  /** Floating-point operations of an item; undefined where they are not counted. */
  readonly flops?: number
}

/** What a case does, for this library. */
export type Job =
  | { readonly kind: 'train'; readonly workload: Workload; readonly batch: number }
  | { readonly kind: 'infer'; readonly workload: Workload; readonly batch: number }
  | {
      readonly kind: 'product'
      readonly form: Form
      readonly m: number
      readonly n: number
      readonly k: number
      readonly dtype: Dtype
    }
  | { readonly kind: 'map'; readonly op: string; readonly count: number }

/** Whether A, and whether B, is given transposed. */
export type Form = 'NN' | 'TN' | 'NT'

/** Sizes of products, M x N x K, by what they stand for. */
export const shapes = {
  cubes: [
    [512, 512, 512],
    [1024, 1024, 1024],
  ],
  mlp: [
    [32, 128, 784],
    [128, 256, 784],
    [256, 64, 32],
    [1024, 512, 512],
  ],
  narrow: [
    [128, 1, 64],
    [1024, 1, 64],
    [128, 10, 128],
    [256, 10, 1024],
  ],
} as const

const FORMS: readonly Form[] = ['NN', 'TN', 'NT']
/** Elements of the arrays that elementary functions are measured on: both stay in the second-level cache. */
const ELEMENTS = 65_536

/** All cases on a number of threads, in the order of the tables. */
export function casesOf(threads: number): Case[] {
  return [
    ...workloads.flatMap((workload) =>
      workload.batchSizes.map((batch) => networkCase('train', workload, batch, threads)),
    ),
    ...workloads.flatMap((workload) =>
      (workload.inferenceBatches ?? []).map((batch) => networkCase('infer', workload, batch, threads)),
    ),
    ...[...shapes.cubes, ...shapes.mlp, ...shapes.narrow].flatMap((shape) =>
      FORMS.map((form) => productCase(form, shape, 'float32', threads)),
    ),
    ...shapes.cubes.flatMap((shape) => FORMS.map((form) => productCase(form, shape, 'float64', threads))),
    ...['exp', 'logistic', 'tanh'].map((op) => mapCase(op, threads)),
  ]
}

/**
 * Floating-point operations of a row of training: two per multiply-add of forward pass, dW and dX, without the first layer's
 * dX; bias, activations, loss and optimizer are not counted.
 */
export function trainingFlops(workload: Workload): number {
  return productsOf(workload).reduce((sum, products, i) => sum + 2 * products * (i === 0 ? 2 : 3), 0)
}

/** Floating-point operations of a row of prediction. */
export function inferenceFlops(workload: Workload): number {
  return productsOf(workload).reduce((sum, products) => sum + 2 * products, 0)
}

/** The element type of a case's operations. */
export function dtypeOf({ job }: Pick<Case, 'job'>): Dtype {
  return job.kind === 'product' ? job.dtype : 'float32'
}

// Multiply-adds of each layer, per row.
function productsOf({ network, units }: Workload): number[] {
  return units.map(([count], i) => count * (i === 0 ? network.inputs : units[i - 1][0]))
}

/** A case of training or prediction. */
export function networkCase(
  kind: 'train' | 'infer',
  workload: Workload,
  batch: number,
  threads: number,
): Case {
  const { name, network, units, optimizer, loss, rows, classes = 0 } = workload
  const layers = units.map(([count, activation]) => `${count}:${activation}`).join(',')
  const isLatency = kind === 'infer' && batch === 1
  return {
    task: kind,
    config: `${name} b${batch}`,
    threads,
    request:
      `${kind} inputs=${network.inputs} layers=${layers} loss=${loss} optimizer=${optimizer.name} ` +
      `rate=${optimizer.learningRate} momentum=${optimizer.momentum ?? 0} classes=${classes} rows=${rows} batch=${batch}`,
    job: { kind, workload, batch },
    value: isLatency ? (rate) => 1e6 / rate : (rate) => rate,
    unit: isLatency ? 'us' : 'samples/s',
    flops: kind === 'train' ? trainingFlops(workload) : inferenceFlops(workload),
  }
}

function productCase(
  form: Form,
  [m, n, k]: readonly [number, number, number],
  dtype: Dtype,
  threads: number,
): Case {
  const task = dtype === 'float32' ? 'sgemm' : 'dgemm'
  const flops = 2 * m * n * k
  return {
    task,
    config: `${form} ${m}x${n}x${k}`,
    threads,
    request: `${task} form=${form} m=${m} n=${n} k=${k}`,
    job: { kind: 'product', form, m, n, k, dtype },
    value: (rate) => (rate * flops) / 1e9,
    unit: 'GFLOP/s',
    flops,
  }
}

function mapCase(op: string, threads: number): Case {
  return {
    task: op,
    config: String(ELEMENTS),
    threads,
    request: `${op} count=${ELEMENTS}`,
    job: { kind: 'map', op, count: ELEMENTS },
    value: (rate) => rate,
    unit: 'elements/s',
  }
}
