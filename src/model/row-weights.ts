/** The weight of each row: from a column, and by its class. */

import { describeValue } from '../check.ts'
import type { Encoder } from '../data/encoder.ts'
import { column as columnOf, nameList, valueAt, type Table } from '../data/table.ts'
import { DataError, nearestName, SpecError } from '../errors.ts'
import { balancedWeights } from '../training/weights.ts'

/** Weights of classes: `balanced` gives each the same weight in all, as rows / (classes · rows of the class); or by label, 1 for those left out. */
export type ClassWeight = 'balanced' | Readonly<Record<string, number>>

/**
 * Weights of the given rows from a column.
 *
 * @param mayAllBeZero for rows that are some of many
 * @returns [rows], or undefined where there is no such column
 * @throws DataError at the first weight that is missing, negative or no number, and where all are 0
 */
export function rowWeights(
  table: Table,
  name: string | undefined,
  rows: ArrayLike<number>,
  mayAllBeZero = false,
): Float64Array | undefined {
  if (name === undefined || !table.columns.some((column) => column.name === name)) return undefined
  const column = columnOf(table, name)
  const weights = Float64Array.from(rows, (row) => {
    const value = valueAt(column, row)
    if (typeof value === 'number' && value >= 0) return value
    throw new DataError(
      {
        code: 'HADAMARD_WEIGHT',
        where: `weight, ${table.source ?? 'rows'} row ${row}, column ${name}`,
        expected: 'a weight, a number of at least 0',
        received: value === null ? 'none' : describeValue(value),
      },
      { column: name },
    )
  })
  if (mayAllBeZero || weights.length === 0 || weights.some((weight) => weight > 0)) return weights
  throw new DataError(
    {
      code: 'HADAMARD_WEIGHT',
      where: `weight, ${table.source ?? 'rows'}: column ${name}`,
      expected: 'at least one weight above 0',
      received: 'only 0',
    },
    { column: name },
  )
}

/**
 * The weight of each class, in their order.
 *
 * @param classes class indices of the training rows
 * @throws SpecError for weights of numbers, of unknown classes and of no class
 */
export function classWeights(
  given: ClassWeight | undefined,
  encoder: Encoder,
  classes: ArrayLike<number>,
): number[] | undefined {
  if (given === undefined) return undefined
  if (encoder.task === 'regression') {
    throw new SpecError({
      code: 'HADAMARD_TASK',
      where: 'classWeight',
      expected: 'a target with classes',
      received: `the numbers of column ${encoder.data.target.name}`,
      cure: "Use `weight`, or `task: 'classification'`",
    })
  }
  if (given === 'balanced') return balancedWeights(classes, encoder.classes.length)
  const labels = encoder.classes.map(String)
  for (const label of Object.keys(given)) {
    if (labels.includes(label)) continue
    const nearest = nearestName(label, labels)
    throw new SpecError({
      code: 'HADAMARD_CLASS_UNKNOWN',
      where: 'classWeight',
      expected: `weights of the classes ${nameList(labels)}`,
      received: describeValue(label),
      cure: nearest && `Did you mean '${nearest}'`,
    })
  }
  const weights = labels.map((label) => (Object.hasOwn(given, label) ? given[label] : 1))
  if (weights.some((weight) => weight > 0)) return weights
  throw new SpecError({
    code: 'HADAMARD_WEIGHT',
    where: 'classWeight',
    expected: 'at least one weight above 0',
    received: 'only 0',
  })
}

/**
 * Weights of rows times those of their classes.
 *
 * @param classes class indices [rows]
 */
export function multiplyWeights(
  weights: Float64Array | undefined,
  byClass: readonly number[] | undefined,
  classes: ArrayLike<number>,
): Float64Array | undefined {
  if (byClass === undefined) return weights
  return Float64Array.from(classes, (index, row) => (weights?.[row] ?? 1) * byClass[index])
}
