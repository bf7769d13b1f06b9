// Runs the core on processors that this machine is not, under qemu's emulation of user programs:
//   node test/cross/run.mjs arm64    the whole parity suite on npm's Node for arm64, with the binary that the package gets
//   node test/cross/run.mjs x64      this machine's build on x86-64 without AVX2 and without AVX-512: what it chooses there,
//                                    its self-test, a training
//   node test/cross/run.mjs win32    Windows on x64, cross-compiled, under wine: its self-test, and a training to the same bits
// The last line is `N passed, N failed`.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { crossCompile } from '../../native/cross.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const work = join(root, 'build-cross')
const [target] = process.argv.slice(2)

// The suite as one file two folders below a package root, where it looks for its binary.
function layOut(binary) {
  const folder = join(work, 'arm64')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true })
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'hadamard', type: 'module' }))
  const loader = join('node_modules', 'node-gyp-build')
  cpSync(join(root, loader), join(folder, loader), { recursive: true })
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

// Node for another platform, as npm packs it; kept from run to run.
function nodeFor(platform, file) {
  const folder = join(work, `node-${platform}`)
  const node = join(folder, 'package', 'bin', file)
  if (existsSync(node)) return node
  mkdirSync(folder, { recursive: true })
  execFileSync('npm', ['pack', `node-${platform}@${process.versions.node}`, '--silent'], { cwd: folder })
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  execFileSync('tar', ['xzf', archive], { cwd: folder })
  return node
}

function runArm64() {
  const suite = layOut(crossCompile('arm64'))
  const digests = join(work, 'digests.json')
  // The fallback needs no binary, so this machine's Node can say what is right.
  execFileSync(process.execPath, [suite, 'record', digests], { stdio: 'inherit' })
  const emulated = ['-L', '/usr/aarch64-linux-gnu', nodeFor('linux-arm64', 'node'), suite, 'check', digests]
  return spawnSync('qemu-aarch64', emulated, { stdio: 'inherit' }).status ?? 1
}

const counts = { passed: 0, failed: 0 }

function check(name, isRight, detail = '') {
  console.log(isRight ? `ok ${name}` : `FAIL ${name}\n${detail}`)
  counts[isRight ? 'passed' : 'failed']++
}

function summary() {
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  return counts.failed > 0 || counts.passed === 0 ? 1 : 0
}

const cli = join(root, 'dist', 'cli', 'main.js')
const data = join(root, 'examples', 'data', 'penguins.csv')
const trainingTo = (model) => ['train', data, '--target', 'species', '--epochs', '3', '--model', model]

function runX64() {
  mkdirSync(work, { recursive: true })
  for (const [cpu, isas] of [
    ['Nehalem', ['scalar']],
    ['Haswell', ['avx2', 'scalar']],
  ]) {
    const run = (...args) =>
      spawnSync('qemu-x86_64', ['-cpu', cpu, process.execPath, cli, ...args], { encoding: 'utf8' })
    const doctor = run('doctor', '--backend', 'native')
    const offered = /^instruction sets +(.*)$/m.exec(doctor.stdout)?.[1]
    check(`${cpu} offers ${isas.join(', ')}`, offered === isas.join(', '), doctor.stdout)
    check(
      `${cpu} passes the self-test and runs on ${isas[0]}`,
      doctor.status === 0 && doctor.stdout.includes(`the native core on ${isas[0]}`),
      doctor.stdout + doctor.stderr,
    )
    const trained = run(...trainingTo(join(work, 'x64.model')))
    check(`${cpu} trains`, trained.status === 0, trained.stdout + trained.stderr)
  }
  return summary()
}

// Wine wants files for the streams: on a pipe Node ends at once.
function runWin32() {
  crossCompile('win32')
  const node = nodeFor('win-x64', 'node.exe')
  const output = join(work, 'wine.txt')
  const env = {
    ...process.env,
    NODE_SKIP_PLATFORM_CHECK: '1',
    WINEDEBUG: '-all',
    WINEPREFIX: join(work, 'wine'),
    PREBUILDS_ONLY: '1',
    HADAMARD_BACKEND: 'native',
  }
  const run = (...args) => {
    const file = openSync(output, 'w')
    const { status } = spawnSync('wine', [node, cli, ...args], { env, stdio: ['ignore', file, file] })
    closeSync(file)
    return { status, text: readFileSync(output, 'utf8') }
  }
  const doctor = run('doctor')
  check('win32-x64 passes the self-test', doctor.status === 0 && /self-test/.test(doctor.text), doctor.text)
  console.log(doctor.text)
  const [ours, theirs] = ['linux', 'wine'].map((name) => join(work, `${name}.model`))
  const trained = run(...trainingTo(theirs))
  check('win32-x64 trains', trained.status === 0, trained.text)
  execFileSync(process.execPath, [cli, ...trainingTo(ours), '--quiet'])
  const [expected, received] = [ours, theirs].map((model) =>
    execFileSync(process.execPath, [cli, 'predict', model, data], { encoding: 'utf8', stdio: 'pipe' }),
  )
  check('win32-x64 trains to the bits of Linux', expected === received)
  return summary()
}

const RUNS = { arm64: runArm64, x64: runX64, win32: runWin32 }
process.exitCode = RUNS[target in RUNS ? target : 'x64']()
