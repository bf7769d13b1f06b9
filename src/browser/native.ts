/** In browsers, in place of src/backends/native.ts: there is no native core. */

import type { Backend } from '../backends/backend.ts'
import { BackendError } from '../errors.ts'

/** Says that there is none. */
export function createNative(): Backend {
  throw new BackendError({
    where: 'backend',
    expected: 'fallback, which is all that browsers have',
    received: 'native',
    cure: 'Leave the backend and the instruction set out',
  })
}
