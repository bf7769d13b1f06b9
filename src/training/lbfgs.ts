/** L-BFGS with a line search for the strong Wolfe conditions, in double, over a function of the caller's. */

/** A function value with its gradient. */
export interface Evaluation {
  readonly value: number
  readonly gradient: Float64Array
}

/** A point that the minimiser has come to. */
export interface Iterate extends Evaluation {
  readonly point: Float64Array
  /** Length of the step that led there, in units of the search direction. */
  readonly step: number
}

/** Settings of {@link minimize}. */
export interface MinimizeSettings {
  /** Pairs of steps and gradient differences that are kept. */
  readonly memory: number
  /** Evaluations of one line search, at most. */
  readonly maxEvaluations: number
  /** Ends when no element of the gradient is larger. */
  readonly tolerance: number
  /** Relative change of the value below which nothing more is gained: the precision of the function. */
  readonly precision: number
  /** Rounds an element of a trial point to what the function can take. */
  readonly round: (x: number) => number
}

/** Sufficient decrease and curvature of the strong Wolfe conditions. */
const DECREASE = 1e-4
const CURVATURE = 0.9

/**
 * Minimises a smooth function; every iterate has a lower value than the one before.
 *
 * @returns one iterate after the other; ends where the gradient vanishes or no step lowers the value
 * @source Nocedal, Wright 2006, Numerical Optimization, algorithms 7.4, 7.5, 3.5 and 3.6
 * @example
 * for await (const { point } of minimize(async ([x]) => ({ value: x * x, gradient: Float64Array.of(2 * x) }), [3], settings)) …
 */
export async function* minimize(
  evaluate: (point: Float64Array) => Promise<Evaluation>,
  start: Float64Array,
  settings: MinimizeSettings,
): AsyncGenerator<Iterate, void> {
  const pairs: Pair[] = []
  let current: Iterate = { point: start, step: 0, ...(await evaluate(start)) }
  while (largest(current.gradient) > settings.tolerance) {
    let direction = descent(current.gradient, pairs)
    if (dot(direction, current.gradient) >= 0) {
      pairs.length = 0
      direction = descent(current.gradient, pairs)
    }
    const guess = pairs.length > 0 ? 1 : Math.min(1, 1 / sumOfAbsolutes(current.gradient))
    const next = await searchLine(evaluate, current, direction, guess, settings)
    if (next === undefined) return
    remember(pairs, current, next, settings.memory)
    const gain = current.value - next.value
    current = next
    yield current
    if (gain <= settings.precision * Math.max(Math.abs(current.value), Number.MIN_VALUE)) return
  }
}

/** Step s, gradient difference y, and 1 / (y·s). */
interface Pair {
  readonly s: Float64Array
  readonly y: Float64Array
  readonly rho: number
}

// −H·g by the two loops over the pairs, newest first, then oldest first.
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const q = gradient.map((g) => -g)
  const alphas = pairs.map(() => 0)
  for (let i = pairs.length - 1; i >= 0; i--) {
    alphas[i] = pairs[i].rho * dot(pairs[i].s, q)
    addScaled(q, -alphas[i], pairs[i].y)
  }
  if (pairs.length > 0) {
    const { y, rho } = pairs[pairs.length - 1]
    const scale = 1 / (rho * dot(y, y))
    for (let i = 0; i < q.length; i++) q[i] *= scale
  }
  pairs.forEach(({ s, y, rho }, i) => {
    addScaled(q, alphas[i] - rho * dot(y, q), s)
  })
  return q
}

// Keeps a pair where the curvature along the step is positive beyond rounding.
function remember(pairs: Pair[], from: Iterate, to: Iterate, memory: number): void {
  const s = to.point.map((x, i) => x - from.point[i])
  const y = to.gradient.map((g, i) => g - from.gradient[i])
  const curvature = dot(s, y)
  if (curvature <= 1e-10 * dot(y, y)) return
  pairs.push({ s, y, rho: 1 / curvature })
  if (pairs.length > memory) pairs.shift()
}

/** A trial on the line: its step, value and slope. */
interface Trial extends Iterate {
  readonly slope: number
}

// A step that satisfies the strong Wolfe conditions, or the lowest that was found; undefined where none is lower.
async function searchLine(
  evaluate: (point: Float64Array) => Promise<Evaluation>,
  from: Iterate,
  direction: Float64Array,
  guess: number,
  { maxEvaluations, round }: MinimizeSettings,
): Promise<Iterate | undefined> {
  const origin: Trial = { ...from, step: 0, slope: dot(from.gradient, direction) }
  let best: Trial | undefined
  let evaluations = 0
  const tryStep = async (step: number): Promise<Trial> => {
    evaluations++
    const point = from.point.map((x, i) => round(x + step * direction[i]))
    const found = await evaluate(point)
    const trial = { point, step, ...found, slope: dot(found.gradient, direction) }
    if (trial.value < (best ?? origin).value) best = trial
    return trial
  }
  const isTooHigh = ({ step, value }: Trial): boolean =>
    !(value <= origin.value + DECREASE * step * origin.slope)
  const isFlat = ({ slope }: Trial): boolean => Math.abs(slope) <= -CURVATURE * origin.slope

  // The bracket [low, high] holds a good step; low is the lower end that decreases enough.
  let low = origin
  let high: Trial | undefined
  let step = guess
  while (evaluations < maxEvaluations) {
    const trial = await tryStep(step)
    if (isTooHigh(trial) || (evaluations > 1 && trial.value >= low.value)) high = trial
    else if (isFlat(trial)) return trial
    else if (high === undefined && trial.slope < 0) {
      low = trial
      step *= 2
      continue
    } else {
      if (high === undefined || trial.slope * (high.step - low.step) >= 0) high = low
      low = trial
    }
    step = between(low, high)
    if (step === low.step || step === high.step) break
  }
  return best
}

// Minimum of the cubic through both ends, kept away from them; the middle where it has none.
function between(a: Trial, b: Trial): number {
  const width = b.step - a.step
  const middle = a.step + width / 2
  const d1 = a.slope + b.slope - (3 * (a.value - b.value)) / (a.step - b.step)
  const square = d1 * d1 - a.slope * b.slope
  if (!(square >= 0)) return middle
  const d2 = Math.sign(width) * Math.sqrt(square)
  const step = b.step - width * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
  const margin = 0.1 * Math.abs(width)
  const [least, most] = [Math.min(a.step, b.step) + margin, Math.max(a.step, b.step) - margin]
  return Number.isFinite(step) ? Math.min(Math.max(step, least), most) : middle
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

function addScaled(target: Float64Array, factor: number, x: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i] += factor * x[i]
}

function largest(x: Float64Array): number {
  return x.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}

function sumOfAbsolutes(x: Float64Array): number {
  return x.reduce((sum, value) => sum + Math.abs(value), 0)
}
