/** Verification as users switch it on: the same answers as without, and clear errors where it cannot be had. */

import { describe, expect, test, vi } from 'vitest'
import { BackendError, SpecError } from '../src/errors.ts'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import { Network } from '../src/network.ts'
import { DTYPES } from '../src/ops/arithmetic.ts'
import type { NetworkOptions } from '../src/spec.ts'
import { isas, isNativeUnderTest } from './support/backends.ts'

const options: NetworkOptions = {
  inputs: 3,
  layers: [dense(5, 'tanh'), dropout(0.2), dense(2, 'softmax')],
  loss: 'categoricalCrossEntropy',
  seed: 4,
}
const x = Array.from({ length: 21 }, (_, i) => [Math.sin(i), Math.cos(i), i / 10])
const y = Uint8Array.from(x, ([a, b]) => Number(a > b))

describe.runIf(isNativeUnderTest)('verify', () => {
  test.each(isas.flatMap((isa) => DTYPES.map((dtype) => [isa, dtype] as const)))(
    'trains and predicts as %s alone does, %s',
    async (isa, dtype) => {
      const [verified, plain] = [true, false].map((verify) => new Network({ ...options, dtype, isa, verify }))
      const fit = { epochs: 3, batchSize: 8, validation: 0.3, optimizer: 'adam' } as const
      const [received, expected] = [await verified.fit(x, y, fit), await plain.fit(x, y, fit)]
      expect(verified.backend).toEqual({ name: 'native', isa })
      expect(received.epochs).toEqual(expected.epochs)
      expect(verified.predict(x)).toEqual(plain.predict(x))
    },
  )

  test('HADAMARD_VERIFY=1 switches it on, and anything but 1 or 0 is an error', () => {
    vi.stubEnv('HADAMARD_VERIFY', '1')
    expect(() => new Network({ ...options, backend: 'fallback' })).toThrow(BackendError)
    vi.stubEnv('HADAMARD_VERIFY', 'yes')
    expect(() => new Network(options)).toThrow(SpecError)
    vi.unstubAllEnvs()
  })
})

test('verify without the native core says what to do', () => {
  expect(() => new Network({ ...options, backend: 'fallback', verify: true })).toThrow(
    /verify: expected the native core.*Leave the backend out/,
  )
})

test.each<unknown>([1, 'yes', 0])('verify: %j is refused', (verify) => {
  expect(() => new Network({ ...options, verify: verify as boolean })).toThrow(/expected true or false/)
})
