/** `hadamard doctor`: what runs on this machine and why, whether it computes right, and the cure where it does not. */

import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import {
  BinaryError,
  cureFor,
  examineBinary,
  findBinary,
  libcName,
  shortPath,
  type BinaryFault,
} from '../backends/binary.ts'
import { chooseBackend, type BackendOptions } from '../backends/choose.ts'
import { createNative, loadBinding } from '../backends/native.ts'
import { checkOneOf } from '../check.ts'
import { plural } from '../model/design.ts'
import { alignColumns } from '../model/align.ts'
import { libraryVersion } from '../version.ts'
import { ops } from '../ops/index.ts'
import { EXIT } from './outcome.ts'

/** What is to know about the native core of this machine. */
interface Examination {
  /** Path of the binary, where there is one. */
  path?: string
  isas: string[]
  cores: number
  /** Of each instruction set, what the self-test found. */
  selfTests: { isa: string; trouble?: BinaryError }[]
  /** Why the native core cannot serve: the first thing that is wrong. */
  trouble?: BinaryError
}

interface Runs {
  backend: 'native' | 'fallback' | 'nothing'
  isa?: string
  reason: string
}

interface DoctorFlags {
  backend?: BackendOptions['backend']
  json?: boolean
}

/** Adds the command. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('show what runs on this machine, and why')
    .description(
      'Show the native core, its instruction sets and threads, and check it against the fallback bit for bit. ' +
        'Exits with 1 where the native core cannot serve, unless the fallback was asked for.',
    )
    .option(
      '--backend <name>',
      'native or fallback: what is asked for (default: HADAMARD_BACKEND, else native)',
    )
    .option('--json', 'print one JSON line')
    .action(({ backend, json = false }: DoctorFlags) => {
      if (backend !== undefined) checkOneOf('--backend', backend, ['native', 'fallback'])
      process.exitCode = runDoctor(backend, json)
    })
}

function runDoctor(given: DoctorFlags['backend'], isJson: boolean): number {
  const asked = given ?? (process.env.HADAMARD_BACKEND || undefined)
  const examination = examine()
  const runs = whatRuns(given, asked, examination.trouble)
  process.stdout.write(isJson ? jsonOf(examination, runs) : screenOf(examination, runs))
  return examination.trouble === undefined || asked === 'fallback' ? EXIT.ok : EXIT.wrongInput
}

function examine(): Examination {
  const nothing = { isas: [], cores: availableParallelism(), selfTests: [] }
  let path: string | undefined
  try {
    path = findBinary()
    const { isas, cores } = loadBindingSafely(path).info()
    const selfTests = isas.map((isa) => ({ isa, trouble: troubleOf(() => createNative({ isa })) }))
    const trouble = selfTests.find((test) => test.trouble !== undefined)?.trouble
    return { path, isas, cores, selfTests, trouble }
  } catch (error) {
    if (error instanceof BinaryError) return { ...nothing, path, trouble: error }
    throw error
  }
}

function troubleOf(action: () => unknown): BinaryError | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (error instanceof BinaryError) return error
    throw error
  }
}

// A damaged binary may end the process that loads it: where the file itself looks sound, another process tries first.
function loadBindingSafely(path: string): ReturnType<typeof loadBinding> {
  if (examineBinary(path) !== undefined) return loadBinding()
  const script = 'process.dlopen({ exports: {} }, process.argv[1])'
  const { signal } = spawnSync(process.execPath, ['-e', script, path], { stdio: 'ignore' })
  if (signal === null) return loadBinding()
  throw new BinaryError({
    fault: 'unloadable',
    expected: 'a binary that this machine can load',
    received: `${shortPath(path)}, which ends Node with ${signal}`,
    cure: cureFor(path),
  })
}

function whatRuns(
  backend: DoctorFlags['backend'],
  asked: string | undefined,
  trouble: BinaryError | undefined,
): Runs {
  if (asked === 'native' && trouble !== undefined) {
    return { backend: 'nothing', reason: 'the native core was asked for and cannot serve' }
  }
  if (trouble !== undefined && asked !== 'fallback') {
    return { backend: 'fallback', reason: 'the native core cannot serve' }
  }
  const { name, isa } = chooseBackend({ backend })
  const reason = asked === undefined ? 'the default where it loads' : 'asked for'
  return { backend: name, ...(name === 'native' ? { isa } : {}), reason }
}

function jsonOf({ path, isas, cores, selfTests, trouble }: Examination, runs: Runs): string {
  const fault: BinaryFault | null = trouble?.trouble.fault ?? null
  const result = {
    event: 'result',
    hadamard: libraryVersion,
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    libc:
      libcName()
        .replace(/[ ()]+/g, ' ')
        .trim() || null,
    binary: path ?? null,
    fault,
    message: trouble?.summary ?? null,
    cure: trouble?.trouble.cure ?? null,
    isas,
    cores,
    threads: defaultThreads(cores),
    ops: ops.size,
    selfTests: selfTests.map((test) => ({ isa: test.isa, fault: test.trouble?.trouble.received ?? null })),
    environment: Object.fromEntries(environment()),
    runs,
  }
  return `${JSON.stringify(result)}\n`
}

function screenOf({ path, isas, cores, selfTests, trouble }: Examination, runs: Runs): string {
  const isOfTest = trouble?.trouble.fault === 'failsSelfTest'
  const facts = [
    ['hadamard', libraryVersion],
    ['node', `${process.version}, ${process.platform}-${process.arch}${libcName()}`],
    ['native core', path === undefined ? 'none found' : shortPath(path)],
    ...(trouble === undefined || isOfTest ? [] : [['load error', trouble.summary]]),
    ['instruction sets', isas.length === 0 ? '-' : isas.join(', ')],
    ['cores', `${cores} available (Node counts ${availableParallelism()})`],
    ['threads', `${defaultThreads(cores)} by default`],
    ...selfTests.map((test) => [
      'self-test',
      test.trouble?.message ?? `${test.isa}: ${plural(ops.size, 'op')} equal the fallback bit for bit`,
    ]),
    ...environment().map(([name, value]) => ['environment', `${name}=${value}`]),
    ['runs', sentence(runs)],
    ...(trouble === undefined ? [] : [['cure', trouble.trouble.cure]]),
  ]
  return `${alignColumns(facts, [0, 1]).join('\n')}\n`
}

function sentence({ backend, isa, reason }: Runs): string {
  if (backend === 'nothing') return `nothing: ${reason}`
  return backend === 'native'
    ? `the native core on ${isa} (${reason})`
    : `the TypeScript fallback (${reason})`
}

function environment(): [string, string][] {
  return ['HADAMARD_BACKEND', 'HADAMARD_ISA', 'HADAMARD_THREADS', 'HADAMARD_VERIFY'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined || value === '' ? [] : [[name, value]]
  })
}

function defaultThreads(cores: number): number {
  const given = Number(process.env.HADAMARD_THREADS)
  if (Number.isInteger(given) && given > 0) return given
  return cores > 2 ? cores - 1 : cores
}
