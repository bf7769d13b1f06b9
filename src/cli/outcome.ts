/** How commands end: exit codes, and what an error looks like on a terminal. */

import { CommanderError, type Command } from 'commander'
import type { ErrorCode } from '../error-codes.ts'
import { DivergenceError, HadamardError, InternalError, ParityError, withCode } from '../errors.ts'
import type { AutopsyRow } from '../errors.ts'
import { flagName } from './flags.ts'

/** Exit codes of all commands. */
export const EXIT = { ok: 0, wrongInput: 1, internal: 2, interrupted: 130 } as const

/** Of a batch that diverged. */
const MOST_SHOWN = { rows: 3, columns: 20 }

/** Ends a command with exit code 1 and one line. */
export class CommandError extends HadamardError {
  static override readonly generalCode: ErrorCode = 'HADAMARD_COMMAND_LINE'
}

/**
 * Writes an error to standard error, as one line where it is the input's fault, and gives the exit code.
 *
 * @param command whose flags the message is to name in the place of options
 */
export function reportError(error: unknown, command?: Command): number {
  if (error instanceof CommanderError) {
    // Commander has written its message through `commanderLine`.
    return error.exitCode === 0 ? EXIT.ok : EXIT.wrongInput
  }
  if (isOfInput(error)) {
    writeNote(oneLine(inFlags(nameFlag(error.message, command), command)))
    if (error instanceof DivergenceError) sampleLines(error.autopsy?.samples).forEach(writeNote)
    return EXIT.wrongInput
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`hadamard: internal error, please report it\n${stack}\n`)
  return EXIT.internal
}

// The first rows of a batch that diverged, as they stand in the file.
function sampleLines(samples: readonly AutopsyRow[] = []): string[] {
  return samples.slice(0, MOST_SHOWN.rows).flatMap(({ row, file, line, values }) => {
    if (values === undefined) return []
    const fields = Object.entries(values).map(([name, value]) => `${name}=${value ?? ''}`)
    const more = fields.length > MOST_SHOWN.columns ? ', …' : ''
    const where = line === undefined ? `row ${row}` : `${file ?? ''} line ${line}`.trim()
    return [`${where}: ${fields.slice(0, MOST_SHOWN.columns).join(', ')}${more}`]
  })
}

// Whether the input is at fault, and not the library.
function isOfInput(error: unknown): error is HadamardError {
  return error instanceof HadamardError && !(error instanceof InternalError || error instanceof ParityError)
}

/** Writes a line to standard error. */
export function writeNote(text: string): void {
  process.stderr.write(`hadamard: ${text}\n`)
}

/** A message of the argument parser in the form of all others. */
export function commanderLine(text: string): string {
  return `hadamard: ${withCode(oneLine(text.replace(/^error: /, '')), 'HADAMARD_COMMAND_LINE')}\n`
}

/** Makes a reader that has gone away (`| head`) end the command quietly. */
export function endOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.ok)
      throw error
    })
  }
}

/** Writes to standard output and waits where the reader is slow. */
export async function writeOut(text: string, stream: NodeJS.WritableStream = process.stdout): Promise<void> {
  if (stream.write(text)) return
  await new Promise((resolve) => stream.once('drain', resolve))
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ')
}

/** Options whose flags have other names. */
const OTHER_NAMES: Readonly<Record<string, string | undefined>> = { types: '--type' }

// `learningRate: expected …` becomes `--learning-rate: expected …`, and `no.json: expected …` becomes `--split no.json: expected …`:
// users of the command line know flags.
function nameFlag(message: string, command?: Command): string {
  if (command === undefined) return message
  const [head, compare = '', option = ''] =
    /^(?:explainStep: |checkGradients: |fit: )?(compare\.)?(\w+)(?=[[.,:])/.exec(message) ?? []
  const flag = flagOf(option)
  if (head !== undefined && command.options.some(({ long }) => long === flag)) {
    const rest = message.slice(head.length).replace(/^\.(factor(?=:))?/, (_, part) => (part ? '' : ' '))
    return `${compare === '' ? '' : '--compare '}${flag}${rest}`
  }
  const named = command.options.find((candidate) => {
    const value: unknown = command.getOptionValue(candidate.attributeName())
    return typeof value === 'string' && value !== '' && /^[:,]/.test(afterStart(message, value))
  })
  return named?.long === undefined ? message : `${named.long} ${message}`
}

// `validation` in backticks is an option: the command line writes --validation in its place, with a value behind it.
function inFlags(message: string, command?: Command): string {
  return message.replaceAll(
    /(?<=^|[\s(])`(\w+)(?:: '?([^`']+)'?)?`/g,
    (whole, option: string, value?: string) => {
      const flag = flagOf(option)
      if (command?.options.some(({ long }) => long === flag) !== true) return whole.replaceAll('`', '')
      return value === undefined ? flag : `${flag} ${value}`
    },
  )
}

function flagOf(option: string): string {
  return OTHER_NAMES[option] ?? flagName(option)
}

function afterStart(text: string, start: string): string {
  return text.startsWith(start) ? text.slice(start.length) : ''
}
