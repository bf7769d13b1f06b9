/** What the values of a target suggest where its rows are read piece by piece: task, classes, and rows of each class. */

import type { SchemaColumn, SurveyedColumn } from '../data/survey.ts'
import type { ClassLabel, Task } from '../data/target.ts'
import { nameList } from '../data/table.ts'
import { DataError } from '../errors.ts'
import type { ClassReport } from './report.ts'

const MOST_CLASSES = 20
const MOST_LABELS = 100_000
const LEAST_ROWS_PER_CLASS = 10

interface Counts {
  rows: number
  trainRows: number
}

/** Rows of each value of a target. */
export class TargetCounts {
  /** All rows of a value, and those of them that are trained on; no longer counted beyond what classes may be. */
  private readonly values = new Map<number | string, Counts>()
  private readonly small: (Counts | undefined)[] = []
  private areWhole = true

  /** @param asked the task that is asked for, if any */
  constructor(private readonly asked: Task | undefined) {}

  /** Takes in the rows in which all targets are known. */
  addRows(column: SurveyedColumn, isKnown: Uint8Array, isTrained: Uint8Array): void {
    const countsOf =
      'values' in column
        ? (row: number): Counts => this.ofNumber(column.values[row] + 0)
        : this.byCode(column.codes, column.texts)
    for (let row = 0; row < isKnown.length && this.areWhole; row++) {
      if (isKnown[row] === 0) continue
      const counts = countsOf(row)
      counts.rows++
      counts.trainRows += isTrained[row]
    }
  }

  // Small integers, which most numbers that are classes are, without a search.
  private ofNumber(value: number): Counts {
    const place = value | 0
    if (place !== value || place < 0 || place >= MOST_CLASSES) return this.of(value)
    return (this.small[place] ??= this.of(value))
  }

  private byCode(codes: Int32Array, texts: readonly string[]): (row: number) => Counts {
    const known: (Counts | undefined)[] = texts.map(() => undefined)
    return (row) => (known[codes[row]] ??= this.of(texts[codes[row]]))
  }

  private of(key: number | string): Counts {
    const found = this.values.get(key)
    if (found !== undefined) return found
    const counts = { rows: 0, trainRows: 0 }
    this.values.set(key, counts)
    if (typeof key === 'string' || this.asked === 'classification')
      this.areWhole = this.values.size <= MOST_LABELS
    else this.areWhole = Number.isInteger(key) && this.values.size <= MOST_CLASSES
    return counts
  }

  /** As `inferTask` has it. */
  inferred(column: SchemaColumn): { task: Task; reason: string } {
    const name = `'${column.name}'`
    if (column.type !== 'numeric')
      return {
        task: 'classification',
        reason: `${name} is ${column.isBoolean === true ? 'boolean' : 'text'}`,
      }
    if (!this.areWhole)
      return {
        task: 'regression',
        reason: `${name} has numbers that are not integers, or many different ones`,
      }
    const distinct = `${name} has ${this.values.size} distinct integer${this.values.size === 1 ? '' : 's'}`
    const rare = [...this.values].find(([, { rows }]) => rows < LEAST_ROWS_PER_CLASS)
    if (rare !== undefined) {
      const rows = rare[1].rows === 1 ? '1 row' : `${rare[1].rows} rows`
      return {
        task: 'regression',
        reason: `${distinct}, but ${rare[0]} in only ${rows} (fewer than ${LEAST_ROWS_PER_CLASS})`,
      }
    }
    return {
      task: 'classification',
      reason: `${distinct}, each in at least ${LEAST_ROWS_PER_CLASS} rows`,
    }
  }

  /**
   * The classes that training rows have, ascending.
   *
   * @param others of too many texts those that are no numbers, where they are few
   * @throws DataError for fewer than two, and for too many
   */
  classes(
    column: SchemaColumn,
    others: readonly string[] = [],
  ): { classes: ClassLabel[]; reports: ClassReport[] } {
    const known = [...this.values].filter(([, { trainRows }]) => trainRows > 0)
    if (!this.areWhole || known.length > MOST_LABELS)
      throw wrongTarget(
        column.name,
        'classes',
        `more than 100,000 different values${others.length === 0 ? '' : `, numbers and ${nameList(others)}`}`,
        others.length === 0
          ? undefined
          : 'Correct what is no number, or name what stands for a missing value (`missing`)',
      )
    known.sort(([a], [b]) => (a < b ? -1 : 1))
    const isBoolean = column.type === 'categorical' && column.isBoolean === true
    const labelOf = (key: number | string): ClassLabel => (isBoolean ? key === 'true' : key)
    const classes = known.map(([key]) => labelOf(key))
    if (classes.length < 2)
      throw wrongTarget(
        column.name,
        'at least 2 classes',
        classes.length === 0 ? 'none' : `only '${String(classes[0])}'`,
      )
    return { classes, reports: known.map(([key, counts]) => ({ label: labelOf(key), ...counts })) }
  }
}

/** The error of a target that does not serve. */
function wrongTarget(column: string, expected: string, received: string, cure?: string): DataError {
  return new DataError(
    { code: 'HADAMARD_TARGET_COLUMN', where: `column ${column}`, expected, received, cure },
    { column },
  )
}
