// Rosenblatt's perceptron learns AND and OR, whose ones a line parts from the zeros. No line does so for XOR: there it goes
// on making mistakes for ever, and a hidden layer is needed (xor.ts).

import { dense, Network } from 'hadamard'

const x = [[0, 0], [0, 1], [1, 0], [1, 1]] // prettier-ignore
const functions = { AND: [0, 0, 0, 1], OR: [0, 1, 1, 1], XOR: [0, 1, 1, 0] }

for (const [name, y] of Object.entries(functions)) {
  const network = new Network({ inputs: 2, layers: [dense(1, 'step')], loss: 'perceptron', seed: 1 })
  // One row at a time, as the perceptron does.
  await network.fit(x, y, { epochs: 100, batchSize: 1, optimizer: { name: 'sgd', learningRate: 1 } })
  const right = network.predict(x).filter((value, i) => value === y[i]).length
  console.log(name.padEnd(4), right, 'of 4 right')
}
