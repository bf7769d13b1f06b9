/**
 * `npm run bench:tabular -- FOLDER`: scores, ranks and times of `train` as it comes on repeated stratified splits of CSV files,
 * beside scikit-learn's defaults on the same rows.
 *
 * FOLDER holds `NAME.csv`; the target is the column named below, else the last one. `--only digits,wine` takes some of the
 * files, `--repeats 3` so many splits (80 % training, of which `train` takes its validation rows), `--target COLUMN` another
 * target, `--options JSON` options of `train` (an array for several rows of the table), `--no-rivals` leaves scikit-learn out,
 * `--json` prints lines of JSON.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { permutedSplit, rowNumbers, stratifiedSplit, type Split } from '../../src/data/split.ts'
import { readCsv } from '../../src/data/csv.ts'
import { column, columnValues } from '../../src/data/table.ts'
import { inferTask, labelledRows, type Task } from '../../src/data/target.ts'
import { train, type TrainOptions } from '../../src/index.ts'
import { randomStream } from '../../src/random.ts'
import { meanRanks, meansOf, type Score } from './ranks.ts'

const TARGETS: Readonly<Record<string, string | undefined>> = {
  iris: 'species',
  wine: 'cultivar',
  breast_cancer: 'diagnosis',
  digits: 'digit',
  diabetes: 'progression',
  penguins: 'species',
  mpg: 'hwy',
  diamonds: 'price',
  two_spirals: 'class',
}
/** More than one number to predict, or too few rows to tell. */
const LEFT_OUT = ['linnerud']
const PYTHON = process.env.PYTHON ?? '/usr/bin/python3'
const RIVALS = ['linear', 'random forest', 'boosting', 'MLP']

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    only: { type: 'string' },
    repeats: { type: 'string', default: '3' },
    target: { type: 'string' },
    options: { type: 'string', default: '{}' },
    rivals: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
  },
})

interface Job {
  readonly path: string
  readonly target: string
  readonly task: Task
  readonly splits: readonly Split[]
}

const folder = positionals.at(0)
if (folder === undefined) throw new Error('npm run bench:tabular -- FOLDER: expected a folder of CSV files')
const variants = [JSON.parse(flags.options) as Partial<TrainOptions> | Partial<TrainOptions>[]].flat()
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.csv'))
  .map((file) => basename(file, '.csv'))
  .filter((name) => flags.only?.split(',').includes(name) ?? !LEFT_OUT.includes(name))

const scores: Score[] = []
for (const name of names) {
  const job = await jobOf(join(folder, `${name}.csv`), flags.target ?? TARGETS[name])
  const found = [...(await ours(job)), ...(flags.rivals ? rivals(job) : [])].map((one) => ({
    set: name,
    ...one,
  }))
  scores.push(...found)
  for (const line of flags.json ? found.map((one) => JSON.stringify(one)) : tableOf(found)) console.log(line)
}
if (!flags.json && flags.rivals) {
  console.log('\nmean rank')
  for (const [model, rank] of meanRanks(scores)) console.log(`  ${model.padEnd(24)} ${rank.toFixed(2)}`)
}

async function jobOf(path: string, named: string | undefined): Promise<Job> {
  const table = await readCsv(path)
  const target = named ?? table.columns[table.columns.length - 1].name
  const { task } = inferTask(column(table, target))
  const rows = labelledRows([column(table, target)], rowNumbers(table.rows))
  const values = columnValues(column(table, target))
  const classes = Int32Array.from(rows, (row) => values.indexOf(values[row]))
  const splits = Array.from({ length: Number(flags.repeats) }, (_, seed) => {
    const random = randomStream(seed, 'bench.tabular')
    return task === 'classification'
      ? stratifiedSplit(rows, classes, 0.2, random)
      : permutedSplit(rows, 0.2, random)
  })
  return { path, target, task, splits }
}

async function ours({ path, target, splits }: Job): Promise<Omit<Score, 'set'>[]> {
  const home = mkdtempSync(join(tmpdir(), 'hadamard-'))
  const found: Omit<Score, 'set'>[] = []
  for (const [repeat, split] of splits.entries()) {
    const file = join(home, `${repeat}.json`)
    writeFileSync(file, JSON.stringify({ train: [...split.train], test: [...split.test] }))
    for (const [i, options] of variants.entries()) {
      const started = performance.now()
      const { report } = await train(path, { target, split: file, seed: repeat, ...options })
      const model = variants.length === 1 ? 'hadamard' : `hadamard ${i}`
      const score = report.test?.accuracy ?? report.test?.r2 ?? NaN
      found.push({
        model,
        repeat,
        score,
        seconds: (performance.now() - started) / 1000,
        rows: split.train.length,
      })
    }
  }
  rmSync(home, { recursive: true, force: true })
  return found
}

function rivals(job: Job): Omit<Score, 'set'>[] {
  const splits = job.splits.map((split) => ({ train: [...split.train], test: [...split.test] }))
  const script = fileURLToPath(new URL('rivals.py', import.meta.url))
  const { stdout, stderr, status } = spawnSync(PYTHON, [script], {
    input: JSON.stringify({ ...job, splits, models: RIVALS }),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) throw new Error(`${PYTHON} ${script}: ${stderr}`)
  return stdout
    .trim()
    .split('\n')
    .map((line) => ({
      ...(JSON.parse(line) as Omit<Score, 'set' | 'rows'>),
      rows: job.splits[0].train.length,
    }))
}

function tableOf(found: readonly Score[]): string[] {
  const lines = meansOf(found).map(({ model, mean, deviation, secondsPer1000 }) =>
    [
      `  ${model.padEnd(24)}`,
      mean.toFixed(4),
      `± ${deviation.toFixed(4)}`,
      `${secondsPer1000.toFixed(2).padStart(8)} s per 1,000 rows`,
    ].join(' '),
  )
  return [`${found[0].set} (${found[0].rows} training rows, ${flags.repeats} splits)`, ...lines]
}
