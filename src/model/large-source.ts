/** What can be trained on out of core: rows that are opened as often as asked for, and the files by which a cache of them is known. */

import { readsNatively } from '../backends/choose.ts'
import type { Chunk } from '../data/chunks.ts'
import { Dataset } from '../data/dataset.ts'
import { isOtherSource } from '../data/open-dataset.ts'
import { checkSourceOptions } from '../data/open-options.ts'
import { openable, openableSource, type Openable } from '../data/openable.ts'
import { sourceOptionsOf } from '../data/read-table.ts'
import type { Table } from '../data/table.ts'
import { describeValue } from '../check.ts'
import { SpecError } from '../errors.ts'
import { defaultMemory, memoryBytes, mostWhole } from './memory.ts'
import type { TrainSettings } from './options.ts'
import { checkIsRead, isInput, namingOption, openOptionsOf } from './read-source.ts'

/** What the program takes beside a library that reads for it. */
const OWN_BYTES = 300e6
const LEAST_SHARE = 0.25
/** Of a piece of a file that the core parses: a larger one spares the event loop's thread work, and takes memory. */
const PIECE_BYTES = 2 ** 20

/** Rows to train on. */
export interface LargeSource extends Openable {
  /** Paths and patterns of the files whose rows these are; undefined where nothing tells whether rows have changed since. */
  readonly files?: readonly string[]
  /** The rows with their places in files, where a dataset that is opened has lost them. */
  chunks?(): AsyncIterable<Chunk>
}

/**
 * The rows of a source, to be read as often as asked for; undefined for rows in memory. What can be read only once is kept in a
 * temporary file.
 *
 * @throws DataError where they cannot be found or kept; SpecError for options that the source has no use for, and where training
 *   out of core is asked for, of rows in memory
 */
export async function largeSource(
  source: unknown,
  settings: TrainSettings,
): Promise<LargeSource | undefined> {
  if (source instanceof Dataset) {
    checkIsRead(settings)
    return ofDataset(source as Dataset)
  }
  if (!isInput(source)) {
    checkNotAsked(source, settings)
    return undefined
  }
  const { delimiter, backend, threads, onRead } = settings
  const isOther = isOtherSource(source)
  if (isOther) checkSourceOptions('openDataset', sourceOptionsOf(openOptionsOf(settings)))
  const limits = { memoryBytes: readerMemory(limitOf(settings)), onProgress: onRead }
  const chunkBytes = readsNatively({ backend }) ? PIECE_BYTES : undefined
  const found = await openable(source, isOther ? limits : { delimiter, backend, threads, chunkBytes })
  return found.isCopy || !isPaths(source) ? found : { ...found, files: [source].flat() }
}

function isPaths(source: unknown): source is string | readonly string[] {
  return typeof source === 'string' || Array.isArray(source)
}

/** The rows of a source as one table. */
export function tableOf(source: LargeSource, settings: TrainSettings): Promise<Table> {
  return namingOption('types', settings.types, async () =>
    (await source.open(openOptionsOf(settings))).toTable(),
  )
}

/** Whether rows are trained on by parts: as asked for, or because they do not fit into memory. */
export async function isTrainedByParts(source: LargeSource, settings: TrainSettings): Promise<boolean> {
  if (settings.outOfCore === false) return false
  if (askedFor(settings) !== undefined) return true
  const most = mostWhole(limitOf(settings))
  return (await source.bytes(most)) > most
}

// The option by which training out of core is asked for.
function askedFor({ outOfCore, cache, shuffleWindow }: TrainSettings): string | undefined {
  const asked = { outOfCore: outOfCore === true ? outOfCore : undefined, cache, shuffleWindow }
  return Object.entries(asked).find(([, value]) => value !== undefined)?.[0]
}

function checkNotAsked(given: unknown, settings: TrainSettings): void {
  const where = askedFor(settings)
  if (where === undefined || !Array.isArray(given)) return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where,
    expected: 'rows that are read piece by piece: files, SQL, a stream or a dataset, to train on out of core',
    received: describeValue(given),
    cure: 'Leave it out, or train on a dataset of them: await Dataset.from(rows)',
  })
}

function limitOf({ memory }: TrainSettings): number {
  return memory === undefined ? defaultMemory() : memoryBytes(memory)
}

function readerMemory(limit: number): number {
  return Math.max(LEAST_SHARE * limit, limit - OWN_BYTES)
}

function ofDataset(dataset: Dataset): LargeSource {
  const source = dataset.source()
  const found = openableSource(source)
  // Numbers and texts as they are; whether texts are booleans their values tell.
  const types = Object.fromEntries(
    dataset.schema.columns
      .filter((column) => column.type === 'numeric' || column.isBoolean !== true)
      .map(({ name, type }) => [name, type]),
  )
  return {
    ...found,
    chunks: () => dataset.chunks(),
    open: ({ columns, types: declared, onProgress }, watch) =>
      found.open({ columns, types: { ...types, ...declared }, onProgress }, watch),
  }
}
