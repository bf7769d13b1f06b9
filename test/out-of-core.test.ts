/** Training out of core: against training in memory, and what becomes of packed rows that are kept. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi, type Mock } from 'vitest'
import { chooseRowLoops } from '../src/backends/choose.ts'
import { CsvFiles } from '../src/data/csv-files.ts'
import { ColumnSpool } from '../src/data/column-spool.ts'
import { openCsv } from '../src/data/dataset.ts'
import { blockRowsOf, type RowLayout } from '../src/data/packed-format.ts'
import { PackedRows } from '../src/data/packed-rows.ts'
import { PackedWriter } from '../src/data/packed-writer.ts'
import { fallbackRowLoops, type RowJobs } from '../src/data/row-loops.ts'
import { DataError } from '../src/errors.ts'
import { valueAt } from '../src/data/table.ts'
import { partRule, tableRuleColumns } from '../src/model/large-parts.ts'
import { loadModel, type Model } from '../src/model.ts'
import { memoryBytes } from '../src/model/memory.ts'
import type { SchemaColumn } from '../src/data/survey.ts'
import { normalizeTrainOptions } from '../src/model/normalize-options.ts'
import type { TrainOptions } from '../src/model/options.ts'
import { train } from '../src/model/train.ts'
import { atOnce } from '../src/paced.ts'
import { randomStream } from '../src/random.ts'
import { temporaryBeside } from '../src/temporary.ts'

vi.mock('../src/temporary.ts', { spy: true })

const ROWS = 2000
let folder = ''
let path = ''
const sentences: string[] = []
const onCache = (sentence: string): number => sentences.push(sentence)

const common = { target: 'kind', epochs: 4, seed: 3, hidden: [8], stratify: false, calibrate: false } as const
const streamed: TrainOptions = { ...common, stratify: undefined, outOfCore: true, onCache }

function table(rows: number): string {
  const draw = randomStream(7, 'table')
  const lines = Array.from({ length: rows }, (_, i) => {
    const size = Math.round(draw.normal(4 * i) * 1000) / 100
    const color = ['red', 'green', 'blue'][draw.below(3, 4 * i + 1)]
    const noise = draw.normal(4 * i + 2)
    const kind = size + (color === 'red' ? 5 : 0) + noise > 1 ? 'big' : 'small'
    const day = `2024-0${1 + (i % 9)}-1${i % 7}`
    return `${i},${i % 12 === 0 ? '' : size},${color},${day},${noise},${i % 2 === 0 ? 'yes' : 'no'},${i % 50 === 0 ? '' : kind},7`
  })
  return `id,size,color,day,noise,flag,kind,same\n${lines.join('\n')}\n`
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-large-'))
  path = join(folder, 'rows.csv')
})

beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  writeFileSync(path, table(ROWS))
  sentences.length = 0
})

afterAll(() => rmSync(folder, { recursive: true }))

const packedFiles = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.rows'))

// A frame of raw blocks of 64 KiB: RFC 8878, 3.1.1.
function zstdOf(content: Buffer): Buffer {
  const blocks = Array.from({ length: Math.ceil(content.length / 2 ** 16) }, (_, i) => {
    const block = content.subarray(i * 2 ** 16, (i + 1) * 2 ** 16)
    const header = Buffer.alloc(3)
    header.writeUIntLE((block.length << 3) | ((i + 1) * 2 ** 16 >= content.length ? 1 : 0), 0, 3)
    return Buffer.concat([header, block])
  })
  const size = Buffer.alloc(4)
  size.writeUInt32LE(content.length)
  return Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0), size, ...blocks])
}

test('packed files are trained on as what they hold', async () => {
  const content = readFileSync(path)
  const weights = async (source: string): Promise<unknown> =>
    (await train(source, streamed)).network.parameters
  const plain = await weights(path)
  for (const [name, packed] of [
    ['rows.csv.gz', gzipSync(content)],
    ['rows.csv.zst', zstdOf(content)],
  ] as const) {
    writeFileSync(join(folder, name), packed)
    expect(await weights(join(folder, name)), name).toEqual(plain)
  }
})

test('parts, columns, classes and encoder are those of training in memory', async () => {
  const [whole, parts] = [await train(path, common), await train(path, streamed)]
  const facts = ({ report }: Model<object>): object => {
    const { rows, split, classes, columns, task, droppedRows, warnings } = report
    return { rows, split, classes, columns, task, droppedRows, warnings }
  }
  expect(facts(parts)).toEqual(facts(whole))
  expect(parts.report.columns.find(({ name }) => name === 'id')?.reason).toBe('counting the rows')
  const inputs = ({ encoder }: Model<object>): object[] =>
    encoder.data.inputs.map((input) =>
      'mean' in input
        ? { ...input, mean: input.mean.toPrecision(10), deviation: input.deviation.toPrecision(10) }
        : input,
    )
  expect(inputs(parts)).toEqual(inputs(whole))
  // A sample of all rows is no sample: the scores are of the same rows.
  expect(parts.report.test?.rows).toBe(whole.report.test?.rows)
  expect(parts.report.test?.baseline.logLoss).toBeCloseTo(whole.report.test?.baseline.logLoss ?? NaN, 12)
  expect(parts.report.test?.accuracy).toBeGreaterThan(0.85)
})

test('the file is read once, and by its cache not at all', async () => {
  const reads = vi.spyOn(CsvFiles.prototype, 'blocks')
  const passesOf = async (options: Partial<TrainOptions>): Promise<number> => {
    reads.mockClear()
    await train(path, { ...streamed, epochs: 1, ...options })
    return reads.mock.calls.length
  }
  expect(await passesOf({})).toBe(1)
  expect(await passesOf({})).toBe(0)
  const { schema } = await openCsv(path)
  expect(await passesOf({ schema })).toBe(1)
  // How many calibration rows there are follows from the rows of a small file.
  expect(await passesOf({ coverage: 0.9 })).toBe(2)
  // Texts that a schema does not list are those of the rows.
  const listless = schema.columns.map((column) =>
    column.name === 'color' ? { name: 'color', type: 'categorical' as const } : column,
  )
  expect(await passesOf({ schema: { columns: listless } })).toBe(1)
  const encoderOf = async (columns: SchemaColumn[]): Promise<object> =>
    (await train(path, { ...streamed, epochs: 1, schema: { columns } })).encoder.toJSON()
  expect(await encoderOf(listless)).toEqual(await encoderOf(schema.columns))
  reads.mockRestore()
})

test('rows that find no room are read a second time, to the same packed bytes', async () => {
  const packed = async (): Promise<Buffer> => {
    await train(path, { ...streamed, weight: 'same', epochs: 1 })
    const [name] = packedFiles()
    const bytes = readFileSync(join(folder, name))
    rmSync(join(folder, name))
    expect(readdirSync(folder)).toEqual(['rows.csv'])
    return bytes
  }
  const spooled = await packed()
  const reads = vi.spyOn(CsvFiles.prototype, 'blocks')
  const refused = vi.spyOn(ColumnSpool, 'create').mockResolvedValueOnce(undefined)
  expect((await packed()).equals(spooled)).toBe(true)
  expect(reads.mock.calls).toHaveLength(2)
  refused.mockRestore()
  // A disk that fills up while rows are written.
  const fills = vi.spyOn(ColumnSpool.prototype, 'isWhole', 'get').mockReturnValue(false)
  expect((await packed()).equals(spooled)).toBe(true)
  expect(reads.mock.calls).toHaveLength(4)
  fills.mockRestore()
  reads.mockRestore()
})

test('a target whose schema lists fewer texts is missing in the other rows', async () => {
  const { schema } = await openCsv(path)
  const columns = schema.columns.map((column) =>
    column.name === 'color'
      ? { name: 'color', type: 'categorical' as const, categories: ['blue', 'red'] }
      : column,
  )
  const options = { target: 'color', schema: { columns }, epochs: 1, hidden: [4], seed: 1 }
  const [whole, parts] = [
    await train(path, options),
    await train(path, { ...options, outOfCore: true, cache: false }),
  ]
  expect(parts.report.droppedRows).toBe(whole.report.droppedRows)
  expect(parts.report.droppedRows).toBeGreaterThan(500)
  expect(parts.encoder.classes).toEqual(['blue', 'red'])
  expect(parts.report.classes?.map(({ rows }) => rows)).toEqual(whole.report.classes?.map(({ rows }) => rows))
})

test('groups stay whole, whatever the pieces, and their column is no input', async () => {
  const partsBy = async (group: string, options: object = {}): Promise<Map<string, Set<number>>> => {
    const model = await train(path, {
      ...streamed,
      group,
      epochs: 1,
      cache: false,
      coverage: 0.8,
      ...options,
    })
    expect(model.encoder.data.inputs.map(({ name }) => name)).not.toContain(group)
    expect(model.report.split.rule).toBe(`whole groups of ${group} by hash, seed 3`)
    const settings = normalizeTrainOptions({ ...streamed, group, coverage: 0.8 })
    const rule = partRule(settings, ROWS)
    const found = new Map<string, Set<number>>()
    let counted = 0
    const dataset = await openCsv(path, { chunkBytes: 5000 })
    for await (const { table, numbers } of dataset.chunks()) {
      const parts = atOnce(rule(numbers, tableRuleColumns(table, settings)))
      const column = table.columns.find(({ name }) => name === group)
      const target = table.columns.find(({ name }) => name === 'kind')
      for (let row = 0; row < table.rows && column !== undefined && target !== undefined; row++) {
        const key = String(valueAt(column, row) ?? `row ${numbers[row]}`)
        found.set(key, (found.get(key) ?? new Set()).add(parts[row]))
        if (parts[row] === 0 && valueAt(target, row) !== null) counted++
      }
    }
    expect(model.report.split.train).toBe(counted)
    return found
  }
  const byDay = await partsBy('day')
  expect([...byDay.values()].every(({ size }) => size === 1)).toBe(true)
  expect(new Set([...byDay.values()].flatMap((parts) => [...parts])).size).toBeGreaterThan(2)
  // Of numbers too; a row without one is a group of its own.
  const bySize = await partsBy('size')
  expect([...bySize.values()].every(({ size }) => size === 1)).toBe(true)
})

test('a regression is encoded as in memory', async () => {
  const options = {
    target: 'noise',
    epochs: 2,
    seed: 1,
    hidden: [4],
    ignore: ['kind'],
    scale: 'robust',
  } as const
  const [whole, parts] = [
    await train(path, options),
    await train(path, { ...options, outOfCore: true, cache: false }),
  ]
  expect(parts.report.split).toEqual(whole.report.split)
  expect(parts.report.taskReason).toContain('not integers')
  const [a, b] = [whole, parts].map(
    ({ encoder }) => encoder.data.target as { mean: number; deviation: number },
  )
  expect(b.mean).toBeCloseTo(a.mean, 12)
  expect(b.deviation).toBeCloseTo(a.deviation, 12)
  expect(packedFiles()).toEqual([])
})

test('a cache, none, another backend and other threads give the same bits', async () => {
  const weights = async (options: Partial<TrainOptions>): Promise<unknown> =>
    (await train(path, { ...streamed, shuffleWindow: 500, ...options })).network.parameters
  const first = await weights({})
  expect(sentences[0]).toContain('for later trainings')
  expect(packedFiles()).toHaveLength(1)
  expect(await weights({})).toEqual(first)
  expect(sentences[1]).toContain('of an earlier training')
  expect(await weights({ cache: false, threads: 2 })).toEqual(first)
  expect(await weights({ cache: join(folder, 'packed'), backend: 'fallback', memory: '1GB' })).toEqual(first)
  expect(await weights({ shuffleWindow: 700 })).not.toEqual(first)
})

describe('packed rows are made anew', () => {
  const stale: readonly [string, (packed: string) => void, RegExp][] = [
    ['where the file was written to', () => writeFileSync(path, table(ROWS - 1)), /other data or settings/],
    ['where its time has changed', () => utimesSync(path, 1, 1), /other data or settings/],
    ['where they are cut off', (packed) => truncateSync(packed, 5000), /damaged or cut off/],
    ['where they are empty', (packed) => writeFileSync(packed, ''), /damaged or cut off/],
    ['where a bit of a block has changed', (packed) => flip(packed, 100), /damaged/],
    ['where a bit of the table of contents has changed', (packed) => flip(packed, -40), /damaged or cut off/],
  ]
  test.each(stale)('%s', async (_, damage, said) => {
    await train(path, { ...streamed, epochs: 1 })
    const [name] = packedFiles()
    damage(join(folder, name))
    const again = await train(path, { ...streamed, epochs: 1 })
    expect(sentences[1]).toMatch(said)
    expect(again.report.rows).toBeGreaterThan(ROWS - 2)
    expect(packedFiles()).toEqual([name])
  })
})

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at < 0 ? bytes.length + at : at] ^= 0x80
  writeFileSync(file, bytes)
}

const layout: RowLayout = {
  dtype: 'float32',
  inputs: 2,
  targets: 1,
  areTargetsLabels: false,
  isWeighted: false,
}

test('a writer that is killed leaves nothing that is read, and its leftovers go', async () => {
  const target = join(folder, 'rows')
  const script = `
    import { PackedWriter } from ${JSON.stringify(join(import.meta.dirname, '../src/data/packed-writer.ts'))}
    const writer = await PackedWriter.create(process.argv[1], 'key', ${JSON.stringify(layout)})
    const rows = 5000
    await writer.append('train', { x: new Float32Array(2 * rows), y: new Float32Array(rows) }, rows)
    console.log('written')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, target])
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await PackedRows.open(target, 'key')).toBeUndefined()
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toHaveLength(1)
  const writer = await PackedWriter.create(target, 'key', layout)
  await writer.append('train', { x: Float32Array.of(1, 2), y: Float32Array.of(3) }, 1)
  await writer.finish({ a: 1 })
  expect(readdirSync(folder).filter((name) => name.startsWith('rows.') && name !== 'rows.csv')).toEqual([])
  const packed = await PackedRows.open(target, 'key')
  expect(packed).toBeInstanceOf(PackedRows)
  if (!(packed instanceof PackedRows)) return
  expect([packed.rowsOf('train'), packed.rowsOf('test'), packed.notes]).toEqual([1, 0, { a: 1 }])
  await packed.close()
})

test('a file is not closed while it is written to, whoever waits for the writes', async () => {
  const loops = chooseRowLoops({})
  const target = join(folder, 'slow.rows')
  let underWay = 0
  const writePieces: Mock<RowJobs['writePieces']> = vi.fn(async (descriptor) => {
    underWay++
    // The first takes longest.
    await new Promise((resolve) => setTimeout(resolve, writePieces.mock.calls.length === 1 ? 100 : 10))
    expect(fstatSync(descriptor).isFile()).toBe(true)
    underWay--
    return undefined
  })
  const jobs = { readPieces: vi.fn(), standardisePieces: vi.fn(), writePieces }
  const writer = await PackedWriter.create(target, 'key', layout, { ...loops, jobs })
  const rows = blockRowsOf(layout)
  const appending = Array.from({ length: 7 }, () =>
    writer.append('train', { x: new Float32Array(2 * rows), y: new Float32Array(rows) }, rows),
  )
  await new Promise((resolve) => setImmediate(resolve))
  await writer.abandon()
  expect([underWay, writePieces.mock.calls.length]).toEqual([0, 7])
  await Promise.allSettled(appending)
})

test.each([
  ['the core', chooseRowLoops({})],
  ['the runtime', fallbackRowLoops],
])(
  'packed rows are read in any order, also parts of blocks, by %s; of a file cut short it tells',
  async (_, loops) => {
    const target = join(folder, 'runs')
    const rows = 2500
    const writer = await PackedWriter.create(target, 'key', layout)
    await writer.append(
      'train',
      {
        x: Float32Array.from({ length: 2 * rows }, (_, i) => i),
        y: Float32Array.from({ length: rows }, (_, i) => 0 - i),
      },
      rows,
    )
    await writer.finish({})
    const packed = await PackedRows.open(target, 'key', false, loops)
    if (!(packed instanceof PackedRows)) throw new Error(packed)
    const { blockRows } = packed
    const runs = [
      { block: 2, from: 0, rows: rows - 2 * blockRows },
      { block: 0, from: 17, rows: 300 },
      { block: 1, from: 0, rows: blockRows },
    ]
    const numbers = runs.flatMap(({ block, from, rows: count }) =>
      Array.from({ length: count }, (_, i) => block * blockRows + from + i),
    )
    const shared = (length: number): Float32Array => new Float32Array(new SharedArrayBuffer(4 * length))
    const into = { x: shared(2 * numbers.length), y: shared(numbers.length) }
    await packed.read('train', runs, into)
    expect([...into.y]).toEqual(numbers.map((row) => 0 - row))
    expect([...into.x]).toEqual(numbers.flatMap((row) => [2 * row, 2 * row + 1]))
    truncateSync(target, 8 * blockRows)
    await expect(packed.read('train', runs, into)).rejects.toThrow(/one that has been cut off/)
    await packed.close()
  },
)

test.skipIf(!existsSync('/dev/full'))('a full disk is an error that keeps the data', async () => {
  const before = readFileSync(path, 'utf8')
  // A device that is always full, in the place of the file that is written first.
  const target = join(folder, 'packed.rows')
  const temporary = `${target}.tmp`
  symlinkSync('/dev/full', temporary)
  vi.mocked(temporaryBeside).mockReturnValueOnce(temporary)
  const writing = PackedWriter.create(target, 'key', layout)
  await expect(writing).rejects.toThrow(/packed\.rows: .*no space left on the disk.*cache/)
  expect(readFileSync(path, 'utf8')).toBe(before)
  expect(existsSync(target)).toBe(false)
})

test.skipIf(!existsSync('/dev/full'))(
  'a disk that is full ends a training and leaves all as it was',
  async () => {
    const before = readFileSync(path, 'utf8')
    await train(path, { ...streamed, epochs: 1 })
    const [name] = packedFiles()
    rmSync(join(folder, name))
    const temporary = join(folder, `${name}.tmp`)
    symlinkSync('/dev/full', temporary)
    // The file for the columns, which is of another kind, then that of the packed rows.
    for (let file = 0; file < 2; file++) vi.mocked(temporaryBeside).mockReturnValueOnce(temporary)
    const failing = train(path, { ...streamed, epochs: 1 })
    await expect(failing).rejects.toThrow(/no space left on the disk.*make room.*\[HADAMARD_CACHE\]/)
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect(readdirSync(folder)).toEqual(['rows.csv'])
    // With room again it goes on as if nothing had happened.
    expect((await train(path, { ...streamed, epochs: 1 })).report.rows).toBe(ROWS)
  },
)

test('trainings at the same time make the same packed rows side by side', async () => {
  const models = await Promise.all([0, 1, 2].map(() => train(path, { ...streamed, epochs: 1 })))
  const [first, ...others] = models.map((model) => model.network.parameters)
  for (const parameters of others) expect(parameters).toEqual(first)
  expect(readdirSync(folder)).toEqual(['rows.csv', ...packedFiles()])
  expect((await train(path, { ...streamed, epochs: 1 })).network.parameters).toEqual(first)
})

test('a cache that cannot be written is refused before the file is read', async () => {
  const reads = vi.spyOn(CsvFiles.prototype, 'blocks')
  await train(path, { ...streamed, epochs: 1 })
  const [name] = packedFiles()
  rmSync(join(folder, name))
  mkdirSync(join(folder, name))
  reads.mockClear()
  await expect(train(path, streamed)).rejects.toThrow(/a folder in place of the file.*\[HADAMARD_CACHE\]/)
  await expect(train(path, { ...streamed, cache: '/proc/hadamard' })).rejects.toThrow(DataError)
  expect(reads.mock.calls).toHaveLength(0)
  reads.mockRestore()
})

describe('a file that changes after it was read is an error that says so, and leaves nothing', () => {
  const changes: readonly [string, () => void][] = [
    ['grows', () => appendFileSync(path, 'x,1,red,2024-01-11,1,yes,big,7\n')],
    ['grows by half a record', () => appendFileSync(path, '1,2')],
    ['shrinks', () => truncateSync(path, 30_000)],
    ['goes', () => rmSync(path)],
  ]
  test.each(changes)('%s before its rows are packed', async (_, change) => {
    const make = PackedWriter.create.bind(PackedWriter)
    const making = vi.spyOn(PackedWriter, 'create').mockImplementation((...given) => {
      change()
      return make(...given)
    })
    await expect(train(path, streamed)).rejects.toThrow(/rows\.csv.*\[HADAMARD_CSV_CHANGED\]/)
    expect(packedFiles()).toEqual([])
    making.mockRestore()
  })
  test.each(changes)('%s between two passes', async (_, change) => {
    const blocks = Reflect.get(CsvFiles.prototype, 'blocks')
    let pass = 0
    const refused = vi.spyOn(ColumnSpool, 'create').mockResolvedValue(undefined)
    const reads = vi.spyOn(CsvFiles.prototype, 'blocks').mockImplementation(function (
      this: CsvFiles,
      ...given
    ) {
      if (++pass === 2) change()
      return blocks.apply(this, given)
    })
    await expect(train(path, streamed)).rejects.toThrow(/rows\.csv.*\[HADAMARD_CSV_CHANGED\]/)
    expect(packedFiles()).toEqual([])
    reads.mockRestore()
    refused.mockRestore()
  })
})

test('a cache that is cut off while it is trained on ends the training with its name', async () => {
  const cut = (): void => packedFiles().forEach((name) => truncateSync(join(folder, name), 100))
  const training = train(path, { ...streamed, shuffleWindow: 500, onEpoch: cut })
  await expect(training).rejects.toThrow(/\.rows: .*one that has been cut off.*\[HADAMARD_CACHE\]/)
  // The next one makes it anew.
  await train(path, { ...streamed, epochs: 1 })
  expect(sentences).toContainEqual(expect.stringMatching(/damaged or cut off: making them anew/))
})

test('the default preset trains by windows and keeps the epoch with the fewest wrong rows', async () => {
  const { report } = await train(path, {
    target: 'kind',
    preset: 'realmlp',
    epochs: 3,
    outOfCore: true,
    shuffleWindow: 512,
  })
  expect(report.preset).toBe('realmlp')
  expect(report.test?.accuracy).toBeGreaterThan(0.85)
  const regression = { target: 'noise', preset: 'realmlp', epochs: 2, outOfCore: true, cache: false } as const
  expect((await train(path, regression)).report.epochs).toBe(2)
})

test('columns of many categories are embedded as in memory', async () => {
  const draw = randomStream(9, 'cities')
  const lines = Array.from({ length: 1500 }, (_, i) => {
    const city = draw.below(100, 2 * i)
    return `c${city},${draw.normal(2 * i + 1)},${city % 2 === 0 ? 'even' : 'odd'}`
  })
  writeFileSync(path, `city,n,kind\n${lines.join('\n')}\n`)
  const options = { ...common, hidden: [16], epochs: 10 }
  const [whole, parts] = [
    await train(path, options),
    await train(path, { ...options, stratify: undefined, outOfCore: true }),
  ]
  expect(parts.encoder.data.inputs[0]).toEqual(whole.encoder.data.inputs[0])
  expect(parts.encoder.data.inputs[0]).toHaveProperty('isIndexed', true)
  expect(parts.report.test?.accuracy).toBeGreaterThan(0.9)
})

test('wrong records are left out, told of again, and part of what the packed rows are for', async () => {
  writeFileSync(path, `${table(ROWS)}1,2\n`)
  await expect(train(path, streamed)).rejects.toThrow(/rows\.csv line 2002: expected 8 fields/)
  const told: number[] = []
  const skipping = { ...streamed, epochs: 1, onError: 'skip' } as const
  const telling = { ...skipping, onReject: () => told.push(1) }
  const { report } = await train(path, telling)
  expect(report.warnings).toContain('1 wrong record left out.')
  await train(path, telling)
  expect(told).toEqual([1, 1])
  const silent = await train(path, skipping)
  expect(sentences.at(-1)).toContain('of an earlier training')
  expect(silent.report.warnings).toContain('1 wrong record left out.')
})

test('what has all its rows in memory is told so', async () => {
  const rows = [{ a: 1, kind: 'x' }]
  await expect(train(rows, { target: 'kind', outOfCore: true })).rejects.toThrow(
    /outOfCore: expected rows that are read piece by piece.*received an array of 1.*Dataset\.from/,
  )
  const model = await train(path, { ...streamed, epochs: 1 })
  for (const [name, value] of Object.entries({ outOfCore: true, shuffleWindow: 9, memory: '1GB' }))
    await expect(train(path, { from: model, [name]: value })).rejects.toThrow(`${name}: expected a new model`)
})

test('what does not go is an error with its cure, before anything is trained', async () => {
  const attempt = (options: object, file = path): Promise<unknown> =>
    train(file, { ...streamed, ...options } as TrainOptions)
  await expect(attempt({ splitBy: 'time:dy' })).rejects.toThrow(/splitBy.*Did you mean 'day'/)
  await expect(attempt({ group: 'colr' })).rejects.toThrow(/group.*Did you mean 'color'/)
  await expect(attempt({ optimizer: 'lbfgs' })).rejects.toThrow(/optimizer: .*Raise `memory`/)
  await expect(attempt({ memory: '20MB' })).rejects.toThrow(
    /two windows of 262,144 rows of \d+ bytes; received 20 MB/,
  )
  await expect(attempt({ memory: 'much' })).rejects.toThrow(/memory: expected bytes.*received 'much'/)
  await expect(attempt({ target: 'kin' })).rejects.toThrow(/Did you mean 'kind'/)
  await expect(attempt({ target: 'same' })).rejects.toThrow(
    /rows\.csv: column same: expected at least 2 different values; received only '.*' in [\d,]+ rows/,
  )
  await expect(attempt({ outOfCore: false, shuffleWindow: 3 })).rejects.toThrow(/outOfCore: false/)
  await expect(attempt({}, join(folder, 'none.csv'))).rejects.toThrow(/no such file/)
  await expect(attempt({ cache: join(path, 'folder') })).rejects.toThrow(DataError)
  expect(packedFiles()).toEqual([])
})

test.each([
  ['no rows', []],
  ['one row', ['1,2,x']],
  ['rows that are all held out', ['1,2,1.5', '2,3,2.5']],
  ['one class', Array.from({ length: 40 }, (_, i) => `${i % 9},2,x`)],
  ['one number', Array.from({ length: 40 }, (_, i) => `${i % 9},2,5.5`)],
  ['no target', Array.from({ length: 40 }, (_, i) => `${i % 9},2,`)],
  ['inputs of one value', Array.from({ length: 40 }, (_, i) => `1,,${i % 2}`)],
])('of a file with %s the same is told as in memory', async (_, rows) => {
  const file = join(folder, 'few.csv')
  writeFileSync(file, ['a,b,y', ...rows, ''].join('\n'))
  const messageOf = (options: object): Promise<string> =>
    train(file, { target: 'y', epochs: 1, ...options }).then(
      () => 'none',
      (error: unknown) => (error as Error).message,
    )
  const message = await messageOf({ outOfCore: true, cache: false })
  expect(message).toMatch(/^.*few\.csv: .*expected .*; received .*\[HADAMARD_/)
  expect(message).toBe(await messageOf({}))
  rmSync(file)
})

test('weights of rows and classes go into the packed rows, and a model is saved and loaded', async () => {
  const weighted = await train(path, { ...streamed, classWeight: { big: 3 }, weight: 'same', coverage: 0.8 })
  const plain = await train(path, { ...streamed, coverage: 0.8 })
  expect(weighted.network.parameters).not.toEqual(plain.network.parameters)
  expect(plain.report.split.calibration).toBeGreaterThan(100)
  expect(plain.report.decision?.conformal?.coverage).toBe(0.8)
  const file = join(folder, 'a.model')
  await plain.save(file)
  const loaded = await loadModel(file)
  expect(loaded.report.outOfCore).toEqual(plain.report.outOfCore)
  expect(loaded.report.outOfCore?.shuffleWindow).toBe(262_144)
})

test('a size is a number with or without a unit', () => {
  expect(['512MB', '2 GiB', '1.5gb', '100', 7].map(memoryBytes)).toEqual([512e6, 2 ** 31, 1.5e9, 100, 7])
})
