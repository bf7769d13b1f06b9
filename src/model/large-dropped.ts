/** Which columns of a file larger than memory nothing can be learnt from. */

import type { ColumnDescription } from '../data/summaries.ts'
import type { DatasetSchema } from '../data/survey.ts'
import type { Table } from '../data/table.ts'
import type { Paced } from '../paced.ts'
import type { TrainSettings } from './options.ts'
import { asideColumns } from './plan.ts'
import { textsDiffer, uselessColumns, type DroppedColumn } from './survey.ts'

/** Judged by the sample, and by what is known of all rows where a sample cannot tell. */
export function* droppedOf(
  { columns }: DatasetSchema,
  descriptions: readonly ColumnDescription[],
  sample: Table,
  settings: TrainSettings,
  { rows, othersOf }: { rows: number; othersOf: (index: number) => readonly string[] | undefined },
): Paced<DroppedColumn[]> {
  const { types = {}, targets } = settings
  const aside = [...targets, ...asideColumns(settings)]
  const names = columns.map(({ name }) => name).filter((name) => !aside.includes(name))
  const useless = yield* uselessColumns(sample, names, types)
  const bySample = new Map(useless.map((one) => [one.name, one.reason]))
  const descriptionOf = (name: string): ColumnDescription | undefined =>
    descriptions.find((one) => one.name === name)
  const dropped = names.flatMap((name): DroppedColumn[] => {
    const description = descriptionOf(name)
    if (description === undefined) return []
    const reason = reasonOf(description, bySample.get(name), descriptionOf, rows)
    const isDeclared = Object.hasOwn(types, name)
    if (reason === undefined || (isDeclared && !hopeless.includes(reason))) return []
    const others =
      reason === tooManyTexts ? othersOf(columns.findIndex((one) => one.name === name)) : undefined
    return [{ name, reason, ...(others === undefined ? {} : { others }) }]
  })
  const useful = dropped.length < names.length
  return useful ? dropped : dropped.filter(({ reason }) => hopeless.includes(reason))
}

const tooManyTexts = 'with more than 100,000 different texts'
const hopeless = ['without any value', 'with the same value in every row']

function reasonOf(
  description: ColumnDescription,
  bySample: string | undefined,
  descriptionOf: (name: string) => ColumnDescription | undefined,
  rows: number,
): string | undefined {
  if (description.count === 0) return hopeless[0]
  if (description.type === 'categorical') {
    const { categories = Infinity, count } = description
    if (categories === Infinity) return tooManyTexts
    if (categories === 1) return hopeless[1]
    if (bySample === textsDiffer) return categories > count / 2 ? bySample : undefined
  } else {
    if (description.minimum === description.maximum) return hopeless[1]
    if (isCount(description, rows)) return 'counting the rows'
  }
  const twin = /^equal to '(.*)' in every row$/s.exec(bySample ?? '')?.[1]
  if (twin === undefined) return undefined
  const other = descriptionOf(twin)
  return JSON.stringify({ ...description, name: '' }) === JSON.stringify({ ...other, name: '' })
    ? bySample
    : undefined
}

// Whole numbers without gap or repetition have this spread, mean and deviation; nothing else is likely to.
function isCount(description: ColumnDescription, rows: number): boolean {
  if (description.type !== 'numeric' || description.missing > 0 || rows < 20) return false
  const { minimum, maximum, mean, deviation } = description
  const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * rows
  return (
    Number.isInteger(minimum) &&
    maximum - minimum + 1 === rows &&
    isNear(mean, (minimum + maximum) / 2) &&
    isNear(deviation, Math.sqrt((rows * rows - 1) / 12))
  )
}
