// Activations of one's own. "Snake", x + sin²(x), learns that sin x goes on beyond the rows that were trained on, where tanh can
// only level out. It is no composition of known ops, so it is written as two functions and runs on the fallback; "bump", a
// composition, runs natively and is saved with the network.
//
// Source: Ziyin, Hartwig, Ueda 2020, Neural Networks Fail to Learn Periodic Functions and How to Fix It, eq. 4.

import { Network, checkGradients, composed, customActivation, dense, type Activation } from 'hadamard'

const snake = customActivation({
  name: 'snake',
  forward: (x) => x + Math.sin(x) ** 2,
  backward: (x) => 1 + Math.sin(2 * x),
})
const bump = composed('bump', (x, { exp, multiply, scale }) => exp(scale(multiply(x, x), -1)))

const wave = (from: number, to: number): { x: number[][]; y: number[] } => {
  const x = Array.from({ length: 200 }, (_, i) => from + ((to - from) * i) / 200)
  return { x: x.map((value) => [value]), y: x.map((value) => Math.sin(value)) }
}
const [inside, outside] = [wave(-6, 6), wave(6, 9)]

for (const activation of ['tanh', bump, snake] satisfies Activation[]) {
  const layers = [dense(32, activation), dense(1)]
  const network = new Network({
    inputs: 1,
    layers,
    loss: 'squaredError',
    l2: 1e-4,
    dtype: 'float64',
    seed: 1,
  })
  const { ok } = checkGradients(network, inside.x.slice(0, 20), inside.y.slice(0, 20))
  await network.fit(inside.x, inside.y, { epochs: 300, optimizer: 'lbfgs' })
  const [loss, beyond] = [inside, outside].map(({ x, y }) => network.evaluate(x, y).loss)
  const name = typeof activation === 'string' ? activation : activation.name
  console.log(
    `${name} on ${network.backend.name}, derivative right: ${ok}, squared error ${loss.toFixed(5)}, beyond ${beyond.toFixed(3)}`,
  )
}
