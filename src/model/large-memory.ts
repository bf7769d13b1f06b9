/** Whether the memory that is given suffices for training on rows by parts. */

import { rowBytes, type RowLayout } from '../data/packed-format.ts'
import { windowRowsOf } from '../data/window-rows.ts'
import { SpecError } from '../errors.ts'
import { parametersOf, type NetworkSpec } from '../spec.ts'
import type { LargeSource } from './large-source.ts'
import { megabytes, memoryBytes } from './memory.ts'
import type { TrainSettings } from './options.ts'

/** What the program, the reader and the samples of all parts take beside the windows. */
const BASE_BYTES = 250e6
/** Copies of the weights that a fit keeps: gradients, optimizer state, the best. */
const WEIGHT_COPIES = 6

/**
 * Out of core, memory does not depend on the rows; what it depends on can be told before training.
 *
 * @throws SpecError where it does not suffice
 */
export function checkMemory(
  { libraryBytes }: LargeSource,
  settings: TrainSettings,
  layout: RowLayout,
  spec: NetworkSpec,
): void {
  const { memory, shuffleWindow: windowRows = windowRowsOf(layout) } = settings
  if (memory === undefined) return
  const limit = memoryBytes(memory)
  const windows = 2 * windowRows * rowBytes(layout)
  const weights =
    4 *
    WEIGHT_COPIES *
    parametersOf(spec).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const base = BASE_BYTES + libraryBytes
  const needed = base + windows + weights
  if (needed <= limit) return
  throw new SpecError({
    code: 'HADAMARD_MEMORY',
    where: 'memory',
    expected:
      `at least ${megabytes(needed)}: ${megabytes(base)} for the program and the reader, ${megabytes(weights)} for the ` +
      `network, ${megabytes(windows)} for two windows of ${windowRows.toLocaleString('en')} rows of ${rowBytes(layout)} bytes`,
    received: megabytes(limit),
    cure: 'Raise it, or mix fewer rows with one another (`shuffleWindow`), which changes what is trained',
  })
}
