// A straight line through noisy points by gradient descent: one dense layer, all rows in every step. It ends where the
// normal equations say it must: covariance over variance.

import { dense, Network } from 'hadamard'

const x = Array.from({ length: 40 }, (_, i) => i / 20 - 1)
const y = x.map((value, i) => 3 * value - 2 + 0.4 * Math.sin(7 * i))

const network = new Network({ inputs: 1, layers: [dense(1)], loss: 'squaredError', dtype: 'float64' })
await network.fit(x, y, { epochs: 500, batchSize: x.length, optimizer: { name: 'sgd', learningRate: 0.2 } })
const { 'dense1.weight': weight, 'dense1.bias': bias } = network.parameters
console.log('descent        slope', weight.data[0].toFixed(6), 'intercept', bias.data[0].toFixed(6))

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const [centreX, centreY] = [mean(x), mean(y)]
const slope =
  mean(x.map((value, i) => (value - centreX) * (y[i] - centreY))) /
  mean(x.map((value) => (value - centreX) ** 2))
console.log('least squares  slope', slope.toFixed(6), 'intercept', (centreY - slope * centreX).toFixed(6))
