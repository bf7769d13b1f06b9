/** Checks of single settings at the public edge; each throws a SpecError in the one form of all messages. */

import { nearestName, rejectUnknownKeys, SpecError } from './errors.ts'

/** Limits of a number; `min` and `max` are included, `above` and `below` are not. */
export interface Limits {
  min?: number
  max?: number
  above?: number
  below?: number
}

/** Checks a finite number within limits. */
export function checkNumber(where: string, value: unknown, limits: Limits = {}): asserts value is number {
  if (typeof value === 'number' && Number.isFinite(value) && isWithin(value, limits)) return
  throw new SpecError({
    where,
    expected: `a number${describeLimits(limits)}`,
    received: describeValue(value),
  })
}

/** Checks an integer within limits. */
export function checkInteger(where: string, value: unknown, limits: Limits = {}): asserts value is number {
  if (Number.isSafeInteger(value) && isWithin(value as number, limits)) return
  throw new SpecError({
    where,
    expected: `an integer${describeLimits(limits)}`,
    received: describeValue(value),
  })
}

/** Checks a claim. */
export function checkBoolean(where: string, value: unknown): asserts value is boolean {
  if (typeof value === 'boolean') return
  throw new SpecError({ where, expected: 'true or false', received: describeValue(value) })
}

/** Checks one of several names; the message has the nearest right one. */
export function checkOneOf(where: string, value: unknown, names: readonly string[]): void {
  if (typeof value === 'string' && names.includes(value)) return
  const nearest = typeof value === 'string' ? nearestName(value, names) : undefined
  throw new SpecError({
    where,
    expected: `one of ${names.join(', ')}`,
    received: describeValue(value),
    cure: nearest && `Did you mean '${nearest}'`,
  })
}

/** Checks a name that may stand in messages and summaries. */
export function checkName(where: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && /^[\w-]{1,64}$/.test(value)) return
  throw new SpecError({
    where,
    expected: 'a name of 1 to 64 letters, digits, _ and -',
    received: describeValue(value),
  })
}

/** A numeric setting of a row of a table. Without a default it must be given. */
export interface Setting {
  readonly default?: number
  readonly limits: Limits
}

/**
 * Fills in the settings that a table's row has, and checks them.
 *
 * @param owner what has the settings, `activation elu`
 * @param where prefix of a setting's own name
 * @throws SpecError if one is unknown, missing or out of its limits
 */
export function fillSettings<S extends object>(
  owner: string,
  where: string,
  given: S,
  settings: Partial<Record<keyof S & string, Setting>>,
): S {
  rejectUnknownKeys(owner, given, Object.keys(settings))
  const filled = Object.entries<Setting | undefined>(settings).map(([key, setting]) => {
    const value: unknown = Reflect.get(given, key) ?? setting?.default
    checkNumber(`${where}.${key}`, value, setting?.limits)
    return [key, value]
  })
  return Object.fromEntries(filled) as S
}

/** A value as a message shows it: short, never a dump of an object, and never an error of its own. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 57)}...` : value}'`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  try {
    if (Array.isArray(value)) return `an array of ${value.length}`
    return ArrayBuffer.isView(value) ? `a ${value.constructor.name}` : 'an object'
  } catch {
    // A revoked proxy, or one whose traps throw.
    return 'an object'
  }
}

/** Whether a typed array still has its memory: it is neither detached nor out of the bounds of a buffer that shrank. */
export function hasMemory(array: Float32Array | Float64Array | Uint32Array): boolean {
  try {
    array.values()
    return true
  } catch {
    return false
  }
}

/** Whether a number is within limits; NaN is within none. */
export function isWithin(value: number, { min, max, above, below }: Limits): boolean {
  return (
    value >= (min ?? -Infinity) &&
    value <= (max ?? Infinity) &&
    value > (above ?? -Infinity) &&
    value < (below ?? Infinity)
  )
}

/**
 * Limits in words, to follow what they limit.
 *
 * @example
 * describeLimits({ min: 0, below: 1 }) // ' at least 0 and below 1'
 */
export function describeLimits({ min, max, above, below }: Limits): string {
  const limits = [
    min === undefined ? '' : `at least ${min}`,
    above === undefined ? '' : `above ${above}`,
    max === undefined ? '' : `at most ${max}`,
    below === undefined ? '' : `below ${below}`,
  ].filter(Boolean)
  return limits.length === 0 ? '' : ` ${limits.join(' and ')}`
}
