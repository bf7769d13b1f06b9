/**
 * Packed rows in the order of an epoch: blocks in random order, one behind the other; the rows of a window are mixed by whoever
 * trains on it. The order depends on seed and epoch alone.
 */

import { randomStream, type RandomStream } from '../random.ts'
import type { WindowMemory, WindowSource } from '../training/window-fit.ts'
import type { RowCounts } from '../training/fit.ts'
import type { PackedRows } from './packed-rows.ts'
import { permutation, rowNumbers } from './split.ts'

/** Rows that follow one another in a block. */
export interface BlockRun {
  readonly block: number
  readonly from: number
  readonly rows: number
}

/**
 * The runs that the rows `first` to `first + count` of an epoch are made of.
 *
 * @param order of the blocks, all of `blockRows` rows but the last of the file, which has what is left over
 * @example
 * runsOf(Uint32Array.of(1, 0), 4, 6, 0, 3) // [{ block: 1, from: 0, rows: 2 }, { block: 0, from: 0, rows: 1 }]
 */
export function runsOf(
  order: Uint32Array,
  blockRows: number,
  total: number,
  first: number,
  count: number,
): BlockRun[] {
  const last = order.length - 1
  const lastRows = total - last * blockRows
  const place = order.indexOf(last)
  const behind = first - place * blockRows - lastRows
  let at =
    behind < 0 ? Math.min(place, Math.floor(first / blockRows)) : place + 1 + Math.floor(behind / blockRows)
  let from = behind < 0 ? first - at * blockRows : behind % blockRows
  const runs: BlockRun[] = []
  for (let left = count; left > 0; at++) {
    const block = order[at]
    const rows = Math.min(left, (block === last ? lastRows : blockRows) - from)
    runs.push({ block, from, rows })
    left -= rows
    from = 0
  }
  return runs
}

/** The training and validation rows of a packed file, for a fit by windows. */
export class ShuffledRows implements WindowSource {
  readonly rows: RowCounts
  private readonly stream: RandomStream
  private order: { part: string; epoch: number; blocks: Uint32Array } | undefined

  constructor(
    private readonly packed: PackedRows,
    seed: number,
  ) {
    this.rows = { train: packed.rowsOf('train'), validation: packed.rowsOf('validation') }
    this.stream = randomStream(seed, 'shuffle.blocks')
  }

  get areTargetsLabels(): boolean {
    return this.packed.layout.areTargetsLabels
  }

  get isWeighted(): boolean {
    return this.packed.layout.isWeighted
  }

  load(part: 'train' | 'validation', epoch: number, first: number, into: WindowMemory): Promise<void> {
    const { blockRows, layout } = this.packed
    const count = into.y.length / layout.targets
    const runs = runsOf(this.orderOf(part, epoch), blockRows, this.rows[part], first, count)
    return this.packed.read(part, runs, into)
  }

  numberOf(part: 'train' | 'validation', epoch: number, position: number): number {
    const { blockRows } = this.packed
    const [{ block, from }] = runsOf(this.orderOf(part, epoch), blockRows, this.rows[part], position, 1)
    return block * blockRows + from
  }

  private orderOf(part: 'train' | 'validation', epoch: number): Uint32Array {
    if (this.order?.part === part && this.order.epoch === epoch) return this.order.blocks
    const count = Math.ceil(this.rows[part] / this.packed.blockRows)
    const below = (bound: number, index: number): number => this.stream.below(bound, epoch * 2 ** 32 + index)
    const blocks = part === 'train' ? permutation(count, { below }) : rowNumbers(count)
    this.order = { part, epoch, blocks }
    return blocks
  }
}
