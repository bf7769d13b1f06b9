/**
 * The tiles of product-tiles.ts in WebAssembly, two doubles at a time: the same operations in the same order, so the same bits.
 *
 * The module is written here, byte by byte, when it is asked for: the package ships no binary, and where WebAssembly or its
 * vectors are not there, or a page's content security policy forbids them, the tiles in TypeScript serve.
 */

import {
  ABSOLUTE,
  ADD,
  ADD_INTEGERS,
  advance,
  AND,
  choose,
  get,
  GREATER,
  GREATER_INTEGER,
  integer,
  load,
  loadSplat,
  moduleOf,
  MULTIPLY,
  OR,
  repeat,
  ROUND,
  set,
  shiftRight,
  store,
  SUBTRACT,
  tee,
  XOR,
  ZERO,
  type Code,
} from './assembler.ts'
import { fmaExact, type Arithmetic } from './arithmetic.ts'
import {
  COLUMNS,
  COLUMNS_OFFSET,
  PANEL_BYTES,
  panelsIn,
  SUMS_OFFSET,
  TILE_COLUMNS,
  TILE_ROWS,
  type ProductTiles,
} from './product-tiles.ts'

const DOUBLE = 8
const VECTORS = TILE_COLUMNS / 2
const PAGE = 65536
const PAGES = Math.ceil(PANEL_BYTES / PAGE)

// Locals: the parameters, a counter and addresses, then vectors.
const K = 0
const TILE = 1
const RESUMES = 2
const P = 3
const A = 4
const B = 5
const S = 6
const CHAINS = 7
const FACTORS = CHAINS + TILE_ROWS * VECTORS
const FACTOR = FACTORS + VECTORS
const PRODUCT = FACTOR + 1
const SUM = PRODUCT + 1
const RESIDUAL = SUM + 1
const INEXACT = RESIDUAL + 1
const LOCALS = { parameters: 3, integers: CHAINS - P, vectors: INEXACT + 1 - CHAINS }

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

// What the sum in SUM loses by its rounding, into RESIDUAL.
const twoSum = (addend: number): Code => [
  ...[...get(SUM), ...get(PRODUCT), ...SUBTRACT, ...set(RESIDUAL)],
  ...[...get(PRODUCT), ...get(SUM), ...get(RESIDUAL), ...SUBTRACT, ...SUBTRACT],
  ...[...get(addend), ...get(RESIDUAL), ...SUBTRACT, ...ADD, ...set(RESIDUAL)],
]

// Pushes SUM rounded to odd: the next double towards 0 where the residual points there, and its last bit set where it is inexact.
const roundedToOdd: Code = [
  ...[...get(RESIDUAL), ...ABSOLUTE, ...ZERO, ...GREATER, ...set(INEXACT)],
  // All bits, which are −1 as an integer, where the signs of sum and residual differ.
  ...[...get(SUM), ...ZERO, ...get(RESIDUAL), ...get(SUM), ...XOR, ...GREATER_INTEGER],
  ...[...get(INEXACT), ...AND, ...ADD_INTEGERS],
  ...[...get(INEXACT), ...shiftRight(63), ...OR],
]

// How a chain takes in the product of FACTOR and a vector of factors, by arithmetic.
const fastStep = (chain: number, factors: number): Code => [
  ...[...get(FACTOR), ...get(factors), ...MULTIPLY, ...get(chain), ...ADD, ...ROUND, ...set(chain)],
]
const exactStep = (chain: number, factors: number): Code => [
  ...[...get(FACTOR), ...get(factors), ...MULTIPLY, ...tee(PRODUCT), ...get(chain), ...ADD, ...set(SUM)],
  ...[...twoSum(chain), ...roundedToOdd, ...ROUND, ...set(chain)],
]
const stepOfDoubles = (chain: number, factors: number): Code => [
  ...[...get(FACTOR), ...get(factors), ...MULTIPLY, ...get(chain), ...ADD, ...set(chain)],
]

type Step = (chain: number, factors: number) => Code

const chainOf = (row: number, vector: number): number => CHAINS + row * VECTORS + vector

// One p: a row of factors from columns, and of each row of the tile its own factor.
function oneProduct(step: Step): Code {
  return [
    ...range(VECTORS).flatMap((v) => [...get(B), ...load(2 * v * DOUBLE), ...set(FACTORS + v)]),
    ...range(TILE_ROWS).flatMap((row) => [
      ...[...get(A), ...loadSplat(row * DOUBLE), ...set(FACTOR)],
      ...range(VECTORS).flatMap((v) => step(chainOf(row, v), FACTORS + v)),
    ]),
    ...advance(A, TILE_ROWS * DOUBLE),
    ...advance(B, TILE_COLUMNS * DOUBLE),
  ]
}

const stepOf = ({ dtype, mulAdd }: Arithmetic): Step =>
  dtype === 'float64' ? stepOfDoubles : mulAdd === fmaExact ? exactStep : fastStep

/** The bytes of the module of an arithmetic. */
export function productModule(arithmetic: Arithmetic): Uint8Array<ArrayBuffer> {
  const step = stepOf(arithmetic)
  const chains = range(TILE_ROWS).flatMap((row) =>
    range(VECTORS).map((v) => ({ chain: chainOf(row, v), offset: (row * COLUMNS + 2 * v) * DOUBLE })),
  )
  return moduleOf(LOCALS, [
    ...[...advance(B, COLUMNS_OFFSET), ...advance(S, SUMS_OFFSET)],
    ...repeat(TILE, [
      ...[...get(K), ...set(P), ...integer(0), ...set(A)],
      ...choose(
        RESUMES,
        chains.flatMap(({ chain, offset }) => [...get(S), ...load(offset), ...set(chain)]),
        chains.flatMap(({ chain }) => [...ZERO, ...set(chain)]),
      ),
      ...repeat(P, oneProduct(step)),
      ...chains.flatMap(({ chain, offset }) => [...get(S), ...get(chain), ...store(offset)]),
      ...advance(S, TILE_COLUMNS * DOUBLE),
    ]),
  ])
}

interface Memory {
  readonly buffer: ArrayBuffer
}

// What is used of the global object; TypeScript's types have it for browsers alone.
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number; maximum: number }) => Memory
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (
    module: object,
    imports: { m: { m: Memory } },
  ) => { readonly exports: { readonly f: ProductTiles['add'] } }
}

// One for all arithmetics: products never overlap in time.
let memory: Memory | undefined

/** The tiles of an arithmetic in WebAssembly; undefined where it is not to be had. */
export function vectorTiles(arithmetic: Arithmetic): ProductTiles | undefined {
  try {
    const module = new WebAssembly.Module(productModule(arithmetic))
    memory ??= new WebAssembly.Memory({ initial: PAGES, maximum: PAGES })
    const { exports } = new WebAssembly.Instance(module, { m: { m: memory } })
    return { ...panelsIn(memory.buffer), add: exports.f }
  } catch {
    return undefined
  }
}
