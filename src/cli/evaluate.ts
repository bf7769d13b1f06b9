/** `hadamard evaluate MODEL FILE`: scores on the rows of a CSV file, beside the naive baseline. */

import { basename } from 'node:path'
import { Option, type Command } from 'commander'
import type { BackendOptions } from '../backends/choose.ts'
import { checkOneOf } from '../check.ts'
import type { OpenCsvOptions } from '../data/open-options.ts'
import type { CsvReject } from '../data/csv-stream.ts'
import { loadModel, type Model, type ModelEvaluation } from '../model.ts'
import { plural } from '../model/design.ts'
import { confusionLines } from '../model/describe-decision.ts'
import { scoreTable } from '../model/describe.ts'
import type { TrainReport } from '../model/report.ts'
import { dataHelp, inputOf } from './data-files.ts'
import { parseDelimiter } from './flags.ts'
import { outsideNote, unseenNote } from './met-values.ts'
import { writeNote } from './outcome.ts'
import { checkRejects, onErrorRules, openRejects } from './rejects.ts'
import { checkWritten } from './sink.ts'

interface EvaluateFlags {
  delimiter?: ',' | ';' | '\t' | '|'
  backend?: BackendOptions['backend']
  json?: boolean
  onError?: OpenCsvOptions['onError']
  rejects?: string
}

/** Adds the command. */
export function addEvaluate(program: Command): void {
  program
    .command('evaluate')
    .summary('score a model on a CSV file')
    .description('Score a model on the rows of a CSV file that has the target, and compare it with guessing.')
    .argument('<model>', 'model file that train has saved')
    .argument('<file...>', `the columns of the training data and the target: ${dataHelp}`)
    .addOption(
      new Option('--delimiter <char>', 'of FILE: comma, semicolon, tab or pipe (default: found)').argParser(
        parseDelimiter,
      ),
    )
    .option('--on-error <rule>', `of records that are wrong: ${onErrorRules} (default: fail)`)
    .option('--rejects <file>', 'write the records that were left out, as CSV')
    .option('--backend <name>', 'native or fallback (default: native if it can be loaded)')
    .option('--json', 'print one JSON line')
    .action(runEvaluate)
}

async function runEvaluate(modelPath: string, files: readonly string[], flags: EvaluateFlags): Promise<void> {
  const { onError, rejects: path } = flags
  checkWritten({ '--rejects': path }, [modelPath, ...files])
  if (onError !== undefined) checkOneOf('--on-error', onError, ['fail', 'skip', 'report'])
  checkRejects(path, onError)
  const model = await loadModel(modelPath, { backend: flags.backend })
  const { droppedRows, unseenClasses, unseen, outside, isTrainingData, ...scores } = await evaluated(
    model,
    files,
    flags,
  )
  if (droppedRows > 0) writeNote(`${plural(droppedRows, 'row')} without ${model.report.target} left out`)
  if (unseenClasses > 0)
    writeNote(`${plural(unseenClasses, 'row')} of classes that training did not have, counted as wrong`)
  for (const { column, count } of unseen) writeNote(unseenNote(column, count))
  for (const { column, count } of outside) writeNote(outsideNote(model.encoder, column, count))
  if (isTrainingData) writeNote(trainingDataNote(model.report))
  if (flags.json === true) {
    process.stdout.write(
      `${JSON.stringify({ event: 'result', test: scores, droppedRows, unseenClasses, isTrainingData })}\n`,
    )
    return
  }
  const name = basename(files[0])
  const lines = [
    ...scoreTable(model.report, [[name, scores]]),
    '',
    ...confusionLines(name, scores, model.report.weight),
  ]
  process.stdout.write(`${lines.join('\n').trimEnd()}\n`)
}

async function evaluated(
  model: Model,
  files: readonly string[],
  { delimiter, onError, rejects: path }: EvaluateFlags,
): Promise<ModelEvaluation> {
  const rejects = await openRejects(path, onError)
  try {
    const onReject = (reject: CsvReject): void => rejects.add(reject)
    const result = await model.evaluate(inputOf(files), { delimiter, onError, onReject })
    await rejects.end()
    return result
  } catch (error) {
    await rejects.abandon()
    throw error
  }
}

/** What to know about scores on the data of the training. */
export function trainingDataNote({
  split: { train, validation, test, calibration = 0 },
}: TrainReport): string {
  return `these are the training data: only ${test} of ${train + validation + test + calibration} rows were held out (hadamard summary has their score)`
}
