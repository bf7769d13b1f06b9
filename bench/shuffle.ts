/** How near the order of an epoch out of core comes to a full shuffle: blocks in random order, rows mixed within a window. */

import { Dataset } from '../src/data/dataset.ts'
import { runsOf } from '../src/data/shuffled-rows.ts'
import { permutation } from '../src/data/split.ts'
import { dense } from '../src/layers/dense.ts'
import { Network } from '../src/network.ts'
import { randomStream } from '../src/random.ts'

const BLOCK = 1024
const BATCH = 1024
/** Rows of files and of their windows: 29 columns of float32 at the default window, and one of an eighth of it. */
const CASES: readonly (readonly [number, number])[] = [
  [1_000_000, 262_144],
  [9_000_000, 262_144],
  [1_000_000, 32_768],
]
const FIT = { rows: 65_536, epochs: 5, inputs: 8, seeds: 3 }

/** The rows of the file in the order in which an epoch takes them. */
export function epochOrder(rows: number, window: number, seed: number): Uint32Array {
  const blocks = permutation(Math.ceil(rows / BLOCK), randomStream(seed, 'shuffle.blocks'))
  const order = new Uint32Array(rows)
  for (let first = 0; first < rows; first += window) {
    const count = Math.min(window, rows - first)
    const inTurn = runsOf(blocks, BLOCK, rows, first, count).flatMap((run) =>
      Array.from({ length: run.rows }, (_, i) => run.block * BLOCK + run.from + i),
    )
    const mixed = permutation(count, randomStream(seed, `window ${first}`))
    for (let i = 0; i < count; i++) order[first + i] = inTurn[mixed[i]]
  }
  return order
}

interface Quality {
  /** Mean distance between a row's place in the file and in the epoch, in rows of the file; 1/3 of a full shuffle. */
  readonly displacement: number
  /** Share of rows that come within a batch's length of the row behind them in the file. */
  readonly neighbours: number
  /** Deviation of the share of a class in a batch, where the file is sorted by two classes of one size. */
  readonly deviation: number
}

/** Measures an order. */
export function qualityOf(order: Uint32Array): Quality {
  const rows = order.length
  const placeOf = new Uint32Array(rows)
  order.forEach((row, place) => (placeOf[row] = place))
  let [moved, near] = [0, 0]
  for (let row = 0; row < rows; row++) moved += Math.abs(placeOf[row] - row)
  for (let row = 1; row < rows; row++) if (Math.abs(placeOf[row] - placeOf[row - 1]) < BATCH) near++
  const batches = Math.floor(rows / BATCH)
  let squares = 0
  for (let batch = 0; batch < batches; batch++) {
    let positives = 0
    for (let i = 0; i < BATCH; i++) if (order[batch * BATCH + i] >= rows / 2) positives++
    squares += (positives / BATCH - 0.5) ** 2
  }
  return {
    displacement: moved / rows / rows,
    neighbours: near / (rows - 1),
    deviation: Math.sqrt(squares / batches),
  }
}

// Loss of all rows after training on them, sorted by class, in windows: the same network, rows and batches.
async function lossOfSorted(seed: number, window: number): Promise<number> {
  const { rows, inputs, epochs } = FIT
  const draw = randomStream(seed, 'sorted')
  const table = Array.from({ length: rows }, (_, row) => {
    const kind = row < rows / 2 ? 0 : 1
    const x = Array.from({ length: inputs }, (_, i) => draw.normal(row * inputs + i) + kind * 0.5)
    return { ...Object.fromEntries(x.map((value, i) => [`x${i}`, value])), kind }
  })
  const network = new Network({
    inputs,
    layers: [dense(64, 'relu'), dense(64, 'relu'), dense(1, 'logistic')],
    seed,
  })
  const options = {
    target: 'kind',
    shuffleWindow: window,
    epochs,
    batchSize: 256,
    optimizer: 'adam',
  } as const
  const dataset = await Dataset.from(table)
  await network.fit(dataset, options)
  return (await network.evaluate(dataset, { target: 'kind' })).loss
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`

/** Prints the figures of docs/data.md; met where rows move as far as in a full shuffle. */
export async function checkShuffle(): Promise<{ text: string; isMet: boolean }> {
  const lines: string[] = []
  let isMet = true
  for (const [rows, window] of CASES) {
    for (const [name, width] of [
      ['window', window],
      ['full', rows],
    ] as const) {
      const order = name === 'full' ? permutation(rows, randomStream(1, 'full')) : epochOrder(rows, width, 1)
      const { displacement, neighbours, deviation } = qualityOf(order)
      if (name === 'window') isMet &&= Math.abs(displacement - 1 / 3) < 0.02
      lines.push(
        `${rows.toLocaleString('en')} rows, ${name} ${width.toLocaleString('en')}: displacement ${displacement.toFixed(4)}, ` +
          `neighbours ${percent(neighbours)}, class share of a batch ± ${percent(deviation)}`,
      )
    }
  }
  for (const parts of [1, 4, 16, 32]) {
    const window = FIT.rows / parts
    const losses: number[] = []
    for (let seed = 0; seed < FIT.seeds; seed++) losses.push(await lossOfSorted(seed, window))
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / FIT.seeds
    lines.push(
      `sorted by class, ${window / BLOCK} of ${FIT.rows / BLOCK} blocks in a window: loss ${mean.toFixed(4)} after ${FIT.epochs} epochs`,
    )
  }
  return { text: lines.join('; '), isMet }
}
