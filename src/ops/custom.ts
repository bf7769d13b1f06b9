/**
 * Ops that run functions which their program carries; the scalar `index` says which. The native core does not have them,
 * so they are no part of the op table that backends agree on.
 */

import { defineOp, type Op } from './op.ts'

/** The ops of this family. */
export const custom: readonly Op[] = [
  defineOp(
    'custom',
    'rows',
    '(rows n | index | x[rows n]) -> y~x[rows n]',
    () =>
      ({ operands: [x, y], dims: [, n], rows, scalars: [index], functions }) => {
        const { forward } = functions[index]
        for (let i = 0; i < rows * n; i++) y[i] = forward(x[i])
      },
    (g, { inputs: { x }, output, scalars }, dy) => ({
      x: () => g.emit('custom_backward', { dy, x, y: output }, scalars),
    }),
  ),
  defineOp(
    'custom_backward',
    'rows',
    '(rows n | index | dy[rows n] x[rows n] y[rows n]) -> dx~dy[rows n]',
    () =>
      ({ operands: [dy, x, y, dx], dims: [, n], rows, scalars: [index], functions }) => {
        const { backward } = functions[index]
        for (let i = 0; i < rows * n; i++) dx[i] = dy[i] * backward(x[i], y[i])
      },
  ),
]
