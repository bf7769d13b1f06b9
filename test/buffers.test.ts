/** Memory that the user owns: detached, resized, shared, frozen, or taken away while a fit runs. */

import { describe, expect, test } from 'vitest'
import {
  DataError,
  dense,
  DivergenceError,
  dropout,
  Network,
  SpecError,
  train,
  type Rows,
  type Targets,
} from '../src/index.ts'
import { backendsUnderTest } from './support/backends.ts'

// Not in the type library of ES2023, though in Node 20.
type Resizable = ArrayBuffer & { resize(bytes: number): void }
type Growable = SharedArrayBuffer & { grow(bytes: number): void }
const resizable = (bytes: number, most: number): Resizable =>
  Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: most }]) as Resizable
const growable = (bytes: number, most: number): Growable =>
  Reflect.construct(SharedArrayBuffer, [bytes, { maxByteLength: most }]) as Growable

const ROWS = 60
const INPUTS = 3
const X = Float32Array.from({ length: ROWS * INPUTS }, (_, i) => Math.sin(i))
const Y = Float32Array.from({ length: ROWS }, (_, i) => Math.cos(i))
const LABELS = Uint8Array.from({ length: ROWS }, (_, i) => i % 3)

const errorOf = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    return String(error)
  }
  return 'no error'
}

const detached = (): Float32Array => {
  const array = X.slice()
  structuredClone(array.buffer, { transfer: [array.buffer] })
  return array
}
const outOfBounds = (): Float32Array => {
  const buffer = resizable(X.byteLength, 2 * X.byteLength)
  const array = new Float32Array(buffer, 0, X.length)
  buffer.resize(X.byteLength - 1)
  return array
}
const shrunkToNothing = (): Float32Array => {
  const buffer = resizable(X.byteLength, X.byteLength)
  const array = new Float32Array(buffer)
  buffer.resize(0)
  return array
}

describe.each(backendsUnderTest)('memory of the user on $label', ({ options }) => {
  const network = (): Network =>
    new Network({
      inputs: INPUTS,
      layers: [dense(8, 'tanh'), dropout(0.2), dense(1)],
      loss: 'squaredError',
      ...options,
    })
  const classifier = (): Network =>
    new Network({ inputs: INPUTS, layers: [dense(3)], loss: 'categoricalCrossEntropyFromLogits', ...options })
  const trained = async (net: Network, x: Rows, y: Targets): Promise<unknown> => {
    await net.fit(x, y, { epochs: 3 })
    return net.parameters
  }
  const expected = trained(network(), X, Y)

  test.each([
    ['detached', detached],
    ['out of the bounds of a buffer that has shrunk', outOfBounds],
    ['shrunk to nothing', shrunkToNothing],
  ])('an array that is %s is refused by name, and the network goes on', (_, make) => {
    const net = network()
    const before = net.predict(X)
    const calls: [RegExp, () => unknown][] = [
      [
        /^DataError: x: expected at least one row; received (0 rows|an array whose buffer)/,
        () => net.predict(make()),
      ],
      [/^DataError: x: /, () => net.evaluate(make(), Y)],
      [/^DataError: y: /, () => net.evaluate(X, make())],
      [/^DataError: x: /, () => net.forward(make())],
      [/^DataError: x: /, () => net.gradients(make(), Y)],
      [/^DataError: y: /, () => net.gradients(X, make())],
      [/^DataError: y: /, () => net.trainStep(X, make())],
      [/^DataError: x: /, () => net.fit(make(), Y)],
      [/^DataError: y: /, () => net.fit(X, make())],
      [/^DataError: validation\.x: /, () => net.fit(X, Y, { validation: { x: make(), y: Y } })],
      [
        /^SpecError: setParameters: dense1\.bias: /,
        () => {
          net.setParameters({ 'dense1.bias': make() })
        },
      ],
      [
        /^SpecError: dropoutMasks\.dropout1: /,
        () => net.gradients(X, Y, { dropoutMasks: { dropout1: make() } }),
      ],
      [/^SpecError: rows: /, () => net.gradients(X, Y, { rows: make() })],
    ]
    for (const [message, call] of calls) expect(errorOf(call)).toMatch(message)
    expect(net.predict(X)).toEqual(before)
  })

  test('labels and row numbers that are detached are refused', async () => {
    const labels = LABELS.slice()
    const rows = Uint32Array.of(1, 2)
    for (const array of [labels, rows]) structuredClone(array.buffer, { transfer: [array.buffer] })
    expect(() => classifier().fit(X, labels)).toThrow(DataError)
    expect(errorOf(() => network().fit(X, Y, { validation: rows }))).toMatch(
      /^SpecError: fit: validation: .*; received an array whose buffer was transferred away or has shrunk/,
    )
    const objects = Array.from({ length: 20 }, (_, i) => ({ a: i, b: i % 2 ? 'odd' : 'even' }))
    const split = { train: rows, test: Uint32Array.of(3) }
    await expect(train(objects, { target: 'b', split })).rejects.toThrow(DataError)
  })

  test('a message tells an array that has lost its memory from one without rows', () => {
    expect(errorOf(() => network().predict(detached()))).toContain('transferred away or has shrunk')
    expect(errorOf(() => network().predict(outOfBounds()))).toContain('transferred away or has shrunk')
    expect(errorOf(() => network().predict(new Float32Array()))).toContain('received 0 rows')
  })

  test('a view that follows its buffer counts with the length that it has', async () => {
    const buffer = resizable(2 * X.byteLength, 2 * X.byteLength)
    const x = new Float32Array(buffer)
    x.set(X)
    // Three bytes more than whole numbers need.
    buffer.resize(X.byteLength + 3)
    expect(x).toHaveLength(X.length)
    expect(await trained(network(), x, Y)).toEqual(await expected)
    expect(network().predict(x)).toEqual(network().predict(X))
    buffer.resize(X.byteLength / 2)
    expect(network().predict(x)).toEqual(network().predict(X.subarray(0, X.length / 2)))
    buffer.resize(X.byteLength / 2 + 4)
    expect(() => network().predict(x)).toThrow(DataError)
  })

  const shared: [string, (values: Float32Array) => Float32Array][] = [
    ['a SharedArrayBuffer', (values) => new Float32Array(new SharedArrayBuffer(values.byteLength))],
    [
      'the middle of a SharedArrayBuffer',
      (values) => new Float32Array(new SharedArrayBuffer(values.byteLength + 96), 36, values.length),
    ],
    [
      'a growable SharedArrayBuffer',
      (values) => new Float32Array(growable(values.byteLength, 4 * values.byteLength), 0, values.length),
    ],
    [
      'a growable SharedArrayBuffer, followed',
      (values) => new Float32Array(growable(values.byteLength, 4 * values.byteLength)),
    ],
    [
      'the middle of an ArrayBuffer',
      (values) => new Float32Array(new ArrayBuffer(values.byteLength + 96), 20, values.length),
    ],
  ]
  test.each(shared)('data on %s train and predict as a copy does, and stay as they are', async (_, make) => {
    const [x, y] = [X, Y].map((values) => {
      const array = make(values)
      array.set(values)
      return array
    })
    const net = network()
    expect(net.predict(x)).toEqual(net.predict(X))
    expect(net.gradients(x, y)).toEqual(net.gradients(X, Y))
    expect(net.evaluate(x, y)).toEqual(net.evaluate(X, Y))
    expect(await trained(net, x, y)).toEqual(await expected)
    expect(x).toEqual(X)
    expect(y).toEqual(Y)
  })

  test('a shared buffer that grows during a fit disturbs nothing', async () => {
    const buffer = growable(X.byteLength, 64 * X.byteLength)
    const x = new Float32Array(buffer)
    x.set(X)
    const net = network()
    const run = net.fit(x, Y, { epochs: 3 })
    buffer.grow(64 * X.byteLength)
    x.fill(NaN, X.length)
    await run
    expect(net.parameters).toEqual(await expected)
  })

  test('a shared array that somebody fills with NaN during a fit ends the run with a DivergenceError', async () => {
    const x = new Float32Array(new SharedArrayBuffer(X.byteLength))
    x.set(X)
    const net = network()
    const run = net.fit(x, Y, { epochs: 1e6, maxTimeMs: 20_000 })
    setTimeout(() => x.fill(NaN), 20)
    await expect(run).rejects.toThrow(DivergenceError)
    expect(net.predict(X).every(Number.isFinite)).toBe(true)
  })

  test.each<[string, (x: Float32Array, y: Float32Array) => void]>([
    [
      'transferred',
      (x, y) => {
        for (const array of [x, y]) structuredClone(array, { transfer: [array.buffer as ArrayBuffer] })
        expect([x.length, y.length]).toEqual([0, 0])
      },
    ],
    [
      'overwritten',
      (x, y) => {
        x.fill(NaN)
        y.fill(1e30)
      },
    ],
  ])('arrays that are %s right after a fit has started do not disturb it', async (_, disturb) => {
    const held = Uint32Array.of(1, 7, 50)
    const start = (net: Network, data: Rows, targets: Targets, rows: Uint32Array) =>
      net.fit(data, targets, { epochs: 30, validation: rows, earlyStopping: true })
    const alone = network()
    const history = await start(alone, X, Y, held)

    const [x, y, rows] = [X.slice(), Y.slice(), held.slice()]
    const net = network()
    const run = start(net, x, y, rows)
    disturb(x, y)
    rows.fill(1e9)
    expect((await run).epochs).toEqual(history.epochs)
    expect(net.parameters).toEqual(alone.parameters)
  })

  test('a resizable buffer that shrinks to nothing right after a fit has started does not disturb it', async () => {
    const buffer = resizable(X.byteLength, X.byteLength)
    const x = new Float32Array(buffer)
    x.set(X)
    const net = network()
    const run = net.fit(x, Y, { epochs: 3 })
    buffer.resize(0)
    await run
    expect(net.parameters).toEqual(await expected)
  })

  test('validation data, labels and plain rows that change right after a fit has started do not disturb it', async () => {
    const data = () => ({
      x: Array.from({ length: ROWS }, (_, i) => [...X.subarray(i * INPUTS, (i + 1) * INPUTS)]),
      labels: LABELS.slice(),
      validation: { x: X.slice(), y: LABELS.slice() },
    })
    const runs = [false, true].map(async (isDisturbed) => {
      const { x, labels, validation } = data()
      const net = classifier()
      const run = net.fit(x, labels, { epochs: 20, validation })
      if (isDisturbed) {
        x.forEach((row) => row.fill(NaN))
        x.length = 1
        labels.fill(200)
        validation.x.fill(NaN)
        structuredClone(validation.y, { transfer: [validation.y.buffer] })
      }
      return { epochs: (await run).epochs, parameters: net.parameters }
    })
    const [undisturbed, disturbed] = await Promise.all(runs)
    expect(disturbed).toEqual(undisturbed)
  })

  test('frozen arrays and options are taken', async () => {
    const x = Object.freeze(
      Array.from({ length: ROWS }, (_, i) => Object.freeze([...X.subarray(i * INPUTS, (i + 1) * INPUTS)])),
    )
    const y = Object.freeze([...Y])
    const layers = Object.freeze(
      [dense(8, 'tanh'), dropout(0.2), dense(1)].map((layer) => Object.freeze(layer)),
    )
    const net = new Network(
      Object.freeze({ inputs: INPUTS, layers, loss: 'squaredError' as const, ...options }),
    )
    const optimizer = Object.freeze({ name: 'adam' as const })
    await net.fit(x, y, Object.freeze({ epochs: 3, optimizer }))
    expect(net.parameters).toEqual(await expected)
    net.setParameters(Object.freeze({ 'dense2.bias': Object.freeze([0.5]) }))
    expect(net.parameters['dense2.bias'].data).toEqual(Float32Array.of(0.5))
  })

  test('what is handed out is a copy: writing into it changes no network', () => {
    const net = network()
    const before = net.predict(X)
    net.predict(X).fill(NaN)
    for (const { data } of Object.values(net.parameters)) data.fill(NaN)
    for (const array of Object.values(net.forward(X))) array.fill(NaN)
    for (const array of Object.values(net.gradients(X, Y).parameters)) array.fill(NaN)
    structuredClone(net.parameters['dense1.weight'].data, {
      transfer: [net.parameters['dense1.weight'].data.buffer as ArrayBuffer],
    })
    expect(net.predict(X)).toEqual(before)
  })

  test('parameters that are transferred after they were set stay set', () => {
    const net = network()
    const bias = Float32Array.of(0.5)
    net.setParameters({ 'dense2.bias': bias })
    structuredClone(bias, { transfer: [bias.buffer] })
    expect(net.parameters['dense2.bias'].data).toEqual(Float32Array.of(0.5))
  })

  test.each([
    ['a DataView', new DataView(new ArrayBuffer(12))],
    ['a BigInt64Array', new BigInt64Array(3)],
    ['an ArrayBuffer', new ArrayBuffer(12)],
    ['integers', new Int32Array(3)],
    ['an object with a length', { length: 3, 0: 1, 1: 2, 2: 3 }],
    ['null', null],
  ])('%s as x is a DataError', (_, x) => {
    expect(() => network().predict(x as never)).toThrow(DataError)
    expect(() => network().fit(x as never, Y)).toThrow(DataError)
    expect(() => {
      network().setParameters({ 'dense1.weight': x as never })
    }).toThrow(SpecError)
  })
})
