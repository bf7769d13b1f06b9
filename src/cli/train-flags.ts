/** The flags that say how to train, for all commands that do. */

import { Option, type Command } from 'commander'
import { optimizerTable } from '../compiler/optimizers.ts'
import { isPipe } from '../data/csv-files.ts'
import { nameList } from '../data/table.ts'
import { SpecError } from '../errors.ts'
import { differentiableActivations } from '../layers/activation.ts'
import { metricNames, trainDefaults, trainLosses, type TrainOptions } from '../model/options.ts'
import { scalings } from '../data/input.ts'
import { columnNames, inputOf } from './data-files.ts'
import { checkRejects, onErrorRules } from './rejects.ts'
import { readSchemaFile } from './schema-file.ts'
import {
  addNames,
  addTexts,
  addTypes,
  numberFlag,
  parseClassWeight,
  parseDelimiter,
  parseDuration,
  parseHidden,
  parseThresholdFlag,
  typeWords,
} from './flags.ts'

/** Flags of a training as commander gives them. */
export interface TrainFlags {
  target?: string
  ignore?: string[]
  task?: TrainOptions['task']
  preset?: TrainOptions['preset']
  hidden?: number[]
  activation?: TrainOptions['activation']
  dropout?: number
  optimizer?: TrainOptions['optimizer']
  learningRate?: number
  batchSize?: number
  epochs?: number
  maxTime?: number
  patience?: number
  validation?: number
  test?: number
  split?: string
  stratify?: boolean
  group?: string
  splitBy?: TrainOptions['splitBy']
  loss?: TrainOptions['loss']
  metric?: TrainOptions['metric']
  classWeight?: TrainOptions['classWeight']
  weight?: string
  positive?: string
  threshold?: TrainOptions['threshold']
  calibrate?: boolean
  coverage?: number
  l2?: number
  recover?: number
  seed?: number
  threads?: number
  backend?: TrainOptions['backend']
  delimiter?: ',' | ';' | '\t' | '|'
  type?: TrainOptions['types']
  scale?: TrainOptions['scale']
  missing?: string[]
  schema?: string
  onError?: TrainOptions['onError']
  rejects?: string
}

const names = (table: object): string => Object.keys(table).join(', ')
const number = (flag: string, argument: string, text: string): Option =>
  new Option(`${flag} <${argument}>`, text).argParser(numberFlag(flag))

/** Adds the flags to a command. */
export function addTrainFlags(command: Command): void {
  const d = trainDefaults
  command
    .option(
      '-t, --target <column>',
      'column to predict, or several of numbers with commas between (required)',
    )
    .addOption(
      new Option('-i, --ignore <columns>', 'columns to leave out, with commas between').argParser(
        addNames('--ignore'),
      ),
    )
    .option('--task <task>', 'classification or regression (default: what the values of the target suggest)')
  const options = [
    new Option(
      '--preset <name>',
      'realmlp, a strong recipe for tables, or plain, a small network (default: realmlp; plain where an option of the network or its training is given)',
    ),
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
    new Option(
      '--max-time <time>',
      'end after 90s, 10m or 2h with the best model so far (default: none)',
    ).argParser(parseDuration),
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
      '--stratify',
      'keep the shares of the classes in all parts (default: for classes, out of core: no)',
    ),
    new Option('--no-stratify', 'part rows whatever their class'),
    new Option('--group <column>', 'column whose equal values are never on both sides of a split'),
    new Option('--split-by <time:column>', 'hold out the latest rows by a column of numbers or dates'),
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
    number(
      '--recover',
      'factor',
      'where training diverges, go back and lower the rate by a factor (default: end)',
    ),
    number('--seed', 'n', `of split, weights and shuffles: same seed, same bits (default: ${d.seed})`),
    number('--threads', 'n', 'threads (default: physical cores, less one where there are more than two)'),
    new Option('--backend <name>', 'native or fallback (default: native if it can be loaded)'),
    new Option(
      '--delimiter <char>',
      'comma, semicolon, tab or pipe (default: found from the file)',
    ).argParser(parseDelimiter),
    new Option(
      '--type <column=type>',
      `${typeWords}, with commas between (default: from all values)`,
    ).argParser(addTypes),
    new Option(
      '--scale <name>',
      `of numbers: ${scalings.join(', ')} (default: ${d.scale}; realmlp: clipped)`,
    ),
    new Option(
      '--schema <file>',
      'JSON file of columns as `hadamard schema --output` writes it (default: found)',
    ),
    new Option('--on-error <rule>', `of records that are wrong: ${onErrorRules} (default: fail)`),
    new Option('--rejects <file>', 'write the records that were left out, as CSV'),
    new Option('--missing <texts>', 'further texts that stand for a missing value').argParser(addTexts),
  ]
  options.forEach((option) => command.addOption(option))
}

/**
 * Flags as options of `train`.
 *
 * @throws SpecError without a target, naming the columns there are
 */
export async function trainOptionsOf(
  files: readonly string[],
  { type, target, from, schema, rejects, recover, ...options }: TrainFlags & Pick<TrainOptions, 'from'>,
): Promise<TrainOptions> {
  if (target === undefined && from === undefined) throw await targetMissing(files, options)
  const names = target === undefined ? undefined : await targetsOf(target, files, options)
  checkRejects(rejects, options.onError)
  // A model to go on from has the target.
  const given = {
    ...options,
    target: names as string[],
    from,
    types: type,
    recover: recover === undefined ? undefined : { factor: recover },
  }
  if (schema === undefined) return given
  const read = await readSchemaFile(schema)
  return { ...given, schema: read.schema, types: { ...read.types, ...type } }
}

// A column whose name has commas goes before several names.
async function targetsOf(text: string, files: readonly string[], flags: TrainFlags): Promise<string[]> {
  const names = addNames('--target')(text, undefined)
  // What a pipe gives once is for the training.
  const areOnce = await Promise.all(files.map(async (path) => path === '-' || (await isPipe(path))))
  if (names.length === 1 || areOnce.includes(true)) return names
  return (await columnNames(inputOf(files), flags)).includes(text) ? [text] : names
}

// Says what there is to choose from.
async function targetMissing(files: readonly string[], flags: TrainFlags): Promise<Error> {
  const names = await columnNames(inputOf(files), flags)
  const received = `none; ${files[0]} has ${nameList(names)}`
  return new SpecError({ where: '--target', expected: 'the column to predict', received })
}
