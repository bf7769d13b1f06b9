/** `hadamard predict MODEL FILE`: predictions for raw rows, as CSV. */

import { Option, type Command } from 'commander'
import { checkOneOf } from '../check.ts'
import { isDateText } from '../data/csv-dates.ts'
import { isNumberField } from '../data/csv-number.ts'
import type { CsvReject } from '../data/csv-stream.ts'
import type { Dataset } from '../data/dataset.ts'
import { openable, type Openable } from '../data/openable.ts'
import type { OpenCsvOptions } from '../data/open-options.ts'
import type { SchemaColumn } from '../data/survey.ts'
import { column as columnOf, valueAt, type Column, type Table } from '../data/table.ts'
import type { Target } from '../data/target.ts'
import { DataError } from '../errors.ts'
import {
  loadModel,
  type Model,
  type NumberPrediction,
  type NumbersPrediction,
  type Prediction,
} from '../model.ts'
import type { BackendOptions } from '../backends/choose.ts'
import { plural } from '../model/design.ts'
import { namingOption } from '../model/read-source.ts'
import { dataHelp, inputOf } from './data-files.ts'
import { addNames, parseDelimiter } from './flags.ts'
import { outsideNote, unseenNote } from './met-values.ts'
import { writeNote } from './outcome.ts'
import { checkRejects, onErrorRules, openRejects } from './rejects.ts'
import { checkWritten, csvField, openSink, type TextSink } from './sink.ts'

interface PredictFlags {
  proba?: boolean
  keep?: string[]
  output?: string
  onError?: OpenCsvOptions['onError']
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
    .argument('<file...>', `the columns of the training data, the target is not needed: ${dataHelp}`)
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
    .option('--on-error <rule>', `of records that are wrong: ${onErrorRules} (default: fail)`)
    .option('--rejects <file>', 'write the records that were left out, as CSV')
    .addOption(
      new Option('--delimiter <char>', 'of FILE: comma, semicolon, tab or pipe (default: found)').argParser(
        parseDelimiter,
      ),
    )
    .option('--backend <name>', 'native or fallback (default: native if it can be loaded)')
    .action(runPredict)
}

async function runPredict(modelPath: string, paths: readonly string[], flags: PredictFlags): Promise<void> {
  const { keep = [], output, proba = false, backend } = flags
  checkWritten({ '--output': output, '--rejects': flags.rejects }, [modelPath, ...paths])
  if (flags.onError !== undefined) checkOneOf('--on-error', flags.onError, ['fail', 'skip', 'report'])
  checkRejects(flags.rejects, flags.onError)
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
  const data = await openable(inputOf(paths), { delimiter: flags.delimiter, backend })
  const sinks: Pick<TextSink, 'abandon'>[] = []
  try {
    const rejects = await openRejects(flags.rejects, flags.onError)
    sinks.push(rejects)
    const rows = await openRows(model, data, flags, (reject) => rejects.add(reject))
    const labels = proba ? classes : []
    const names = [...keep, ...answerNames(model), ...labels.map((label) => `probability_${label}`)]
    const sink = await openSink(output)
    sinks.push(sink)
    await sink.write(`${names.map(csvField).join(',')}\n`)
    for await (const lines of predictedLines(model, rows, labels)) {
      await sink.write(lines)
      await rejects.flush()
    }
    await sink.end()
    await rejects.end()
  } catch (error) {
    await Promise.all(sinks.map((opened) => opened.abandon()))
    throw error
  } finally {
    await data.close()
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
  data: Openable,
  { keep = [], onError }: PredictFlags,
  onReject: (reject: CsvReject) => void,
): Promise<OpenedRows> {
  const missing = model.report.missingTexts
  const columns = Object.entries(model.encoder.columnTypes()).map(([name, type]): SchemaColumn => ({
    name,
    type,
  }))
  const dates = model.encoder.dateColumns()
  const inputs = await data.open({ schema: { columns }, dates, missing, onError, onReject })
  if (keep.length === 0) return { inputs, kept: undefined, keep }
  // Records that the inputs leave out for a value are to be left out here: texts tell which.
  const isWrong = (column: SchemaColumn, text: unknown): boolean => {
    if (typeof text !== 'string' || missing.includes(text)) return false
    if (column.type === 'numeric') return !isNumberField(text) || !Number.isFinite(Number(text))
    return column.name in dates && !isDateText(text, dates[column.name])
  }
  const checked =
    (onError ?? 'fail') === 'fail'
      ? []
      : columns.filter(({ name, type }) => type === 'numeric' || name in dates)
  const read = new Set([...keep, ...checked.map(({ name }) => name)])
  const texts = Array.from(read, (name): SchemaColumn => ({ name, type: 'categorical' }))
  const named = Object.fromEntries(keep.map((name) => [name, true]))
  const kept = await namingOption('--keep', named, () => data.open({ schema: { columns: texts }, onError }))
  if (checked.length === 0) return { inputs, kept, keep }
  return {
    inputs,
    kept: kept.filter((row) => !checked.some((column) => isWrong(column, row[column.name]))),
    keep,
  }
}

async function* predictedLines(
  model: AnyModel,
  { inputs, kept, keep }: OpenedRows,
  labels: readonly string[],
): AsyncGenerator<string> {
  const counts = {
    missing: new Map<string, number>(),
    unseen: new Map<string, number>(),
    outside: new Map<string, number>(),
  }
  const { targets } = model.encoder
  const keptTables = kept?.batches({ rows: ROWS_PER_WRITE })
  for await (const table of inputs.batches({ rows: ROWS_PER_WRITE })) {
    const beside = (await keptTables?.next())?.value as Table | undefined
    const columns = keep.map((name) => columnOf(beside ?? table, name))
    const { predictions, missing, unseen, outside } = model.predictTable(table)
    for (const { column, count } of missing) add(counts.missing, column, count)
    for (const { column, count } of unseen) add(counts.unseen, column, count)
    for (const { column, count } of outside) add(counts.outside, column, count)
    const lines = predictions.map(
      (answer, row) =>
        `${[...columns.map((column) => keptField(column, row)), ...answerFields(answer, labels, targets)].join(',')}\n`,
    )
    yield lines.join('')
  }
  for (const [column, count] of counts.missing) {
    writeNote(
      `column '${column}': ${plural(count, 'missing value')}, taken as ${meaningOfMissing(model, column)}`,
    )
  }
  for (const [column, count] of counts.unseen) writeNote(unseenNote(column, count))
  for (const [column, count] of counts.outside) writeNote(outsideNote(model.encoder, column, count))
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

// Several targets have the name of each behind that of the column.
function answerNames({ encoder, report }: AnyModel): string[] {
  const { conformal, intervals } = report.decision ?? {}
  const hasCoverage = conformal !== undefined || intervals !== undefined
  if (encoder.task === 'classification') return ['prediction', 'probability', ...(hasCoverage ? ['set'] : [])]
  const names = ['prediction', ...(hasCoverage ? ['low', 'high'] : [])]
  if (encoder.targets.length === 1) return names
  return encoder.targets.flatMap((target) => names.map((name) => `${name}_${target.name}`))
}

function answerFields(answer: Prediction, labels: readonly string[], targets: readonly Target[]): string[] {
  if (!('probabilities' in answer)) return numberFields(answer, targets)
  const all = labels.map((label) => formatNumber(answer.probabilities[label]))
  const set = answer.set === undefined ? [] : [csvField(answer.set.join('|'))]
  return [csvField(String(answer.prediction)), formatNumber(answer.probability), ...set, ...all]
}

function numberFields(answer: NumberPrediction | NumbersPrediction, targets: readonly Target[]): string[] {
  if (!isOfSeveral(answer)) return [answer.prediction, ...(answer.interval ?? [])].map(formatNumber)
  return targets.flatMap(({ name }) =>
    [answer.prediction[name], ...(answer.interval?.[name] ?? [])].map(formatNumber),
  )
}

function isOfSeveral(answer: NumberPrediction | NumbersPrediction): answer is NumbersPrediction {
  return typeof answer.prediction === 'object'
}

// float32 holds about seven digits; more would be noise.
function formatNumber(value: number): string {
  return String(Number(value.toPrecision(7)))
}

function keptField(column: Column, row: number): string {
  const value = valueAt(column, row)
  return value === null ? '' : csvField(String(value))
}
