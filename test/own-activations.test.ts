/** Activations of users: composed of known ops, and functions in TypeScript. Their gradients are in gradients.test.ts. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import {
  activation,
  BackendError,
  composed,
  customActivation,
  dense,
  Network,
  SpecError,
  type Activation,
  type ActivationData,
  type BackendOptions,
  type ComposedActivation,
  type ComposedStep,
  type ComposedValue,
  type NetworkOptions,
} from '../src/index.ts'
import { composableOps } from '../src/layers/composed.ts'
import { opNamed } from '../src/ops/index.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'

const folder = mkdtempSync(join(tmpdir(), 'hadamard-own-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const swish2 = composed('swish2', (x, { logistic, multiply, scale }) => multiply(x, logistic(scale(x, 2))))
const square = customActivation({ name: 'square', forward: (x) => x * x, backward: (x) => 2 * x })
const composedSquare = composed('composed-square', (x, { multiply }) => multiply(x, x))

const random = randomStream(4, 'data')
const x = Float32Array.from({ length: 60 }, (_, i) => random.normal(i))
const y = Float32Array.from({ length: 20 }, (_, i) => random.normal(100 + i))

function networkWith(own: Activation, options: BackendOptions = {}): Network {
  const layers = [dense(7, own), dense(1)]
  return new Network({ inputs: 3, layers, loss: 'squaredError', seed: 3, ...options })
}

async function weightsAfterFit(net: Network): Promise<number[][]> {
  await net.fit(x, y, { epochs: 4, batchSize: 6, optimizer: { name: 'sgd', learningRate: 0.02 } })
  return Object.values(net.parameters).map(({ data }) => [...data])
}

// What an activation gives for single numbers.
function valuesOf(own: Activation, numbers: readonly number[], options: BackendOptions): number[] {
  const layers = [dense(1), activation(own)]
  const net = new Network({ inputs: 1, layers, loss: 'squaredError', dtype: 'float64', ...options })
  net.setParameters({ 'dense1.weight': [1] })
  return [...net.predict(Float64Array.from(numbers))]
}

describe('composed', () => {
  test('is a list of steps, and only what leads to the result', () => {
    const own = composed('own', (v, { exp, scale, shift }) => {
      const result = shift(v, 1)
      scale(exp(v), 2)
      return result
    })
    expect(own).toEqual({ name: 'own', steps: [{ op: 'shift', inputs: [0], scalar: 1 }] })
    expect(swish2).toEqual({
      name: 'swish2',
      steps: [
        { op: 'scale', inputs: [0], scalar: 2 },
        { op: 'logistic', inputs: [1] },
        { op: 'multiply', inputs: [0, 2] },
      ],
    })
  })

  test('may use ops that have a gradient and work element by element', () => {
    for (const { op, inputs } of Object.values(composableOps)) {
      const { gradient, signature } = opNamed(op)
      expect([op, typeof gradient]).toEqual([op, 'function'])
      expect(signature.operands.filter(({ isInput }) => isInput)).toHaveLength(inputs)
      for (const { shape } of signature.operands) expect(shape).toEqual(['rows', 'n'])
    }
  })

  describe.each(backendsUnderTest)('on $label', ({ options }) => {
    test('gives the numbers of its formula', () => {
      const numbers = [-3, -0.5, 0, 0.25, 4]
      const values = valuesOf(swish2, numbers, options)
      numbers.forEach((v, i) => expect(values[i]).toBeCloseTo(v / (1 + Math.exp(-2 * v)), 14))
    })

    test.each([
      ['silu', composed('own', (v, { logistic, multiply }) => multiply(v, logistic(v)))],
      ['mish', composed('own', (v, { multiply, softplus, tanh }) => multiply(v, tanh(softplus(v))))],
    ] as const)('has the bits of %s where it is its formula', (name, own) => {
      const numbers = Array.from({ length: 50 }, (_, i) => 4 * random.normal(i))
      expect(valuesOf(own, numbers, options)).toEqual(valuesOf(name, numbers, options))
    })

    test('trains to the same bits as on the fallback', async () => {
      const expected = await weightsAfterFit(networkWith(swish2, { backend: 'fallback', exact: true }))
      const net = networkWith(swish2, options)
      expect(await weightsAfterFit(net)).toEqual(expected)
      expect(net.backend.name).toBe(options.backend)
    })

    test('is saved and loaded with its network', async () => {
      const path = join(folder, `${options.isa ?? 'fallback'}.model`)
      const net = networkWith(swish2, options)
      await net.save(path)
      const loaded = await Network.load(path, options)
      expect(loaded.spec).toEqual(net.spec)
      expect(loaded.predict(x)).toEqual(net.predict(x))
      expect(loaded.summary()).toMatch(/dense1 +swish2 /)
    })
  })

  test('says what a composition cannot do', () => {
    type Ops = Record<string, (...given: unknown[]) => ComposedValue>
    const compose =
      (body: (v: unknown, ops: Ops) => unknown, name = 'own') =>
      () =>
        composed(name, body as unknown as Parameters<typeof composed>[1])
    expect(compose((v, { add }) => add(v, 1))).toThrow(
      'composed own: add: expected x, or what an op gave; received 1. Add a number by shift(x, 1), multiply by scale(x, 1)',
    )
    expect(compose((v, { scale }) => scale(v))).toThrow('scale: expected a number; received undefined')
    expect(compose((v, { exp }) => exp(v, 2))).toThrow('expected no number for exp; received 2')
    expect(compose((v, { elu }) => elu(v, 0))).toThrow('elu: expected a number above 0; received 0')
    expect(compose((v) => v)).toThrow('expected a composition of 1 to 256 ops')
    expect(compose(() => 3)).toThrow('expected a function that returns what an op gave; received 3')
    expect(compose((v, { exp }) => exp(v), 'two words')).toThrow("received 'two words'")
    expect(compose('tanh' as never)).toThrow('composed own: expected a function of x and the ops')
    const tanh = composed('tanh', (v, { exp }) => exp(v))
    expect(() => dense(3, tanh)).toThrow('expected a name that no activation of the library has')
  })

  test.each<[string, unknown, string]>([
    ['an unknown op', [{ op: 'matmul_nn', inputs: [0] }], 'steps[0].op: expected one of add'],
    ['too few inputs', [{ op: 'add', inputs: [0] }], 'steps[0].inputs: expected 2 for add'],
    [
      'a step that comes later',
      [{ op: 'exp', inputs: [1] }],
      'steps[0].inputs: expected an integer at least 0 and at most 0',
    ],
    [
      'a number that is none',
      [{ op: 'scale', inputs: [0], scalar: '2' }],
      "scale: expected a number; received '2'",
    ],
    ['no object', [null], 'steps[0]: expected an object'],
    ['no list', 'exp', "expected a composition of 1 to 256 ops; received 'exp'"],
  ])('refuses data with %s', (_, steps, message) => {
    const own: ComposedActivation = { name: 'own', steps: steps as ComposedStep[] }
    const layers = [{ ...dense(3), activation: own } satisfies ActivationData, dense(1)]
    expect(() => new Network({ inputs: 1, layers, loss: 'squaredError' })).toThrow(SpecError)
    expect(() => new Network({ inputs: 1, layers, loss: 'squaredError' })).toThrow(message)
  })
})

describe('customActivation', () => {
  const options = { backend: 'fallback', exact: true } as const

  // (dy·x + dy·x) and dy·(2x) are the same number in floating point.
  test.each(['float32', 'float64'] as const)(
    'trains in %s as the composition of its formula does',
    async (dtype) => {
      const layersOf = (own: Activation): NetworkOptions['layers'] => [dense(7, own), dense(1)]
      const train = async (own: Activation): Promise<unknown> => {
        const net = new Network({
          inputs: 3,
          layers: layersOf(own),
          loss: 'squaredError',
          seed: 3,
          dtype,
          ...options,
        })
        return weightsAfterFit(net)
      }
      expect(await train(square)).toEqual(await train(composedSquare))
    },
  )

  test('gives the numbers of its function', () => {
    expect(valuesOf(square, [-3, 0.5, 0], options)).toEqual([9, 0.25, 0])
  })

  test('makes the network use the fallback, which says why, once', () => {
    vi.stubEnv('HADAMARD_BACKEND', '')
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const own = { ...square, name: 'told-once' }
    const net = networkWith(own)
    networkWith(own)
    const reason = "the activation 'told-once' is a function in TypeScript"
    expect(write.mock.calls).toEqual([[`hadamard: using the slower TypeScript fallback. ${reason}\n`]])
    expect(net.backend).toEqual({ name: 'fallback', isa: 'typescript', reason })
    expect(net.summary()).toContain('told-once')
  })

  test('is told of by nobody who asked for the fallback', () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    networkWith({ ...square, name: 'asked-for' }, options)
    expect(write).not.toHaveBeenCalled()
  })

  test.each<[string, BackendOptions, string]>([
    [
      'native',
      { backend: 'native' },
      "backend: expected what the fallback can do, because the activation 'square'",
    ],
    ['an instruction set', { isa: 'scalar' }, 'isa: expected what the fallback can do'],
    ['verification', { verify: true }, 'verify: expected what the fallback can do'],
  ])('refuses %s', (_, asked, message) => {
    vi.stubEnv('HADAMARD_BACKEND', '')
    expect(() => networkWith(square, asked)).toThrow(BackendError)
    expect(() => networkWith(square, asked)).toThrow(message)
    expect(() => networkWith(square, asked)).toThrow('compose the activation of known ops by composed()')
  })

  test('refuses the native core that the environment asks for', () => {
    vi.stubEnv('HADAMARD_BACKEND', 'native')
    expect(() => networkWith(square)).toThrow("received 'native'")
  })

  test('cannot be saved, and nothing is written', async () => {
    const path = join(folder, 'custom.model')
    const saving = networkWith(square, options).save(path)
    await expect(saving).rejects.toThrow(SpecError)
    await expect(saving).rejects.toThrow(
      "save: expected a network that plain data describe; received the activation 'square', a function in TypeScript. " +
        'Compose it of known ops by composed(), or keep network.parameters and build the network in code',
    )
    expect(() => readFileSync(path)).toThrow('ENOENT')
  })

  test('that throws rejects the fit with its error, and the network stays usable', async () => {
    let calls = 0
    const forward = (v: number): number => {
      if (++calls > 300) throw new RangeError('too far')
      return v
    }
    const net = networkWith({ name: 'throwing', forward, backward: () => 1 }, options)
    await expect(weightsAfterFit(net)).rejects.toThrow(RangeError)
    calls = 0
    expect([...net.predict(x)].every(Number.isFinite)).toBe(true)
  })

  test.each<[string, object, string]>([
    [
      'backward',
      { name: 'own', forward: Math.sin },
      'customActivation.backward: expected a function of x and y',
    ],
    [
      'forward',
      { name: 'own', backward: Math.cos },
      'customActivation.forward: expected a function of x that',
    ],
    ['name', { forward: Math.sin, backward: Math.cos }, 'customActivation: name: expected a name of'],
  ])('without %s is refused', (_, given, message) => {
    expect(() => customActivation(given as typeof square)).toThrow(message)
    expect(() => dense(1, given as typeof square)).toThrow(SpecError)
  })
})
