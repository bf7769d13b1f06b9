/** The elementary functions of float32, operation by operation those of native/simd/math_f32.inc. */

import type { Arithmetic } from './arithmetic.ts'
import type { ElementaryFunctions } from './math.ts'

const MAGIC = 12582912
const LOG2_E = 1.4426950216293335
const LN2_HIGH = 0.6931471824645996
const LN2_LOW = -1.9046542121259336e-9
const HALF_PI = 1.5707963705062866
const HALF_PI_LOW = -4.371138828673793e-8
const SMALLEST_NORMAL = 2 ** -126
const SQRT_HALF_BITS = 0x3f3504f3
const LOWEST_POWER = -150
const POWERS = Float64Array.from({ length: 280 }, (_, i) => 2 ** (LOWEST_POWER + i))

const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

// s, t and n of exp(x) = (s + t) 2^n, as expTerms leaves them.
const terms = new Float64Array(3)

const scaleByPower = (p: number, n: number): number => Math.fround(p * POWERS[n - LOWEST_POWER])
// Beyond these bounds exp is 0 or infinite.
const clamp = (x: number): number => (x > 89 ? 89 : x < -104 ? -104 : x)

/** The elementary functions of float32 with the fused multiply-add of an arithmetic. */
export function float32Functions({ round, mulAdd }: Arithmetic): ElementaryFunctions {
  // n of x = n ln 2 + r with |r| <= ln 2 / 2.
  const multipleOfLn2 = (x: number): number => round(mulAdd(x, LOG2_E, MAGIC) - MAGIC)

  // (e^r - 1 - r) / r^2
  function expTail(r: number): number {
    let p = 0.0013942924560979009
    p = mulAdd(p, r, 0.008369393646717072)
    p = mulAdd(p, r, 0.04166637733578682)
    p = mulAdd(p, r, 0.16666515171527863)
    return mulAdd(p, r, 0.5)
  }

  function expTerms(x: number): void {
    const clamped = clamp(x)
    const n = multipleOfLn2(clamped)
    const r = mulAdd(n, -LN2_LOW, mulAdd(n, -LN2_HIGH, clamped))
    // 1 + r is rounded; what it loses joins the small terms.
    const s = round(1 + r)
    terms[0] = s
    terms[1] = mulAdd(round(r * r), expTail(r), round(r - round(s - 1)))
    terms[2] = n
  }

  function exp(x: number): number {
    if (x !== x) return x
    expTerms(x)
    return scaleByPower(round(terms[0] + terms[1]), terms[2])
  }

  function expm1(x: number): number {
    if (x !== x || x === 0) return x
    const clamped = clamp(x)
    const n = multipleOfLn2(clamped)
    const high = mulAdd(n, -LN2_HIGH, clamped)
    const r = mulAdd(n, -LN2_LOW, high)
    const low = mulAdd(n, -LN2_LOW, round(high - r))
    const s = round(1 + r)
    const t = mulAdd(round(r * r), expTail(r), round(round(r - round(s - 1)) + low))
    return round(round(scaleByPower(s, n) - 1) + scaleByPower(t, n))
  }

  // log(x) + correction for a finite x > 0.
  function logOf(x: number, correction: number): number {
    const isSubnormal = x < SMALLEST_NORMAL
    float[0] = isSubnormal ? x * 8388608 : x
    const exponent = (bits[0] - SQRT_HALF_BITS) >> 23
    bits[0] -= exponent << 23
    const e = isSubnormal ? exponent - 23 : exponent
    const f = round(float[0] - 1)
    const s = round(f * f)
    let p = 0.06749271601438522
    p = mulAdd(p, f, -0.11670099198818207)
    p = mulAdd(p, f, 0.11883548647165298)
    p = mulAdd(p, f, -0.12406233698129654)
    p = mulAdd(p, f, 0.14220358431339264)
    p = mulAdd(p, f, -0.16667988896369934)
    p = mulAdd(p, f, 0.2000207155942917)
    p = mulAdd(p, f, -0.25000008940696716)
    p = mulAdd(p, f, 0.3333331346511841)
    const q = mulAdd(e, LN2_LOW, mulAdd(round(f * s), p, round(-0.5 * s)))
    return mulAdd(e, LN2_HIGH, round(f + round(q + correction)))
  }

  function log(x: number): number {
    if (!(x > 0)) return x === 0 ? -Infinity : NaN
    return x === Infinity ? x : logOf(x, 0)
  }

  // log(1 + x + low) for a low far below x.
  function log1pOf(x: number, low: number): number {
    if (x === 0) return x
    const u = round(1 + x)
    if (!(u > 0)) return u === 0 ? -Infinity : NaN
    // What the rounding of u loses, times the derivative of log.
    return u === Infinity ? u : logOf(u, round(round(round(x - round(u - 1)) + low) / u))
  }

  const log1p = (x: number): number => log1pOf(x, 0)

  function softplus(x: number): number {
    if (x !== x) return x
    expTerms(-Math.abs(x))
    const s = terms[0]
    const t = terms[1]
    const n = terms[2]
    const p = round(s + t)
    const low = scaleByPower(round(t - round(p - s)), n)
    return round((x < 0 ? 0 : x) + log1pOf(scaleByPower(p, n), low))
  }

  function tanh(x: number): number {
    const z = Math.abs(x)
    if (!(z > 0)) return x
    if (z < 0.8) {
      const s = round(z * z)
      let p = 0.0015870380448177457
      p = mulAdd(p, s, -0.007414169609546661)
      p = mulAdd(p, s, 0.02130652591586113)
      p = mulAdd(p, s, -0.0538535974919796)
      p = mulAdd(p, s, 0.13332241773605347)
      p = mulAdd(p, s, -0.33333298563957214)
      return mulAdd(round(x * s), p, x)
    }
    const far = round(1 - round(2 / round(exp(round(z + z)) + 1)))
    return x < 0 ? -far : far
  }

  function logistic(x: number): number {
    const e = exp(-Math.abs(x))
    const q = round(e / round(1 + e))
    const p = x >= 0 ? 1 : e
    return mulAdd(-p, q, p)
  }

  function erf(x: number): number {
    const z = Math.abs(x)
    if (!(z > 0)) return x
    if (z < 1) {
      const s = round(z * z)
      let p = 7.806903886375949e-5
      p = mulAdd(p, s, -0.0007997853099368513)
      p = mulAdd(p, s, 0.005187162198126316)
      p = mulAdd(p, s, -0.026853347197175026)
      p = mulAdd(p, s, 0.11283578723669052)
      p = mulAdd(p, s, -0.3761262595653534)
      p = mulAdd(p, s, 0.12837916612625122)
      return mulAdd(x, p, x)
    }
    // 1 - erf around 2.5; from 4 on erf rounds to 1.
    const u = round((z > 4 ? 4 : z) - 2.5)
    let p = 3.491665836463653e-7
    p = mulAdd(p, u, -8.877126447259798e-7)
    p = mulAdd(p, u, -3.446316441113595e-6)
    p = mulAdd(p, u, 1.5701323718531057e-5)
    p = mulAdd(p, u, -7.805859240761492e-6)
    p = mulAdd(p, u, -8.104858716251329e-5)
    p = mulAdd(p, u, 0.00025349901989102364)
    p = mulAdd(p, u, -0.00025880400789901614)
    p = mulAdd(p, u, -0.0005445932038128376)
    p = mulAdd(p, u, 0.0027976082637906075)
    p = mulAdd(p, u, -0.00611656391993165)
    p = mulAdd(p, u, 0.00862258579581976)
    p = mulAdd(p, u, -0.00835021585226059)
    p = mulAdd(p, u, 0.005445690825581551)
    p = mulAdd(p, u, -0.002178278286010027)
    p = mulAdd(p, u, 0.0004069523129146546)
    const far = round(1 - p)
    return x < 0 ? -far : far
  }

  function atan(x: number): number {
    const z = Math.abs(x)
    if (!(z > 0)) return x
    // atan(z) = pi/2 + atan(-1/z)
    const isFar = z > 1
    const base = isFar ? HALF_PI : 0
    const t = isFar ? round(-1 / z) : z
    const s = round(t * t)
    let p = -0.0018630893900990486
    p = mulAdd(p, s, 0.011238823644816875)
    p = mulAdd(p, s, -0.031812142580747604)
    p = mulAdd(p, s, 0.05863187089562416)
    p = mulAdd(p, s, -0.08445630222558975)
    p = mulAdd(p, s, 0.10967876762151718)
    p = mulAdd(p, s, -0.14267569780349731)
    p = mulAdd(p, s, 0.19998906552791595)
    p = mulAdd(p, s, -0.3333331346511841)
    const h = round(base + t)
    const lost = round(t - round(h - base))
    const y = round(h + round(mulAdd(round(t * s), p, isFar ? HALF_PI_LOW : 0) + lost))
    return x < 0 ? -y : y
  }

  return { exp, expm1, log, log1p, tanh, logistic, softplus, erf, atan }
}
