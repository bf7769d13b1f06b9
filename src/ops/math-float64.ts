/** The elementary functions of float64, operation by operation those of native/simd/math_f64.inc. */

import type { ElementaryFunctions } from './math.ts'

const MAGIC = 6755399441055744
const LOG2_E = 1.4426950408889634
// 42 bits, so that the product with an exponent is exact.
const LN2_HIGH = 0.6931471805598903
const LN2_LOW = 5.497923018708371e-14
const HALF_PI = 1.5707963267948966
const HALF_PI_LOW = 6.123233995736766e-17
const SMALLEST_NORMAL = 2 ** -1022
const LOWEST_POWER = -538
const POWERS = Float64Array.from({ length: 1052 }, (_, i) => 2 ** (LOWEST_POWER + i))

const double = new Float64Array(1)
const words = new Int32Array(double.buffer)
// Index of the low word of a double in this machine's byte order.
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1
const SQRT_HALF_HIGH = 0x3fe6a09e
const SQRT_HALF_LOW = 0x667f3bcd

// s, t and n of exp(x) = (s + t) 2^n, as expTerms leaves them.
const terms = new Float64Array(3)

// p 2^n rounded once: the first product is exact.
function scaleByPower(p: number, n: number): number {
  const half = n >> 1
  return p * POWERS[half - LOWEST_POWER] * POWERS[n - half - LOWEST_POWER]
}

// (e^r - 1 - r) / r^2
function expTail(r: number): number {
  let p = 2.5110049895858716e-8
  p = p * r + 2.763265575933203e-7
  p = p * r + 2.7557242336680357e-6
  p = p * r + 2.4801487326012337e-5
  p = p * r + 0.00019841269886591
  p = p * r + 0.0013888888947820891
  p = p * r + 0.008333333333322207
  p = p * r + 0.04166666666652199
  p = p * r + 0.16666666666666674
  return p * r + 0.500000000000001
}

function expTerms(x: number): void {
  // Beyond these bounds exp is 0 or infinite.
  const clamped = x > 710 ? 710 : x < -746 ? -746 : x
  const n = clamped * LOG2_E + MAGIC - MAGIC
  const high = clamped - n * LN2_HIGH
  const low = n * -LN2_LOW
  const r = high + low
  // 1 + r is rounded; what it loses joins the small terms, as does what r lost.
  const s = 1 + r
  terms[0] = s
  terms[1] = r * r * expTail(r) + (r - (s - 1) + (high - r + low))
  terms[2] = n
}

function exp(x: number): number {
  if (x !== x) return x
  expTerms(x)
  return scaleByPower(terms[0] + terms[1], terms[2])
}

function expm1(x: number): number {
  if (x !== x || x === 0) return x
  expTerms(x)
  const s = terms[0]
  const t = terms[1]
  const n = terms[2]
  return scaleByPower(s, n) - 1 + scaleByPower(t, n)
}

// log(x) + correction for a finite x > 0: with s = f/(2 + f), log(1 + f) is 2 atanh(s) and 2 s = f - s f.
function logOf(x: number, correction: number): number {
  const isSubnormal = x < SMALLEST_NORMAL
  double[0] = isSubnormal ? x * 18014398509481984 : x
  const borrow = words[LOW] >>> 0 < SQRT_HALF_LOW ? 1 : 0
  const exponent = (words[1 - LOW] - SQRT_HALF_HIGH - borrow) >> 20
  words[1 - LOW] -= exponent << 20
  const e = isSubnormal ? exponent - 54 : exponent
  const f = double[0] - 1
  const s = f / (2 + f)
  const z = s * s
  let p = 0.14810679544135438
  p = p * z + 0.1531315165022608
  p = p * z + 0.181835718807735
  p = p * z + 0.22222199088227118
  p = p * z + 0.28571428729261533
  p = p * z + 0.3999999999952024
  p = p * z + 0.666666666666671
  const q = s * (z * p - f)
  const high = e * LN2_HIGH
  const h = high + f
  return h + (e * LN2_LOW + q + correction + (f - (h - high)))
}

function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN
  return x === Infinity ? x : logOf(x, 0)
}

// log(1 + x + low) for a low far below x.
function log1pOf(x: number, low: number): number {
  if (x === 0) return x
  const u = 1 + x
  if (!(u > 0)) return u === 0 ? -Infinity : NaN
  // What the rounding of u loses, times the derivative of log.
  return u === Infinity ? u : logOf(u, (x - (u - 1) + low) / u)
}

const log1p = (x: number): number => log1pOf(x, 0)

function softplus(x: number): number {
  if (x !== x) return x
  expTerms(-Math.abs(x))
  const s = terms[0]
  const t = terms[1]
  const n = terms[2]
  const p = s + t
  const low = scaleByPower(t - (p - s), n)
  return (x < 0 ? 0 : x) + log1pOf(scaleByPower(p, n), low)
}

function tanh(x: number): number {
  const z = Math.abs(x)
  if (!(z > 0)) return x
  if (z < 0.8) {
    const s = z * z
    let p = -1.2338593696737663e-6
    p = p * s + 8.550336289799414e-6
    p = p * s - 3.205927335059065e-5
    p = p * s + 9.194475709563965e-5
    p = p * s - 0.00023669215199668555
    p = p * s + 0.0005891723573733805
    p = p * s - 0.0014556206925173424
    p = p * s + 0.0035920906127182837
    p = p * s - 0.008863231075828882
    p = p * s + 0.021869488193977202
    p = p * s - 0.0539682539526937
    p = p * s + 0.1333333333329759
    p = p * s - 0.33333333333333043
    return x * s * p + x
  }
  const far = 1 - 2 / (exp(z + z) + 1)
  return x < 0 ? -far : far
}

function logistic(x: number): number {
  if (x !== x) return x
  expTerms(-Math.abs(x))
  const s = terms[0]
  const t = terms[1]
  const n = terms[2]
  const p = s + t
  const e = scaleByPower(p, n)
  const low = scaleByPower(t - (p - s), n)
  // e + low = h + l with d = 1 + h exactly; then e/(1 + e) = h/d + l/(d (d + l)), where the quotient's factors
  // 1/d = 1 - q and 1/(d + l) = 1 - y are multiplied out.
  const d = 1 + e
  const h = d - 1
  const l = e - h + low
  const q = h / d
  const near = q + l
  const y = q + (l * (q * near - (q + near)) + l)
  return x >= 0 ? 1 - y : y
}

function erf(x: number): number {
  const z = Math.abs(x)
  if (!(z > 0)) return x
  if (z < 1) {
    const s = z * z
    let p = 5.945261459424723e-11
    p = p * s - 1.1365665859163723e-9
    p = p * s + 1.465787983636041e-8
    p = p * s - 1.635002522533538e-7
    p = p * s + 1.6460972817658876e-6
    p = p * s - 1.4925593506956103e-5
    p = p * s + 0.0001205533103690354
    p = p * s - 0.0008548326978742346
    p = p * s + 0.00522397762478087
    p = p * s - 0.026866170645072896
    p = p * s + 0.11283791670954857
    p = p * s - 0.3761263890318375
    p = p * s + 0.1283791670955126
    return x * p + x
  }
  // log(1 - erf) in powers of z - 1; from 5.95 on erf rounds to 1.
  const u = (z > 5.95 ? 5.95 : z) - 1
  let p = 1.0390714211498522e-12
  p = p * u - 2.8814846416492664e-11
  p = p * u + 3.6824010952831446e-10
  p = p * u - 2.8639887524739336e-9
  p = p * u + 1.4911235816444542e-8
  p = p * u - 5.203726266857467e-8
  p = p * u + 9.754614881962054e-8
  p = p * u + 1.4287707105485354e-7
  p = p * u - 2.059773537910819e-6
  p = p * u + 9.608901042687821e-6
  p = p * u - 2.7159112230319133e-5
  p = p * u + 2.6277874909275446e-5
  p = p * u + 0.0002373224815593399
  p = p * u - 0.001977902567940152
  p = p * u + 0.010033825374413202
  p = p * u - 0.0415610980418089
  p = p * u - 0.8431072563586768
  p = p * u - 2.638967514234788
  p = p * u - 1.8496055099332482
  const far = 1 - exp(p)
  return x < 0 ? -far : far
}

function atan(x: number): number {
  const z = Math.abs(x)
  if (!(z > 0)) return x
  // atan(z) = pi/2 + atan(-1/z)
  const isFar = z > 1
  const base = isFar ? HALF_PI : 0
  const t = isFar ? -1 / z : z
  const s = t * t
  let p = -8.941498084285145e-6
  p = p * s + 0.00010694212649158615
  p = p * s - 0.0006081517266309523
  p = p * s + 0.002198402846656947
  p = p * s - 0.005711657877998698
  p = p * s + 0.011471988697895799
  p = p * s - 0.018796331091012464
  p = p * s + 0.026318292451737325
  p = p * s - 0.03290510119358849
  p = p * s + 0.03827797344543309
  p = p * s - 0.0428944025643028
  p = p * s + 0.04746006483335964
  p = p * s - 0.05259733624370759
  p = p * s + 0.0588178055719565
  p = p * s - 0.06666594239478603
  p = p * s + 0.07692300984413661
  p = p * s - 0.09090908657290932
  p = p * s + 0.11111111092889932
  p = p * s - 0.14285714285271517
  p = p * s + 0.1999999999999505
  p = p * s - 0.3333333333333332
  const h = base + t
  const y = h + (t * s * p + (isFar ? HALF_PI_LOW : 0) + (t - (h - base)))
  return x < 0 ? -y : y
}

/** The elementary functions of float64, which JavaScript's own arithmetic rounds as they are stated. */
export const float64Functions: ElementaryFunctions = {
  exp,
  expm1,
  log,
  log1p,
  tanh,
  logistic,
  softplus,
  erf,
  atan,
}
