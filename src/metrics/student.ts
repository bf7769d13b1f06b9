/** Student's t distribution, for the comparison of means. */

/**
 * Two-sided p value: how probable a |t| of at least this size is where there is no difference.
 *
 * @param freedom degrees of freedom, above 0
 * @source Abramowitz, Stegun 1964, Handbook of Mathematical Functions, eq. 26.7.1 and 26.5.8
 * @example
 * studentPValue(2.262157, 9) // 0.05000…
 */
export function studentPValue(t: number, freedom: number): number {
  if (Number.isNaN(t)) return NaN
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5)
}

/**
 * The |t| that p of all values lie beyond where there is no difference: {@link studentPValue} undone, by bisection.
 *
 * @param p above 0 and below 1
 * @param freedom degrees of freedom, above 0
 * @example
 * studentQuantile(0.05, 9) // 2.262157…
 */
export function studentQuantile(p: number, freedom: number): number {
  let [low, high] = [0, 1]
  while (studentPValue(high, freedom) > p) high *= 2
  for (;;) {
    const middle = (low + high) / 2
    if (middle <= low || middle >= high) return middle
    if (studentPValue(middle, freedom) > p) low = middle
    else high = middle
  }
}

// The regularised incomplete beta function Iₓ(a, b), by its continued fraction (Lentz's method).
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const factor = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)) / a
  let [c, d] = [1, 1 / (1 - ((a + b) * x) / (a + 1))]
  let fraction = d
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    for (const term of [even, odd]) {
      d = 1 / (1 + term * d)
      c = 1 + term / c
      fraction *= c * d
    }
    if (Math.abs(c * d - 1) < 1e-15) break
  }
  return factor * fraction
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b)
}

// Stirling's series after a shift to where it is exact to double precision.
function logGamma(x: number): number {
  let [shifted, correction] = [x, 0]
  for (; shifted < 15; shifted++) correction -= Math.log(shifted)
  const inverse = 1 / (shifted * shifted)
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - inverse / 1680) * inverse) * inverse) / shifted
  return (shifted - 0.5) * Math.log(shifted) - shifted + 0.5 * Math.log(2 * Math.PI) + series + correction
}
