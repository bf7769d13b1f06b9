/** Places in the arena that stay readable by name, as programs of all kinds need them. */

import { InternalError } from '../errors.ts'
import type { Builder, Value } from './builder.ts'
import { sumOfLosses, type Persistent, type RowLosses } from './graph.ts'

/** Adds the sum of what rows have, to be read by name. */
export function keepSum(builder: Builder, name: string, perRow: Pick<RowLosses, 'loss' | 'weight'>): void {
  sumOfLosses(builder, perRow, { s: builder.value(name, [1], { region: 'metrics', isPinned: true }) })
}

/** The slot that weights of rows are written into, where they have any. */
export function weightSlot(builder: Builder, isWeighted: boolean): Value | undefined {
  return isWeighted ? builder.value('weights', ['rows', 1], { region: 'batch', isPinned: true }) : undefined
}

/**
 * Moves each parameter's gradient to the place in a region that mirrors the parameter's own: the node that computes it
 * writes there at once.
 */
export function keepGradients(
  builder: Builder,
  { parameters }: Persistent,
  found: ReadonlyMap<Value, Value>,
  region: 'gradients' | 'parts' = 'gradients',
): ReadonlyMap<string, Value> {
  const kept = new Map<string, Value>()
  for (const [name, parameter] of parameters) {
    const gradient = found.get(parameter)
    if (gradient === undefined) throw new InternalError(`${name} does not reach the loss`)
    const label = region === 'parts' ? 'part of gradient' : 'gradient'
    const place = builder.value(`${label} of ${name}`, parameter.shape, { region })
    builder.redirect(gradient, place)
    kept.set(name, place)
  }
  return kept
}
