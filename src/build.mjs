// Compiles src to dist, only where a source or a setting is newer than the last compilation.

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const sources = dirname(fileURLToPath(import.meta.url))
const root = dirname(sources)
const stamp = join(root, 'dist', '.tsbuildinfo')

function newestMs(path) {
  const stats = statSync(path)
  return stats.isDirectory()
    ? Math.max(...readdirSync(path).map((name) => newestMs(join(path, name))))
    : stats.mtimeMs
}

const inputs = [
  sources,
  ...['tsconfig.json', 'tsconfig.build.json', 'package.json'].map((name) => join(root, name)),
]
if (!existsSync(stamp) || Math.max(...inputs.map(newestMs)) > statSync(stamp).mtimeMs) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status === 0) {
    const now = new Date()
    utimesSync(stamp, now, now)
    // npm makes a command executable only where it links it anew; npx finds the link of an earlier checkout.
    chmodSync(join(root, 'dist', 'cli', 'main.js'), 0o755)
  } else process.exitCode = 1
}
