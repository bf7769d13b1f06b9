/** Gradients of a float64 network against central differences of its objective. */

import type { Network } from '../../src/network.ts'

const STEP = 1e-5

/** Loss and penalty, or what else gradients are meant to be those of, at the network's present weights. */
export type Objective = (net: Network<'float64'>, x: Float64Array, t: Float64Array) => number

/** What gradients are compared with. */
export interface DifferenceOptions {
  /** Default the objective that the gradients come with. */
  objectiveOf?: Objective
  sampleWeights?: readonly number[]
}

/** The largest difference of a tensor's gradient, x among them, as a share of that tensor's largest entry. */
export function gradientError(
  net: Network<'float64'>,
  x: Float64Array,
  t: Float64Array,
  {
    sampleWeights,
    objectiveOf = () => net.gradients(x, t, { sampleWeights }).objective,
  }: DifferenceOptions = {},
): number {
  const { parameters, input } = net.gradients(x, t, { sampleWeights })
  const differences = (length: number, nudge: (i: number, by: number) => void): number[] =>
    Array.from({ length }, (_, i) => {
      nudge(i, STEP)
      const above = objectiveOf(net, x, t)
      nudge(i, -2 * STEP)
      const below = objectiveOf(net, x, t)
      nudge(i, STEP)
      return (above - below) / (2 * STEP)
    })
  const compare = (analytic: Float64Array, numeric: number[]): number =>
    Math.max(...numeric.map((value, i) => Math.abs(value - analytic[i]))) /
    Math.max(1e-8, ...numeric.map(Math.abs))
  const errors = Object.entries(parameters).map(([name, analytic]) => {
    const { data } = net.parameters[name]
    const nudge = (i: number, by: number): void => {
      data[i] += by
      net.setParameters({ [name]: data })
    }
    return compare(analytic, differences(data.length, nudge))
  })
  const nudgeInput = (i: number, by: number): void => {
    x[i] += by
  }
  return Math.max(compare(input, differences(x.length, nudgeInput)), ...errors)
}
