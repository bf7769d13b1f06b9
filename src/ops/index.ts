/** The op table: every op by name. */

import { InternalError } from '../errors.ts'
import { activations } from './activations.ts'
import { columns } from './columns.ts'
import { control } from './control.ts'
import { custom } from './custom.ts'
import { data } from './data.ts'
import { dropout } from './dropout.ts'
import { elementwise } from './elementwise.ts'
import { losses } from './losses.ts'
import { matmul } from './matmul.ts'
import { monitors } from './monitors.ts'
import type { Op } from './op.ts'
import { normalization } from './normalization.ts'
import { optimizers } from './optimizers.ts'
import { reductions } from './reductions.ts'
import { softmax } from './softmax.ts'

/** Every op that all backends have, in the families' order. */
export const ops: ReadonlyMap<string, Op> = new Map(
  [
    matmul,
    elementwise,
    activations,
    reductions,
    softmax,
    normalization,
    columns,
    losses,
    dropout,
    optimizers,
    data,
    control,
    monitors,
  ]
    .flat()
    .map((op) => [op.name, op]),
)

const fallbackOps: ReadonlyMap<string, Op> = new Map(custom.map((op) => [op.name, op]))

/** The op of a name that the library itself wrote, of the table or of the fallback alone. */
export function opNamed(name: string): Op {
  const op = ops.get(name) ?? fallbackOps.get(name)
  if (op === undefined) throw new InternalError(`no op is called ${name}`)
  return op
}
