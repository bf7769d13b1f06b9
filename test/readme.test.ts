/**
 * Every code block of the README and of the pages in docs: TypeScript is type-checked and run against the built package,
 * commands are run, and a block that names a file is a part of it. Blocks in other languages must name one.
 */

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { NEWCOMER_COMMANDS } from '../bench/newcomer.ts'
import { snippetsOf, type Snippet } from './support/snippets.ts'

const ROOT = join(import.meta.dirname, '..')
// Inside of the repository, where `hadamard` resolves to the package itself.
mkdirSync(join(ROOT, 'build'), { recursive: true })
const folder = mkdtempSync(join(ROOT, 'build', 'readme-'))
afterAll(() => rmSync(folder, { recursive: true }))
copyFileSync(join(ROOT, 'examples', 'data', 'penguins.csv'), join(folder, 'penguins.csv'))
copyFileSync(join(ROOT, 'test', 'data', 'mpg.csv'), join(folder, 'mpg.csv'))

const markdown = (path: string): string[] =>
  readdirSync(join(ROOT, path))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(path, name))
const pages = ['README.md', ...markdown('docs'), ...markdown('docs/guides')]
const snippets = pages.flatMap(snippetsOf)
const scripts = snippets.filter(({ language, file }) => language === 'ts' && file === undefined)
const pagesWithScripts = [...new Set(scripts.map(({ page }) => page))]

// Without a wish for the core: a snippet shows what only the fallback can do.
const { HADAMARD_BACKEND: wish, ...others } = process.env
const env = wish === 'fallback' ? process.env : others

test('README, guides and the page on training have snippets', () => {
  expect(pagesWithScripts).toEqual(expect.arrayContaining(['README.md', 'docs/training.md']))
  expect(pagesWithScripts.length).toBeGreaterThanOrEqual(11)
})

const fileOf = ({ page, number }: Snippet): string =>
  join(folder, `${page.replace(/\W/g, '-')}-${number}.mts`)
for (const snippet of scripts) writeFileSync(fileOf(snippet), snippet.code)

// All in one go: loading the compiler takes longer than the snippets do.
test('the snippets type-check', () => {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const strict = '--noEmit --strict --target es2022 --module nodenext --skipLibCheck --types node'
  const args = [tsc, '--ignoreConfig', ...strict.split(' '), ...scripts.map(fileOf)]
  expect(() => execFileSync(process.execPath, args, { cwd: folder, stdio: 'inherit' })).not.toThrow()
})

// Those of a page in one process: starting one takes longer than most snippets do.
const runner = join(folder, 'run.mjs')
writeFileSync(runner, 'for (const file of process.argv.slice(2)) await import(file)\n')
test.each(pagesWithScripts)('%s: the TypeScript runs', (page) => {
  const files = scripts.filter((snippet) => snippet.page === page).map(fileOf)
  const output = execFileSync(process.execPath, ['--import', 'tsx', runner, ...files], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  expect(output).not.toContain('undefined')
})

const commands = snippets.filter(({ language }) => language === 'sh')
const MAIN = join(ROOT, 'dist', 'cli', 'main.js')
const NPX = `set -e\nnpx() { shift; '${process.execPath}' '${MAIN}' "$@"; }\n`
test.each(commands)('$page: the commands of block $number run', ({ code }) => {
  // What needs a registry is run from the packed package, by the check of the newcomer's path.
  if (/^npm |--install$/m.test(code)) expect(NEWCOMER_COMMANDS).toEqual(code.trim().split('\n'))
  else execFileSync('bash', ['-c', NPX + code], { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] })
})

const parts = snippets.filter(
  ({ language, file }) => file !== undefined || !['ts', 'sh', 'text', ''].includes(language),
)
test.each(parts)('$page: block $number is a part of $file', ({ file, code }) => {
  expect(file).toBeDefined()
  expect(readFileSync(join(ROOT, file ?? ''), 'utf8')).toContain(code)
})

test.each(pages)('%s: the links lead to files', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^```[^]*?^```$/gm, '')
  const targets = Array.from(text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g), ([, target]) => target)
  expect(targets.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([])
})

test('the README counts the lines of the same job in four libraries', () => {
  const lines = (file: string): number =>
    readFileSync(join(ROOT, 'examples', 'side-by-side', file), 'utf8')
      .replace(/\/\*[^]*?\*\/|"""[^]*?"""/g, '')
      .split('\n')
      .filter((line) => !/^\s*(\/\/.*|#.*)?$/.test(line)).length
  const counts = ['penguins.ts', 'penguins.py', 'penguins-brain.mjs', 'penguins-tfjs.mjs'].map(lines)
  const row = /\| hadamard \| scikit-learn \| brain\.js \| TensorFlow\.js \|\n.*\n\|(.*)\|\n/.exec(
    readFileSync(join(ROOT, 'README.md'), 'utf8'),
  )
  expect(row?.[1].split('|').map(Number)).toEqual(counts)
})
