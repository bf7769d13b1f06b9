/** Runs a line of the command line in this process: no start of Node for every wrong flag. */

import { vi } from 'vitest'
import { runLine } from '../../src/cli/program.ts'

/** What a command has left. */
export interface Outcome {
  code: number
  out: string
  err: string
}

/** Runs a command as `hadamard` would, with what it writes and its exit code. */
export async function runHere(args: readonly string[]): Promise<Outcome> {
  const written = { out: '', err: '' }
  const streams = [
    ['out', process.stdout],
    ['err', process.stderr],
  ] as const
  const spies = streams.map(([name, stream]) =>
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      written[name] += String(text)
      return true
    }),
  )
  const before = process.exitCode
  process.exitCode = undefined
  try {
    await runLine(args)
    return { code: (process.exitCode as number | undefined) ?? 0, ...written }
  } finally {
    process.exitCode = before
    for (const spy of spies) spy.mockRestore()
  }
}
