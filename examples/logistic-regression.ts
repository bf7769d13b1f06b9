// Logistic regression as a network of one layer: the chance to pass an exam after some hours of study. The twenty students
// are those of Wikipedia's article on logistic regression, where the fit is 1.5046 per hour and -4.0777.

import { dense, Network } from 'hadamard'

const failed = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5]
const passed = [1.75, 2.25, 2.75, 3.25, 4, 4.25, 4.5, 4.75, 5, 5.5]
const hours = [...failed, ...passed]
const y = [...failed.map(() => 0), ...passed.map(() => 1)]

const layers = [dense(1, 'logistic')]
const network = new Network({ inputs: 1, layers, loss: 'binaryCrossEntropy', dtype: 'float64' })
const optimizer = { name: 'momentum', learningRate: 0.3 } as const
await network.fit(hours, y, { epochs: 3000, batchSize: hours.length, optimizer })

const { 'dense1.weight': weight, 'dense1.bias': bias } = network.parameters
console.log('per hour', weight.data[0].toFixed(4), 'constant', bias.data[0].toFixed(4))
for (const h of [1, 2, 3, 4, 5]) console.log(`${h} hours: chance ${network.predict([h])[0].toFixed(2)}`)
