/**
 * The backends that this run tests: every native instruction set of the machine, and the fallback's exact mode. With
 * HADAMARD_BACKEND set it is only the one that is named.
 */

import type { BackendOptions } from '../../src/backends/choose.ts'
import { loadBinding } from '../../src/backends/native.ts'

/** Whether the native core takes part: unless the run asks for the fallback, it must load. */
export const isNativeUnderTest = process.env.HADAMARD_BACKEND !== 'fallback'

/** Instruction sets of this machine, best first. */
export const isas: readonly string[] = isNativeUnderTest ? loadBinding().info().isas : []

/** Instruction sets that the binary holds, whether or not this machine has them. */
export const compiledIsas: readonly string[] = isNativeUnderTest ? loadBinding().info().compiled : []

const fallbackUnderTest = { label: 'fallback', options: { backend: 'fallback', exact: true } } as const

/** Options for each backend with a label for titles. */
export const backendsUnderTest: readonly { label: string; options: BackendOptions }[] = [
  ...isas.map((isa) => ({ label: `native ${isa}`, options: { backend: 'native' as const, isa } })),
  ...(process.env.HADAMARD_BACKEND === 'native' ? [] : [fallbackUnderTest]),
]
