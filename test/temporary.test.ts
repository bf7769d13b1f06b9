/** Temporary files and folders: no two writers have the same, and what killed processes leave goes, but nothing else. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { removeLeftovers, temporaryBeside, temporaryFolder } from '../src/temporary.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-temporary-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Runs a script in another process, and kills it when it has said something. */
async function killed(script: string): Promise<void> {
  const module = JSON.stringify(join(import.meta.dirname, '../src/temporary.ts'))
  const child = spawn(process.execPath, [
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    `import { temporaryBeside, temporaryFolder } from ${module}
     import { writeFileSync } from 'node:fs'
     ${script}
     console.log('made')
     setInterval(() => undefined, 1000)`,
  ])
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('folders of killed processes go with the next one; those of others stay', async () => {
  await killed(`await temporaryFolder(${JSON.stringify(folder)})`)
  const [left] = readdirSync(folder)
  const parts = left.split('-')
  // As of another machine, of the same process on it; and names that are not ours.
  const others = [`hadamard-00000000-${parts[2]}-${parts[3]}`, 'hadamard-abc', `other-${left}`, `${left}0`]
  for (const name of others) mkdirSync(join(folder, name))
  const own = await temporaryFolder(folder)
  expect(readdirSync(folder).sort()).toEqual([...others, basename(own)].sort())
  const second = await temporaryFolder(folder)
  expect(readdirSync(folder).sort()).toEqual([...others, basename(own), basename(second)].sort())
})

test('files beside another are those of one writer, and go when it is gone', async () => {
  const path = join(folder, 'rows')
  expect(temporaryBeside(path)).not.toBe(temporaryBeside(path))
  await killed(`writeFileSync(temporaryBeside(${JSON.stringify(path)}), '')`)
  const [left] = readdirSync(folder)
  const elsewhere = left.replace(/^rows\.[0-9a-f]{8}/, 'rows.00000000')
  const old = elsewhere.replace('00000000', '00000001')
  const own = basename(temporaryBeside(path))
  const others = [own, elsewhere, 'rows', 'rows.tmp', `rows2${left.slice(4)}`]
  for (const name of [...others, old]) writeFileSync(join(folder, name), '')
  const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 60 * 60
  for (const name of [old, own, 'rows.tmp']) utimesSync(join(folder, name), twoDaysAgo, twoDaysAgo)
  await removeLeftovers(path)
  expect(readdirSync(folder).sort()).toEqual(others.sort())
  await removeLeftovers(join(folder, 'no such folder', 'rows'))
})
