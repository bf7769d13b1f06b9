/** The tiles of products in WebAssembly against those in TypeScript, bit for bit: both fma of float32, and float64. */

import { expect, test } from 'vitest'
import { exactFloat32, fastFloat32, float64, type Arithmetic } from '../src/ops/arithmetic.ts'
import { gemm } from '../src/ops/matmul.ts'
import { productModule, vectorTiles } from '../src/ops/product-module.ts'
import {
  COLUMNS,
  K_BLOCK,
  plainTiles,
  TILE_COLUMNS,
  TILE_ROWS,
  type ProductTiles,
} from '../src/ops/product-tiles.ts'
import { randomStream } from '../src/random.ts'

const ARITHMETICS: readonly (readonly [string, Arithmetic])[] = [
  ['fast float32', fastFloat32],
  ['exact float32', exactFloat32],
  ['float64', float64],
]

const TILES = COLUMNS / TILE_COLUMNS
const SPECIAL = [0, -0, 1, -1, Infinity, -Infinity, NaN, 2 ** -149, -(2 ** -126), 2 ** 127, -(2 ** -75)]

type Draw = (i: number) => number

// Factors and addends by number of the draw.
const random = randomStream(1, 'product tiles')
const similar: Draw = (i) => 2 * random.uniform(i) - 1
const anySize: Draw = (i) => (random.uniform(i) - 0.5) * 2 ** (random.below(160, i + 1e8) - 90)
const special: Draw = (i) => SPECIAL[random.below(12 * SPECIAL.length, i)] ?? random.uniform(i)
// Odd multiples of 2^-12 have a product half-way between two floats; the addend is lost in the double sum.
const odd: Draw = (i) => 1 + (2 * random.below(700, i) + 1) / 4096
const lost: Draw = (i) => (i % 2 === 0 ? 1 : -1) * 2 ** -(54 + (i % 40))
const KINDS: readonly (readonly [title: string, factor: Draw, addend: Draw])[] = [
  ['of similar size', similar, similar],
  ['of any size, down to subnormal products', anySize, anySize],
  ['close to ties', odd, lost],
  ['with special ones', special, special],
]

const draw = (
  length: number,
  first: number,
  kind: (i: number) => number,
  { round }: Arithmetic,
): Float64Array => Float64Array.from({ length }, (_, i) => round(kind(first + i)))

function vectorTilesHere(arithmetic: Arithmetic): ProductTiles {
  const tiles = vectorTiles(arithmetic)
  if (tiles === undefined) throw new Error('expected WebAssembly here; received nothing')
  return tiles
}

/** The sums that tiles make of panels. */
function sumsOf(
  tiles: ProductTiles,
  panels: Omit<ProductTiles, 'add'>,
  k: number,
  count: number,
  resumes = 1,
): Float64Array {
  tiles.rows.set(panels.rows)
  tiles.columns.set(panels.columns)
  tiles.sums.set(panels.sums)
  tiles.add(k, count, resumes)
  return tiles.sums.slice()
}

const cases = ARITHMETICS.flatMap(([name, arithmetic]) =>
  KINDS.map(([title, factor, addend]) => [name, title, arithmetic, factor, addend] as const),
)

function panelsOf(arithmetic: Arithmetic, factor: Draw, addend: Draw): Omit<ProductTiles, 'add'> {
  return {
    rows: draw(K_BLOCK * TILE_ROWS, 0, factor, arithmetic),
    columns: draw(K_BLOCK * COLUMNS, 1e6, factor, arithmetic),
    sums: draw(TILE_ROWS * COLUMNS, 2e6, addend, arithmetic),
  }
}

test.each(cases)('%s, numbers %s: the same sums in WebAssembly', (_, __, arithmetic, factor, addend) => {
  const plain = plainTiles(arithmetic)
  const vector = vectorTilesHere(arithmetic)
  const panels = panelsOf(arithmetic, factor, addend)
  for (const [k, count] of [
    [1, 1],
    [1, TILES],
    [2, 3],
    [17, TILES],
    [K_BLOCK, 2],
    [K_BLOCK, TILES],
  ]) {
    // Signs of zeros count, payloads of NaN do not: JavaScript has but one, and toEqual asks Object.is.
    expect(sumsOf(vector, panels, k, count)).toEqual(sumsOf(plain, panels, k, count))
  }
  expect(sumsOf(vector, panels, 5, TILES, 0)).toEqual(sumsOf(plain, panels, 5, TILES, 0))
})

test('numbers close to ties are hard ones: the fast fma gives other sums than the exact one', () => {
  const panels = panelsOf(fastFloat32, odd, lost)
  const fast = sumsOf(plainTiles(fastFloat32), panels, 1, TILES)
  expect(fast).not.toEqual(sumsOf(plainTiles(exactFloat32), panels, 1, TILES))
})

test.each(ARITHMETICS)('%s: products of all forms and edges are the same in WebAssembly', (_, arithmetic) => {
  const inTypeScript = gemm(arithmetic, plainTiles)
  const inWebAssembly = gemm(arithmetic, vectorTilesHere)
  const array = arithmetic.dtype === 'float32' ? Float32Array : Float64Array
  for (let i = 0; i < 60; i++) {
    const [m, n, k] = [1 + (i % 9), 2 + ((7 * i) % 139), 1 + ((37 * i) % 541)]
    const [transA, transB, beta] = [i % 2 === 1, i % 4 > 1, [0, 1, -0.3][i % 3]]
    const [lda, ldb, ldc] = [(transA ? m : k) + (i % 2), (transB ? k : n) + (i % 3), n + (i % 5)]
    const a = array.from(draw((transA ? k : m) * lda, 0, anySize, arithmetic))
    const b = array.from(draw((transB ? n : k) * ldb, 1e6, anySize, arithmetic))
    const c = array.from(draw(m * ldc, 2e6, anySize, arithmetic))
    const [one, other] = [c.slice(), c.slice()]
    inTypeScript(transA, transB, m, n, k, i % 5 === 0 ? 0.7 : 1, a, lda, b, ldb, beta, one, ldc)
    inWebAssembly(transA, transB, m, n, k, i % 5 === 0 ? 0.7 : 1, a, lda, b, ldb, beta, other, ldc)
    expect(other).toEqual(one)
  }
})

// Larger ones are not compiled on the main thread of some browsers.
test.each(ARITHMETICS)('%s: the module is below 4 KB', (_, arithmetic) => {
  expect(productModule(arithmetic).length).toBeLessThan(4096)
})

test('where WebAssembly is not there the tiles in TypeScript serve', () => {
  const kept = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly')
  if (kept === undefined) throw new Error('expected WebAssembly here; received nothing')
  const c = new Float32Array(4)
  try {
    Reflect.deleteProperty(globalThis, 'WebAssembly')
    expect(vectorTiles(fastFloat32)).toBeUndefined()
    const a = Float32Array.of(1, 2, 3, 4)
    gemm(fastFloat32)(false, false, 2, 2, 2, 1, a, 2, a, 2, 0, c, 2)
  } finally {
    Object.defineProperty(globalThis, 'WebAssembly', kept)
  }
  expect([...c]).toEqual([7, 10, 15, 22])
})
