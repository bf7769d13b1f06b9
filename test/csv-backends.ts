/** The CSV parsers that can serve here, for the suites that run on each of them. */

import { chooseBackend } from '../src/backends/choose.ts'
import { BackendError } from '../src/errors.ts'

// Both, unless the environment forbids one; without a binary the fallback alone, unless native is required.
export function availableBackends(): ('native' | 'fallback')[] {
  const asked = process.env.HADAMARD_BACKEND
  if (asked === 'fallback') return ['fallback']
  try {
    chooseBackend({ backend: 'native' })
    return ['native', 'fallback']
  } catch (error) {
    if (asked === 'native' || !(error instanceof BackendError)) throw error
    return ['fallback']
  }
}
