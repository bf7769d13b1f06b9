/** `hadamard explain MODEL FILE`: importance of columns, partial dependence, and what the answers for chosen rows are made of. */

import { Option, type Command } from 'commander'
import type { BackendOptions } from '../backends/choose.ts'
import { loadModel } from '../model.ts'
import { explanationLines } from '../model/describe-explanation.ts'
import type { ExplanationOptions } from '../model/explain.ts'
import { metricNames } from '../model/options.ts'
import { dataHelp, inputOf } from './data-files.ts'
import { trainingDataNote } from './evaluate.ts'
import { addNames, numberFlag, numbersFlag, parseDelimiter } from './flags.ts'
import { writeNote } from './outcome.ts'

interface Flags {
  columns?: string[]
  repeats?: number
  metric?: ExplanationOptions['metric']
  points?: number
  sample?: number
  rows?: number[]
  baseline?: string
  label?: string
  target?: string
  seed?: number
  delimiter?: ',' | ';' | '\t' | '|'
  backend?: BackendOptions['backend']
  json?: boolean
}

const number = (flag: string, argument: string, text: string): Option =>
  new Option(`${flag} <${argument}>`, text).argParser(numberFlag(flag))

/** Adds the command. */
export function addExplain(program: Command): void {
  const command = program
    .command('explain')
    .summary('show what a model relies on')
    .description(
      'Show what a model relies on: how much worse it gets where a column is shuffled, what it predicts along the values of ' +
        'the most important columns, and with --rows what each column adds to the answer for a row.',
    )
    .argument('<model>', 'model file that train has saved')
    .argument(
      '<file...>',
      `the columns of the training data and the target, best of rows not trained on: ${dataHelp}`,
    )
  const options = [
    new Option(
      '--columns <columns>',
      'columns to look at, with commas between (default: all; predictions along the three most important)',
    ).argParser(addNames('--columns')),
    number('--repeats', 'n', 'shuffles of each column, at least 2; 0 for no importance (default: 10)'),
    new Option('--metric <name>', `${metricNames.join(', ')} (default: the one that leads the report)`),
    number('--points', 'n', 'values of a column to predict along, at least 2; 0 for none (default: 10)'),
    number('--sample', 'rows', 'of more rows so many are drawn for both (default: 2000)'),
    new Option(
      '--rows <numbers>',
      'row numbers from 0, with commas between, whose answers are shared out among the columns',
    ).argParser(numbersFlag('--rows')),
    new Option(
      '--baseline <what>',
      'what these rows are compared with: zero (training means, no category) or mean (of FILE) (default: zero)',
    ),
    new Option(
      '--label <class>',
      'class whose probability is shared out (default: the positive of two, else the predicted one)',
    ),
    new Option('--target <column>', 'of several targets the one to explain (default: all)'),
    number('--seed', 'n', 'of shuffles and sample (default: 0)'),
    new Option('--delimiter <char>', 'of FILE: comma, semicolon, tab or pipe (default: found)').argParser(
      parseDelimiter,
    ),
    new Option('--backend <name>', 'native or fallback (default: native if it can be loaded)'),
    new Option('--json', 'print one JSON line'),
  ]
  options.forEach((option) => command.addOption(option))
  command.action(runExplain)
}

async function runExplain(modelPath: string, files: string[], flags: Flags): Promise<void> {
  const { baseline, backend, json = false, ...given } = flags
  const model = await loadModel(modelPath, { backend })
  const explanation = await model.explain(inputOf(files), {
    ...given,
    baseline: baseline as ExplanationOptions['baseline'],
  })
  if (explanation.isTrainingData) writeNote(trainingDataNote(model.report))
  const text = json
    ? JSON.stringify({ event: 'result', ...explanation })
    : explanationLines(explanation, model.report).join('\n')
  process.stdout.write(`${text}\n`)
}
