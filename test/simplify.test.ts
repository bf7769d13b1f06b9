/** simplify: fewer layers, the same function. */

import { expect, test } from 'vitest'
import { activation, add, batchNorm, dense, dropout, Network, type LayerSpec } from '../src/index.ts'
import { randomStream } from '../src/random.ts'

const x = Array.from({ length: 5 }, (_, row) => {
  const random = randomStream(row, 'x')
  return [random.normal(0), random.normal(1), random.normal(2)]
})
const noBias = { bias: false }

const cases: readonly [string, readonly LayerSpec[], readonly string[]][] = [
  ['four linear layers are one', [dense(7), activation('linear'), dense(5), dense(6), dense(2)], ['dense']],
  ['the last activation stays', [dense(7), dense(2, 'tanh')], ['dense']],
  ['a bias in front of a layer without one stays', [dense(7), dense(2, 'linear', noBias)], ['dense']],
  ['and the other way round', [dense(7, 'linear', noBias), dense(2)], ['dense']],
  ['layers without biases get none', [dense(7, 'linear', noBias), dense(2, 'linear', noBias)], ['dense']],
  ['around an activation', [dense(7), dense(4, 'relu'), dense(5), dense(2)], ['dense', 'dense']],
  [
    'nothing joins across other layers',
    [dense(7), batchNorm(), dense(4), dropout(0.5), dense(2), activation('tanh')],
    ['dense', 'batchNorm', 'dense', 'dropout', 'dense', 'activation'],
  ],
]

test.each(cases)('%s', (_, layers, types) => {
  const network = new Network({ inputs: 3, layers, loss: 'squaredError', dtype: 'float64', seed: 4 })
  for (const [name, { data }] of Object.entries(network.parameters)) {
    const random = randomStream(9, name)
    network.setParameters({ [name]: data.map((value, i) => value + 0.3 * random.normal(i)) })
  }
  const simple = network.simplify()
  expect(simple.spec.layers.map(({ type }) => type)).toEqual(types)
  const expected = network.predict(x)
  simple.predict(x).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 13))
  const hasBias = layers.some((layer) => layer.type === 'dense' && layer.bias)
  expect(Object.keys(simple.parameters).some((name) => name.endsWith('.bias'))).toBe(hasBias)
})

test('layers that branch are refused: joining two of them could change what others take in', () => {
  const layers = [
    dense(3, 'linear', { name: 'a' }),
    dense(3, 'linear', { name: 'b' }),
    add(['a', 'b']),
    dense(1),
  ]
  const network = new Network({ inputs: 3, layers, loss: 'squaredError' })
  expect(() => network.simplify()).toThrow(/simplify: expected layers that follow one another/)
})
