/** Predictions of one row, through views of the program's memory: the numbers of many rows, and what makes them stale. */

import { describe, expect, test } from 'vitest'
import { DataError, SpecError } from '../src/errors.ts'
import { dense } from '../src/layers/dense.ts'
import { DTYPES, floatArray, type Dtype, type FloatArray } from '../src/ops/arithmetic.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'

const ROWS = 7
const random = randomStream(1, 'prediction')

describe.each(backendsUnderTest)('$label', ({ options }) => {
  describe.each(DTYPES)('%s', (dtype) => {
    // Inputs on both sides of the size from which the core copies them.
    describe.each([3, 200])('%s inputs', (inputs) => {
      const x = floatArray(dtype, ROWS * inputs)
      for (let i = 0; i < x.length; i++) x[i] = random.normal(i)
      const row = (i: number): FloatArray => x.subarray(i * inputs, (i + 1) * inputs)
      const layers = [dense(5, 'relu'), dense(2)]
      const make = (): Network<Dtype> =>
        new Network<Dtype>({ inputs, layers, loss: 'squaredError', dtype, ...options })
      const expectRowsOfAll = (net: Network<Dtype>): void => {
        const all = net.predict(x)
        for (let i = 0; i < ROWS; i++) {
          expect(net.predict(row(i))).toEqual(all.slice(i * net.outputs, (i + 1) * net.outputs))
        }
      }

      test('a row alone has the bits that it has among others', () => {
        expectRowsOfAll(make())
      })

      test('so it has after a step, a fit, and parameters that were set', async () => {
        const net = make()
        const y = floatArray(dtype, ROWS * 2).fill(0.5)
        const seen = [[...net.predict(row(0))]]
        const moves: (() => unknown)[] = [
          () => net.trainStep(x, y),
          () => net.fit(x, y, { epochs: 1 }),
          () => {
            net.setParameters({ 'dense2.bias': [1, 2] })
          },
        ]
        for (const move of moves) {
          await move()
          expectRowsOfAll(net)
          seen.push([...net.predict(row(0))])
        }
        expect(new Set(seen.map(String)).size).toBe(seen.length)
      })

      test('an array that was given receives the outputs of one row and of many, and is what comes back', () => {
        const net = make()
        for (const rows of [row(2), x]) {
          const out = floatArray(dtype, (rows.length / inputs) * 2)
          expect(net.predict(rows, out)).toBe(out)
          expect(out).toEqual(net.predict(rows))
        }
      })

      test('an array that does not fit is refused', () => {
        const net = make()
        const otherKind = floatArray(dtype === 'float32' ? 'float64' : 'float32', 2)
        for (const out of [floatArray(dtype, 1), floatArray(dtype, 3), otherKind]) {
          expect(() => net.predict(row(0), out)).toThrow(SpecError)
        }
        expect(() => net.predict(x, floatArray(dtype, 2))).toThrow(
          /predict: out: expected a Float\d+Array of 14/,
        )
      })

      test('rows of other lengths, infinities and NaN are refused, and the next row is right', () => {
        const net = make()
        const expected = net.predict(row(0))
        expect(() => net.predict(x.subarray(1))).toThrow(DataError)
        for (const value of [NaN, Infinity, -Infinity]) {
          for (const rows of [row(0).slice(), x.slice()]) {
            rows[rows.length - 1] = value
            const message = `x: row ${rows.length / inputs - 1}, position ${inputs - 1}: expected a finite`
            expect(() => net.predict(rows)).toThrow(message)
          }
        }
        expect(net.predict(row(0))).toEqual(expected)
      })

      test('results are arrays of their own', () => {
        const net = make()
        const first = net.predict(row(0))
        const kept = first.slice()
        net.predict(row(1))
        expect(first).toEqual(kept)
      })

      test('a row is refused while the network fits', async () => {
        const net = make()
        const run = net.fit(x, floatArray(dtype, ROWS * 2), { epochs: 2 })
        expect(() => net.predict(row(0), floatArray(dtype, 2))).toThrow(/a network that is not fitting/)
        await run
        expectRowsOfAll(net)
      })
    })
  })

  test('a row of a network with several outputs has all of them', () => {
    const layers = [
      dense(3, 'tanh', { name: 'shared' }),
      dense(3, 'softmax', { name: 'kind', from: 'shared' }),
      dense(1, 'linear', { name: 'size', from: 'shared' }),
    ]
    const outputs = [{ layer: 'kind' }, { layer: 'size', loss: 'squaredError' as const }]
    const net = new Network({ inputs: 2, layers, outputs, ...options })
    const x = Float32Array.of(1, 2, 3, 4)
    expect([...net.predict(x.subarray(0, 2)), ...net.predict(x.subarray(2))]).toEqual([...net.predict(x)])
  })
})
