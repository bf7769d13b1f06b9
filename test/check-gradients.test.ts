/** checkGradients: right networks pass, and what is wrong is found and named. */

import { describe, expect, test } from 'vitest'
import {
  activation,
  batchNorm,
  checkGradients,
  customActivation,
  dense,
  describeGradientCheck,
  dropout,
  layerNorm,
  Network,
  SpecError,
} from '../src/index.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'
import { docComments, runExample } from './support/examples.ts'

const ROWS = 6
const random = randomStream(4, 'rows')
const x = Array.from({ length: ROWS }, (_, row) => [random.normal(2 * row), random.normal(2 * row + 1)])
const classes = Uint8Array.from(x, (_, row) => row % 3)

const softsign = (backward: (x: number, y: number) => number): ReturnType<typeof customActivation> =>
  customActivation({ name: 'softsign', forward: (x) => x / (1 + Math.abs(x)), backward })

describe.each(backendsUnderTest)('$label', ({ options }) => {
  test.each(['float64', 'float32'] as const)('a network of every kind of layer passes in %s', (dtype) => {
    const layers = [
      dense(8, 'relu'),
      batchNorm(),
      dropout(0.3),
      dense(7),
      layerNorm(),
      activation('gelu'),
      dense(3),
    ]
    const loss = 'categoricalCrossEntropyFromLogits'
    const network = new Network({ inputs: 2, layers, loss, l2: 0.1, l1: 0.01, dtype, seed: 3, ...options })
    const before = network.parameters
    const report = checkGradients(network, x, classes, { samples: 5 })
    expect(describeGradientCheck(report)).toMatch(/\nall within /)
    expect(report.ok).toBe(true)
    expect(report.tensors.map(({ name }) => name)).toEqual([...Object.keys(before), 'x'])
    const weight = report.tensors.find(({ name }) => name === 'dense2.weight')
    expect([weight?.elements, weight?.checked]).toEqual([56, 5])
    expect(network.parameters).toEqual(before)
  })
})

test('a custom activation with the right derivative passes', () => {
  const own = softsign((x) => 1 / (1 + Math.abs(x)) ** 2)
  const layers = [dense(4, own), dense(3)]
  const network = new Network({ inputs: 2, layers, loss: 'squaredError', backend: 'fallback' })
  const report = checkGradients(
    network,
    x,
    x.map(([a]) => [a, 1, 0]),
  )
  expect(report.ok).toBe(true)
  expect(report.tensors.at(-1)?.name).toBe('softsign in dense1')
})

test.each([
  ['forgets the square', (x: number) => 1 / (1 + Math.abs(x))],
  ['is 0.1 % off', (x: number) => 1.001 / (1 + Math.abs(x)) ** 2],
  ['is NaN', () => NaN],
])(
  'a custom activation whose derivative %s is found and named, with the layers in front of it',
  (_, wrong) => {
    const layers = [dense(4, softsign(wrong), { name: 'first' }), dense(3)]
    const options = { loss: 'squaredError', dtype: 'float64', backend: 'fallback' } as const
    const network = new Network({ inputs: 2, layers, ...options })
    const report = checkGradients(
      network,
      x,
      x.map(([a]) => [a, 1, 0]),
    )
    expect(report.ok).toBe(false)
    const wrongTensors = report.tensors.filter(({ ok }) => !ok).map(({ name }) => name)
    expect(wrongTensors).toEqual(['first.weight', 'first.bias', 'x', 'softsign in first'])
    expect(describeGradientCheck(report)).toMatch(/not within 1e-7 of central differences: first.weight, /)
  },
)

test('a tolerance of nothing is an error, and so is an option that does not exist', () => {
  const network = new Network({ inputs: 2, layers: [dense(3)], loss: 'squaredError' })
  const check = (options: object) => () =>
    checkGradients(
      network,
      x,
      x.map(() => [1, 2, 3]),
      options,
    )
  expect(check({ tolerance: 0 })).toThrow(SpecError)
  expect(check({ tolerence: 1 })).toThrow(/should be 'tolerance'/)
})

test('the example of its comment', () => {
  const comment = docComments('explain').get('checkGradients') ?? ''
  expect(runExample(comment, { Network, dense, checkGradients })).toEqual([])
})
