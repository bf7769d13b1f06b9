/** The codes of errors: the page that explains them, and messages as they come, which end with their code. */

import { gzipSync } from 'node:zlib'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { errorCodes, type ErrorCode } from '../src/error-codes.ts'
import { complain, DataError, SpecError } from '../src/errors.ts'
import {
  batchNorm,
  composed,
  dense,
  loadModel,
  logLoss,
  Network,
  openCsv,
  openDataset,
  precision,
} from '../src/index.ts'
import { readCsv, train } from '../src/index.ts'
import { matmul } from '../src/kernels.ts'
import { loadBinding } from '../src/backends/native.ts'
import { isNativeUnderTest } from './support/backends.ts'

const root = join(import.meta.dirname, '..')
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-codes-'))
})
afterAll(() => rm(folder, { recursive: true }))

const net = (): Network => new Network({ inputs: 2, layers: [dense(1)], seed: 1 })
const classifier = (): Network => new Network({ inputs: 2, layers: [dense(3, 'softmax')], seed: 1 })
const x = [
  [0, 1],
  [1, 0],
  [1, 1],
]
const rows = Array.from({ length: 40 }, (_, i) => ({
  age: 20 + ((i * i) % 37),
  city: i % 3 === 0 ? 'Ulm' : 'Bonn',
  y: i % 2,
}))
const plain = { target: 'y', epochs: 1, test: 0.2 } as const

async function csv(name: string, text: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

async function read(name: string, text: string | Uint8Array, options = {}): Promise<unknown> {
  return readCsv(await csv(name, text), options)
}

/** What a user does to see each code; the page's example is the message of it. */
const triggers: Partial<Record<ErrorCode, () => unknown>> = {
  HADAMARD_OPTION_UNKNOWN: () => batchNorm({ momentun: 0.2 } as object),
  HADAMARD_OPTION_VALUE: () => net().fit(x, [0, 1, 1], { epochs: 0 }),
  HADAMARD_OPTION_CONFLICT: () => train(rows, { ...plain, split: { train: [0], test: [1] } }),
  HADAMARD_ENVIRONMENT: () => {
    vi.stubEnv('HADAMARD_VERIFY', 'yes')
    try {
      net()
    } finally {
      vi.unstubAllEnvs()
    }
  },
  HADAMARD_TASK: () => train(rows, { ...plain, task: 'regression', stratify: true }),
  HADAMARD_LAYER: () => new Network({ inputs: 2, layers: [] }),
  HADAMARD_WIRING: () =>
    new Network({
      inputs: 2,
      layers: [dense(2), dense(1, 'linear', { from: 'dens1' })],
      loss: 'squaredError',
    }),
  HADAMARD_LOSS: () => new Network({ inputs: 2, layers: [dense(3)], loss: 'categoricalCrossEntropy' }),
  HADAMARD_ACTIVATION: () => composed('own', 'tanh' as never),
  HADAMARD_PARAMETERS: () => {
    net().setParameters({ weight: [1, 2] })
  },
  HADAMARD_NETWORK_BUSY: async () => {
    const busy = net()
    const run = busy.fit(x, [0, 1, 1], { epochs: 1 })
    try {
      busy.predict(x)
    } finally {
      await run
    }
  },
  HADAMARD_NOT_POSSIBLE: () => net().predict(x, { samples: 3 }),
  HADAMARD_BATCH_OF_ONE: () =>
    new Network({ inputs: 2, layers: [dense(2), batchNorm(), dense(1)], loss: 'squaredError' }).fit(
      x,
      [0, 1, 1],
      {
        batchSize: 1,
      },
    ),
  HADAMARD_SHAPE: () => net().predict([[1, 2], [3]]),
  HADAMARD_OVERLAP: () => {
    const a = new Float32Array(4)
    matmul(a, Float32Array.of(1, 2, 3, 4), { m: 2, n: 2, k: 2, out: a })
  },
  HADAMARD_NOT_NUMBER: () => net().predict([[1, '2' as never]]),
  HADAMARD_NOT_FINITE: () => net().predict([[1, NaN]]),
  HADAMARD_TARGET_VALUE: () => classifier().fit(x, Uint8Array.of(0, 1, 3)),
  HADAMARD_WEIGHT: () => net().fit(x, [0, 1, 1], { sampleWeights: [1, -1, 1] }),
  HADAMARD_NO_ROWS: () => net().fit([], []),
  HADAMARD_ROW: () => train([...rows, 7 as never], plain),
  HADAMARD_ROW_FIELDS: async () => (await train(rows, plain)).predictOne({ Age: 1, city: 'Ulm' }),
  HADAMARD_COLUMN_MISSING: () => train(rows, { ...plain, target: 'aeg' }),
  HADAMARD_COLUMN_TYPE: async () =>
    (await train(rows, plain)).predict([{ age: 'old' as never, city: 'Ulm' }]),
  HADAMARD_NO_COLUMNS: () => train(rows, { ...plain, ignore: ['age', 'city'] }),
  HADAMARD_TARGET_COLUMN: () =>
    train(
      rows.map((row) => ({ ...row, y: 1 })),
      plain,
    ),
  HADAMARD_CLASS_UNKNOWN: () => train(rows, { ...plain, positive: 2 }),
  HADAMARD_SPLIT: () => train(rows, { ...plain, test: undefined, split: { train: [0, 1], test: [40] } }),
  HADAMARD_FILE_READ: () => readCsv(join(folder, 'penguin.csv')),
  HADAMARD_CSV_EMPTY: () => read('empty.csv', ''),
  HADAMARD_CSV_HEADER: () => read('a.csv', 'x,x\n1,2\n'),
  HADAMARD_CSV_RAGGED: () => read('a.csv', 'x,y,z\n1,2,3\n4,5\n'),
  HADAMARD_CSV_QUOTE: () => read('a.csv', 'name,y\n"Ann,1\n'),
  HADAMARD_CSV_NUMBER: () => read('a.csv', 'age\n1\nold\n', { types: { age: 'numeric' } }),
  HADAMARD_CSV_MISSING: () => read('a.csv', 'age,y\n1,2\n,3\n', { allowMissing: false }),
  HADAMARD_CSV_ENCODING: () => read('a.csv', Uint8Array.of(0xff, 0xfe, 0x61, 0)),
  HADAMARD_CSV_PACKED: async () => {
    const whole = gzipSync('x,y\n1,2\n3,4\n')
    await (await openCsv(await csv('a.csv.gz', whole.subarray(0, -9)))).toTable()
  },
  HADAMARD_CSV_FILES: async () =>
    openCsv([await csv('a.csv', 'x,y\n1,2\n'), await csv('b.csv', 'x,z\n1,2\n')]),
  HADAMARD_SOURCE: () => openDataset('duckdb:SELEKT 1'),
  HADAMARD_SOURCE_COLUMN: () => openDataset('duckdb:SELECT 1 AS x, 2 AS x'),
  HADAMARD_SCHEMA: async () =>
    openCsv(await csv('a.csv', 'x,y\n1,2\n'), { schema: { columns: 'x,y' as never } }),
  HADAMARD_CACHE: async () =>
    net().fit(await openCsv(await csv('a.csv', 'x,z,y\n1,2,3\n')), {
      target: 'y',
      epochs: 1,
      cache: await csv('cache', ''),
    }),
  HADAMARD_MODEL_FILE: async () => loadModel(await csv('a.model', '')),
  HADAMARD_METRIC_LABEL: () => precision(['a', 'b'], ['a', 'b'], { positive: 'c' }),
  HADAMARD_PROBABILITY: () => logLoss([0, 1], [0.5, 1.5]),
  HADAMARD_BACKEND_CHOICE: () => new Network({ inputs: 2, layers: [dense(1)], backend: 'gpu' as never }),
  HADAMARD_FILE_WRITE: () => net().save(join(folder, 'models', 'a.model')),
}

async function messageOf(act: () => unknown): Promise<{ code?: string; message: string }> {
  try {
    await act()
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    return { code, message: message.replaceAll(`${folder}/`, '') }
  }
  throw new Error('nothing was thrown')
}

test.for(Object.entries(triggers))('%s: the page has the message as it comes', async ([code, act]) => {
  const { example } = errorCodes[code as ErrorCode]
  expect(await messageOf(act)).toEqual({ code, message: `${example} [${code}]` })
})

test('docs/errors.md has every code with meaning, message and cure', async () => {
  const sections = Object.entries(errorCodes).map(
    ([code, { meaning, cure, example }]) =>
      `## ${code}\n\n${meaning}\n\n    ${example} [${code}]\n\n${cure}\n`,
  )
  const head =
    '# Errors\n\nEvery error of the library has a `code`, and its message ends with it. ' +
    'TypeScript knows them all as the\ntype `ErrorCode`; `errorCodes` has the texts of this page.\n'
  await expect([head, ...sections].join('\n')).toMatchFileSnapshot('../docs/errors.md')
})

test('every code is given to some error, warning or line of the command line', async () => {
  const files = await readdir(join(root, 'src'), { recursive: true })
  const sources = files.filter((file) => file.endsWith('.ts') && file !== 'error-codes.ts')
  const texts = await Promise.all(sources.map((file) => readFile(join(root, 'src', file), 'utf8')))
  const source = texts.join('\n')
  expect(Object.keys(errorCodes).filter((code) => !source.includes(`'${code}'`))).toEqual([])
})

test('an error without a code of its own has that of its class', () => {
  const complaint = { where: 'x', expected: 'a', received: 'b' }
  expect(new SpecError(complaint)).toMatchObject({
    code: 'HADAMARD_OPTION_VALUE',
    message: `${complain(complaint)} [HADAMARD_OPTION_VALUE]`,
  })
  expect(new DataError('text', { code: 'HADAMARD_SPLIT', line: 3 })).toMatchObject({
    code: 'HADAMARD_SPLIT',
    message: 'text [HADAMARD_SPLIT]',
    line: 3,
  })
})

test.runIf(isNativeUnderTest)('what the core refuses has a code, too', () => {
  expect(() => loadBinding().call('no isa', 'add', [], [], [])).toThrow(
    expect.objectContaining({
      code: 'HADAMARD_PROGRAM',
      message: expect.stringMatching(/ \[HADAMARD_PROGRAM\]$/) as string,
    }),
  )
})

test('a model file within which something is wrong has one code, at the end', async () => {
  const path = join(folder, 'network.model')
  await net().save(path)
  const { message } = await messageOf(() => loadModel(path))
  expect(message.match(/\[HADAMARD_/g)).toHaveLength(1)
})
