/** Reads rows of any source into one table in memory. */

import { stat } from 'node:fs/promises'
import { isPacked } from './csv-bytes.ts'
import type { CsvInput } from './csv-files.ts'
import { readCsv } from './csv.ts'
import { openCsv, openSource, type Dataset } from './dataset.ts'
import { findSource, isOtherSource } from './open-dataset.ts'
import { checkSourceOptions, type OpenCsvOptions } from './open-options.ts'
import { reporting } from './read-progress.ts'
import type { Table } from './table.ts'

/** Files that are parsed whole, in one pass; longer ones are read by pieces on threads. */
const wholeBytes = 2 ** 25

/**
 * The rows of an input of `openDataset` as one table.
 *
 * @throws DataError and SpecError as `openDataset` does
 */
export async function readTable(input: CsvInput, options: OpenCsvOptions = {}): Promise<Table> {
  if (typeof input === 'string' && !needsPieces(options) && (await isShortFile(input))) {
    return readCsv(input, chosen(options, wholeOptions))
  }
  const dataset = isOtherSource(input) ? await openOther(input, options) : await openCsv(input, options)
  try {
    return await dataset.toTable()
  } finally {
    await dataset.close()
  }
}

async function openOther(input: CsvInput, options: OpenCsvOptions): Promise<Dataset> {
  const given = sourceOptionsOf(options)
  checkSourceOptions('openDataset', given)
  const { onProgress } = options
  return openSource(reporting(await findSource(input, { onProgress }), onProgress), given)
}

/** Of the options for CSV those that are told of where another source has no use for them, and those that it has. */
export function sourceOptionsOf(options: OpenCsvOptions): OpenCsvOptions {
  return chosen(options, sourceOptions)
}

type OptionName = keyof OpenCsvOptions

const wholeOptions = ['delimiter', 'header', 'types', 'missing', 'allowMissing', 'backend'] as const
// Those that other sources refuse are among them: who gives one is told.
const sourceOptions = ['types', 'columns', 'schema', 'delimiter', 'header', 'missing', 'onError'] as const

function chosen<Name extends OptionName>(
  options: OpenCsvOptions,
  names: readonly Name[],
): Pick<OpenCsvOptions, Name> {
  const given = names.filter((name) => options[name] !== undefined)
  return Object.fromEntries(given.map((name) => [name, options[name]])) as Pick<OpenCsvOptions, Name>
}

function needsPieces({ onError, columns, schema, dates = {} }: OpenCsvOptions): boolean {
  const namesColumns = columns !== undefined || schema !== undefined || Object.keys(dates).length > 0
  return namesColumns || (onError ?? 'fail') !== 'fail'
}

// What cannot be read is told of by the reader of whole files.
async function isShortFile(path: string): Promise<boolean> {
  if (path === '-' || isOtherSource(path)) return false
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return !/[*?]/.test(path)
  return found.isDirectory() || (found.isFile() && found.size < wholeBytes && !(await isPacked(path)))
}
