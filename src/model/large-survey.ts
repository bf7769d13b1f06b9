/** What training on a file larger than memory must know of its rows: parts, encoder, classes, and a sample of every part. */

import { chooseRowLoops } from '../backends/choose.ts'
import { numbersFrom, type Chunk } from '../data/chunks.ts'
import { ColumnSpool } from '../data/column-spool.ts'
import type { Dataset } from '../data/dataset.ts'
import { Encoder, type EncoderData } from '../data/encoder.ts'
import type { Input } from '../data/input.ts'
import type { OpenCsvOptions } from '../data/open-options.ts'
import type { RowLoops } from '../data/row-loops.ts'
import { RowSampleStore } from '../data/row-sample-store.ts'
import { rowNumbers } from '../data/split.ts'
import type { ColumnDescription } from '../data/summaries.ts'
import type { DatasetSchema, SchemaColumn, SurveyedRows, SurveyWatcher } from '../data/survey.ts'
import { countOf, type Column, type Table } from '../data/table.ts'
import { taskOfKinds, type NumberTarget } from '../data/target.ts'
import { categoriesOf, TrainingTally, type TrainingSummary } from '../data/training-summary.ts'
import { DataError } from '../errors.ts'
import { breathe, inTurns, type Paced } from '../paced.ts'
import { streamKey } from '../random.ts'
import {
  calibrationOf,
  listedTexts,
  partNames,
  partRule,
  rowsWithAll,
  ruleColumns,
  type PartCounts,
  type PartName,
  type PartRule,
  type TimeLimits,
} from './large-parts.ts'
import type { LargeSource } from './large-source.ts'
import { findTimes } from './large-times.ts'
import { checkGroup, checkRule } from './parts.ts'
import { asideColumns } from './plan.ts'
import type { TrainSettings } from './options.ts'
import type { ClassReport, Fingerprint } from './report.ts'
import { namingOption, openOptionsOf } from './read-source.ts'
import { checkNamed, textsDiffer, uselessColumns, type DroppedColumn } from './survey.ts'
import { TargetCounts } from './target-counts.ts'

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
  /** Where rows are parted by time. */
  times?: TimeLimits
  dropped: DroppedColumn[]
  data: Fingerprint
  /** Rows of each part in the sample table, one part behind the other. */
  sampled: PartCounts
}

/** What a survey gives. */
export interface Surveyed {
  readonly survey: Omit<LargeSurvey, 'data'>
  /** Rows of each part. */
  readonly sample: Table
  /** All rows once more; the memory of a chunk is used again for the next but one. */
  readonly chunks: () => AsyncGenerator<Chunk>
  readonly close: () => Promise<void>
}

/**
 * Reads all rows once; files of few rows twice, where a share of them depends on how many there are, and times before all else,
 * where rows are parted by them.
 *
 * @param path beside which the rows may be kept for as long as the survey is open
 * @returns to be closed
 * @throws DataError where nothing can be learnt from the rows, or a column cannot be encoded
 */
export async function surveyLarge(
  source: LargeSource,
  settings: TrainSettings,
  path: string,
): Promise<Surveyed> {
  const options = openOptionsOf(settings)
  const spool = await ColumnSpool.create(path)
  try {
    const times = await findTimes(source, settings, options)
    const many = await scanned(source, settings, options, { rows: Infinity, times, spool })
    const { rows = 0 } = many.dataset
    if (times !== undefined || calibrationOf(settings, rows) === calibrationOf(settings, Infinity))
      return await surveyOf(many, settings, source.name)
    const few = await scanned(source, settings, { ...options, onReject: undefined }, { rows, spool })
    return await surveyOf(few, settings, source.name)
  } catch (error) {
    await spool?.close()
    throw error
  }
}

interface Scanned {
  readonly dataset: Dataset
  readonly columns: ColumnDescription[]
  readonly scan: Scan
  readonly scanning: Scanning
}

/** What a reading knows beforehand, and where it keeps the rows. */
interface Scanning {
  /** Of the file; infinite where nobody knows yet. */
  readonly rows: number
  readonly times?: TimeLimits
  readonly spool?: ColumnSpool
}

async function scanned(
  source: LargeSource,
  settings: TrainSettings,
  options: OpenCsvOptions,
  scanning: Scanning,
): Promise<Scanned> {
  // Of several passes the last one counts.
  const seen: { scan?: Scan } = {}
  const open = (watch: (names: readonly string[]) => Scan): Promise<Dataset> =>
    namingOption('types', settings.types, () => source.open(options, watch))
  const dataset = await open((names) => {
    checkNamed({ columns: names.map((name) => ({ name })), source: source.name }, settings)
    checkGroup(names, settings)
    seen.scan = new Scan(names, settings, scanning)
    return seen.scan
  })
  // Where a schema is given, this is what reads the rows.
  const columns = await dataset.describe()
  const { scan } = seen
  if (scan === undefined) throw new Error('rows that nobody has seen')
  return { dataset, columns, scan, scanning }
}

async function surveyOf(
  { dataset, columns, scan, scanning }: Scanned,
  settings: TrainSettings,
  source: string,
): Promise<Surveyed> {
  const { times, spool } = scanning
  const { rows = 0 } = dataset
  const schema = scan.tally.completed(dataset.schema)
  settings.givenRows?.check(rows)
  const summary = scan.tally.summary(schema.columns)
  const { sample, sampled } = await scan.sampleTable(schema, source)
  await breathe()
  const dropped = await inTurns(droppedOf(schema, columns, sample, settings, rows))
  const { classes, ...targets } = scan.targets(schema, summary)
  checkRule(sample, targets.target.task, settings)
  const aside = [...asideColumns(settings), ...dropped.map(({ name }) => name)]
  const inputs: Input[] = []
  for (const [index, { name }] of schema.columns.entries()) {
    if ([...settings.targets, ...aside].includes(name)) continue
    const type = Object.hasOwn(settings.types ?? {}, name) ? settings.types?.[name] : undefined
    inputs.push(summary.inputOf(index, type, settings.scale))
    await breathe()
  }
  const encoder: EncoderData = {
    inputs,
    ...targets,
    ignored: [...new Set(aside)],
  }
  if (Encoder.fromJSON(encoder).width === 0)
    throw new DataError({
      code: 'HADAMARD_NO_COLUMNS',
      where: source,
      expected: 'columns to learn from',
      received: 'none beside the target',
    })
  const survey = {
    rows,
    schema,
    columns,
    encoder,
    ...(classes === undefined ? {} : { classes }),
    ...(dataset.rejects.count > 0 ? { leftOut: dataset.rejects.count } : {}),
    droppedRows: scan.droppedRows,
    parts: scan.parts,
    ...(times === undefined ? {} : { times }),
    dropped,
    sampled,
  }
  const isSpooled = spool?.isWhole === true && scan.tally.hasAllTexts
  const codesOf = (index: number): Int32Array =>
    scan.tally.codesOf(index, categoriesOf(schema.columns[index]))
  return {
    survey,
    sample,
    chunks: () => (isSpooled ? spool.chunks(schema.columns, codesOf, source) : dataset.chunks()),
    close: async () => spool?.close(),
  }
}

/** The table that a survey's sample of the same rows was. */
export function sampleParts(sampled: PartCounts): Record<PartName, Uint32Array> {
  let first = 0
  const ranges = partNames.map((name): [PartName, Uint32Array] => {
    const from = first
    first += sampled[name]
    return [name, rowNumbers(sampled[name], from)]
  })
  return Object.fromEntries(ranges) as Record<PartName, Uint32Array>
}

class Scan implements SurveyWatcher {
  readonly tally: TrainingTally
  droppedRows = 0
  private readonly rule: PartRule
  private readonly samples: (RowSampleStore | undefined)[] = partNames.map(() => undefined)
  private readonly wanted: number
  private readonly loops: RowLoops
  private readonly drawKey: Uint32Array
  private readonly spool: ColumnSpool | undefined
  private readonly targetIndices: readonly number[]
  private readonly counts: readonly TargetCounts[]
  /** The texts that each target may have, where a schema lists them. */
  private readonly allowed: readonly (ReadonlySet<string> | undefined)[]
  private readonly partRows = partNames.map(() => 0)

  constructor(
    private readonly names: readonly string[],
    private readonly settings: TrainSettings,
    { rows, times, spool }: Scanning,
  ) {
    spool?.restart()
    const { seed, targets, task } = settings
    this.spool = spool
    this.loops = chooseRowLoops(settings)
    this.tally = new TrainingTally(names.length, this.loops)
    this.rule = partRule(settings, rows, times, this.loops)
    this.drawKey = streamKey(seed, 'sample')
    this.targetIndices = targets.map((target) => names.indexOf(target))
    this.counts = targets.map(() => new TargetCounts(task))
    this.allowed = targets.map((target) => listedTexts(settings, target))
    this.wanted = Math.min(MOST_SAMPLED, Math.max(1000, Math.floor(SAMPLE_BYTES / (8 * names.length))))
  }

  *add(block: SurveyedRows): Paced<Promise<void> | undefined> {
    const { rows, firstRow, columns } = block
    const targets = this.targetIndices.map((index) => columns[index])
    const isKnown = rowsWithAll(rows, targets, this.allowed)
    const partedBy = ruleColumns(this.settings, (name) => columns[this.names.indexOf(name)])
    const numbers = numbersFrom(firstRow, rows)
    const partOf = yield* this.rule(numbers, partedBy)
    const isTrained = new Uint8Array(rows)
    for (let row = 0; row < rows; row++) isTrained[row] = isKnown[row] === 1 && partOf[row] === 0 ? 1 : 0
    yield
    const pieces = this.tally.add(block, isTrained)
    yield
    targets.forEach((column, i) => {
      if (column !== undefined) this.counts[i].addRows(column, isKnown, isTrained)
    })
    const written = this.spool?.add(firstRow, rows, pieces)
    yield* this.addSamples(numbers, partOf, isKnown, pieces)
    return written
  }

  private *addSamples(
    numbers: Float64Array,
    partOf: Uint8Array,
    isKnown: Uint8Array,
    pieces: readonly (Float64Array | Int32Array)[],
  ): Paced<void> {
    for (let row = 0; row < isKnown.length; row++) this.droppedRows += 1 - isKnown[row]
    const drawn = new Uint32Array(numbers.length)
    this.loops.drawRows(this.drawKey, numbers, drawn)
    for (const part of partNames.keys()) {
      const rows = rowsOfPart(part, partOf, isKnown)
      if (rows.length === 0) continue
      this.partRows[part] += rows.length
      const store = (this.samples[part] ??= new RowSampleStore(this.wanted, this.names.length))
      const draws = new Uint32Array(rows.length)
      for (let i = 0; i < draws.length; i++) draws[i] = drawn[rows[i]]
      yield
      store.add(rows, draws, pieces)
    }
  }

  get parts(): PartCounts {
    const [train, validation, test, calibration] = this.partRows
    return { train, validation, test, calibration }
  }

  /** What is to be predicted, and the rows of each class. */
  targets(
    { columns }: DatasetSchema,
    summary: TrainingSummary,
  ): Pick<EncoderData, 'target' | 'furtherTargets' | 'taskReason'> & { classes?: ClassReport[] } {
    const { targetIndices, counts, settings } = this
    const { task, reason } = taskOfKinds(
      counts.map((count, i) => {
        const column = columns[targetIndices[i]]
        return { name: column.name, type: column.type, ...count.inferred(column) }
      }),
      settings.task,
    )
    if (task === 'classification') {
      const column = columns[targetIndices[0]]
      const { name } = column
      const { classes, reports } = counts[0].classes(column)
      return { target: { name, task, classes }, taskReason: reason, classes: reports }
    }
    const [target, ...furtherTargets] = targetIndices.map((index): NumberTarget => {
      const { name, type } = columns[index]
      if (type !== 'numeric') {
        throw textAsNumber(name)
      }
      const range = settings.preset === 'realmlp' ? { range: summary.rangeOf(index) } : {}
      return { name, task: 'regression', ...summary.scaleOf(index), ...range }
    })
    return { target, ...(furtherTargets.length === 0 ? {} : { furtherTargets }), taskReason: reason }
  }

  async sampleTable(
    { columns }: DatasetSchema,
    source: string,
  ): Promise<{ sample: Table; sampled: PartCounts }> {
    const [train, validation, test, calibration] = this.samples.map((store) => store?.rows ?? 0)
    if (train > 0) {
      const rows = train + validation + test + calibration
      const values = columns.map(() => new Float64Array(rows))
      let first = 0
      for (const store of this.samples) {
        if (store === undefined) continue
        await inTurns(store.copyTo(values, first))
        first += store.rows
      }
      const made: Column[] = []
      for (const [index, column] of columns.entries()) {
        made.push(this.sampledColumn(column, index, values[index]))
        await breathe()
      }
      return { sample: { rows, columns: made, source }, sampled: { train, validation, test, calibration } }
    }
    const names = this.settings.targets.join(' and ')
    const received =
      this.droppedRows > 0 ? `${this.droppedRows} rows, none with a value in column ${names}` : 'none'
    throw new DataError({ code: 'HADAMARD_NO_ROWS', where: source, expected: 'rows to train on', received })
  }

  private sampledColumn(column: SchemaColumn, index: number, values: Float64Array): Column {
    const { name } = column
    if (column.type === 'numeric')
      return { name, type: 'numeric', values, missing: countOf(values, Number.isNaN) }
    let missing = 0
    const categories = categoriesOf(column)
    const codeOf = this.tally.codesOf(index, categories)
    const codes = new Int32Array(values.length)
    for (let row = 0; row < codes.length; row++) {
      codes[row] = values[row] < 0 ? -1 : codeOf[values[row]]
      if (codes[row] < 0) missing++
    }
    return { name, type: 'categorical', codes, categories, missing, ...booleanFlag(column) }
  }
}

// Texts of which no list is kept have other codes in each chunk.
function rowsOfPart(part: number, partOf: Uint8Array, isKnown: Uint8Array): Uint32Array {
  const rows = new Uint32Array(partOf.length)
  let count = 0
  for (let row = 0; row < partOf.length; row++)
    if (partOf[row] === part && isKnown[row] === 1) rows[count++] = row
  return rows.subarray(0, count)
}

/** What a column of a table has where its schema says that the values are booleans. */
export function booleanFlag(column: SchemaColumn): { isBoolean?: true } {
  return column.type === 'categorical' && column.isBoolean === true ? { isBoolean: true } : {}
}

// By the sample, and by what is known of all rows where a sample cannot tell.
function* droppedOf(
  { columns }: DatasetSchema,
  descriptions: readonly ColumnDescription[],
  sample: Table,
  settings: TrainSettings,
  rows: number,
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

function textAsNumber(column: string): DataError {
  const expected = `classification, as column '${column}' has texts`
  return new DataError(
    { code: 'HADAMARD_TARGET_COLUMN', where: 'task', expected, received: 'regression' },
    { column },
  )
}
