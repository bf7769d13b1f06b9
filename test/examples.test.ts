/** Every example runs against the built package, as users run it, and prints what it is there to show. */

import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isNativeUnderTest } from './support/backends.ts'

interface Example {
  /** What its output must show. */
  readonly check: (output: string) => void
  /** Whether it computes so much that only the native core runs it here. */
  readonly isHeavy?: boolean
}

/** The numbers on the line that starts with a title. */
function numbersAfter(title: string, output: string): number[] {
  const line = output.split('\n').find((text) => text.startsWith(`${title} `)) ?? ''
  return (line.slice(title.length).match(/-?[\d.]+(e-?\d+)?/g) ?? []).map(Number)
}

const examples: Readonly<Record<string, Example>> = {
  'tanh-init.ts': {
    isHeavy: true,
    check(output) {
      // CS 4774, lecture 12, computed anew: its print-out has a misprint and lacks a layer.
      const published = [0.6284, 0.4856, 0.4071, 0.3572, 0.3203, 0.2925, 0.2719, 0.2546, 0.2396, 0.2266]
      const kept = numbersAfter('lecunNormal', output)
      expect(kept).toHaveLength(published.length)
      kept.forEach((value, i) => expect(Math.abs(value - published[i])).toBeLessThan(0.01))
      // The first layer's input has variance 500·0.01²; from there on each layer shrinks it by as much.
      const small = numbersAfter('small', output)
      expect(small).toHaveLength(10)
      expect(small[0]).toBeCloseTo(0.01 * Math.sqrt(500), 1)
      expect(small[9]).toBeLessThan(1e-4)
      const large = numbersAfter('large', output)
      expect(large).toHaveLength(10)
      for (const value of large) expect(value).toBeGreaterThan(0.95)
    },
  },
}

const FOLDER = join(import.meta.dirname, '..', 'examples')

test('every example has its check', () => {
  expect(readdirSync(FOLDER).filter((file) => file.endsWith('.ts'))).toEqual(Object.keys(examples).sort())
})

const run = Object.entries(examples).filter(([, { isHeavy = false }]) => isNativeUnderTest || !isHeavy)

test.each(run)('%s', (file, { check }) => {
  const output = execFileSync(process.execPath, ['--import', 'tsx', join(FOLDER, file)], {
    cwd: FOLDER,
    encoding: 'utf8',
    timeout: 110_000,
  })
  check(output)
})
