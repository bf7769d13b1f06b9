// Fashion-MNIST, 28x28 pictures of ten kinds of clothes: a network of 256, 128 and 100 hidden units. The data set's own list of
// results has 0.8833 of the test pictures right for one of this size.
//
//     apt-get install dataset-fashion-mnist
//     npx tsx examples/fashion-mnist.ts [training pictures, default 60000] [epochs, default 20]
//
// FASHION_MNIST names another folder with the four files.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { dense, dropout, Network } from 'hadamard'

const KINDS = [
  'T-shirt',
  'trousers',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'boot',
]
const PIXELS = 28 * 28
const folder = process.env.FASHION_MNIST ?? '/usr/share/datasets/fashion-mnist'
const [rows = 60_000, epochs = 20] = process.argv.slice(2).map(Number)

/** The bytes of a file in IDX format behind its header: a magic number and one number per dimension, 4 bytes each. */
function readIdx(name: string, dimensions: number): Uint8Array {
  return gunzipSync(readFileSync(join(folder, `${name}.gz`))).subarray(4 * (1 + dimensions))
}

/** The first pictures of a part, [pictures, 784] from 0 (white) to 1, and their kinds. */
function readPart(part: 'train' | 't10k', pictures: number): { x: Float32Array; y: Uint8Array } {
  const greys = readIdx(`${part}-images-idx3-ubyte`, 3).subarray(0, pictures * PIXELS)
  const x = new Float32Array(greys.length)
  for (let i = 0; i < x.length; i++) x[i] = greys[i] / 255
  return { x, y: readIdx(`${part}-labels-idx1-ubyte`, 1).subarray(0, pictures) }
}

async function main(): Promise<void> {
  const train = readPart('train', rows)
  const test = readPart('t10k', 10_000)
  const network = new Network({
    inputs: PIXELS,
    layers: [
      dense(256, 'relu'),
      dropout(0.2),
      dense(128, 'relu'),
      dropout(0.2),
      dense(100, 'relu'),
      dense(KINDS.length, 'softmax'),
    ],
    seed: 1,
  })
  const run = network.fit(train.x, train.y, {
    epochs,
    batchSize: 128,
    optimizer: { name: 'adam', learningRate: 1e-3 },
    schedule: { name: 'cosine' },
  })
  for await (const { epoch, loss } of run) console.log(`epoch ${epoch} of ${epochs}, loss ${loss.toFixed(4)}`)

  const { accuracy = 0 } = network.evaluate(test.x, test.y)
  console.log(`test accuracy ${accuracy.toFixed(4)}`)
  const chances = network.predict(test.x.subarray(0, PIXELS))
  const best = chances.indexOf(Math.max(...chances))
  console.log(`the first test picture shows: ${KINDS[best]} (it is labelled ${KINDS[test.y[0]]})`)
}

if (existsSync(folder)) await main()
else console.log(`${folder}: no such folder. The data: apt-get install dataset-fashion-mnist`)
