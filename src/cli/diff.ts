/** `hadamard diff A B FILE…`: whether two models are the same to the bit, and where not, how scores and answers differ. */

import { Option, type Command } from 'commander'
import type { BackendOptions } from '../backends/choose.ts'
import { loadModel } from '../model.ts'
import { alignColumns } from '../model/align.ts'
import { compareModels, type ModelComparison, type PredictionDistance } from '../model/compare.ts'
import { formatScore, scoreLabels, scoreNames } from '../model/describe.ts'
import { plural } from '../model/design.ts'
import type { RowPlace } from '../model/compared-rows.ts'
import type { TrainReport } from '../model/report.ts'
import { dataHelp, inputOf } from './data-files.ts'
import { parseDelimiter } from './flags.ts'

interface Flags {
  delimiter?: ',' | ';' | '\t' | '|'
  backend?: BackendOptions['backend']
  json?: boolean
}

/** More rows do not fit on a screen. */
const MOST_ROWS = 20

/** Adds the command. */
export function addDiff(program: Command): void {
  program
    .command('diff')
    .summary('compare two models on data')
    .description(
      'Say whether two models are the same to the bit, and where not, how their scores differ and which rows they take for ' +
        'different classes.',
    )
    .argument('<a>', 'model file that train has saved')
    .argument('<b>', 'another of the same target')
    .argument('<file...>', `the columns of both; the target is needed for scores alone: ${dataHelp}`)
    .addOption(
      new Option('--delimiter <char>', 'of FILE: comma, semicolon, tab or pipe (default: found)').argParser(
        parseDelimiter,
      ),
    )
    .option('--backend <name>', 'native or fallback (default: native if it can be loaded)')
    .option('--json', 'print one JSON line')
    .action(async (a: string, b: string, files: string[], { delimiter, backend, json = false }: Flags) => {
      const [first, second] = await Promise.all([a, b].map((path) => loadModel(path, { backend })))
      const comparison = await compareModels(first, second, inputOf(files), { delimiter })
      const text = json
        ? JSON.stringify({ event: 'result', ...comparison })
        : comparisonLines([a, b], comparison, first.report).join('\n')
      process.stdout.write(`${text}\n`)
    })
}

function comparisonLines(
  names: readonly [string, string] | string[],
  comparison: ModelComparison,
  report: TrainReport,
): string[] {
  const { differences, rows, hasSameAnswers } = comparison
  const models =
    differences.length === 0
      ? 'The same bits: encoder, network, weights and decision.'
      : `Different: ${differences.join(', ')}.`
  const answers = hasSameAnswers ? `The same answers to the bit for ${plural(rows, 'row')}.` : ''
  return [
    [models, answers].filter(Boolean).join(' '),
    ...scoreLines(names, comparison, report),
    ...(hasSameAnswers ? [] : answerLines(names, comparison)),
  ]
}

function scoreLines(names: readonly string[], { scores }: ModelComparison, report: TrainReport): string[] {
  if (scores === undefined) return []
  const shown = scoreNames(report).filter((name) => scores.every((of) => of[name] !== undefined))
  const lines = scores.map((of, i) => [
    names[i],
    of.rows.toLocaleString('en'),
    ...shown.map((name) => formatScore(name, of[name])),
  ])
  const differences = shown.map((name) => {
    const difference = (scores[1][name] ?? 0) - (scores[0][name] ?? 0)
    return `${difference > 0 ? '+' : ''}${formatScore(name, difference)}`
  })
  const header = ['', 'rows', ...shown.map((name) => scoreLabels[name])]
  return ['', ...alignColumns([header, ...lines, ['difference', '', ...differences]], [0])]
}

function answerLines(
  names: readonly string[],
  { rows, changed, distance, distances, scores }: ModelComparison,
): string[] {
  if (distance !== undefined) return ['', distanceLine('Predictions', distance)]
  if (distances !== undefined)
    return ['', ...distances.map((of) => distanceLine(`Predictions of ${of.target}`, of))]
  const isRight = (i: 0 | 1): number =>
    changed.filter(({ target, predictions }) => String(target) === String(predictions[i])).length
  const turned = scores === undefined ? '' : `: ${isRight(1)} right now, ${isRight(0)} no longer`
  const title = `${changed.length.toLocaleString('en')} of ${plural(rows, 'row')} changed side${changed.length === 0 ? '' : turned}.`
  if (changed.length === 0) return ['', `${title} Probabilities differ.`]
  const cells = changed
    .slice(0, MOST_ROWS)
    .map(({ target, predictions, ...place }) => [
      placeText(place),
      ...(scores === undefined ? [] : [target === null ? '-' : String(target)]),
      ...predictions.map(String),
    ])
  const header = [
    changed[0].line === undefined ? 'row' : 'line',
    ...(scores === undefined ? [] : ['target']),
    ...names,
  ]
  const rest = changed.length > MOST_ROWS ? [`… and ${changed.length - MOST_ROWS} more (--json has all)`] : []
  return ['', title, ...alignColumns([header, ...cells], [1, 2, 3]), ...rest]
}

function distanceLine(what: string, { mean, largest, ...place }: PredictionDistance): string {
  const kind = place.line === undefined ? 'row' : 'line'
  return `${what} are ${short(mean)} apart on average, at most ${short(largest)} (${kind} ${placeText(place)}).`
}

function placeText({ row, line, file }: RowPlace): string {
  if (line === undefined) return String(row)
  return file === undefined ? String(line) : `${file}:${line}`
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)))
}
