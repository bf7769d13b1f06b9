/** Gradients of every activation, loss and normalisation against central differences, in float64. */

import { describe, expect, test } from 'vitest'
import { activationTable, type ActivationName } from '../src/layers/activation.ts'
import { batchNorm } from '../src/layers/batch-norm.ts'
import { dense } from '../src/layers/dense.ts'
import { layerNorm } from '../src/layers/layer-norm.ts'
import { lossTable, type LossName } from '../src/layers/loss.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'

const ROWS = 5
const INPUTS = 3
const OUTPUTS = 4
const STEP = 1e-5

// Targets that suit a loss: classes, signs, probabilities or numbers.
function targetsFor(task: string, rows = ROWS): number[] {
  const random = randomStream(3, 'targets')
  return Array.from({ length: rows * OUTPUTS }, (_, i) => {
    if (task === 'classes') return Number(random.below(OUTPUTS, Math.floor(i / OUTPUTS)) === i % OUTPUTS)
    if (task === 'margin') return 2 * random.below(2, i) - 1
    return task === 'binary' ? random.uniform(i) : random.normal(i)
  })
}

// The largest difference of a tensor's gradient from central differences, as a share of its largest entry.
function error(options: ConstructorParameters<typeof Network<'float64'>>[0], targets: number[]): number {
  const net = new Network<'float64'>(options)
  const random = randomStream(5, 'x')
  const x = new Float64Array((targets.length / OUTPUTS) * INPUTS).map((_, i) => random.normal(i))
  const t = Float64Array.from(targets)
  // Away from where all gammas are 1 and all biases 0.
  for (const [name, { data }] of Object.entries(net.parameters)) {
    const move = randomStream(6, name)
    net.setParameters({ [name]: data.map((value, i) => value + 0.3 * move.normal(i)) })
  }
  const { parameters, input } = net.gradients(x, t)
  const objective = (): number => net.gradients(x, t).objective
  const differences = (length: number, nudge: (i: number, by: number) => void): number[] =>
    Array.from({ length }, (_, i) => {
      nudge(i, STEP)
      const above = objective()
      nudge(i, -2 * STEP)
      const below = objective()
      nudge(i, STEP)
      return (above - below) / (2 * STEP)
    })
  const compare = (analytic: Float64Array, numeric: number[]): number =>
    Math.max(...numeric.map((value, i) => Math.abs(value - analytic[i]))) /
    Math.max(1e-8, ...numeric.map(Math.abs))
  const errors = [
    compare(
      input,
      differences(x.length, (i, by) => (x[i] += by)),
    ),
  ]
  for (const [name, analytic] of Object.entries(parameters)) {
    const { data } = net.parameters[name]
    const numeric = differences(data.length, (i, by) => {
      data[i] += by
      net.setParameters({ [name]: data })
    })
    errors.push(compare(analytic, numeric))
  }
  return Math.max(...errors)
}

describe.each(backendsUnderTest)('$label', ({ options }) => {
  test.each(Object.keys(activationTable) as ActivationName[])('activation %s', (activation) => {
    const layers = [dense(6, activation), dense(OUTPUTS)]
    const network = { inputs: INPUTS, layers, loss: 'squaredError', l2: 0.1, l1: 0.05, seed: 2 } as const
    expect(error({ ...network, dtype: 'float64', ...options }, targetsFor('regression'))).toBeLessThan(1e-7)
  })

  // The dense layers in front have no bias: batch norm takes it out again, and its gradient is rounding noise. Two rows are
  // normalised to about ±1, whatever they are, unless epsilon is large.
  test.each([2, 7].flatMap((rows) => [batchNorm, layerNorm].map((layer) => ({ rows, layer }))))(
    '$layer.name of $rows rows',
    ({ rows, layer }) => {
      const layers = [
        dense(5, 'linear', { bias: false }),
        layer({ epsilon: 0.1 }),
        dense(7, 'tanh', { bias: false }),
        layer({ epsilon: 0.2 }),
        dense(OUTPUTS),
      ]
      const network = { inputs: INPUTS, layers, loss: 'squaredError', l2: 0.1, seed: 2 } as const
      const targets = targetsFor('regression', rows)
      expect(error({ ...network, dtype: 'float64', ...options }, targets)).toBeLessThan(1e-7)
    },
  )

  test.each(Object.keys(lossTable) as LossName[])('loss %s', (loss) => {
    const { needs, task }: { needs?: ActivationName; task: string } = lossTable[loss]
    for (const reduction of ['sum', 'mean_samples', 'mean_elements'] as const) {
      const layers = [dense(6, 'tanh'), dense(OUTPUTS, needs ?? 'linear')]
      const network = { inputs: INPUTS, layers, loss: { name: loss, reduction }, seed: 2 }
      expect(error({ ...network, dtype: 'float64', ...options }, targetsFor(task))).toBeLessThan(1e-7)
    }
  })
})
