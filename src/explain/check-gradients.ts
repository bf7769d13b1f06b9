/** A check of gradients against central differences: does backpropagation compute what it should? */

import { checkInteger, checkNumber } from '../check.ts'
import { rejectUnknownKeys } from '../errors.ts'
import { isCustom } from '../layers/activation.ts'
import type { Network } from '../network.ts'
import type { Dtype } from '../ops/arithmetic.ts'
import { randomStream } from '../random.ts'
import { usedLayers, type NetworkSpec } from '../spec.ts'
import type { Rows, Targets } from '../training/arrays.ts'
import { toInputs } from '../training/data.ts'
import { doubleOf } from './double.ts'

/** Settings of {@link checkGradients}. */
export interface GradientCheckOptions {
  /** Largest error that counts as right, above 0; default 1e-7 for float64 and 1e-4 for float32. */
  tolerance?: number
  /** Most elements checked of each tensor, drawn by the seed: an integer ≥ 1, default 20. */
  samples?: number
  /** Seed of that draw and of dropout masks: an integer ≥ 0, default 0. */
  seed?: number
}

/** How far the gradient of one tensor is from its central differences. */
export interface TensorCheck {
  /** A parameter, `dense1.weight`; the input, `x`; or the derivative of a custom activation, `own in dense1`. */
  name: string
  /** Elements that the tensor has, and how many of them were checked. */
  elements: number
  checked: number
  /** Largest difference beyond rounding, as a share of the largest of the central differences. */
  error: number
  /** Where it is: an element, or for a custom activation the x; what backpropagation and what the differences say. */
  worst: { at: number; gradient: number; difference: number }
  ok: boolean
}

/** What {@link checkGradients} finds. */
export interface GradientCheck {
  /** Whether all tensors are right. */
  ok: boolean
  tolerance: number
  tensors: TensorCheck[]
}

/** Default tolerances: what central differences in float64 resolve, and float32's rounding through a few layers. */
const TOLERANCES = { float64: 1e-7, float32: 1e-4 } as const
/** Steps as shares of a tensor's largest entry; the smaller ones keep clear of kinks such as relu's. */
const STEPS = [1e-5, 1e-6, 1e-7] as const
/** Rounding errors of an objective, in units of its last place, that a difference may contain. */
const ROUNDINGS = 32
/** Where derivatives of custom activations are taken; none of them is a likely place of a kink. */
const POINTS = Array.from({ length: 25 }, (_, i) => (i - 12) / 3 + 0.0123)

/**
 * Compares the gradients of a network's objective (loss and penalty, in training mode) with central differences, which are
 * computed in float64 whatever the network's element type. Says which tensors differ, and which custom activation has a
 * derivative that is not that of its function. The network stays as it is.
 *
 * @param x [rows, inputs]; a few rows are enough
 * @param y [rows, outputs] numbers, or class indices [rows]
 * @throws SpecError if an option does not fit; DataError if x and y do not, or batch norm gets a single row
 * @source Bishop 2006, Pattern Recognition and Machine Learning, eq. 5.69
 * @example
 * const net = new Network({ inputs: 2, layers: [dense(3, 'tanh'), dense(1)], loss: 'squaredError' })
 * checkGradients(net, [[0.5, -1], [2, 1]], [[1], [0]]).ok // true
 */
export function checkGradients(
  network: Network<Dtype>,
  x: Rows,
  y: Targets,
  options: GradientCheckOptions = {},
): GradientCheck {
  const settings = normalize(network.spec, options)
  const { tolerance } = settings
  const dropoutMasks = drawMasks(network.spec, x, settings.seed)
  const given = network.gradients(x, y, { dropoutMasks })
  const twin = doubleOf(network)
  const input = Float64Array.from(toInputs(network.spec, x))
  const objective = (): number => twin.gradients(input, y, { dropoutMasks }).objective
  const compare = (
    name: string,
    gradient: ArrayLike<number>,
    values: Float64Array,
    apply: () => void,
  ): TensorCheck => {
    const at = drawElements(values.length, name, settings)
    const rounding = Math.abs(given.objective)
    const probe = (i: number, step: number): number => {
      const value = values[i]
      const sides = [value + step, value - step].map((moved) => {
        values[i] = moved
        apply()
        return objective()
      })
      values[i] = value
      apply()
      return (sides[0] - sides[1]) / (2 * step)
    }
    const scale = largest(values) || 1
    const elements = at.map((i) =>
      nearest({ at: i, gradient: gradient[i], scale, rounding, tolerance }, (step) => probe(i, step)),
    )
    return verdict(name, values.length, elements, tolerance)
  }
  const tensors = Object.entries(given.parameters).map(([name, gradient]) => {
    const { data } = twin.parameters[name]
    return compare(name, gradient, data, () => twin.setParameters({ [name]: data }))
  })
  tensors.push(compare('x', given.input, input, () => undefined))
  tensors.push(...customDerivatives(network.spec, tolerance))
  return { ok: tensors.every(({ ok }) => ok), tolerance, tensors }
}

/** The report as text, a line per tensor. */
export function describeGradientCheck({ ok, tolerance, tensors }: GradientCheck): string {
  const width = Math.max(...tensors.map(({ name }) => name.length))
  const lines = tensors.map(({ name, checked, elements, error, worst, ok }) => {
    const where = ok
      ? ''
      : `  WRONG at ${worst.at}: gradient ${worst.gradient}, difference ${worst.difference}`
    return `${name.padEnd(width)}  ${checked} of ${elements}  error ${error.toExponential(1)}${where}`
  })
  const wrong = tensors.filter((tensor) => !tensor.ok).map(({ name }) => name)
  const end = ok
    ? `all within ${tolerance} of central differences`
    : `not within ${tolerance} of central differences: ${wrong.join(', ')}`
  return [...lines, end].join('\n')
}

type Settings = Required<GradientCheckOptions>

function normalize({ dtype }: NetworkSpec, options: GradientCheckOptions): Settings {
  rejectUnknownKeys('checkGradients', options, ['tolerance', 'samples', 'seed'])
  const { tolerance = TOLERANCES[dtype], samples = 20, seed = 0 } = options
  checkNumber('checkGradients: tolerance', tolerance, { above: 0 })
  checkInteger('checkGradients: samples', samples, { min: 1 })
  checkInteger('checkGradients: seed', seed, { min: 0 })
  return { tolerance, samples, seed }
}

// The same masks in every pass: another mask would be another function.
function drawMasks(spec: NetworkSpec, x: Rows, seed: number): Record<string, Float64Array> {
  const rows = toInputs(spec, x).length / spec.inputs
  const masks = usedLayers(spec).flatMap(({ layer, outputs }) => {
    if (layer.type !== 'dropout') return []
    const random = randomStream(seed, layer.name)
    const mask = new Float64Array(rows * outputs).map((_, e) => Number(random.uniform(e) >= layer.rate))
    return [[layer.name, mask] as const]
  })
  return Object.fromEntries(masks)
}

// All elements where they are few, else some drawn without repetition.
function drawElements(length: number, name: string, { samples, seed }: Settings): number[] {
  const all = Array.from({ length }, (_, i) => i)
  const random = randomStream(seed, name)
  for (let i = 0; i < Math.min(samples, length); i++) {
    const j = i + random.below(length - i, i)
    ;[all[i], all[j]] = [all[j], all[i]]
  }
  return all.slice(0, samples)
}

interface Element {
  at: number
  gradient: number
  difference: number
  /** What is left of the distance after what rounding may have put there. */
  excess: number
}

// The central difference, of a step short enough, that is nearest to the gradient: where a step crosses a kink a shorter one
// need not, while a wrong gradient is far from all of them.
function nearest(
  {
    at,
    gradient,
    scale,
    rounding,
    tolerance,
  }: { at: number; gradient: number; scale: number; rounding: number; tolerance: number },
  probe: (step: number) => number,
): Element {
  let best: Element = { at, gradient, difference: NaN, excess: Infinity }
  for (const share of STEPS) {
    const step = share * scale
    const difference = probe(step)
    const noise = (ROUNDINGS * Number.EPSILON * rounding) / step
    const excess = Math.max(0, Math.abs(gradient - difference) - noise)
    if (excess < best.excess) best = { at, gradient, difference, excess }
    if (best.excess <= (tolerance / 10) * Math.abs(best.difference)) break
  }
  return best
}

function verdict(
  name: string,
  elements: number,
  checked: readonly Element[],
  tolerance: number,
): TensorCheck {
  const scale = Math.max(Number.MIN_VALUE, largest(checked.map(({ difference }) => difference)))
  const worst = checked.reduce((a, b) => (b.excess > a.excess ? b : a))
  const { at, gradient, difference } = worst
  // Beyond all numbers where nothing can be compared, such as a gradient that is NaN.
  const error = Number.isFinite(worst.excess) ? worst.excess / scale : Infinity
  const counts = { elements, checked: checked.length }
  return { name, ...counts, error, worst: { at, gradient, difference }, ok: error <= tolerance }
}

function customDerivatives({ layers }: NetworkSpec, tolerance: number): TensorCheck[] {
  return layers.flatMap((layer) => {
    if (!('activation' in layer) || !isCustom(layer)) return []
    const { activation } = layer
    if (typeof activation !== 'object' || !('forward' in activation)) return []
    const { name, forward, backward } = activation
    const elements = POINTS.map((at) => {
      const y = forward(at)
      const place = { at, gradient: backward(at, y), scale: 1, rounding: Math.abs(y), tolerance }
      return nearest(place, (step) => (forward(at + step) - forward(at - step)) / (2 * step))
    })
    return [verdict(`${name} in ${layer.name}`, POINTS.length, elements, tolerance)]
  })
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}
