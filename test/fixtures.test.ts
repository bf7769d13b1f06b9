/** Networks computed by PyTorch: outputs, losses, gradients, and weights after ten steps, within float32 tolerance. */

import { describe, expect, test } from 'vitest'
import { Network } from '../src/network.ts'
import {
  fixtures,
  flatten,
  masksOf,
  networkOf,
  optimizerOf,
  parameterName,
  parametersOf,
} from './support/fixtures.ts'
import { backendsUnderTest } from './support/backends.ts'

// Tolerance of the fixtures' own README: 1e-5 relative, and five times the gap that float32 itself opened.
function expectClose(
  what: string,
  received: ArrayLike<number>,
  expected: readonly number[],
  gap: number,
): void {
  expect([what, received.length]).toEqual([what, expected.length])
  expected.forEach((value, i) => {
    const tolerance = 1e-5 * (1 + Math.abs(value)) + 5 * gap
    if (Math.abs(received[i] - value) <= tolerance) return
    expect.fail(`${what}[${i}]: expected ${value} ± ${tolerance}, received ${received[i]}`)
  })
}

describe.each(backendsUnderTest)('fixtures on $label', ({ options }) => {
  test.each(fixtures().map((fixture) => [fixture.name, fixture] as const))(
    '%s agrees with PyTorch',
    (_, fixture) => {
      const { expected, float32_gap: gap, x, y } = fixture
      const network = new Network({ ...networkOf(fixture), ...options })
      network.setParameters(parametersOf(fixture.params))
      const batchOf = (step: number): { rows: number[] } => ({
        rows: fixture.batches?.[step % fixture.batches.length] ?? x.map((_, i) => i),
      })
      const step = { dropoutMasks: masksOf(fixture), optimizer: optimizerOf(fixture) }

      const first = network.gradients(x, y, { ...step, ...batchOf(0) })
      expectClose('loss', [first.loss], [expected.loss], gap.objective)
      expectClose('penalty', [first.penalty], [expected.penalty], gap.objective)
      expectClose('input gradient', first.input, flatten(expected.input_gradient), gap.gradients)
      for (const [key, gradient] of Object.entries(expected.gradients)) {
        expectClose(
          `gradient of ${key}`,
          first.parameters[parameterName(key)],
          flatten(gradient),
          gap.gradients,
        )
      }
      expected.layer_outputs.forEach((output, i) => {
        expectClose(`output of layer ${i}`, first.layerOutputs[`layer${i}`], flatten(output), gap.output)
      })

      for (let i = 0; i < 10; i++) {
        const { objective } = network.trainStep(x, y, { ...step, ...batchOf(i) })
        expectClose(`objective before step ${i + 1}`, [objective], [expected.objectives[i]], gap.objective)
        const after = i === 0 ? expected.after_1 : i === 9 ? expected.after_10 : {}
        for (const [key, values] of Object.entries(after)) {
          const { data } = network.parameters[parameterName(key)]
          expectClose(
            `${key} after step ${i + 1}`,
            data,
            flatten(values),
            i === 0 ? gap.after_1 : gap.after_10,
          )
        }
      }
      const outputs = network.forward(x)
      expectClose(
        'final output',
        outputs[`layer${fixture.layers.length - 1}`],
        flatten(expected.eval_output_after_10),
        5 * gap.after_10,
      )
    },
  )
})
