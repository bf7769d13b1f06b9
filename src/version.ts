/** The version of this package, as its package.json states it. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from './package-root.ts'

/** The version of the library, `0.1.0`. */
export const libraryVersion: string = readVersion()

function readVersion(): string {
  const json = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version?: unknown }
  return String(json.version)
}
