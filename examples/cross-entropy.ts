// Why classifiers take cross-entropy: a logistic unit that starts far on the wrong side (weight 2, bias 2, the target 0)
// learns slowly from squared error, whose gradient has the factor y(1 - y), and fast from cross-entropy, which cancels it.
// After Nielsen, Neural Networks and Deep Learning, chapter 3.

import { dense, Network, type Loss } from 'hadamard'

const losses: Readonly<Record<string, Loss>> = {
  'squared error': { name: 'squaredError', factor: 0.5 },
  'cross-entropy': 'binaryCrossEntropy',
}

for (const [name, loss] of Object.entries(losses)) {
  const network = new Network({ inputs: 1, layers: [dense(1, 'logistic')], loss })
  network.setParameters({ 'dense1.weight': [2], 'dense1.bias': [2] })
  const outputs = [0, 100, 100, 100].map((steps) => {
    for (let step = 0; step < steps; step++) {
      network.trainStep([[1]], [[0]], { optimizer: { name: 'sgd', learningRate: 0.15 } })
    }
    return network.predict([[1]])[0].toFixed(2)
  })
  console.log(name, 'output after 0, 100, 200, 300 steps:', ...outputs)
}
