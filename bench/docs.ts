/** Writes the tables of docs/performance.md from the last file of bench/history. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format as prettify, resolveConfig } from 'prettier'
import type { Record } from './history.ts'
import type { Line } from './measure.ts'
import { format } from './table.ts'

const ROOT = join(import.meta.dirname, '..')
const HISTORY = join(ROOT, 'bench', 'history')
const PAGE = join(ROOT, 'docs', 'performance.md')
const BEGIN = '<!-- tables: npm run bench -- --docs -->'
const END = '<!-- end of tables -->'

interface Section {
  readonly title: string
  readonly isOf: (line: Line) => boolean
}

const TASKS: readonly { readonly title: string; readonly tasks: readonly string[] }[] = [
  { title: 'Training, samples/s', tasks: ['train'] },
  { title: 'Prediction: µs per call at batch 1, else samples/s', tasks: ['infer'] },
  { title: 'Products, GFLOP/s', tasks: ['sgemm', 'dgemm'] },
  { title: 'Elementary functions, elements/s', tasks: ['exp', 'logistic', 'tanh'] },
]

/**
 * Replaces the part of the page between its marks.
 *
 * @throws Error if there is no history, or the page has no marks
 */
export async function writeTables(): Promise<void> {
  const { name, record } = lastRecord()
  const page = readFileSync(PAGE, 'utf8')
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${PAGE}: expected ${BEGIN} and ${END}`)
  const text = page.slice(0, begin + BEGIN.length) + `\n\n${tablesOf(name, record)}\n\n` + page.slice(end)
  const style = await resolveConfig(PAGE)
  writeFileSync(PAGE, await prettify(text, { ...style, parser: 'markdown' }))
}

function lastRecord(): { name: string; record: Record } {
  for (const name of readdirSync(HISTORY).sort().reverse()) {
    if (!name.endsWith('.json')) continue
    const record = JSON.parse(readFileSync(join(HISTORY, name), 'utf8')) as Partial<Record>
    if (record.results !== undefined) return { name, record: record as Record }
  }
  throw new Error(`${HISTORY}: expected a file with results; npm run bench -- --save makes one`)
}

function tablesOf(name: string, { date, machine, results }: Record): string {
  const peaks = results.filter(({ task }) => task === 'peak')
  const threads = [...new Set(results.map((line) => line.threads))].sort((a, b) => a - b)
  const sections = TASKS.flatMap(({ title, tasks }) =>
    threads.map((count): Section => ({
      title: `${title}; ${count} thread${count > 1 ? 's' : ''}`,
      isOf: (line) => tasks.includes(line.task) && line.threads === count,
    })),
  )
  return [
    `${date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; best of several. Raw: ` +
      `[bench/history/${name}](../bench/history/${name}).`,
    `Peak: ${peaks.map(({ config, threads: n, value }) => `${config}, ${n} thread${n > 1 ? 's' : ''} ${format(value)} GFLOP/s`).join('; ')}.`,
    ...sections.flatMap((section) => table(section, results)),
  ].join('\n\n')
}

// Rows are cases, columns peers; bold is the best of a row.
function table({ title, isOf }: Section, results: readonly Line[]): string[] {
  const lines = results.filter(isOf)
  if (lines.length === 0) return []
  const peers = [...new Set(lines.map(({ peer }) => peer))]
  const versionOf = new Map(lines.map(({ peer, version }) => [peer, version]))
  const cases = [...new Set(lines.map(({ task, config }) => `${task} ${config}`))]
  const rows = cases.map((one) => {
    const here = lines.filter(({ task, config }) => `${task} ${config}` === one)
    const best = here.reduce((a, b) => (isBetter(b, a) ? b : a))
    const cells = peers.map((peer) => {
      const line = here.find((candidate) => candidate.peer === peer)
      if (line === undefined) return '–'
      return line === best ? `**${format(line.value)}**` : format(line.value)
    })
    return [one, ...cells]
  })
  const heads = ['', ...peers.map((peer) => `${peer} ${versionOf.get(peer) ?? ''}`)]
  return [
    `### ${title}`,
    [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
  ]
}

function isBetter(a: Line, b: Line): boolean {
  return a.unit === 'us' ? a.value < b.value : a.value > b.value
}
