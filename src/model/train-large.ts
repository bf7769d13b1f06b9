/**
 * Training on a file larger than memory. Its rows are surveyed, encoded and packed into a file of blocks, which later epochs and
 * later trainings with the same data and settings read instead.
 */

import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { chooseRowLoops } from '../backends/choose.ts'
import { describeValue } from '../check.ts'
import { optimizerInfo } from '../compiler/optimizers.ts'
import { expandPattern, unreadableFile } from '../data/csv-bytes.ts'
import { numbersFrom, type Chunk } from '../data/chunks.ts'
import { Encoder } from '../data/encoder.ts'
import { PackedRows, PackedWriter, rowBytes, type RowLayout } from '../data/packed-rows.ts'
import { ShuffledRows } from '../data/shuffled-rows.ts'
import { atOnce, breathe, inTurns, type Paced } from '../paced.ts'
import { countOf, type Column, type Table } from '../data/table.ts'
import { locateRows } from '../data/locate-rows.ts'
import { windowRowsOf } from '../data/window-rows.ts'
import { DataError, DivergenceError, SpecError } from '../errors.ts'
import type { Model, Prediction } from '../model.ts'
import { Network } from '../network.ts'
import { lossOf, normalizeSpec, outputsOf, parametersOf, type NetworkSpec } from '../spec.ts'
import { classWeights, multiplyWeights, rowWeights } from './row-weights.ts'
import { positiveClass } from './decision.ts'
import { columnsOf } from './diverged.ts'
import { designNetwork, leadingMetric } from './design.ts'
import { RunningFingerprint } from './fingerprint.ts'
import { footprintOf } from './footprint.ts'
import { GivenRows } from './given-rows.ts'
import { partNames, partRule, tableRuleColumns, type PartName } from './large-parts.ts'
import { booleanFlag, sampleParts, surveyLarge, type LargeSurvey, type Surveyed } from './large-survey.ts'
import type { LargeSource } from './large-source.ts'
import { megabytes, memoryBytes } from './memory.ts'
import type { TrainSettings } from './options.ts'
import type { Fingerprint, TrainingPlan } from './report.ts'
import { divergenceIn, rowsNamed } from '../training/divergence.ts'
import { weightsByCount } from '../training/weights.ts'
import { checkTargets, isImbalanced } from './survey.ts'
import { courseOf, type Course } from './recipe.ts'
import { finishTraining } from './finish.ts'
import { follow } from './follow.ts'
import { describeRule } from './parts.ts'
import { planOf } from './plan.ts'
import { openOptionsOf } from './read-source.ts'

/** Of what encoding and packing make; another number where their results change. */
const CACHE_VERSION = 3
/** What the program, the reader and the samples of all parts take beside the windows. */
const BASE_BYTES = 250e6
/** Copies of the weights that a fit keeps: gradients, optimizer state, the best. */
const WEIGHT_COPIES = 6

/** Rows that are encoded and packed, with what was learnt of them. */
interface PackedData {
  readonly packed: PackedRows
  readonly survey: LargeSurvey
  readonly sample: Table
}

/**
 * Trains on rows by parts, with options that have been checked.
 *
 * @throws SpecError for options that need all rows in memory, and where the memory does not suffice; DataError as in memory
 */
export async function trainLarge<Row extends object, P extends Prediction>(
  source: LargeSource,
  given: TrainSettings,
): Promise<Model<Row, P>> {
  checkSettings(given)
  const { split } = given
  const settings = split === undefined ? given : { ...given, givenRows: await GivenRows.of(split) }
  const { packed, survey, sample } = await packedData(source, settings)
  try {
    const encoder = Encoder.fromJSON(survey.encoder)
    const network = new Network({ ...designNetwork(encoder, settings), backend: settings.backend })
    const windowRows = settings.shuffleWindow ?? windowRowsOf(packed.layout)
    checkMemory(source, settings, packed.layout, network.spec)
    const course = courseOf(settings, encoder, network.spec, packed.rowsOf('train'))
    await breathe()
    const plan = await inTurns(planOfLarge({ packed, survey, sample }, encoder, network, settings, course))
    const metric = leadingMetric(encoder, settings.metric, isImbalanced(plan.classes))
    const positive = positiveClass(encoder, plan.classes, settings)
    settings.onStart?.(plan)
    const { threads, maxTime, seed, recover } = settings
    const { earlyStopping, ...steps } = course
    const options = {
      ...steps,
      threads,
      recover,
      maxTimeMs: maxTime === undefined ? undefined : 1000 * maxTime,
      ...(packed.rowsOf('validation') > 0 ? { earlyStopping } : {}),
    }
    const rows = new ShuffledRows(packed, seed)
    await breathe()
    const history = await follow(
      (signal) => network.fitWindows(rows, windowRows, { ...options, signal }, settings.onProgress),
      settings,
    ).catch(async (error: unknown) => {
      throw await divergedInFile(error, source, { survey, sample }, encoder, settings)
    })
    const parts = { ...sampleParts(survey.sampled), rule: plan.split.rule, warnings: [] }
    const trained = { encoder, network, plan, metric, positive, history, warnings: [], data: survey.data }
    return await finishTraining<Row, P>(trained, sample, parts, settings)
  } finally {
    await packed.close()
  }
}

function checkSettings(settings: TrainSettings): void {
  const { optimizer, keepOptimizer } = settings
  const needing = {
    optimizer: optimizerInfo(optimizer).isFullBatch === true ? optimizer : undefined,
    keepOptimizer: keepOptimizer === true ? keepOptimizer : undefined,
  }
  const found = Object.entries(needing).find(([, value]) => value !== undefined)
  if (found === undefined) return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: found[0],
    expected: 'rows that fit into memory; out of core they are taken batch by batch',
    received: describeValue(found[1]),
    cure: 'Raise `memory`, or leave it out',
  })
}

// Out of core, memory does not depend on the rows; what it depends on can be told before training.
function checkMemory(
  { libraryBytes }: LargeSource,
  settings: TrainSettings,
  layout: RowLayout,
  spec: NetworkSpec,
): void {
  const { memory, shuffleWindow: windowRows = windowRowsOf(layout) } = settings
  if (memory === undefined) return
  const limit = memoryBytes(memory)
  const windows = 2 * windowRows * rowBytes(layout)
  const weights =
    4 *
    WEIGHT_COPIES *
    parametersOf(spec).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const base = BASE_BYTES + libraryBytes
  const needed = base + windows + weights
  if (needed <= limit) return
  throw new SpecError({
    code: 'HADAMARD_MEMORY',
    where: 'memory',
    expected:
      `at least ${megabytes(needed)}: ${megabytes(base)} for the program and the reader, ${megabytes(weights)} for the ` +
      `network, ${megabytes(windows)} for two windows of ${windowRows.toLocaleString('en')} rows of ${rowBytes(layout)} bytes`,
    received: megabytes(limit),
    cure: 'Raise it, or mix fewer rows with one another (`shuffleWindow`), which changes what is trained',
  })
}

function* planOfLarge(
  { packed, survey, sample }: PackedData,
  encoder: Encoder,
  network: Network,
  settings: TrainSettings,
  course: Course,
): Paced<TrainingPlan> {
  const windowRows = settings.shuffleWindow ?? windowRowsOf(packed.layout)
  const { rows, dropped, classes, parts, droppedRows, sampled, columns } = survey
  const drawn = {
    ...sampleParts(sampled),
    rule: ruleInWords(sample, encoder, settings),
    warnings: [],
  }
  checkTargets(sample, settings)
  const plan = yield* planOf(sample, encoder, drawn, network, settings, course, dropped)
  return {
    ...plan,
    rows,
    columns: plan.columns.map((column) => {
      const { missing } = columns.find(({ name }) => name === column.name) ?? column
      return { ...column, missing }
    }),
    taskReason: survey.encoder.taskReason,
    ...(classes === undefined ? {} : { classes }),
    droppedRows,
    split: {
      rule: drawn.rule,
      train: parts.train,
      validation: packed.rowsOf('validation'),
      test: parts.test,
      ...(settings.coverage === undefined ? {} : { calibration: parts.calibration }),
    },
    // Of the rows two windows are in memory.
    footprint: footprintOf(network.spec, {
      train: Math.min(windowRows, parts.train),
      validation: 0,
      batchSize: plan.batchSize,
      optimizer: course.optimizer,
      isWeighted: packed.layout.isWeighted,
    }),
    outOfCore: { shuffleWindow: windowRows, blockRows: packed.blockRows, scored: sampled },
  }
}

// Groups are held out by hash, and classes keep their shares where that is asked for alone.
function ruleInWords(sample: Table, encoder: Encoder, settings: TrainSettings): string {
  const { group, seed, split, stratify = false } = settings
  if (group !== undefined && split === undefined) return `whole groups of ${group} by hash, seed ${seed}`
  return describeRule(sample, encoder.task, { ...settings, stratify })
}

// The cache of the same data and settings, or one that is made now.
async function packedData(source: LargeSource, settings: TrainSettings): Promise<PackedData> {
  const { cache, onCache = (): void => undefined } = settings
  const files = await filesOf(source)
  const key = keyOf(files, settings)
  const isKept = cache !== false && files.length > 0
  const folder = isKept ? (cache ?? dirname(resolve(files[0].path))) : await passingFolder(cache)
  try {
    const path = isKept ? cachePath(folder, files, settings) : join(folder, `${randomUUID()}.rows`)
    const found = await PackedRows.open(path, key, false, chooseRowLoops(settings))
    if (found instanceof PackedRows && !hasRejectsToTell(found, settings)) {
      onCache(`packed rows of an earlier training: ${path}`)
      return await readPacked(found, source.name)
    }
    if (found instanceof PackedRows) {
      await found.close()
      onCache(`the packed rows ${path} leave out wrong records, which are to be told of: making them anew`)
    } else if (found !== undefined) onCache(`the packed rows ${path} are ${found}: making them anew`)
    await PackedWriter.checkFolder(path)
    const hasChanged = async (): Promise<boolean> =>
      (await filesOf(source).then(
        (after) => keyOf(after, settings),
        () => undefined,
      )) !== key
    const packed = await pack(source, path, key, settings).catch(async (error: unknown) => {
      // What looks like a wrong record is often the end of one that is still being written.
      throw (await hasChanged()) ? changedFile(source.name, error) : error
    })
    if (await hasChanged()) {
      await packed.close()
      await rm(path, { force: true })
      throw changedFile(source.name)
    }
    if (isKept) onCache(`packed rows for later trainings: ${path}`)
    else if (cache !== false)
      onCache(`packed rows for this training alone, as nothing tells whether ${source.name} changes`)
    return await readPacked(packed, source.name)
  } finally {
    // An open file of a folder that is gone stays until it is closed.
    if (!isKept) await rm(folder, { recursive: true, force: true })
  }
}

async function passingFolder(cache: string | false | undefined): Promise<string> {
  const parent = typeof cache === 'string' ? cache : tmpdir()
  await PackedWriter.checkFolder(join(parent, 'hadamard-'))
  return mkdtemp(join(parent, 'hadamard-'))
}

function changedFile(source: string, cause?: unknown): DataError {
  if (cause instanceof DataError && cause.code === 'HADAMARD_CSV_CHANGED') return cause
  return new DataError(
    {
      code: 'HADAMARD_CSV_CHANGED',
      where: source,
      expected: 'a file that stays as it is while it is read',
      received: 'one that was written to',
      cure: 'Train on it when it is complete, or on a copy',
    },
    { cause },
  )
}

// Who asks for the records that are left out has the file read.
function hasRejectsToTell({ notes }: PackedRows, { onReject }: TrainSettings): boolean {
  return onReject !== undefined && (notes as LargeSurvey).leftOut !== undefined
}

interface SourceFile {
  readonly path: string
  readonly bytes: number
  readonly changedMs: number
}

// None where the rows are not those of files.
async function filesOf({ files = [] }: LargeSource): Promise<SourceFile[]> {
  const paths = (await Promise.all(files.map(expandPattern))).flat()
  return Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(path).catch((error: unknown) => {
        throw unreadableFile(path, error)
      })
      return { path: resolve(path), bytes: size, changedMs: mtimeMs }
    }),
  )
}

// What the packed numbers follow from, beside the files.
function encodingOf(settings: TrainSettings): object {
  const { targets, ignore, types, missing, delimiter, task, scale, seed, test, validation, coverage } =
    settings
  const { weight, group, splitBy, stratify, classWeight, loss, preset, schema, onError } = settings
  return {
    version: CACHE_VERSION,
    ...{ targets, ignore, types, missing, delimiter, task, scale, seed, test, validation, coverage },
    ...{ weight, group, splitBy, stratify, classWeight, loss, preset, schema, onError },
    split: settings.givenRows?.digest,
  }
}

function keyOf(files: readonly SourceFile[], settings: TrainSettings): string {
  return digest({ files, ...encodingOf(settings) })
}

function cachePath(folder: string, files: readonly SourceFile[], settings: TrainSettings): string {
  const name = digest({ paths: files.map(({ path }) => path), ...encodingOf(settings) }).slice(0, 8)
  return join(folder, `${basename(files[0].path)}.${name}.rows`)
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}

async function pack(
  source: LargeSource,
  path: string,
  key: string,
  settings: TrainSettings,
): Promise<PackedRows> {
  const surveyed = await surveyLarge(source, settings, path)
  try {
    return await packRows(source, surveyed, path, key, settings)
  } finally {
    await surveyed.close()
  }
}

async function packRows(
  source: LargeSource,
  { survey, sample, chunks }: Surveyed,
  path: string,
  key: string,
  settings: TrainSettings,
): Promise<PackedRows> {
  const encoder = Encoder.fromJSON(survey.encoder)
  const spec = normalizeSpec(designNetwork(encoder, settings))
  const layout = layoutOf(spec, settings)
  checkMemory(source, settings, layout, spec)
  const writer = await PackedWriter.create(path, key, layout, chooseRowLoops(settings))
  try {
    const data = await writeRows(writer, chunks(), survey, encoder, settings)
    for (const [index, column] of sample.columns.entries()) {
      const { buffer, byteOffset, byteLength } = column.type === 'numeric' ? column.values : column.codes
      await writer.section(String(index), new Uint8Array(buffer, byteOffset, byteLength))
    }
    await writer.finish({ ...survey, data })
  } catch (error) {
    await writer.abandon()
    throw error
  }
  const packed = await PackedRows.open(path, key, true, chooseRowLoops(settings))
  if (packed instanceof PackedRows) return packed
  throw new DataError({
    code: 'HADAMARD_FILE_READ',
    where: path,
    expected: 'the packed rows that were written',
    received: packed ?? 'none',
  })
}

function layoutOf(spec: NetworkSpec, settings: TrainSettings): RowLayout {
  const areTargetsLabels = lossOf(spec).task === 'classes'
  return {
    dtype: spec.dtype,
    inputs: spec.inputs,
    targets: areTargetsLabels ? 1 : outputsOf(spec),
    areTargetsLabels,
    isWeighted: settings.weight !== undefined || settings.classWeight !== undefined,
  }
}

// Returns what tells these rows from others.
async function writeRows(
  writer: PackedWriter,
  chunks: AsyncIterable<Chunk>,
  { parts, classes, rows: total, schema, times }: Omit<LargeSurvey, 'data'>,
  encoder: Encoder,
  settings: TrainSettings,
): Promise<Fingerprint> {
  const loops = chooseRowLoops(settings)
  const rule = partRule(settings, total, times, loops)
  const byClass = largeClassWeights(settings, encoder, classes)
  const fingerprint = new RunningFingerprint(schema, loops)
  // Test and calibration rows are scored by their samples.
  const written = (['train', 'validation'] as const).filter((name) => parts[name] > 0)
  // Of one chunk after another: what each leaves would wait for the collector.
  let memory = new Float32Array(0)
  for await (const chunk of chunks) {
    const table = namedByRows(chunk)
    fingerprint.add(table)
    const columns = tableRuleColumns(table, settings)
    const places = await inTurns(rule(chunk.numbers, columns))
    for (const name of written) {
      const { kept, classesOf, values } = keptRows(table, places, name, encoder)
      if (kept.length === 0) continue
      const weights = multiplyWeights(rowWeights(table, settings.weight, kept, true), byClass, classesOf)
      const elements = kept.length * encoder.width
      if (memory.length < elements) memory = new Float32Array(elements)
      const x = memory.subarray(0, elements).fill(0)
      await inTurns(encoder.encodingInto(x, table, kept, loops))
      await writer.append(
        name,
        {
          x,
          y: writer.layout.areTargetsLabels ? new Uint32Array(values) : new Float32Array(values),
          ...(weights === undefined ? {} : { weights: new Float32Array(weights) }),
        },
        kept.length,
      )
    }
  }
  return fingerprint.end(total)
}

// For messages: which rows of the file these are.
function namedByRows({ table, numbers }: Chunk): Table {
  return { ...table, source: `${table.source ?? ''}, rows from ${numbers[0] ?? 0}:` }
}

// The rows of a part that are written: those with a target, of a class that training has.
function keptRows(
  table: Table,
  places: Uint8Array,
  part: PartName,
  encoder: Encoder,
): { kept: Uint32Array; classesOf: Int32Array; values: Int32Array | Float64Array } {
  const place = partNames.indexOf(part)
  const wanted = new Uint32Array(table.rows)
  let count = 0
  for (let row = 0; row < table.rows; row++) if (places[row] === place) wanted[count++] = row
  const target = encoder.encodeTarget(table, wanted.subarray(0, count))
  if (target.task === 'regression')
    return { kept: target.rows, classesOf: new Int32Array(), values: target.values }
  const areKnown = target.unseen === 0
  const kept = areKnown ? target.rows : target.rows.filter((_, i) => target.classes[i] >= 0)
  const classesOf = areKnown ? target.classes : target.classes.filter((index) => index >= 0)
  return { kept, classesOf, values: classesOf }
}

// What a fit has thrown in the terms of the file: its training rows are counted once more.
async function divergedInFile(
  error: unknown,
  source: LargeSource,
  { survey, sample }: Pick<PackedData, 'survey' | 'sample'>,
  encoder: Encoder,
  settings: TrainSettings,
): Promise<unknown> {
  if (!(error instanceof DivergenceError) || error.autopsy === undefined) return error
  const { autopsy } = error
  const rule = partRule(settings, survey.rows, survey.times)
  let next = 0
  const trained = (chunk: Chunk): Uint32Array => {
    const { table } = chunk
    const first = next
    next += table.rows
    const places = atOnce(rule(numbersFrom(first, table.rows), tableRuleColumns(table, settings)))
    return keptRows(namedByRows(chunk), places, 'train', encoder).kept
  }
  const silent = { ...openOptionsOf(settings), onReject: undefined, onProgress: undefined }
  const locate = async (): ReturnType<typeof locateRows> =>
    locateRows(source.chunks?.() ?? (await source.open(silent)).chunks(), rowsNamed(autopsy), trained)
  const found = await locate().catch(() => undefined)
  if (found === undefined) return error
  return divergenceIn(autopsy, { rows: found, ...columnsOf(encoder, sample, settings.weight) })
}

function largeClassWeights(
  { classWeight }: TrainSettings,
  encoder: Encoder,
  classes: LargeSurvey['classes'],
): number[] | undefined {
  if (classWeight === 'balanced' && classes !== undefined)
    return weightsByCount(classes.map(({ trainRows }) => trainRows))
  return classWeights(classWeight, encoder, [])
}

async function readPacked(packed: PackedRows, source: string): Promise<PackedData> {
  const survey = packed.notes as LargeSurvey
  const rows = Object.values(survey.sampled).reduce((sum, count) => sum + count, 0)
  const columns: Column[] = []
  for (const [index, schema] of survey.schema.columns.entries()) {
    await breathe()
    const { buffer } = await packed.section(String(index))
    const { name } = schema
    if (schema.type === 'numeric') {
      const values = new Float64Array(buffer)
      columns.push({ name, type: 'numeric', values, missing: countOf(values, Number.isNaN) })
    } else {
      const codes = new Int32Array(buffer)
      const missing = countOf(codes, (code) => code < 0)
      const { categories = [] } = schema
      columns.push({ name, type: 'categorical', codes, categories, missing, ...booleanFlag(schema) })
    }
  }
  const { leftOut } = survey
  return { packed, survey, sample: { rows, columns, source, ...(leftOut === undefined ? {} : { leftOut }) } }
}
