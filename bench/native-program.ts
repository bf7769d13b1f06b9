/** Compiles the C++ programs that measure; absent compilers and libraries are a reason, not an error. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

const HERE = import.meta.dirname
const BUILD = join(HERE, '..', 'build', 'bench')
const FLAGS = ['-std=c++20', '-O3', '-march=native', '-pthread']

/**
 * The compiled form of a C++ file of this folder, made anew where a source is younger.
 *
 * @param libraries what the linker is told, such as `-lopenblas`
 * @returns its path, or why there is none
 */
export function compiled(source: string, libraries: readonly string[] = []): { path: string } | string {
  const path = join(BUILD, basename(source, '.cc'))
  const from = join(HERE, source)
  const headers = readdirSync(join(HERE, 'rivals'))
    .filter((name) => name.endsWith('.h'))
    .map((name) => join(HERE, 'rivals', name))
  const youngest = Math.max(...[from, ...headers].map((file) => statSync(file).mtimeMs))
  if (existsSync(path) && statSync(path).mtimeMs > youngest) return { path }
  mkdirSync(BUILD, { recursive: true })
  const compiler = process.env.CXX ?? 'g++'
  const result = spawnSync(compiler, [...FLAGS, from, '-o', path, ...libraries], { encoding: 'utf8' })
  if (result.error !== undefined) return `no compiler ${compiler}`
  if (result.status === 0) return { path }
  return result.stderr.split('\n').find((line) => /error|cannot find/.test(line)) ?? 'it does not compile'
}
