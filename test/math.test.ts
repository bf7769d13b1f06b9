/** The elementary functions against mpmath, at their edges, and by their symmetries. Worst errors: bench/ulp.cc. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exactFloat32, fastFloat32, float64, type Arithmetic, type Dtype } from '../src/ops/arithmetic.ts'
import { elementaryFunctions, type ElementaryFunctions } from '../src/ops/math.ts'
import { randomStream } from '../src/random.ts'

type Name = keyof ElementaryFunctions
type Pairs = readonly (readonly [x: number, y: number])[]

const { float32: pairs32, float64: pairs64 } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures', 'elementary.json'), 'utf8'),
) as Record<Dtype, Record<Name, Pairs>>

const arithmetics: { label: string; arithmetic: Arithmetic; pairs: Record<Name, Pairs> }[] = [
  { label: 'float32', arithmetic: exactFloat32, pairs: pairs32 },
  { label: 'float32 with the fast fma', arithmetic: fastFloat32, pairs: pairs32 },
  { label: 'float64', arithmetic: float64, pairs: pairs64 },
]

const limits: Record<Dtype, { digits: number; leastExponent: number; tiny: number; largest: number }> = {
  float32: { digits: 24, leastExponent: -126, tiny: 2 ** -149, largest: 3.4028234663852886e38 },
  float64: { digits: 53, leastExponent: -1022, tiny: 2 ** -1074, largest: Number.MAX_VALUE },
}

/** |received − exact| in units in the last place of the exact value. */
function errorInUlp(received: number, exact: number, dtype: Dtype): number {
  const { digits, leastExponent } = limits[dtype]
  // Math.log2 may round up to the next integer just below a power of two.
  let exponent = Math.floor(Math.log2(Math.abs(exact)))
  if (2 ** exponent > Math.abs(exact)) exponent--
  const last = Math.max(exponent, leastExponent) - digits + 1
  // In two steps: 2 ** -last alone may overflow.
  return Math.abs(received - exact) * 2 ** -Math.ceil(last / 2) * 2 ** -Math.floor(last / 2)
}

const odd: readonly Name[] = ['tanh', 'erf', 'atan']
const keepsZero: readonly Name[] = [...odd, 'expm1', 'log1p']

describe.each(arithmetics)('in $label', ({ arithmetic, pairs }) => {
  const functions = elementaryFunctions(arithmetic)
  const { dtype, round } = arithmetic
  const { tiny, largest } = limits[dtype]
  const names = Object.keys(functions) as Name[]

  test.each(names)('%s is within 2 ulp of mpmath', (name) => {
    expect(pairs[name].length).toBeGreaterThan(100)
    for (const [x, exact] of pairs[name]) {
      const received = functions[name](x)
      if (!(errorInUlp(received, exact, dtype) <= 2)) {
        expect.fail(`${name}(${x}): expected ${exact} within 2 ulp, received ${received}`)
      }
    }
  })

  test.each(names)('%s keeps NaN and returns values of the type', (name) => {
    expect(functions[name](NaN)).toBeNaN()
    for (const [x] of pairs[name]) {
      const y = functions[name](x)
      expect(round(y)).toBe(y)
    }
  })

  const halfPi = round(Math.PI / 2)
  const ln2 = round(Math.LN2)
  test.each<[Name, number, number]>([
    ['exp', -Infinity, 0],
    ['exp', -largest, 0],
    ['exp', -0, 1],
    ['exp', 0, 1],
    ['exp', largest, Infinity],
    ['exp', Infinity, Infinity],
    ['expm1', -Infinity, -1],
    ['expm1', -largest, -1],
    ['expm1', largest, Infinity],
    ['expm1', Infinity, Infinity],
    ['log', -Infinity, NaN],
    ['log', -tiny, NaN],
    ['log', -0, -Infinity],
    ['log', 0, -Infinity],
    ['log', 1, 0],
    ['log', Infinity, Infinity],
    ['log1p', -Infinity, NaN],
    ['log1p', -2, NaN],
    ['log1p', -1, -Infinity],
    ['log1p', Infinity, Infinity],
    ['tanh', -Infinity, -1],
    ['tanh', Infinity, 1],
    ['logistic', -Infinity, 0],
    ['logistic', -largest, 0],
    ['logistic', -0, 0.5],
    ['logistic', 0, 0.5],
    ['logistic', largest, 1],
    ['logistic', Infinity, 1],
    ['softplus', -Infinity, 0],
    ['softplus', -largest, 0],
    ['softplus', 0, ln2],
    ['softplus', -0, ln2],
    ['softplus', largest, largest],
    ['softplus', Infinity, Infinity],
    ['erf', -Infinity, -1],
    ['erf', Infinity, 1],
    ['atan', -Infinity, -halfPi],
    ['atan', Infinity, halfPi],
  ])('%s(%d) = %d', (name, x, expected) => {
    expect(functions[name](x)).toBe(expected)
  })

  test.each(keepsZero)('%s keeps the sign of zero and is x at the smallest numbers', (name) => {
    expect(functions[name](0)).toBe(0)
    expect(functions[name](-0)).toBe(-0)
    expect(functions[name](tiny)).toBe(tiny)
    expect(functions[name](-tiny)).toBe(-tiny)
  })

  const random = randomStream(1, 'math')
  // Values of all sizes from 2^-40 to 2^8.
  const draw = (i: number): number =>
    round((1 + random.uint32(2 * i) * 2 ** -32) * 2 ** ((random.uint32(2 * i + 1) % 48) - 40))

  test.each(odd)('%s(-x) = -%s(x)', (name) => {
    for (let i = 0; i < 5_000; i++) {
      const x = draw(i)
      expect(functions[name](-x)).toBe(-functions[name](x))
    }
  })

  test('exp of subnormal results is rounded once: the halves between subnormals decide', () => {
    // e^x is k + 1/2 smallest numbers, a little less below and a little more above.
    for (let k = 1; k < 40; k++) {
      const x = (k + 0.5) * 2 ** -20
      const at = Math.log(x) + Math.log(tiny) + 20 * Math.LN2
      const near = Math.abs(at) * (dtype === 'float32' ? 2 ** -22 : 2 ** -50)
      expect(functions.exp(round(at - near))).toBe(k * tiny)
      expect(functions.exp(round(at + near))).toBe((k + 1) * tiny)
    }
  })
})
