/** The example of every exported kernel runs and gives what it says. */

import { expect, test } from 'vitest'
import * as kernels from '../src/kernels.ts'
import { docComments, runExample } from './support/examples.ts'

const comments = docComments('kernels')

test.each(Object.keys(kernels))('%s: the comment says how it behaves, and its example is right', (name) => {
  const comment = comments.get(name) ?? ''
  expect(comment).toMatch(/Synchronous/)
  expect(comment).toMatch(/@throws SpecError/)
  expect(runExample(comment, kernels)).toEqual([])
})
