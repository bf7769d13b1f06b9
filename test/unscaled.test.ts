/** The warning for unscaled inputs of a network: where it comes, and where it must not. */

import { afterEach, beforeEach, expect, test } from 'vitest'
import { batchNorm } from '../src/layers/batch-norm.ts'
import { dense } from '../src/layers/dense.ts'
import { embedding } from '../src/layers/embedding.ts'
import type { LayerSpec } from '../src/layers/index.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'

const ROWS = 1000
const random = randomStream(3, 'unscaled')
const y = new Float32Array(ROWS).map((_, i) => i % 2)

const warnings: (Error & { code?: string })[] = []
const listen = (warning: Error): void => void warnings.push(warning)
beforeEach(() => {
  warnings.length = 0
  process.on('warning', listen)
})
afterEach(() => process.off('warning', listen))

/** Two columns, the second of which is made of standard normal and uniform numbers. */
function inputs(second: (normal: number, uniform: number) => number): Float32Array {
  return new Float32Array(2 * ROWS).map((_, i) =>
    i % 2 === 0 ? random.normal(i) : second(random.normal(i), random.uniform(i)),
  )
}

const network = (front: readonly LayerSpec[] = []): Network =>
  new Network({ inputs: 2, layers: [...front, dense(1)], loss: 'squaredError' })

async function fit(net: Network, x: Float32Array): Promise<string[]> {
  await net.fit(x, y, { epochs: 1, optimizer: { name: 'sgd', learningRate: 1e-9 } })
  await new Promise(setImmediate)
  return warnings.map(({ code = '', message }) => `${code}: ${message}`)
}

test.each([
  ['pixels', (_: number, uniform: number) => Math.floor(256 * uniform), 'about 150 large'],
  ['years', (normal: number) => 2000 + 10 * normal, 'about 2000 large'],
])('%s are warned of, once, by column and with the cure', async (_, second, size) => {
  const net = network()
  const x = inputs(second)
  const [warning, ...others] = await fit(net, x)
  expect(warning).toMatch(
    /^HADAMARD_UNSCALED_INPUT: column 1 of x .*standard deviation, begin with batchNorm/,
  )
  expect(warning).toContain(size)
  expect(others).toEqual([])
  expect(await fit(net, x)).toHaveLength(1)
})

test.each([
  ['standardised numbers', (normal: number) => normal],
  ['shares', (_: number, uniform: number) => uniform],
  ['a rare 1', (_: number, uniform: number) => (uniform < 0.01 ? 1 : 0)],
  ['zeros', () => 0],
])('%s are not', async (_, second) => {
  expect(await fit(network(), inputs(second))).toEqual([])
})

test('nor are networks that begin with batchNorm, and indices', async () => {
  const years = inputs((normal) => 2000 + 10 * normal)
  expect(await fit(network([batchNorm()]), years)).toEqual([])
  const indexed = new Network({ inputs: 1, layers: [embedding(500, 2), dense(1)], loss: 'squaredError' })
  const indices = new Float32Array(ROWS).map((_, i) => i % 500)
  expect(await fit(indexed, indices)).toEqual([])
})
