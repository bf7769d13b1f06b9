/** What training on a file larger than memory must know of its rows: parts, encoder, classes, and a sample of every part. */

import { createHash } from 'node:crypto'
import type { Chunk } from '../data/chunks.ts'
import type { Dataset } from '../data/dataset.ts'
import { Encoder, type EncoderData } from '../data/encoder.ts'
import type { ColumnDescription } from '../data/summaries.ts'
import type { DatasetSchema } from '../data/survey.ts'
import { concatTables, selectRows, valueAt, type Column, type Table } from '../data/table.ts'
import { taskOfKinds, type NumberTarget } from '../data/target.ts'
import { TrainingSummary } from '../data/training-summary.ts'
import { DataError } from '../errors.ts'
import { randomStream } from '../random.ts'
import type { TrainSettings } from './options.ts'
import type { ClassReport, Fingerprint } from './report.ts'
import { calibrationShare } from './parts.ts'
import { uselessColumns, type DroppedColumn } from './survey.ts'
import { TargetCounts } from './target-counts.ts'

/** Parts of the rows, in the order in which their samples lie in the sample table. */
export const partNames = ['train', 'validation', 'test', 'calibration'] as const

/** Name of a part. */
export type PartName = (typeof partNames)[number]

/** A number for each part. */
export type PartCounts = Record<PartName, number>

const SAMPLE_BYTES = 24 * 2 ** 20
const MOST_SAMPLED = 2 ** 16

/** What is known of a file; plain data but for the sample. */
export interface LargeSurvey {
  rows: number
  schema: DatasetSchema
  columns: ColumnDescription[]
  encoder: EncoderData
  classes?: ClassReport[]
  /** Wrong records, where there are any; undefined where there are none. */
  leftOut?: number
  /** Rows of which a target is missing; they are in no part. */
  droppedRows: number
  parts: PartCounts
  dropped: DroppedColumn[]
  data: Fingerprint
  /** Rows of each part in the sample table, one part behind the other. */
  sampled: PartCounts
}

/** The part of every row by the hash rule of docs/data.md: it depends on seed and row number alone. */
export function partRule(settings: TrainSettings, rows: number): (row: number) => PartName {
  const { seed, test, validation, coverage } = settings
  const calibration = coverage === undefined ? 0 : calibrationShare(Math.round(rows * (1 - test)))
  const rules = (
    [
      ['test', test],
      ['calibration', calibration],
      ['validation', validation],
    ] as const
  ).map(([name, share]) => ({ name, limit: share * 2 ** 32, stream: randomStream(seed, `split.${name}`) }))
  return (row) => rules.find(({ limit, stream }) => limit > 0 && stream.uint32(row) < limit)?.name ?? 'train'
}

/**
 * Reads all rows once.
 *
 * @param dataset whose columns are known
 * @returns the survey, and the sample of its rows
 * @throws DataError where nothing can be learnt from the rows, or a column cannot be encoded
 */
export async function surveyLarge(
  dataset: Dataset,
  settings: TrainSettings,
  source: string,
): Promise<{ survey: LargeSurvey; sample: Table }> {
  const { schema } = dataset
  const columns = await dataset.describe()
  const rows = dataset.rows ?? 0
  const scan = new Scan(schema, settings, rows)
  for await (const chunk of dataset.chunks()) scan.add(chunk)
  const { sample, sampled } = scan.sampleTable(source)
  const dropped = droppedOf(schema, columns, sample, settings, rows)
  const { classes, ...targets } = scan.targets()
  const inputs = schema.columns.flatMap((column, index) => {
    const { name } = column
    const others = [...settings.targets, ...asideOf(settings), ...dropped.map((one) => one.name)]
    if (others.includes(name)) return []
    const type = Object.hasOwn(settings.types ?? {}, name) ? settings.types?.[name] : undefined
    return [scan.summary.inputOf(index, type, settings.scale)]
  })
  const encoder: EncoderData = {
    inputs,
    ...targets,
    ignored: [...new Set([...asideOf(settings), ...dropped.map(({ name }) => name)])],
  }
  if (Encoder.fromJSON(encoder).width === 0)
    throw new DataError({
      code: 'HADAMARD_NO_COLUMNS',
      where: source,
      expected: 'columns to learn from',
      received: 'none beside the target',
    })
  return {
    survey: {
      rows,
      schema,
      columns,
      encoder,
      ...(classes === undefined ? {} : { classes }),
      ...(dataset.rejects.count > 0 ? { leftOut: dataset.rejects.count } : {}),
      droppedRows: scan.droppedRows,
      parts: scan.parts,
      dropped,
      data: scan.fingerprint(schema, rows),
      sampled,
    },
    sample,
  }
}

/** Columns that are neither input nor target, as asked for. */
export function asideOf({ ignore, types = {}, weight }: TrainSettings): string[] {
  const ignored = Object.keys(types).filter((name) => types[name] === 'ignored')
  return [...new Set([...ignore, ...ignored, ...(weight === undefined ? [] : [weight])])]
}

/** The table that a survey's sample of the same rows was. */
export function sampleParts(sampled: PartCounts): Record<PartName, Uint32Array> {
  let first = 0
  const ranges = partNames.map((name): [PartName, Uint32Array] => {
    const from = first
    first += sampled[name]
    return [name, Uint32Array.from({ length: sampled[name] }, (_, i) => from + i)]
  })
  return Object.fromEntries(ranges) as Record<PartName, Uint32Array>
}

class Scan {
  readonly parts: PartCounts = { train: 0, validation: 0, test: 0, calibration: 0 }
  readonly summary: TrainingSummary
  droppedRows = 0
  private readonly rule: (row: number) => PartName
  private readonly samples = new Map<PartName, Table[]>()
  private readonly chance: (part: PartName) => number
  private readonly draw
  private readonly hashes: Uint32Array
  private readonly targetIndices: readonly number[]
  private readonly counts: readonly TargetCounts[]

  constructor(
    private readonly schema: DatasetSchema,
    private readonly settings: TrainSettings,
    rows: number,
  ) {
    const { columns } = schema
    this.summary = new TrainingSummary(columns)
    this.rule = partRule(settings, rows)
    this.draw = randomStream(settings.seed, 'sample')
    this.hashes = new Uint32Array(2 * columns.length)
    this.targetIndices = settings.targets.map((target) => columns.findIndex(({ name }) => name === target))
    this.counts = this.targetIndices.map((index) => new TargetCounts(columns[index], settings.task))
    const wanted = Math.min(MOST_SAMPLED, Math.max(1000, Math.floor(SAMPLE_BYTES / (8 * columns.length))))
    // Of how many rows each part will be, before they are counted.
    const shares = { test: settings.test, validation: settings.validation, train: 1, calibration: 1 }
    this.chance = (part) => (wanted / Math.max(wanted, rows * shares[part])) * 2 ** 32
  }

  add({ table, numbers }: Chunk): void {
    const targets = this.targetIndices.map((index) => table.columns[index])
    const isTrained = new Uint8Array(table.rows)
    const picked: Record<PartName, number[]> = { train: [], validation: [], test: [], calibration: [] }
    for (let row = 0; row < table.rows; row++) {
      const values = targets.map((target) => valueAt(target, row))
      if (values.includes(null)) {
        this.droppedRows++
        continue
      }
      const part = this.rule(numbers[row])
      this.parts[part]++
      if (part === 'train') isTrained[row] = 1
      values.forEach((value, i) => {
        this.counts[i].add(value as number | string, part === 'train')
      })
      if (this.draw.uint32(numbers[row]) < this.chance(part)) picked[part].push(row)
    }
    this.summary.add(table, numbers[0] ?? 0, isTrained)
    table.columns.forEach((column, index) => this.hash(column, index))
    for (const name of partNames) {
      if (picked[name].length === 0) continue
      const known = this.samples.get(name) ?? []
      known.push(selectRows(table, picked[name]))
      this.samples.set(name, known)
    }
  }

  /** What is to be predicted, and the rows of each class. */
  targets(): Pick<EncoderData, 'target' | 'furtherTargets' | 'taskReason'> & { classes?: ClassReport[] } {
    const { task, reason } = taskOfKinds(
      this.counts.map((count) => ({ ...count.column, ...count.inferred() })),
      this.settings.task,
    )
    const [count] = this.counts
    if (task === 'classification') {
      const { classes, reports } = count.classes()
      return { target: { name: count.column.name, task, classes }, taskReason: reason, classes: reports }
    }
    const [target, ...furtherTargets] = this.targetIndices.map((index) => this.numbersAt(index))
    return { target, ...(furtherTargets.length === 0 ? {} : { furtherTargets }), taskReason: reason }
  }

  private numbersAt(index: number): NumberTarget {
    const { name, type } = this.schema.columns[index]
    if (type !== 'numeric') {
      const cure = "Set the task to 'classification'"
      throw this.counts[0].wrong('numbers, as the task is regression', 'texts', cure)
    }
    const range = this.settings.preset === 'realmlp' ? { range: this.summary.rangeOf(index) } : {}
    return { name, task: 'regression', ...this.summary.scaleOf(index), ...range }
  }

  sampleTable(source: string): { sample: Table; sampled: PartCounts } {
    const sampled: PartCounts = { train: 0, validation: 0, test: 0, calibration: 0 }
    const tables = partNames.flatMap((name) => {
      const found = this.samples.get(name) ?? []
      for (const { rows } of found) sampled[name] += rows
      this.samples.delete(name)
      return found
    })
    if (sampled.train > 0) return { sample: { ...concatTables(tables), source }, sampled }
    const names = this.settings.targets.join(' and ')
    const received =
      this.droppedRows > 0 ? `${this.droppedRows} rows, none with a value in column ${names}` : 'none'
    throw new DataError({ code: 'HADAMARD_NO_ROWS', where: source, expected: 'rows to train on', received })
  }

  fingerprint({ columns }: DatasetSchema, rows: number): Fingerprint {
    const schema = columns.map(({ name, type }) => `${name}:${type}`).join(',')
    const categories = columns.map((column) => (column.type === 'categorical' ? column.categories : []))
    const hash = createHash('sha256')
      .update(JSON.stringify([rows, schema, categories]))
      .update(this.hashes)
    return { rows, schema, hash: hash.digest('hex') }
  }

  // Two sums of the column's words in the order of the rows, whatever the pieces. The same number has the same bits.
  private hash(column: Column, index: number): void {
    let [a, b] = [this.hashes[2 * index], this.hashes[2 * index + 1]]
    const values = column.type === 'numeric' ? column.values.map((value) => value + 0) : column.codes
    const words = new Uint32Array(values.buffer, values.byteOffset, values.byteLength / 4)
    for (let i = 0; i < words.length; i++) {
      a = Math.imul(a ^ words[i], 0x9e3779b1)
      a = (a << 15) | (a >>> 17)
      b = Math.imul(b ^ words[i], 0x85ebca77)
      b = (b << 13) | (b >>> 19)
    }
    this.hashes.set([a, b], 2 * index)
  }
}

// By the sample, and by what is known of all rows where a sample cannot tell.
function droppedOf(
  { columns }: DatasetSchema,
  descriptions: readonly ColumnDescription[],
  sample: Table,
  settings: TrainSettings,
  rows: number,
): DroppedColumn[] {
  const { types = {}, targets } = settings
  const aside = [...targets, ...asideOf(settings)]
  const names = columns.map(({ name }) => name).filter((name) => !aside.includes(name))
  const bySample = new Map(uselessColumns(sample, names, types).map((one) => [one.name, one.reason]))
  const descriptionOf = (name: string): ColumnDescription | undefined =>
    descriptions.find((one) => one.name === name)
  const dropped = names.flatMap((name): DroppedColumn[] => {
    const description = descriptionOf(name)
    if (description === undefined) return []
    const reason = reasonOf(description, bySample.get(name), descriptionOf, rows)
    const isDeclared = Object.hasOwn(types, name)
    if (reason === undefined || (isDeclared && !hopeless.includes(reason))) return []
    return [{ name, reason }]
  })
  const useful = dropped.length < names.length
  return useful ? dropped : dropped.filter(({ reason }) => hopeless.includes(reason))
}

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
    if (categories === Infinity) return 'with more than 100,000 different texts'
    if (categories === 1) return hopeless[1]
    if (bySample === 'with a different text in most rows')
      return categories > count / 2 ? bySample : undefined
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
