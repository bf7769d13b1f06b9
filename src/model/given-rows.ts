/** A split that is given by row numbers, for rows that pass by: to which part a row belongs, without a table of all of them. */

import { createHash } from 'node:crypto'
import { RowMarks } from '../data/row-marks.ts'
import { wrongRow, type Split } from '../data/split.ts'
import { givenLists } from './parts.ts'
import type { GivenSplit } from './options.ts'

/** Marks of the rows in the lists of a split. */
export const givenMarks = { none: 0, train: 1, test: 2 } as const

/** The lists of a split. */
export class GivenRows {
  /** Of all that a model may depend on. */
  readonly digest: string
  /** Rows in the list to train on. */
  readonly trained: number
  private readonly marks = new RowMarks()

  private constructor(
    private readonly name: string,
    private readonly lists: Split,
  ) {
    const hash = createHash('sha256')
    for (const key of ['train', 'test'] as const) {
      const list = lists[key].slice().sort()
      hash.update(`${key} ${list.length}:`).update(list)
      for (const row of list) this.marks.set(row, givenMarks[key])
    }
    this.digest = hash.digest('hex')
    this.trained = lists.train.length
  }

  /** @throws DataError where a file cannot be read, or lists are wrong whatever the table */
  static async of(split: string | GivenSplit): Promise<GivenRows> {
    return new GivenRows(typeof split === 'string' ? `split, ${split}` : 'split', await givenLists(split))
  }

  /** One of {@link givenMarks}. */
  markOf(row: number): number {
    return this.marks.get(row)
  }

  /** @throws DataError where a table of so many rows has not all of them */
  check(rows: number): void {
    for (const key of ['train', 'test'] as const) {
      const beyond = this.lists[key].find((row) => row >= rows)
      if (beyond !== undefined) throw wrongRow(`${this.name} ${key}`, beyond, rows)
    }
  }
}
