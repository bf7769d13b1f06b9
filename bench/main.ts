/** `npm run bench`: rates of all workloads and kernels; `-- --help` tells what else. */

import { cpus } from 'node:os'
import { Command } from 'commander'
import { casesOf, type Case } from './cases.ts'
import { checks } from './checks.ts'
import { writeTables } from './docs.ts'
import { compare, lastCommitted, save, thisMachine } from './history.ts'
import { lineOf, measure, TABLE_PACES, type Line } from './measure.ts'
import { ourPeers } from './ours.ts'
import { measurePeak, peakLines, type PeakGauge } from './peak.ts'
import type { Peer } from './peer.ts'
import { startRivals } from './rivals/table.ts'
import { format, rowOf } from './table.ts'

interface Options {
  check?: string
  compare?: true
  docs?: true
  fallback: boolean
  json?: true
  only?: string
  rivals?: true
  save?: true
  slow?: true
}

const options = new Command('npm run bench --')
  .description('Rates of all workloads and kernels, and the targets by name.')
  .option('--json', 'a line of JSON for each measurement')
  .option('--rivals', 'beside the other libraries that are present')
  .option('--only <parts>', 'the cases whose task and config have one of these parts, such as W2,sgemm')
  .option('--no-fallback', 'without the TypeScript backend')
  .option('--slow', 'the rivals that need minutes too')
  .option('--save', 'keep the results in bench/history/')
  .option('--compare', 'tell what moved by more than 10 % since the last committed history')
  .option('--docs', 'write the tables of docs/performance.md from the history')
  .option('--check <name>', `one target: ${Object.keys(checks).join(', ')}`)
  .allowExcessArguments(false)
  .parse()
  .opts<Options>()

// What is not a measurement goes to standard error, so that `--json` prints lines of JSON only.
const say = (text: string): void => void process.stderr.write(`${text}\n`)

if (options.docs === true) await writeTables()
else if (options.check !== undefined) await runCheck(options.check)
else await runTables()

async function runTables(): Promise<void> {
  const { cpu, cores, node } = thisMachine()
  say(`${cpu}, ${cores} cores, Node ${node}, ${new Date().toISOString()}`)
  const lines: Line[] = []
  for (const threads of new Set([1, cores])) {
    const cases = casesOf(threads).filter(isWanted)
    if (cases.length === 0) continue
    const gauge = await showPeak(threads)
    const peers = ourPeers().filter(({ name }) => options.fallback || name !== 'hadamard-fallback')
    if (options.rivals === true) peers.push(...(await startWanted(cases, threads)))
    await measure(cases, peers, TABLE_PACES, {
      gauge,
      onResult: (result) => {
        const line = lineOf(result)
        lines.push(line)
        show(line, rowOf(result, gauge?.peak))
      },
    })
    // What is kept is the peak in the end: it grows where a later look finds more.
    if (gauge !== undefined) lines.push(...peakLines(gauge.peak, threads))
    gauge?.close()
    for (const peer of peers) peer.close()
  }
  if (options.compare === true) compareWithHistory(lines)
  if (options.save === true) say(`saved to ${save(lines)}`)
}

function show(line: Line, text: string): void {
  console.log(options.json === true ? JSON.stringify(line) : text)
}

async function showPeak(threads: number): Promise<PeakGauge | undefined> {
  const gauge = await measurePeak(threads)
  if (typeof gauge === 'string') {
    say(`no share of the peak is shown: ${gauge}`)
    return undefined
  }
  for (const line of peakLines(gauge.peak, threads)) {
    show(
      line,
      `peak ${line.config}, ${threads} thread${threads > 1 ? 's' : ''}: ${format(line.value)} ${line.unit}`,
    )
  }
  return gauge
}

async function startWanted(cases: readonly Case[], threads: number): Promise<Peer[]> {
  const { peers, absent } = await startRivals(threads, {
    tasks: new Set(cases.map(({ task }) => task)),
    includesSlow: options.slow,
  })
  if (threads === 1) for (const text of absent) say(text)
  return peers
}

// `--only` takes parts of `TASK CONFIG`, divided by commas.
function isWanted({ task, config }: Case): boolean {
  return options.only?.split(',').some((part) => `${task} ${config}`.includes(part.trim())) ?? true
}

function compareWithHistory(lines: readonly Line[]): void {
  const before = lastCommitted()
  if (before === undefined) {
    say('no committed history of this model of machine to compare with')
    return
  }
  const moved = compare(before.results, lines)
  say(
    `${moved.length} of ${lines.length} figures moved by more than 10 % since ${before.date} (${before.name}):`,
  )
  for (const text of moved) say(text)
}

async function runCheck(name: string): Promise<void> {
  const check = Object.hasOwn(checks, name) ? checks[name] : undefined
  if (check === undefined) {
    console.error(`--check: expected one of ${Object.keys(checks).join(', ')}; received ${name}`)
    process.exitCode = 1
    return
  }
  const { about } = check
  const { text, isMet } = await check.run()
  const machine = `${cpus()[0].model}, Node ${process.version}`
  if (options.json === true)
    console.log(JSON.stringify({ check: name, about, text, isMet, machine, date: new Date().toISOString() }))
  else console.log(`${name} (${about}): ${text}: ${isMet ? 'met' : 'MISSED'}`)
  process.exitCode = isMet ? 0 : 1
}
