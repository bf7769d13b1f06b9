/** exp, log, tanh, logistic and log1p on single float32 values: the polynomials of native/simd/math.inc. */

import type { Arithmetic } from './arithmetic.ts'

/** The elementary functions of one arithmetic. */
export interface ElementaryFunctions {
  readonly exp: (x: number) => number
  readonly log: (x: number) => number
  readonly tanh: (x: number) => number
  readonly logistic: (x: number) => number
  /** log(1 + e) for e in [0, 1]. */
  readonly log1p: (e: number) => number
}

const MAGIC = 12582912
const LOG2_E = 1.4426950216293335
const LN2_HIGH = 0.6931471824645996
const LN2_LOW = -1.9046542121259336e-9
const SMALLEST_NORMAL = 2 ** -126
const SQRT_HALF_BITS = 0x3f3504f3
const LOWEST_POWER = -150
const POWERS = Float64Array.from({ length: 280 }, (_, i) => 2 ** (LOWEST_POWER + i))

const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

/**
 * The elementary functions over an arithmetic; order of operations and coefficients as docs/numerics.md states them.
 *
 * @example
 * elementaryFunctions(exactFloat32).exp(1) // 2.7182817459106445
 */
export function elementaryFunctions({ round, fma }: Arithmetic): ElementaryFunctions {
  function exp(x: number): number {
    if (x !== x) return x
    const clamped = x > 89 ? 89 : x < -104 ? -104 : x
    const n = round(fma(clamped, LOG2_E, MAGIC) - MAGIC)
    const r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, clamped))
    let p = 0.0013942924560979009
    p = fma(p, r, 0.008369393646717072)
    p = fma(p, r, 0.04166637733578682)
    p = fma(p, r, 0.16666515171527863)
    p = fma(p, r, 0.5)
    return round(round(fma(round(r * r), p, r) + 1) * POWERS[n - LOWEST_POWER])
  }

  function log(x: number): number {
    if (!(x > 0)) return x === 0 ? -Infinity : NaN
    if (x === Infinity) return x
    const isSubnormal = x < SMALLEST_NORMAL
    float[0] = isSubnormal ? x * 8388608 : x
    const exponent = (bits[0] - SQRT_HALF_BITS) >> 23
    bits[0] -= exponent << 23
    const e = isSubnormal ? exponent - 23 : exponent
    const f = round(float[0] - 1)
    const s = round(f * f)
    let p = 0.06749271601438522
    p = fma(p, f, -0.11670099198818207)
    p = fma(p, f, 0.11883548647165298)
    p = fma(p, f, -0.12406233698129654)
    p = fma(p, f, 0.14220358431339264)
    p = fma(p, f, -0.16667988896369934)
    p = fma(p, f, 0.2000207155942917)
    p = fma(p, f, -0.25000008940696716)
    p = fma(p, f, 0.3333331346511841)
    const q = fma(e, LN2_LOW, fma(round(f * s), p, round(-0.5 * s)))
    return fma(e, LN2_HIGH, round(f + q))
  }

  function tanh(x: number): number {
    const z = Math.abs(x)
    if (z < 0.625) {
      const s = round(x * x)
      let p = -0.005683822091668844
      p = fma(p, s, 0.02062203921377659)
      p = fma(p, s, -0.0537351556122303)
      p = fma(p, s, 0.13331396877765656)
      p = fma(p, s, -0.3333328068256378)
      return fma(round(x * s), p, x)
    }
    const far = round(1 - round(2 / round(exp(round(z + z)) + 1)))
    return x < 0 ? -far : far
  }

  function logistic(x: number): number {
    const e = exp(-Math.abs(x))
    return round((x >= 0 ? 1 : e) / round(1 + e))
  }

  function log1p(e: number): number {
    const u = round(1 + e)
    return round(log(u) + round(round(e - round(u - 1)) / u))
  }

  return { exp, log, tanh, logistic, log1p }
}
