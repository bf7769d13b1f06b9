// Trains a network in the page and draws, epoch by epoch, what it takes each point of the square for.
//
//     npx esbuild examples/browser/main.ts --bundle --format=esm --outfile=examples/browser/main.js --servedir=examples/browser
//
// serves it at http://127.0.0.1:8000. The bundle holds the fallback alone, which gives way to the page as it trains.

import { dense, Network } from 'hadamard'

const PER_ARM = 100
const SIDE = 64

const points = [0, 1].flatMap((arm) =>
  Array.from({ length: PER_ARM }, (_, i) => {
    const angle = ((1.5 * i) / PER_ARM) * 2 * Math.PI + arm * Math.PI
    const radius = (5 * i) / PER_ARM
    return { x: [radius * Math.sin(angle), radius * Math.cos(angle)], arm }
  }),
)
const grid = Array.from({ length: SIDE * SIDE }, (_, i) => [
  (12 * (i % SIDE)) / SIDE - 6,
  (12 * Math.floor(i / SIDE)) / SIDE - 6,
])

const network = new Network({
  inputs: 2,
  layers: [dense(24, 'tanh'), dense(24, 'tanh'), dense(1)],
  loss: 'binaryCrossEntropyFromLogits',
  seed: 1,
})
const x = points.map((point) => point.x)
const y = points.map((point) => point.arm)

// A network that fits does not predict, so it is drawn between fits of a few epochs.
for (let epoch = 10; epoch <= 200; epoch += 10) {
  await network.fit(x, y, { epochs: 10, optimizer: { name: 'adam', learningRate: 0.01 } })
  draw(network.predict(grid))
  const { accuracy = 0 } = network.evaluate(x, y)
  say(`epoch ${epoch}: ${(100 * accuracy).toFixed(1)} % of the points are right`)
}

function say(text: string): void {
  const state = document.querySelector('#state')
  if (state !== null) state.textContent = text
}

function draw(chances: ArrayLike<number>): void {
  const context = document.querySelector('canvas')?.getContext('2d')
  if (!context) return
  const image = context.createImageData(SIDE, SIDE)
  for (let i = 0; i < SIDE * SIDE; i++) {
    const chance = chances[i]
    image.data.set([255 * chance, 128, 255 * (1 - chance), 255], 4 * i)
  }
  context.putImageData(image, 0, 0)
}
