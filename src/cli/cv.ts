/** `hadamard cv FILE`: scores over folds, with their spread, of one configuration or of two on the same folds. */

import { Command, Option } from 'commander'
import { describeValue } from '../check.ts'
import { reasonOf, SpecError } from '../errors.ts'
import { alignColumns } from '../model/align.ts'
import { crossValidate, type CrossValidation, type FoldScore } from '../model/cross-validate.ts'
import { formatScore, scoreLabels } from '../model/describe.ts'
import type { TrainOptions } from '../model/options.ts'
import type { BaselineScores } from '../model/report.ts'
import { dataHelp, inputOf } from './data-files.ts'
import { numberFlag } from './flags.ts'
import { writeNote } from './outcome.ts'
import { openRejects } from './rejects.ts'
import { checkWritten } from './sink.ts'
import { addTrainFlags, trainOptionsOf, type TrainFlags } from './train-flags.ts'

interface Flags extends TrainFlags {
  folds?: number
  repeats?: number
  compare?: string
  json?: boolean
}

/** Adds the command. */
export function addCv(program: Command): void {
  const command = program
    .command('cv')
    .summary('cross-validate on a CSV file')
    .description(
      'Train a model for every fold on the others, and print mean and standard deviation of their scores. Saves no model.',
    )
    .argument('<file...>', dataHelp)
    .addOption(
      new Option('--folds <n>', 'parts, each held out once (default: 5)').argParser(numberFlag('--folds')),
    )
    .addOption(
      new Option('--repeats <n>', 'divisions into folds (default: 1)').argParser(numberFlag('--repeats')),
    )
    .option(
      '--compare <flags>',
      "flags of a second configuration where they differ, such as '--hidden 128 --l2 0.01'",
    )
    .option('--json', 'print JSON lines: fold…, result')
  addTrainFlags(command)
  command.action(runCv)
}

async function runCv(files: readonly string[], flags: Flags): Promise<void> {
  const { folds, repeats, compare, json = false, ...given } = flags
  const options = await trainOptionsOf(files, given)
  checkWritten({ '--rejects': given.rejects }, [...files, given.split, given.schema])
  const rejects = await openRejects(given.rejects, given.onError)
  const onReject: TrainOptions['onReject'] = (reject) => rejects.add(reject)
  const result = await crossValidate(
    inputOf(files),
    { ...options, onReject },
    {
      folds,
      repeats,
      compare: compare === undefined ? undefined : parseFlags(compare),
      onFold: (fold) => {
        if (json) process.stdout.write(`${JSON.stringify({ event: 'fold', ...fold })}\n`)
        else if (process.stderr.isTTY) writeNote(`fold ${fold.fold + 1} of repeat ${fold.repeat + 1}`)
      },
    },
  )
  await rejects.end()
  const { results, ...summary } = result
  const text = json
    ? JSON.stringify({ event: 'result', ...summary })
    : cvScreen(result, results.length).join('\n')
  process.stdout.write(`${text}\n`)
}

// The flags of `train` in one text; quotes keep blanks together.
function parseFlags(text: string): Partial<TrainOptions> {
  const words = (text.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2'))
  if (words.length === 0)
    throw new SpecError({ where: '--compare', expected: 'flags of train', received: describeValue(text) })
  const command = new Command('--compare').exitOverride().configureOutput({ writeErr: () => undefined })
  addTrainFlags(command)
  command.allowExcessArguments(false)
  try {
    command.parse(words, { from: 'user' })
  } catch (error) {
    if (error instanceof SpecError)
      throw new SpecError(`--compare ${reasonOf(error)}`, { code: error.code, cause: error })
    const received = reasonOf(error).replace(/^error: /, '')
    throw new SpecError({
      code: 'HADAMARD_COMMAND_LINE',
      where: '--compare',
      expected: 'flags of train',
      received,
    })
  }
  const { type, ...options } = command.opts<TrainFlags>()
  return Object.fromEntries(
    Object.entries({ ...options, types: type }).filter(
      // Commander sets the defaults of flags that begin with --no-.
      ([name, value]) => value !== undefined && !(name === 'calibrate' && value === true),
    ),
  )
}

function cvScreen(result: CrossValidation, count: number): string[] {
  const { folds, repeats, metric, scores, targets = [], comparison } = result
  const names = [...new Set<FoldScore>([metric, ...(Object.keys(scores) as FoldScore[])])]
  const show = (name: FoldScore, value: number | undefined): string =>
    formatScore(name as keyof BaselineScores, value)
  const rows = names.map((name) => [
    scoreLabels[name as keyof BaselineScores] ?? name,
    show(name, scores[name]?.mean),
    `± ${show(name, scores[name]?.deviation)}`,
    ...(comparison === undefined
      ? []
      : [show(name, comparison.scores[name]?.mean), `± ${show(name, comparison.scores[name]?.deviation)}`]),
  ])
  const title = `${count} models: ${folds} folds${repeats === 1 ? '' : `, ${repeats} repeats`}; mean ± standard deviation`
  const header = ['', 'mean', '', ...(comparison === undefined ? [] : ['compared', ''])]
  const lines = [title, '', ...alignColumns([header, ...rows], [0])]
  if (targets.length > 0) lines.push('', ...alignColumns(targetCells(targets), [0]))
  if (comparison === undefined) return lines
  const { mean, deviation, p, wins } = comparison
  const label = scoreLabels[metric as keyof BaselineScores] ?? metric
  const difference = `${mean >= 0 ? '+' : '−'}${show(metric, Math.abs(mean))} ± ${show(metric, deviation)}`
  return [
    ...lines,
    '',
    `difference of ${label}: ${difference}, better in ${wins} of ${count} folds, p ${p.toPrecision(2)} (corrected resampled t-test)`,
  ]
}

// One line for each of several targets: the means of its scores.
function targetCells(targets: NonNullable<CrossValidation['targets']>): string[][] {
  const names = ['r2', 'rmse', 'mae'] as const
  const cells = targets.map(({ target, scores }) => [
    target,
    ...names.map((name) => {
      const { mean, deviation } = scores[name] ?? {}
      return `${formatScore(name, mean)} ± ${formatScore(name, deviation)}`
    }),
  ])
  return [['', ...names.map((name) => scoreLabels[name])], ...cells]
}
