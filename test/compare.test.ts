/** Models side by side, what a training would take, and models in several threads at once. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataError } from '../src/errors.ts'
import {
  compareModels,
  Dataset,
  dense,
  estimateTraining,
  loadModel,
  Network,
  train,
  type Model,
  type TrainOptions,
} from '../src/index.ts'
import { checkMemory, memoryLeft } from '../src/memory-limit.ts'
import { footprintOf } from '../src/model/footprint.ts'

type Row = Record<string, unknown>
let folder = ''
let first: Model<Row>
let second: Model<Row>
const rows: Row[] = Array.from({ length: 150 }, (_, i) => ({
  size: Math.sin(i * i),
  note: i % 2 === 0 ? 'two\nlines' : 'a, b',
  y: Math.sin(i * i) + Math.cos(i) / 2 > 0 ? 'up' : 'down',
}))
const options: TrainOptions = { target: 'y', epochs: 6, hidden: [4], types: { note: 'categorical' } }
const csvOf = (table: readonly Row[], columns: readonly string[]): string =>
  [columns, ...table.map((row) => columns.map((name) => row[name]))]
    .map((cells) =>
      cells.map((cell) => (/[\n,]/.test(String(cell)) ? `"${String(cell)}"` : String(cell))).join(','),
    )
    .join('\n')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  first = await train<Row>(rows, options)
  second = await train<Row>(rows, { ...options, seed: 7, epochs: 2 })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('two models', () => {
  test('of the same file are the same to the bit', async () => {
    const path = join(folder, 'first.model')
    await first.save(path)
    const comparison = await compareModels(first, await loadModel<Row>(path), rows)
    expect(comparison).toMatchObject({ differences: [], hasSameAnswers: true, changed: [], rows: 150 })
  })

  test('differ by their scores, and in the rows that their predictions tell apart, with the lines of the file', async () => {
    const file = join(folder, 'data.csv')
    const text = csvOf(rows, ['size', 'note', 'y'])
    writeFileSync(file, `\n${text}\n`)
    const { differences, scores, changed } = await compareModels(first, second, file)
    expect(differences).toEqual(
      ['encoder', 'weights'].filter((part) => differences.includes(part as 'encoder')),
    )
    expect(differences).toContain('weights')
    const [a, b] = [first, second].map((model) => model.predict(rows).map(({ prediction }) => prediction))
    const expected = rows.flatMap((row, i) =>
      a[i] === b[i] ? [] : [{ row: i, target: row.y, predictions: [a[i], b[i]] }],
    )
    expect(expected.length).toBeGreaterThan(0)
    expect(changed.map(({ row, target, predictions }) => ({ row, target, predictions }))).toEqual(expected)
    // Behind a blank line and the header each even row takes two lines.
    for (const { row, line } of changed) expect(line).toBe(3 + row + Math.ceil(row / 2))
    const right = (model: Model<Row>): number =>
      rows.filter((row, i) => model.predict([rows[i]])[0].prediction === row.y).length
    expect(scores?.map(({ accuracy }) => accuracy)).toEqual(
      [right(first) / 150, right(second) / 150].map((share) => expect.closeTo(share, 12) as number),
    )
  })

  const names = ['size', 'note', 'y']
  const written = (name: string, from = 0, to = 150): string => {
    const text = csvOf(rows.slice(from, to), names)
    writeFileSync(join(folder, name), name.endsWith('.gz') ? gzipSync(text) : text)
    return join(folder, name)
  }
  const parts = (): string[] => [written('part1.csv', 0, 70), written('part2.csv', 70)]
  type Source = Parameters<typeof compareModels>[2]
  test.each<[string, () => Source | Promise<Source>, 'line' | 'file and line' | 'row']>([
    ['a packed file', () => written('all.csv.gz'), 'line'],
    ['several files', parts, 'file and line'],
    ['a pattern', () => join(dirname(parts()[0]), 'part?.csv'), 'file and line'],
    ['a stream', () => Readable.from([csvOf(rows, names)]), 'line'],
    ['SQL', () => `duckdb:SELECT * FROM '${written('all.csv')}'`, 'row'],
    ['a dataset', () => Dataset.from<object>(rows), 'row'],
  ])('are compared on %s as on the rows themselves', async (_, source, place) => {
    const expected = await compareModels(first, second, rows)
    const { changed, scores, rows: count } = await compareModels(first, second, await source())
    expect([count, scores]).toEqual([150, expected.scores])
    const wanted = expected.changed.map((found) => {
      const [start, name] =
        place === 'file and line' && found.row >= 70 ? [70, 'part2.csv'] : [0, 'part1.csv']
      // Behind the header each even row takes two lines.
      const line = 2 + found.row - start + Math.ceil((found.row - start) / 2)
      return {
        ...found,
        ...(place === 'row' ? {} : { line }),
        ...(place === 'file and line' ? { file: join(folder, name) } : {}),
      }
    })
    expect(changed).toEqual(wanted)
  })

  test('without the target there are predictions alone', async () => {
    const bare = rows.map(({ size, note }) => ({ size, note }))
    const file = join(folder, 'bare.csv')
    writeFileSync(file, csvOf(bare, ['size', 'note']))
    for (const source of [bare, file]) {
      const { scores, changed } = await compareModels(first, second, source)
      expect(scores).toBeUndefined()
      expect(changed.every(({ target }) => target === null)).toBe(true)
    }
  })

  test('of numbers are told by their distance', async () => {
    const numbers = rows.map(({ size }) => ({ size, y: 3 * Number(size) + 1 }))
    const [a, b] = await Promise.all(
      [1, 2].map((seed) => train(numbers, { target: 'y', epochs: 2, seed, hidden: [3] })),
    )
    const { distance, changed } = await compareModels(a, b, numbers)
    const apart = numbers.map((row) =>
      Math.abs(Number(a.predict([row])[0].prediction) - Number(b.predict([row])[0].prediction)),
    )
    expect(changed).toEqual([])
    expect(distance?.largest).toBeCloseTo(Math.max(...apart), 6)
    expect(apart[distance?.row ?? -1]).toBeCloseTo(Math.max(...apart), 6)
  })

  test('of different targets are refused', async () => {
    const other = await train<Row>(rows, { ...options, target: 'note' })
    await expect(compareModels(first, other, rows)).rejects.toThrow(
      /expected one that predicts y, one of 'down', 'up'; received one of note/,
    )
  })
})

describe('what a training would take', () => {
  test('is told without a model, by some steps of it', async () => {
    const { plan, availableBytes, secondsPerEpoch, secondsAtMost } = await estimateTraining(rows, options)
    expect(plan.footprint?.parameters).toBe(first.network.parameters['dense1.weight'].data.length + 4 + 4 + 1)
    expect(plan.footprint).toEqual(first.report.footprint)
    expect(availableBytes).toBeGreaterThan(2 ** 20)
    expect(secondsPerEpoch).toBeGreaterThan(0)
    expect(secondsAtMost).toBeCloseTo(6 * secondsPerEpoch, 12)
  })

  test('the arena holds weights, gradients and two vectors of adam, and grows with them', () => {
    const sizes = {
      train: 900,
      validation: 100,
      batchSize: 32,
      optimizer: 'adam',
      isWeighted: false,
    } as const
    const net = new Network({ inputs: 50, layers: [dense(200), dense(1)], loss: 'squaredError' })
    const { parameters, dataBytes, arenaBytes } = footprintOf(net.spec, sizes)
    expect(parameters).toBe(50 * 200 + 200 + 200 + 1)
    expect(dataBytes).toBe(2 * 4 * 1000 * 51)
    expect(arenaBytes).toBeGreaterThan(4 * 4 * parameters)
    expect(arenaBytes).toBeLessThan(9 * 4 * parameters + 4 * 200 * 256 * 8)
  })

  test('more than the memory that is left is refused with the figures', async () => {
    const left = () => ({ bytes: 200e6, of: 'the memory limit of the cgroup' as const })
    expect(() =>
      checkMemory('memory', { 'encoded data': 150e6, 'weights and training': 49e6 }, left),
    ).not.toThrow()
    expect(() =>
      checkMemory('memory', { 'encoded data': 150e6, 'weights and training': 51e6 }, left),
    ).toThrow(
      'memory: expected a need of at most 200 MB, what is left of the memory limit of the cgroup; received 201 MB: 150 MB of ' +
        'encoded data and 51 MB of weights and training. Use fewer rows or columns, or smaller layers',
    )
    // Weights of 10 TB are refused before one of them is drawn.
    const huge = train(rows, { ...options, hidden: [1_600_000, 1_600_000] })
    await expect(huge).rejects.toThrow(
      /memory: expected a need of at most [\d.]+ [GM]B.*TB of weights and training/,
    )
    await expect(huge).rejects.toThrow(DataError)
  })
})

describe('the memory that is left', () => {
  const roots: string[] = []
  afterAll(() => roots.forEach((root) => rmSync(root, { recursive: true })))
  const machine = (files: Record<string, string>): string => {
    const root = mkdtempSync(join(tmpdir(), 'hadamard-root-'))
    roots.push(root)
    for (const [name, text] of Object.entries({
      'proc/meminfo': 'MemTotal: 9000 kB\nMemAvailable:    8000 kB\n',
      ...files,
    })) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), text)
    }
    return root
  }
  const MB = 2 ** 20
  test.each<[string, Record<string, string>, number, string]>([
    ['without a cgroup is the machine’s', {}, 8000 * 1024, 'the available memory'],
    [
      'under version 2 is the limit less what is used and cannot be dropped',
      {
        'proc/self/cgroup': '0::/app/job\n',
        'sys/fs/cgroup/app/job/memory.max': 'max\n',
        'sys/fs/cgroup/app/memory.max': `${5 * MB}\n`,
        'sys/fs/cgroup/app/memory.current': `${3 * MB}\n`,
        'sys/fs/cgroup/app/memory.stat': `anon 5\ninactive_file ${MB}\n`,
      },
      3 * MB,
      'the memory limit of the cgroup',
    ],
    [
      'of a container, whose group is not to be seen, is that of the mount',
      {
        'proc/self/cgroup': '0::/docker/abc\n',
        'sys/fs/cgroup/memory.max': `${4 * MB}\n`,
        'sys/fs/cgroup/memory.current': `${MB}\n`,
      },
      3 * MB,
      'the memory limit of the cgroup',
    ],
    [
      'under version 1 is that of the memory controller',
      {
        'proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/job\n',
        'sys/fs/cgroup/memory/job/memory.limit_in_bytes': `${2 * MB}\n`,
        'sys/fs/cgroup/memory/job/memory.usage_in_bytes': `${MB}\n`,
        'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
        'sys/fs/cgroup/memory/memory.usage_in_bytes': `${MB}\n`,
      },
      MB,
      'the memory limit of the cgroup',
    ],
    [
      'is none where more is used than the limit allows',
      {
        'proc/self/cgroup': '0::/\n',
        'sys/fs/cgroup/memory.max': `${MB}\n`,
        'sys/fs/cgroup/memory.current': `${2 * MB}\n`,
      },
      0,
      'the memory limit of the cgroup',
    ],
  ])('%s', (_, files, bytes, of) => {
    expect(memoryLeft(machine(files))).toEqual({ bytes, of })
  })
})

describe('a model in several threads', () => {
  const index = pathToFileURL(join(import.meta.dirname, '..', 'dist', 'index.js')).href

  test('is read from shared memory, as it is from a file', async () => {
    const shared = first.share()
    for (const source of [shared, new Uint8Array(shared)]) {
      const copy = await loadModel<Row>(source)
      expect(copy.predict(rows)).toEqual(first.predict(rows))
      expect(copy.report).toEqual(first.report)
    }
    await expect(loadModel(new Uint8Array(5))).rejects.toThrow(
      /model: expected a model file; received 5 bytes/,
    )
    await expect(
      loadModel(new Uint8Array(shared).map((byte, i) => (i === shared.byteLength - 9 ? byte ^ 1 : byte))),
    ).rejects.toThrow(DataError)
  })

  test('answers in all of them at once, from one copy of its bytes', async () => {
    const shared = first.share()
    const before = Buffer.from(new Uint8Array(shared)).toString('base64')
    const worker = `
      const { parentPort, workerData: { shared, rows } } = require('node:worker_threads')
      import(${JSON.stringify(index)}).then(async ({ loadModel }) => {
        const model = await loadModel(shared)
        let answers
        for (let i = 0; i < 20; i++) answers = rows.map((row) => model.predictOne(row))
        parentPort.postMessage(answers)
      })`
    const start = (): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const thread = new Worker(worker, { eval: true, workerData: { shared, rows } })
        thread.once('message', resolve)
        thread.once('error', reject)
      })
    const here = rows.map((row) => first.predictOne(row))
    for (const answers of await Promise.all([start(), start(), start()])) expect(answers).toEqual(here)
    expect(Buffer.from(new Uint8Array(shared)).toString('base64')).toBe(before)
  })
})
