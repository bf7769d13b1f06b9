/** What a model answers for the rows of a table, as numbers. */

import type { Encoder } from '../data/encoder.ts'
import type { Table } from '../data/table.ts'
import type { Network } from '../network.ts'
import { classProbabilities } from './answers.ts'
import type { Decision } from './report.ts'

/** What answers come from. */
export interface Answering {
  readonly encoder: Encoder
  readonly network: Network
  readonly decision: Decision
  /** The one of several targets that is wanted, as its place among them. */
  readonly chosen?: number
}

/**
 * Calibrated probabilities of all classes, or numbers in the unit of the data.
 *
 * @returns [rows · width]; width is the number of classes, or of targets
 */
export function answersOf(
  { encoder, network, decision }: Answering,
  table: Table,
): { values: Float64Array; width: number } {
  const outputs = network.predict(encoder.encode(table).x)
  if (encoder.task === 'regression') {
    const width = encoder.targets.length
    return {
      values: Float64Array.from(outputs, (output, i) => encoder.decodeValue(output, i % width)),
      width,
    }
  }
  const values = classProbabilities(outputs, network.outputs, decision.calibration?.temperature)
  return { values, width: encoder.classes.length }
}
