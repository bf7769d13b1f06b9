/** What a network does with the rows of a dataset: fits on them window by window, scores and predicts them batch by batch. */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { chooseRowLoops } from './backends/choose.ts'
import { checkInteger, checkNumber, describeValue } from './check.ts'
import type { Chunk } from './data/chunks.ts'
import { Dataset } from './data/dataset.ts'
import {
  chooseColumns,
  inputsOf,
  layoutOf,
  rowArraysOf,
  type ChosenColumns,
  type DatasetColumns,
} from './data/dataset-rows.ts'
import type { RowArrays } from './data/packed-format.ts'
import { PackedRows } from './data/packed-rows.ts'
import { PackedWriter } from './data/packed-writer.ts'
import type { RowLoops } from './data/row-loops.ts'
import { ShuffledRows } from './data/shuffled-rows.ts'
import { windowRowsOf } from './data/window-rows.ts'
import { optimizerInfo } from './compiler/optimizers.ts'
import { locateRows } from './data/locate-rows.ts'
import { DataError, DivergenceError, rejectUnknownKeys, SpecError } from './errors.ts'
import { regressionMetrics } from './metrics/regression.ts'
import type { Evaluation } from './evaluation.ts'
import type { Network } from './network.ts'
import { floatArray, type FloatArray } from './ops/arithmetic.ts'
import { randomStream } from './random.ts'
import { fileTrouble } from './serialize.ts'
import { headsOf } from './spec.ts'
import { temporaryFolder } from './temporary.ts'
import { divergenceIn, rowsNamed } from './training/divergence.ts'
import type { PreparedFit } from './training/fit.ts'
import { normalizeFitOptions, type FitOptions, type FitSettings } from './training/options.ts'
import { prepareWindowFit, type WindowJob } from './training/window-fit.ts'

/** Settings of a fit on a dataset. */
export interface DatasetFitOptions
  extends
    DatasetColumns,
    Omit<FitOptions, 'validation' | 'sampleWeights' | 'classWeights' | 'monitor' | 'keepOptimizer'> {
  target: string | readonly string[]
  /**
   * Share of the rows that are watched, from 0 to below 1, by a hash of the network's seed and the row's number; or a dataset
   * of its own. Default none.
   */
  validation?: number | Dataset
  /** Rows that are mixed with one another, an integer ≥ 1; default what 32 MiB hold, at most 262,144. */
  shuffleWindow?: number
  /** Folder for the packed rows while the fit runs, default that of temporary files. */
  cache?: string
}

const datasetKeys = ['inputs', 'target', 'weight', 'validation', 'shuffleWindow', 'cache'] as const
const arrayKeys = ['sampleWeights', 'classWeights', 'monitor', 'keepOptimizer'] as const

type FitParts = Omit<WindowJob, 'settings' | 'source' | 'windowRows'>

/**
 * Checks a fit on a dataset.
 *
 * @returns the run, to be started at once: it packs the rows into a temporary file, which is read in every epoch
 * @throws SpecError, DataError for what can be told before the rows are read
 */
export function prepareDatasetFit(
  dataset: Dataset,
  options: DatasetFitOptions,
  parts: FitParts,
  keep: (parameters: FloatArray) => void,
): PreparedFit {
  const { spec } = parts
  const loops = chooseRowLoops({ backend: parts.backend.name })
  const settings = checkOptions(options)
  const columns = chooseColumns(dataset, spec, 'fit', options)
  const { validation, cache } = options
  if (validation instanceof Dataset) chooseColumns(validation, spec, 'fit: validation', options)
  const windowRows = options.shuffleWindow ?? windowRowsOf(layoutOf(spec, columns))
  return async (report, onProgress) => {
    const open = {
      fit: undefined as PreparedFit | undefined,
      folder: '',
      packed: undefined as PackedRows | undefined,
    }
    try {
      open.folder = await packingFolder(cache)
      const path = join(open.folder, `${randomUUID()}.rows`)
      const { signal } = settings
      open.packed = await packDataset(dataset, { spec, columns, validation, path, loops, signal })
      const source = new ShuffledRows(open.packed, spec.seed)
      open.fit = prepareWindowFit({ ...parts, settings, source, windowRows }, keep)
      return await open.fit(report, onProgress)
    } catch (given) {
      const error = await divergedIn(given, dataset, { spec, columns, validation })
      // Once it runs, a fit gives the weights back itself.
      if (open.fit === undefined) keep(parts.parameters)
      throw error
    } finally {
      await open.packed?.close()
      if (open.folder !== '') await rm(open.folder, { recursive: true, force: true })
    }
  }
}

function checkOptions(options: DatasetFitOptions): FitSettings {
  const given: Record<string, unknown> = { ...options }
  const foreign = arrayKeys.find((name) => given[name] !== undefined)
  if (foreign !== undefined) {
    throw new SpecError({
      code: 'HADAMARD_NOT_POSSIBLE',
      where: `fit: ${foreign}`,
      expected: 'arrays to fit on',
      received: 'a dataset',
      cure: foreign.endsWith('Weights') ? "A column of weights serves: weight: 'NAME'" : undefined,
    })
  }
  for (const name of datasetKeys) Reflect.deleteProperty(given, name)
  const settings = normalizeFitOptions(given, options.validation)
  const { name } = settings.optimizer
  if (optimizerInfo(name).isFullBatch === true) {
    throw new SpecError({
      code: 'HADAMARD_NOT_POSSIBLE',
      where: 'fit: optimizer',
      expected: 'an optimizer that works step by step, for a dataset',
      received: `'${name}', which takes all rows at once`,
    })
  }
  const { validation, shuffleWindow, cache } = options
  if (typeof validation === 'number') checkNumber('fit: validation', validation, { min: 0, below: 1 })
  else if (validation !== undefined && !(validation instanceof Dataset)) {
    const expected = 'a share of the rows, or a dataset'
    throw new SpecError({ where: 'fit: validation', expected, received: describeValue(validation) })
  }
  if (shuffleWindow !== undefined) checkInteger('fit: shuffleWindow', shuffleWindow, { min: 1, max: 2 ** 30 })
  if (cache !== undefined && (typeof cache !== 'string' || cache === ''))
    throw new SpecError({ where: 'fit: cache', expected: 'a folder', received: describeValue(cache) })
  return settings
}

async function packingFolder(parent: string | undefined): Promise<string> {
  try {
    return await temporaryFolder(parent)
  } catch (error) {
    throw new DataError(
      {
        code: 'HADAMARD_CACHE',
        where: 'fit: cache',
        expected: 'a folder that can be written',
        received: fileTrouble(error),
      },
      { cause: error },
    )
  }
}

// The error of a fit in the terms of the dataset: its training rows are counted once more.
async function divergedIn(
  error: unknown,
  dataset: Dataset,
  plan: Pick<PackPlan, 'spec' | 'columns' | 'validation'>,
): Promise<unknown> {
  if (!(error instanceof DivergenceError) || error.autopsy === undefined) return error
  const { inputs, targets, weight } = plan.columns
  const isWatched = watchedRule(plan)
  const trained = ({ numbers }: Chunk): number[] =>
    Array.from(numbers.keys()).filter((row) => isWatched?.(numbers[row]) !== true)
  try {
    const rows = await locateRows(dataset.chunks(), rowsNamed(error.autopsy), trained)
    return divergenceIn(error.autopsy, {
      rows,
      inputColumn: (position) => inputs[position],
      targetColumn: (position) => targets[position] ?? targets[0],
      weightColumn: weight,
      typical: () => undefined,
    })
  } catch {
    // A source that has gone is no reason to hide why the fit failed.
    return error
  }
}

// Which rows are held out, by their numbers.
function watchedRule({
  spec,
  validation,
}: Pick<PackPlan, 'spec' | 'validation'>): ((number: number) => boolean) | undefined {
  if (typeof validation !== 'number' || validation === 0) return undefined
  const stream = randomStream(spec.seed, 'validation')
  const limit = validation * 2 ** 32
  return (number) => stream.uint32(number) < limit
}

interface PackPlan {
  readonly spec: WindowJob['spec']
  readonly columns: ChosenColumns
  readonly validation?: number | Dataset
  readonly path: string
  readonly loops: RowLoops
  readonly signal?: AbortSignal
}

async function packDataset(
  dataset: Dataset,
  { spec, columns, validation, path, loops, signal }: PackPlan,
): Promise<PackedRows> {
  const writer = await PackedWriter.create(path, '', layoutOf(spec, columns), loops)
  try {
    const isWatched = watchedRule({ spec, validation })
    for await (const chunk of dataset.chunks()) {
      const arrays = rowArraysOf(chunk, spec, columns)
      await appendSplit(writer, chunk, arrays, isWatched)
      if (signal?.aborted === true) break
    }
    if (validation instanceof Dataset) {
      for await (const chunk of validation.chunks())
        await writer.append('validation', rowArraysOf(chunk, spec, columns), chunk.table.rows)
    }
    await writer.finish(undefined)
  } catch (error) {
    await writer.abandon()
    throw error
  }
  const packed = await PackedRows.open(path, '', true, loops)
  if (!(packed instanceof PackedRows)) throw new Error(`the packed rows of ${path} are ${packed ?? 'gone'}`)
  if (packed.rowsOf('train') > 0) return packed
  await packed.close()
  throw new DataError({
    code: 'HADAMARD_NO_ROWS',
    where: 'fit: dataset',
    expected: 'rows to train on',
    received: 'none',
  })
}

// Runs of rows of one part go together.
async function appendSplit(
  writer: PackedWriter,
  { table, numbers }: Chunk,
  arrays: RowArrays,
  isWatched: ((number: number) => boolean) | undefined,
): Promise<void> {
  if (isWatched === undefined) return writer.append('train', arrays, table.rows)
  for (let from = 0; from < table.rows;) {
    const part = isWatched(numbers[from])
    let to = from + 1
    while (to < table.rows && isWatched(numbers[to]) === part) to++
    await writer.append(part ? 'validation' : 'train', rowsOf(arrays, table.rows, from, to), to - from)
    from = to
  }
}

function rowsOf({ x, y, weights }: RowArrays, rows: number, from: number, to: number): RowArrays {
  const part = <T extends FloatArray | Uint32Array>(array: T): T =>
    array.subarray((from * array.length) / rows, (to * array.length) / rows) as T
  return { x: part(x), y: part(y), ...(weights === undefined ? {} : { weights: part(weights) }) }
}

/**
 * Loss and metrics over the rows of a dataset.
 *
 * @throws SpecError, DataError where columns or values do not fit
 */
export async function evaluateDataset(
  network: Network<'float32' | 'float64'>,
  dataset: Dataset,
  options: DatasetColumns,
): Promise<Evaluation> {
  rejectUnknownKeys('evaluate', options, ['inputs', 'target', 'weight'])
  const { spec } = network
  const columns = chooseColumns(dataset, spec, 'evaluate', options)
  const isSummed = headsOf(spec).every(({ loss }) => loss.reduction === 'sum')
  const total: Evaluation = { rows: 0, loss: 0 }
  const kept: { targets: FloatArray[]; predictions: FloatArray[] } = { targets: [], predictions: [] }
  for await (const chunk of dataset.chunks()) {
    const { x, y, weights: sampleWeights } = rowArraysOf(chunk, spec, columns)
    const isAllZero = sampleWeights?.every((weight) => weight === 0) === true
    const scores = network.evaluate(x, y, sampleWeights === undefined || isAllZero ? {} : { sampleWeights })
    addScores(total, isAllZero ? { ...scores, loss: 0 } : scores, isSummed)
    if (scores.r2 === undefined || y instanceof Uint32Array) continue
    kept.targets.push(y)
    kept.predictions.push(network.predict(x))
  }
  if (total.rows === 0) {
    throw new DataError({
      code: 'HADAMARD_NO_ROWS',
      where: 'evaluate: dataset',
      expected: 'at least one row',
      received: '0 rows',
    })
  }
  if (kept.targets.length === 0) return total
  return { ...total, ...regressionMetrics(joined(kept.targets), joined(kept.predictions), network.outputs) }
}

// Means over rows become the mean over all of them; sums are added.
function addScores(total: Evaluation, scores: Evaluation, isSummed: boolean): void {
  const [before, rows] = [total.rows, total.rows + scores.rows]
  const mean = (a: number, b: number): number => (a * before + b * scores.rows) / rows
  const loss = (a: number, b: number): number => (isSummed ? a + b : mean(a, b))
  total.loss = loss(total.loss, scores.loss)
  if (scores.accuracy !== undefined) total.accuracy = mean(total.accuracy ?? 0, scores.accuracy)
  for (const [name, one] of Object.entries(scores.outputs ?? {})) {
    const known = ((total.outputs ??= {})[name] ??= { loss: 0 })
    known.loss = loss(known.loss, one.loss)
    if (one.accuracy !== undefined) known.accuracy = mean(known.accuracy ?? 0, one.accuracy)
  }
  total.rows = rows
}

/**
 * Predictions for the rows of a dataset, in their order. `await` gives them all in one array; iterating gives a batch after
 * another, in the memory of one.
 */
export class DatasetPredictions<A extends FloatArray = FloatArray>
  implements PromiseLike<A>, AsyncIterable<A>
{
  readonly #batches: () => AsyncGenerator<A>

  /** @internal */
  constructor(batches: () => AsyncGenerator<A>) {
    this.#batches = batches
  }

  /** A batch after another: [rows · outputs] each. */
  [Symbol.asyncIterator](): AsyncGenerator<A> {
    return this.#batches()
  }

  then<R = A, E = never>(
    onFulfilled?: ((all: A) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    return this.#all().then(onFulfilled, onRejected)
  }

  async #all(): Promise<A> {
    const batches: A[] = []
    for await (const batch of this.#batches()) batches.push(batch)
    return joined(batches) as A
  }
}

/** Predictions of a network for a dataset; nothing is read before they are asked for. */
export function predictDataset<A extends FloatArray>(
  network: { spec: WindowJob['spec']; predict: (x: FloatArray) => A },
  dataset: Dataset,
  options: Pick<DatasetColumns, 'inputs'>,
): DatasetPredictions<A> {
  rejectUnknownKeys('predict', options, ['inputs'])
  const { spec } = network
  const { inputs } = chooseColumns(dataset, spec, 'predict', options, false)
  return new DatasetPredictions(async function* () {
    for await (const chunk of dataset.chunks()) yield network.predict(inputsOf(chunk, spec, inputs))
  })
}

function joined(parts: readonly FloatArray[]): FloatArray {
  const dtype = parts[0] instanceof Float64Array ? 'float64' : 'float32'
  const all = floatArray(
    dtype,
    parts.reduce((length, part) => length + part.length, 0),
  )
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
