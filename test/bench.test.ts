/** The bench's arithmetic: operations of a workload, verdicts on figures, comparison with history. No timings. */

import { expect, test } from 'vitest'
import { casesOf, inferenceFlops, trainingFlops } from '../bench/cases.ts'
import { compare } from '../bench/history.ts'
import { lineOf, type Result } from '../bench/measure.ts'
import { microseconds, ratio, share, speedup, type Measured } from '../bench/targets.ts'
import { workloadNamed } from '../bench/workloads.ts'

const trainW2 = casesOf(1).find(({ task, config }) => task === 'train' && config === 'W2 b128')
const inferW2 = casesOf(1).find(({ task, config }) => task === 'infer' && config === 'W2 b1')
if (trainW2 === undefined || inferW2 === undefined) throw new Error('no cases of W2')

const native = (of: Result['of'], best: number): Result => ({
  peer: 'hadamard-native',
  version: '0',
  of,
  best,
  median: best,
})
const rival = (of: Result['of'], best: number, peer = 'jax'): Result => ({ ...native(of, best), peer })
const measured = (...results: Result[]): Measured => ({
  results,
  peaks: new Map([[1, { float32: 32.128, float64: 16 }]]),
  threads: 2,
})

test('operations are those of forward pass, dW and dX without that of the first layer', () => {
  const first = 28 * 64
  const others = 64 * 64 + 64 * 1
  expect(trainingFlops(workloadNamed('W2'))).toBe(2 * (2 * first + 3 * others))
  expect(inferenceFlops(workloadNamed('W2'))).toBe(2 * (first + others))
})

test('a share is of the peak, operations of W2 being 32128 a row', () => {
  expect(share(0.5)(measured(native(trainW2, 500_000)))[0].isMet).toBe(true)
  expect(share(0.51)(measured(native(trainW2, 500_000)))[0].isMet).toBe(false)
})

test('a ratio is to the best rival, and undecided where none is present', () => {
  const results = [native(trainW2, 100), rival(trainW2, 60), rival(trainW2, 80, 'tensorflow')]
  const [verdict] = ratio(1.3, ['jax', 'tensorflow'])(measured(...results))
  expect(verdict).toMatchObject({
    isMet: false,
    text: expect.stringContaining('1.25 × tensorflow') as string,
  })
  expect(ratio(1.3, ['jax'])(measured(...results))[0].isMet).toBe(true)
  expect(ratio(1.3, ['fann'])(measured(...results))[0].isMet).toBeUndefined()
})

test('a geometric mean decides for all cases at once', () => {
  const results = [native(trainW2, 200), rival(trainW2, 100), native(inferW2, 50), rival(inferW2, 100)]
  expect(ratio(1, ['jax'], { mean: true })(measured(...results)).at(-1)).toMatchObject({ isMet: true })
  expect(ratio(1.01, ['jax'], { mean: true })(measured(...results)).at(-1)).toMatchObject({ isMet: false })
})

test('a latency is the reciprocal of calls per second', () => {
  expect(microseconds(2, { config: 'W2 b1' })(measured(native(inferW2, 500_000)))[0].isMet).toBe(true)
  expect(microseconds(1.9, { config: 'W2 b1' })(measured(native(inferW2, 500_000)))[0].isMet).toBe(false)
})

test('a speedup is that of all threads over one', () => {
  const results = [native(trainW2, 100), native({ ...trainW2, threads: 2 }, 185)]
  expect(speedup(1.85, { config: 'W2 b128' })(measured(...results))[0].isMet).toBe(true)
  expect(speedup(1.9, { config: 'W2 b128' })(measured(...results))[0].isMet).toBe(false)
})

test('what moved by more than a tenth is told, microseconds being better the fewer they are', () => {
  const before = [lineOf(native(trainW2, 100)), lineOf(native(inferW2, 100))]
  expect(compare(before, [lineOf(native(trainW2, 109)), lineOf(native(inferW2, 91))])).toEqual([])
  expect(compare(before, [lineOf(native(trainW2, 120))])[0]).toMatch(/20 % faster$/)
  expect(compare(before, [lineOf(native(inferW2, 80))])[0]).toMatch(/20 % slower$/)
})
