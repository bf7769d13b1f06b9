/** Updates of one contiguous vector of weights; the learning rate is a double in the arena, rounded once per step. */

import type { Arithmetic } from './arithmetic.ts'
import { defineOp, type Kernel, type Op } from './op.ts'
import { settled, settledBase, settledFactor } from './settled.ts'

const MOMENTUM = '(count | mu | rate:f64[1] dw[count] v[count] w[count]) -> v[count] w[count]'

// v = mu·v + dw, then w moves against direction(mu, v, dw).
function momentumKernel(
  arithmetic: Arithmetic,
  direction: (mu: number, velocity: number, gradient: number) => number,
): Kernel {
  const { round, mulAdd } = arithmetic
  return ({ operands: [, dw, v, w], doubles: [rate], dims: [count], scalars }) => {
    const mu = round(scalars[0])
    const step = round(-rate[0])
    for (let i = 0; i < count; i++) {
      v[i] = settled(arithmetic, mulAdd(mu, v[i], dw[i]))
      w[i] = settledFactor(arithmetic, mulAdd(step, direction(mu, v[i], dw[i]), w[i]))
    }
  }
}

/** The ops of this family. */
export const optimizers: readonly Op[] = [
  defineOp('clip_value', 'count', '(count | limit | dw[count]) -> dw[count]', ({ round }) => {
    return ({ operands: [dw], dims: [count], scalars }) => {
      const limit = round(scalars[0])
      for (let i = 0; i < count; i++) dw[i] = dw[i] > limit ? limit : dw[i] < -limit ? -limit : dw[i]
    }
  }),
  defineOp(
    'clip_norm',
    'count',
    '(count | limit | norm:f64[1] dw[count]) -> dw[count]',
    ({ round }) =>
      ({ operands: [, dw], doubles: [norm], dims: [count], scalars: [limit] }) => {
        if (!(norm[0] > limit)) return
        const factor = round(limit / norm[0])
        for (let i = 0; i < count; i++) dw[i] = factor * dw[i]
      },
  ),
  defineOp('sgd', 'count', '(count | | rate:f64[1] dw[count] w[count]) -> w[count]', (arithmetic) => {
    const { round, mulAdd } = arithmetic
    return ({ operands: [, dw, w], doubles: [rate], dims: [count] }) => {
      const step = round(-rate[0])
      for (let i = 0; i < count; i++) w[i] = settledFactor(arithmetic, mulAdd(step, dw[i], w[i]))
    }
  }),
  defineOp('momentum', 'count', MOMENTUM, (arithmetic) =>
    momentumKernel(arithmetic, (_, velocity) => velocity),
  ),
  defineOp('nesterov', 'count', MOMENTUM, (arithmetic) =>
    momentumKernel(arithmetic, (mu, velocity, gradient) => arithmetic.mulAdd(mu, velocity, gradient)),
  ),
  defineOp(
    'adam_advance',
    'serial',
    '(| beta1 beta2 | rate:f64[1] powers:f64[2]) -> powers:f64[2] coefficients:f64[2]',
    () => {
      return ({ doubles: [rate, powers, coefficients], scalars: [beta1, beta2] }) => {
        powers[0] *= beta1
        powers[1] *= beta2
        coefficients[0] = rate[0] / (1 - powers[0])
        coefficients[1] = 1 / Math.sqrt(1 - powers[1])
      }
    },
  ),
  // Source: Kingma, Ba 2015, Adam: A Method for Stochastic Optimization, algorithm 1.
  defineOp(
    'adam',
    'count',
    '(count | beta1 beta2 epsilon | coefficients:f64[2] dw[count] m[count] v[count] w[count]) -> m[count] v[count] w[count]',
    (arithmetic) => {
      const { round, mulAdd } = arithmetic
      return ({ operands: [, dw, m, v, w], doubles: [coefficients], dims: [count], scalars }) => {
        const step = round(-coefficients[0])
        const correction = round(coefficients[1])
        const [beta1, beta2, epsilon] = [round(scalars[0]), round(scalars[1]), round(scalars[2])]
        const [rest1, rest2] = [round(1 - scalars[0]), round(1 - scalars[1])]
        for (let i = 0; i < count; i++) {
          const g = dw[i]
          m[i] = settled(arithmetic, mulAdd(beta1, m[i], round(rest1 * g)))
          const base = settledBase(arithmetic, g)
          v[i] = settled(arithmetic, mulAdd(beta2, v[i], round(round(rest2 * base) * base)))
          const denominator = mulAdd(round(Math.sqrt(v[i])), correction, epsilon)
          w[i] = mulAdd(step, round(m[i] / denominator), w[i])
        }
      }
    },
  ),
  // Source: Loshchilov, Hutter 2019, Decoupled Weight Decay Regularization.
  defineOp('decay', 'count', '(count | alpha | rate:f64[1] w[count]) -> w[count]', (arithmetic) => {
    const { round } = arithmetic
    return ({ operands: [, w], doubles: [rate], dims: [count], scalars: [alpha] }) => {
      const factor = round(1 - rate[0] * alpha)
      for (let i = 0; i < count; i++) w[i] = settledFactor(arithmetic, round(factor * w[i]))
    }
  }),
  // Source: Tieleman, Hinton 2012, Lecture 6.5; with a velocity as in Graves 2013.
  defineOp(
    'rmsprop',
    'count',
    '(count | rho epsilon mu | rate:f64[1] dw[count] v[count] b[count] w[count]) -> v[count] b[count] w[count]',
    (arithmetic) => {
      const { round, mulAdd } = arithmetic
      return ({ operands: [, dw, v, b, w], doubles: [rate], dims: [count], scalars }) => {
        const step = round(-rate[0])
        const [rho, epsilon, mu] = scalars.map(round)
        const rest = round(1 - scalars[0])
        for (let i = 0; i < count; i++) {
          const g = dw[i]
          const base = settledBase(arithmetic, g)
          v[i] = settled(arithmetic, mulAdd(rho, v[i], round(round(rest * base) * base)))
          b[i] = settled(arithmetic, mulAdd(mu, b[i], round(g / round(round(Math.sqrt(v[i])) + epsilon))))
          w[i] = mulAdd(step, b[i], w[i])
        }
      }
    },
  ),
  // Source: Duchi, Hazan, Singer 2011, Adaptive Subgradient Methods.
  defineOp(
    'adagrad',
    'count',
    '(count | epsilon | rate:f64[1] dw[count] v[count] w[count]) -> v[count] w[count]',
    (arithmetic) => {
      const { round, mulAdd } = arithmetic
      return ({ operands: [, dw, v, w], doubles: [rate], dims: [count], scalars }) => {
        const step = round(-rate[0])
        const epsilon = round(scalars[0])
        for (let i = 0; i < count; i++) {
          const g = dw[i]
          const base = settledBase(arithmetic, g)
          v[i] = mulAdd(base, base, v[i])
          w[i] = mulAdd(step, round(g / round(round(Math.sqrt(v[i])) + epsilon)), w[i])
        }
      }
    },
  ),
  // Source: Zeiler 2012, ADADELTA: An Adaptive Learning Rate Method, algorithm 1.
  defineOp(
    'adadelta',
    'count',
    '(count | rho epsilon | rate:f64[1] dw[count] v[count] a[count] w[count]) -> v[count] a[count] w[count]',
    (arithmetic) => {
      const { round, mulAdd } = arithmetic
      return ({ operands: [, dw, v, a, w], doubles: [rate], dims: [count], scalars }) => {
        const step = round(-rate[0])
        const [rho, epsilon] = scalars.map(round)
        const rest = round(1 - scalars[0])
        for (let i = 0; i < count; i++) {
          const g = dw[i]
          const base = settledBase(arithmetic, g)
          v[i] = settled(arithmetic, mulAdd(rho, v[i], round(round(rest * base) * base)))
          const ratio = round(
            round(Math.sqrt(round(a[i] + epsilon))) / round(Math.sqrt(round(v[i] + epsilon))),
          )
          const u = round(ratio * g)
          const moved = settledBase(arithmetic, u)
          a[i] = settled(arithmetic, mulAdd(rho, a[i], round(round(rest * moved) * moved)))
          w[i] = mulAdd(step, u, w[i])
        }
      }
    },
  ),
]
