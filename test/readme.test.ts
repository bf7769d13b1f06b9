/** Every TypeScript snippet of the README and of these pages runs, types included, against the built package. */

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
// Inside of the repository, where `hadamard` resolves to the package itself.
mkdirSync(join(ROOT, 'build'), { recursive: true })
const folder = mkdtempSync(join(ROOT, 'build', 'readme-'))
afterAll(() => rmSync(folder, { recursive: true }))
copyFileSync(join(ROOT, 'examples', 'data', 'penguins.csv'), join(folder, 'penguins.csv'))

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const pages = ['README.md', 'docs/training.md', 'docs/explain.md']
const snippets = pages.flatMap((page) => {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return Array.from(text.matchAll(/^```ts\n([^]*?)^```$/gm), ([, code], i) => [page, i + 1, code] as const)
})

// Without a wish for the core: a snippet shows what only the fallback can do.
const { HADAMARD_BACKEND: wish, ...others } = process.env
const env = wish === 'fallback' ? process.env : others

test('all pages have snippets', () => {
  expect(new Set(snippets.map(([page]) => page)).size).toBe(pages.length)
  expect(snippets.length).toBeGreaterThanOrEqual(6)
})

const fileOf = (page: string, i: number): string => join(folder, `${page.replace(/\W/g, '-')}-${i}.mts`)
for (const [page, i, code] of snippets) writeFileSync(fileOf(page, i), code)

// All in one go: loading the compiler takes longer than the snippets do.
test('the snippets type-check', () => {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const strict = [
    '--noEmit',
    '--strict',
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--skipLibCheck',
    '--types',
    'node',
  ]
  const files = snippets.map(([page, i]) => fileOf(page, i))
  expect(() =>
    execFileSync(process.execPath, [tsc, '--ignoreConfig', ...strict, ...files], {
      cwd: folder,
      stdio: 'inherit',
    }),
  ).not.toThrow()
})

test.each(snippets)('%s: snippet %i runs', (page, i) => {
  const output = execFileSync(process.execPath, ['--import', 'tsx', fileOf(page, i)], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  expect(output).not.toContain('undefined')
})

test('the links lead to files', () => {
  for (const [, target] of readme.matchAll(/\]\(([^)#:]+)\)/g))
    expect(readFileSync(join(ROOT, target)).length).toBeGreaterThan(0)
})
