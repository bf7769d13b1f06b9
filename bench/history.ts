/** Raw results kept in bench/history/, one file per day and machine, and what has moved since the last committed one. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Line } from './measure.ts'
import { format, head } from './table.ts'

/** What results are only comparable within. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly os: string
  readonly node: string
}

/** The content of a file of history. */
export interface Record {
  readonly date: string
  readonly machine: Machine
  readonly results: readonly Line[]
}

const FOLDER = 'bench/history'
const ROOT = join(import.meta.dirname, '..')
/** Changes below this are noise. */
const MOVED = 0.1

/** The machine that this runs on. */
export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? process.arch,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${release().split('-')[0]}`,
    node: process.version,
  }
}

/** Keeps results: those of the same day and machine are added to, and replaced where they are measured again. */
export function save(results: readonly Line[], now = new Date()): string {
  const machine = thisMachine()
  const day = now.toISOString().slice(0, 10)
  const name = `${FOLDER}/${day}-${machine.cpu.replace(/\W+/g, '-').replace(/^-|-$/g, '').toLowerCase()}.json`
  const path = join(ROOT, name)
  const earlier = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record).results : []
  const fresh = new Set(results.map(keyOf))
  const all = [...earlier.filter((line) => !fresh.has(keyOf(line))), ...results]
  mkdirSync(join(ROOT, FOLDER), { recursive: true })
  const lines = all.map((line) => `    ${JSON.stringify(line)}`).join(',\n')
  writeFileSync(
    path,
    `{\n  "date": "${now.toISOString()}",\n  "machine": ${JSON.stringify(machine)},\n  "results": [\n${lines}\n  ]\n}\n`,
  )
  return name
}

/** The last committed record of this model of machine; undefined where there is none. */
export function lastCommitted(machine = thisMachine()): (Record & { name: string }) | undefined {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: ROOT,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  const names = git('ls-tree', '--name-only', 'HEAD', `${FOLDER}/`).split('\n').sort().reverse()
  for (const name of names.filter((candidate) => candidate.endsWith('.json'))) {
    const record = JSON.parse(git('show', `HEAD:${name}`)) as Partial<Record>
    if (record.results === undefined || record.machine?.cpu !== machine.cpu) continue
    return { ...(record as Record), name }
  }
  return undefined
}

/** What moved by more than 10 % from one set of results to another, as text; advisory. */
export function compare(before: readonly Line[], now: readonly Line[]): string[] {
  const known = new Map(before.map((line) => [keyOf(line), line]))
  return now.flatMap((line) => {
    const earlier = known.get(keyOf(line))
    if (earlier === undefined) return []
    // Microseconds are better the fewer they are, everything else the more.
    const change = line.unit === 'us' ? earlier.value / line.value - 1 : line.value / earlier.value - 1
    if (Math.abs(change) <= MOVED) return []
    const direction = change > 0 ? 'faster' : 'slower'
    return `${head(line)} ${format(earlier.value)} → ${format(line.value)} ${line.unit}: ${(100 * Math.abs(change)).toFixed(0)} % ${direction}`
  })
}

function keyOf({ peer, task, config, threads }: Line): string {
  return JSON.stringify([peer, task, config, threads])
}
