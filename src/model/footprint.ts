/** What a training takes in memory, known before anything of it is allocated. */

import { normalizeOptimizer, optimizerInfo, type Optimizer } from '../compiler/optimizers.ts'
import { compileObjective, compileTraining } from '../compiler/training.ts'
import { checkMemory } from '../memory-limit.ts'
import { elementsIn } from '../shape.ts'
import { lossOf, outputsOf, parametersOf, type NetworkSpec } from '../spec.ts'

/** Sizes of a training. */
export interface Footprint {
  /** Numbers that are learnt. */
  parameters: number
  /** Encoded rows, once as they are encoded and once on the memory that threads share. */
  dataBytes: number
  /** Weights, their gradients, the optimizer's state and what a batch needs. */
  arenaBytes: number
}

/** What sizes depend on. */
interface Sizes {
  readonly train: number
  readonly validation: number
  readonly batchSize: number
  readonly optimizer: Optimizer
  readonly isWeighted: boolean
}

const BYTES = 4
/** See {@link Footprint.dataBytes}. */
const COPIES = 2

/** The footprint of a training on encoded rows. */
export function footprintOf(
  spec: NetworkSpec,
  { train, validation, batchSize, optimizer, isWeighted }: Sizes,
): Footprint {
  const rows = train + validation
  const areTargetsLabels = lossOf(spec).task === 'classes'
  const plan = {
    batchSize: Math.min(batchSize, train),
    totalRows: rows,
    trainRows: train,
    validationRows: validation,
    areTargetsLabels,
    isWeighted,
  }
  const normalized = normalizeOptimizer(optimizer)
  const { arenaBytes } =
    optimizerInfo(normalized.name).isFullBatch === true
      ? compileObjective(spec, plan)
      : compileTraining(spec, { ...plan, optimizer: normalized, patience: validation > 0 ? 1 : undefined })
  return {
    parameters: parametersOf(spec).reduce((sum, { shape }) => sum + elementsIn(shape, 1), 0),
    dataBytes: COPIES * rows * (spec.inputs + (areTargetsLabels ? 1 : outputsOf(spec))) * BYTES,
    arenaBytes,
  }
}

/**
 * Refuses a training that would not fit into memory.
 *
 * @throws DataError with the figures
 */
export function checkFootprint(
  { dataBytes, arenaBytes }: Footprint,
  left?: Parameters<typeof checkMemory>[2],
): void {
  checkMemory('memory', { 'encoded data': dataBytes, 'weights and training': arenaBytes }, left)
}
