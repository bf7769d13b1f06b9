/** The parameters of a network as one region, laid out as every program of the network lays them out. */

import { initialize } from './layers/initializers.ts'
import { floatArray, type FloatArray } from './ops/arithmetic.ts'
import { elementsIn, padded } from './shape.ts'
import { parametersOf, type NetworkSpec } from './spec.ts'

/** Where each parameter stands in the region of all parameters, in elements: each starts a group of 16. */
export function parameterPlaces(
  spec: NetworkSpec,
): { name: string; shape: readonly number[]; start: number; length: number }[] {
  let next = 0
  return parametersOf(spec).map(({ name, shape }) => {
    const place = { name, shape, start: next, length: elementsIn(shape, 1) }
    next += padded(place.length)
    return place
  })
}

/** The region of all parameters with their initial values, which depend on the seed alone. */
export function initialParameters(spec: NetworkSpec): FloatArray {
  const places = parameterPlaces(spec)
  const last = places[places.length - 1]
  const region = floatArray(spec.dtype, padded(last.start + last.length))
  parametersOf(spec).forEach(({ initializer, name, shape }, i) => {
    const { start, length } = places[i]
    initialize(region.subarray(start, start + length), initializer, spec.seed, name, shape)
  })
  return region
}
