// Exclusive or, which a perceptron cannot learn: four hidden tanh units can.

import { dense, Network } from 'hadamard'

const x = [[0, 0], [0, 1], [1, 0], [1, 1]] // prettier-ignore
const y = [0, 1, 1, 0]

const layers = [dense(4, 'tanh'), dense(1, 'logistic')]
const network = new Network({ inputs: 2, layers, loss: 'binaryCrossEntropy', seed: 1 })
await network.fit(x, y, { epochs: 1000, optimizer: { name: 'adam', learningRate: 0.05 } })
network.predict(x).forEach((value, i) => console.log(x[i].join(' xor '), 'is', value.toFixed(3)))
