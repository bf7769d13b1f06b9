/** The newcomer's path: from an empty folder to the first prediction with the packed package, the two commands of the README. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const TARGET_S = 60

/** The commands, as README and guides have them. */
export const NEWCOMER_COMMANDS: readonly string[] = [
  'npx hadamard init my-model --install',
  'npm start --prefix my-model',
]

/** Runs the commands in an empty folder and measures them; npm's cache is the user's, filled by a first round. */
export function checkNewcomer(): { text: string; isMet: boolean } {
  const folder = mkdtempSync(join(tmpdir(), 'hadamard-newcomer-'))
  try {
    run(ROOT, `npm pack --ignore-scripts --pack-destination "${folder}"`)
    const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'missing.tgz')
    walk(join(folder, 'first'), tarball)
    const { seconds, output } = walk(join(folder, 'second'), tarball)
    const answer = /^one more penguin: .*$/m.exec(output)?.[0]
    return {
      text: `${NEWCOMER_COMMANDS.length} commands, ${seconds.toFixed(1)} s with a warm npm cache, to "${answer ?? 'no prediction'}"; target: below ${TARGET_S} s`,
      isMet: answer !== undefined && seconds < TARGET_S,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// The package is not in a registry here: npx takes the tarball in its place.
function walk(folder: string, tarball: string): { seconds: number; output: string } {
  mkdirSync(folder)
  const start = performance.now()
  const outputs = NEWCOMER_COMMANDS.map((command) =>
    run(folder, command.replace(/^npx /, `npx --yes --package "${tarball}" `)),
  )
  return { seconds: (performance.now() - start) / 1000, output: outputs.join('') }
}

function run(folder: string, command: string): string {
  const { status, stdout, stderr } = spawnSync(command, {
    cwd: folder,
    shell: true,
    encoding: 'utf8',
    timeout: 240_000,
  })
  if (status !== 0) throw new Error(`${command}: exit code ${status ?? 'none'}\n${stdout}${stderr}`)
  return stdout
}
