// Where the addon's sources and binary lie, whether a binary is up to date, and what node-gyp needs in its environment.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const native = dirname(fileURLToPath(import.meta.url))

/** The package's folder. */
export const root = dirname(native)

/** The binary that node-gyp makes. */
export const binary = join(root, 'build', 'Release', 'hadamard.node')

/** Whether a binary exists and no source is newer. */
export function isUpToDate(path) {
  return existsSync(path) && !isNewerThan(statSync(path).mtimeMs, native)
}

function isNewerThan(timeMs, path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs > timeMs
  return readdirSync(path).some((name) => name !== 'test' && isNewerThan(timeMs, join(path, name)))
}

/** This process's environment; headers that lie beside this Node spare node-gyp a download. */
export function buildEnvironment() {
  const env = { ...process.env }
  const prefix = resolve(dirname(process.execPath), '..')
  const isSet = env.npm_config_nodedir || env.npm_package_config_node_gyp_nodedir
  if (!isSet && existsSync(join(prefix, 'include', 'node', 'node_api.h'))) env.npm_config_nodedir = prefix
  return env
}
