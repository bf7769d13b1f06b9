/** Which backend serves: what the caller or the environment asks for, else native, else the fallback with a notice. */

import { checkBoolean, describeValue } from '../check.ts'
import { BackendError, nearestName, SpecError } from '../errors.ts'
import { fallbackRowLoops, type RowLoops } from '../data/row-loops.ts'
import type { Backend } from './backend.ts'
import { createFallback } from './fallback.ts'
import { createNative, loadBinding, nativeRowLoops } from './native.ts'
import { createVerifier } from './verify.ts'

/** How a backend is asked for. */
export interface BackendOptions {
  /** `native` fails where the core cannot be loaded; default: native if possible. Environment: HADAMARD_BACKEND. */
  backend?: 'native' | 'fallback'
  /** Instruction set of the native core, default the best. Environment: HADAMARD_ISA. */
  isa?: string
  /** In the fallback: agree with the native core bit for bit, at a third of the speed. Default false. */
  exact?: boolean
  /**
   * Compute everything on both backends, instruction by instruction, and throw a ParityError where they differ; far slower.
   * Default false. Environment: HADAMARD_VERIFY=1.
   */
  verify?: boolean
}

const BACKENDS = ['native', 'fallback']
const chosen = new Map<string, Backend>()
const told = new Set<string>()

/**
 * The backend for the options, the environment standing in for those that are not given.
 *
 * A fallback that nobody asked for is reported once, on standard error, with its reason.
 *
 * @param needsFallback why only the fallback can serve, where that is so
 * @throws BackendError if the asked-for backend or instruction set is not to be had
 */
export function chooseBackend(options: BackendOptions = {}, needsFallback?: string): Backend {
  const asked = askedBackend(options)
  const isa = options.isa ?? (process.env.HADAMARD_ISA || undefined)
  const isExact = options.exact ?? false
  const isVerified = options.verify ?? environmentFlag('HADAMARD_VERIFY')
  checkBoolean('exact', isExact)
  checkBoolean('verify', isVerified)
  if (needsFallback !== undefined) {
    // An instruction set in the environment is no demand for the native core: it says which one, if any.
    refuse('isa', options.isa, needsFallback)
    refuse('backend', asked === 'native' ? asked : undefined, needsFallback)
    refuse('verify', isVerified ? true : undefined, needsFallback)
    if (asked === undefined) tellOfFallback(needsFallback)
    return chooseBackend({ backend: 'fallback', exact: isExact, verify: false })
  }
  const key = `${asked} ${isa} ${isExact} ${isVerified}`
  const backend = chosen.get(key) ?? (isVerified ? verifier(asked, isa) : create(asked, isa, isExact))
  chosen.set(key, backend)
  return backend
}

/**
 * Whether the native core reads files, by the same rules. Its kernels have no part in that: the self-test, which takes time and
 * memory, waits for the first of them.
 *
 * @throws BackendError if the asked-for core is not to be had
 */
export function readsNatively(options: Pick<BackendOptions, 'backend'>): boolean {
  const asked = askedBackend(options)
  if (asked === 'fallback') return false
  try {
    loadBinding()
    return true
  } catch (error) {
    if (asked === 'native' || !(error instanceof BackendError)) throw error
    tellOfFallback(error.message)
    return false
  }
}

/**
 * The loops over rows of files larger than memory, by the same rules.
 *
 * @throws BackendError if the asked-for core is not to be had
 */
export function chooseRowLoops(options: Pick<BackendOptions, 'backend'>): RowLoops {
  return readsNatively(options) ? nativeRowLoops() : fallbackRowLoops
}

function askedBackend({ backend }: Pick<BackendOptions, 'backend'>): string | undefined {
  const asked = backend ?? (process.env.HADAMARD_BACKEND || undefined)
  if (asked === undefined || BACKENDS.includes(asked)) return asked
  const nearest = nearestName(asked, BACKENDS)
  throw new BackendError({
    code: 'HADAMARD_BACKEND_CHOICE',
    where: backend === undefined ? 'HADAMARD_BACKEND' : 'backend',
    expected: 'native or fallback',
    received: asked,
    cure: nearest && `Did you mean ${nearest}`,
  })
}

function refuse(where: string, demand: unknown, needsFallback: string): void {
  if (demand === undefined) return
  throw new BackendError({
    code: 'HADAMARD_BACKEND_CHOICE',
    where,
    expected: `what the fallback can do, because ${needsFallback}`,
    received: describeValue(demand),
    cure: `Leave ${where} out, or compose the activation of known ops by composed()`,
  })
}

function tellOfFallback(reason: string): void {
  if (!told.has(reason)) process.stderr.write(`hadamard: using the slower TypeScript fallback. ${reason}\n`)
  told.add(reason)
}

// Verification compares the two: it cannot do without the native one.
function verifier(asked: string | undefined, isa: string | undefined): Backend {
  if (asked !== 'fallback') return createVerifier(createNative({ isa }))
  throw new BackendError({
    code: 'HADAMARD_BACKEND_CHOICE',
    where: 'verify',
    expected: 'the native core, to be compared with the fallback',
    received: 'the backend fallback',
    cure: 'Leave the backend out, or switch verification off',
  })
}

function environmentFlag(name: string): boolean {
  const value = process.env[name] ?? ''
  if (value === '' || value === '0' || value === '1') return value === '1'
  throw new SpecError({
    code: 'HADAMARD_ENVIRONMENT',
    where: name,
    expected: '1 or 0',
    received: describeValue(value),
  })
}

function create(asked: string | undefined, isa: string | undefined, exact: boolean): Backend {
  if (asked === 'fallback') return createFallback({ exact })
  try {
    return createNative({ isa })
  } catch (error) {
    if (asked === 'native' || isa !== undefined || !(error instanceof BackendError)) throw error
    tellOfFallback(error.message)
    return createFallback({ exact })
  }
}
