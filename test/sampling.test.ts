/** Predictions with dropout: what is known of them in closed form, and what their seed decides. */

import { describe, expect, test } from 'vitest'
import { DataError, SpecError } from '../src/errors.ts'
import { batchNorm } from '../src/layers/batch-norm.ts'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import { DTYPES } from '../src/ops/arithmetic.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'

const [ROWS, INPUTS, OUTPUTS] = [300, 12, 2]
const random = randomStream(1, 'sampling')
const x = Float64Array.from({ length: ROWS * INPUTS }, (_, i) => random.normal(i))

describe.each(backendsUnderTest)('$label', ({ options }) => {
  describe.each(DTYPES)('%s', (dtype) => {
    const layers = [dropout(0.3), dense(OUTPUTS, 'linear', { biasInitializer: 'normal' })]
    const network = new Network({ inputs: INPUTS, layers, loss: 'squaredError', seed: 4, dtype, ...options })

    test('of a linear network have the mean of predict and the variance Σ (x·w)²·rate/(1 − rate)', () => {
      const samples = 400
      const plain = network.predict(x)
      const { mean, deviation } = network.predict(x, { samples })
      const weight = network.parameters['dense1.weight'].data
      const deviates: number[] = []
      let ratios = 0
      for (let row = 0; row < ROWS; row++) {
        for (let j = 0; j < OUTPUTS; j++) {
          let variance = 0
          for (let k = 0; k < INPUTS; k++) {
            variance += ((x[row * INPUTS + k] * weight[k * OUTPUTS + j]) ** 2 * 0.3) / 0.7
          }
          const i = row * OUTPUTS + j
          deviates.push((mean[i] - plain[i]) / Math.sqrt(variance / samples))
          ratios += deviation[i] ** 2 / (variance * (1 - 1 / samples)) / (ROWS * OUTPUTS)
        }
      }
      // 600 deviates: one beyond 4.5 is one in 250 runs of seeds. Their own mean square is 1 where rows are independent.
      for (const deviate of deviates) expect(Math.abs(deviate)).toBeLessThan(4.5)
      const meanSquare = deviates.reduce((sum, deviate) => sum + deviate ** 2, 0) / deviates.length
      expect(Math.abs(meanSquare - 1)).toBeLessThan(4 * Math.sqrt(2 / deviates.length))
      // The variance of a sample variance is about 2/samples of its square.
      expect(Math.abs(ratios - 1)).toBeLessThan(4 * Math.sqrt(2 / (samples * ROWS)))
    })

    test('depend on the seed alone: not on earlier calls, the rows behind, or predictions between', () => {
      const first = network.predict(x, { samples: 5, seed: 9 })
      network.predict(x)
      expect(network.predict(x, { samples: 5, seed: 9 })).toEqual(first)
      expect(network.predict(x, { samples: 5, seed: 10 })).not.toEqual(first)
      expect(network.predict(x, { samples: 5, seed: 4 })).toEqual(network.predict(x, { samples: 5 }))
      const few = network.predict(x.subarray(0, 40 * INPUTS), { samples: 5, seed: 9 })
      expect(few.mean).toEqual(first.mean.slice(0, 40 * OUTPUTS))
      const one = network.predict(x.subarray(0, INPUTS), { samples: 5, seed: 9 })
      expect(one.deviation).toEqual(first.deviation.slice(0, OUTPUTS))
    })

    test('of one sample scatter not at all, and rows in different blocks have different masks', () => {
      const ones = new Float64Array(ROWS * INPUTS).fill(1)
      const { mean, deviation } = network.predict(ones, { samples: 1 })
      expect(deviation.every((value) => value === 0)).toBe(true)
      const [head, tail] = [mean.slice(0, 44 * OUTPUTS), mean.slice(256 * OUTPUTS)]
      expect(head).toHaveLength(tail.length)
      expect(head).not.toEqual(tail)
    })
  })
})

test('outputs are probabilities where the loss takes logits, and follow the weights', () => {
  const layers = [dense(16, 'relu'), dropout(0.5), dense(1)]
  const network = new Network({ inputs: INPUTS, layers, loss: 'binaryCrossEntropyFromLogits', seed: 2 })
  const { mean } = network.predict(x, { samples: 20 })
  expect(mean.every((value) => value > 0 && value < 1)).toBe(true)
  network.setParameters({ 'dense2.weight': new Float32Array(16), 'dense2.bias': [0] })
  expect(new Set(network.predict(x, { samples: 20 }).mean)).toEqual(new Set([0.5]))
})

test('batch norm keeps to its running statistics: a row is predicted alike alone and among others', () => {
  const layers = [batchNorm(), dropout(0.5), dense(1)]
  const network = new Network({ inputs: INPUTS, layers, loss: 'squaredError', seed: 2 })
  const { mean } = network.predict(x, { samples: 3 })
  expect(network.predict(x.subarray(0, INPUTS), { samples: 3 }).mean[0]).toBe(mean[0])
})

test('what cannot be is an error that says so', () => {
  const layersOf = (rate: number): ConstructorParameters<typeof Network>[0]['layers'] => [
    dropout(rate),
    dense(1),
  ]
  const network = new Network({ inputs: INPUTS, layers: layersOf(0.5), loss: 'squaredError' })
  const without = new Network({ inputs: INPUTS, layers: layersOf(0), loss: 'squaredError' })
  expect(() => without.predict(x, { samples: 5 })).toThrow(SpecError)
  expect(() => without.predict(x, { samples: 5 })).toThrow(/a network with dropout.* Add dropout\(rate\)/)
  expect(() => network.predict(x, { samples: 0 })).toThrow(/predict: samples: expected an integer at least 1/)
  expect(() => network.predict(x, {} as never)).toThrow(/predict: samples: .* received undefined/)
  expect(() => network.predict(x, { samples: 2, seed: -1 })).toThrow(/predict: seed: expected an integer/)
  expect(() => network.predict(x, { sample: 2 } as never)).toThrow(/should be 'samples'/)
  expect(() => network.predict([[1]], { samples: 2 })).toThrow(DataError)
})
