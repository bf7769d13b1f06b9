/** Checks the JSON form of an encoder, which may come from a damaged or hostile file; builds fresh plain data from it. */

import { DataError } from '../errors.ts'
import type { EncoderData } from './encoder.ts'
import type { DatePart, Input } from './input.ts'
import type { ClassLabel, NumberTarget, Target } from './target.ts'

/**
 * Reads the JSON form of an encoder.
 *
 * @throws DataError naming the first part that is not as it should be
 */
export function readEncoderData(json: unknown): EncoderData {
  const data = record(json, 'encoder')
  const inputs = list(data.inputs, 'encoder.inputs').map((input, index) =>
    readInput(input, `encoder.inputs[${index}]`),
  )
  const target = readTarget(data.target, 'encoder.target')
  const further = data.furtherTargets === undefined ? undefined : readFurther(data.furtherTargets, target)
  const ignored = texts(data.ignored, 'encoder.ignored')
  const columns = [target, ...(further ?? []), ...inputs]
  if (new Set(columns.map(({ name }) => name)).size !== columns.length)
    throw wrong('encoder.inputs', 'columns of different names', 'a name twice')
  return {
    inputs,
    target,
    ...(further === undefined ? {} : { furtherTargets: further }),
    ignored,
    taskReason: text(data.taskReason, 'encoder.taskReason'),
  }
}

// One network predicts several numbers, but no classes beside them.
function readFurther(json: unknown, first: Target): NumberTarget[] {
  const items = list(json, 'encoder.furtherTargets')
  if (items.length === 0) throw wrong('encoder.furtherTargets', 'at least one, or nothing', items)
  return items.map((item, index) => {
    const where = `encoder.furtherTargets[${index}]`
    const target = readTarget(item, where)
    if (target.task === 'regression' && first.task === 'regression') return target
    throw wrong(where, 'numbers beside numbers', target.task)
  })
}

function readInput(json: unknown, where: string): Input {
  const input = record(json, where)
  const name = text(input.name, `${where}.name`)
  const { type } = input
  if (type === 'boolean') return { name, type }
  if (type === 'numeric') {
    const { quantiles, clip, hasIndicator, range } = input
    return {
      name,
      type,
      ...readScale(input, where),
      ...(quantiles === undefined ? {} : { quantiles: readQuantiles(quantiles, `${where}.quantiles`) }),
      ...(clip === undefined ? {} : { clip: readAbove0(clip, `${where}.clip`) }),
      ...(readFlag(hasIndicator, `${where}.hasIndicator`) ? { hasIndicator: true } : {}),
      ...(range === undefined ? {} : { range: readRange(range, `${where}.range`) }),
    }
  }
  if (type === 'date') {
    const { order } = input
    if (order !== 'ymd' && order !== 'mdy' && order !== 'dmy')
      throw wrong(`${where}.order`, 'ymd, mdy or dmy', order)
    return { name, type, order, parts: readParts(input.parts, `${where}.parts`), ...readScale(input, where) }
  }
  if (type !== 'categorical')
    throw wrong(`${where}.type`, "'numeric', 'categorical', 'boolean' or 'date'", type)
  const categories = texts(input.categories, `${where}.categories`)
  checkAscending(categories, `${where}.categories`)
  const hasRare = readFlag(input.hasRare, `${where}.hasRare`)
  const areIndexed = readFlag(input.isIndexed, `${where}.isIndexed`)
  return {
    name,
    type,
    categories,
    ...(hasRare ? { hasRare: true } : {}),
    ...(areIndexed ? { isIndexed: true } : {}),
  }
}

function readAbove0(json: unknown, where: string): number {
  if (typeof json === 'number' && Number.isFinite(json) && json > 0) return json
  throw wrong(where, 'a number above 0', json)
}

function readRange(json: unknown, where: string): [number, number] {
  const [low, high, ...others] = list(json, where)
  const isRange = typeof low === 'number' && typeof high === 'number' && low <= high && others.length === 0
  if (isRange && Number.isFinite(low) && Number.isFinite(high)) return [low, high]
  throw wrong(where, 'two finite numbers in ascending order', json)
}

function readFlag(json: unknown, where: string): boolean {
  if (json === undefined || json === true) return json === true
  throw wrong(where, 'true or nothing', json)
}

function readQuantiles(json: unknown, where: string): number[] {
  const values = list(json, where)
  if (values.length < 2) throw wrong(where, 'at least 2 numbers', values)
  return values.map((value, i) => {
    const before = i === 0 ? -Infinity : values[i - 1]
    if (typeof value === 'number' && Number.isFinite(value) && value >= (before as number)) return value
    throw wrong(where, 'finite numbers in ascending order', value)
  })
}

function readParts(json: unknown, where: string): DatePart[] {
  const parts = texts(json, where)
  const known = ['year', 'month', 'weekday', 'hour']
  const unknown = parts.find((part, i) => !known.includes(part) || parts.indexOf(part) !== i)
  if (unknown !== undefined || parts.length === 0)
    throw wrong(where, `some of ${known.join(', ')}`, unknown ?? parts)
  return parts as DatePart[]
}

function readTarget(json: unknown, where: string): Target {
  const target = record(json, where)
  const name = text(target.name, `${where}.name`)
  if (target.task === 'regression') {
    const range = target.range === undefined ? {} : { range: readRange(target.range, `${where}.range`) }
    return { name, task: 'regression', ...readScale(target, where), ...range }
  }
  if (target.task !== 'classification')
    throw wrong(`${where}.task`, "'classification' or 'regression'", target.task)
  const labels = list(target.classes, `${where}.classes`)
  const kind = typeof labels[0]
  if (labels.length < 2) throw wrong(`${where}.classes`, 'at least 2 classes', labels)
  for (const label of labels) {
    const isLabel = kind === 'string' || kind === 'boolean' || (kind === 'number' && Number.isFinite(label))
    if (!isLabel || typeof label !== kind) throw wrong(`${where}.classes`, 'labels of one kind', label)
  }
  const classes = labels as ClassLabel[]
  checkAscending(classes, `${where}.classes`)
  return { name, task: 'classification', classes }
}

function readScale(json: Record<string, unknown>, where: string): { mean: number; deviation: number } {
  const { mean, deviation } = json
  if (typeof mean !== 'number' || !Number.isFinite(mean))
    throw wrong(`${where}.mean`, 'a finite number', mean)
  return { mean, deviation: readAbove0(deviation, `${where}.deviation`) }
}

function checkAscending(values: readonly ClassLabel[], where: string): void {
  const at = values.findIndex((value, index) => index > 0 && !(values[index - 1] < value))
  if (at >= 0) throw wrong(where, 'values in ascending order', values[at])
}

// Own properties only, so that nothing set on a prototype is taken for data.
function record(json: unknown, where: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong(where, 'an object', json)
  return Object.assign(Object.create(null) as Record<string, unknown>, json)
}

function list(json: unknown, where: string): unknown[] {
  if (!Array.isArray(json)) throw wrong(where, 'a list', json)
  return json as unknown[]
}

function text(json: unknown, where: string): string {
  if (typeof json !== 'string') throw wrong(where, 'a text', json)
  return json
}

function texts(json: unknown, where: string): string[] {
  return list(json, where).map((item, index) => text(item, `${where}[${index}]`))
}

function wrong(where: string, expected: string, received: unknown): DataError {
  const shown = received === undefined ? 'nothing' : JSON.stringify(received)
  return new DataError({
    code: 'HADAMARD_MODEL_FILE',
    where,
    expected,
    received: shown.length > 60 ? `${shown.slice(0, 60)}…` : shown,
  })
}
