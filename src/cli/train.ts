/** `hadamard train FILE`: flags to options, a progress bar, the screen or JSON lines, and the saved model. */

import { access, constants, stat } from 'node:fs/promises'
import { basename, dirname, extname, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { readCsv } from '../data/csv.ts'
import { nameList } from '../data/table.ts'
import { DataError, SpecError } from '../errors.ts'
import type { Model, Prediction } from '../model.ts'
import { metricNames, trainDefaults, trainLosses, type TrainOptions } from '../model/options.ts'
import { train } from '../model/train.ts'
import { differentiableActivations } from '../layers/activation.ts'
import { optimizerTable } from '../compiler/optimizers.ts'
import {
  addNames,
  addTexts,
  addTypes,
  numberFlag,
  parseClassWeight,
  parseDelimiter,
  parseHidden,
  parseThresholdFlag,
} from './flags.ts'
import { CommandError, EXIT, writeNote } from './outcome.ts'
import { progressView } from './progress.ts'
import { planScreen, resultScreen } from './screen.ts'

interface TrainFlags {
  target?: string
  ignore?: string[]
  task?: TrainOptions['task']
  hidden?: number[]
  activation?: TrainOptions['activation']
  dropout?: number
  optimizer?: TrainOptions['optimizer']
  learningRate?: number
  batchSize?: number
  epochs?: number
  patience?: number
  validation?: number
  test?: number
  split?: string
  loss?: TrainOptions['loss']
  metric?: TrainOptions['metric']
  classWeight?: TrainOptions['classWeight']
  weight?: string
  positive?: string
  threshold?: TrainOptions['threshold']
  calibrate?: boolean
  coverage?: number
  l2?: number
  seed?: number
  threads?: number
  backend?: TrainOptions['backend']
  delimiter?: ',' | ';' | '\t' | '|'
  type?: Record<string, 'numeric' | 'categorical'>
  missing?: string[]
  model?: string
  json?: boolean
  quiet?: boolean
}

const names = (table: object): string => Object.keys(table).join(', ')
const number = (flag: string, argument: string, text: string): Option =>
  new Option(`${flag} <${argument}>`, text).argParser(numberFlag(flag))

/** Adds the command. */
export function addTrain(program: Command): void {
  const d = trainDefaults
  const command = program
    .command('train')
    .summary('train a model on a CSV file')
    .description('Train a model on a CSV file, test it on rows that were held out, and save it.')
    .argument('<file>', 'CSV file with a header line')
    .option('-t, --target <column>', 'column to predict (required)')
    .addOption(
      new Option('-i, --ignore <columns>', 'columns to leave out, with commas between').argParser(
        addNames('--ignore'),
      ),
    )
    .option('--task <task>', 'classification or regression (default: what the values of the target suggest)')
  const options = [
    new Option(
      '--hidden <units>',
      `units of the hidden layers, or none (default: ${d.hidden.join(',')})`,
    ).argParser(parseHidden),
    new Option('--activation <name>', `${differentiableActivations.join(', ')} (default: ${d.activation})`),
    number(
      '--dropout',
      'share',
      `outputs of hidden layers dropped in training, 0 to below 1 (default: ${d.dropout})`,
    ),
    new Option('--optimizer <name>', `${names(optimizerTable)} (default: ${d.optimizer})`),
    number(
      '--learning-rate',
      'rate',
      'above 0 (default: 0.003 for adam, 0.001 for adamw and rmsprop, 1 for adadelta, 0.01 for the others)',
    ),
    number('--batch-size', 'rows', 'rows a step (default: 32; from 5,000 rows on 128, from 50,000 on 256)'),
    number('--epochs', 'n', `most passes over the training rows (default: ${d.epochs})`),
    number(
      '--patience',
      'epochs',
      `stop after so many epochs without a better validation loss (default: ${d.patience})`,
    ),
    number(
      '--validation',
      'share',
      `of the rows that are not test rows, to stop by; 0 trains on all (default: ${d.validation})`,
    ),
    number('--test', 'share', `of the rows, held out for the test; 0 for none (default: ${d.test})`),
    new Option(
      '--split <file>',
      'JSON file {"train":[…],"test":[…]} with row numbers from 0, instead of --test',
    ),
    new Option(
      '--loss <name>',
      `${Object.values(trainLosses).flat().join(', ')} (default: cross-entropy from logits, or squaredError)`,
    ),
    new Option('--metric <name>', `score that leads: ${metricNames.join(', ')} (default: accuracy or r2)`),
    new Option(
      '--class-weight <weights>',
      "'balanced', or CLASS=WEIGHT with commas between, 1 for those left out; shifts probabilities (default: none)",
    ).argParser(parseClassWeight),
    new Option('--weight <column>', 'column with the weight of each row, at least 0'),
    new Option(
      '--positive <class>',
      'the class of two that --threshold is about (default: true, the larger number, the rarer text)',
    ),
    new Option(
      '--threshold <rule>',
      'probability from which on a row is positive, or f1, balanced or cost:FN=5,FP=1 to tune it on validation rows',
    ).argParser(parseThresholdFlag),
    new Option(
      '--no-calibrate',
      'leave probabilities as the network gives them (default: scaled where it helps)',
    ),
    number(
      '--coverage',
      'share',
      'of new rows whose target conformal intervals or sets hold, such as 0.9 (default: none)',
    ),
    number('--l2', 'lambda', `penalty lambda/2·ΣW² on weights (default: ${d.l2})`),
    number('--seed', 'n', `of split, weights and shuffles: same seed, same bits (default: ${d.seed})`),
    number('--threads', 'n', 'threads (default: physical cores, less one where there are more than two)'),
    new Option('--backend <name>', 'native or fallback (default: native if it can be loaded)'),
    new Option(
      '--delimiter <char>',
      'comma, semicolon, tab or pipe (default: found from the file)',
    ).argParser(parseDelimiter),
    new Option(
      '--type <column=type>',
      'numeric or categorical, with commas between (default: from all values)',
    ).argParser(addTypes),
    new Option('--missing <texts>', 'further texts that stand for a missing value').argParser(addTexts),
    new Option('-m, --model <file>', 'where to save the model (default: FILE.model in the current folder)'),
    new Option('--json', 'print JSON lines: data, epoch…, result'),
    new Option('-q, --quiet', 'print nothing but errors'),
  ]
  options.forEach((option) => command.addOption(option))
  command.action(async (file: string, flags: TrainFlags) => {
    process.exitCode = await runTrain(file, flags)
  })
}

async function runTrain(file: string, flags: TrainFlags): Promise<number> {
  const {
    type,
    model: modelPath = defaultModelPath(file),
    json = false,
    quiet = false,
    target,
    ...options
  } = flags
  if (target === undefined) throw await targetMissing(file, flags)
  await checkModelPath(modelPath, file)
  const isShown = !json && !quiet
  const view = progressView(isShown)
  const interrupt = watchInterrupt(() => view.stop())
  const print = (lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`)
  const event = (name: string, values: object): void => {
    if (json) process.stdout.write(`${JSON.stringify({ event: name, ...values })}\n`)
  }
  let model: Model<Record<string, unknown>, Prediction>
  try {
    model = await train(file, {
      ...options,
      target,
      types: type,
      signal: interrupt.signal,
      onStart: (plan) => {
        event('data', plan)
        if (isShown) print(planScreen(plan))
        view.start(plan)
      },
      onEpoch: (epoch) => {
        event('epoch', epoch)
        view.epoch(epoch)
      },
      onProgress: (progress) => view.progress(progress),
    })
  } finally {
    view.stop()
    interrupt.dispose()
  }
  const { report } = model
  if (report.epochs === 0 && report.stopped === 'aborted') {
    throw new CommandError('interrupted before the first epoch was over; no model is saved')
  }
  await model.save(modelPath)
  if (!quiet) report.warnings.forEach((warning) => writeNote(warning))
  if (isShown) print([...resultScreen(report), ...closing(file, modelPath, report.stopped === 'aborted')])
  const { train: trainScores, validation, test = null, stopped, epochs, bestEpoch, seconds, threads } = report
  const { decision } = report
  event('result', {
    test,
    validation,
    train: trainScores,
    stopped,
    epochs,
    bestEpoch,
    seconds,
    threads,
    decision,
    model: modelPath,
  })
  return EXIT.ok
}

// Says what there is to choose from.
async function targetMissing(file: string, { delimiter }: TrainFlags): Promise<Error> {
  const { columns } = await readCsv(file, { delimiter })
  const received = `none; ${file} has ${nameList(columns.map(({ name }) => name))}`
  return new SpecError({ where: '--target', expected: 'the column to predict', received })
}

function closing(file: string, modelPath: string, wasInterrupted: boolean): string[] {
  const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : JSON.stringify(path))
  return [
    `${wasInterrupted ? 'Interrupted; saved the best model so far:' : 'Saved'} ${modelPath}`,
    `Predict with: npx hadamard predict ${quoted(modelPath)} ${quoted(file)}`,
  ]
}

function defaultModelPath(file: string): string {
  return `${basename(file, extname(file))}.model`
}

// Hours of training must not end in a folder that is not there, nor in place of the data.
async function checkModelPath(path: string, file: string): Promise<void> {
  if (resolve(path) === resolve(file)) {
    throw new DataError({ where: '--model', expected: 'a file other than the data', received: `'${path}'` })
  }
  const folder = dirname(path)
  const isFolder = await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
  if (isFolder)
    throw new DataError({ where: '--model', expected: 'a file', received: `the folder '${path}'` })
  await access(folder, constants.W_OK).catch((error: unknown) => {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const received = `${isMissing ? 'no folder' : 'no permission to write in'} '${folder}'`
    throw new DataError({ where: '--model', expected: 'a file that can be written', received })
  })
}

// The first Ctrl-C ends training at the next step; the second ends the process.
function watchInterrupt(restoreTerminal: () => void): { signal: AbortSignal; dispose: () => void } {
  const stop = new AbortController()
  const onSignal = (): void => {
    restoreTerminal()
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    writeNote('ending with the best model so far; once more ends at once')
    stop.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: stop.signal,
    dispose: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
