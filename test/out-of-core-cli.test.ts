/** Training out of core on the command line, where its process is killed or the disk is full. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadModel } from '../src/model.ts'
import { train } from '../src/model/train.ts'

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const ROWS = 40_000
const ATTEMPTS = 5
const command = [main, ...'train rows.csv -t kind --epochs 1 --hidden 4 --preset plain'.split(' ')]
const outOfCore = '--memory 1GB --out-of-core --cache packed --quiet'.split(' ')
let folder = ''
let data = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-killed-'))
  const lines = Array.from({ length: ROWS }, (_, i) =>
    [Math.sin(i), Math.cos(i), i % 7, Math.sin(3 * i), Math.sin(i) > 0 ? 'x' : 'y'].join(','),
  )
  data = `a,b,c,d,kind\n${lines.join('\n')}\n`
  writeFileSync(join(folder, 'rows.csv'), data)
})

afterAll(() => rmSync(folder, { recursive: true }))

const packed = (): string[] => {
  const path = join(folder, 'packed')
  return existsSync(path) ? readdirSync(path) : []
}

// Kills the training while it writes its cache; false where it was over before that.
async function killedMidway(): Promise<boolean> {
  rmSync(join(folder, 'packed'), { recursive: true, force: true })
  const child = spawn(process.execPath, [...command, ...outOfCore], { cwd: folder })
  const ended = once(child, 'exit')
  while (child.exitCode === null && !packed().some((name) => /\.(tmp|rows)$/.test(name))) await wait(1)
  child.kill('SIGKILL')
  await ended
  return child.signalCode === 'SIGKILL' && packed().every((name) => !name.endsWith('.rows'))
}

test('what is left of a training that was killed is not trusted, and goes with the next', async () => {
  let attempts = 1
  while (!(await killedMidway())) expect(attempts++).toBeLessThan(ATTEMPTS)
  expect(packed()).toEqual([expect.stringMatching(/\.rows\.[0-9a-f]{8}-\d+-[0-9a-f]{12}\.tmp$/)])
  expect(existsSync(join(folder, 'rows.model'))).toBe(false)
  const again = spawnSync(process.execPath, [...command, ...outOfCore], { cwd: folder, encoding: 'utf8' })
  expect([again.status, again.stderr]).toEqual([0, ''])
  expect(packed()).toEqual([expect.stringMatching(/\.rows$/)])
  const reference = await train(join(folder, 'rows.csv'), {
    ...{ target: 'kind', epochs: 1, hidden: [4], preset: 'plain', outOfCore: true, cache: false },
  })
  const model = await loadModel(join(folder, 'rows.model'))
  expect(model.network.parameters).toEqual(reference.network.parameters)
})

test.skipIf(process.platform === 'win32')(
  'a disk that is full midway is an error that leaves all as it was',
  () => {
    rmSync(join(folder, 'packed'), { recursive: true, force: true })
    rmSync(join(folder, 'rows.model'), { force: true })
    const script = 'ulimit -f 200 && exec "$@"'
    const full = ['-c', script, 'sh', process.execPath, ...command, ...outOfCore]
    const { status, stderr } = spawnSync('sh', full, { cwd: folder, encoding: 'utf8' })
    expect(stderr).toMatch(
      /^hadamard: --cache, packed\/rows\.csv\.\w+\.rows: expected room .*received a limit on the size of files after [\d.]+ kB\. .*\[HADAMARD_CACHE\]\n$/,
    )
    expect(status).toBe(1)
    expect(packed()).toEqual([])
    expect(readdirSync(folder).sort()).toEqual(['packed', 'rows.csv'])
    expect(readFileSync(join(folder, 'rows.csv'), 'utf8')).toBe(data)
  },
)
