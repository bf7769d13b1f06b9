/** What the conformance commands have in common: their arguments, a line per case, the counts and the exit code. */

import { parseArgs } from 'node:util'

/** How a case went. */
export type Outcome = { ok: true } | { failed: string } | { needs: string }

const BACKENDS = ['native', 'fallback'] as const

/** The arguments of a conformance command. */
export interface Arguments<Flags extends string> {
  folder: string
  backend: (typeof BACKENDS)[number]
  flags: Record<Flags, string>
}

/**
 * Runs the cases one after the other and prints how each went; the process then ends with 1 where one failed, or where
 * there is none.
 *
 * @param flags values that each further flag can have, its default first
 * @param list names and runs of the cases; what a run throws is that case's failure
 */
export async function report<Flags extends string>(
  flags: Readonly<Record<Flags, readonly string[]>>,
  list: (args: Arguments<Flags>) => Iterable<[string, () => Outcome | Promise<Outcome>]>,
): Promise<void> {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  try {
    for (const [name, run] of list(readArguments(flags))) {
      const outcome = await Promise.resolve().then(run).catch(failure)
      if ('ok' in outcome) counts.passed++
      else if ('needs' in outcome) counts.skipped++
      else counts.failed++
      console.log(lineOf(name, outcome))
    }
  } catch (error) {
    console.error(reasonOf(error))
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  const ran = counts.passed + counts.failed + counts.skipped
  process.exitCode = counts.failed > 0 || ran === 0 ? 1 : 0
}

/** What a thrown value says, on one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.replace(/\s+/g, ' ').trim()
}

function failure(error: unknown): Outcome {
  return { failed: reasonOf(error) }
}

function lineOf(name: string, outcome: Outcome): string {
  if ('ok' in outcome) return `ok ${name}`
  return 'needs' in outcome ? `skip ${name} needs ${outcome.needs}` : `FAIL ${name} ${outcome.failed}`
}

function readArguments<Flags extends string>(
  flags: Readonly<Record<Flags, readonly string[]>>,
): Arguments<Flags> {
  const known: Record<string, readonly string[]> = { backend: BACKENDS, ...flags }
  const options = Object.fromEntries(Object.keys(known).map((name) => [name, { type: 'string' as const }]))
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (positionals.length !== 1) throw new Error(`DIR: expected one folder; received ${positionals.length}`)
  const chosen = Object.fromEntries(
    Object.entries(known).map(([name, choices]) => {
      const value = values[name] ?? choices[0]
      if (!choices.includes(value)) {
        throw new Error(`--${name}: expected ${choices.join(' or ')}; received '${value}'`)
      }
      return [name, value]
    }),
  ) as Record<Flags | 'backend', string>
  return {
    folder: positionals[0],
    backend: chosen.backend as Arguments<Flags>['backend'],
    flags: chosen,
  }
}
