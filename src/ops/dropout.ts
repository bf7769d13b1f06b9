/** Dropout masks. The masked product itself is the op `hadamard`. */

import { threefry } from '../random.ts'
import { defineOp, type Op } from './op.ts'

/** The ops of this family. */
export const dropout: readonly Op[] = [
  defineOp('dropout_mask', 'rows', '(rows n | rate | key:u32[2] step:u32[1]) -> mask[rows n]', () => {
    const block = new Uint32Array(2)
    return ({ operands, words: [key, step], dims: [, n], rows, scalars: [rate] }) => {
      const mask = operands[2]
      const threshold = Math.ceil(rate * 2 ** 32)
      const kept = 1 / (1 - rate)
      for (let e = 0; e < rows * n; e++) {
        if ((e & 1) === 0) threefry(key[0], key[1], e / 2, step[0], block)
        mask[e] = block[e & 1] >= threshold ? kept : 0
      }
    }
  }),
]
