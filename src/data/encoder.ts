/** Turns the columns of a table into the inputs of a network, as learnt from the training rows. Does no input or output. */

import { DataError, rejectUnknownKeys, SpecError } from '../errors.ts'
import type { DateOrder } from './dates.ts'
import { readEncoderData } from './encoder-json.ts'
import {
  encodeColumn,
  fitInput,
  inputLabels,
  inputWidth,
  type ColumnCounts,
  type ColumnType,
  type Input,
  type Scaling,
} from './input.ts'
import { floatArray } from '../ops/arithmetic.ts'
import { atOnce, type Paced } from '../paced.ts'
import type { RowLoops } from './row-loops.ts'
import { rowNumbers } from './split.ts'
import { isStandardised, standardiseColumns, type InputColumn } from './standardise.ts'
import { column as columnOf, unknownColumn, type Table } from './table.ts'
import { encodeTargets, fitTarget, inferTasks, isNumericTarget, labelledRows } from './target.ts'
import type { ClassLabel, EncodedTarget, NumberTarget, Target, Task } from './target.ts'

/** All that an encoder knows, as plain data for JSON. */
export interface EncoderData {
  inputs: Input[]
  target: Target
  /** Where there are several targets, those behind the first; numbers all. */
  furtherTargets?: NumberTarget[]
  /** Columns that were left out on request. */
  ignored: string[]
  /** Why the task is what it is. */
  taskReason: string
}

/** What to predict from what. */
export interface EncoderOptions {
  /** Name of the column to predict, or names of several columns of numbers. */
  target: string | readonly string[]
  /** Names of columns that are neither input nor target. */
  ignore?: readonly string[]
  /** The task; found from the target where not given, see {@link inferTask}. */
  task?: Task
  /** What columns are taken as; found from the values where not given, see {@link inferType}. */
  types?: Readonly<Partial<Record<string, ColumnType>>>
  /** How numbers are scaled, default standard. */
  scale?: Scaling
  /** Whether columns of more than 64 categories become their numbers, for embeddings; default false. */
  indexCategories?: boolean
  /** Whether predicted numbers are held within the range of the training targets, default false. */
  clampTarget?: boolean
}

/** How often something happened in a column. */
export interface ColumnCount {
  column: string
  count: number
}

/** Inputs for a network, and what was met on the way. */
export interface EncodedInputs<X extends Float32Array | Float64Array = Float32Array> {
  /** `[rows, inputs]` */
  x: X
  rows: number
  /** Inputs a row. */
  inputs: number
  /** Missing values by column: numbers became the training mean, others all zeros. */
  missing: ColumnCount[]
  /** Texts that the training rows did not have, by column; they became all zeros. */
  unseen: ColumnCount[]
  /** Numbers outside the range of the training rows, by column; they are scaled like all others. */
  outside: ColumnCount[]
  /** Columns of the table that are neither input, target nor ignored. */
  extra: string[]
}

const mostElements = 2 ** 31

/**
 * The way from columns to inputs and back: numbers are standardised by mean and population standard deviation of the
 * training rows, texts are one-hot in ascending order of the categories, dates become their parts.
 *
 * @example
 * const encoder = Encoder.fit(table, split.train, { target: 'species' })
 * const { x } = encoder.encode(table, split.test)
 */
export class Encoder {
  readonly data: EncoderData
  /** Inputs a row. */
  readonly width: number

  private constructor(data: EncoderData) {
    this.data = data
    this.width = data.inputs.reduce((sum, input) => sum + inputWidth(input), 0)
  }

  /**
   * Learns from the training rows; those of which a target is missing are left out.
   *
   * @param rows training rows, in any order; the result does not depend on it
   * @throws DataError for an unknown column, no rows, no inputs, fewer than two classes, text where regression is asked, several
   *   targets that are not all numbers; SpecError for a wrong option
   */
  static fit(table: Table, rows: ArrayLike<number>, options: EncoderOptions): Encoder {
    return atOnce(Encoder.fitting(table, rows, options))
  }

  /** @internal The same column by column. */
  static *fitting(table: Table, rows: ArrayLike<number>, options: EncoderOptions): Paced<Encoder> {
    rejectUnknownKeys('encoder options', options, [
      'target',
      'ignore',
      'task',
      'types',
      'scale',
      'clampTarget',
      'indexCategories',
    ])
    const { target, ignore = [], task, types = {}, scale, clampTarget, indexCategories } = options
    if (task !== undefined && task !== 'classification' && task !== 'regression') {
      throw new SpecError({
        where: 'task',
        expected: "'classification' or 'regression'",
        received: `'${task as string}'`,
      })
    }
    const names = typeof target === 'string' ? [target] : target
    const targetColumns = names.map((name) => columnOf(table, name))
    for (const name of ignore) columnOf(table, name)
    const ignored = names.find((name) => ignore.includes(name))
    if (ignored !== undefined) {
      throw new SpecError({
        code: 'HADAMARD_OPTION_CONFLICT',
        where: 'ignore',
        expected: 'columns other than the target',
        received: `'${ignored}'`,
      })
    }
    const labelled = labelledRows(targetColumns, rows).sort()
    if (labelled.length === 0) throw noRows(table, names, rows.length)
    const found = inferTasks(targetColumns, task)
    const [first, ...others] = targetColumns.map((column) =>
      fitTarget(column, labelled, found.task, clampTarget),
    )
    const columns = table.columns.filter(({ name }) => !names.includes(name) && !ignore.includes(name))
    const inputs: Input[] = []
    for (const column of columns) {
      yield
      const type = Object.hasOwn(types, column.name) ? types[column.name] : undefined
      inputs.push(fitInput(column, labelled, type, scale, indexCategories))
    }
    const encoder = new Encoder({
      inputs,
      target: first,
      ...(others.length === 0 ? {} : { furtherTargets: others as NumberTarget[] }),
      ignored: [...ignore],
      taskReason: found.reason,
    })
    if (encoder.width > 0) return encoder
    throw new DataError({
      code: 'HADAMARD_NO_COLUMNS',
      where: table.source ?? 'table',
      expected: 'columns to learn from',
      received: 'none beside the target',
    })
  }

  /**
   * An encoder from what {@link Encoder.toJSON} gave. Trusts nothing: the data may come from a file.
   *
   * @throws DataError naming the first part that is not as it should be
   */
  static fromJSON(json: unknown): Encoder {
    return new Encoder(readEncoderData(json))
  }

  toJSON(): EncoderData {
    return structuredClone(this.data)
  }

  get task(): Task {
    return this.data.target.task
  }

  /** What is predicted: one column, or several of numbers in the order of the network's outputs. */
  get targets(): readonly Target[] {
    return [this.data.target, ...(this.data.furtherTargets ?? [])]
  }

  /** The classes in the order of the network's outputs; none under regression. */
  get classes(): readonly ClassLabel[] {
    return this.data.target.task === 'classification' ? this.data.target.classes : []
  }

  /** One name per input: `age`, `city=Oslo`, `city=Rome`. */
  get inputNames(): string[] {
    return this.data.inputs.flatMap(inputLabels)
  }

  /**
   * The types of the input columns, to read a file for prediction with: `readCsv(path, { types })`.
   *
   * @param options whether the targets are to be read too, default false
   */
  columnTypes({ hasTarget = false }: { hasTarget?: boolean } = {}): Record<
    string,
    'numeric' | 'categorical'
  > {
    const types = Object.create(null) as Record<string, 'numeric' | 'categorical'>
    for (const { name, type } of this.data.inputs)
      types[name] = type === 'numeric' ? 'numeric' : 'categorical'
    if (!hasTarget) return types
    for (const target of this.targets)
      types[target.name] = isNumericTarget(target) ? 'numeric' : 'categorical'
    return types
  }

  /** The columns of dates, to read a file for prediction with: `openCsv(path, { dates })`. */
  dateColumns(): Record<string, DateOrder> {
    const dates = Object.create(null) as Record<string, DateOrder>
    for (const input of this.data.inputs) if (input.type === 'date') dates[input.name] = input.order
    return dates
  }

  /**
   * Inputs of the given rows (default all). The table may have its columns in another order, lack the target and have
   * further columns. Computed in double precision, rounded once.
   *
   * @throws DataError for an input column that is missing, a text in a numeric column, and a number too far from those of
   *   training to be encoded
   */
  encode(table: Table, rows?: ArrayLike<number>, dtype?: 'float32'): EncodedInputs
  encode(table: Table, rows: ArrayLike<number> | undefined, dtype: 'float64'): EncodedInputs<Float64Array>
  encode(
    table: Table,
    rows?: ArrayLike<number>,
    dtype: 'float32' | 'float64' = 'float32',
  ): EncodedInputs<Float32Array | Float64Array> {
    return atOnce(this.encoding(table, rows, dtype))
  }

  /** @internal The same by pieces of some rows of a column. */
  encoding(table: Table, rows?: ArrayLike<number>, dtype?: 'float32'): Paced<EncodedInputs>
  encoding(
    table: Table,
    rows: ArrayLike<number> | undefined,
    dtype: 'float32' | 'float64',
  ): Paced<EncodedInputs<Float32Array | Float64Array>>
  encoding(
    table: Table,
    rows: ArrayLike<number> = rowNumbers(table.rows),
    dtype: 'float32' | 'float64' = 'float32',
  ): Paced<EncodedInputs<Float32Array | Float64Array>> {
    const elements = rows.length * this.width
    if (elements > mostElements) throw this.tooWide(table, rows.length)
    return this.encodingInto(floatArray(dtype, elements), table, rows)
  }

  /** @internal The same into zeros, [rows, width]. */
  *encodingInto<X extends Float32Array | Float64Array>(
    x: X,
    table: Table,
    rows: ArrayLike<number>,
    loops?: RowLoops,
  ): Paced<EncodedInputs<X>> {
    const place = { table, rows, x, width: this.width }
    const columns = this.inputColumns(table)
    const plain = columns.filter(isStandardised)
    const found = yield* standardiseColumns(plain, place, loops)
    const countsOf = new Map<object, ColumnCounts>(plain.map((column, i) => [column, found[i]]))
    const missing: ColumnCount[] = []
    const unseen: ColumnCount[] = []
    const outside: ColumnCount[] = []
    for (const one of columns) {
      const { input, column, offset } = one
      const counts = countsOf.get(one) ?? (yield* encodeColumn(input, column, { ...place, offset }))
      if (counts.missing > 0) missing.push({ column: input.name, count: counts.missing })
      if (counts.unseen > 0) unseen.push({ column: input.name, count: counts.unseen })
      if (counts.outside > 0) outside.push({ column: input.name, count: counts.outside })
    }
    return {
      x,
      rows: rows.length,
      inputs: this.width,
      missing,
      unseen,
      outside,
      extra: this.extraColumns(table),
    }
  }

  /**
   * Class indices or standardised targets of the given rows (default all), without those of which a target is missing.
   *
   * @throws DataError where the table lacks a target column, or has text where the target is numeric
   */
  encodeTarget(table: Table, rows: ArrayLike<number> = rowNumbers(table.rows)): EncodedTarget {
    return encodeTargets(this.targets, table, rows)
  }

  /**
   * A network's output under regression, in the units of the data.
   *
   * @param index which of several targets it is of, default the first
   */
  decodeValue(output: number, index = 0): number {
    const target = index === 0 ? this.data.target : this.data.furtherTargets?.[index - 1]
    if (target?.task !== 'regression') return output
    const value = output * target.deviation + target.mean
    const [low, high] = target.range ?? [-Infinity, Infinity]
    return value < low ? low : value > high ? high : value
  }

  /** @internal The columns with the first of their inputs in a row. */
  inputColumns(table: Table): InputColumn[] {
    const byName = new Map(table.columns.map((column) => [column.name, column]))
    let offset = 0
    return this.data.inputs.map((input) => {
      const column = byName.get(input.name)
      if (column === undefined) throw unknownColumn(table.source ?? 'table', input.name, [...byName.keys()])
      const found = { input, column, offset }
      offset += inputWidth(input)
      return found
    })
  }

  private extraColumns(table: Table): string[] {
    const known = new Set([
      ...this.data.inputs.map(({ name }) => name),
      ...this.targets.map(({ name }) => name),
      ...this.data.ignored,
    ])
    return table.columns.map(({ name }) => name).filter((name) => !known.has(name))
  }

  private tooWide(table: Table, rows: number): DataError {
    const widest = this.data.inputs.reduce((a, b) => (inputWidth(b) > inputWidth(a) ? b : a))
    return new DataError({
      code: 'HADAMARD_MEMORY',
      where: table.source ?? 'table',
      expected: `at most ${mostElements} numbers after encoding`,
      received: `${rows} rows of ${this.width} inputs, ${inputWidth(widest)} of them from column ${widest.name}`,
      cure: `Ignore column ${widest.name}`,
    })
  }
}

function noRows(table: Table, targets: readonly string[], rows: number): DataError {
  return new DataError({
    code: 'HADAMARD_NO_ROWS',
    where: table.source ?? 'table',
    expected: 'rows to train on',
    received: rows === 0 ? 'none' : `${rows} rows, none with a value in column ${targets.join(' and ')}`,
  })
}
