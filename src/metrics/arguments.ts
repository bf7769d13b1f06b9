/** What all metrics share: labels, numbers, rows and weights of users, checked. */

import { checkInteger, describeValue } from '../check.ts'
import { DataError, rejectUnknownKeys, SpecError } from '../errors.ts'

/** A class as targets name it. The labels of one metric are all numbers, all texts or all booleans. */
export type Label = number | string | boolean

/** Numbers of several columns: flat, row by row, or an array of rows. */
export type NumberRows = ArrayLike<number> | ArrayLike<ArrayLike<number>>

/** Settings of every metric. */
export interface MetricOptions {
  /** Weight of each row, at least 0 and not all 0; default 1 each. */
  sampleWeights?: ArrayLike<number>
}

/** Settings of metrics that tell one class from the rest. */
export interface PositiveOptions extends MetricOptions {
  /** Label of the positive class; default 1, or true where labels are booleans. Texts have no default. */
  positive?: Label
}

/** Numbers as flat rows. */
export interface Matrix {
  readonly values: ArrayLike<number>
  readonly rows: number
  readonly columns: number
}

/** Checks a metric's options and gives the weight of each row. */
export function readWeights(
  metric: string,
  options: MetricOptions,
  rows: number,
  known: readonly string[] = [],
): ArrayLike<number> {
  rejectUnknownKeys(metric, options, [...known, 'sampleWeights'])
  const { sampleWeights } = options
  if (sampleWeights === undefined) return new Float64Array(rows).fill(1)
  const where = `${metric}: sampleWeights`
  checkLength(where, sampleWeights, rows)
  let total = 0
  for (let row = 0; row < rows; row++) {
    const weight = sampleWeights[row]
    if (!Number.isFinite(weight) || weight < 0) {
      throw new DataError({
        code: 'HADAMARD_WEIGHT',
        where: `${where}: row ${row}`,
        expected: 'a finite weight of at least 0',
        received: describeValue(weight),
      })
    }
    total += weight
  }
  if (total > 0) return sampleWeights
  throw new DataError({
    code: 'HADAMARD_WEIGHT',
    where,
    expected: 'at least one weight above 0',
    received: 'only zeros',
  })
}

/** Checks that labels exist and are of one kind in all arrays, and that the arrays have one length. */
export function checkLabels(metric: string, arrays: Readonly<Record<string, ArrayLike<Label>>>): void {
  const [[, first]] = Object.entries(arrays)
  for (const [name, labels] of Object.entries(arrays)) {
    checkLength(`${metric}: ${name}`, labels, labels === first ? undefined : first.length)
    if (isIntegers(labels) && typeof first[0] === 'number') continue
    for (let row = 0; row < labels.length; row++) {
      const label = labels[row]
      if (isLabel(label) && typeof label === typeof first[0]) continue
      throw new DataError({
        code: 'HADAMARD_METRIC_LABEL',
        where: `${metric}: ${name}: row ${row}`,
        expected: isLabel(first[0])
          ? `a ${typeof first[0]}, as the first target is`
          : 'a number, text or boolean',
        received: describeValue(label),
      })
    }
  }
}

/** The different labels in their order: numbers ascending, texts by code units, false before true. */
export function distinctLabels(...arrays: readonly ArrayLike<Label>[]): Label[] {
  const distinct = new Set<Label>()
  for (const array of arrays) {
    let last: Label | undefined
    for (let i = 0; i < array.length; i++) {
      const label = array[i]
      // Neighbours are often the same, and a set is slower than a look at them.
      if (label !== last) distinct.add((last = label))
    }
  }
  const labels = [...distinct]
  return labels.every((label) => typeof label === 'number') ? labels.sort((a, b) => a - b) : labels.sort()
}

/**
 * The positive label, for targets of two classes.
 *
 * @throws DataError if there are more classes, or two of which none is the positive one; SpecError if it must be named
 */
export function positiveLabel(metric: string, classes: readonly Label[], given: Label | undefined): Label {
  if (given === undefined && typeof classes[0] === 'string') {
    throw new SpecError({
      code: 'HADAMARD_METRIC_LABEL',
      where: `${metric}: positive`,
      expected: 'the label of the positive class, as labels are texts',
      received: 'undefined',
      cure: `Set it, for instance positive: '${classes[classes.length - 1]}'`,
    })
  }
  const positive = given ?? (typeof classes[0] === 'boolean' ? true : 1)
  if (classes.length > 2) {
    throw new DataError({
      code: 'HADAMARD_METRIC_LABEL',
      where: `${metric}: targets`,
      expected: 'labels of two classes',
      received: `${classes.length} classes`,
    })
  }
  if (classes.length < 2 || classes.includes(positive)) return positive
  throw new DataError({
    code: 'HADAMARD_METRIC_LABEL',
    where: `${metric}: positive`,
    expected: `one of the labels ${classes.map(describeValue).join(' and ')}`,
    received: describeValue(positive),
  })
}

/**
 * Numbers as a matrix.
 *
 * @param columns columns of flat numbers; rows have their own
 */
export function toMatrix(where: string, given: NumberRows, columns: number): Matrix {
  checkLength(where, given)
  if (typeof given[0] !== 'object') {
    const flat = given as ArrayLike<number>
    if (flat.length % columns !== 0) {
      throw new DataError({
        code: 'HADAMARD_SHAPE',
        where,
        expected: `rows of ${columns} numbers`,
        received: `${flat.length} numbers in all`,
      })
    }
    return checkFinite(where, { values: flat, rows: flat.length / columns, columns })
  }
  const rows = Array.from(given as ArrayLike<ArrayLike<number>>)
  const width = rows[0]?.length
  const values = rows.flatMap((row, i) => {
    if (isArrayLike(row) && row.length === width && width > 0) return Array.from(row)
    throw new DataError({
      code: 'HADAMARD_SHAPE',
      where: `${where}: row ${i}`,
      expected: width > 0 ? `${width} numbers, as in row 0` : 'at least one number',
      received: isArrayLike(row) ? String(row.length) : describeValue(row),
    })
  })
  return checkFinite(where, { values, rows: rows.length, columns: width })
}

/** Checks a count of columns. */
export function checkColumns(where: string, columns: number): void {
  checkInteger(where, columns, { min: 1 })
}

/** Checks that an array has as many values as there are targets; without a number, at least one. */
export function checkLength(where: string, array: unknown, rows?: number): void {
  if (!isArrayLike(array)) {
    throw new DataError({
      code: 'HADAMARD_SHAPE',
      where,
      expected: 'an array or typed array',
      received: describeValue(array),
    })
  }
  if (rows === undefined ? array.length > 0 : array.length === rows) return
  throw new DataError({
    code: 'HADAMARD_SHAPE',
    where,
    expected: rows === undefined ? 'at least one value' : `${rows} values, one for each target`,
    received: String(array.length),
  })
}

function checkFinite(where: string, matrix: Matrix): Matrix {
  const { values, columns } = matrix
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue
    throw new DataError({
      code: 'HADAMARD_NOT_FINITE',
      where: `${where}: row ${Math.floor(i / columns)}`,
      expected: 'a finite number',
      received: describeValue(values[i]),
    })
  }
  return matrix
}

// All of whose values are labels.
function isIntegers(labels: ArrayLike<Label>): boolean {
  return ArrayBuffer.isView(labels) && !(labels instanceof Float32Array || labels instanceof Float64Array)
}

function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'length') === 'number'
}

function isLabel(value: unknown): value is Label {
  return (
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    (typeof value === 'number' && !Number.isNaN(value))
  )
}
