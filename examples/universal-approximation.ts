// Three tanh units and a linear output approximate x², sin x, |x| and the step of Heaviside on [-1, 1]: Bishop's figure 5.3.
// L-BFGS ends in one of several minima, so the best of some seeds counts. Each line: the mean squared error at 50 points.

import { dense, Network } from 'hadamard'

const SEEDS = 5
const x = Array.from({ length: 50 }, (_, i) => (2 * (i + 0.5)) / 50 - 1)
const functions: Readonly<Record<string, (x: number) => number>> = {
  'x^2': (x) => x * x,
  'sin x': Math.sin,
  '|x|': Math.abs,
  'H(x)': (x) => (x >= 0 ? 1 : 0),
}

for (const [name, f] of Object.entries(functions)) {
  const y = x.map(f)
  const errors: number[] = []
  for (let seed = 0; seed < SEEDS; seed++) {
    const layers = [dense(3, 'tanh'), dense(1)]
    const network = new Network({ inputs: 1, layers, loss: 'squaredError', dtype: 'float64', seed })
    await network.fit(x, y, { epochs: 300, optimizer: 'lbfgs' })
    errors.push(network.evaluate(x, y).loss)
  }
  console.log(name.padEnd(6), Math.min(...errors).toExponential(1))
}
