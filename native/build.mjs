// Compiles the addon with node-gyp, only where a source is newer than the binary, which stays in place until its
// successor is linked. With --if-possible a failure is one notice and exit code 0: the package works without, slower.

import { spawnSync } from 'node:child_process'
import { existsSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { binary, buildEnvironment, isUpToDate, root } from './paths.mjs'

function nodeGypPath() {
  const given = process.env.npm_config_node_gyp
  if (given && existsSync(given)) return given
  return createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
}

/** Returns what went wrong, or undefined. */
function compile() {
  let nodeGyp
  try {
    nodeGyp = nodeGypPath()
  } catch {
    return 'node-gyp is not installed'
  }
  const options = [
    'configure',
    'build',
    '--release',
    '--loglevel=error',
    '-j',
    String(availableParallelism()),
  ]
  const result = spawnSync(process.execPath, [nodeGyp, ...options], {
    cwd: root,
    env: buildEnvironment(),
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  })
  if (result.error) return result.error.message
  if (result.status !== 0) return `${result.stdout}\n${result.stderr}`.trim()
  if (!existsSync(binary)) return `node-gyp reported success but ${binary} does not exist`
  // make leaves the binary alone where a changed file does not matter to it; the next look should be quick all the same.
  const now = new Date()
  utimesSync(binary, now, now)
  return undefined
}

/** The one line of a failed build's output that names the cause. */
function reasonOf(failure) {
  const lines = failure.split('\n').map((line) => line.trim())
  const ofCompiler = lines.find(
    (line) => /: (fatal )?error|No such file|not found/.test(line) && !/^gyp/.test(line),
  )
  const ofNodeGyp = lines.find((line) => line.startsWith('gyp ERR! stack Error: '))
  return ofCompiler ?? ofNodeGyp?.replace('gyp ERR! stack Error: ', '') ?? lines[0] ?? ''
}

const isOptional = process.argv.includes('--if-possible')
if (!isUpToDate(binary)) {
  const startMs = Date.now()
  const failure = compile()
  if (failure === undefined) {
    console.log(`hadamard: native core compiled in ${((Date.now() - startMs) / 1000).toFixed(1)} s`)
  } else if (isOptional) {
    console.warn(
      `hadamard: the native core could not be compiled (${reasonOf(failure)}); the slower TypeScript fallback will be used. ` +
        'With python3, make and a C++20 compiler, `npm run build:native` shows the whole output.',
    )
  } else {
    console.error(failure)
    process.exitCode = 1
  }
}
