/** The typed errors of the library and the one builder of their messages. */

import type { ErrorCode } from './error-codes.ts'

/** What every message of this library says: what was expected, what came, where, and the cure if one is known. */
export interface Complaint {
  /** The argument, option or place: `x`, `layers[2].units`, `data.csv line 7, column age`. */
  where: string
  /** What would have been right. */
  expected: string
  /** What came instead. */
  received: string
  /** What to do about it, as a sentence without a full stop. */
  cure?: string
  /** The kind of trouble; by default the general one of the error's class. */
  code?: ErrorCode
}

/**
 * Words a complaint in the one form that all errors of the library have.
 *
 * @example
 * complain({ where: 'x', expected: 'rows of 4 features', received: 'row 17 with 3' })
 * // 'x: expected rows of 4 features; received row 17 with 3'
 */
export function complain({ where, expected, received, cure }: Complaint): string {
  return `${where}: expected ${expected}; received ${received}${cure === undefined ? '' : `. ${cure}`}`
}

/** What all errors of the library share: a code, which the message ends with and docs/errors.md explains. */
export abstract class HadamardError extends Error {
  /** The code of those that are given none. */
  static readonly generalCode: ErrorCode = 'HADAMARD_INTERNAL'
  /** What docs/errors.md explains. */
  readonly code: ErrorCode

  constructor(complaint: Complaint | string, options: { code?: ErrorCode } & ErrorOptions = {}) {
    const isText = typeof complaint === 'string'
    const code = (isText ? undefined : complaint.code) ?? options.code ?? new.target.generalCode
    super(withCode(isText ? complaint : complain(complaint), code), options)
    this.name = new.target.name
    this.code = code
  }
}

/** A message with the code of its trouble at the end. */
export function withCode(message: string, code: ErrorCode): string {
  return `${message} [${code}]`
}

/** What an error says, to become part of another's message: without the code at its end. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/ \[HADAMARD_\w+\]$/, '') : String(error)
}

/** A network, option or setting that cannot be: a misspelled option, a layer with no units, a loss without its output. */
export class SpecError extends HadamardError {
  static override readonly generalCode: ErrorCode = 'HADAMARD_OPTION_VALUE'
}

/** Where in the data an error is. */
export interface DataPlace extends ErrorOptions {
  line?: number
  column?: string
  code?: ErrorCode
}

/** Data that do not fit: ragged rows, NaN, an unknown class, an unreadable CSV or model file. */
export class DataError extends HadamardError {
  static override readonly generalCode: ErrorCode = 'HADAMARD_DATA'
  /** Physical line of the file (the first is 1), where the error has one. */
  readonly line?: number
  /** Name of the column, where the error has one. */
  readonly column?: string

  constructor(complaint: Complaint | string, place: DataPlace = {}) {
    super(complaint, place)
    this.line = place.line
    this.column = place.column
  }
}

/** The asked-for backend cannot serve: no binary, a binary that does not load, an unknown ISA, a refused program. */
export class BackendError extends HadamardError {
  static override readonly generalCode: ErrorCode = 'HADAMARD_PROGRAM'
}

/** The library contradicts itself: a fault that users cannot mend. */
export class InternalError extends HadamardError {}

/** Under `verify`: the native core and the fallback computed different numbers from the same instruction. */
export class ParityError extends HadamardError {
  static override readonly generalCode: ErrorCode = 'HADAMARD_PARITY'
  readonly op: string
  /** Dims and element type of the instruction. */
  readonly shape: string
  /** Name of the output that differs. */
  readonly operand: string
  /** Index of the first element that differs. */
  readonly element: number
  /** What the fallback computed. */
  readonly expected: number
  /** What the native core computed. */
  readonly received: number
  /** How far apart the two are in units in the last place, where they are floating-point numbers. */
  readonly ulp?: number

  constructor(
    message: string,
    place: Pick<ParityError, 'op' | 'shape' | 'operand' | 'element' | 'expected' | 'received' | 'ulp'>,
  ) {
    super(message)
    this.op = place.op
    this.shape = place.shape
    this.operand = place.operand
    this.element = place.element
    this.expected = place.expected
    this.received = place.received
    this.ulp = place.ulp
  }
}

/** Training met a loss, gradient or weight that is not finite. The last good weights are kept. */
export class DivergenceError extends HadamardError {
  static override readonly generalCode: ErrorCode = 'HADAMARD_DIVERGED'
  /** What is known of it; undefined for single steps. */
  readonly autopsy?: Autopsy

  constructor(complaint: Complaint | string, options: { autopsy?: Autopsy } & ErrorOptions = {}) {
    super(complaint, options)
    this.autopsy = options.autopsy
  }
}

/**
 * Why numbers grow beyond bounds, as far as weights and training rows tell: the rate is high; a value or weight of a row stands far
 * beyond those of the others or is not finite; inputs or targets are large throughout; an activation takes the logarithm of 0 or
 * less, divides by 0, or is a function that gives no finite number; the weights were large before the first step.
 */
export type DivergenceCause =
  | 'learningRate'
  | 'badValue'
  | 'unscaledInput'
  | 'unscaledTarget'
  | 'sampleWeight'
  | 'logarithm'
  | 'division'
  | 'customActivation'
  | 'initialWeights'

/** Where and on what a fit diverged. */
export interface Autopsy {
  /** From 1. */
  readonly epoch: number
  /** From 1, over all epochs: the step whose instruction failed. */
  readonly step: number
  /** What was found not to be finite, such as `loss` or `gradient of dense1.weight`; `exploding loss` where it was found in time. */
  readonly what: string
  /** The instruction whose result was the first that is not finite; undefined where the loss explodes, while all is finite. */
  readonly instruction?: FailedInstruction
  /** The layer that it belongs to, where it is one's. */
  readonly layer?: string
  /** Numbers of the rows of the batch, in their order; none where the loss of whole epochs explodes. */
  readonly rows: readonly number[]
  /** The file that these rows are of, or of several files each row's, and their lines; where they come from CSV files. */
  readonly file?: string
  readonly files?: readonly string[]
  readonly lines?: readonly number[]
  /** Rows of the batch with their values, at most 8: first the one on which the instruction failed. */
  readonly samples: readonly AutopsyRow[]
  /** The largest input, target and weight of the rows that are trained on, or the first that is not finite. */
  readonly largest: {
    readonly x?: PlacedValue
    readonly y?: PlacedValue
    readonly weight?: PlacedValue
  }
  readonly likelyCause: DivergenceCause
  /** What to do about it. */
  readonly fix: string
  readonly optimizer: string
  /** Of the step. */
  readonly learningRate: number
}

/** An instruction that gave infinity or NaN from finite numbers. */
export interface FailedInstruction {
  /** Name of the op, such as `matmul_bias`. */
  readonly op: string
  readonly phase: 'forward' | 'loss' | 'backward' | 'update'
  readonly layer?: string
  /** Number of the first row of the batch that it failed on, where it works row by row. */
  readonly row?: number
}

/** A row of a batch with its values. */
export interface AutopsyRow {
  readonly row: number
  readonly file?: string
  readonly line?: number
  /** Inputs as the network gets them. */
  readonly x: readonly number[]
  /** Targets as the loss gets them, or the class index. */
  readonly y: readonly number[]
  readonly weight?: number
  /** By column, as they stand in the file; where `train` or a dataset knows them. */
  readonly values?: Readonly<Record<string, number | string | boolean | null>>
}

/** A number of x or y as the network gets it, with its row and its position in it. */
export interface PlacedValue {
  readonly row: number
  readonly position: number
  /** Its column and its line in the file, where they are known. */
  readonly column?: string
  readonly file?: string
  readonly line?: number
  readonly value: number
  /** As it stands in the file, where it does. */
  readonly raw?: number | string | boolean | null
  /** Bounds of the middle 90 % of the column, in the units of the file where `raw` is known. */
  readonly typical?: readonly [number, number]
}

/**
 * The name nearest to a misspelled one, or undefined where none is near (more than a third of its letters differ).
 *
 * @example
 * nearestName('learningrate', ['learningRate', 'epochs']) // 'learningRate'
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  // A name with nothing in common is not near.
  let bestDistance = Math.min(Math.max(2, Math.floor(name.length / 3)), name.length - 1) + 1
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/**
 * Refuses what is no object, and keys that an options object does not have, naming the nearest right one.
 *
 * @throws SpecError at the first unknown key
 */
export function rejectUnknownKeys(
  where: string,
  options: unknown,
  known: readonly string[],
): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const received = Array.isArray(options) ? 'an array' : options === null ? 'null' : `a ${typeof options}`
    throw new SpecError({ where, expected: `an object with options (${known.join(', ')})`, received })
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const nearest = nearestName(key, known)
    throw new SpecError({
      code: 'HADAMARD_OPTION_UNKNOWN',
      where,
      expected: known.length === 0 ? 'no options' : `one of the options ${known.join(', ')}`,
      received: `'${key}'`,
      cure: nearest === undefined ? undefined : `Misspelled option '${key}' should be '${nearest}'`,
    })
  }
}

// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours cost 1.
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, substitution)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1)
      }
    }
    rows.push(row)
  }
  return rows[a.length][b.length]
}
