/** `hadamard predict MODEL FILE`: predictions for raw rows, as CSV. */

import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { Option, type Command } from 'commander'
import { readCsv } from '../data/csv.ts'
import { column as columnOf, unknownColumn, valueAt, type Column, type Table } from '../data/table.ts'
import { DataError } from '../errors.ts'
import { loadModel, type Model, type Prediction } from '../model.ts'
import type { BackendOptions } from '../backends/choose.ts'
import { plural } from '../model/design.ts'
import { addNames, parseDelimiter } from './flags.ts'
import { writeNote, writeOut } from './outcome.ts'

interface PredictFlags {
  proba?: boolean
  keep?: string[]
  output?: string
  delimiter?: ',' | ';' | '\t' | '|'
  backend?: BackendOptions['backend']
}

type AnyModel = Model<Record<string, unknown>, Prediction>

/** Rows that are written at once. */
const ROWS_PER_WRITE = 4096

/** Adds the command. */
export function addPredict(program: Command): void {
  program
    .command('predict')
    .summary('print predictions for the rows of a CSV file')
    .description(
      'Print a prediction for every row of a CSV file, as CSV: prediction and probability, or prediction alone for numbers; ' +
        'with the set (classes with | between) or the low and high of a model that was trained with --coverage.',
    )
    .argument('<model>', 'model file that train has saved')
    .argument('<file>', 'CSV file with the columns of the training data; the target is not needed')
    .option('--proba', 'add a column with the probability of every class')
    .addOption(
      new Option('--keep <columns>', 'columns of FILE to print first, with commas between').argParser(
        addNames('--keep'),
      ),
    )
    .option('-o, --output <file>', 'write to a file (default: standard output)')
    .addOption(
      new Option('--delimiter <char>', 'of FILE: comma, semicolon, tab or pipe (default: found)').argParser(
        parseDelimiter,
      ),
    )
    .option('--backend <name>', 'native or fallback (default: native if it can be loaded)')
    .action(runPredict)
}

async function runPredict(modelPath: string, file: string, flags: PredictFlags): Promise<void> {
  const { keep = [], output, proba = false, delimiter, backend } = flags
  if (output !== undefined && [modelPath, file].some((path) => resolve(path) === resolve(output))) {
    throw new DataError({
      where: '--output',
      expected: 'a file other than the model and the data',
      received: `'${output}'`,
    })
  }
  const model: AnyModel = await loadModel(modelPath, { backend })
  const classes = model.encoder.classes.map(String)
  if (proba && classes.length === 0) {
    throw new DataError({
      where: '--proba',
      expected: 'a model that predicts classes',
      received: 'one that predicts numbers',
    })
  }
  const table = await model.readTable(file, { delimiter })
  const kept = await readKept(file, table, keep, delimiter)
  const { predictions, missing, unseen } = model.predictTable(table)
  for (const { column, count } of missing) {
    writeNote(
      `column '${column}': ${plural(count, 'missing value')}, taken as ${meaningOfMissing(model, column)}`,
    )
  }
  for (const { column, count } of unseen) {
    writeNote(
      `column '${column}': ${plural(count, 'value')} that training did not have, taken as none of its categories`,
    )
  }
  const hasCoverage = model.report.decision?.conformal !== undefined
  const isClass = classes.length > 0
  const given = hasCoverage ? (isClass ? ['set'] : ['low', 'high']) : []
  const header = [...keep, 'prediction', ...(isClass ? ['probability'] : []), ...given]
  const labels = proba ? classes : []
  const lines = [[...header, ...labels.map((label) => `probability_${label}`)].map(csvField).join(',')]
  const sink = output === undefined ? process.stdout : createWriteStream(output)
  const failed =
    output === undefined ? undefined : finished(sink).catch((error: unknown) => openFailure(output, error))
  for (let row = 0; row < predictions.length; row++) {
    lines.push(
      [...kept.map((column) => keptField(column, row)), ...answerFields(predictions[row], labels)].join(','),
    )
    if (lines.length >= ROWS_PER_WRITE)
      await Promise.race([writeOut(`${lines.splice(0).join('\n')}\n`, sink), ...(failed ? [failed] : [])])
  }
  if (lines.length > 0) sink.write(`${lines.join('\n')}\n`)
  if (output === undefined) return
  sink.end()
  await failed
}

// The texts as they stand in the file, whatever types they have for the model.
async function readKept(
  path: string,
  table: Table,
  keep: readonly string[],
  delimiter: PredictFlags['delimiter'],
): Promise<Column[]> {
  if (keep.length === 0) return []
  const names = table.columns.map(({ name }) => name)
  for (const name of keep) if (!names.includes(name)) throw unknownColumn(path, name, names)
  const types = Object.fromEntries(keep.map((name) => [name, 'categorical' as const]))
  const texts = await readCsv(path, { delimiter, types })
  return keep.map((name) => columnOf(texts, name))
}

function openFailure(path: string, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException
  const received = code === 'ENOENT' ? 'no such folder' : code === 'EISDIR' ? 'a folder' : message
  throw new DataError({ where: path, expected: 'a file that can be written', received }, { cause: error })
}

function meaningOfMissing(model: AnyModel, name: string): string {
  const input = model.encoder.data.inputs.find((candidate) => candidate.name === name)
  return input?.type === 'numeric'
    ? `the training mean ${Number(input.mean.toPrecision(6))}`
    : input?.type === 'categorical'
      ? 'none of its categories'
      : 'nothing known'
}

function answerFields(answer: Prediction, labels: readonly string[]): string[] {
  if (!('probabilities' in answer)) return [answer.prediction, ...(answer.interval ?? [])].map(formatNumber)
  const all = labels.map((label) => formatNumber(answer.probabilities[label]))
  const set = answer.set === undefined ? [] : [csvField(answer.set.join('|'))]
  return [csvField(String(answer.prediction)), formatNumber(answer.probability), ...set, ...all]
}

// float32 holds about seven digits; more would be noise.
function formatNumber(value: number): string {
  return String(Number(value.toPrecision(7)))
}

function keptField(column: Column, row: number): string {
  const value = valueAt(column, row)
  return value === null ? '' : csvField(String(value))
}

/** A text as a CSV field; an empty one is quoted, as an unquoted empty field is a missing value. */
function csvField(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
