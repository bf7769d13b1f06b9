/** Rules by which rows are held out that depend on more than a row's number: groups, times, copies of one another. */

import { dateForm, momentsOf } from '../data/dates.ts'
import { firstCopies } from '../data/duplicates.ts'
import type { Split } from '../data/split.ts'
import { column as columnOf, valueAt, type Column, type Table } from '../data/table.ts'
import { DataError } from '../errors.ts'
import { streamKey } from '../random.ts'
import { plural } from './design.ts'

/** Holds out a share of rows under the name of a stream of draws. */
export type HoldOut = (rows: ArrayLike<number>, share: number, name: string) => Split | Promise<Split>

/** With fewer different rows, equal ones are the normal case and leave no room for a split of whole sets of copies. */
const LEAST_DISTINCT = 50

/**
 * Holds out whole groups, in the order of a hash of seed and group, until the share of the rows is reached as nearly as
 * whole groups can; at least one group stays on either side. The order of the rows plays no part. A row without a group is a
 * group of its own.
 *
 * @throws DataError for fewer than two groups
 */
export function holdOutGroups(table: Table, name: string, seed: number): HoldOut {
  const column = columnOf(table, name)
  return (rows, share, stream) => {
    const groups = groupRows(column, rows)
    if (groups.size < 2 && share > 0) {
      throw new DataError(
        {
          code: 'HADAMARD_SPLIT',
          where: 'group',
          expected: `at least 2 groups in column ${name} to part`,
          received: plural(groups.size, 'group'),
          cure: 'Use smaller shares for `test` and `validation`, or another column',
        },
        { column: name },
      )
    }
    const ranked = rankGroups([...groups], seed, stream)
    const wanted = share * rows.length
    const held: number[] = []
    for (const [index, [, members]] of ranked.entries()) {
      const isLast = index === ranked.length - 1
      const isNearer = Math.abs(held.length + members.length - wanted) < Math.abs(held.length - wanted)
      if (share === 0 || isLast || (index > 0 && !isNearer)) break
      held.push(...members)
    }
    return sidesOf(rows, new Set(held))
  }
}

/** The rows of each group; one without a group is alone. */
export function groupRows(column: Column, rows: ArrayLike<number>): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (let i = 0; i < rows.length; i++) {
    const value = valueAt(column, rows[i])
    const key = value === null ? `row ${rows[i]}` : `value ${String(value)}`
    const members = groups.get(key)
    if (members === undefined) groups.set(key, [rows[i]])
    else members.push(rows[i])
  }
  return groups
}

/** Groups in the order of a hash of seed, stream and key. */
export function rankGroups(groups: [string, number[]][], seed: number, stream: string): [string, number[]][] {
  const ranked = groups.map((group) => ({ group, hash: streamKey(seed, `${stream} ${group[0]}`) }))
  ranked.sort((a, b) => a.hash[0] - b.hash[0] || a.hash[1] - b.hash[1])
  return ranked.map(({ group }) => group)
}

/**
 * Holds out the latest rows by a column of numbers or dates. Rows of one time stay on one side.
 *
 * @throws DataError for a column that is no time, a row without one, and times that are all the same
 */
export function holdOutLatest(table: Table, name: string): HoldOut {
  const times = timesOf(table, name)
  return (rows, share) => {
    if (share === 0) return { train: Uint32Array.from(rows), test: new Uint32Array() }
    const ordered = Array.from(rows).sort((a, b) => times[a] - times[b] || a - b)
    const missing = ordered.find((row) => Number.isNaN(times[row]))
    if (missing !== undefined) throw timeMissing(table.source ?? 'rows', missing, name)
    const cut = cutBetween(
      ordered.map((row) => times[row]),
      rowsBefore(ordered.length, share),
    )
    if (cut > 0) return sidesOf(rows, new Set(ordered.slice(cut)))
    throw timesAreOne(name)
  }
}

/** How many of so many rows are before those to be held out; at least one is held out. */
export function rowsBefore(rows: number, share: number): number {
  return rows - Math.max(1, Math.round(share * rows))
}

/** The error of a row that has no time. */
export function timeMissing(source: string, row: number, column: string): DataError {
  return new DataError(
    {
      code: 'HADAMARD_SPLIT',
      where: `${source} row ${row}, column ${column}`,
      expected: 'a time in every row, to split by',
      received: 'none',
      cure: 'Leave out rows without a time',
    },
    { column },
  )
}

/** The error of times that leave nothing to part. */
export function timesAreOne(column: string): DataError {
  return new DataError(
    {
      code: 'HADAMARD_SPLIT',
      where: 'splitBy',
      expected: `different times in column ${column}`,
      received: 'only one',
    },
    { column },
  )
}

/** The error of a column of other texts than dates. */
export function timesAreTexts(column: string, text = ''): DataError {
  return new DataError(
    {
      code: 'HADAMARD_SPLIT',
      where: 'splitBy',
      expected: `numbers or dates such as 2024-01-31 in column ${column}`,
      received: `texts such as '${text}'`,
    },
    { column },
  )
}

/**
 * Puts all copies of a row on the side of the first of them. In a table of fewer than 50 different rows they stay where they
 * are.
 */
export function keepCopiesTogether(
  table: Table,
  copies: ReturnType<typeof firstCopies>,
): (split: Split) => Split {
  if (!areKeptTogether(table, copies)) return (split) => split
  const { first } = copies
  return ({ train, test }) => {
    const sideOf = new Map<number, boolean>()
    const held = new Set(test)
    const rows = Uint32Array.from([...train, ...test]).sort()
    for (const row of rows) if (!sideOf.has(first[row])) sideOf.set(first[row], held.has(row))
    const isHeld = (row: number): boolean => sideOf.get(first[row]) === true
    const moved = [...train, ...test].some((row) => isHeld(row) !== held.has(row))
    if (!moved) return { train, test }
    return { train: rows.filter((row) => !isHeld(row)), test: rows.filter(isHeld) }
  }
}

/** Whether copies of rows are kept on one side. */
export function areKeptTogether(table: Table, { distinct }: { distinct: number }): boolean {
  return distinct < table.rows && distinct >= LEAST_DISTINCT
}

function timesOf(table: Table, name: string): Float64Array {
  const column = columnOf(table, name)
  if (column.type === 'numeric') return column.values
  const form = dateForm(column.categories)
  if (form !== undefined) return momentsOf(column, form.order)
  throw timesAreTexts(name, column.categories[0])
}

function cutBetween(times: readonly number[], wanted: number): number {
  let before = Math.max(0, wanted)
  let after = before
  while (before > 0 && times[before - 1] === times[before]) before--
  while (after < times.length && (after === 0 || times[after] === times[after - 1])) after++
  return nearestCut({ before, after, wanted, rows: times.length })
}

/**
 * The nearest place to cut that parts no equal times and leaves neither side empty; 0 where there is none.
 *
 * @param place.before where the equal times begin that the wanted place is among, and `after` where they end
 */
export function nearestCut(place: { before: number; after: number; wanted: number; rows: number }): number {
  const { before, after, wanted, rows } = place
  if (after >= rows) return before
  return before === 0 || after - wanted < wanted - before ? after : before
}

function sidesOf(rows: ArrayLike<number>, held: ReadonlySet<number>): Split {
  const all = Uint32Array.from(rows)
  return { train: all.filter((row) => !held.has(row)), test: all.filter((row) => held.has(row)) }
}
