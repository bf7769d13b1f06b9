/** The examples in doc comments, run. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'

const EXPORTED = /\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport function (\w+)/g

/** Doc comments of the functions that a folder of `src` exports, by name. */
export function docComments(folder: string): ReadonlyMap<string, string> {
  const path = join(import.meta.dirname, '..', '..', 'src', folder)
  return new Map(
    readdirSync(path).flatMap((file) =>
      [...readFileSync(join(path, file), 'utf8').matchAll(EXPORTED)].map(
        ([, comment, name]) => [name, comment.replaceAll(/^ \* ?/gm, '')] as const,
      ),
    ),
  )
}

/**
 * Runs the example of a comment and compares its results: `expression // value`, the value possibly on a line of its own;
 * `…` stands for further digits.
 *
 * @param names what the example finds defined
 * @returns what is not as it says
 */
export function runExample(comment: string, names: object): string[] {
  const lines = (comment.split('@example')[1] ?? '')
    .trim()
    .replaceAll(/\n\/\/ /g, ' // ')
    .split('\n')
  let checks = 0
  const complaints: string[] = []
  const check = (value: unknown, expected: string): void => {
    checks++
    const shown = inspect(value, { breakLength: Infinity }).replaceAll(/Array\(\d+\)/g, 'Array')
    const pattern = expected.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '\\d*')
    if (!new RegExp(`^${pattern}$`).test(shown)) complaints.push(`expected ${expected}; received ${shown}`)
  }
  const source = lines.map((line) => {
    const [, expression, expected] = /^(.*?) \/\/ (.*)$/.exec(line) ?? []
    return expected === undefined ? line : `check(${expression}, ${JSON.stringify(expected)})`
  })
  // A context of its own also has typed arrays of its own, as Jest's tests have.
  runInNewContext(source.join('\n'), { ...names, check })
  return checks > 0 ? complaints : ['the example says nothing of its result']
}
