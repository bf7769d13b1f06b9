/** Which parameters learn at which part of the learning rate: neighbours with one factor are one group. */

import { nearestName, SpecError } from '../errors.ts'
import { parameterPlaces } from '../parameters.ts'
import { padded } from '../shape.ts'
import { parametersOf, type NetworkSpec } from '../spec.ts'
import type { OptimizerSpec } from './optimizers.ts'

/** Parameters that stand side by side in the region, with the factor on their rate. */
export interface RateGroup {
  readonly factor: number
  readonly names: readonly string[]
  /** First element in the region, and how many there are, padding included. */
  readonly start: number
  readonly length: number
}

/**
 * The groups of a network's parameters, in their order; one where no factors are given. The factor of a parameter's full name
 * (`dense1.bias`) goes before that of its layer (`dense1`), and that before the one of its kind (`bias`).
 *
 * @throws SpecError for a factor of something that the network does not have
 */
export function rateGroups(spec: NetworkSpec, { rateFactors = {} }: OptimizerSpec): RateGroup[] {
  checkNames(spec, rateFactors)
  const places = parameterPlaces(spec)
  const groups: RateGroup[] = []
  parametersOf(spec).forEach(({ name, layer }, i) => {
    const keys = [name, layer, kindOf(name, layer)]
    const factor = keys.map((key) => ownFactor(rateFactors, key)).find(isGiven) ?? 1
    const { start, length } = places[i]
    const last = groups.at(-1)
    if (last?.factor === factor) {
      groups[groups.length - 1] = {
        ...last,
        names: [...last.names, name],
        length: start + padded(length) - last.start,
      }
    } else groups.push({ factor, names: [name], start, length: padded(length) })
  })
  return groups
}

function kindOf(name: string, layer: string): string {
  return name.slice(layer.length + 1)
}

function ownFactor(factors: Readonly<Record<string, number>>, key: string): number | undefined {
  return Object.hasOwn(factors, key) ? factors[key] : undefined
}

function isGiven(factor: number | undefined): factor is number {
  return factor !== undefined
}

function checkNames(spec: NetworkSpec, factors: Readonly<Record<string, number>>): void {
  const known = new Set(parametersOf(spec).flatMap(({ name, layer }) => [kindOf(name, layer), layer, name]))
  const unknown = Object.keys(factors).find((key) => !known.has(key))
  if (unknown === undefined) return
  const nearest = nearestName(unknown, [...known])
  throw new SpecError({
    where: 'optimizer.rateFactors',
    expected: `kinds, layers or names of parameters: ${[...known].join(', ')}`,
    received: `'${unknown}'`,
    cure: nearest && `Did you mean '${nearest}'`,
  })
}
