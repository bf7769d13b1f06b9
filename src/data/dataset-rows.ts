/** Rows of a dataset as a network takes them: columns of numbers side by side, targets beside them, chunk by chunk. */

import { describeValue } from '../check.ts'
import { DataError, SpecError } from '../errors.ts'
import { floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { headsOf, outputsOf, type NetworkSpec } from '../spec.ts'
import { toTargets } from '../training/data.ts'
import type { Chunk } from './chunks.ts'
import type { Dataset } from './dataset.ts'
import type { RowArrays, RowLayout } from './packed-format.ts'
import { nameList, unknownColumn, type CategoricalColumn, type Table } from './table.ts'

/** Which columns of a dataset are what. */
export interface DatasetColumns {
  /** Columns with the inputs, all numeric; default all that are neither target nor weight. */
  inputs?: readonly string[]
  /**
   * The column with the targets, or one for each output. Texts are classes, in ascending order; so are numbers 0, 1, … where
   * the loss is one of classes.
   */
  target?: string | readonly string[]
  /** Column with a weight for every row, at least 0; default none. */
  weight?: string
}

/** Chosen columns, checked against a network. */
export interface ChosenColumns {
  readonly inputs: readonly string[]
  readonly targets: readonly string[]
  readonly weight?: string
}

/**
 * Finds the columns for a network.
 *
 * @throws SpecError for options that are no names or do not fit the network's inputs and outputs; DataError for a column that
 *   is not there or is text
 */
export function chooseColumns(
  dataset: Dataset,
  spec: NetworkSpec,
  where: string,
  { inputs, target, weight }: DatasetColumns,
  isTargetWanted = true,
): ChosenColumns {
  const { columns } = dataset.schema
  const names = columns.map(({ name }) => name)
  const targets = typeof target === 'string' ? [target] : (target ?? [])
  checkNames(`${where}: target`, targets)
  if (inputs !== undefined) checkNames(`${where}: inputs`, inputs)
  if (isTargetWanted && targets.length === 0) {
    const expected = `the column to learn, of ${nameList(names)}`
    throw new SpecError({ where: `${where}: target`, expected, received: describeValue(target) })
  }
  const others = [...targets, ...(weight === undefined ? [] : [weight])]
  const chosen = inputs ?? names.filter((name) => !others.includes(name))
  for (const name of [...chosen, ...others])
    if (!names.includes(name)) throw unknownColumn(where, name, names)
  const text = columns.find(({ name, type }) => chosen.includes(name) && type === 'categorical')
  if (text !== undefined) {
    throw new DataError(
      {
        where: `${where}: column ${text.name}`,
        expected: 'numbers, as an input of a network',
        received: 'texts',
        cure: `Name the columns to use in inputs; train() encodes texts`,
      },
      { column: text.name },
    )
  }
  if (chosen.length !== spec.inputs) {
    throw new SpecError({
      code: 'HADAMARD_SHAPE',
      where: `${where}: inputs`,
      expected: `${spec.inputs} columns, as the network has inputs`,
      received: `${chosen.length}: ${nameList(chosen)}`,
    })
  }
  const outputs = outputsOf(spec)
  if (isTargetWanted && targets.length !== 1 && targets.length !== outputs) {
    const expected = `a column, or one for each of ${outputs} outputs`
    throw new SpecError({
      code: 'HADAMARD_SHAPE',
      where: `${where}: target`,
      expected,
      received: nameList(targets),
    })
  }
  return { inputs: chosen, targets, ...(weight === undefined ? {} : { weight }) }
}

function checkNames(where: string, names: unknown): void {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return
  throw new SpecError({ where, expected: 'names of columns', received: describeValue(names) })
}

/** What the rows of a dataset become for a network. */
export function layoutOf(spec: NetworkSpec, { targets, weight }: ChosenColumns): RowLayout {
  const outputs = outputsOf(spec)
  const areTargetsLabels = targets.length === 1 && outputs > 1 && headsOf(spec)[0].info.task === 'classes'
  return {
    dtype: spec.dtype,
    inputs: spec.inputs,
    targets: areTargetsLabels ? 1 : outputs,
    areTargetsLabels,
    isWeighted: weight !== undefined,
  }
}

/**
 * Inputs of the rows of a chunk.
 *
 * @throws DataError for a number that is missing or not finite in the network's element type
 */
export function inputsOf({ table, numbers }: Chunk, spec: NetworkSpec, names: readonly string[]): FloatArray {
  const x = floatArray(spec.dtype, table.rows * names.length)
  names.forEach((name, input) => {
    const values = numbersOf(table, name)
    for (let row = 0; row < table.rows; row++) {
      const at = row * names.length + input
      x[at] = values[row]
      if (Number.isFinite(x[at])) continue
      throw new DataError(
        {
          code: 'HADAMARD_NOT_FINITE',
          where: `${table.source ?? 'dataset'} row ${numbers[row]}, column ${name}`,
          expected: `a finite ${spec.dtype} number`,
          received: Number.isNaN(values[row]) ? 'a missing value' : String(values[row]),
          cure: 'Leave such rows out with filter, or the column; train() fills in missing values',
        },
        { column: name },
      )
    }
  })
  return x
}

/**
 * Inputs, targets and weights of the rows of a chunk.
 *
 * @throws DataError for a number that is missing or not finite, a target that does not fit the loss, a weight below 0
 */
export function rowArraysOf(chunk: Chunk, spec: NetworkSpec, columns: ChosenColumns): RowArrays {
  const { targets, weight } = columns
  const { table, numbers } = chunk
  const where = `${table.source ?? 'dataset'}, rows from ${numbers[0] ?? 0}`
  const arrays = {
    x: inputsOf(chunk, spec, columns.inputs),
    y: toTargets(spec, targetsOf(chunk, spec, targets), table.rows, `${where}, ${nameList(targets)}`),
  }
  if (weight === undefined) return arrays
  const weights = floatArray(spec.dtype, table.rows)
  weights.set(numbersOf(table, weight))
  const wrong = weights.findIndex((value) => !(value >= 0 && value < Infinity))
  if (wrong < 0) return { ...arrays, weights }
  throw new DataError(
    {
      code: 'HADAMARD_WEIGHT',
      where: `${table.source ?? 'dataset'} row ${numbers[wrong]}, column ${weight}`,
      expected: 'a weight, a number of at least 0',
      received: String(weights[wrong]),
    },
    { column: weight },
  )
}

function targetsOf(
  { table, numbers }: Chunk,
  spec: NetworkSpec,
  names: readonly string[],
): FloatArray | Int32Array {
  const column = columnNamed(table, names[0])
  const { task } = headsOf(spec)[0].info
  const isOfClasses = names.length === 1 && (task === 'classes' || task === 'binary')
  if (column.type === 'numeric' && !(isOfClasses && task === 'classes')) {
    const values = new Float64Array(table.rows * names.length)
    names.forEach((name, output) => {
      numbersOf(table, name).forEach((value, row) => (values[row * names.length + output] = value))
    })
    return values
  }
  const codes = column.type === 'numeric' ? column.values : column.codes
  const wrong = codes.findIndex((code) => !Number.isInteger(code) || code < 0)
  if (wrong < 0 && isOfClasses) return Int32Array.from(codes)
  const received = describeTarget(column, wrong < 0 ? 0 : wrong)
  throw new DataError(
    {
      code: 'HADAMARD_TARGET_VALUE',
      where: `${table.source ?? 'dataset'} row ${numbers[wrong < 0 ? 0 : wrong]}, column ${column.name}`,
      expected: isOfClasses ? 'a class: a text, or 0, 1, 2 and so on' : 'a number',
      received,
      cure: received === 'a missing value' ? 'Leave such rows out with filter' : undefined,
    },
    { column: column.name },
  )
}

function describeTarget(column: Table['columns'][number], row: number): string {
  if (column.type === 'numeric')
    return Number.isNaN(column.values[row]) ? 'a missing value' : String(column.values[row])
  return column.codes[row] < 0 ? 'a missing value' : `'${column.categories[column.codes[row]]}'`
}

function columnNamed(table: Table, name: string): Table['columns'][number] {
  const found = table.columns.find((column) => column.name === name)
  if (found !== undefined) return found
  throw unknownColumn(
    table.source ?? 'dataset',
    name,
    table.columns.map((column) => column.name),
  )
}

function numbersOf(table: Table, name: string): Float64Array {
  const column = columnNamed(table, name)
  if (column.type === 'numeric') return column.values
  const { codes, categories } = column satisfies CategoricalColumn
  const received = codes.length === 0 ? 'texts' : `'${categories[codes[0]] ?? ''}'`
  throw new DataError(
    {
      code: 'HADAMARD_COLUMN_TYPE',
      where: `${table.source ?? 'dataset'}, column ${name}`,
      expected: 'numbers',
      received,
    },
    { column: name },
  )
}
