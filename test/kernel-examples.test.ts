/** The example of every exported kernel runs and gives what it says. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import * as kernels from '../src/kernels.ts'

const FOLDER = join(import.meta.dirname, '..', 'src', 'kernels')
const EXPORTED = /\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport function (\w+)/g

const comments = new Map(
  readdirSync(FOLDER).flatMap((file) =>
    [...readFileSync(join(FOLDER, file), 'utf8').matchAll(EXPORTED)].map(
      ([, comment, name]) => [name, comment.replaceAll(/^ \* ?/gm, '')] as const,
    ),
  ),
)

// `expression // value`, the value possibly on a line of its own; `…` stands for further digits.
function runExample(example: string): string[] {
  const lines = example
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
  runInNewContext(source.join('\n'), { ...kernels, check })
  return checks > 0 ? complaints : ['the example says nothing of its result']
}

test.each(Object.keys(kernels))('%s: the comment says how it behaves, and its example is right', (name) => {
  const comment = comments.get(name) ?? ''
  expect(comment).toMatch(/Synchronous/)
  expect(comment).toMatch(/@throws SpecError/)
  expect(runExample(comment.split('@example')[1] ?? '')).toEqual([])
})
