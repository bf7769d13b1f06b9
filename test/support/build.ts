/** Before all tests: the TypeScript build that child processes, workers and the CLI run from. */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')

/** Builds dist where it is older than src. */
export function setup(): void {
  execFileSync(process.execPath, [join(ROOT, 'src', 'build.mjs')], { cwd: ROOT, stdio: 'inherit' })
}
