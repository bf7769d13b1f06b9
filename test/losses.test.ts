/** Losses as a network has them: defaults, the log likelihood, the forms of targets, smoothing. Numbers from outside. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DataError, SpecError } from '../src/errors.ts'
import { activationTable, type ActivationName } from '../src/layers/activation.ts'
import { dense } from '../src/layers/dense.ts'
import type { Loss } from '../src/layers/loss.ts'
import { Network } from '../src/network.ts'
import { normalizeSpec, type NetworkOptions } from '../src/spec.ts'
import { isNativeUnderTest } from './support/backends.ts'

const backends = isNativeUnderTest ? (['native', 'fallback'] as const) : (['fallback'] as const)

// Outputs are exactly the activation of the inputs, so that losses of given probabilities can be checked.
function activationOnly(
  activation: ActivationName,
  units: number,
  loss?: Loss,
  backend: 'native' | 'fallback' = 'fallback',
): Network<'float64'> {
  const layers = [dense(units, activation, { bias: false })]
  const net = new Network({ inputs: units, layers, loss, dtype: 'float64', backend })
  const identity = Array.from({ length: units * units }, (_, i) => Number(i % (units + 1) === 0))
  net.setParameters({ 'dense1.weight': identity })
  return net
}

const logit = (p: number): number => Math.log(p / (1 - p))
const close = (received: ArrayLike<number>, expected: readonly number[], digits = 12): void => {
  expect(received).toHaveLength(expected.length)
  expected.forEach((value, i) => expect(received[i]).toBeCloseTo(value, digits))
}

describe('a network without a loss', () => {
  const build = (activation: ActivationName): Network =>
    new Network({ inputs: 2, layers: [dense(3, activation)], backend: 'fallback' })
  const defaults: Partial<Record<ActivationName, string>> = {
    linear: 'squaredError',
    logistic: 'binaryCrossEntropy',
    softmax: 'categoricalCrossEntropy',
    step: 'perceptron',
  }

  test.each(Object.keys(activationTable) as ActivationName[])('behind %s', (activation) => {
    const loss = defaults[activation]
    if (loss !== undefined) expect(build(activation).spec.loss?.name).toBe(loss)
    else {
      expect(() => build(activation)).toThrow(SpecError)
      expect(() => build(activation)).toThrow(
        `loss: expected a loss, for the last activation ${activation}; received none`,
      )
    }
  })

  test('has one whose gradient at the last sums is ŷ − t', () => {
    const x = Float64Array.of(0.3, -1.1, 0.8, 0.4)
    const [shares, decisions] = [Float64Array.of(0.2, 0.5, 0.3, 0, 0, 1), Float64Array.of(0, 1, 0, 0, 0, 1)]
    for (const activation of Object.keys(defaults) as ActivationName[]) {
      const y = activation === 'step' ? decisions : shares
      const { loss } = build(activation).spec
      if (loss === undefined) throw new Error(`${activation} has no default`)
      const net = new Network({
        inputs: 2,
        layers: [dense(3, activation)],
        loss: { ...loss, reduction: 'sum', ...(loss.factor === undefined ? {} : { factor: 0.5 }) },
        dtype: 'float64',
        backend: 'fallback',
      })
      const output = net.predict(x)
      const expected = [0, 1, 2].map((j) => output[j] - y[j] + (output[3 + j] - y[3 + j]))
      close(net.gradients(x, y).parameters['dense1.bias'], expected, 14)
    }
  })
})

describe('a regression loss on probabilities', () => {
  const source = join(import.meta.dirname, '..', 'src', 'index.ts')
  const script = `
    import { Network, dense } from ${JSON.stringify(source)}
    const build = (activation, loss) => new Network({ inputs: 1, layers: [dense(2, activation)], loss })
    build('linear', 'squaredError')
    build('logistic')
    build('logistic', 'squaredError')
    build('logistic', 'squaredError')
    build('softmax', 'huber')`
  const run = (...flags: string[]): string => {
    const command = [...flags, '--import', 'tsx', '--input-type=module', '--eval', script]
    const env = { ...process.env, HADAMARD_BACKEND: 'fallback' }
    const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8', env })
    expect(status).toBe(0)
    return stderr
  }

  test('is warned of once per pair, with the loss to use', () => {
    const warnings = run()
      .split('\n')
      .filter((line) => line.includes('[HADAMARD_LOSS_PAIRING]'))
    expect(warnings).toEqual([
      expect.stringMatching(/squaredError on a logistic output .* Use the loss binaryCrossEntropy/),
      expect.stringMatching(/huber on a softmax output .* Use the loss categoricalCrossEntropy/),
    ])
  })

  test('is not warned of where the code is disabled', () => {
    expect(run('--disable-warning=HADAMARD_LOSS_PAIRING')).toBe('')
  })
})

// Lecture deck 003: probabilities of three classes, and the true ones.
const TABLE = [0.8, 0.1, 0.1, 0.2, 0.7, 0.1, 0.1, 0.2, 0.7, 0.6, 0.2, 0.2]
const CLASSES = Uint8Array.of(0, 1, 2, 0)
const oneHot = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0)
const logs = Float64Array.from(TABLE, Math.log)
const logits = Float64Array.from(TABLE, logit)

describe.each(backends)('on the %s backend', (backend) => {
  test('the cross-entropies of a table of probabilities', () => {
    const classes = activationOnly('softmax', 3, undefined, backend)
    expect(classes.evaluate(logs, CLASSES)).toMatchObject({ accuracy: 1 })
    expect(classes.evaluate(logs, CLASSES).loss).toBeCloseTo(0.36182976573941633, 14)
    expect(classes.evaluate(logs, oneHot)).toEqual(classes.evaluate(logs, CLASSES))
    const binary = activationOnly('logistic', 3, { name: 'binaryCrossEntropy', reduction: 'sum' }, backend)
    const sum = 0.4338645826 + 2 * 0.6851790109 + 0.9571127264
    expect(binary.evaluate(logits, oneHot).loss).toBeCloseTo(sum, 9)
    expect(binary.evaluate(logits, oneHot)).not.toHaveProperty('accuracy')
  })

  test('the log likelihood of that table is minus their sum', () => {
    const classes = activationOnly('softmax', 3, 'logLikelihood', backend)
    expect(classes.evaluate(logs, CLASSES).loss).toBeCloseTo(-1.4473190629576653, 13)
    const binary = activationOnly('logistic', 3, 'logLikelihood', backend)
    const sum = -(0.4338645826 + 2 * 0.6851790109 + 0.9571127264)
    expect(binary.evaluate(logits, oneHot).loss).toBeCloseTo(sum, 9)
    expect(() => activationOnly('tanh', 3, 'logLikelihood', backend)).toThrow(
      /expected a last layer with the activation logistic or softmax; received tanh\. Use activation 'logistic' \[HADAMARD_LOSS\]$/,
    )
  })

  test('the log likelihood of lecture deck 000: its gradients, and a step that climbs', () => {
    const layers = [dense(2, 'logistic', { bias: false }), dense(1, 'logistic', { bias: false })]
    const network = { inputs: 2, layers, loss: 'logLikelihood', dtype: 'float64', backend } as const
    const net = new Network(network)
    const start = { 'dense1.weight': [0.1, 0.4, 0.8, 0.6], 'dense2.weight': [0.3, 0.9] }
    net.setParameters(start)
    const [x, y] = [[[0.35, 0.9]], [1]]
    const { loss, objective, parameters } = net.gradients(x, y)
    close([loss, objective], [-0.3706529064839562, -0.3706529064839562], 14)
    const slopes = {
      'dense1.weight': [0.0070732722846677, 0.0217745373515395, 0.0181884144462884, 0.0559916674753872],
      'dense2.weight': [0.2106899800510139, 0.2055708309821021],
    }
    for (const [name, slope] of Object.entries(slopes)) close(parameters[name], slope, 13)
    net.trainStep(x, y, { optimizer: { name: 'sgd', learningRate: 0.1 } })
    for (const [name, slope] of Object.entries(slopes)) {
      const climbed = start[name as keyof typeof start].map((w, i) => w + 0.1 * slope[i])
      close(net.parameters[name].data, climbed, 13)
    }
    expect(net.evaluate(x, y).loss).toBeGreaterThan(loss)
  })

  test('the penalty is taken from the log likelihood', () => {
    const layers = [dense(1, 'logistic')]
    const net = new Network({ inputs: 1, layers, loss: 'logLikelihood', l2: 3, dtype: 'float64', backend })
    net.setParameters({ 'dense1.weight': [2], 'dense1.bias': [0] })
    const { loss, objective, penalty, parameters } = net.gradients([[0]], [1])
    close([loss, penalty, objective], [-Math.LN2, 6, -Math.LN2 - 6])
    close([parameters['dense1.weight'][0], parameters['dense1.bias'][0]], [-6, 0.5])
  })

  test('a fit of the log likelihood is that of the summed cross-entropy, reported with the other sign', async () => {
    const x = new Float32Array(240).map((_, i) => Math.sin(i))
    const y = new Float32Array(120).map((_, i) => Number(Math.cos(7 * i) > 0.4))
    const fitted = await Promise.all(
      (['logLikelihood', { name: 'binaryCrossEntropy', reduction: 'sum' }] as const).map(async (loss) => {
        const net = new Network({
          inputs: 2,
          layers: [dense(40, 'tanh'), dense(1, 'logistic')],
          loss,
          backend,
        })
        const history = await net.fit(x, y, {
          epochs: 300,
          validation: 0.5,
          optimizer: { name: 'adam', learningRate: 0.02 },
          earlyStopping: { patience: 8, minDelta: 0.01 },
        })
        return { history, parameters: net.parameters }
      }),
    )
    const [likelihood, entropy] = fitted
    expect(likelihood.parameters).toEqual(entropy.parameters)
    expect(likelihood.history.epochs).toEqual(
      entropy.history.epochs.map(({ loss, validation, ...rest }) => ({
        ...rest,
        loss: -loss,
        validation: { ...validation, loss: -validation.loss },
      })),
    )
    expect(likelihood.history.stopped).toBe('earlyStopping')
    expect(likelihood.history.bestEpoch).toBe(entropy.history.bestEpoch)
    const { epochs, bestEpoch = 0 } = likelihood.history
    expect(epochs[bestEpoch - 1].validation.loss).toBeGreaterThan(epochs[0].validation.loss)
  })

  test('L-BFGS climbs the log likelihood as it lowers the summed cross-entropy', async () => {
    const x = new Float64Array(60).map((_, i) => Math.sin(i))
    const y = new Float64Array(30).map((_, i) => Number(Math.cos(7 * i) > 0.4))
    const [likelihood, entropy] = await Promise.all(
      (['logLikelihood', { name: 'binaryCrossEntropy', reduction: 'sum' }] as const).map(async (loss) => {
        const layers = [dense(3, 'tanh'), dense(1, 'logistic')]
        const net = new Network({ inputs: 2, layers, loss, l2: 0.1, dtype: 'float64', backend })
        const options = { epochs: 20, optimizer: 'lbfgs', earlyStopping: { patience: 4 } } as const
        const { epochs, bestEpoch } = await net.fit(x, y, { ...options, validation: { x, y } })
        return { epochs, bestEpoch, parameters: net.parameters, end: net.evaluate(x, y).loss }
      }),
    )
    expect(likelihood.parameters).toEqual(entropy.parameters)
    expect(likelihood.bestEpoch).toBe(entropy.bestEpoch)
    const losses = entropy.epochs.map(({ loss, validation }) => [-loss, -validation.loss])
    expect(likelihood.epochs.map(({ loss, validation }) => [loss, validation.loss])).toEqual(losses)
    expect(likelihood.end).toBeGreaterThan(likelihood.epochs[0].loss)
  })

  test('class indices, one-hot rows and shares train alike', async () => {
    const network = { inputs: 3, layers: [dense(3, 'softmax')], seed: 4, dtype: 'float64', backend } as const
    const fitted = await Promise.all(
      [CLASSES, oneHot].map(async (y) => {
        const net = new Network(network)
        await net.fit(logs, y, { epochs: 3, batchSize: 3 })
        return net.parameters
      }),
    )
    expect(fitted[1]).toEqual(fitted[0])
    const net = new Network(network)
    const probabilities = net.predict(logs)
    // At its minimum, where targets are the outputs, the cross-entropy is the targets' entropy.
    const { loss, parameters } = net.gradients(logs, probabilities)
    const entropy = -probabilities.reduce((sum, p) => sum + p * Math.log(p), 0) / 4
    expect(loss).toBeCloseTo(entropy, 14)
    for (const gradient of Object.values(parameters)) close(gradient, [...gradient].fill(0), 15)
    const before = net.evaluate(logs, TABLE_ROWS).loss
    expect(net.trainStep(logs, TABLE_ROWS).loss).toBeCloseTo(before, 14)
    const { epochs } = await net.fit(logs, TABLE_ROWS, { epochs: 200, batchSize: 4 })
    expect(epochs[199].loss).toBeLessThan(before)
  })

  test('binary cross-entropy is exact where the output is saturated, on either side', () => {
    for (const [activation, loss] of [
      ['logistic', 'binaryCrossEntropy'],
      ['linear', 'binaryCrossEntropyFromLogits'],
    ] as const) {
      const net = activationOnly(activation, 1, { name: loss, reduction: 'sum' }, backend)
      for (const [z, t, expected, slope] of [
        [1000, 1, 0, 0],
        [1000, 0, 1000, 1],
        [-1000, 0, 0, 0],
        [-1000, 1, 1000, -1],
        [1000, 0.25, 750, 0.75],
      ]) {
        const { loss: found, input } = net.gradients([[z]], [t])
        close([found, input[0]], [expected, slope], 9)
      }
    }
  })

  test('smoothed labels are shares of all classes', () => {
    // 0.3 of smoothing makes the class 0 the shares (0.8, 0.1, 0.1): the outputs themselves.
    const smoothed = { name: 'categoricalCrossEntropy', labelSmoothing: 0.3 } as const
    const classes = activationOnly('softmax', 3, smoothed, backend)
    const [z, y] = [[[0.8, 0.1, 0.1].map(Math.log)], Uint8Array.of(0)]
    const found = classes.gradients(z, y)
    expect(found.loss).toBeCloseTo(-(0.8 * Math.log(0.8) + 0.2 * Math.log(0.1)), 14)
    close(found.input, [0, 0, 0], 15)
    expect(classes.evaluate(z, y).loss).toBeCloseTo(found.loss, 14)
    expect(classes.evaluate(z, y).accuracy).toBe(1)
    const binary = activationOnly('logistic', 1, { name: 'binaryCrossEntropy', labelSmoothing: 0.2 }, backend)
    const one = binary.gradients([[logit(0.9)]], [1])
    expect(one.loss).toBeCloseTo(-(0.9 * Math.log(0.9) + 0.1 * Math.log(0.1)), 14)
    close(one.input, [0], 15)
  })

  test('a smoothed fit is that on smoothed targets', async () => {
    const targets = Float64Array.from(oneHot, (t) => 0.75 * t + 0.25 / 3)
    const fit = async (loss: Loss, y: Float64Array): Promise<unknown> => {
      const net = new Network({ inputs: 3, layers: [dense(3)], loss, seed: 4, dtype: 'float64', backend })
      const { epochs } = await net.fit(logs, y, { epochs: 3, batchSize: 3, validation: { x: logs, y } })
      return {
        parameters: net.parameters,
        losses: epochs.map(({ loss, validation }) => [loss, validation.loss]),
      }
    }
    const name = 'categoricalCrossEntropyFromLogits'
    expect(await fit({ name, labelSmoothing: 0.25 }, oneHot)).toEqual(await fit(name, targets))
  })
})

const TABLE_ROWS = Float64Array.from(TABLE)

test('a spec with such a loss survives JSON, and one without smoothing gets none', () => {
  const smoothed = activationOnly('softmax', 3, { name: 'categoricalCrossEntropy', labelSmoothing: 0.3 }).spec
  for (const spec of [smoothed, activationOnly('softmax', 3, 'logLikelihood').spec]) {
    expect(normalizeSpec(JSON.parse(JSON.stringify(spec)) as NetworkOptions)).toEqual(spec)
  }
  const loss = { name: 'categoricalCrossEntropy', reduction: 'sum' } as const
  expect(normalizeSpec({ ...smoothed, loss }).loss).toEqual({ ...loss, labelSmoothing: 0 })
})

test('shares of classes that do not sum to 1 are an error with their row', () => {
  const net = activationOnly('softmax', 3)
  const wrong = TABLE_ROWS.with(4, 0.6)
  for (const use of [
    () => net.fit(logs, wrong),
    () => net.evaluate(logs, wrong),
    () => net.trainStep(logs, wrong),
  ]) {
    expect(use).toThrow(DataError)
    expect(use).toThrow(
      /y: row 1: expected shares of the classes that sum to 1, .*; received a sum of 0\.9\d*\. For/,
    )
  }
  expect(() => net.evaluate(logs, TABLE_ROWS.with(4, 0.7004))).not.toThrow()
})

test.each([
  [
    { name: 'binaryCrossEntropy', labelSmoothing: 1 },
    /labelSmoothing: expected a number at least 0 and below 1/,
  ],
  [{ name: 'binaryCrossEntropy', labelSmoothing: -0.1 }, /labelSmoothing: expected a number at least 0/],
  [
    { name: 'squaredError', labelSmoothing: 0.1 },
    /loss squaredError: expected one of .* received 'labelSmoothing'/,
  ],
  [{ name: 'logLikelihood', labelSmoothing: 0.1 }, /received 'labelSmoothing'/],
  [{ name: 'squaredError', factor: 0 }, /loss.factor: expected a number above 0/],
])('%j is refused', (loss, message) => {
  expect(() => activationOnly('logistic', 1, loss as Loss)).toThrow(message)
})
