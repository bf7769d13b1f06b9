/** Divides rows into folds for cross-validation: by class, by group, copies of a row in one fold. */

import { permutation } from '../data/split.ts'
import { column as columnOf, type Table } from '../data/table.ts'
import { labelledRows, type Task } from '../data/target.ts'
import { SpecError } from '../errors.ts'
import { atOnce } from '../paced.ts'
import { randomStream } from '../random.ts'
import { plural } from './design.ts'
import { areKeptTogether, groupRows, rankGroups } from './hold-out.ts'
import type { TrainSettings } from './options.ts'
import { checkRule, classesOf, copiesOf } from './parts.ts'

/**
 * The rows that have a target in folds of about the same size: for classes with their shares, for groups whole.
 *
 * @returns row numbers of each fold, ascending
 * @throws SpecError for more folds than there are rows or groups
 */
export function foldRows(
  table: Table,
  task: Task,
  settings: TrainSettings,
  folds: number,
  repeat: number,
): Uint32Array[] {
  checkRule(table, task, settings)
  const { group, seed, targets, stratify = task === 'classification' } = settings
  const all = Uint32Array.from({ length: table.rows }, (_, row) => row)
  const rows = labelledRows(
    targets.map((target) => columnOf(table, target)),
    all,
  )
  const name = `cv.${repeat}`
  const units =
    group === undefined
      ? drawUnits(table, settings, rows, name)
      : rankGroups([...groupRows(columnOf(table, group), rows)], seed, name).map(([, members]) => members)
  if (units.length < folds) {
    throw new SpecError({
      code: 'HADAMARD_SPLIT',
      where: 'folds',
      expected: `at most ${plural(units.length, group === undefined ? 'row' : 'group')}`,
      received: String(folds),
    })
  }
  if (stratify && group === undefined) {
    const classes = classesOf(columnOf(table, targets[0]), all)
    units.sort((a, b) => classes[a[0]] - classes[b[0]])
  }
  const dealt: number[][] = Array.from({ length: folds }, () => [])
  units.forEach((unit, i) => {
    // Groups go where there is most room; single rows in turn, so that classes stay even.
    const smallest = dealt.reduce((least, fold) => (fold.length < least.length ? fold : least))
    ;(group === undefined ? dealt[i % folds] : smallest).push(...unit)
  })
  return dealt.map((fold) => Uint32Array.from(fold).sort())
}

// Rows in random order, with their copies.
function drawUnits(table: Table, settings: TrainSettings, rows: Uint32Array, name: string): number[][] {
  const copies = atOnce(copiesOf(table, settings))
  const isTogether = areKeptTogether(table, copies)
  const units = new Map<number, number[]>()
  for (const row of rows) {
    const key = isTogether ? copies.first[row] : row
    const unit = units.get(key)
    if (unit === undefined) units.set(key, [row])
    else unit.push(row)
  }
  const list = [...units.values()]
  return Array.from(permutation(list.length, randomStream(settings.seed, name)), (at) => list[at])
}
