/** Initializers as users write them: names, names with settings, and what cannot be. Distributions: statistics.test.ts. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SpecError } from '../src/errors.ts'
import { dense, type DenseOptions } from '../src/layers/dense.ts'
import type { Initializer } from '../src/layers/initializers.ts'
import { Network } from '../src/network.ts'

const networkOf = (options: DenseOptions): Network =>
  new Network({ inputs: 3, layers: [dense(2, 'linear', options)], loss: 'squaredError' })

test.each<[Initializer, unknown]>([
  ['heNormal', 'heNormal'],
  [{ name: 'heNormal' }, 'heNormal'],
  ['normal', { name: 'normal', deviation: 0.01 }],
  ['uniform', { name: 'uniform', range: 0.05 }],
  [{ name: 'orthogonal' }, { name: 'orthogonal', gain: 1 }],
  [
    { name: 'constant', value: -2 },
    { name: 'constant', value: -2 },
  ],
])('%j is %j as plain data', (given, expected) => {
  expect(dense(2, 'linear', { initializer: given }).initializer).toEqual(expected)
})

test('weights and biases start as they are told; a spec of JSON and a saved network start alike', async () => {
  const options: DenseOptions = {
    initializer: { name: 'constant', value: 0.5 },
    biasInitializer: { name: 'constant', value: 0.25 },
  }
  const network = networkOf(options)
  expect([...network.parameters['dense1.weight'].data]).toEqual([0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
  expect([...network.parameters['dense1.bias'].data]).toEqual([0.25, 0.25])
  const spec = JSON.parse(JSON.stringify(network.spec)) as Network['spec']
  expect(new Network(spec).parameters).toEqual(network.parameters)
  const folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  await network.save(join(folder, 'a.model'))
  expect((await Network.load(join(folder, 'a.model'))).spec).toEqual(network.spec)
  await rm(folder, { recursive: true })
})

test('plain data may leave settings out, as a spec written by hand does', () => {
  const layer = { ...dense(2), initializer: { name: 'normal' } as const, name: 'a' }
  const network = new Network({ inputs: 3, layers: [layer], loss: 'squaredError' })
  const same = networkOf({ initializer: 'normal', name: 'a' })
  expect(network.parameters).toEqual(same.parameters)
})

test('without a biasInitializer nothing of it stands in the data', () => {
  expect(dense(2)).not.toHaveProperty('biasInitializer')
  expect([...networkOf({}).parameters['dense1.bias'].data]).toEqual([0, 0])
})

test.each<[DenseOptions, RegExp]>([
  [{ initializer: 'henormal' as 'heNormal' }, /dense: initializer: .* Did you mean 'heNormal'/],
  [{ initializer: 3 as never }, /dense: initializer: expected one of zeros, .*; received 3/],
  [{ initializer: 'constant' }, /dense: initializer\.value: expected a number; received undefined/],
  [
    { initializer: { name: 'normal', deviation: 0 } },
    /initializer\.deviation: expected a number above 0; received 0/,
  ],
  [
    { initializer: { name: 'normal', range: 1 } },
    /initializer normal: expected one of the options deviation; received 'range'/,
  ],
  [{ initializer: { name: 'zeros', value: 1 } }, /initializer zeros: expected no options; received 'value'/],
  [
    { biasInitializer: 'heNormal' },
    /dense: biasInitializer: expected one of zeros, ones, constant, uniform, normal; received 'heNormal'/,
  ],
  [
    { bias: false, biasInitializer: 'normal' },
    /dense: biasInitializer: expected a layer with a bias; received bias: false/,
  ],
])('%j is a SpecError', (options, message) => {
  expect(() => dense(2, 'linear', options)).toThrow(SpecError)
  expect(() => dense(2, 'linear', options)).toThrow(message)
})
