/** Activations that are functions in TypeScript: for the fallback only, and not to be saved. */

import { checkName, describeValue } from '../check.ts'
import type { Builder, Value } from '../compiler/builder.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import type { CustomFunction } from '../ops/op.ts'

/** An activation given by two functions. */
export interface CustomActivation extends CustomFunction {
  readonly name: string
}

/**
 * An activation of your own, element by element. The C++ core cannot run it: a network that has one uses the TypeScript
 * fallback, says so, and cannot be saved. Where known ops suffice, `composed` has none of these limits.
 *
 * @param activation.name for summaries and messages: letters, digits, _ and -
 * @param activation.forward y of x
 * @param activation.backward dy/dx of x and y; both functions must be pure, and are called for every element
 * @throws SpecError if something is missing, or no function
 * @source Bishop 2006, Pattern Recognition and Machine Learning, section 5.1
 * @example
 * const softsign = customActivation({
 *   name: 'softsign',
 *   forward: (x) => x / (1 + Math.abs(x)),
 *   backward: (x) => 1 / (1 + Math.abs(x)) ** 2,
 * })
 * dense(8, softsign).units // 8
 */
export function customActivation(activation: CustomActivation): CustomActivation {
  return normalizeCustom(activation, 'customActivation')
}

/**
 * A custom activation, checked.
 *
 * @throws SpecError if something is missing, or no function
 */
export function normalizeCustom(activation: CustomActivation, where: string): CustomActivation {
  rejectUnknownKeys(where, activation, ['name', 'forward', 'backward'])
  const { name, forward, backward } = activation
  checkName(`${where}: name`, name)
  for (const [key, value] of Object.entries({ forward, backward })) {
    if (typeof value === 'function') continue
    const expected = `a function of ${key === 'forward' ? 'x' : 'x and y'} that gives a number`
    throw new SpecError({
      code: 'HADAMARD_ACTIVATION',
      where: `${where}.${key}`,
      expected,
      received: describeValue(value),
    })
  }
  return { name, forward, backward }
}

/** Adds the node of a custom activation. */
export function applyCustom(builder: Builder, x: Value, activation: CustomActivation): Value {
  return builder.emit('custom', { x }, { index: builder.functionIndex(activation) })
}
