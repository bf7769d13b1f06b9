/** A warning for inputs far larger than those that initial weights are made for. */

import type { ErrorCode } from '../error-codes.ts'
import type { NetworkSpec } from '../spec.ts'
import type { TrainingData } from './data.ts'

/** Node's code of the warning, for `node --disable-warning`. */
const UNSCALED_WARNING: ErrorCode = 'HADAMARD_UNSCALED_INPUT'

/** Rows that are looked at, evenly spread. */
const SAMPLE = 256

/**
 * Root mean square of a column from which on it is warned of. Standardised numbers have 1, shares and one-hot columns less;
 * pixels from 0 to 255 have about 100, years 2000.
 */
const LARGE = 30

const warned = new WeakSet<NetworkSpec>()

/**
 * Warns, once per network, where a column of the training rows is so large that its units saturate or its gradients decide
 * the learning rate for all others. Not where the network scales its inputs itself or they are indices.
 */
export function warnOfUnscaledInputs(spec: NetworkSpec, { x, trainRows }: TrainingData): void {
  if (warned.has(spec) || spec.layers[0].type === 'batchNorm') return
  if (spec.layers.some(({ type }) => type === 'embedding')) return
  const sizes = columnSizes(x, trainRows, spec.inputs)
  const column = sizes.indexOf(Math.max(...sizes))
  if (!(sizes[column] > LARGE)) return
  warned.add(spec)
  process.emitWarning(
    `column ${column} of x is about ${Number(sizes[column].toPrecision(2))} large, where networks learn best from inputs ` +
      'of about 1. Subtract the mean of each column and divide by its standard deviation, begin with batchNorm(), or let ' +
      `train() do it; node --disable-warning=${UNSCALED_WARNING} where it is meant`,
    { type: 'HadamardWarning', code: UNSCALED_WARNING },
  )
}

// The root mean square of each column.
function columnSizes(x: TrainingData['x'], rows: Uint32Array, features: number): number[] {
  const squares = new Array<number>(features).fill(0)
  const step = Math.max(1, Math.floor(rows.length / SAMPLE))
  let count = 0
  for (let at = 0; at < rows.length; at += step, count++) {
    const from = rows[at] * features
    for (let column = 0; column < features; column++) squares[column] += x[from + column] ** 2
  }
  return squares.map((sum) => Math.sqrt(sum / count))
}
