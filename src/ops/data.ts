/** Rows of a data set into the batch, and the order of the rows in an epoch. */

import { multiplyBounded, threefry } from '../random.ts'
import { defineOp, type Op } from './op.ts'

// The source row of a batch row, or −1 where position or index is out of range.
function sourceRow(order: Uint32Array, position: number, total: number, count: number): number {
  return position < count && order[position] < total ? order[position] : -1
}

// The row of a table that x names, or −1 where it has none.
function tableRow(x: number, total: number): number {
  return x >= 0 && x < total ? Math.trunc(x) : -1
}

/** The ops of this family. */
export const data: readonly Op[] = [
  defineOp(
    'permute',
    'serial',
    '(count | | base:u32[count] key:u32[2] epoch:u32[1]) -> order:u32[count]',
    () => {
      const block = new Uint32Array(2)
      const drawBelow = (key: Uint32Array, i: number, epoch: number, bound: number): number => {
        for (let attempt = 0; ; attempt++) {
          threefry(key[0], key[1], i, (epoch + attempt * 0x01000000) >>> 0, block)
          for (const word of block) {
            const value = multiplyBounded(word, bound)
            if (value >= 0) return value
          }
        }
      }
      return ({ words: [base, key, epoch, order], dims: [count] }) => {
        order.set(base)
        for (let i = count - 1; i > 0; i--) {
          const j = drawBelow(key, i, epoch[0], i + 1)
          const kept = order[i]
          order[i] = order[j]
          order[j] = kept
        }
      }
    },
  ),
  defineOp(
    'gather_rows',
    'rows',
    '(rows n total count | | source[total n] order:u32[count]) -> y[rows n]',
    () => {
      return ({ operands: [source, , y], words: [, order], dims: [, n, total, count], rows, cursor }) => {
        for (let row = 0; row < rows; row++) {
          const index = sourceRow(order, cursor + row, total, count)
          if (index < 0) y.fill(NaN, row * n, row * n + n)
          else for (let j = 0; j < n; j++) y[row * n + j] = source[index * n + j]
        }
      }
    },
  ),
  defineOp(
    'gather_one_hot',
    'rows',
    '(rows n total count | | label:u32[total] order:u32[count]) -> y[rows n]',
    () => {
      return ({ operands: [, , y], words: [labels, order], dims: [, n, total, count], rows, cursor }) => {
        for (let row = 0; row < rows; row++) {
          const index = sourceRow(order, cursor + row, total, count)
          const label = index < 0 ? n : labels[index]
          for (let j = 0; j < n; j++) y[row * n + j] = label < n ? Number(j === label) : NaN
        }
      }
    },
  ),
  defineOp(
    'embed',
    'rows',
    '(rows n total | | x[rows] w[total n]) -> y[rows n]',
    () =>
      ({ operands: [x, w, y], dims: [, n, total], rows }) => {
        for (let row = 0; row < rows; row++) {
          const index = tableRow(x[row], total)
          for (let j = 0; j < n; j++) y[row * n + j] = index < 0 ? NaN : w[index * n + j]
        }
      },
    // The place in a table has no gradient.
    (g, { inputs: { x, w } }, dy) => ({
      x: () => g.emit('scale', { x }, { alpha: 0 }),
      w: () => g.emit('embed_backward', { x, dy }, {}, { dw: g.like(w) }),
    }),
  ),
  defineOp('embed_backward', 'n', '(n total rows | | x[rows] dy[rows n]) -> dw[total n]', ({ round }) => {
    return ({ operands: [x, dy, dw], dims: [n, total], rows }) => {
      dw.fill(0, 0, total * n)
      for (let row = 0; row < rows; row++) {
        const index = tableRow(x[row], total)
        if (index < 0) continue
        for (let j = 0; j < n; j++) dw[index * n + j] = round(dw[index * n + j] + dy[row * n + j])
      }
    }
  }),
]
