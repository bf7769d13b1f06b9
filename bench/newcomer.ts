/** The newcomer's path: from an empty folder to the first prediction with the packed package, the two commands of the README. */

import { exec } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { loadModel } from '../src/model.ts'

const ROOT = join(import.meta.dirname, '..')
const TARGET_S = 60
const STALE_BINARY = 'the packed binary did not load: delete prebuilds, and it is made anew'

/** The commands, as README and guides have them. */
export const NEWCOMER_COMMANDS: readonly string[] = [
  'npx hadamard init my-model --install',
  'npm start --prefix my-model',
]

/** What a walk along the commands came to. */
interface Walk {
  readonly seconds: number
  /** What the network says of the penguin that it is asked about. */
  readonly answer: string
  /** What the saved model was trained on. */
  readonly backend: string
}

/** Runs the commands in an empty folder and measures them; npm's cache is the user's, filled by a first round. */
export async function checkNewcomer(): Promise<{ text: string; isMet: boolean }> {
  const folder = mkdtempSync(join(tmpdir(), 'hadamard-newcomer-'))
  try {
    // A binary older than its sources would be refused, and the fallback would train.
    await run(ROOT, 'node native/prebuild.mjs && node src/build.mjs')
    await run(ROOT, `npm pack --ignore-scripts --pack-destination "${folder}"`)
    const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'missing.tgz')
    await walkNewcomer(join(folder, 'first'), tarball)
    const { seconds, answer, backend } = await walkNewcomer(join(folder, 'second'), tarball)
    return {
      text:
        `${NEWCOMER_COMMANDS.length} commands, ${seconds.toFixed(1)} s with a warm npm cache, to "${answer}", ` +
        `trained on the ${backend} backend${backend === 'native' ? '' : ` (${STALE_BINARY})`}; ` +
        `target: below ${TARGET_S} s on the native one`,
      isMet: seconds < TARGET_S && backend === 'native',
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Runs the commands in a new folder. The package is not in a registry here: npx takes the tarball in its place.
 *
 * @throws Error if a command fails or makes no prediction
 */
export async function walkNewcomer(folder: string, tarball: string): Promise<Walk> {
  mkdirSync(folder)
  const start = performance.now()
  let output = ''
  for (const command of NEWCOMER_COMMANDS)
    output += await run(folder, command.replace(/^npx /, `npx --yes --package "${tarball}" `))
  const seconds = (performance.now() - start) / 1000
  const answer = /^one more penguin: .*$/m.exec(output)?.[0]
  if (answer === undefined) throw new Error(`no prediction in the output:\n${output}`)
  const { report } = await loadModel(join(folder, 'my-model', 'penguins.model'))
  return { seconds, answer, backend: report.backend }
}

async function run(folder: string, command: string): Promise<string> {
  const { stdout } = await promisify(exec)(command, { cwd: folder, timeout: 240_000, maxBuffer: 2 ** 26 })
  return stdout
}
