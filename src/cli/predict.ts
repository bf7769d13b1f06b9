/** `hadamard predict MODEL FILE`: predictions for raw rows, as CSV. */

import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { CsvFiles } from '../data/csv-files.ts'
import { isNumberField } from '../data/csv-number.ts'
import type { CsvReject } from '../data/csv-stream.ts'
import { openFiles, type Dataset } from '../data/dataset.ts'
import type { SchemaColumn } from '../data/survey.ts'
import { column as columnOf, valueAt, type Column, type Table } from '../data/table.ts'
import { DataError, SpecError } from '../errors.ts'
import { loadModel, type Model, type Prediction } from '../model.ts'
import type { BackendOptions } from '../backends/choose.ts'
import { plural } from '../model/design.ts'
import { addNames, parseDelimiter } from './flags.ts'
import { writeNote } from './outcome.ts'
import { csvField, openSink, type TextSink } from './sink.ts'

interface PredictFlags {
  proba?: boolean
  keep?: string[]
  output?: string
  onError?: 'fail' | 'skip'
  rejects?: string
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
        'with the set (classes with | between) or the low and high of a model that was trained with --coverage. ' +
        'The file may be of any size; memory stays the same.',
    )
    .argument('<model>', 'model file that train has saved')
    .argument(
      '<file>',
      'CSV file with the columns of the training data, packed (gzip) or not, a pattern, or - for standard input; the target is not needed',
    )
    .option('--proba', 'add a column with the probability of every class')
    .addOption(
      new Option('--keep <columns>', 'columns of FILE to print first, with commas between').argParser(
        addNames('--keep'),
      ),
    )
    .option(
      '-o, --output <file>',
      'write to a file, packed where its name ends in .gz (default: standard output)',
    )
    .addOption(
      new Option(
        '--on-error <rule>',
        'of records that are wrong: fail, or skip them (default: fail)',
      ).choices(['fail', 'skip']),
    )
    .option('--rejects <file>', 'with --on-error skip: write the records that were left out, as CSV')
    .addOption(
      new Option('--delimiter <char>', 'of FILE: comma, semicolon, tab or pipe (default: found)').argParser(
        parseDelimiter,
      ),
    )
    .option('--backend <name>', 'native or fallback (default: native if it can be loaded)')
    .action(runPredict)
}

async function runPredict(modelPath: string, file: string, flags: PredictFlags): Promise<void> {
  const { keep = [], output, proba = false, backend } = flags
  checkPaths([modelPath, file], flags)
  const model: AnyModel = await loadModel(modelPath, { backend })
  const classes = model.encoder.classes.map(String)
  if (proba && classes.length === 0) {
    throw new DataError({
      code: 'HADAMARD_TASK',
      where: '--proba',
      expected: 'a model that predicts classes',
      received: 'one that predicts numbers',
    })
  }
  const files = await CsvFiles.find(file, { delimiter: flags.delimiter, backend })
  const sinks: TextSink[] = []
  try {
    const rejected: string[] = []
    const rows = await openRows(model, files, flags, (reject) => rejected.push(rejectLine(reject)))
    const isClass = classes.length > 0
    const hasCoverage = model.report.decision?.conformal !== undefined
    const given = hasCoverage ? (isClass ? ['set'] : ['low', 'high']) : []
    const header = [...keep, 'prediction', ...(isClass ? ['probability'] : []), ...given]
    const labels = proba ? classes : []
    const names = [...header, ...labels.map((label) => `probability_${label}`)]
    const sink = await openSink(output)
    sinks.push(sink)
    const rejects = flags.rejects === undefined ? undefined : await openSink(flags.rejects)
    if (rejects !== undefined) sinks.push(rejects)
    await sink.write(`${names.map(csvField).join(',')}\n`)
    await rejects?.write('line,byte,column,text,message\n')
    for await (const lines of predictedLines(model, rows, labels)) {
      await sink.write(lines)
      await rejects?.write(rejected.splice(0).join(''))
    }
    await rejects?.write(rejected.join(''))
    await Promise.all(sinks.map((opened) => opened.end()))
    const { count } = rows.inputs.rejects
    const place = flags.rejects === undefined ? '' : `, see ${flags.rejects}`
    if (count > 0) writeNote(`${plural(count, 'wrong record')} left out${place}`)
  } catch (error) {
    await Promise.all(sinks.map((opened) => opened.abandon()))
    throw error
  } finally {
    await files.close()
  }
}

function rejectLine({ line, byteOffset, column = '', text, message }: CsvReject): string {
  return `${[line, byteOffset, ...[column, text, message].map(csvField)].join(',')}\n`
}

function checkPaths(read: readonly string[], { output, rejects, onError }: PredictFlags): void {
  const written = Object.entries({ '--output': output, '--rejects': rejects })
  for (const [flag, path] of written) {
    const others = [...read, ...written.filter(([other]) => other !== flag).map(([, other]) => other)]
    if (
      path === undefined ||
      !others.some((other) => other !== undefined && resolve(other) === resolve(path))
    )
      continue
    throw new DataError({
      code: 'HADAMARD_FILE_WRITE',
      where: flag,
      expected: 'a file other than the model and the data',
      received: `'${path}'`,
    })
  }
  if (rejects !== undefined && onError !== 'skip') {
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: '--rejects',
      expected: '--on-error skip beside it',
      received: `--on-error ${onError ?? 'fail'}`,
    })
  }
}

/** The inputs of the model, and beside them, row by row, the texts of the columns to be kept. */
interface OpenedRows {
  inputs: Dataset
  kept: Dataset | undefined
  keep: readonly string[]
}

// Inputs have the types of training; kept columns are texts as they stand in the file, whatever types they have there.
async function openRows(
  model: AnyModel,
  files: CsvFiles,
  { keep = [], onError }: PredictFlags,
  onReject: (reject: CsvReject) => void,
): Promise<OpenedRows> {
  const missing = model.report.missingTexts
  const columns = Object.entries(model.encoder.columnTypes()).map(([name, type]): SchemaColumn => ({
    name,
    type,
  }))
  const inputs = await openFiles(files, { schema: { columns }, missing, onError, onReject })
  if (keep.length === 0) return { inputs, kept: undefined, keep }
  // Records that the inputs leave out are to be left out here: numbers that are not kept are numbers here as well, and
  // of those that are kept the texts tell.
  const numbers = columns.filter(({ name, type }) => type === 'numeric' && !keep.includes(name))
  const texts = keep.map((name): SchemaColumn => ({ name, type: 'categorical' }))
  const kept = await openFiles(files, { schema: { columns: [...numbers, ...texts] }, onError })
  const keptNumbers = columns.filter(({ name, type }) => type === 'numeric' && keep.includes(name))
  if (onError !== 'skip' || keptNumbers.length === 0) return { inputs, kept, keep }
  const isGood = (text: unknown): boolean =>
    typeof text !== 'string' || missing.includes(text) || isNumberField(text)
  return { inputs, kept: kept.filter((row) => keptNumbers.every(({ name }) => isGood(row[name]))), keep }
}

async function* predictedLines(
  model: AnyModel,
  { inputs, kept, keep }: OpenedRows,
  labels: readonly string[],
): AsyncGenerator<string> {
  const counts = { missing: new Map<string, number>(), unseen: new Map<string, number>() }
  const keptTables = kept?.batches({ rows: ROWS_PER_WRITE })
  for await (const table of inputs.batches({ rows: ROWS_PER_WRITE })) {
    const beside = (await keptTables?.next())?.value as Table | undefined
    const columns = keep.map((name) => columnOf(beside ?? table, name))
    const { predictions, missing, unseen } = model.predictTable(table)
    for (const { column, count } of missing) add(counts.missing, column, count)
    for (const { column, count } of unseen) add(counts.unseen, column, count)
    const lines = predictions.map(
      (answer, row) =>
        `${[...columns.map((column) => keptField(column, row)), ...answerFields(answer, labels)].join(',')}\n`,
    )
    yield lines.join('')
  }
  for (const [column, count] of counts.missing) {
    writeNote(
      `column '${column}': ${plural(count, 'missing value')}, taken as ${meaningOfMissing(model, column)}`,
    )
  }
  for (const [column, count] of counts.unseen) {
    writeNote(
      `column '${column}': ${plural(count, 'value')} that training did not have, taken as none of its categories`,
    )
  }
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
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
