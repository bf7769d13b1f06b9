/** Which backend serves: what the caller or the environment asks for, else native, else the fallback with a notice. */

import { BackendError, nearestName } from '../errors.ts'
import type { Backend } from './backend.ts'
import { createFallback } from './fallback.ts'
import { createNative } from './native.ts'

/** How a backend is asked for. */
export interface BackendOptions {
  /** `native` fails where the core cannot be loaded; default: native if possible. Environment: HADAMARD_BACKEND. */
  backend?: 'native' | 'fallback'
  /** Instruction set of the native core, default the best. Environment: HADAMARD_ISA. */
  isa?: string
  /** In the fallback: agree with the native core bit for bit, at half the speed. Default false. */
  exact?: boolean
}

const BACKENDS = ['native', 'fallback']
const chosen = new Map<string, Backend>()
let hasWarned = false

/**
 * The backend for the options, the environment standing in for those that are not given.
 *
 * A fallback that nobody asked for is reported once, on standard error, with its reason.
 *
 * @throws BackendError if the asked-for backend or instruction set is not to be had
 */
export function chooseBackend(options: BackendOptions = {}): Backend {
  const asked = options.backend ?? (process.env.HADAMARD_BACKEND || undefined)
  const isa = options.isa ?? (process.env.HADAMARD_ISA || undefined)
  if (asked !== undefined && !BACKENDS.includes(asked)) {
    const nearest = nearestName(asked, BACKENDS)
    throw new BackendError({
      where: 'backend',
      expected: 'native or fallback',
      received: asked,
      cure: nearest && `Did you mean ${nearest}`,
    })
  }
  const key = `${asked} ${isa} ${options.exact === true}`
  const backend = chosen.get(key) ?? create(asked, isa, options.exact === true)
  chosen.set(key, backend)
  return backend
}

function create(asked: string | undefined, isa: string | undefined, exact: boolean): Backend {
  if (asked === 'fallback') return createFallback({ exact })
  try {
    return createNative({ isa })
  } catch (error) {
    if (asked === 'native' || isa !== undefined || !(error instanceof BackendError)) throw error
    if (!hasWarned) process.stderr.write(`hadamard: using the slower TypeScript fallback. ${error.message}\n`)
    hasWarned = true
    return createFallback({ exact })
  }
}
