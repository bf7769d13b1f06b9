/** `hadamard check-gradients MODEL FILE`: a model's gradients against central differences, on rows of a CSV file. */

import { Option, type Command } from 'commander'
import { checkInteger } from '../check.ts'
import { checkGradients, describeGradientCheck } from '../explain/check-gradients.ts'
import { loadModel } from '../model.ts'
import { numberFlag, parseDelimiter } from './flags.ts'
import { EXIT } from './outcome.ts'

interface CheckFlags {
  rows: number
  tolerance?: number
  samples?: number
  seed?: number
  delimiter?: ',' | ';' | '\t' | '|'
  json?: boolean
}

const number = (flag: string, text: string): Option =>
  new Option(`${flag} <n>`, text).argParser(numberFlag(flag))

/** Adds the command. */
export function addCheckGradients(program: Command): void {
  program
    .command('check-gradients')
    .summary("compare a model's gradients with central differences")
    .description(
      "Compare a model's gradients with central differences on the first rows of a CSV file. Exits with 1 where they differ.",
    )
    .argument('<model>', 'model file that train has saved')
    .argument('<file>', 'CSV file with the columns of the training data and the target')
    .addOption(number('--rows', 'rows to check with').default(8))
    .addOption(number('--tolerance', 'largest error, as a share of the largest gradient (default: 0.0001)'))
    .addOption(number('--samples', 'most elements of each tensor (default: 20)'))
    .addOption(number('--seed', 'of the draw of these elements (default: 0)'))
    .addOption(
      new Option('--delimiter <char>', 'of FILE: comma, semicolon, tab or pipe (default: found)').argParser(
        parseDelimiter,
      ),
    )
    .option('--json', 'print one JSON line')
    .action(runCheck)
}

async function runCheck(modelPath: string, file: string, flags: CheckFlags): Promise<void> {
  const { rows, delimiter, json = false, ...options } = flags
  checkInteger('--rows', rows, { min: 2 })
  const model = await loadModel(modelPath)
  const { x, y } = model.encodeRows(await model.readTable(file, { delimiter, hasTarget: true }))
  const inputs = model.network.spec.inputs
  const perRow = (y.length * inputs) / x.length
  const report = checkGradients(
    model.network,
    x.subarray(0, rows * inputs),
    y.slice(0, rows * perRow),
    options,
  )
  const text = json ? JSON.stringify({ event: 'result', ...report }) : describeGradientCheck(report)
  process.stdout.write(`${text}\n`)
  if (!report.ok) process.exitCode = EXIT.wrongInput
}
