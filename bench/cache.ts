/** How fast an epoch out of core gets its rows: block-shuffled, from packed rows that lie in the page cache. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chooseRowLoops } from '../src/backends/choose.ts'
import type { RowLayout } from '../src/data/packed-format.ts'
import { PackedRows } from '../src/data/packed-rows.ts'
import { PackedWriter } from '../src/data/packed-writer.ts'
import { ShuffledRows } from '../src/data/shuffled-rows.ts'
import { windowRowsOf } from '../src/data/window-rows.ts'
import { allocate } from '../src/training/arrays.ts'

const ROWS = 2_048_000
const PIECE = 8192
const EPOCHS = 7
const LEAST = 12e6

const layout: RowLayout = {
  dtype: 'float32',
  inputs: 28,
  targets: 1,
  areTargetsLabels: false,
  isWeighted: false,
}

/** The check: 28 inputs and a target, in windows of the default size. */
export async function checkCache(): Promise<{ text: string; isMet: boolean }> {
  const folder = await mkdtemp(join(tmpdir(), 'hadamard-bench-'))
  try {
    const path = join(folder, 'rows')
    const writer = await PackedWriter.create(path, 'key', layout, chooseRowLoops({}))
    const piece = { x: new Float32Array(PIECE * layout.inputs).fill(1), y: new Float32Array(PIECE) }
    for (let done = 0; done < ROWS; done += PIECE) await writer.append('train', piece, PIECE)
    await writer.finish(undefined)
    const packed = await PackedRows.open(path, 'key', false, chooseRowLoops({}))
    if (!(packed instanceof PackedRows)) throw new Error(`the packed rows are ${packed ?? 'gone'}`)
    try {
      const rates = await ratesOf(new ShuffledRows(packed, 1))
      const [median, best] = [rates[Math.floor(rates.length / 2)], rates[rates.length - 1]]
      const text =
        `best ${(best / 1e6).toFixed(1)}, median ${(median / 1e6).toFixed(1)} M rows/s; that is ` +
        `${(100e6 / best).toFixed(1)} % of training at 1 M rows/s; target: at least 12 M rows/s, below 10 %`
      return { text, isMet: best >= LEAST }
    } finally {
      await packed.close()
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

// Ascending.
async function ratesOf(rows: ShuffledRows): Promise<number[]> {
  const window = windowRowsOf(layout)
  const [x, y] = [allocate('float32', window * layout.inputs, true), allocate('float32', window, true)]
  const rates: number[] = []
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const started = performance.now()
    for (let first = 0; first < ROWS; first += window) {
      const count = Math.min(window, ROWS - first)
      await rows.load('train', epoch, first, {
        x: x.subarray(0, count * layout.inputs),
        y: y.subarray(0, count),
      })
    }
    rates.push((ROWS / (performance.now() - started)) * 1000)
  }
  return rates.sort((a, b) => a - b)
}
