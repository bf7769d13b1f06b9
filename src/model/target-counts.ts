/** What the values of a target suggest where its rows are read piece by piece: task, classes, and rows of each class. */

import type { SchemaColumn } from '../data/survey.ts'
import type { ClassLabel, Task } from '../data/target.ts'
import { DataError } from '../errors.ts'
import type { ClassReport } from './report.ts'

const MOST_CLASSES = 20
const MOST_LABELS = 100_000
const LEAST_ROWS_PER_CLASS = 10

/** Rows of each value of a target. */
export class TargetCounts {
  /** All rows of a value, and those of them that are trained on; no longer counted beyond what classes may be. */
  private readonly values = new Map<number | string, { rows: number; trainRows: number }>()
  private areWhole = true

  /** @param asked the task that is asked for, if any */
  constructor(
    readonly column: Pick<SchemaColumn, 'name' | 'type'>,
    private readonly asked: Task | undefined,
  ) {}

  add(value: number | string, isTrained: boolean): void {
    if (!this.areWhole) return
    const key = typeof value === 'number' ? value + 0 : value
    const found = this.values.get(key)
    if (found !== undefined) {
      found.rows++
      if (isTrained) found.trainRows++
      return
    }
    this.values.set(key, { rows: 1, trainRows: isTrained ? 1 : 0 })
    if (typeof key === 'string' || this.asked === 'classification')
      this.areWhole = this.values.size <= MOST_LABELS
    else this.areWhole = Number.isInteger(key) && this.values.size <= MOST_CLASSES
  }

  /** As `inferTask` has it. */
  inferred(): { task: Task; reason: string } {
    const name = `'${this.column.name}'`
    if (this.column.type !== 'numeric') return { task: 'classification', reason: `${name} is text` }
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
   * @throws DataError for fewer than two, and for too many
   */
  classes(): { classes: ClassLabel[]; reports: ClassReport[] } {
    const known = [...this.values].filter(([, { trainRows }]) => trainRows > 0)
    if (!this.areWhole || known.length > MOST_LABELS)
      throw this.wrong('classes', 'more than 100,000 different values')
    known.sort(([a], [b]) => (a < b ? -1 : 1))
    const classes: ClassLabel[] = known.map(([label]) => label)
    if (classes.length < 2)
      throw this.wrong('at least 2 classes', classes.length === 0 ? 'none' : `only '${String(classes[0])}'`)
    return { classes, reports: known.map(([label, counts]) => ({ label, ...counts })) }
  }

  wrong(expected: string, received: string, cure?: string): DataError {
    const { name } = this.column
    return new DataError(
      { code: 'HADAMARD_TARGET_COLUMN', where: `column ${name}`, expected, received, cure },
      { column: name },
    )
  }
}
