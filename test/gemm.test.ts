/** gemm against plain loops: about two thousand random cases on every backend, chosen to hit each edge of its code. */

import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { chooseBackend } from '../src/backends/choose.ts'
import { gemm } from '../src/kernels.ts'
import type { FloatArray } from '../src/ops/arithmetic.ts'
import { randomStream } from '../src/random.ts'
import { backendsUnderTest } from './support/backends.ts'
import { describeDifference, findDifference } from '../src/backends/compare.ts'
import { dtypes, type TestedDtype } from './support/dtypes.ts'

const CANARY = 4711

// Around every tile, vector and block of the kernels: rows of tiles, widths, the lanes, depth and stride of packing.
const ROWS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 23, 24, 25, 27, 28, 29, 55, 56, 57]
const COLUMNS = [
  1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65, 255, 256, 257,
]
const DEPTHS = [1, 2, 3, 4, 8, 15, 16, 17, 31, 32, 33, 64, 255, 256, 257, 511, 512, 513]
const EMPTY = [0, 0, 1, 2, 17]
const WORK = 20_000

interface Dice {
  below: (bound: number) => number
  pick: <T>(list: readonly T[]) => T
  /** A double in [-1, 1) that may stand for a rounding error's worst friend. */
  real: () => number
}

function dice(seed: number, name: string): Dice {
  const random = randomStream(seed, name)
  let draw = 0
  const below = (bound: number): number => random.below(bound, draw++)
  return { below, pick: (list) => list[below(list.length)], real: () => 2 * random.uniform(draw++) - 1 }
}

interface Case {
  seed: number
  transA: boolean
  transB: boolean
  m: number
  n: number
  k: number
  alpha: number
  beta: number
  lda: number
  ldb: number
  ldc: number
  a: FloatArray
  b: FloatArray
  c: FloatArray
}

/** How a group of cases is drawn. */
interface Recipe {
  name: string
  count: number
  alphas: readonly number[]
  betas: readonly number[]
  sizes?: 'empty'
  element: (dice: Dice, matrix: 'a' | 'b' | 'c', dtype: TestedDtype) => number
  /** What is wrong with an element, or undefined. */
  complaint: (received: number, expected: Expected, dtype: TestedDtype) => string | undefined
}

/** One element by a plain loop, with the sum of magnitudes that its error is measured by. */
interface Expected {
  value: number
  /** What `value` lacks of the exact sum. */
  rest: number
  magnitude: number
  terms: number
}

const integer = ({ below }: Dice): number => below(17) - 8
const equal = (received: number, { value }: Expected): string | undefined =>
  received === value || (received !== received && value !== value) ? undefined : `expected ${value}`

const recipes: readonly Recipe[] = [
  {
    name: 'integers are exact',
    count: 700,
    alphas: [1, 1, 1, 0, -1, 2, 0.5],
    betas: [0, 0, 1, 1, -1, 2, 0.5],
    element: integer,
    complaint: equal,
  },
  {
    name: 'real numbers are within 2(k + 4) roundings of the sum of magnitudes',
    count: 700,
    alphas: [1, 1, -1, 2, 0.5, 0.7, 0.1, -3.3],
    betas: [0, 0, 1, -1, 2, 0.5, 1.3, -0.1],
    element: ({ real, below }) => real() * 2 ** (below(8) - 4),
    complaint: (received, { value, rest, magnitude, terms }, { unit }) => {
      const error = Math.abs(received - value - rest)
      const bound = 2 * (terms + 4) * unit * magnitude
      return error <= bound ? undefined : `expected ${value} within ${bound}, off by ${error}`
    },
  },
  {
    name: 'infinities and NaN spread as IEEE 754 says, and zeros are never skipped',
    count: 300,
    alphas: [1, 1, 0, -1, 2, NaN, Infinity, -Infinity],
    betas: [0, 1, 1, 2, NaN, Infinity],
    element: ({ below, pick }) =>
      below(12) === 0 ? pick([NaN, Infinity, -Infinity]) : pick([0, 0, 1, -1, 2, -3]),
    complaint: (received, { value }) =>
      Object.is(received, value) || Math.abs(received) === Math.abs(value) ? undefined : `expected ${value}`,
  },
  {
    name: 'subnormal numbers are kept',
    count: 200,
    alphas: [1, 1, 0, -1, 2],
    betas: [0, 1, -1, 2],
    element: (random, matrix, { smallest }) => integer(random) * (matrix === 'a' ? 1 : smallest),
    complaint: equal,
  },
  {
    name: 'empty sizes give beta times c, without a read of a or b',
    count: 100,
    alphas: [1, 0, 2, NaN, Infinity],
    betas: [0, 1, 2, -1],
    sizes: 'empty',
    element: integer,
    complaint: equal,
  },
]

function drawSizes({ pick, below }: Dice, isEmpty: boolean): [m: number, n: number, k: number] {
  if (isEmpty) {
    const sizes: [number, number, number] = [pick(ROWS), pick(COLUMNS), pick(DEPTHS)]
    sizes[below(3)] = 0
    return sizes.map((size) => (below(3) === 0 ? pick(EMPTY) : size)) as [number, number, number]
  }
  for (;;) {
    const sizes: [number, number, number] = [pick(ROWS), pick(COLUMNS), pick(DEPTHS)]
    if (below(10) === 0) sizes[1] = 1
    if (sizes[0] * sizes[1] * sizes[2] <= WORK) return sizes
  }
}

function drawCase(
  recipe: Recipe,
  dtype: TestedDtype,
  seed: number,
  size?: [number, number, number],
  apart?: number,
): Case {
  const random = dice(seed, recipe.name)
  const { below, pick } = random
  const [m, n, k] = size ?? drawSizes(random, recipe.sizes === 'empty')
  const [transA, transB] = [(seed & 1) === 1, (seed & 2) === 2]
  const [alpha, beta] = [pick(recipe.alphas), pick(recipe.betas)]
  // NaN in every element that is not the matrix's own: in front of it, between its rows and behind it.
  const matrix = (
    rows: number,
    columns: number,
    padding: number,
    element: () => number,
    given?: number,
  ): [FloatArray, number] => {
    const isLong = rows <= 1 && below(4) === 0
    const ld = given ?? (isLong ? 2 ** 31 - 1 : Math.max(1, columns) + below(4))
    const span = rows === 0 || columns === 0 ? 0 : (rows - 1) * ld + columns
    const before = below(4)
    const array = dtype
      .array(before + span + below(20))
      .fill(padding)
      .subarray(before)
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) array[i * ld + j] = element()
    return [array, ld]
  }
  const drawn = (which: 'a' | 'b' | 'c') => () => recipe.element(random, which, dtype)
  const [a, lda] = matrix(transA ? k : m, transA ? m : k, NaN, drawn('a'), apart)
  const [b, ldb] = matrix(transB ? n : k, transB ? k : n, NaN, drawn('b'))
  const [c, ldc] = matrix(m, n, CANARY, beta === 0 ? () => NaN : drawn('c'))
  return { seed, transA, transB, m, n, k, alpha, beta, lda, ldb, ldc, a, b, c }
}

// Product without rounding error, as Dekker's splitting gives it for doubles; exact at once for float32.
function productError(a: number, b: number, product: number): number {
  const split = (x: number): [number, number] => {
    const high = 134217729 * x - (134217729 * x - x)
    return [high, x - high]
  }
  const [aHigh, aLow] = split(a)
  const [bHigh, bLow] = split(b)
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)
}

function expectedElement(given: Case, dtype: TestedDtype, i: number, j: number): Expected {
  const { transA, transB, k, lda, ldb, ldc, a, b, c } = given
  const [alpha, beta] = [dtype.round(given.alpha), dtype.round(given.beta)]
  let value = 0
  let rest = 0
  let magnitude = 0
  const addProduct = (x: number, y: number): void => {
    const product = x * y
    const sum = value + product
    const back = sum - value
    rest += value - (sum - back) + (product - back)
    if (dtype.dtype === 'float64') rest += productError(x, y, product)
    value = sum
    magnitude += Math.abs(product)
  }
  const terms = alpha === 0 ? 0 : k
  for (let p = 0; p < terms; p++) {
    const x = a[transA ? p * lda + i : i * lda + p]
    addProduct(x, b[transB ? j * ldb + p : p * ldb + j])
  }
  if (terms > 0 && alpha !== 1) {
    const sum = value
    value = alpha * sum
    rest = alpha * rest + (dtype.dtype === 'float64' ? productError(alpha, sum, value) : 0)
    magnitude *= Math.abs(alpha)
  }
  if (beta !== 0) addProduct(beta, c[i * ldc + j])
  return { value, rest, magnitude, terms }
}

// With infinities among the numbers the value is that of the order that the contract names: alpha first.
function expectedSpecial(given: Case, i: number, j: number): Expected {
  const { transA, transB, k, alpha, beta, lda, ldb, ldc, a, b, c } = given
  let value = beta === 0 ? 0 : beta * c[i * ldc + j]
  for (let p = 0; alpha !== 0 && p < k; p++) {
    value += alpha * a[transA ? p * lda + i : i * lda + p] * b[transB ? j * ldb + p : p * ldb + j]
  }
  return { value, rest: 0, magnitude: 0, terms: k }
}

const engines = backendsUnderTest.map(({ label, options }) => ({ label, run: chooseBackend(options).gemm }))
// The last one is the fallback's exact mode, whose bits are the contract.
const specification = engines[engines.length - 1]

function describeCase({ a, b, c, ...sizes }: Case): string {
  return JSON.stringify({
    ...sizes,
    offsets: [a, b, c].map((array) => array.byteOffset / array.BYTES_PER_ELEMENT),
  })
}

function checkCase(recipe: Recipe, dtype: TestedDtype, given: Case): void {
  const { transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, ldc } = given
  const inputs = [a.slice(), b.slice()]
  const expected = Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n]
    const isSpecial = ![alpha, beta].every(Number.isFinite) || recipe.alphas.includes(NaN)
    return isSpecial ? expectedSpecial(given, i, j) : expectedElement(given, dtype, i, j)
  })
  const results = [...engines, { label: 'the public function', run: gemm<FloatArray> }].map(
    ({ label, run }) => {
      const whole = given.c.slice()
      // The same distance from an aligned address as before.
      const shift = given.c.byteOffset / dtype.bytes
      const c = dtype.array(shift + whole.length).subarray(shift)
      c.set(whole)
      run(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
      for (let at = 0; at < c.length; at++) {
        const [i, j] = [Math.floor(at / ldc), at % ldc]
        const isInside = i < m && j < n
        const complaint = isInside
          ? recipe.complaint(c[at], expected[i * n + j], dtype)
          : c[at] === CANARY
            ? undefined
            : 'was written between the rows'
        if (complaint !== undefined) {
          expect.fail(`${label}, c[${i}, ${j}]: received ${c[at]}, ${complaint}: ${describeCase(given)}`)
        }
      }
      return { label, c }
    },
  )
  const exact = results[engines.indexOf(specification)].c
  for (const { label, c } of results.slice(0, engines.length)) {
    const difference = findDifference(exact, c)
    if (difference !== undefined)
      expect.fail(`${label}: ${describeDifference(difference)}: ${describeCase(given)}`)
  }
  expect(inputs.map((before, i) => findDifference(before, [a, b][i]))).toEqual([undefined, undefined])
}

describe.each(dtypes)('gemm on $dtype', (dtype) => {
  test.each(recipes)('$name', (recipe) => {
    for (let seed = 0; seed < recipe.count; seed++) checkCase(recipe, dtype, drawCase(recipe, dtype, seed))
  })

  // Wide and tall enough for panels of both kinds, deep enough for two of them, with a ragged edge everywhere.
  test.each([
    [57, 275, 290],
    [3, 300, 520],
    [130, 1, 700],
    [70, 33, 513],
  ])('%i × %i over %i, packed and blocked, with every transposition', (m, n, k) => {
    for (const recipe of recipes.slice(0, 2)) {
      for (let seed = 0; seed < 4; seed++) checkCase(recipe, dtype, drawCase(recipe, dtype, seed, [m, n, k]))
    }
  })

  // More rows than a block of A, copied because its rows lie whole pages apart and in place, where operands exceed the
  // second-level cache; several panels of columns, copied ahead, of several blocks; and where A is so low that it is
  // transposed instead of B, in two parts of k, for a C that is read.
  test.each([
    { m: 530, n: 66, k: 270, seed: 1, apart: 1024 },
    { m: 40, n: 1030, k: 140, seed: 1, apart: 1024 },
    { m: 301, n: 130, k: 37, seed: 1 },
    { m: 40, n: 1030, k: 520, seed: 0 },
    { m: 40, n: 1088, k: 520, seed: 5 },
    { m: 1040, n: 500, k: 40, seed: 0 },
    { m: 32, n: 130, k: 1030, seed: 2 },
    { m: 32, n: 130, k: 1030, seed: 6 },
  ])('$m × $n over $k, several blocks', ({ m, n, k, seed, apart }) => {
    const recipe: Recipe = { ...recipes[0], alphas: [1], betas: [seed === 6 ? 2 : 0] }
    checkCase(recipe, dtype, drawCase(recipe, dtype, seed, [m, n, k], apart))
  })

  // A transposed and a C of so few columns that its vectors lie along the rows.
  test.each([
    [150, 10, 70],
    [77, 3, 65],
    [64, 9, 128],
    [131, 2, 600],
  ])('%i × %i over %i, few columns', (m, n, k) => {
    const recipe: Recipe = { ...recipes[0], alphas: [1], betas: [0] }
    checkCase(recipe, dtype, drawCase(recipe, dtype, 1, [m, n, k]))
  })

  test('the inputs may be one array', () => {
    const a = dtype.from([1, 2, 3, 4])
    const c = dtype.array(4)
    gemm(false, false, 2, 2, 2, 1, a, 2, a, 2, 0, c, 2)
    expect([...c]).toEqual([7, 10, 15, 22])
    gemm(true, false, 2, 2, 2, 1, a, 2, a, 2, 0, c, 2)
    expect([...c]).toEqual([10, 14, 14, 20])
  })

  test('beta = 0 does not read c, alpha = 0 and k = 0 do not read a and b', () => {
    for (const { run } of engines) {
      const [nan, c] = [dtype.from([NaN]), dtype.from([NaN])]
      run(false, false, 1, 1, 1, 1, dtype.from([2]), 1, dtype.from([3]), 1, 0, c, 1)
      expect(c[0]).toBe(6)
      run(false, false, 1, 1, 1, 0, nan, 1, nan, 1, 2, c, 1)
      expect(c[0]).toBe(12)
      run(false, false, 1, 1, 0, NaN, nan, 1, nan, 1, 1, c, 1)
      expect(c[0]).toBe(12)
    }
  })

  test('gives the same bits when called again, after other products, and from ten workers at once', async () => {
    const [m, n, k] = [61, 83, 300]
    const random = randomStream(9, 'workers')
    const [a, b, c] = [m * k, n * k, m * n].map((length, which) =>
      dtype.array(length).map((_, i) => random.normal(3 * i + which)),
    )
    const inWorker = `
      const { parentPort, workerData: { kernels, m, n, k, a, b, c } } = require('node:worker_threads')
      import(kernels).then(({ gemm }) => {
        const results = []
        for (let i = 0; i < 5; i++) {
          const out = c.slice()
          gemm(false, true, m, n, k, 0.7, a, k, b, k, 1.3, out, n)
          results.push(out)
          gemm(true, false, 7 + i, 9, 20, 1, a, 7 + i, b, 9, 0, c.slice(), 9)
        }
        parentPort.postMessage(results)
      })`
    const workerData = { kernels: join(import.meta.dirname, '..', 'dist', 'kernels.js'), m, n, k, a, b, c }
    const runs = Array.from({ length: 10 }, () => {
      const worker = new Worker(inWorker, { eval: true, workerData })
      return new Promise<FloatArray[]>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
    })
    const here = c.slice()
    gemm(false, true, m, n, k, 0.7, a, k, b, k, 1.3, here, n)
    const results = (await Promise.all(runs)).flat()
    expect(results.length).toBe(50)
    for (const there of results) expect(findDifference(here, there)).toBeUndefined()
  })
})
