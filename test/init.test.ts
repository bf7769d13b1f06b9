/** `hadamard init`: a project that installs, type-checks and runs; nothing overwritten, one clear line for every mistake. */

import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeProject } from '../src/cli/init.ts'

const ROOT = join(import.meta.dirname, '..')
const FILES = ['.gitignore', 'package.json', 'penguins.csv', 'train.ts', 'tsconfig.json']

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-init-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function hadamard(...args: string[]): { code: number | null; out: string; err: string } {
  const main = join(ROOT, 'dist', 'cli', 'main.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { code: status, out: stdout, err: stderr }
}

test('the project type-checks, and its start script trains, saves and predicts', async () => {
  const { code, out, err } = hadamard('init', 'My model')
  expect([code, err]).toEqual([0, ''])
  expect(out).toContain('cd "My model" && npm install && npm start')
  const project = join(folder, 'My model')
  expect((await readdir(project)).sort()).toEqual(FILES)

  const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as {
    name: string
    scripts: Record<string, string>
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
  }
  expect(manifest.name).toBe('my-model')
  // A clone is no package of the registry: the project takes it from where it lies.
  expect(manifest.dependencies).toEqual({ hadamard: `file:${ROOT}` })

  // What npm install would lay there, without npm.
  const modules = join(project, 'node_modules')
  await mkdir(join(modules, '.bin'), { recursive: true })
  await mkdir(join(modules, '@types'))
  await symlink(ROOT, join(modules, 'hadamard'))
  for (const name of Object.keys(manifest.devDependencies))
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  for (const tool of ['tsx', 'tsc'])
    await symlink(join(ROOT, 'node_modules', '.bin', tool), join(modules, '.bin', tool))

  const npm = (script: string): string => {
    const run = spawnSync(`npm run --silent ${script}`, { cwd: project, encoding: 'utf8', shell: true })
    expect([script, run.status]).toEqual([script, 0])
    return run.stdout
  }
  expect(npm('check')).toBe('')
  const shown = npm('start')
  expect(shown).toMatch(/^(9\d\.\d|100\.0) % of 69 test rows are right$/m)
  expect(shown).toMatch(/^one more penguin: Adelie, probability (0\.9\d\d|1\.000)$/m)
  expect(await readdir(project)).toContain('penguins.model')
})

test('a folder that has one of the files is left as it is', async () => {
  const taken = join(folder, 'taken')
  await mkdir(taken)
  await writeFile(join(taken, 'train.ts'), 'mine')
  await expect(writeProject(taken)).rejects.toThrow(
    /which has train\.ts\. Nothing was written\. Name another/,
  )
  expect(await readdir(taken)).toEqual(['train.ts'])
  expect(await readFile(join(taken, 'train.ts'), 'utf8')).toBe('mine')
})

test('other files in the folder are no hindrance, and the folder of a folder is made', async () => {
  const nested = join(folder, 'a', 'b')
  await mkdir(nested, { recursive: true })
  await writeFile(join(nested, 'notes.txt'), '')
  await writeProject(nested)
  expect((await readdir(nested)).sort()).toEqual([...FILES, 'notes.txt'].sort())
  await writeProject(join(folder, 'c', '.D É'))
  const manifest = JSON.parse(await readFile(join(folder, 'c', '.D É', 'package.json'), 'utf8')) as object
  expect(manifest).toMatchObject({ name: 'd' })
})

test('wrong input is one line and exit code 1', async () => {
  await writeFile(join(folder, 'file'), '')
  for (const [args, text] of [
    [['file'], 'expected a folder; received file, which is a file'],
    [[join('file', 'deeper')], 'expected a folder to write to; received file'],
    [['a', 'b'], 'too many arguments'],
  ] as const) {
    const { code, out, err } = hadamard('init', ...args)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^hadamard: .*\n$/)
    expect(err).toContain(text)
  }
})
