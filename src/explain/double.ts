/** A network's twin in float64, to compute with where the network itself must stay as it is. */

import { Network } from '../network.ts'
import type { Dtype } from '../ops/arithmetic.ts'

/** A network of its own with the same layers, weights and state. */
export function doubleOf({ spec, backend, parameters, state }: Network<Dtype>): Network<'float64'> {
  const twin = new Network<'float64'>({ ...spec, dtype: 'float64', backend: backend.name })
  twin.setParameters(parameters)
  twin.setState(state)
  return twin
}
