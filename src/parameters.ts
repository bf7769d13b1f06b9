/** Parameters and state of a network as one region, laid out as every program of the network lays them out. */

import { initialize } from './layers/initializers.ts'
import { floatArray, type FloatArray } from './ops/arithmetic.ts'
import { elementsIn, padded } from './shape.ts'
import { parametersOf, stateOf, type NetworkSpec } from './spec.ts'

/** Where an array stands in the region, in elements: each starts a group of 16. */
export interface ArrayPlace {
  readonly name: string
  readonly shape: readonly number[]
  readonly start: number
  readonly length: number
}

/** Where each parameter stands: first in the region, so that optimizers run over them as one vector. */
export function parameterPlaces(spec: NetworkSpec): ArrayPlace[] {
  return placesFrom(0, parametersOf(spec))
}

/** Where each array of state stands: behind the parameters. */
export function statePlaces(spec: NetworkSpec): ArrayPlace[] {
  return placesFrom(endOf(parameterPlaces(spec)), stateOf(spec))
}

/** The region with its initial values, which depend on the seed alone. */
export function initialParameters(spec: NetworkSpec): FloatArray {
  const [parameters, state] = [parameterPlaces(spec), statePlaces(spec)]
  const region = floatArray(spec.dtype, endOf([...parameters, ...state]))
  parametersOf(spec).forEach(({ initializer, name, shape }, i) => {
    const { start, length } = parameters[i]
    initialize(region.subarray(start, start + length), initializer, spec.seed, name, shape)
  })
  stateOf(spec).forEach(({ initial }, i) => {
    const { start, length } = state[i]
    region.fill(initial, start, start + length)
  })
  return region
}

function placesFrom(
  first: number,
  arrays: readonly { readonly name: string; readonly shape: readonly number[] }[],
): ArrayPlace[] {
  let next = first
  return arrays.map(({ name, shape }) => {
    const place = { name, shape, start: next, length: elementsIn(shape, 1) }
    next += padded(place.length)
    return place
  })
}

function endOf(places: readonly ArrayPlace[]): number {
  const last = places[places.length - 1]
  return last.start + padded(last.length)
}
