/** The presets: what network is trained, and how, where options do not say otherwise. */

import { optimizerInfo, type Optimizer, type OptimizerName } from '../compiler/optimizers.ts'
import type { Encoder } from '../data/encoder.ts'
import type { Task } from '../data/target.ts'
import type { ActivationName } from '../layers/activation.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import type { LayerSpec } from '../layers/index.ts'
import type { Initializer } from '../layers/initializers.ts'
import { scale } from '../layers/scale.ts'
import { parametersOf, type NetworkSpec } from '../spec.ts'
import { elementsIn } from '../shape.ts'
import type { FitOptions } from '../training/options.ts'
import type { TrainSettings } from './options.ts'

/** How a network is trained, as far as `fit` is told so. */
export type Course = Required<Pick<FitOptions, 'epochs' | 'optimizer'>> &
  Pick<FitOptions, 'batchSize' | 'schedule' | 'dropLast' | 'earlyStopping'>

/**
 * RealMLP-TD-S.
 *
 * @source Holzmüller, Grinsztajn, Steinwart 2024, Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data
 */
const REALMLP = {
  activation: { classification: 'selu', regression: 'mish' },
  learningRate: { classification: 0.04, regression: 0.07 },
  labelSmoothing: 0.1,
  beta2: 0.95,
  rateFactors: { factor: 6, bias: 0.1 },
  batchSize: 256,
  epochs: 256,
} as const

/** Where all epochs would take longer, there are fewer: rows · weights · epochs. */
const BUDGET = 3e11
const LEAST_EPOCHS = 10
/** Rows per step where a batch of the recipe would be a whole epoch. */
const SMALL_BATCH = 32
const PLAIN_LEARNING_RATES: Partial<Record<OptimizerName, number>> = { adam: 0.003 }
const UNIT_NORMAL: Initializer = { name: 'normal', deviation: 1 }

/** The layers of a preset up to the outputs, and the share that targets of classes are smoothed by. */
export function layersOf(
  settings: TrainSettings,
  { task, outputs, output }: { task: Task; outputs: number; output: ActivationName },
): { layers: LayerSpec[]; labelSmoothing: number } {
  const { hidden, dropout: rate, preset } = settings
  const dropped = rate > 0 ? [dropout(rate)] : []
  if (preset === 'plain') {
    const layers = hidden.flatMap((units) => [dense(units, settings.activation), ...dropped])
    return { layers: [...layers, dense(outputs, output)], labelSmoothing: 0 }
  }
  const activation = settings.activation ?? REALMLP.activation[task]
  const ntk = { parametrization: 'ntk', biasInitializer: UNIT_NORMAL } as const
  return {
    layers: [
      scale(),
      ...hidden.flatMap((units) => [dense(units, activation, ntk), ...dropped]),
      dense(outputs, output, { parametrization: 'ntk', initializer: 'zeros' }),
    ],
    labelSmoothing: task === 'classification' ? REALMLP.labelSmoothing : 0,
  }
}

/** How a preset trains a network on so many rows. */
export function courseOf(
  settings: TrainSettings,
  { task }: Encoder,
  spec: NetworkSpec,
  rows: number,
): Course {
  const { optimizer: name, batchSize, patience, preset } = settings
  const isPlain = preset === 'plain'
  const optimizer = isPlain ? plainOptimizer(settings) : realmlpOptimizer(settings, task)
  const epochs = settings.epochs ?? affordableEpochs(spec, rows)
  if (optimizerInfo(name).isFullBatch === true) return { epochs, optimizer, earlyStopping: { patience } }
  if (isPlain) {
    const size = Math.min(batchSize ?? plainBatchSize(rows), rows)
    return { epochs, optimizer, batchSize: size, earlyStopping: { patience } }
  }
  const isCounted =
    task === 'classification' && settings.classWeight === undefined && settings.weight === undefined
  return {
    epochs,
    optimizer,
    batchSize: Math.min(batchSize ?? realmlpBatchSize(rows, task), rows),
    schedule: 'coslog4',
    dropLast: true,
    earlyStopping: { patience, watch: isCounted ? 'error' : 'loss' },
  }
}

/** All epochs of the recipe where their work is within the budget, else as many as it pays for. */
function affordableEpochs(spec: NetworkSpec, rows: number): number {
  const weights = parametersOf(spec).reduce((sum, { shape }) => sum + elementsIn(shape, 1), 0)
  return Math.max(LEAST_EPOCHS, Math.min(REALMLP.epochs, Math.round(BUDGET / (rows * weights))))
}

/** As published, but for few rows of classes: one step an epoch is too few to learn more than simple borders. */
function realmlpBatchSize(rows: number, task: Task): number {
  return task === 'classification' && rows < 2 * REALMLP.batchSize ? SMALL_BATCH : REALMLP.batchSize
}

function plainOptimizer({
  optimizer: name,
  learningRate = PLAIN_LEARNING_RATES[name],
}: TrainSettings): Optimizer {
  return { name, ...(learningRate === undefined ? {} : { learningRate }) }
}

// Rates and moments of the recipe are those of Adam; the factors go with any optimizer that takes steps.
function realmlpOptimizer({ optimizer: name, learningRate }: TrainSettings, task: Task): Optimizer {
  if (optimizerInfo(name).isFullBatch === true) return { name }
  const { rateFactors, beta2 } = REALMLP
  const isAdam = name === 'adam' || name === 'adamw'
  const rate = learningRate ?? (isAdam ? REALMLP.learningRate[task] : undefined)
  return {
    name,
    rateFactors,
    ...(rate === undefined ? {} : { learningRate: rate }),
    ...(isAdam ? { beta2 } : {}),
  }
}

/** Rows per step where none are asked for. */
function plainBatchSize(trainingRows: number): number {
  if (trainingRows < 5_000) return 32
  return trainingRows < 50_000 ? 128 : 256
}
