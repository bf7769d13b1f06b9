/** `hadamard build`: compiles the native core for machines without a prebuilt one. The only command that runs other programs. */

import { spawn } from 'node:child_process'
import { access, cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { reasonOf } from '../errors.ts'
import { PACKAGE_ROOT } from '../package-root.ts'
import { formatSeconds } from './screen.ts'
import { CommandError } from './outcome.ts'

const BINARY = join('build', 'Release', 'hadamard.node')
/** The packed package has no such file at its root, or npm would compile at every install. */
const BINDING_GYP = '{ "includes": ["native/hadamard.gypi"] }\n'
const NEEDS = 'It needs python3, make and a C++20 compiler (g++ 11 or clang 14 and newer)'

/** Adds the command. */
export function addBuild(program: Command): void {
  program
    .command('build')
    .summary('compile the native core')
    .description(`Compile the native core on this machine, for platforms without a prebuilt one. ${NEEDS}.`)
    .option('--verbose', "show the compiler's output")
    .action(async ({ verbose = false }: { verbose?: boolean }) => {
      const startMs = Date.now()
      await compile(verbose)
      process.stdout.write(
        `Compiled ${BINARY} in ${formatSeconds((Date.now() - startMs) / 1000)}. Check it with: npx hadamard doctor\n`,
      )
    })
}

async function compile(isVerbose: boolean): Promise<void> {
  const nodeGyp = await findNodeGyp()
  // Inside the package, so that node-addon-api is found from there.
  const folder = await mkdtemp(join(PACKAGE_ROOT, '.build-')).catch((error: unknown) => {
    const reason = reasonOf(error)
    throw new CommandError(`build: cannot write in the package's folder (${reason})`, {
      code: 'HADAMARD_BUILD',
    })
  })
  try {
    await cp(join(PACKAGE_ROOT, 'native'), join(folder, 'native'), { recursive: true })
    await writeFile(join(folder, 'binding.gyp'), BINDING_GYP)
    await runNodeGyp(nodeGyp, folder, isVerbose)
    await mkdir(dirname(join(PACKAGE_ROOT, BINARY)), { recursive: true })
    await rename(join(folder, BINARY), join(PACKAGE_ROOT, BINARY))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

// npm says where its own node-gyp is; without npm, one beside the package, the project or Node's own npm serves.
async function findNodeGyp(): Promise<string> {
  const resolveFrom = (from: string): string | undefined => {
    try {
      return createRequire(from).resolve('node-gyp/bin/node-gyp.js')
    } catch {
      return undefined
    }
  }
  const prefix = resolve(dirname(process.execPath), '..')
  const candidates = [
    process.env.npm_config_node_gyp,
    resolveFrom(import.meta.url),
    resolveFrom(join(process.cwd(), 'package.json')),
    join(prefix, 'lib', 'node_modules', 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'),
    join(prefix, 'node_modules', 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'),
  ]
  for (const candidate of candidates) {
    if (candidate && (await exists(candidate))) return candidate
  }
  throw new CommandError(
    'build: expected node-gyp; found none. Install it with: npm install --save-dev node-gyp',
    { code: 'HADAMARD_BUILD' },
  )
}

async function runNodeGyp(nodeGyp: string, folder: string, isVerbose: boolean): Promise<void> {
  const level = isVerbose ? 'info' : 'error'
  const args = [nodeGyp, 'rebuild', '--release', `--loglevel=${level}`, '-j', String(availableParallelism())]
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: await buildEnvironment(),
    stdio: isVerbose ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise<number | null>((resolveCode, reject) => {
    child.on('error', reject)
    child.on('close', resolveCode)
  })
  if (code === 0 && (await exists(join(folder, BINARY)))) return
  const reason = likelyReason(output)
  const more = isVerbose ? '' : '. The whole output: npx hadamard build --verbose'
  throw new CommandError(`build: the native core could not be compiled${reason}. ${NEEDS}${more}`, {
    code: 'HADAMARD_BUILD',
  })
}

// Headers that lie beside this Node spare node-gyp a download.
async function buildEnvironment(): Promise<NodeJS.ProcessEnv> {
  const prefix = resolve(dirname(process.execPath), '..')
  const isSet = process.env.npm_config_nodedir ?? process.env.npm_package_config_node_gyp_nodedir
  const hasHeaders = await exists(join(prefix, 'include', 'node', 'node_api.h'))
  return isSet === undefined && hasHeaders ? { ...process.env, npm_config_nodedir: prefix } : process.env
}

function likelyReason(output: string): string {
  const lines = output.split('\n').map((line) => line.replace(/^(gyp ERR! |npm error )(stack )?/, '').trim())
  const line = lines.find(
    (text) => /error:|not found|could not|no such|ENOENT|EACCES/i.test(text) && !/^gyp verb/.test(text),
  )
  return line === undefined ? '' : ` (${line.slice(0, 160)})`
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
