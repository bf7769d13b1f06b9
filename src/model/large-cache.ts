/** The file of packed rows that later trainings with the same data and settings read: its name, its key, and whether it still holds. */

import { createHash, randomUUID } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { chooseRowLoops } from '../backends/choose.ts'
import { expandPattern, unreadableFile } from '../data/csv-bytes.ts'
import { PackedRows } from '../data/packed-rows.ts'
import { PackedWriter } from '../data/packed-writer.ts'
import { countOf, type Column, type Table } from '../data/table.ts'
import { DataError } from '../errors.ts'
import { breathe } from '../paced.ts'
import { temporaryFolder } from '../temporary.ts'
import { pack } from './large-packing.ts'
import { booleanFlag } from './large-scan.ts'
import type { LargeSource } from './large-source.ts'
import type { LargeSurvey } from './large-survey.ts'
import type { TrainSettings } from './options.ts'

/** Of what encoding and packing make; another number where their results change. */
const CACHE_VERSION = 3
/** Rows that are encoded and packed, with what was learnt of them. */
export interface PackedData {
  readonly packed: PackedRows
  readonly survey: LargeSurvey
  readonly sample: Table
}

/** The cache of the same data and settings, or one that is made now. */
export async function packedData(source: LargeSource, settings: TrainSettings): Promise<PackedData> {
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
  return temporaryFolder(parent)
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
