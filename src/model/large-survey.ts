/** What training on a file larger than memory must know of its rows: parts, encoder, classes, and a sample of every part. */

import type { Chunk } from '../data/chunks.ts'
import { ColumnSpool } from '../data/column-spool.ts'
import type { Dataset } from '../data/dataset.ts'
import { Encoder, type EncoderData } from '../data/encoder.ts'
import type { Input } from '../data/input.ts'
import type { OpenCsvOptions } from '../data/open-options.ts'
import { rowNumbers } from '../data/split.ts'
import type { ColumnDescription } from '../data/summaries.ts'
import type { DatasetSchema, SchemaColumn } from '../data/survey.ts'
import type { Table } from '../data/table.ts'
import { categoriesOf } from '../data/training-summary.ts'
import { breathe, inTurns } from '../paced.ts'
import { droppedOf } from './large-dropped.ts'
import { partNames, calibrationOf, type PartName, type PartCounts, type TimeLimits } from './large-parts.ts'
import { Scan, type Scanning } from './large-scan.ts'
import type { LargeSource } from './large-source.ts'
import { findTimes } from './large-times.ts'
import type { TrainSettings } from './options.ts'
import { checkGroup, checkRule } from './parts.ts'
import { asideColumns } from './plan.ts'
import { openOptionsOf, namingOption } from './read-source.ts'
import type { Fingerprint, ClassReport } from './report.ts'
import { checkNamed, checkTargetValues, noInputs, type DroppedColumn } from './survey.ts'

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
  /** All rows once more; the memory of a chunk stays as it is while `CHUNKS_KEPT` more are asked for. */
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
  if (rows > 0) checkTargetsOf(settings, columns, schema, source)
  const { sample, sampled } = await scan.sampleTable(schema, source)
  await breathe()
  const othersOf = (index: number): readonly string[] | undefined => scan.tally.othersOf(index)
  const dropped = await inTurns(droppedOf(schema, columns, sample, settings, { rows, othersOf }))
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
  if (Encoder.fromJSON(encoder).width === 0) throw noInputs(source, dropped)
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

// As of a table, by what is known of all rows.
function checkTargetsOf(
  { targets }: TrainSettings,
  descriptions: readonly ColumnDescription[],
  { columns }: DatasetSchema,
  source: string,
): void {
  for (const description of descriptions) {
    if (!targets.includes(description.name)) continue
    const schema = columns.find(({ name }) => name === description.name)
    checkTargetValues(source, description, onlyValue(description, schema))
  }
}

function onlyValue(description: ColumnDescription, schema: SchemaColumn | undefined): number | string | null {
  if (description.type === 'numeric')
    return description.minimum === description.maximum ? description.minimum : null
  if (description.categories !== 1 || schema?.type !== 'categorical') return null
  return schema.categories?.length === 1 ? schema.categories[0] : null
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
