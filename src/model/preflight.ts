/** What is worth a look before training: columns that give the target away, tiny classes and parts, numbers written as text. */

import { isCommaNumber, isNumberText } from '../data/csv-number.ts'
import type { Encoder } from '../data/encoder.ts'
import { column as columnOf, nameList, type Column, type Table } from '../data/table.ts'
import type { Paced } from '../paced.ts'
import { plural } from './design.ts'
import type { ClassReport } from './report.ts'
import { textsDiffer, type DroppedColumn } from './survey.ts'

const LEAST = { rows: 50, rowsPerClass: 10, validationRows: 10, rowsPerText: 5 }
/** Of the different texts of a column; the others are likely to stand for a missing value. */
const MOSTLY_NUMBERS = 0.8
/** Correlation from which on a number is taken for another form of the target. */
const SAME_NUMBER = 0.9999

/**
 * Sentences, each with its cure.
 *
 * @param train rows to train on
 * @param types of columns, as given: those are meant
 * @param validation how many rows watch the training; 0 where none are wanted
 * @param dropped columns that are left out for their values
 */
export function* preflight(
  table: Table,
  encoder: Encoder,
  train: Uint32Array,
  validation: number,
  classes: readonly ClassReport[] = [],
  types: Readonly<Record<string, unknown>> = {},
  dropped: readonly DroppedColumn[] = [],
): Paced<string[]> {
  const targets = encoder.targets.map(({ name }) => columnOf(table, name))
  const inputs = encoder.data.inputs.map(({ name }) => columnOf(table, name))
  // One that is no number makes texts of all, which are then too many.
  const tooManyTexts = dropped
    .filter(({ reason }) => reason === textsDiffer)
    .map(({ name }) => columnOf(table, name))
  const tiny = classes.filter(({ trainRows }) => trainRows < LEAST.rowsPerClass)
  return [
    ...(yield* leaks(encoder, table, inputs, train)),
    ...(tiny.length === 0
      ? []
      : [
          `Fewer than ${LEAST.rowsPerClass} training rows of ${tiny.length === 1 ? 'class' : 'classes'} ` +
            `${nameList(tiny.map(({ label }) => String(label)))}: collect more, or join classes.`,
        ]),
    ...(validation > 0 && validation < LEAST.validationRows
      ? [
          `Only ${plural(validation, 'validation row')}: early stopping follows chance; set a larger share, or 0 to train on all rows.`,
        ]
      : []),
    ...[...targets, ...inputs, ...tooManyTexts]
      .filter(({ name }) => !Object.hasOwn(types, name))
      .flatMap(numbersAsText),
    ...dropped.flatMap(({ name, others }) => (others === undefined ? [] : [numbersBeside(name, others)])),
  ]
}

function* leaks(
  encoder: Encoder,
  table: Table,
  inputs: readonly Column[],
  train: Uint32Array,
): Paced<string[]> {
  if (train.length < LEAST.rows) return []
  const target = encoder.encodeTarget(table, train)
  const { targets, classes } = encoder
  const sentences: string[] = []
  for (const [j, { name: predicted }] of targets.entries()) {
    for (const column of inputs) {
      yield
      const isLeak =
        target.task === 'classification'
          ? determines(column, target.classes, classes.length, target.rows)
          : column.type === 'numeric' &&
            isSameNumber(
              column.values,
              target.raw.filter((_, i) => i % targets.length === j),
              target.rows,
            )
      if (!isLeak) continue
      sentences.push(
        `Column '${column.name}' alone determines ${predicted} in all training rows: if it is only known afterwards, leave it out with --ignore.`,
      )
    }
  }
  return sentences
}

// Every text has one class, or every class its own stretch of numbers.
function determines(column: Column, classes: Int32Array, count: number, rows: Uint32Array): boolean {
  if (column.missing > 0) return false
  if (column.type === 'categorical') {
    const classOf = new Map<number, number>()
    const isPure = rows.every((row, i) => {
      const known = classOf.get(column.codes[row])
      if (known === undefined) classOf.set(column.codes[row], classes[i])
      return known === undefined || known === classes[i]
    })
    return isPure && rows.length >= LEAST.rowsPerText * classOf.size
  }
  // Of class -1, which training does not know, the first place is.
  const least = new Float64Array(count + 1).fill(Infinity)
  const most = new Float64Array(count + 1).fill(-Infinity)
  for (let i = 0; i < rows.length; i++) {
    const value = column.values[rows[i]]
    const place = classes[i] + 1
    if (value < least[place]) least[place] = value
    if (value > most[place]) most[place] = value
  }
  const stretches = Array.from(least, (from, place) => ({ from, to: most[place] }))
  const ascending = stretches.filter(({ from, to }) => from <= to).sort((a, b) => a.from - b.from)
  return ascending.every(({ from }, i) => i === 0 || from > ascending[i - 1].to)
}

function isSameNumber(values: Float64Array, targets: Float64Array, rows: Uint32Array): boolean {
  const mean = (of: (i: number) => number): number =>
    targets.reduce((sum, _, i) => sum + of(i), 0) / rows.length
  const [x, y] = [mean((i) => values[rows[i]]), mean((i) => targets[i])]
  const product = mean((i) => (values[rows[i]] - x) * (targets[i] - y))
  const squares = mean((i) => (values[rows[i]] - x) ** 2) * mean((i) => (targets[i] - y) ** 2)
  return Math.abs(product) >= SAME_NUMBER * Math.sqrt(squares) && squares > 0
}

function numbersAsText(column: Column): string[] {
  if (column.type === 'numeric' || column.isBoolean === true || column.categories.length < 3) return []
  const others = column.categories.filter((text) => !isNumberText(text))
  const strangers = others.filter((text) => !isCommaNumber(text))
  if (strangers.length > (1 - MOSTLY_NUMBERS) * column.categories.length) return []
  return [numbersBeside(column.name, others)]
}

// Of a column of numbers with other texts among them.
function numbersBeside(name: string, others: readonly string[]): string {
  const withComma = others.find(isCommaNumber)
  if (withComma !== undefined)
    return `Column '${name}' has numbers with a comma, such as '${withComma}', which are texts here: write decimals with a point, and thousands with nothing between.`
  const cure =
    others.length === 0
      ? 'set its type to categorical if they are names, or give numbers'
      : `name what stands for a missing value, --missing ${others[0]}, or set its type to categorical`
  const what = others.length === 0 ? 'numbers as text' : `numbers and ${nameList(others)}`
  return `Column '${name}' has ${what}: ${cure}.`
}
