/** Model files: what is written is read again, and nothing damaged or hostile is taken for a model. */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataError } from '../src/errors.ts'
import { dense, dropout, loadModel, Network, type NumberPrediction } from '../src/index.ts'
import { readModelFile } from '../src/serialize.ts'
import { dataOf, fileOf, headerOf, signedFileOf, type HeaderJson } from './support/model-files.ts'

let folder = ''
let path = ''
let bytes = Buffer.alloc(0)

const network = (): Network =>
  new Network({
    inputs: 3,
    layers: [
      dense(4, { name: 'leaky_relu', slope: 0.02 }),
      dropout(0.25),
      dense(2, 'softmax', { name: 'out' }),
    ],
    loss: 'categoricalCrossEntropy',
    l2: 0.01,
    seed: 7,
  })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  path = join(folder, 'net.model')
  await network().save(path)
  bytes = await readFile(path)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

async function read(file: Uint8Array): Promise<unknown> {
  const target = join(folder, 'damaged.model')
  await writeFile(target, file)
  return readModelFile(target)
}

describe('a network file', () => {
  test('gives the same spec, parameters and predictions', async () => {
    const saved = network()
    const loaded = await Network.load(path)
    expect(loaded.spec).toEqual(saved.spec)
    expect(loaded.parameters).toEqual(saved.parameters)
    const x = [[0.1, -2, 3]]
    expect(loaded.predict(x)).toEqual(saved.predict(x))
  })

  test('is a safetensors file with aligned little-endian float32 tensors and string metadata', () => {
    const header = headerOf(bytes)
    expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0)
    expect(header['dense1.weight']).toEqual({ dtype: 'F32', shape: [3, 4], data_offsets: [0, 48] })
    expect(header.__metadata__).toMatchObject({ format: 'hadamard', format_version: '2', seed: '7' })
    expect(dataOf(bytes).readFloatLE(0)).toBe(network().parameters['dense1.weight'].data[0])
  })

  test('replaces an old file and leaves no temporary one', async () => {
    await writeFile(path, 'old')
    await network().save(path)
    expect(await readFile(path)).toEqual(bytes)
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test('that cannot be written is an error with the path', async () => {
    await expect(network().save(join(folder, 'none', 'x.model'))).rejects.toThrow(
      /none.*x\.model: expected a file that can be written/,
    )
    await expect(network().save(folder)).rejects.toThrow(DataError)
  })
})

describe('a damaged file', () => {
  const header = (change: (header: HeaderJson) => void): Buffer => {
    const json = headerOf(bytes)
    change(json)
    return fileOf(json, dataOf(bytes))
  }
  const cases: [string, () => Buffer, RegExp][] = [
    ['a CSV', () => Buffer.from('species,island\nAdelie,Dream\n'), /another kind of file/],
    ['a zip', () => fileOf('PK not JSON', Buffer.alloc(0)), /header begins with \{/],
    [
      'a header of 16 MiB and more',
      () => Buffer.concat([Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]), bytes]),
      /16 MiB/,
    ],
    [
      'a header longer than the file',
      () => Buffer.concat([Buffer.from([0, 0, 16, 0, 0, 0, 0, 0]), bytes]),
      /truncated/,
    ],
    ['no JSON', () => fileOf('{"a":', dataOf(bytes)), /header in JSON/],
    [
      'safetensors of others',
      () => header((h) => delete h.__metadata__.format),
      /model file of hadamard.*another origin/,
    ],
    [
      'a later format',
      () => header((h) => (h.__metadata__.format_version = '3')),
      /format version 1 or 2; received '3'/,
    ],
    [
      'metadata that are no text',
      () => header((h) => Object.assign(h.__metadata__, { spec: 5 })),
      /__metadata__\.spec: expected a text/,
    ],
    [
      'no spec',
      () => header((h) => delete h.__metadata__.spec),
      /spec: expected the network as JSON; received nothing/,
    ],
    [
      'a spec that is null',
      () => header((h) => (h.__metadata__.spec = 'null')),
      /spec: expected the network/,
    ],
    [
      'an unknown layer',
      () => header((h) => (h.__metadata__.spec = h.__metadata__.spec.replace('dense', 'densest'))),
      /a layer of type/,
    ],
    [
      'a layer too large for its tensor',
      () =>
        header((h) => (h.__metadata__.spec = h.__metadata__.spec.replace('"units":4', '"units":16777216'))),
      /tensor dense1\.weight: expected F32 \[3, 16777216\]; received F32 \[3, 4\]/,
    ],
    ['an unknown type', () => header((h) => (h['dense1.weight'].dtype = 'F8')), /dtype: expected one of/],
    [
      'another type',
      () => header((h) => (h['dense1.weight'].dtype = 'I32')),
      /expected F32 \[3, 4\]; received I32/,
    ],
    [
      'a shape that is no list',
      () => header((h) => Object.assign(h['out.bias'], { shape: 'x' })),
      /shape: expected a list/,
    ],
    ['a negative size', () => header((h) => (h['out.bias'].shape = [-2])), /shape: expected a list/],
    [
      'a shape of other size',
      () => header((h) => (h['out.bias'].shape = [3])),
      /expected 12 bytes, as its shape \[3\] needs; received 8/,
    ],
    ['offsets backwards', () => header((h) => h['out.bias'].data_offsets.reverse()), /begin and end/],
    [
      'overlapping tensors',
      () => header((h) => (h['out.bias'].data_offsets = h['out.bias'].data_offsets.map((at) => at - 4))),
      /inside another tensor/,
    ],
    [
      'a gap',
      () => header((h) => (h['out.bias'].data_offsets = h['out.bias'].data_offsets.map((at) => at + 4))),
      /behind a gap/,
    ],
    ['a tensor too few', () => header((h) => delete h['out.bias']), /something follows the tensors/],
    [
      'bytes behind the tensors',
      () => Buffer.concat([bytes, Buffer.alloc(4)]),
      /something follows the tensors/,
    ],
    [
      'a tensor too many',
      () => header((h) => Object.assign(h, { more: { dtype: 'U8', shape: [0], data_offsets: [0, 0] } })),
      /also 'more'/,
    ],
    [
      'a weight that is not finite',
      () => {
        const copy = Buffer.from(bytes)
        copy.writeFloatLE(NaN, copy.length - dataOf(bytes).length + 4)
        return copy
      },
      /tensor dense1\.weight, element 1: expected a finite number; received NaN/,
    ],
  ]
  test.each(cases)('%s is refused', async (_, make, message) => {
    const error: unknown = await read(make()).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(DataError)
    expect(String(error)).toMatch(message)
    expect(String(error)).toContain('damaged.model')
  })

  test('cannot reach a prototype', async () => {
    const json = JSON.stringify(headerOf(bytes))
    const hostile = json.replace('{', '{"__proto__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},')
    await expect(read(fileOf(hostile, dataOf(bytes)))).rejects.toThrow(/also '__proto__'/)
    const layer = json.replace('\\"units\\":4', '\\"__proto__\\":{\\"polluted\\":1},\\"units\\":4')
    await read(fileOf(layer, dataOf(bytes))).catch(() => undefined)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  test('optimizer state is left aside', async () => {
    const json = headerOf(bytes)
    const size = dataOf(bytes).length
    json['optimizer.step'] = { dtype: 'F64', shape: [1], data_offsets: [size, size + 8] }
    const data = Buffer.concat([dataOf(bytes), Buffer.alloc(8)])
    await expect(read(signedFileOf(json, data))).resolves.toBeDefined()
  })

  test('a network without an encoder is no model, and says how to read it', async () => {
    await expect(loadModel(path)).rejects.toThrow(
      /a model with its encoder; received a network alone.*Network\.load/,
    )
  })
})

describe.each(['format-1.model', 'format-2.model'])('the golden file %s', (golden) => {
  const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

  test('keeps loading, with the predictions of the day it was made', async () => {
    const model = await loadModel(fixture(golden))
    const { rows, predictions } = JSON.parse(await readFile(fixture('format-1.json'), 'utf8')) as {
      rows: Record<string, unknown>[]
      predictions: { prediction: string; probability: number; probabilities: Record<string, number> }[]
    }
    model.predict(rows).forEach(({ prediction, probability, probabilities }, i) => {
      expect(prediction).toBe(predictions[i].prediction)
      expect(probability).toBeCloseTo(predictions[i].probability, 6)
      expect(Object.keys(probabilities)).toEqual(Object.keys(predictions[i].probabilities))
    })
    expect(model.report.test?.accuracy).toBeGreaterThan(0.9)
    expect(model.summary()).toContain('species, one of 3 classes')
  })

  const swap = async (name: string, change: (json: Record<string, unknown>) => void): Promise<unknown> => {
    const file = await readFile(fixture(golden))
    const header = headerOf(file)
    const json = JSON.parse(header.__metadata__[name]) as Record<string, unknown>
    change(json)
    header.__metadata__[name] = JSON.stringify(json)
    const target = join(folder, 'swapped.model')
    await writeFile(target, signedFileOf(header, dataOf(file)))
    return loadModel<object, NumberPrediction>(target)
  }
  test.each([
    [
      'an encoder of other width',
      'encoder',
      (j: Record<string, unknown>) => (j.inputs as unknown[]).pop(),
      /expected a network for the encoder/,
    ],
    [
      'an encoder without a target',
      'encoder',
      (j: Record<string, unknown>) => delete j.target,
      /encoder\.target/,
    ],
    [
      'a report without rows',
      'training',
      (j: Record<string, unknown>) => delete j.rows,
      /report\.rows: expected a number/,
    ],
    [
      'scores that are no numbers',
      'metrics',
      (j: Record<string, unknown>) => (j.test = { rows: 'x' }),
      /report\.test\.rows/,
    ],
    [
      'a report of another task',
      'training',
      (j: Record<string, unknown>) => (j.task = 'regression'),
      /expected a network for/,
    ],
    [
      'a column that is no object',
      'training',
      (j: Record<string, unknown>) => (j.columns = [1]),
      /report\.columns\[0\]/,
    ],
  ])('with %s is refused', async (_, part, change, message) => {
    const error: unknown = await swap(part, change).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(DataError)
    expect(String(error)).toMatch(message)
    expect(String(error)).toContain('swapped.model')
  })
})
