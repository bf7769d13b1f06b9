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
}

/**
 * Calibrated probabilities of all classes, or numbers in the unit of the data.
 *
 * @returns [rows · width]; width is the number of classes, or 1
 */
export function answersOf(
  { encoder, network, decision }: Answering,
  table: Table,
): { values: Float64Array; width: number } {
  const outputs = network.predict(encoder.encode(table).x)
  if (encoder.task === 'regression')
    return { values: Float64Array.from(outputs, (output) => encoder.decodeValue(output)), width: 1 }
  const values = classProbabilities(outputs, network.outputs, decision.calibration?.temperature)
  return { values, width: encoder.classes.length }
}
