/** `hadamard doctor`: what runs on this machine and why, whether it computes right, and the cure where it does not. */

import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { chooseBackend, type BackendOptions } from '../backends/choose.ts'
import { createNative, loadBinding } from '../backends/native.ts'
import { checkOneOf } from '../check.ts'
import { BackendError } from '../errors.ts'
import { plural } from '../model/design.ts'
import { alignColumns } from '../model/align.ts'
import { libraryVersion } from '../version.ts'
import { ops } from '../ops/index.ts'
import { EXIT } from './outcome.ts'

interface NativeState {
  /** Path of the binary that node-gyp-build finds, or undefined. */
  path?: string
  isas: string[]
  cores: number
  /** Why the native core cannot be used. */
  trouble?: string
}

/** Adds the command. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('show what runs on this machine, and why')
    .description(
      'Show the native core, its instruction sets and threads, and check it against the fallback bit for bit.',
    )
    .option('--backend <name>', 'native: exit with 1 where the native core cannot serve')
    .action(({ backend }: { backend?: BackendOptions['backend'] }) => {
      if (backend !== undefined) checkOneOf('--backend', backend, ['native', 'fallback'])
      process.exitCode = runDoctor(backend ?? process.env.HADAMARD_BACKEND)
    })
}

function runDoctor(asked: string | undefined): number {
  const state = inspectNative()
  const tests = state.isas.map((isa) => ({ isa, fault: faultOf(isa) }))
  const fault = tests.find((test) => test.fault !== undefined)?.fault
  const trouble = state.trouble ?? fault
  const facts = [
    ['hadamard', libraryVersion],
    ['node', `${process.version}, ${process.platform}-${process.arch}${libc()}`],
    ['native core', state.path === undefined ? 'none found' : relativePath(state.path)],
    ...(state.trouble === undefined ? [] : [['load error', state.trouble]]),
    ['instruction sets', state.isas.length === 0 ? '-' : state.isas.join(', ')],
    ['cores', `${state.cores} available (Node counts ${availableParallelism()})`],
    ['threads', `${defaultThreads(state.cores)} by default`],
    ...tests.map((test) => [
      'self-test',
      test.fault ?? `${test.isa}: ${plural(ops.size, 'op')} equal the fallback bit for bit`,
    ]),
    ...environment(),
    ['runs', running(asked, trouble)],
    ...(trouble === undefined ? [] : [['cure', cure(state, fault !== undefined)]]),
  ]
  process.stdout.write(`${alignColumns(facts, [0, 1]).join('\n')}\n`)
  const isNativeAsked = asked === 'native'
  return trouble !== undefined && (isNativeAsked || fault !== undefined) ? EXIT.wrongInput : EXIT.ok
}

// Why an instruction set of this machine cannot serve.
function faultOf(isa: string): string | undefined {
  try {
    createNative({ isa })
    return undefined
  } catch (error) {
    if (error instanceof BackendError) return error.message
    throw error
  }
}

function inspectNative(): NativeState {
  const path = binaryPath()
  try {
    const { isas, cores } = loadBinding().info()
    return { path, isas, cores }
  } catch (error) {
    if (!(error instanceof BackendError)) throw error
    return { path, isas: [], cores: availableParallelism(), trouble: error.message }
  }
}

function binaryPath(): string | undefined {
  const resolver = createRequire(import.meta.url)('node-gyp-build') as { path: (root: string) => string }
  try {
    return resolver.path(fileURLToPath(new URL('../..', import.meta.url)))
  } catch {
    return undefined
  }
}

function running(asked: string | undefined, trouble: string | undefined): string {
  if (asked === 'native' && trouble !== undefined)
    return 'nothing: the native core was asked for and cannot serve'
  const reason =
    asked === undefined || asked === ''
      ? trouble === undefined
        ? 'the default where it loads'
        : 'the native core cannot serve'
      : 'asked for'
  if (asked === 'fallback' || trouble !== undefined) return `the TypeScript fallback (${reason})`
  const { name, isa } = chooseBackend()
  return name === 'native' ? `the native core on ${isa} (${reason})` : `the TypeScript fallback (${reason})`
}

function cure({ path }: NativeState, isWrong: boolean): string {
  if (isWrong) return 'set HADAMARD_BACKEND=fallback, and please report this'
  const tools = 'npx hadamard build (needs python3, make and a C++20 compiler)'
  return path === undefined ? `compile the native core: ${tools}` : `compile it anew: ${tools}`
}

function environment(): string[][] {
  return ['HADAMARD_BACKEND', 'HADAMARD_ISA', 'HADAMARD_THREADS', 'HADAMARD_VERIFY'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined || value === '' ? [] : [['environment', `${name}=${value}`]]
  })
}

function defaultThreads(cores: number): number {
  const given = Number(process.env.HADAMARD_THREADS)
  if (Number.isInteger(given) && given > 0) return given
  return cores > 2 ? cores - 1 : cores
}

function libc(): string {
  if (process.platform !== 'linux') return ''
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime === undefined ? ' (musl)' : ` (glibc ${header.glibcVersionRuntime})`
}

function relativePath(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') ? path : short
}
