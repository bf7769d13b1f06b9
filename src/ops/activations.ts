/** Activations, and their gradients in terms of the output. */

import type { Arithmetic } from './arithmetic.ts'
import { mapRows, mapRows2 } from './elementwise.ts'
import { elementaryFunctions } from './math.ts'
import { defineOp, type Gradient, type Op } from './op.ts'

const FORWARD = '(rows n | | x[rows n]) -> y~x[rows n]'
const BACKWARD = '(rows n | | dy[rows n] y[rows n]) -> dx~dy[rows n]'
const FORWARD_SLOPE = '(rows n | slope | x[rows n]) -> y~x[rows n]'
const BACKWARD_SLOPE = '(rows n | slope | dy[rows n] y[rows n]) -> dx~dy[rows n]'

/** The rule dx = backward(dy, x) for an activation whose derivative is a function of its input. */
export function gradientOfInput(backward: string): Gradient {
  return (g, { inputs: { x }, scalars }, dy) => ({ x: () => g.emit(backward, { dy, x }, scalars) })
}

/** The rule dx = backward(dy, y) for an activation whose derivative is a function of its output. */
export function gradientOfOutput(backward: string): Gradient {
  return (g, { output, scalars }, dy) => ({ x: () => g.emit(backward, { dy, y: output }, scalars) })
}

function forward(
  name: string,
  f: (arithmetic: Arithmetic) => (x: number) => number,
  gradient?: Gradient,
): Op {
  return defineOp(name, 'rows', FORWARD, (arithmetic) => mapRows(f(arithmetic)), gradient)
}

function backward(name: string, f: (arithmetic: Arithmetic) => (dy: number, y: number) => number): Op {
  return defineOp(name, 'rows', BACKWARD, (arithmetic) => mapRows2(f(arithmetic)))
}

const BACKWARD_OF_INPUT = '(rows n | | dy[rows n] x[rows n]) -> dx~dy[rows n]'

function backwardOfInput(name: string, f: (arithmetic: Arithmetic) => (dy: number, x: number) => number): Op {
  return defineOp(name, 'rows', BACKWARD_OF_INPUT, (arithmetic) => mapRows2(f(arithmetic)))
}

/** 1 where x ≥ 0, else 0; NaN stays NaN. */
export function heaviside(x: number): number {
  return x >= 0 ? 1 : x < 0 ? 0 : x
}

/** dy times the derivative of tanh at the output y. */
export function tanhBackward({ round, mulAdd }: Arithmetic): (dy: number, y: number) => number {
  return (dy, y) => round(dy * mulAdd(-y, y, 1))
}

/** dy times the derivative of the logistic function at the output y. */
export function logisticBackward({ round }: Arithmetic): (dy: number, y: number) => number {
  return (dy, y) => round(dy * round(y * round(1 - y)))
}

// Scale, and scale times alpha. Source: Klambauer et al. 2017, Self-Normalizing Neural Networks.
function seluFactors({ round }: Arithmetic): [number, number] {
  const [scale, alpha] = [1.0507009873554805, 1.6732632423543772]
  return [round(scale), round(scale * alpha)]
}

// The distribution function of the standard normal.
function normalCdf(arithmetic: Arithmetic): (x: number) => number {
  const { round, mulAdd } = arithmetic
  const { erf } = elementaryFunctions(arithmetic)
  const inverse = round(Math.SQRT1_2)
  return (x) => mulAdd(erf(round(x * inverse)), 0.5, 0.5)
}

// √(2/π), and that times 0.044715 and three times 0.044715.
const GELU_LINEAR = 0.7978845608028654
const GELU_CUBIC = 0.035677408136300125
const GELU_SLOPE = 0.10703222440890037

/** The ops of this family. */
export const activations: readonly Op[] = [
  forward(
    'exp',
    (arithmetic) => elementaryFunctions(arithmetic).exp,
    (g, { output }, dy) => ({
      x: () => g.emit('hadamard', { a: dy, b: output }),
    }),
  ),
  forward(
    'log',
    (arithmetic) => elementaryFunctions(arithmetic).log,
    (g, { inputs: { x } }, dy) => ({
      x: () => g.emit('divide', { a: dy, b: x }),
    }),
  ),
  forward('tanh', (arithmetic) => elementaryFunctions(arithmetic).tanh, gradientOfOutput('tanh_backward')),
  backward('tanh_backward', tanhBackward),
  forward(
    'logistic',
    (arithmetic) => elementaryFunctions(arithmetic).logistic,
    gradientOfOutput('logistic_backward'),
  ),
  backward('logistic_backward', logisticBackward),
  forward('relu', () => (x) => (x <= 0 ? 0 : x), gradientOfOutput('relu_backward')),
  backward('relu_backward', () => (dy, y) => (y > 0 ? dy : 0)),
  defineOp(
    'leaky_relu',
    'rows',
    FORWARD_SLOPE,
    ({ round }) =>
      (call) => {
        const slope = round(call.scalars[0])
        mapRows((x) => (x >= 0 ? x : round(slope * x)))(call)
      },
    gradientOfOutput('leaky_relu_backward'),
  ),
  defineOp('leaky_relu_backward', 'rows', BACKWARD_SLOPE, ({ round }) => (call) => {
    const slope = round(call.scalars[0])
    mapRows2((dy, y) => (y > 0 ? dy : round(slope * dy)))(call)
  }),
  // Source: Clevert, Unterthiner, Hochreiter 2016, Fast and Accurate Deep Network Learning by ELUs.
  defineOp(
    'elu',
    'rows',
    '(rows n | alpha | x[rows n]) -> y~x[rows n]',
    (arithmetic) => {
      const { round } = arithmetic
      const { expm1 } = elementaryFunctions(arithmetic)
      return (call) => {
        const alpha = round(call.scalars[0])
        mapRows((x) => (x > 0 ? x : round(alpha * expm1(x))))(call)
      }
    },
    gradientOfOutput('elu_backward'),
  ),
  defineOp(
    'elu_backward',
    'rows',
    '(rows n | alpha | dy[rows n] y[rows n]) -> dx~dy[rows n]',
    ({ round }) =>
      (call) => {
        const alpha = round(call.scalars[0])
        mapRows2((dy, y) => (y > 0 ? dy : round(dy * round(y + alpha))))(call)
      },
  ),
  forward(
    'selu',
    (arithmetic) => {
      const { round } = arithmetic
      const { expm1 } = elementaryFunctions(arithmetic)
      const [scale, negative] = seluFactors(arithmetic)
      return (x) => (x > 0 ? round(scale * x) : round(negative * expm1(x)))
    },
    gradientOfOutput('selu_backward'),
  ),
  backward('selu_backward', (arithmetic) => {
    const { round } = arithmetic
    const [scale, negative] = seluFactors(arithmetic)
    return (dy, y) => (y > 0 ? round(dy * scale) : round(dy * round(y + negative)))
  }),
  forward(
    'softplus',
    (arithmetic) => elementaryFunctions(arithmetic).softplus,
    gradientOfInput('softplus_backward'),
  ),
  backwardOfInput('softplus_backward', (arithmetic) => {
    const { round } = arithmetic
    const { logistic } = elementaryFunctions(arithmetic)
    return (dy, x) => round(dy * logistic(x))
  }),
  // Source: Hendrycks, Gimpel 2016, Gaussian Error Linear Units; both forms.
  forward(
    'gelu',
    (arithmetic) => {
      const cdf = normalCdf(arithmetic)
      return (x) => arithmetic.round(x * cdf(x))
    },
    gradientOfInput('gelu_backward'),
  ),
  backwardOfInput('gelu_backward', (arithmetic) => {
    const { round, mulAdd } = arithmetic
    const { exp } = elementaryFunctions(arithmetic)
    const cdf = normalCdf(arithmetic)
    const factor = round(0.3989422804014327)
    return (dy, x) => {
      const density = round(factor * exp(round(round(-0.5 * x) * x)))
      return round(dy * mulAdd(x, density, cdf(x)))
    }
  }),
  forward(
    'gelu_tanh',
    (arithmetic) => {
      const { round, mulAdd } = arithmetic
      const { tanh } = elementaryFunctions(arithmetic)
      const [linear, cubic] = [round(GELU_LINEAR), round(GELU_CUBIC)]
      return (x) => {
        const t = tanh(round(x * mulAdd(cubic, round(x * x), linear)))
        return round(round(0.5 * x) * round(1 + t))
      }
    },
    gradientOfInput('gelu_tanh_backward'),
  ),
  backwardOfInput('gelu_tanh_backward', (arithmetic) => {
    const { round, mulAdd } = arithmetic
    const { tanh } = elementaryFunctions(arithmetic)
    const [linear, cubic, steep] = [round(GELU_LINEAR), round(GELU_CUBIC), round(GELU_SLOPE)]
    return (dy, x) => {
      const square = round(x * x)
      const t = tanh(round(x * mulAdd(cubic, square, linear)))
      const slope = mulAdd(steep, square, linear)
      const outer = round(round(0.5 * x) * mulAdd(-t, t, 1))
      return round(dy * mulAdd(outer, slope, round(0.5 * round(1 + t))))
    }
  }),
  forward(
    'silu',
    (arithmetic) => {
      const { logistic } = elementaryFunctions(arithmetic)
      return (x) => arithmetic.round(x * logistic(x))
    },
    gradientOfInput('silu_backward'),
  ),
  backwardOfInput('silu_backward', (arithmetic) => {
    const { round, mulAdd } = arithmetic
    const { logistic } = elementaryFunctions(arithmetic)
    return (dy, x) => {
      const s = logistic(x)
      return round(dy * round(s * mulAdd(x, round(1 - s), 1)))
    }
  }),
  // Source: Misra 2019, Mish: A Self Regularized Non-Monotonic Activation Function.
  forward(
    'mish',
    (arithmetic) => {
      const { tanh, softplus } = elementaryFunctions(arithmetic)
      return (x) => arithmetic.round(x * tanh(softplus(x)))
    },
    gradientOfInput('mish_backward'),
  ),
  backwardOfInput('mish_backward', (arithmetic) => {
    const { round, mulAdd } = arithmetic
    const { tanh, softplus, logistic } = elementaryFunctions(arithmetic)
    return (dy, x) => {
      const t = tanh(softplus(x))
      return round(dy * mulAdd(round(x * mulAdd(-t, t, 1)), logistic(x), t))
    }
  }),
  forward(
    'gudermannian',
    (arithmetic) => {
      const { round } = arithmetic
      const { tanh, atan } = elementaryFunctions(arithmetic)
      return (x) => round(2 * atan(tanh(round(0.5 * x))))
    },
    gradientOfInput('gudermannian_backward'),
  ),
  backwardOfInput('gudermannian_backward', (arithmetic) => {
    const { round, mulAdd } = arithmetic
    const { exp } = elementaryFunctions(arithmetic)
    return (dy, x) => {
      const e = exp(-Math.abs(x))
      return round(dy * round(round(2 * e) / mulAdd(e, e, 1)))
    }
  }),
  forward('step', () => heaviside),
]
