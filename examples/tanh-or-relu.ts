// Tanh units saturate: away from 0 their derivative fades, and the gradient of a deep network is a product of many of them.
// Relu's is 1 or 0. The same ten layers with either, each with the initial weights that suit it: the epochs until the loss on
// a checkerboard is below 0.1.

import { dense, Network } from 'hadamard'

const x = Array.from({ length: 400 }, (_, i) => [((i % 20) - 9.5) / 5, (Math.floor(i / 20) - 9.5) / 5])
const y = x.map(([a, b]) => Number(Math.sin(3 * a) * Math.sin(3 * b) > 0))

for (const activation of ['tanh', 'relu'] as const) {
  const layers = [...Array.from({ length: 10 }, () => dense(32, activation)), dense(1)]
  const epochs: number[] = []
  for (const seed of [1, 2, 3]) {
    const network = new Network({ inputs: 2, layers, loss: 'binaryCrossEntropyFromLogits', seed })
    const stop = new AbortController()
    const optimizer = { name: 'momentum', learningRate: 0.01 } as const
    const run = network.fit(x, y, { epochs: 500, optimizer, signal: stop.signal })
    for await (const { loss } of run) if (loss < 0.1) stop.abort()
    const history = await run
    epochs.push(history.epochs.findIndex(({ loss }) => loss < 0.1) + 1)
  }
  console.log(activation, 'epochs', ...epochs)
}
