/** What browsers get: a part of the library, bundled without Node. test/package trains it in Chromium. */

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import * as browser from '../src/browser/index.ts'
import * as library from '../src/index.ts'

const WEB = join(import.meta.dirname, '..', 'dist', 'web')

test('is a part of what Node gets', () => {
  const inNode = new Map<string, unknown>(Object.entries(library))
  for (const [name, value] of Object.entries(browser)) expect(inNode.get(name), name).toBe(value)
})

test('imports nothing of Node', () => {
  for (const file of readdirSync(WEB, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.js'),
  )) {
    expect(readFileSync(join(WEB, file), 'utf8'), file).not.toMatch(/(from|import|require\() ?"(node:|[a-z])/)
  }
})

test('says what needs Node, and what to do instead', () => {
  const script = `
    import { Network, dense } from ${JSON.stringify(pathToFileURL(join(WEB, 'index.js')).href)}
    const options = { inputs: 1, layers: [dense(1)], loss: 'squaredError' }
    const errors = [() => new Network(options).save('a.model'), async () => new Network({ ...options, backend: 'native' })]
    for (const action of errors) await action().catch((error) => console.log(error.message))
    process.exit(0)`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(output.split('\n')).toEqual([
    expect.stringMatching(/expected Node; received a browser\. Keep network\.spec, network\.parameters/),
    expect.stringMatching(
      /expected Node; received a browser\. Leave the backend and the instruction set out/,
    ),
    '',
  ])
})
