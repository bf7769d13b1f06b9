/** Activations, and their gradients in terms of the output. */

import type { Arithmetic } from './arithmetic.ts'
import { mapRows, mapRows2 } from './elementwise.ts'
import { elementaryFunctions } from './math.ts'
import { defineOp, type Gradient, type Op } from './op.ts'

const FORWARD = '(rows n | | x[rows n]) -> y~x[rows n]'
const BACKWARD = '(rows n | | dy[rows n] y[rows n]) -> dx~dy[rows n]'
const FORWARD_SLOPE = '(rows n | slope | x[rows n]) -> y~x[rows n]'
const BACKWARD_SLOPE = '(rows n | slope | dy[rows n] y[rows n]) -> dx~dy[rows n]'

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
  backward(
    'tanh_backward',
    ({ round, mulAdd }) =>
      (dy, y) =>
        round(dy * mulAdd(-y, y, 1)),
  ),
  forward(
    'logistic',
    (arithmetic) => elementaryFunctions(arithmetic).logistic,
    gradientOfOutput('logistic_backward'),
  ),
  backward(
    'logistic_backward',
    ({ round }) =>
      (dy, y) =>
        round(dy * round(y * round(1 - y))),
  ),
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
]
