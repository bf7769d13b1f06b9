/** Parameters and state of a network as one region, laid out as every program of the network lays them out. */

import { describeLimits, describeValue, isWithin, type Limits } from './check.ts'
import { SpecError } from './errors.ts'
import { initialize } from './layers/initializers.ts'
import { arithmeticOf, floatArray, type Dtype, type FloatArray, type FloatArrayOf } from './ops/arithmetic.ts'
import { elementsIn, padded } from './shape.ts'
import { parametersOf, stateOf, type NetworkSpec } from './spec.ts'

/** An array of a layer, a trainable one or one of its state, with its shape. */
export interface Parameter<D extends Dtype = Dtype> {
  /** `[in, units]` for weights, `[units]` for biases, `[n]` for the arrays of normalisations. */
  readonly shape: readonly number[]
  /** Row-major copy of the values. */
  readonly data: FloatArrayOf<D>
}

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

/** Copies of the arrays of a region, by name. */
export function arraysAt(region: FloatArray, places: readonly ArrayPlace[]): Record<string, Parameter> {
  return Object.fromEntries(
    places.map(({ name, shape, start, length }) => [
      name,
      { shape, data: region.slice(start, start + length) },
    ]),
  )
}

/**
 * Arrays that are to be set, each with where it goes.
 *
 * @param action for messages
 * @param limits of the values, by name
 * @throws SpecError if a name is unknown, a length differs, or a value is not finite or out of its limits
 */
export function checkedArrays(
  action: string,
  dtype: Dtype,
  places: readonly ArrayPlace[],
  arrays: Readonly<Record<string, ArrayLike<number> | Parameter>>,
  limits: ReadonlyMap<string, Limits>,
): { values: ArrayLike<number>; start: number }[] {
  const { round } = arithmeticOf(dtype, true)
  return Object.entries(arrays).map(([name, given]) => {
    const place = places.find((candidate) => candidate.name === name)
    const values = valuesOf(given)
    if (place === undefined || values?.length !== place.length) {
      const names = places.length === 0 ? 'no names' : `one of ${places.map(({ name }) => name).join(', ')}`
      throw new SpecError({
        code: 'HADAMARD_PARAMETERS',
        where: `${action}: ${name}`,
        expected: place === undefined ? names : `${place.length} numbers`,
        received: place === undefined ? `'${name}'` : String(values?.length ?? describeValue(given)),
      })
    }
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(round(values[i])) && isWithin(values[i], limits.get(name) ?? {})) continue
      throw new SpecError({
        code: 'HADAMARD_PARAMETERS',
        where: `${action}: ${name}[${i}]`,
        expected: `a finite ${dtype} number${describeLimits(limits.get(name) ?? {})}`,
        received: describeValue(values[i]),
      })
    }
    return { values, start: place.start }
  })
}

function valuesOf(given: ArrayLike<number> | Parameter | null | undefined): ArrayLike<number> | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  return 'data' in given ? given.data : given
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
