/** Element-wise arithmetic. */

import type { Arithmetic } from './arithmetic.ts'
import { reductionScale } from './losses.ts'
import { defineOp, type Gradient, type Kernel, type Op } from './op.ts'

/** A kernel for dims (rows, n) that maps each element of x to y. */
export function mapRows(f: (x: number) => number): Kernel {
  return ({ operands: [x, y], dims: [, n], rows }) => {
    for (let i = 0; i < rows * n; i++) y[i] = f(x[i])
  }
}

/** A kernel for dims (rows, n) that maps each pair of elements of a and b to y. */
export function mapRows2(f: (a: number, b: number) => number): Kernel {
  return ({ operands: [a, b, y], dims: [, n], rows }) => {
    for (let i = 0; i < rows * n; i++) y[i] = f(a[i], b[i])
  }
}

const BINARY = '(rows n | | a[rows n] b[rows n]) -> y~a~b[rows n]'

function binary(
  name: string,
  f: (arithmetic: Arithmetic) => (a: number, b: number) => number,
  gradient?: Gradient,
): Op {
  return defineOp(name, 'rows', BINARY, (arithmetic) => mapRows2(f(arithmetic)), gradient)
}

/** The ops of this family. */
export const elementwise: readonly Op[] = [
  binary(
    'add',
    ({ round }) =>
      (a, b) =>
        round(a + b),
    (_, __, dy) => ({ a: () => dy, b: () => dy }),
  ),
  binary(
    'subtract',
    ({ round }) =>
      (a, b) =>
        round(a - b),
    (g, _, dy) => ({ a: () => dy, b: () => g.emit('scale', { x: dy }, { alpha: -1 }) }),
  ),
  binary(
    'hadamard',
    ({ round }) =>
      (a, b) =>
        round(a * b),
    (g, { inputs: { a, b } }, dy) => ({
      a: () => g.emit('hadamard', { a: dy, b }),
      b: () => g.emit('hadamard', { a: dy, b: a }),
    }),
  ),
  binary(
    'divide',
    ({ round }) =>
      (a, b) =>
        round(a / b),
    (g, { inputs: { b }, output }, dy) => ({
      a: () => g.emit('divide', { a: dy, b }),
      b: () => {
        const product = g.emit('hadamard', { a: dy, b: output })
        return g.emit('scale', { x: g.emit('divide', { a: product, b }) }, { alpha: -1 })
      },
    }),
  ),
  defineOp(
    'scale',
    'rows',
    '(rows n | alpha | x[rows n]) -> y~x[rows n]',
    ({ round }) =>
      (call) => {
        const alpha = round(call.scalars[0])
        mapRows((x) => round(alpha * x))(call)
      },
    (g, { scalars: { alpha } }, dy) => ({ x: () => g.emit('scale', { x: dy }, { alpha }) }),
  ),
  defineOp(
    'shift',
    'rows',
    '(rows n | alpha | x[rows n]) -> y~x[rows n]',
    ({ round }) =>
      (call) => {
        const alpha = round(call.scalars[0])
        mapRows((x) => round(x + alpha))(call)
      },
    (_, __, dy) => ({ x: () => dy }),
  ),
  defineOp('axpy', 'count', '(count | alpha | x[count] y[count]) -> y[count]', ({ round, mulAdd }) => {
    return ({ operands: [x, y], dims: [count], scalars }) => {
      const alpha = round(scalars[0])
      for (let i = 0; i < count; i++) y[i] = mulAdd(alpha, x[i], y[i])
    }
  }),
  defineOp('add_sign', 'count', '(count | alpha | x[count] y[count]) -> y[count]', ({ round }) => {
    return ({ operands: [x, y], dims: [count], scalars }) => {
      const alpha = round(scalars[0])
      for (let i = 0; i < count; i++) y[i] += x[i] > 0 ? alpha : x[i] < 0 ? -alpha : x[i]
    }
  }),
  defineOp('weigh_rows', 'rows', '(rows n | | x[rows n] weight[rows]) -> y~x[rows n]', () => {
    return ({ operands: [x, weight, y], dims: [, n], rows }) => {
      for (let i = 0; i < rows * n; i++) y[i] = weight[Math.floor(i / n)] * x[i]
    }
  }),
  defineOp(
    'add_bias',
    'rows',
    '(rows n | | x[rows n] b[n]) -> y~x[rows n]',
    () =>
      ({ operands: [x, b, y], dims: [, n], rows }) => {
        for (let row = 0; row < rows; row++) {
          for (let j = 0; j < n; j++) y[row * n + j] = x[row * n + j] + b[j]
        }
      },
    (g, _, dy) => ({ x: () => dy, b: () => g.emit('sum_columns', { x: dy }) }),
  ),
  defineOp('fill', 'count', '(count | value | ) -> y[count]', () => {
    return ({ operands: [y], scalars: [value] }) => {
      y.fill(value)
    }
  }),
  // A sum over rows that were counted on the way, turned into what the loss's reduction asks for.
  defineOp(
    'divide_by_rows',
    'count',
    '(count | reduction outputs | rows:f64[1] x[count]) -> x[count]',
    ({ round }) => {
      return ({ operands: [, x], doubles: [rows], dims: [count], scalars: [reduction, outputs] }) => {
        const factor = round(reductionScale(reduction, rows[0], outputs))
        for (let i = 0; i < count; i++) x[i] = factor * x[i]
      }
    },
  ),
  defineOp(
    'multiply_columns',
    'rows',
    '(rows n | | x[rows n] w[n]) -> y~x[rows n]',
    () =>
      ({ operands: [x, w, y], dims: [, n], rows }) => {
        for (let row = 0; row < rows; row++) {
          for (let j = 0; j < n; j++) y[row * n + j] = x[row * n + j] * w[j]
        }
      },
    (g, { inputs: { x, w } }, dy) => ({
      x: () => g.emit('multiply_columns', { x: dy, w }),
      w: () => g.emit('dot_columns', { a: dy, b: x }),
    }),
  ),
]
