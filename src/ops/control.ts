/** Counters, checks and the decisions that end a run. */

import type { FloatArray } from './arithmetic.ts'
import { defineOp, type Op } from './op.ts'

/** Status word of a run that ended because patience ran out; other non-zero values are 1 + index of a raised flag. */
export const EARLY_STOP = 0x80000000

function hasNonfinite(x: FloatArray, count: number): boolean {
  for (let i = 0; i < count; i++) if (x[i] - x[i] !== 0) return true
  return false
}

function haltAtFirst(flags: Uint32Array, status: Uint32Array): void {
  const raised = flags.findIndex((flag) => flag !== 0)
  if (raised >= 0) status[0] = raised + 1
}

/** The ops of this family. */
export const control: readonly Op[] = [
  defineOp('advance', 'serial', '(| | step:u32[1]) -> step:u32[1]', () => {
    return ({ words: [step] }) => {
      step[0]++
    }
  }),
  defineOp('count_rows', 'serial', '(rows | | total:f64[1]) -> total:f64[1]', () => {
    return ({ doubles: [total], rows }) => {
      total[0] += rows
    }
  }),
  // A learning rate that changes every `stride` steps.
  defineOp('look_up', 'serial', '(count | stride | table:f64[count] step:u32[1]) -> rate:f64[1]', () => {
    return ({ doubles: [table, , rate], words: [, step], dims: [count], scalars: [stride] }) => {
      const at = Math.floor(step[0] / stride)
      rate[0] = count === 0 ? 0 : table[!(at >= 0) ? 0 : at < count ? at : count - 1]
    }
  }),
  // A rate with what stands beside it, for parameters that learn at a rate of their own.
  defineOp('scale_first', 'serial', '(count | factor | x:f64[count]) -> y:f64[count]', () => {
    return ({ doubles: [x, y], dims: [count], scalars: [factor] }) => {
      for (let i = 0; i < count; i++) y[i] = i === 0 ? factor * x[i] : x[i]
    }
  }),
  // Before an epoch: looks at the loss of the one before. The state is the best loss, epochs since it, epochs begun.
  defineOp(
    'reduce_on_plateau',
    'serial',
    '(| factor patience minDelta minimum | loss:f64[1] rate:f64[1] state:f64[3]) -> rate:f64[1] state:f64[3]',
    () => {
      return ({ doubles: [loss, rate, state], scalars: [factor, patience, minDelta, minimum] }) => {
        state[2] += 1
        if (state[2] === 1) return
        if (loss[0] < state[0] - minDelta) {
          state[0] = loss[0]
          state[1] = 0
          return
        }
        state[1] += 1
        if (state[1] < patience) return
        state[1] = 0
        const reduced = rate[0] * factor
        rate[0] = reduced < minimum ? minimum : reduced
      }
    },
  ),
  defineOp('clear', 'serial', '(count | | ) -> total:f64[count]', () => {
    return ({ doubles: [total] }) => {
      total.fill(0)
    }
  }),
  defineOp('copy', 'count', '(count | | x[count]) -> y[count]', () => {
    return ({ operands: [x, y] }) => {
      y.set(x)
    }
  }),
  defineOp('find_nonfinite', 'count', '(count | | x[count] flag:u32[1]) -> flag:u32[1]', () => {
    return ({ operands: [x], words: [, flag], dims: [count] }) => {
      if (hasNonfinite(x, count)) flag[0] = 1
    }
  }),
  defineOp(
    'halt_if',
    'serial',
    '(count | | flags:u32[count] status:u32[1]) -> status:u32[1]',
    () =>
      ({ words: [flags, status] }) => {
        haltAtFirst(flags, status)
      },
  ),
  // Both at once, for vectors that are not worth the meeting of threads in between; the last flag is that of x.
  defineOp(
    'halt_if_nonfinite',
    'serial',
    '(count words | | x[count] flags:u32[words] status:u32[1]) -> flags:u32[words] status:u32[1]',
    () => {
      return ({ operands: [x], words: [, flags, status], dims: [count, words] }) => {
        if (words > 0 && hasNonfinite(x, count)) flags[words - 1] = 1
        haltAtFirst(flags, status)
      }
    },
  ),
  defineOp(
    'keep_best',
    'serial',
    '(count | patience minDelta | loss:f64[1] w[count] best[count] state:f64[4] status:u32[1]) -> best[count] state:f64[4] status:u32[1]',
    () => {
      return ({
        operands: [, w, best],
        doubles: [loss, , , state],
        words,
        scalars: [patience, minDelta],
      }) => {
        state[2] += 1
        if (loss[0] < state[0] - minDelta) {
          state[0] = loss[0]
          state[1] = state[2]
          state[3] = 0
          best.set(w)
        } else {
          state[3] += 1
          if (patience > 0 && state[3] >= patience) words[4][0] = EARLY_STOP
        }
      }
    },
  ),
]
