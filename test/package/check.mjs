// Checks the packed tarball as a user meets it: installed into empty projects, without a compiler on PATH, from a
// lockfile, without a binary, and compiled on request. Prints a line per check and the counts.

import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'hadamard-package-'))
const counts = { passed: 0, failed: 0 }

/** Tools that npm and Node need; no compiler, make or Python among them. */
const TOOLS = ['node', 'npm', 'npx', 'sh', 'env', 'uname', 'sed', 'dirname', 'basename', 'readlink', 'ldd']

const trainXor = `
import { Network, dense } from 'hadamard'
import { matmul } from 'hadamard/kernels'
const net = new Network({ inputs: 2, layers: [dense(8, 'tanh'), dense(1)], loss: 'binaryCrossEntropyFromLogits', seed: 3 })
const x = [[0, 0], [0, 1], [1, 0], [1, 1]], y = [0, 1, 1, 0]
await net.fit(x, y, { epochs: 300, optimizer: { name: 'adam', learningRate: 0.05 } })
console.log(net.backend.name, net.evaluate(x, y).accuracy, matmul(Float32Array.of(1, 2), Float32Array.of(3, 4), { m: 1, n: 1, k: 2 })[0])
`

const typedUse = `
import { Network, dense, train, type History } from 'hadamard'
const net: Network = new Network({ inputs: 1, layers: [dense(1)], loss: 'squaredError' })
export const history: PromiseLike<History> = net.fit([[1]], [1], { epochs: 1 })
// @ts-expect-error: a misspelled option is a compile error
net.fit([[1]], [1], { epoch: 1 })
export const model = train('penguins.csv', { target: 'species' })
`

function run(cwd, command, args, env = process.env) {
  const result = spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 240_000 })
  return {
    code: result.status,
    output: result.stdout,
    errors: result.stderr,
    all: result.stdout + result.stderr,
  }
}

function check(name, isGood, detail) {
  counts[isGood ? 'passed' : 'failed']++
  console.log(isGood ? `ok ${name}` : `FAIL ${name}\n${detail}`)
}

function newProject(name) {
  const project = join(folder, name)
  mkdirSync(project)
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', type: 'module', private: true }),
  )
  writeFileSync(join(project, 'xor.mjs'), trainXor)
  return project
}

// An environment whose PATH has only the tools above.
function withoutCompiler() {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const tool of TOOLS) {
    const found = (process.env.PATH ?? '')
      .split(delimiter)
      .map((entry) => join(entry, tool))
      .find((path) => existsSync(path))
    if (found !== undefined) symlinkSync(found, join(bin, tool))
  }
  return { ...process.env, PATH: bin }
}

const pack = run(ROOT, 'npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder])
const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'missing.tgz')
const files = pack.code === 0 ? JSON.parse(pack.output)[0].files.map(({ path }) => path) : []
check('npm pack', existsSync(tarball), pack.all)
check(
  'the tarball has a prebuilt binary',
  files.some((path) => /^prebuilds\/.*\.node$/.test(path)),
  files.join('\n'),
)
check('the tarball has no binding.gyp at its root', !files.includes('binding.gyp'), 'binding.gyp')
const manifest = JSON.parse(run(ROOT, 'npm', ['pkg', 'get', 'scripts']).output)
check(
  'the package has no install script',
  !manifest.install && !manifest.preinstall && !manifest.postinstall,
  '',
)

const bare = withoutCompiler()
const project = newProject('bare')
const install = run(project, 'npm', ['install', '--no-audit', '--no-fund', tarball], bare)
check('npm install without a compiler', install.code === 0, install.all)
const native = { ...bare, HADAMARD_BACKEND: 'native' }
const first = run(project, 'node', ['xor.mjs'], native)
check('the native core trains from ESM', first.output === 'native 1 11\n', first.all)
const required = run(
  project,
  'node',
  ['-e', "const { Network } = require('hadamard'); console.log(typeof Network)"],
  native,
)
check('require() gives the same package', required.output === 'function\n', required.all)
rmSync(join(project, 'node_modules'), { recursive: true, force: true })
const ci = run(project, 'npm', ['ci', '--no-audit', '--no-fund'], bare)
check('npm ci from the lockfile without a compiler', ci.code === 0, ci.all)
const second = run(project, 'node', ['xor.mjs'], native)
check('the native core trains after npm ci', second.output === 'native 1 11\n', second.all)

cpSync(join(ROOT, 'examples', 'data', 'penguins.csv'), join(project, 'penguins.csv'))
const train = run(
  project,
  'npx',
  ['hadamard', 'train', 'penguins.csv', '--target', 'species', '--quiet'],
  native,
)
check('npx hadamard train', train.code === 0 && existsSync(join(project, 'penguins.model')), train.all)
const predict = run(project, 'npx', ['hadamard', 'predict', 'penguins.model', 'penguins.csv'], native)
check(
  'npx hadamard predict',
  predict.code === 0 && predict.output.split('\n').length === 346,
  predict.all.slice(0, 2000),
)

writeFileSync(join(project, 'use.ts'), typedUse)
const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
for (const resolution of ['nodenext', 'bundler']) {
  const module = resolution === 'bundler' ? 'esnext' : 'nodenext'
  const args = [
    '--noEmit',
    '--strict',
    '--target',
    'es2022',
    '--module',
    module,
    '--moduleResolution',
    resolution,
    'use.ts',
  ]
  const types = run(project, process.execPath, [tsc, ...args])
  check(`types resolve with ${resolution}`, types.code === 0, types.all)
}

rmSync(join(project, 'node_modules', 'hadamard', 'prebuilds'), { recursive: true, force: true })
const fallback = run(project, 'node', ['xor.mjs'], { ...bare, HADAMARD_BACKEND: '' })
check(
  'without a binary the fallback trains and says so',
  /^fallback 1 11$/m.test(fallback.output) && /fallback/.test(fallback.errors),
  fallback.all,
)
const build = run(project, 'npx', ['hadamard', 'build'])
const compiled = run(project, 'node', ['xor.mjs'], native)
check(
  'npx hadamard build compiles the core',
  build.code === 0 && compiled.output === 'native 1 11\n',
  build.all + compiled.all,
)
const failed = run(project, 'npx', ['hadamard', 'build'], bare)
check(
  'npx hadamard build without a compiler is one clear error',
  failed.code === 1 && /hadamard: /.test(failed.errors),
  failed.all,
)

rmSync(folder, { recursive: true, force: true })
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1
