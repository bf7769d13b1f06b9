/** Activations composed of known ops: lists of steps, plain data that compile and differentiate like built-in ones. */

import { checkInteger, checkName, checkNumber, checkOneOf, describeValue, type Limits } from '../check.ts'
import type { Builder, Value } from '../compiler/builder.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { opNamed } from '../ops/index.ts'

interface ComposableOp {
  readonly op: string
  readonly inputs: 1 | 2
  /** Limits of the number that the op takes, where it takes one. */
  readonly scalar?: Limits
}

/** The ops that a composition may use, by the names that it calls them: element-wise ones with a gradient. */
export const composableOps = {
  add: { op: 'add', inputs: 2 },
  subtract: { op: 'subtract', inputs: 2 },
  multiply: { op: 'hadamard', inputs: 2 },
  divide: { op: 'divide', inputs: 2 },
  scale: { op: 'scale', inputs: 1, scalar: {} },
  shift: { op: 'shift', inputs: 1, scalar: {} },
  exp: { op: 'exp', inputs: 1 },
  log: { op: 'log', inputs: 1 },
  tanh: { op: 'tanh', inputs: 1 },
  logistic: { op: 'logistic', inputs: 1 },
  relu: { op: 'relu', inputs: 1 },
  leaky_relu: { op: 'leaky_relu', inputs: 1, scalar: { min: 0 } },
  elu: { op: 'elu', inputs: 1, scalar: { above: 0 } },
  selu: { op: 'selu', inputs: 1 },
  softplus: { op: 'softplus', inputs: 1 },
  gelu: { op: 'gelu', inputs: 1 },
  gelu_tanh: { op: 'gelu_tanh', inputs: 1 },
  silu: { op: 'silu', inputs: 1 },
  mish: { op: 'mish', inputs: 1 },
  gudermannian: { op: 'gudermannian', inputs: 1 },
} satisfies Record<string, ComposableOp>

/**
 * Name of an op in a composition.
 *
 * @useDeclaredType
 */
export type ComposableName = keyof typeof composableOps

/** A value in a composition: x, or what an op gives. Only the composition that made it takes it. */
export interface ComposedValue {
  readonly isComposedValue: true
}

type Recorder<O extends ComposableOp> = O extends { inputs: 2 }
  ? (a: ComposedValue, b: ComposedValue) => ComposedValue
  : O extends { scalar: Limits }
    ? (x: ComposedValue, scalar: number) => ComposedValue
    : (x: ComposedValue) => ComposedValue

/** The ops as a composition's function gets them; `scale(x, 2)` is 2·x, `shift(x, 2)` is x + 2. */
export type ComposedOps = { readonly [Name in ComposableName]: Recorder<(typeof composableOps)[Name]> }

/** One op of a composition. */
export interface ComposedStep {
  readonly op: ComposableName
  /** Numbers of values: 0 is x, i the result of the i-th step. */
  readonly inputs: readonly number[]
  readonly scalar?: number
}

/** A composed activation as plain data; the last step gives the output. */
export interface ComposedActivation {
  readonly name: string
  readonly steps: readonly ComposedStep[]
}

/** More is no activation. */
const MAX_STEPS = 256

/**
 * An activation composed of known element-wise ops. It runs on every backend, is differentiated by the compiler, and is
 * saved with the network.
 *
 * @param name for summaries: letters, digits, _ and -
 * @param compose gives y for x; called once, to record the ops
 * @throws SpecError if the function uses anything but x, numbers and the ops, or returns no result of an op
 * @example
 * const swish2 = composed('swish2', (x, { logistic, multiply, scale }) => multiply(x, logistic(scale(x, 2))))
 * dense(8, swish2).units // 8
 */
export function composed(
  name: string,
  compose: (x: ComposedValue, ops: ComposedOps) => ComposedValue,
): ComposedActivation {
  if (typeof compose !== 'function') {
    const expected = 'a function of x and the ops'
    throw new SpecError({
      code: 'HADAMARD_ACTIVATION',
      where: `composed ${name}`,
      expected,
      received: describeValue(compose),
    })
  }
  const values: ComposedValue[] = [{ isComposedValue: true }]
  const steps: ComposedStep[] = []
  const record = (op: ComposableName, given: readonly unknown[]): ComposedValue => {
    const count = composableOps[op].inputs
    const inputs = given
      .slice(0, count)
      .map((value) => numberOf(values, value, `composed ${name}: ${op}`, 'x, or what an op gave'))
    steps.push({ op, inputs, ...(given.length > count ? { scalar: given[count] as number } : {}) })
    const result: ComposedValue = { isComposedValue: true }
    values.push(result)
    return result
  }
  const ops = Object.fromEntries(
    (Object.keys(composableOps) as ComposableName[]).map((op) => [
      op,
      (...given: unknown[]) => record(op, given),
    ]),
  )
  const output = compose(values[0], ops as unknown as ComposedOps)
  const last = numberOf(values, output, `composed ${name}`, 'a function that returns what an op gave')
  // What was recorded behind the output does not contribute to it.
  return normalizeComposed({ name, steps: steps.slice(0, last) }, `composed ${name}`)
}

function numberOf(values: readonly ComposedValue[], value: unknown, where: string, expected: string): number {
  const number = values.indexOf(value as ComposedValue)
  if (number >= 0) return number
  throw new SpecError({
    code: 'HADAMARD_ACTIVATION',
    where,
    expected,
    received: describeValue(value),
    cure:
      typeof value === 'number'
        ? `Add a number by shift(x, ${value}), multiply by scale(x, ${value})`
        : undefined,
  })
}

/**
 * A composed activation's data, checked: they may come from a file.
 *
 * @throws SpecError naming the step that cannot be
 */
export function normalizeComposed(activation: ComposedActivation, where: string): ComposedActivation {
  rejectUnknownKeys(where, activation, ['name', 'steps'])
  const { name, steps } = activation
  checkName(`${where}: name`, name)
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > MAX_STEPS) {
    const expected = `a composition of 1 to ${MAX_STEPS} ops`
    throw new SpecError({ code: 'HADAMARD_ACTIVATION', where, expected, received: describeValue(steps) })
  }
  return { name, steps: steps.map((step: unknown, i) => normalizeStep(step as ComposedStep, i, where)) }
}

function normalizeStep(step: ComposedStep, i: number, where: string): ComposedStep {
  const place = `${where}: steps[${i}]`
  rejectUnknownKeys(place, step, ['op', 'inputs', 'scalar'])
  const { op, inputs, scalar } = step
  checkOneOf(`${place}.op`, op, Object.keys(composableOps))
  const { inputs: count, scalar: limits }: ComposableOp = composableOps[op]
  if (!Array.isArray(inputs) || inputs.length !== count) {
    const expected = `${count} for ${op}`
    throw new SpecError({
      code: 'HADAMARD_ACTIVATION',
      where: `${place}.inputs`,
      expected,
      received: describeValue(inputs),
    })
  }
  inputs.forEach((input) => checkInteger(`${place}.inputs`, input, { min: 0, max: i }))
  if (limits === undefined && scalar === undefined) return { op, inputs: [...(inputs as number[])] }
  if (limits === undefined) {
    const expected = `no number for ${op}`
    throw new SpecError({
      code: 'HADAMARD_ACTIVATION',
      where: `${place}.scalar`,
      expected,
      received: describeValue(scalar),
    })
  }
  checkNumber(`${place}: ${op}`, scalar, limits)
  return { op, inputs: [...(inputs as number[])], scalar }
}

/** Adds the nodes of a composed activation. */
export function applyComposed(builder: Builder, x: Value, { steps }: ComposedActivation): Value {
  const values = [x]
  for (const { op: name, inputs, scalar } of steps) {
    const { op } = composableOps[name]
    const { operands, scalars } = opNamed(op).signature
    const named = inputs.map((input, i): [string, Value] => [operands[i].name, values[input]])
    const numbers = scalar === undefined ? {} : { [scalars[0]]: scalar }
    values.push(builder.emit(op, Object.fromEntries(named), numbers))
  }
  return values[values.length - 1]
}
