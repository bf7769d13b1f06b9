/** Runs one fixture on a network and compares everything that it expects. Knows no names of the format but its keys. */

import { Network, type BackendOptions, type Parameter } from '../../src/index.ts'
import {
  arraysOf,
  hasLogits,
  isAdaptive,
  isState,
  libraryName,
  masksOf,
  networkOf,
  numbersOf,
  optimizerOf,
  type Fixture,
  type NestedByKey,
} from './fixture.ts'

/** Element types that fixtures can be run in. */
export const DTYPES = ['float64', 'float32'] as const

/** What a fixture is run on. */
export interface Setting extends BackendOptions {
  readonly dtype: (typeof DTYPES)[number]
}

// Networks with running statistics have these two beside the parameters.
interface Stateful {
  readonly state?: Record<string, Parameter>
  setState?(state: Record<string, ArrayLike<number>>): void
}

/**
 * Checks a fixture: outputs, loss, penalty and gradients before the first step, the objective of every step, parameters,
 * running statistics and predictions after those steps that the fixture tells of.
 *
 * @throws Error naming the first number that is too far off, or the library's own where it refuses the network
 */
export function checkFixture(fixture: Fixture, { dtype, ...backend }: Setting): void {
  const { batches, expected, state } = fixture
  const network = new Network({ ...networkOf(fixture), dtype, ...backend })
  const stateful = network as Network & Stateful
  network.setParameters(arraysOf(fixture.params))
  if (state != null) {
    if (stateful.setState === undefined) throw new Error('state: the network has no running statistics')
    stateful.setState(arraysOf(state))
  }
  const [x, y] = [flat(fixture.x, 'x'), flat(fixture.y, 'y')]
  const allRows = fixture.x.map((_, row) => row)
  const batchOf = (step: number): readonly number[] =>
    batches == null || batches.length === 0 ? allRows : batches[step % batches.length]
  const options = { dropoutMasks: masksOf(fixture), optimizer: optimizerOf(fixture) }
  const close = comparison(fixture, dtype)
  const expectScalars = (found: Partial<Record<'loss' | 'penalty' | 'objective', number>>): void => {
    for (const key of ['loss', 'penalty', 'objective'] as const) {
      if (expected[key] !== undefined) close(key, [found[key] ?? NaN], expected[key], 'objective')
    }
  }

  const outputs = (found: Record<string, ArrayLike<number>>): void => {
    expected.layer_outputs?.forEach((output, i) => {
      close(`layer_outputs[${i}]`, found[`layer${i}`], output, 'output')
    })
    if (expected.output !== undefined) close('output', lastOf(fixture, found), expected.output, 'output')
  }
  if (expected.gradients === undefined && expected.input_gradient === undefined) {
    outputs(trainingOutputs(network, fixture, x, batchOf(0)))
  } else {
    const first = network.gradients(x, y, { ...options, rows: batchOf(0) })
    outputs(first.layerOutputs)
    expectScalars(first)
    for (const [key, gradient] of Object.entries(expected.gradients ?? {})) {
      close(`gradients ${key}`, first.parameters[libraryName(key)], gradient, 'gradients')
    }
    if (expected.input_gradient !== undefined) {
      close('input_gradient', first.input, expected.input_gradient, 'gradients')
    }
  }

  const last = Math.max(expected.objectives?.length ?? 0, ...stepsTold(fixture))
  for (let step = 1; step <= last; step++) {
    const result = network.trainStep(x, y, { ...options, rows: batchOf(step - 1) })
    if (step === 1) expectScalars(result)
    const objective = expected.objectives?.[step - 1]
    if (objective !== undefined) {
      close(`objectives[${step - 1}]`, [result.objective], objective, 'objective')
    }
    const key = `after_${step}`
    for (const [name, values] of Object.entries((expected[key] ?? {}) as NestedByKey)) {
      const kept = isState(name) ? stateful.state : network.parameters
      close(`${key} ${name}`, kept?.[libraryName(name)]?.data, values, key)
    }
    const predictions = expected[`eval_output_${key}`]
    if (predictions === undefined) continue
    close(`eval_output_${key}`, lastOf(fixture, network.forward(x)), predictions, key)
    if (!hasLogits(fixture)) close(`eval_output_${key} by predict`, network.predict(x), predictions, key)
  }
}

// Outputs of a batch in training mode without its gradients, which not every network has.
function trainingOutputs(
  network: Network,
  fixture: Fixture,
  x: Float64Array,
  rows: readonly number[],
): Record<string, ArrayLike<number>> {
  const total = fixture.x.length
  const pick = (values: ArrayLike<number>): Float64Array => {
    const width = values.length / total
    return Float64Array.from(
      rows.flatMap((row) => Array.from({ length: width }, (_, j) => values[row * width + j])),
    )
  }
  const dropoutMasks = Object.fromEntries(
    Object.entries(masksOf(fixture)).map(([name, mask]) => [name, pick(mask)]),
  )
  return network.forward(pick(x), { training: true, dropoutMasks })
}

type Compare = (
  what: string,
  received: ArrayLike<number> | undefined,
  expected: unknown,
  gapKey: string,
) => void

// The format's tolerances. In float32 its runs opened a gap of their own, told by key.
function comparison(fixture: Fixture, dtype: Setting['dtype']): Compare {
  const gaps = fixture.float32_gap ?? {}
  const largestGap = Math.max(0, ...Object.values(gaps))
  const adaptive = isAdaptive(fixture)
  return (what, received, expected, gapKey) => {
    const numbers = numbersOf(expected, `expected.${what}`)
    if (received?.length !== numbers.length) {
      throw new Error(`${what}: expected ${numbers.length} numbers; received ${received?.length ?? 'none'}`)
    }
    const exact = adaptive && gapKey.startsWith('after_') && gapKey !== 'after_1' ? 1e-8 : 1e-9
    numbers.forEach((number, i) => {
      const tolerance =
        dtype === 'float64'
          ? exact * (1 + Math.abs(number))
          : 1e-5 * (1 + Math.abs(number)) + 5 * (gaps[gapKey] ?? largestGap)
      const isClose = Number.isFinite(number)
        ? Math.abs(received[i] - number) <= tolerance
        : Object.is(received[i], number)
      if (!isClose) {
        throw new Error(`${what}[${i}]: expected ${number} ± ${tolerance}; received ${received[i]}`)
      }
    })
  }
}

function stepsTold({ expected }: Fixture): number[] {
  return Object.keys(expected).flatMap((key) => {
    const match = /^(?:eval_output_)?after_(\d+)$/.exec(key)
    return match === null ? [] : [Number(match[1])]
  })
}

function lastOf({ layers }: Fixture, outputs: Record<string, ArrayLike<number>>): ArrayLike<number> {
  return outputs[`layer${layers.length - 1}`]
}

function flat(rows: readonly unknown[], where: string): Float64Array {
  const widths = new Set(rows.map((row) => numbersOf(row, where).length))
  if (widths.size > 1) throw new Error(`${where}: expected rows of one length`)
  return Float64Array.from(numbersOf(rows, where))
}
