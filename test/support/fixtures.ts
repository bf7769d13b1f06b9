/** The PyTorch fixtures of test/fixtures/pytorch as networks, optimizers and numbers to compare with. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Optimizer, OptimizerName } from '../../src/compiler/optimizers.ts'
import { activation, type ActivationName } from '../../src/layers/activation.ts'
import { dense } from '../../src/layers/dense.ts'
import { dropout } from '../../src/layers/dropout.ts'
import type { LayerSpec } from '../../src/layers/index.ts'
import type { LossName } from '../../src/layers/loss.ts'
import type { Reduction } from '../../src/ops/losses.ts'
import type { NetworkOptions } from '../../src/spec.ts'

type Nested = number | Nested[]

interface Expected {
  output: number[][]
  layer_outputs: Nested[]
  loss: number
  penalty: number
  objective: number
  gradients: Record<string, Nested>
  input_gradient: number[][]
  objectives: number[]
  after_1: Record<string, Nested>
  after_10: Record<string, Nested>
  eval_output_after_10: number[][]
}

/** One fixture file. */
export interface Fixture {
  name: string
  layers: {
    type: string
    in: number
    out: number
    bias: boolean
    name: ActivationName
    slope?: number
    rate: number
    mask: number[][]
  }[]
  loss: { name: string; reduction: Reduction; factor?: number }
  penalty: { l2: number } | null
  optimizer: {
    name: string
    lr: number
    momentum?: number
    nesterov?: boolean
    beta1?: number
    beta2?: number
    eps?: number
  }
  batches: number[][] | null
  x: number[][]
  y: number[][]
  params: Record<string, Nested>
  expected: Expected
  float32_gap: Record<'output' | 'objective' | 'gradients' | 'after_1' | 'after_10', number>
}

const FOLDER = join(import.meta.dirname, '..', 'fixtures', 'pytorch')

const LOSSES: Record<string, LossName> = {
  squared_error: 'squaredError',
  binary_cross_entropy: 'binaryCrossEntropy',
  binary_cross_entropy_with_logits: 'binaryCrossEntropyFromLogits',
  categorical_cross_entropy: 'categoricalCrossEntropy',
  categorical_cross_entropy_with_logits: 'categoricalCrossEntropyFromLogits',
}

/** All fixtures of the folder. */
export function fixtures(): Fixture[] {
  return readdirSync(FOLDER)
    .sort()
    .map((file) => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Fixture)
}

/** The network of a fixture; layer i is called `layer<i>`. */
export function networkOf(fixture: Fixture): NetworkOptions {
  const layers = fixture.layers.map((layer, i): LayerSpec => {
    const name = `layer${i}`
    if (layer.type === 'dense') return dense(layer.out, 'linear', { name, bias: layer.bias })
    if (layer.type === 'dropout') return dropout(layer.rate, { name })
    return { ...activation({ name: layer.name, slope: layer.slope }), name }
  })
  const { name, reduction, factor } = fixture.loss
  return {
    inputs: fixture.x[0].length,
    layers,
    loss: { name: LOSSES[name], reduction, factor },
    l2: fixture.penalty?.l2 ?? 0,
  }
}

/** The optimizer of a fixture. */
export function optimizerOf({ optimizer }: Fixture): Optimizer {
  const { lr: learningRate, momentum, nesterov, beta1, beta2, eps: epsilon } = optimizer
  if (optimizer.name === 'adam') return { name: 'adam', learningRate, beta1, beta2, epsilon }
  if (momentum === undefined) return { name: optimizer.name as OptimizerName, learningRate }
  return { name: nesterov === true ? 'nesterov' : 'momentum', learningRate, momentum }
}

/** Parameters under the library's names. */
export function parametersOf(params: Record<string, Nested>): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(params).map(([key, values]) => [parameterName(key), flatten(values)]),
  )
}

/** `0.W` → `layer0.weight`. */
export function parameterName(key: string): string {
  const [layer, parameter] = key.split('.')
  return `layer${layer}.${parameter === 'W' ? 'weight' : 'bias'}`
}

/** Dropout masks by layer name. */
export function masksOf(fixture: Fixture): Record<string, number[]> {
  return Object.fromEntries(
    fixture.layers.flatMap((layer, i) =>
      layer.type === 'dropout' ? [[`layer${i}`, flatten(layer.mask)]] : [],
    ),
  )
}

/** Nested arrays as one. */
export function flatten(values: Nested): number[] {
  return typeof values === 'number' ? [values] : values.flatMap(flatten)
}
