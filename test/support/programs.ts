/** Training programs of random networks, run on a backend to the last bit of their arena. */

import type { Backend } from '../../src/backends/backend.ts'
import { compileTraining } from '../../src/compiler/training.ts'
import {
  normalizeOptimizer,
  optimizerInfo,
  optimizerTable,
  type Optimizer,
  type OptimizerName,
} from '../../src/compiler/optimizers.ts'
import { differentiableActivations, type ActivationName } from '../../src/layers/activation.ts'
import { batchNorm } from '../../src/layers/batch-norm.ts'
import { dense } from '../../src/layers/dense.ts'
import { dropout } from '../../src/layers/dropout.ts'
import type { LayerSpec } from '../../src/layers/index.ts'
import { layerNorm } from '../../src/layers/layer-norm.ts'
import { scale } from '../../src/layers/scale.ts'
import { lossTable, type LossName } from '../../src/layers/loss.ts'
import { floatArray, type Dtype } from '../../src/ops/arithmetic.ts'
import { initialParameters } from '../../src/parameters.ts'
import { randomStream } from '../../src/random.ts'
import { normalizeSpec, outputsOf, type NetworkSpec } from '../../src/spec.ts'
import { allocate, toSharedIndices } from '../../src/training/arrays.ts'
import { initializeArena } from '../../src/training/fit.ts'

/** A network with what it is trained on. */
export interface TrainingCase {
  readonly spec: NetworkSpec
  readonly optimizer: OptimizerName
  readonly settings: Readonly<Partial<Omit<Extract<Optimizer, object>, 'name'>>>
  readonly accumulate: number
  readonly rows: number
  readonly batchSize: number
  readonly patience?: number
  readonly isWeighted?: boolean
}

// Those that update the weights step by step.
const stepwiseOptimizers = (Object.keys(optimizerTable) as OptimizerName[]).filter(
  (name) => optimizerInfo(name).isFullBatch !== true,
)

/** A random network of 1 to 4 dense layers, some with dropout or a normalisation behind, most often with a ragged batch. */
export function randomCase(seed: number, dtype: Dtype): TrainingCase {
  const random = randomStream(seed, 'case')
  let draws = 0
  const below = (bound: number): number => random.below(bound, draws++)
  const pick = <T>(values: readonly T[]): T => values[below(values.length)]
  const lossName = pick(Object.keys(lossTable) as LossName[])
  const { needs, task }: { needs?: ActivationName; task: string } = lossTable[lossName]
  const behind = [
    [],
    [dropout(0.1 * (1 + below(6)))],
    [batchNorm({ momentum: 0.3 })],
    [layerNorm()],
    [scale()],
  ]
  const hidden = Array.from({ length: below(4) }, (): LayerSpec[] => {
    const name = pick(differentiableActivations)
    const parametrization = pick(['standard', 'standard', 'ntk'] as const)
    const layer = dense(1 + below(70), name, { bias: below(4) > 0, parametrization })
    return [layer, ...pick(behind)]
  })
  const outputs = task === 'classes' ? 2 + below(9) : 1 + below(3)
  const spec = normalizeSpec({
    inputs: 1 + below(40),
    layers: [...hidden.flat(), dense(outputs, needs ?? 'linear', { bias: below(4) > 0 })],
    loss: smooths(lossName) && below(3) === 0 ? { name: lossName, labelSmoothing: 0.1 } : lossName,
    l2: below(2) === 0 ? 0 : 0.01,
    seed,
    dtype,
  })
  return {
    spec,
    optimizer: pick(stepwiseOptimizers),
    settings: pick([
      {},
      { clipNorm: 0.1 },
      { clipValue: 0.01 },
      { clipNorm: 0.02, clipValue: 0.01 },
      { rateFactors: { weight: 0.5 } },
      { rateFactors: { weight: 3 }, weightDecay: 0.01 },
    ]),
    accumulate: pick([1, 1, 2, 3]),
    rows: 5 + below(120),
    batchSize: 1 + below(60),
    ...(below(2) === 0 ? {} : { patience: 1 }),
    isWeighted: below(3) === 0,
  }
}

function smooths(name: LossName): boolean {
  return 'labelSmoothing' in lossTable[name].settings
}

/** Trains two epochs and gives the arena as words, and how many threads shared the work. */
export async function arenaAfterTraining(
  backend: Backend,
  { spec, optimizer: name, settings, accumulate, rows, batchSize, patience, isWeighted }: TrainingCase,
  threads: number,
): Promise<{ arena: Uint32Array; threads: number }> {
  const { dtype, inputs, seed } = spec
  const outputs = outputsOf(spec)
  const validationRows = Math.floor(rows / 4)
  const trainRows = rows - validationRows
  const optimizer = normalizeOptimizer({ name, learningRate: 0.01, ...settings })
  const program = compileTraining(spec, {
    batchSize: Math.min(batchSize, trainRows),
    totalRows: rows,
    trainRows,
    validationRows,
    optimizer,
    accumulate,
    areTargetsLabels: false,
    isWeighted,
    patience,
  })
  const random = randomStream(seed, 'data')
  const x = allocate(dtype, rows * inputs, true).map((_, i) => 2 * random.uniform(i) - 1)
  const y = floatArray(dtype, rows * outputs).map((_, i) =>
    Number(random.below(outputs, i + 1e6) === i % outputs),
  )
  const numbers = Array.from({ length: rows }, (_, row) => row)
  const data: Record<string, Parameters<Backend['link']>[1][number]> = {
    x: shared(x, dtype),
    y: shared(y, dtype),
    weights: shared(
      numbers.map((row) => 2 * random.uniform(row + 2e6)),
      dtype,
    ),
    trainRows: toSharedIndices(numbers.slice(0, trainRows)),
    validationRows: toSharedIndices(numbers.slice(trainRows)),
  }
  const executable = backend.link(
    program,
    program.buffers.map((buffer) => data[buffer]),
    { threads, minimumWork: 0 },
  )
  initializeArena(program, executable, { spec, settings: { optimizer }, parameters: initialParameters(spec) })
  const outcome = await executable.run('epoch', 2, {
    report: { offset: 0, count: 1 },
    onProgress: () => undefined,
  })
  const arena = executable.read({ offset: 0 }, new Uint32Array(program.arenaBytes / 4))
  return { arena, threads: outcome.threads }
}

function shared(values: ArrayLike<number>, dtype: Dtype): ReturnType<typeof allocate> {
  const copy = allocate(dtype, values.length, true)
  copy.set(values)
  return copy
}
