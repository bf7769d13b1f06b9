// Compiles src to dist, only where a source or a setting is newer than the last compilation: types by tsc, modules for Node and
// for browsers by esbuild.

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const sources = dirname(fileURLToPath(import.meta.url))
const root = dirname(sources)
const stamp = join(root, 'dist', '.tsbuildinfo')
/** Modules that need Node, with what to do without them; of all that they export, browsers get a function that says so. */
const NODE_ONLY = {
  'backends/native': 'Leave the backend and the instruction set out',
  'data/dataset': 'Give rows as arrays',
  serialize:
    'Keep network.spec, network.parameters and network.state, and give them to new Network, setParameters and setState',
  version: 'It stands in package.json',
}

function newestMs(path) {
  const stats = statSync(path)
  return stats.isDirectory()
    ? Math.max(...readdirSync(path).map((name) => newestMs(join(path, name))))
    : stats.mtimeMs
}

function compileTypes() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const options = { cwd: root, stdio: 'inherit' }
  return spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], options).status === 0
}

const forBrowsers = {
  name: 'for-browsers',
  setup({ onResolve, onLoad }) {
    const namespace = 'node-only'
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace }))
    onResolve({ filter: /\.ts$/ }, ({ path, resolveDir }) => {
      const name = relative(sources, join(resolveDir, path)).replaceAll(sep, '/').replace(/\.ts$/, '')
      return name in NODE_ONLY ? { path: name, namespace } : undefined
    })
    onLoad({ filter: /./, namespace }, ({ path }) => ({ contents: nodeOnlyModule(path) }))
  },
}

function nodeOnlyModule(name) {
  const cure = NODE_ONLY[name] === undefined ? '' : `. ${NODE_ONLY[name]}`
  const code = 'HADAMARD_NOT_POSSIBLE'
  // As a prototype: esbuild copies what a module has of its own.
  return `module.exports = Object.create(new Proxy({}, {
    get: (_, key) => function () {
      const message = \`\${String(key)}: expected Node; received a browser${cure} [${code}]\`
      throw Object.assign(new Error(message), { code: '${code}' })
    },
  }))`
}

/** What both kinds of bundle have in common: readable modules, and what several of them use in files of their own. */
async function bundle(folder, options) {
  const { build } = await import('esbuild')
  const outdir = join(root, 'dist', folder)
  rmSync(join(outdir, 'shared'), { recursive: true, force: true })
  await build({
    outdir,
    chunkNames: 'shared/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    logLevel: 'warning',
    ...options,
  })
}

const entries = (...names) => names.map((name) => join(sources, name))

// A few files instead of two hundred: Node starts the command line and loads the library in half the time.
const bundleForNode = () =>
  bundle('.', {
    entryPoints: entries('index.ts', 'kernels.ts', 'cli/main.ts'),
    outbase: sources,
    packages: 'external',
    platform: 'node',
    target: 'node20',
  })

const bundleForBrowsers = () =>
  bundle('web', {
    entryPoints: entries('browser/index.ts', 'kernels.ts'),
    entryNames: '[name]',
    platform: 'browser',
    target: 'es2022',
    inject: entries('browser/globals.ts'),
    plugins: [forBrowsers],
  })

const inputs = [
  sources,
  ...['tsconfig.json', 'tsconfig.build.json', 'package.json'].map((name) => join(root, name)),
]
if (!existsSync(stamp) || Math.max(...inputs.map(newestMs)) > statSync(stamp).mtimeMs) {
  if (compileTypes()) {
    await bundleForNode()
    await bundleForBrowsers()
    const now = new Date()
    utimesSync(stamp, now, now)
    // npm makes a command executable only where it links it anew; npx finds the link of an earlier checkout.
    chmodSync(join(root, 'dist', 'cli', 'main.js'), 0o755)
  } else process.exitCode = 1
}
