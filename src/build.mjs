// Compiles src to dist, only where a source or a setting is newer than the last compilation: modules and types by tsc, what
// browsers take by esbuild.

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const sources = dirname(fileURLToPath(import.meta.url))
const root = dirname(sources)
const stamp = join(root, 'dist', '.tsbuildinfo')
/** What browsers take in place of a module; its twin has the same exports as far as the others use them. */
const TWINS = ['backends/native', 'serialize']

function newestMs(path) {
  const stats = statSync(path)
  return stats.isDirectory()
    ? Math.max(...readdirSync(path).map((name) => newestMs(join(path, name))))
    : stats.mtimeMs
}

function compile() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const options = { cwd: root, stdio: 'inherit' }
  return spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], options).status === 0
}

const twins = {
  name: 'twins',
  setup({ onResolve }) {
    for (const name of TWINS) {
      const filter = new RegExp(`/${name.split('/').at(-1)}\\.ts$`)
      onResolve({ filter }, ({ path, resolveDir }) =>
        join(resolveDir, path) === join(sources, `${name}.ts`)
          ? { path: join(sources, 'browser', `${name.split('/').at(-1)}.ts`) }
          : undefined,
      )
    }
  },
}

async function bundleForBrowsers() {
  const { build } = await import('esbuild')
  const outdir = join(root, 'dist', 'web')
  rmSync(outdir, { recursive: true, force: true })
  await build({
    entryPoints: [join(sources, 'browser', 'index.ts'), join(sources, 'kernels.ts')],
    entryNames: '[name]',
    chunkNames: 'shared-[hash]',
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    inject: [join(sources, 'browser', 'globals.ts')],
    plugins: [twins],
    logLevel: 'warning',
  })
}

const inputs = [
  sources,
  ...['tsconfig.json', 'tsconfig.build.json', 'package.json'].map((name) => join(root, name)),
]
if (!existsSync(stamp) || Math.max(...inputs.map(newestMs)) > statSync(stamp).mtimeMs) {
  if (compile()) {
    await bundleForBrowsers()
    const now = new Date()
    utimesSync(stamp, now, now)
    // npm makes a command executable only where it links it anew; npx finds the link of an earlier checkout.
    chmodSync(join(root, 'dist', 'cli', 'main.js'), 0o755)
  } else process.exitCode = 1
}
