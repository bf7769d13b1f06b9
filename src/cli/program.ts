/** The commands together, and how a line of them is run. */

import { Command } from 'commander'
import { libraryVersion } from '../version.ts'
import { addBuild } from './build.ts'
import { addCheckGradients } from './check-gradients.ts'
import { addCv } from './cv.ts'
import { addDiff } from './diff.ts'
import { addDoctor } from './doctor.ts'
import { addEvaluate } from './evaluate.ts'
import { addExplain } from './explain.ts'
import { addExplainStep } from './explain-step.ts'
import { addInit } from './init.ts'
import { commanderLine, reportError } from './outcome.ts'
import { addPredict } from './predict.ts'
import { addSchema } from './schema.ts'
import { addSummary } from './summary.ts'
import { addTrain } from './train.ts'

const EPILOGUE = `
Examples:
  hadamard train penguins.csv --target species
  hadamard predict penguins.model new.csv --proba
  hadamard train --help`

/** The command line with all of its commands. */
export function hadamardProgram(): Command {
  const program = new Command('hadamard')
    .description('Train neural networks on CSVs. No Python, no compiler, no download.')
    .version(libraryVersion, '-V, --version')
    .configureOutput({ outputError: (text, write) => write(commanderLine(text)) })
    .configureHelp({ helpWidth: Math.min(process.stdout.columns || 100, 110) })
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText('after', EPILOGUE)
  const commands = [
    addTrain,
    addCv,
    addPredict,
    addEvaluate,
    addExplain,
    addDiff,
    addSummary,
    addSchema,
    addCheckGradients,
    addExplainStep,
    addInit,
  ]
  for (const add of [...commands, addDoctor, addBuild]) add(program)
  return program
}

/** Runs a line of arguments; an error sets the exit code of the process and is one line on standard error. */
export async function runLine(args: readonly string[]): Promise<void> {
  const program = hadamardProgram()
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    process.exitCode = reportError(
      error,
      program.commands.find((command) => command.name() === args[0]),
    )
  }
}
