/** The version of this package, as its package.json states it. */

import { readFileSync } from 'node:fs'

/** The version of the library, `0.1.0`. */
export const libraryVersion: string = readVersion()

function readVersion(): string {
  const json = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version?: unknown
  }
  return String(json.version)
}
