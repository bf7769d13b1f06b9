/** Networks on datasets: the order of rows against steps taken one by one, and against arrays in memory. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadBinding } from '../src/backends/native.ts'
import { openCsv, type Dataset } from '../src/data/dataset.ts'
import { blockRowsOf } from '../src/data/packed-format.ts'
import { runsOf } from '../src/data/shuffled-rows.ts'
import type { DatasetFitOptions } from '../src/dataset-passes.ts'
import { rowNumbers } from '../src/data/split.ts'
import { DataError, SpecError } from '../src/errors.ts'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import type { FitRun } from '../src/training/run.ts'
import type { WindowSource } from '../src/training/window-fit.ts'
import { availableBackends } from './csv-backends.ts'
import { isNativeUnderTest } from './support/backends.ts'

const ROWS = 2500
const BLOCK = 1024
const WINDOW = 600
const BATCH = 64
const EPOCHS = 3
let folder = ''
let path = ''

// Three inputs and what they sum to, as float32 has them exactly.
const stream = randomStream(3, 'rows')
const x = Float32Array.from({ length: ROWS * 3 }, (_, i) => Math.round(stream.uniform(i) * 256) / 64 - 2)
const y = Float32Array.from({ length: ROWS }, (_, row) => x[3 * row] - x[3 * row + 1] * 0.5)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-dataset-'))
  path = join(folder, 'rows.csv')
  const lines = Array.from(
    y,
    (value, row) => `${x[3 * row]},${x[3 * row + 1]},${x[3 * row + 2]},${value},${value > 0 ? 'up' : 'down'}`,
  )
  writeFileSync(path, `a,b,c,y,way\n${lines.join('\n')}\n`)
})

afterAll(() => rmSync(folder, { recursive: true }))

const spec = { inputs: 3, layers: [dense(8, 'tanh'), dense(1)], loss: 'squaredError', seed: 5 } as const
const columns = { inputs: ['a', 'b', 'c'], target: 'y' }
const settings = { epochs: EPOCHS, batchSize: BATCH, shuffleWindow: WINDOW }

// The order of an epoch as docs/data.md has it, drawn here anew: blocks by one permutation, each window's rows by another.
function orderOf(epoch: number, rows: readonly number[], seed: number): number[] {
  const shuffled = <T>(items: readonly T[], draw: (bound: number, index: number) => number): T[] => {
    const order = [...items]
    for (let i = order.length - 1; i > 0; i--) {
      const j = draw(i + 1, i)
      ;[order[i], order[j]] = [order[j], order[i]]
    }
    return order
  }
  const blockStream = randomStream(seed, 'shuffle.blocks')
  const rowStream = randomStream(seed, 'shuffle')
  const blocks = Array.from({ length: Math.ceil(rows.length / BLOCK) }, (_, i) =>
    rows.slice(i * BLOCK, (i + 1) * BLOCK),
  )
  const sequence = shuffled(blocks, (bound, i) => blockStream.below(bound, epoch * 2 ** 32 + i)).flat()
  const windowRows = Math.floor(WINDOW / BATCH) * BATCH
  const windows = Math.ceil(sequence.length / windowRows)
  return Array.from({ length: windows }, (_, i) => {
    const window = sequence.slice(i * windowRows, (i + 1) * windowRows)
    return shuffled(window, (bound, at) => rowStream.below(bound, (epoch * windows + i) * 2 ** 32 + at))
  }).flat()
}

describe.each(availableBackends())('on %s', (backend) => {
  const open = (options = {}): Promise<Dataset> => openCsv(path, { backend, ...options })

  test('a fit takes the steps of the documented order, one by one', async () => {
    const net = new Network({ ...spec, backend })
    const history = await net.fit(await open(), { ...columns, ...settings })
    const byHand = new Network({ ...spec, backend })
    const all = [...rowNumbers(ROWS)]
    for (let epoch = 0; epoch < EPOCHS; epoch++) {
      const order = orderOf(epoch, all, spec.seed)
      for (let at = 0; at < ROWS; at += BATCH)
        byHand.trainStep(x, y, { rows: Uint32Array.from(order.slice(at, at + BATCH)) })
    }
    expect(history.steps).toBe(EPOCHS * Math.ceil(ROWS / BATCH))
    expect(net.parameters).toEqual(byHand.parameters)
  })

  test.runIf(isNativeUnderTest)('windows are read by the core where it computes', async () => {
    const reads = vi.spyOn(loadBinding().rowJobs, 'readPieces')
    await new Network({ ...spec, backend }).fit(await open(), { ...columns, ...settings })
    const windows = EPOCHS * Math.ceil(ROWS / WINDOW)
    if (backend === 'native') expect(reads.mock.calls.length).toBeGreaterThanOrEqual(windows)
    else expect(reads).not.toHaveBeenCalled()
    reads.mockRestore()
  })

  test('threads, pieces of the file and the place of the packed rows change no bit', async () => {
    const fit = async (csv: object, options: object): Promise<unknown> => {
      const net = new Network({ ...spec, layers: [dense(64, 'relu'), dropout(0.2), dense(1)], backend })
      const history = await net.fit(await open(csv), {
        ...columns,
        ...settings,
        batchSize: 256,
        validation: 0.2,
        schedule: { name: 'cosine', warmup: 1 },
        accumulate: 2,
        ...options,
      })
      return [net.parameters, history.epochs]
    }
    const plain = await fit({}, { threads: 1 })
    expect(await fit({ chunkBytes: 300, threads: 2 }, { threads: 2, cache: folder })).toEqual(plain)
    expect(readdirSync(folder)).toEqual(['rows.csv'])
  })
})

test('early stopping keeps the best weights and the loss that was reported of them', async () => {
  const dataset = await openCsv(path)
  const net = new Network({ ...spec, seed: 6 })
  const watched = dataset.take(500)
  const {
    stopped,
    bestEpoch = 0,
    epochs,
  } = await net.fit(dataset, {
    ...columns,
    ...settings,
    epochs: 60,
    optimizer: { name: 'adam', learningRate: 0.3 },
    validation: watched,
    earlyStopping: { patience: 3 },
  })
  expect(stopped).toBe('earlyStopping')
  expect(epochs).toHaveLength(bestEpoch + 3)
  const best = Math.min(...epochs.map(({ validation }) => validation?.loss ?? NaN))
  expect(epochs[bestEpoch - 1].validation?.loss).toBe(best)
  expect((await net.evaluate(watched, columns)).loss).toBeCloseTo(best, 6)
})

test('the hash of seed and row number holds out the validation rows', async () => {
  const dataset = await openCsv(path)
  const held = randomStream(spec.seed, 'validation')
  const rows = [...rowNumbers(ROWS)]
  const watched = rows.filter((row) => held.uint32(row) / 2 ** 32 < 0.3)
  const net = new Network(spec)
  const { epochs } = await net.fit(dataset, { ...columns, ...settings, epochs: 1, validation: 0.3 })
  const pick = (from: Float32Array, width: number): Float32Array =>
    Float32Array.from(watched.flatMap((row) => [...from.subarray(row * width, (row + 1) * width)]))
  const { loss } = net.evaluate(pick(x, 3), pick(y, 1))
  expect(epochs[0].validation?.loss).toBeCloseTo(loss, 6)
})

test('texts are classes, and scores and predictions are those of arrays', async () => {
  const dataset = await openCsv(path)
  const net = new Network({
    inputs: 3,
    layers: [dense(2)],
    loss: 'categoricalCrossEntropyFromLogits',
    seed: 1,
  })
  const asked = { inputs: ['a', 'b', 'c'], target: 'way' }
  await net.fit(dataset, { ...asked, epochs: 5, optimizer: { name: 'adam', learningRate: 0.05 } })
  const whole = net.evaluate(
    x,
    Uint8Array.from(y, (value) => Number(value > 0)),
  )
  const streamed = await net.evaluate(dataset, asked)
  expect(streamed.rows).toBe(ROWS)
  expect(streamed.accuracy).toBeCloseTo(whole.accuracy ?? NaN, 12)
  expect(streamed.accuracy).toBeGreaterThan(0.97)
  expect(streamed.loss).toBeCloseTo(whole.loss, 6)
  const inputs = { inputs: asked.inputs }
  expect(await net.predict(dataset, inputs)).toEqual(net.predict(x))
  const batches: number[] = []
  for await (const batch of net.predict(dataset.take(10), inputs)) batches.push(...batch)
  expect(batches).toEqual([...net.predict(x.subarray(0, 30))])
})

test('numbers are scored as arrays are, and views are fitted on', async () => {
  const dataset = await openCsv(path)
  const net = new Network(spec)
  const few = dataset.filter(({ a }) => Number(a) > 0).take(700)
  const { steps } = await net.fit(few, { ...columns, epochs: 2, batchSize: 100 })
  expect(steps).toBe(14)
  const [streamed, whole] = [await net.evaluate(dataset, columns), net.evaluate(x, y)]
  expect(streamed.r2).toBeCloseTo(whole.r2 ?? NaN, 12)
  expect(streamed.rmse).toBeCloseTo(whole.rmse ?? NaN, 12)
})

test('an abort ends a fit with the weights of the last step', async () => {
  const stop = new AbortController()
  const net = new Network(spec)
  const run = net.fit(await openCsv(path), { ...columns, ...settings, epochs: 1e6, signal: stop.signal })
  let seen = 0
  for await (const { epoch } of run) if ((seen = epoch) === 2) stop.abort()
  expect(seen).toBeGreaterThanOrEqual(2)
  expect((await run).stopped).toBe('aborted')
})

test('what does not fit is an error that names it, and the network can be used after it', async () => {
  const dataset = await openCsv(path)
  const net = new Network(spec)
  const fit = (options: object, on = dataset): FitRun => {
    const asked: object = { ...columns, epochs: 1, ...options }
    return net.fit(on, asked as DatasetFitOptions)
  }
  expect(() => fit({ target: 'z' })).toThrow(/column named 'z'/)
  expect(() => fit({ inputs: ['a', 'b'] })).toThrow(/3 columns, as the network has inputs; received 2/)
  expect(() => fit({ inputs: ['a', 'b', 'way'] })).toThrow(/column way: expected numbers/)
  expect(() => fit({ target: undefined })).toThrow(/target: expected the column to learn/)
  expect(() => fit({ optimizer: 'lbfgs' })).toThrow(SpecError)
  expect(() => fit({ sampleWeights: [1] })).toThrow(/weight: 'NAME'/)
  expect(() => fit({ shuffleWindow: 0 })).toThrow(/shuffleWindow/)
  expect(() => fit({ validation: 1 })).toThrow(/validation/)
  await expect(fit({ target: 'way' })).rejects.toThrow(/column way: expected a number; received '(up|down)'/)
  await expect(fit({}, dataset.take(0))).rejects.toThrow(/rows to train on/)
  await expect(fit({ cache: join(folder, 'nowhere') })).rejects.toThrow(DataError)
  const gaps = join(folder, 'gaps.csv')
  writeFileSync(gaps, 'a,b,c,y\n1,2,3,4\n1,,3,4\n')
  const found = fit({}, await openCsv(gaps))
  await expect(found).rejects.toThrow(/gaps\.csv row 1, column b: .*a missing value/)
  rmSync(gaps)
  await fit({})
})

test('runs of an epoch cover every row once, wherever the short block lies', () => {
  for (const [total, blockRows, window] of [
    [10, 4, 3],
    [12, 4, 5],
    [3, 4, 2],
    [17, 4, 17],
  ]) {
    const count = Math.ceil(total / blockRows)
    for (let turn = 0; turn < count; turn++) {
      const order = rowNumbers(count).map((block) => (block + turn) % count)
      const seen: number[] = []
      for (let first = 0; first < total; first += window) {
        for (const run of runsOf(order, blockRows, total, first, Math.min(window, total - first)))
          for (let i = 0; i < run.rows; i++) seen.push(run.block * blockRows + run.from + i)
      }
      const expected = [...order].flatMap((block) =>
        [...rowNumbers(blockRows)].map((row) => block * blockRows + row).filter((row) => row < total),
      )
      expect(seen).toEqual(expected)
    }
  }
})

test.each([
  // Rows for training and validation, and how many windows there are until memory is used again.
  [240, 30, 300, 2],
  [100, 0, 30, 1],
  [70, 40, 50, 1],
])('of %i and %i rows the next window is filled beside those that may be trained on', async (...given) => {
  const [train, validation, windowRows, apart] = given
  const filled: { part: string; epoch: number; from: number; to: number }[] = []
  const source: WindowSource = {
    rows: { train, validation },
    areTargetsLabels: false,
    isWeighted: false,
    load(part, epoch, _, into) {
      const [from, rows] = [into.y.byteOffset / 4, into.y.length]
      filled.push({ part, epoch, from, to: from + rows })
      into.x.set(x.subarray(0, 3 * rows))
      into.y.set(y.subarray(0, rows))
      return Promise.resolve()
    },
    numberOf: () => 0,
  }
  const network = new Network({ ...spec, backend: 'fallback' })
  const stop = validation > 0 ? { earlyStopping: { patience: 9 } } : {}
  await network.fitWindows(source, windowRows, { epochs: 3, batchSize: 10, ...stop })
  filled.forEach((window, at) => {
    for (const before of filled.slice(Math.max(0, at - apart), at))
      expect(window.to <= before.from || window.from >= before.to).toBe(true)
  })
  const counts = (part: string): number[] =>
    [0, 1, 2].map((epoch) =>
      filled
        .filter((window) => window.part === part && window.epoch === epoch)
        .reduce((sum, { from, to }) => sum + to - from, 0),
    )
  expect([counts('train'), counts('validation')]).toEqual([
    [train, train, train],
    [validation, validation, validation],
  ])
})

test('blocks of narrow rows have 1,024 of them, of wide ones fewer', () => {
  const layout = { dtype: 'float32', targets: 1, areTargetsLabels: false, isWeighted: false } as const
  expect(blockRowsOf({ ...layout, inputs: 3 })).toBe(BLOCK)
  expect(blockRowsOf({ ...layout, inputs: 2000 })).toBe(16)
})
