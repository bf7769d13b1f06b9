/**
 * Training on a file larger than memory. Its rows are surveyed, encoded and packed into a file of blocks, which later epochs and
 * later trainings with the same data and settings read instead.
 */

import { describeValue } from '../check.ts'
import { optimizerInfo } from '../compiler/optimizers.ts'
import { numbersFrom, type Chunk } from '../data/chunks.ts'
import { Encoder } from '../data/encoder.ts'
import { locateRows } from '../data/locate-rows.ts'
import { ShuffledRows } from '../data/shuffled-rows.ts'
import type { Table } from '../data/table.ts'
import { windowRowsOf } from '../data/window-rows.ts'
import { DivergenceError, SpecError } from '../errors.ts'
import type { Model, Prediction } from '../model.ts'
import { Network } from '../network.ts'
import { atOnce, breathe, inTurns, type Paced } from '../paced.ts'
import { divergenceIn, rowsNamed } from '../training/divergence.ts'
import { positiveClass } from './decision.ts'
import { designNetwork, leadingMetric } from './design.ts'
import { columnsOf } from './diverged.ts'
import { finishTraining } from './finish.ts'
import { follow } from './follow.ts'
import { footprintOf } from './footprint.ts'
import { GivenRows } from './given-rows.ts'
import { packedData, type PackedData } from './large-cache.ts'
import { checkMemory } from './large-memory.ts'
import { keptRows, namedByRows } from './large-packing.ts'
import { partRule, tableRuleColumns } from './large-parts.ts'
import type { LargeSource } from './large-source.ts'
import { sampleParts } from './large-survey.ts'
import type { TrainSettings } from './options.ts'
import { describeRule } from './parts.ts'
import { planOf } from './plan.ts'
import { openOptionsOf } from './read-source.ts'
import { courseOf, type Course } from './recipe.ts'
import type { TrainingPlan } from './report.ts'
import { checkTargets, isImbalanced } from './survey.ts'

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
