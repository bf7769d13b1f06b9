/** Model files cut, flipped and forged: each is refused by a typed error or predicts as before, at no great cost. */

import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataError, dense, dropout, loadModel, Network, train } from '../src/index.ts'
import { dataOf, fileOf, headerOf, signedFileOf, type HeaderJson } from './support/model-files.ts'

const INDEX = join(import.meta.dirname, '..', 'dist', 'index.js')
const ROWS = Array.from({ length: 40 }, (_, i) => ({
  size: (i * 7) % 11,
  colour: ['red', 'green', 'blue'][i % 3],
  kind: (i * 7) % 11 > 5 ? 'big' : 'small',
}))

let folder = ''
let damaged = ''
let networkFile: Buffer = Buffer.alloc(0)
let modelFile: Buffer = Buffer.alloc(0)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  damaged = join(folder, 'damaged.model')
  const path = join(folder, 'small.model')
  const layers = [dense(3, 'tanh'), dropout(0.25), dense(2, 'softmax', { name: 'out' })]
  await new Network({ inputs: 2, layers, loss: 'categoricalCrossEntropy', l2: 0.01, seed: 7 }).save(path)
  networkFile = await readFile(path)
  const model = join(folder, 'sound.model')
  await (await train(ROWS, { target: 'kind', hidden: [2], epochs: 3, test: 0, validation: 0 })).save(model)
  modelFile = await readFile(model)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

interface Answer {
  given?: unknown
  error?: unknown
}

// What a file predicts, or the error that refuses it.
function answer(load: (path: string) => Promise<unknown>): Promise<Answer> {
  return load(damaged).then(
    (given) => ({ given }),
    (error: unknown) => ({ error }),
  )
}

function answers(file: Uint8Array, load: (path: string) => Promise<unknown>): Promise<Answer> {
  writeFileSync(damaged, file)
  return answer(load)
}

// Changes the file in place, which is much faster than writing it anew thousands of times.
async function withFile(file: Uint8Array, body: (handle: number) => Promise<void>): Promise<void> {
  writeFileSync(damaged, file)
  const handle = openSync(damaged, 'r+')
  try {
    await body(handle)
  } finally {
    closeSync(handle)
  }
}

async function expectFlipsToBeRefused(
  file: Uint8Array,
  bits: Iterable<number>,
  load: (path: string) => Promise<unknown>,
): Promise<void> {
  await withFile(file, async (handle) => {
    for (const bit of bits) {
      const at = bit >> 3
      writeSync(handle, Uint8Array.of(file[at] ^ (1 << (bit & 7))), 0, 1, at)
      const { error } = await answer(load)
      if (!(error instanceof DataError) || !error.message.includes('damaged.model')) {
        const what = error === undefined ? 'loads' : error instanceof Error ? error.stack : typeof error
        expect.fail(`bit ${bit & 7} of byte ${at}: ${what}`)
      }
      writeSync(handle, file, at, 1, at)
    }
  })
}

const kinds = [
  {
    kind: 'Network.save',
    file: () => networkFile,
    load: async (path: string) => (await Network.load(path, { backend: 'fallback' })).predict([[0.5, -2]]),
  },
  {
    kind: 'train',
    file: () => modelFile,
    load: async (path: string) => (await loadModel(path, { backend: 'fallback' })).predict(ROWS.slice(0, 3)),
  },
]

describe.each(kinds)('a file of $kind', ({ file, load }) => {
  test('cut at any length is refused by a DataError that names it', () =>
    withFile(file(), async (handle) => {
      for (let length = file().length - 1; length >= 0; length--) {
        ftruncateSync(handle, length)
        const { error } = await answer(load)
        expect(error, `cut at ${length}`).toBeInstanceOf(DataError)
        expect(String(error)).toMatch(/damaged\.model.*(truncated|empty)/)
      }
    }))

  test('with a bit flipped in any byte is refused by a DataError that names it', () =>
    expectFlipsToBeRefused(
      file(),
      Array.from(file(), (_, at) => 8 * at + (at % 8)),
      load,
    ))
})

test('with any bit of its header flipped a file is refused by a DataError', () => {
  const bytes = networkFile.length - dataOf(networkFile).length
  return expectFlipsToBeRefused(networkFile, Array.from({ length: 8 * bytes }).keys(), kinds[0].load)
})

describe('the checksum', () => {
  test('leaves the spelling of the header aside: other blanks and another order give the same network', async () => {
    const { __metadata__: metadata, ...tensors } = headerOf(networkFile)
    const header = { ...tensors, __metadata__: Object.fromEntries(Object.entries(metadata).reverse()) }
    const respelled = fileOf(JSON.stringify(header, null, 2), dataOf(networkFile))
    const { load } = kinds[0]
    expect(await answers(respelled, load)).toEqual(await answers(networkFile, load))
  })

  test('is SHA-256 over metadata, places and data, as another program computes it', () => {
    const again = signedFileOf(headerOf(networkFile), dataOf(networkFile))
    expect(headerOf(again).__metadata__.checksum).toBe(headerOf(networkFile).__metadata__.checksum)
  })

  test.each([
    ['a weight', (copy: Buffer) => copy.writeFloatLE(0.125, copy.length - 4), /content with the checksum/],
    ['the metadata', (copy: Buffer) => copy.write('"seed":"8"', copy.indexOf('"seed":"7"')), /checksum/],
  ])('finds %s changed', async (_, change, message) => {
    const copy = Buffer.from(networkFile)
    change(copy)
    const { error } = await answers(copy, kinds[0].load)
    expect(error).toBeInstanceOf(DataError)
    expect(String(error)).toMatch(message)
  })

  test('cannot be left out', async () => {
    const header = headerOf(networkFile)
    delete (header.__metadata__ as Partial<Record<string, string>>).checksum
    const { error } = await answers(fileOf(header, dataOf(networkFile)), kinds[0].load)
    expect(String(error)).toMatch(/expected a checksum; received none/)
  })
})

describe('a forged file with the right checksum', () => {
  const forged = (change: (header: HeaderJson) => void, data = dataOf(networkFile)): Buffer => {
    const header = headerOf(networkFile)
    change(header)
    return signedFileOf(header, data)
  }
  const withSpec = (text: string): Buffer => forged((header) => (header.__metadata__.spec = text))
  const spec = (): Record<string, unknown> & { layers: Record<string, unknown>[] } =>
    JSON.parse(headerOf(networkFile).__metadata__.spec) as never
  const withLayer = (change: Record<string, unknown>): Buffer => {
    const json = spec()
    Object.assign(json.layers[0], change)
    return withSpec(JSON.stringify(json))
  }
  // The header's text, spelled by hand where JSON.stringify would not.
  const headerText = (): string => JSON.stringify(headerOf(networkFile))

  const cases: [string, () => Buffer, RegExp][] = [
    ['a billion units', () => withLayer({ units: 1e9 }), /units: expected an integer .* received 1000000000/],
    ['negative units', () => withLayer({ units: -1 }), /units: expected an integer/],
    ['units in words', () => withLayer({ units: 'three' }), /units: expected an integer .* received 'three'/],
    ['no units', () => withLayer({ units: null }), /units: expected an integer/],
    ['units that are a list', () => withLayer({ units: [3] }), /units: expected an integer/],
    [
      'a billion inputs',
      () => withSpec(JSON.stringify({ ...spec(), inputs: 1e9 })),
      /inputs: expected an integer/,
    ],
    [
      'as many weights as no machine has',
      () =>
        withSpec(
          JSON.stringify({ ...spec(), inputs: 2 ** 24, layers: [dense(2 ** 24), dense(2, 'softmax')] }),
        ),
      /tensor dense1\.weight: expected F32 \[16777216, 16777216\]; received F32 \[2, 3\]/,
    ],
    ['a layer that is null', () => withSpec(JSON.stringify({ ...spec(), layers: [null] })), /layers\[0\]/],
    [
      'layers that are a text',
      () => withSpec(JSON.stringify({ ...spec(), layers: 'dense' })),
      /layers: expected/,
    ],
    ['a layer called as a path', () => withLayer({ name: '../../escaped' }), /layers\[0\]\.name: expected/],
    [
      'an activation from the prototype',
      () => withLayer({ activation: 'constructor' }),
      /activation: expected/,
    ],
    ['a layer type from the prototype', () => withLayer({ type: '__proto__' }), /a layer of type/],
    ['an unknown dtype', () => withSpec(JSON.stringify({ ...spec(), dtype: 'bfloat16' })), /dtype: expected/],
    ['a negative seed', () => withSpec(JSON.stringify({ ...spec(), seed: -1 })), /seed: expected/],
    ['an unknown option', () => withSpec(JSON.stringify({ ...spec(), units: 3 })), /one of the options/],
    ['a spec that is a list', () => withSpec('[]'), /expected an object/],
    ['a spec that is a number', () => withSpec('1e400'), /the network as JSON/],
    ['an option twice', () => withSpec('{"inputs":2,"inputs":3}'), /the name 'inputs' twice/],
    ['a deep spec', () => withSpec('['.repeat(1e5) + ']'.repeat(1e5)), /more than 32 levels/],
    ['a long spec', () => withSpec(`[${'0,'.repeat(2e5)}0]`), /more than 100000 parts/],
    ['a deep header', () => fileOf('{"a":'.repeat(1e5), Buffer.alloc(0)), /more than 32 levels/],
    [
      'a header of lists',
      () => fileOf(`{"a":[${'0,'.repeat(2e5)}0]}`, Buffer.alloc(0)),
      /more than 100000 parts/,
    ],
    [
      'a tensor twice',
      () => {
        const place = JSON.stringify(headerOf(networkFile)['out.bias'])
        return fileOf(headerText().replace(/}$/, `,"out.bias":${place}}`), dataOf(networkFile))
      },
      /the name 'out\.bias' twice/,
    ],
    [
      'a tensor twice, once escaped',
      () => {
        const place = JSON.stringify(headerOf(networkFile)['out.bias'])
        return fileOf(headerText().replace(/}$/, `,"\\u006fut.bias" :${place}}`), dataOf(networkFile))
      },
      /the name 'out\.bias' twice/,
    ],
    [
      'an entry of the metadata twice',
      () => fileOf(headerText().replace('"seed":', '"seed":"8","seed":'), dataOf(networkFile)),
      /the name 'seed' twice/,
    ],
    [
      'metadata twice',
      () => fileOf(headerText().replace(/}$/, ',"__metadata__":{}}'), dataOf(networkFile)),
      /the name '__metadata__' twice/,
    ],
    [
      'a header that is not UTF-8',
      () => {
        const text = Buffer.from(headerText())
        text[text.indexOf('hadamard')] = 0xff
        return fileOf(text, dataOf(networkFile))
      },
      /a header in JSON/,
    ],
    [
      'a header with a byte-order mark',
      () => fileOf(`\uFEFF${headerText()}`, dataOf(networkFile)),
      /begins with {/,
    ],
    ['a header of blanks', () => fileOf(' '.repeat(64), Buffer.alloc(0)), /begins with {/],
    ['a header of no bytes', () => fileOf('', Buffer.alloc(0)), /begins with {/],
    ['a header that is a list', () => fileOf('[]', Buffer.alloc(0)), /begins with {/],
    ['nothing but a brace', () => fileOf('{', Buffer.alloc(0)), /a header in JSON/],
    ['an open text', () => fileOf('{"a', Buffer.alloc(0)), /a header in JSON/],
    ['an open escape', () => fileOf('{"a\\', Buffer.alloc(0)), /a header in JSON/],
    [
      'a tensor as large as an exabyte',
      () =>
        forged((h) =>
          Object.assign(h, {
            'optimizer.m': { dtype: 'F32', shape: [2 ** 50], data_offsets: [68, 68 + 2 ** 52] },
          }),
        ),
      /truncated/,
    ],
    [
      'a size beyond all numbers',
      () => forged((h) => Object.assign(h['out.bias'], { shape: [2 ** 53, 2] })),
      /shape: expected a list of sizes/,
    ],
    [
      'sizes whose product is infinite',
      () => forged((h) => Object.assign(h['out.bias'], { shape: Array.from({ length: 40 }, () => 2 ** 52) })),
      /expected Infinity bytes/,
    ],
    [
      'a fractional size',
      () => forged((h) => (h['out.bias'].shape = [1.5])),
      /shape: expected a list of sizes/,
    ],
    ['a fractional offset', () => forged((h) => (h['out.bias'].data_offsets = [0.5, 8.5])), /begin and end/],
    ['three offsets', () => forged((h) => h['out.bias'].data_offsets.push(9)), /begin and end/],
    ['offsets out of order', () => forged((h) => h['out.bias'].data_offsets.reverse()), /begin and end/],
    [
      'two tensors in one place',
      () => forged((h) => Object.assign(h, { 'optimizer.m': { ...h['out.bias'] } })),
      /inside another tensor/,
    ],
    ['a wrong type', () => forged((h) => (h['out.bias'].dtype = 'f32')), /dtype: expected one of/],
    ['a type of other size', () => forged((h) => (h['out.bias'].dtype = 'F64')), /expected 16 bytes/],
    [
      'a type from the prototype',
      () => forged((h) => (h['out.bias'].dtype = 'constructor')),
      /dtype: expected one/,
    ],
    [
      'a tensor called as a path',
      () =>
        forged((h) =>
          Object.assign(h, { '../../escaped': { dtype: 'U8', shape: [0], data_offsets: [0, 0] } }),
        ),
      /also '\.\.\/\.\.\/escaped'/,
    ],
    [
      'a weight of NaN',
      () => {
        const data = Buffer.from(dataOf(networkFile))
        data.writeFloatLE(NaN, 4)
        return forged(() => undefined, data)
      },
      /element 1: expected a finite number; received NaN/,
    ],
    [
      'an infinite weight',
      () => {
        const data = Buffer.from(dataOf(networkFile))
        data.writeFloatLE(-Infinity, 0)
        return forged(() => undefined, data)
      },
      /element 0: expected a finite number; received -Infinity/,
    ],
  ]
  test.each(cases)('of %s is refused', async (_, make, message) => {
    const before = readdirSync(folder)
    const { error } = await answers(make(), kinds[0].load)
    expect(error).toBeInstanceOf(DataError)
    expect(String(error)).toMatch(message)
    expect(String(error).length).toBeLessThan(1500)
    expect(readdirSync(folder).sort()).toEqual([...new Set([...before, 'damaged.model'])].sort())
  })

  test('tensors in another order give the same network', async () => {
    const header = headerOf(networkFile)
    const data = dataOf(networkFile)
    const names = Object.keys(header).filter((name) => name !== '__metadata__')
    const parts: Buffer[] = []
    let next = 0
    for (const name of names.reverse()) {
      const [begin, end] = header[name].data_offsets
      parts.push(data.subarray(begin, end))
      header[name].data_offsets = [next, (next += end - begin)]
    }
    const { load } = kinds[0]
    expect(await answers(signedFileOf(header, Buffer.concat(parts)), load)).toEqual(
      await answers(networkFile, load),
    )
  })

  test.each(['__proto__', 'constructor', 'toString'])(
    'with %s everywhere leaves all prototypes alone',
    async (name) => {
      const hostile = JSON.stringify({ polluted: 1 })
      const own = (text: string): string => text.replace('{', `{"${name}":${hostile},`)
      const header = headerOf(modelFile)
      for (const [key, text] of Object.entries(header.__metadata__)) {
        if (text.startsWith('{')) header.__metadata__[key] = own(text)
      }
      Object.defineProperty(header.__metadata__, name, { value: hostile, enumerable: true })
      const { given, error } = await answers(signedFileOf(header, dataOf(modelFile)), kinds[1].load)
      if (given === undefined) expect(error).toBeInstanceOf(DataError)
      expect(({} as { polluted?: number }).polluted).toBeUndefined()
      expect((Object as { polluted?: number }).polluted).toBeUndefined()
    },
  )
})

describe('memory', () => {
  // Highest resident memory of a process that loads these files one after the other, above that of a good one, in bytes.
  const peak = (files: readonly string[]): number => {
    const script = `
      import { Network } from ${JSON.stringify(pathToFileURL(INDEX).href)}
      const load = (path) => Network.load(path, { backend: 'fallback' }).then(() => 'loaded', (error) => error.name)
      await load(${JSON.stringify(join(folder, 'small.model'))})
      globalThis.gc()
      const before = process.memoryUsage().rss
      let peak = before
      const watch = () => (peak = Math.max(peak, process.memoryUsage().rss))
      const names = []
      for (const path of ${JSON.stringify(files)}) { names.push(await load(path)); watch() }
      peak = Math.max(peak, process.resourceUsage().maxRSS * 1024)
      console.log(JSON.stringify({ names, bytes: peak - before }))`
    const output = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    })
    const { names, bytes } = JSON.parse(output) as { names: string[]; bytes: number }
    expect([...new Set(names)]).toEqual([files[0].includes('large') ? 'loaded' : 'DataError'])
    return bytes
  }
  const MEBIBYTE = 2 ** 20

  test('of small files that claim gigabytes stays small', () => {
    const lengths = [2n ** 63n, 2n ** 32n, 2n ** 24n, 2n ** 24n - 8n]
    const files = lengths.map((length): Buffer => {
      const copy = Buffer.from(networkFile)
      copy.writeBigUInt64LE(length)
      return copy
    })
    for (const size of [2 ** 30, 2 ** 40, 2 ** 50]) {
      const header = headerOf(networkFile)
      header['dense1.weight'] = { dtype: 'F32', shape: [size, 1], data_offsets: [0, 4 * size] }
      const json = JSON.parse(header.__metadata__.spec) as { inputs: number; layers: { units: number }[] }
      json.inputs = Math.min(size, 2 ** 24)
      json.layers[0].units = 2 ** 24
      header.__metadata__.spec = JSON.stringify(json)
      files.push(signedFileOf(header, dataOf(networkFile)))
    }
    const paths = files.map((_, i) => join(folder, `claim-${i}.model`))
    files.forEach((file, i) => {
      writeFileSync(paths[i], file)
    })
    expect(peak(paths)).toBeLessThan(16 * MEBIBYTE)
  })

  test.each([
    ['levels', (bytes: number) => '{"a":'.repeat(bytes / 5)],
    [
      'names',
      (bytes: number) =>
        `{${Array.from({ length: bytes / 16 }, (_, i) => `"${String(i).padStart(8)}":{}`).join()}}`,
    ],
    ['numbers', (bytes: number) => `{"a":{"shape":[${'0,'.repeat(bytes / 2)}0]}}`],
    ['one text', (bytes: number) => `{"__metadata__":{"spec":"${'a'.repeat(bytes)}"}}`],
    ['blanks', (bytes: number) => `{${' '.repeat(bytes)}`],
  ])('of a header full of %s stays below four times the file', (name, make) => {
    const path = join(folder, `${name}.model`)
    const bytes = 15 * MEBIBYTE
    writeFileSync(path, fileOf(make(bytes), Buffer.alloc(0)))
    expect(peak([path])).toBeLessThan(4 * bytes)
  })

  test('of a large network stays below four times the file', async () => {
    const path = join(folder, 'large.model')
    await new Network({ inputs: 2048, layers: [dense(2048), dense(1)], loss: 'squaredError' }).save(path)
    expect(peak([path])).toBeLessThan(4 * 16 * MEBIBYTE)
  })
})
