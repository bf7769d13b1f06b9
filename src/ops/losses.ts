/** Losses per row, their gradients with respect to the network's output, and the count of right answers. */

import { heaviside } from './activations.ts'
import type { Arithmetic, FloatArray } from './arithmetic.ts'
import { mapRows } from './elementwise.ts'
import { elementaryFunctions } from './math.ts'
import { defineOp, type Kernel, type Op } from './op.ts'
import { laneReductions } from './reductions.ts'
import { settledFactor } from './settled.ts'
import { rowMax, shiftedExponentials } from './softmax.ts'

/** How a loss over rows becomes one number; the order is that of the ops' `reduction` scalar. */
export const REDUCTIONS = ['sum', 'mean_samples', 'mean_elements'] as const

/**
 * `sum` over everything, or that divided by the rows, or by rows · outputs.
 *
 * @useDeclaredType
 */
export type Reduction = (typeof REDUCTIONS)[number]

/**
 * The factor that a reduction puts on the sum over all elements.
 *
 * @param reduction index in {@link REDUCTIONS}
 */
export function reductionScale(reduction: number, rows: number, n: number): number {
  return reduction === 0 ? 1 : reduction === 1 ? 1 / rows : 1 / (rows * n)
}

const LOGITS_LOSS = '(rows n | | z[rows n] t[rows n]) -> loss[rows]'
const LOGITS_BACKWARD = '(rows n | reduction | z[rows n] t[rows n]) -> dz~z[rows n]'

const LOGITS_BOTH = '(rows n | reduction | z[rows n] t[rows n]) -> loss[rows] dz~z[rows n]'

// A loss and its gradient, as the two ops give them one after the other.
function both(
  name: string,
  loss: (arithmetic: Arithmetic) => Kernel,
  backward: (arithmetic: Arithmetic) => Kernel,
): Op[] {
  return [
    defineOp(name, 'rows', LOGITS_LOSS, loss),
    defineOp(`${name}_backward`, 'rows', LOGITS_BACKWARD, backward),
    defineOp(`${name}_and_gradient`, 'rows', LOGITS_BOTH, (arithmetic) => {
      const [first, second] = [loss(arithmetic), backward(arithmetic)]
      return (call) => {
        const [z, t, rowLoss, dz] = call.operands
        first({ ...call, operands: [z, t, rowLoss] })
        second({ ...call, operands: [z, t, dz] })
      }
    }),
  ]
}

function firstLargest(x: FloatArray, start: number, n: number): number {
  let best = 0
  for (let j = 1; j < n; j++) if (x[start + j] > x[start + best]) best = j
  return best
}

// A loss per row: the lane sum of a term per element.
function perRow(
  name: string,
  signature: string,
  term: (arithmetic: Arithmetic) => (scalars: readonly number[]) => (y: number, t: number) => number,
): Op {
  return defineOp(name, 'rows', signature, (arithmetic) => {
    const lanes = laneReductions(arithmetic)
    const termOf = term(arithmetic)
    return ({ operands: [y, t, loss], dims: [, n], rows, scalars }) => {
      const f = termOf(scalars)
      for (let row = 0; row < rows; row++) {
        loss[row] = lanes.sumOf(n, (j) => f(y[row * n + j], t[row * n + j]))
      }
    }
  })
}

// The gradient of such a loss; `scale` is the factor of its reduction, the last scalar.
function perElement(
  name: string,
  signature: string,
  derivative: (
    arithmetic: Arithmetic,
  ) => (scale: number, scalars: readonly number[]) => (y: number, t: number) => number,
): Op {
  return defineOp(name, 'rows', signature, (arithmetic) => {
    const derivativeOf = derivative(arithmetic)
    return ({ operands: [y, t, dy], dims: [, n], rows, scalars }) => {
      const scale = arithmetic.round(reductionScale(scalars[scalars.length - 1], rows, n))
      const f = derivativeOf(scale, scalars)
      for (let i = 0; i < rows * n; i++) dy[i] = f(y[i], t[i])
    }
  })
}

/** The ops of this family. */
export const losses: readonly Op[] = [
  defineOp('squared_error', 'rows', '(rows n | factor | y[rows n] t[rows n]) -> loss[rows]', (arithmetic) => {
    const { round, mulAdd } = arithmetic
    const lanes = laneReductions(arithmetic)
    return ({ operands: [y, t, loss], dims: [, n], rows, scalars }) => {
      const factor = round(scalars[0])
      for (let row = 0; row < rows; row++) {
        const total = lanes.reduce(n, (j, lane) => {
          const d = round(y[row * n + j] - t[row * n + j])
          return mulAdd(d, d, lane)
        })
        loss[row] = factor * total
      }
    }
  }),
  defineOp(
    'squared_error_backward',
    'rows',
    '(rows n | factor reduction | y[rows n] t[rows n]) -> dy~y[rows n]',
    ({ round }) => {
      return ({ operands: [y, t, dy], dims: [, n], rows, scalars: [factor, reduction] }) => {
        const c = round(2 * factor * reductionScale(reduction, rows, n))
        for (let i = 0; i < rows * n; i++) dy[i] = c * round(y[i] - t[i])
      }
    },
  ),
  perRow('absolute_error', '(rows n | | y[rows n] t[rows n]) -> loss[rows]', ({ round }) => () => {
    return (y, t) => Math.abs(round(y - t))
  }),
  perElement(
    'absolute_error_backward',
    '(rows n | reduction | y[rows n] t[rows n]) -> dy~y[rows n]',
    ({ round }) => {
      return (scale) => (y, t) => {
        const d = round(y - t)
        return d > 0 ? scale : d < 0 ? -scale : d
      }
    },
  ),
  // Source: Huber 1964, Robust Estimation of a Location Parameter.
  perRow('huber', '(rows n | delta | y[rows n] t[rows n]) -> loss[rows]', ({ round }) => ([given]) => {
    const delta = round(given)
    const halfDelta = round(0.5 * delta)
    return (y, t) => {
      const d = round(y - t)
      const size = Math.abs(d)
      return size <= delta ? round(round(0.5 * d) * d) : round(delta * round(size - halfDelta))
    }
  }),
  perElement(
    'huber_backward',
    '(rows n | delta reduction | y[rows n] t[rows n]) -> dy~y[rows n]',
    ({ round }) => {
      return (scale, [given]) => {
        const delta = round(given)
        return (y, t) => {
          const d = round(y - t)
          return (d > delta ? delta : d < -delta ? -delta : d) * scale
        }
      }
    },
  ),
  perRow('hinge', '(rows n | | y[rows n] t[rows n]) -> loss[rows]', ({ mulAdd }) => () => {
    return (y, t) => {
      const deficit = mulAdd(-t, y, 1)
      return deficit <= 0 ? 0 : deficit
    }
  }),
  perElement('hinge_backward', '(rows n | reduction | y[rows n] t[rows n]) -> dy~y[rows n]', ({ mulAdd }) => {
    return (scale) => (y, t) => {
      const deficit = mulAdd(-t, y, 1)
      return deficit > 0 ? -t * scale : deficit <= 0 ? 0 : deficit
    }
  }),
  // Source: Rosenblatt 1958, The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain.
  perRow('perceptron', LOGITS_LOSS, ({ round }) => () => (z, t) => {
    const d = round(heaviside(z) - t)
    return round(round(0.5 * d) * d)
  }),
  perElement('perceptron_backward', LOGITS_BACKWARD, ({ round }) => {
    return (scale) => (z, t) => round(heaviside(z) - t) * scale
  }),
  ...both(
    'binary_cross_entropy_with_logits',
    (arithmetic) => {
      const { round, mulAdd } = arithmetic
      const { exp, log1p } = elementaryFunctions(arithmetic)
      const lanes = laneReductions(arithmetic)
      return ({ operands: [z, t, loss], dims: [, n], rows }) => {
        for (let row = 0; row < rows; row++) {
          loss[row] = lanes.sumOf(n, (j) => {
            const logit = z[row * n + j]
            const linear = mulAdd(-logit, t[row * n + j], logit <= 0 ? 0 : logit)
            return round(linear + log1p(exp(-Math.abs(logit))))
          })
        }
      }
    },
    (arithmetic) => {
      const { round } = arithmetic
      const { logistic } = elementaryFunctions(arithmetic)
      return ({ operands: [z, t, dz], dims: [, n], rows, scalars: [reduction] }) => {
        const scale = round(reductionScale(reduction, rows, n))
        for (let i = 0; i < rows * n; i++)
          dz[i] = settledFactor(arithmetic, round(round(logistic(z[i]) - t[i]) * scale))
      }
    },
  ),
  ...both(
    'categorical_cross_entropy_with_logits',
    (arithmetic) => {
      const { round, mulAdd } = arithmetic
      const { exp, log } = elementaryFunctions(arithmetic)
      const lanes = laneReductions(arithmetic)
      return ({ operands: [z, t, loss], dims: [, n], rows }) => {
        for (let row = 0; row < rows; row++) {
          const start = row * n
          const largest = rowMax(z, start, n)
          const logTotal = log(lanes.sumOf(n, (j) => exp(round(z[start + j] - largest))))
          loss[row] = lanes.reduce(n, (j, lane) =>
            mulAdd(-t[start + j], round(round(z[start + j] - largest) - logTotal), lane),
          )
        }
      }
    },
    (arithmetic) => {
      const { round, mulAdd } = arithmetic
      const exponentials = shiftedExponentials(arithmetic)
      const lanes = laneReductions(arithmetic)
      return ({ operands: [z, t, dz], dims: [, n], rows, scalars: [reduction] }) => {
        const scale = round(reductionScale(reduction, rows, n))
        for (let start = 0; start < rows * n; start += n) {
          const targetTotal = lanes.sum(t, start, n)
          const total = exponentials(z, dz, start, n)
          for (let j = start; j < start + n; j++)
            dz[j] = settledFactor(arithmetic, round(mulAdd(round(dz[j] / total), targetTotal, -t[j]) * scale))
        }
      }
    },
  ),
  // Each target moves towards the even distribution over the classes.
  // Source: Szegedy et al. 2016, Rethinking the Inception Architecture, section 7.
  defineOp(
    'smooth_labels',
    'rows',
    '(rows n | smoothing classes | t[rows n]) -> y~t[rows n]',
    ({ round, mulAdd }) => {
      return (call) => {
        const [smoothing, classes] = call.scalars
        const kept = round(1 - smoothing)
        const share = round(smoothing / classes)
        mapRows((t) => mulAdd(kept, t, share))(call)
      }
    },
  ),
  defineOp('count_correct', 'rows', '(rows n | | y[rows n] t[rows n]) -> correct[rows]', () => {
    return ({ operands: [y, t, correct], dims: [, n], rows }) => {
      for (let row = 0; row < rows; row++) {
        const start = row * n
        const isRight =
          n === 1 ? y[row] > 0 === t[row] > 0.5 : firstLargest(y, start, n) === firstLargest(t, start, n)
        correct[row] = isRight ? 1 : 0
      }
    }
  }),
]
