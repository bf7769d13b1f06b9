/** Encodes the rows of a file larger than memory and packs them into a file of blocks. */

import { chooseRowLoops } from '../backends/choose.ts'
import type { Chunk } from '../data/chunks.ts'
import { CHUNKS_KEPT } from '../data/column-spool.ts'
import { Encoder } from '../data/encoder.ts'
import type { RowLayout } from '../data/packed-format.ts'
import { PackedRows } from '../data/packed-rows.ts'
import { PackedWriter } from '../data/packed-writer.ts'
import { PieceEncoder } from '../data/piece-encoder.ts'
import type { Table } from '../data/table.ts'
import { DataError } from '../errors.ts'
import { inTurns } from '../paced.ts'
import { lossOf, normalizeSpec, outputsOf, type NetworkSpec } from '../spec.ts'
import { weightsByCount } from '../training/weights.ts'
import { designNetwork } from './design.ts'
import { RunningFingerprint } from './fingerprint.ts'
import { checkMemory } from './large-memory.ts'
import { partNames, partRule, tableRuleColumns, type PartName } from './large-parts.ts'
import type { LargeSource } from './large-source.ts'
import { surveyLarge, type LargeSurvey, type Surveyed } from './large-survey.ts'
import type { TrainSettings } from './options.ts'
import type { Fingerprint } from './report.ts'
import { classWeights, multiplyWeights, rowWeights } from './row-weights.ts'

/**
 * Surveys the rows and packs them.
 *
 * @param path of the file that comes into being
 */
export async function pack(
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

// Returns what tells these rows from others. Some chunks are encoded and written while the next are parted.
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
  const inputs = new PieceEncoder(encoder, loops)
  // Test and calibration rows are scored by their samples.
  const written = (['train', 'validation'] as const).filter((name) => parts[name] > 0)
  const addPart = async (table: Table, places: Uint8Array, name: PartName): Promise<void> => {
    const { kept, classesOf, values } = keptRows(table, places, name, encoder)
    if (kept.length === 0) return
    const weights = multiplyWeights(rowWeights(table, settings.weight, kept, true), byClass, classesOf)
    const rooms = writer.reserve(name, kept.length)
    writer.setTargets(
      rooms,
      writer.layout.areTargetsLabels ? new Uint32Array(values) : new Float32Array(values),
      weights === undefined ? undefined : new Float32Array(weights),
    )
    await inputs.encode(table, kept, rooms)
    await writer.filled(rooms)
  }
  const underWay: Promise<unknown>[] = []
  try {
    for await (const chunk of chunks) {
      const table = namedByRows(chunk)
      fingerprint.add(table)
      // The survey has parted the rows already, where it has kept them.
      const places = chunk.marks ?? (await inTurns(rule(chunk.numbers, tableRuleColumns(table, settings))))
      const adding = allDone(written.map((name) => addPart(table, places, name)))
      // Whoever awaits it is told.
      adding.catch(() => undefined)
      underWay.push(adding)
      while (underWay.length > CHUNKS_KEPT) await underWay.shift()
    }
    while (underWay.length > 0) await underWay.shift()
  } finally {
    await Promise.allSettled(underWay)
  }
  return fingerprint.end(total)
}

// Not before the last of them is over, even where one fails: the file that they write to is closed then.
async function allDone(jobs: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(jobs)
  await Promise.all(jobs)
}

// For messages: which rows of the file these are.
export function namedByRows({ table, numbers }: Chunk): Table {
  return { ...table, source: `${table.source ?? ''}, rows from ${numbers[0] ?? 0}:` }
}

// The rows of a part that are written: those with a target, of a class that training has.
export function keptRows(
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

function largeClassWeights(
  { classWeight }: TrainSettings,
  encoder: Encoder,
  classes: LargeSurvey['classes'],
): number[] | undefined {
  if (classWeight === 'balanced' && classes !== undefined)
    return weightsByCount(classes.map(({ trainRows }) => trainRows))
  return classWeights(classWeight, encoder, [])
}
