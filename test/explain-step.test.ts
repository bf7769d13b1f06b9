/** explainStep: its numbers are those of the worked examples, and every line of arithmetic is right. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import {
  activation,
  customActivation,
  dense,
  residual,
  dropout,
  explainStep,
  Network,
  SpecError,
  type LayerSpec,
  type Loss,
} from '../src/index.ts'
import { docComments, runExample } from './support/examples.ts'

type Nested = number | readonly Nested[]
type Values = Readonly<Record<string, Nested>>
const FILE = join(import.meta.dirname, 'fixtures', 'worked-examples.json')
const { examples } = JSON.parse(readFileSync(FILE, 'utf8')) as {
  examples: Record<string, { inputs: Values; computed: Values }>
}
const flat = (values: Nested): number[] => (typeof values === 'number' ? [values] : values.flatMap(flat))

const networkOf = (
  layers: readonly LayerSpec[],
  parameters: Record<string, number[]>,
  loss: Loss,
): Network<'float64'> => {
  const network = new Network<'float64'>({ inputs: 2, layers, loss, dtype: 'float64' })
  network.setParameters(parameters)
  return network
}

/** Numbers behind the last equals sign of the line that contains a text. */
function numbersOn(lines: readonly string[], text: string): number[] {
  const line = lines.find((candidate) => candidate.includes(text)) ?? ''
  const end = line.slice(line.lastIndexOf('=') + 1).replaceAll('−', '-')
  return (end.match(/-?[\d.]+(e-?\d+)?/g) ?? []).map(Number)
}

/** Seven digits are shown. */
function expectShown(received: readonly number[], expected: Nested): void {
  const wanted = flat(expected)
  expect(received).toHaveLength(wanted.length)
  wanted.forEach((value, i) =>
    expect(Math.abs(received[i] - value)).toBeLessThanOrEqual(1e-6 * Math.abs(value)),
  )
}

/** The sums and products that a text shows in digits, with what they say they are. */
function arithmetic(text: string): { shown: string; result: number }[] {
  return text.split('\n').flatMap((line) => {
    const parts = line.split(' = ')
    const shown = parts.at(-2) ?? ''
    if (!/^[\d\s.()·+−²en]*[·+−][\d\s.()·+−²eln]*$/.test(shown)) return []
    const source = shown
      .replaceAll('−', '-')
      .replaceAll('·', '*')
      .replaceAll('²', '**2')
      .replaceAll('ln', 'Math.log')
    const result = Number((parts.at(-1) ?? '').replace('−', '-'))
    return [
      {
        shown: line,
        result: Math.abs(Number(runInNewContext(source)) - result) / Math.max(1e-3, Math.abs(result)),
      },
    ]
  })
}

describe('the worked example of CS 615', () => {
  const { inputs, computed } = examples['cs615-backward']
  const forward = examples['cs615-forward'].computed
  const after = computed['after_one_sgd_step_lr_0.1'] as unknown as Values
  const noBias = { bias: false }
  const network = networkOf(
    [dense(2, 'linear', noBias), dense(1, 'linear', noBias)],
    { 'dense1.weight': flat(inputs.W1), 'dense2.weight': flat(inputs.W2) },
    { name: 'squaredError', reduction: 'sum' },
  )
  const x = [flat(inputs.x)]
  const y = [flat(inputs.target)]

  test('in its own notation', () => {
    const lines = explainStep(network, x, y, { notation: 'cs615' }).split('\n')
    expectShown(numbersOn(lines, 'net_h = xβ'), forward.h)
    expectShown(numbersOn(lines, 'net_o = hθ'), forward.y)
    expectShown(numbersOn(lines, '  J = '), computed.loss)
    expectShown(numbersOn(lines, '∂J/∂θ = hᵀ'), computed.dW2)
    expectShown(numbersOn(lines, '∂J/∂β = xᵀ'), computed.dW1)
    expectShown(numbersOn(lines, 'β ← '), after.W1)
    expectShown(numbersOn(lines, 'θ ← '), after.W2)
    expect(lines.at(-1)).toContain(`ŷ = [${Number(flat(after.y)[0].toPrecision(7))}]`)
  })

  test("in Bishop's", () => {
    const text = explainStep(network, x, y)
    const lines = text.split('\n')
    const dW1 = flat(computed.dW1)
    expectShown(numbersOn(lines, '∂E/∂w⁽²⁾₁₁'), flat(computed.dW2)[0])
    expectShown(numbersOn(lines, '∂E/∂w⁽²⁾₁₂'), flat(computed.dW2)[1])
    // The first index is the unit's, the second the input's.
    expectShown(numbersOn(lines, '∂E/∂w⁽¹⁾₂₁'), dW1[1])
    expectShown(numbersOn(lines, '∂E/∂w⁽¹⁾₁₂'), dW1[2])
    expectShown(numbersOn(lines, '  w⁽¹⁾₂₁ = 0.4'), flat(after.W1)[1])
    expectShown(numbersOn(lines, '  E = '), computed.loss)
    expect(arithmetic(text)).toHaveLength(3 + 1 + 9 + 6)
  })

  test('leaves the network as it is', () => {
    expect(flat([...network.parameters['dense1.weight'].data])).toEqual(flat(inputs.W1))
  })
})

test('the worked example of CIVE 497, two logistic outputs with biases', () => {
  const { inputs, computed } = examples['yeum-as-network']
  const network = networkOf(
    [dense(2, 'logistic'), dense(2), activation('logistic')],
    {
      'dense1.weight': flat(inputs.W1),
      'dense1.bias': flat(inputs.b1),
      'dense2.weight': flat(inputs.W2),
      'dense2.bias': flat(inputs.b2),
    },
    { name: 'squaredError', reduction: 'sum' },
  )
  const given = [[flat(inputs.x)], [flat(inputs.target)]] as const
  const lines = explainStep(network, ...given, { notation: 'cs615' }).split('\n')
  expectShown(numbersOn(lines, 'net_o = hθ + b_o'), computed.net_o)
  expectShown(numbersOn(lines, '∂J/∂θ = hᵀ'), computed.dW2)
  expectShown(numbersOn(lines, '∂J/∂b_o = '), computed.db2)
  expectShown(numbersOn(lines, '∂J/∂β = xᵀ'), computed.dW1)
  expectShown(numbersOn(lines, '∂J/∂b_h = '), computed.db1)
  const bishop = explainStep(network, ...given)
  expectShown(numbersOn(bishop.split('\n'), '∂E/∂w⁽²⁾₁₁'), flat(computed.dW2)[0])
  expectShown(numbersOn(bishop.split('\n'), '∂E/∂w⁽¹⁾₁₀'), flat(computed.db1)[0])
})

const softsign = customActivation({
  name: 'softsign',
  forward: (x) => x / (1 + Math.abs(x)),
  backward: (x) => 1 / (1 + Math.abs(x)) ** 2,
})
const cases: readonly { layers: readonly LayerSpec[]; loss: Loss; y: number[] }[] = [
  {
    layers: [dense(3, 'tanh'), dense(2, 'relu'), dense(1)],
    loss: { name: 'squaredError', factor: 0.5 },
    y: [-2],
  },
  { layers: [dense(3, 'logistic'), dense(2, 'tanh')], loss: 'squaredError', y: [0.5, -0.5] },
  { layers: [dense(3, 'tanh'), dense(3, 'softmax')], loss: 'categoricalCrossEntropy', y: [0, 1, 0] },
  { layers: [dense(2, softsign), dense(1)], loss: 'binaryCrossEntropyFromLogits', y: [1] },
  { layers: [dense(3, 'tanh'), dense(1, 'logistic')], loss: 'logLikelihood', y: [1] },
  { layers: [dense(2, 'logistic')], loss: 'binaryCrossEntropy', y: [1, 0] },
]

test.each(cases)(
  'every line of arithmetic is right: $layers.length layers, $loss, targets $y',
  ({ layers, loss, y }) => {
    const network = new Network({ inputs: 2, layers, loss, seed: 3, backend: 'fallback' })
    const lines = arithmetic(explainStep(network, [[0.5, -1.25]], [y], { learningRate: 0.3 }))
    // A line for each net input, the loss, each error, and at least one for each weight and its update.
    const weights = Object.values(network.parameters).filter(({ shape }) => shape.length === 2)
    const units = weights.reduce((sum, { shape }) => sum + shape[1], 0)
    const elements = weights.reduce((sum, { data }) => sum + data.length, 0)
    expect(lines.length).toBeGreaterThanOrEqual(2 * units + 1 + 2 * elements)
    for (const { shown, result } of lines) expect(result, shown).toBeLessThan(1e-5)
  },
)

describe('what cannot be written out is refused', () => {
  const explain = (layers: readonly LayerSpec[], loss: Loss = 'squaredError', extra = {}) => {
    const network = new Network({ inputs: 2, layers, loss, ...extra })
    return () =>
      explainStep(network, [[1, 2]], [Array.from({ length: network.outputs }, () => 1)], {
        notation: 'bishop',
      })
  }
  test.each([
    [explain([dense(40), dense(1)]), /at most 100 parameters.*; received 161 parameters/],
    [explain([dense(2), dropout(0.5), dense(1)]), /layers\[1\] \(dropout1\): expected dense layers/],
    [explain([dense(2, 'softmax'), dense(1)]), /dense1: .*softmax in a hidden layer/],
    [explain([dense(2)], 'hinge'), /loss: expected squaredError, or a cross-entropy .*; received hinge/],
    [explain([dense(2)], 'squaredError', { l2: 0.1 }), /without penalty/],
    [explain([residual([dense(2)]), dense(1)]), /a chain of layers.*; received layers that branch/],
  ])('%#', (call, message) => {
    expect(call).toThrow(SpecError)
    expect(call).toThrow(message)
  })

  test('several rows, and three layers in a notation for two', () => {
    const network = new Network({ inputs: 2, layers: [dense(1)], loss: 'squaredError' })
    expect(() =>
      explainStep(
        network,
        [
          [1, 2],
          [3, 4],
        ],
        [[1], [2]],
      ),
    ).toThrow(/x: expected one row; received 2/)
    expect(() => explainStep(network, [[1, 2]], [[1]], { notation: 'cs615' })).toThrow(
      /one hidden layer.*'bishop'/,
    )
  })
})

test('the example of its comment', () => {
  const comment = docComments('explain').get('explainStep') ?? ''
  expect(runExample(comment, { Network, dense, explainStep })).toEqual([])
})
