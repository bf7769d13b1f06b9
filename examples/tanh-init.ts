// Ten tanh layers of 500 units: how far a signal reaches depends on the size of the initial weights. Small ones let it
// fade, large ones drive every unit to ±1, and a variance of 1/inputs (LeCun's, "Xavier" in many lectures) keeps it.
// Each line: an initializer, and the standard deviation of the output of each layer.

import { dense, Network, type Initializer } from 'hadamard'

const ROWS = 1000
const UNITS = 500
const DEPTH = 10

const initializers: Readonly<Record<string, Initializer>> = {
  lecunNormal: 'lecunNormal',
  small: { name: 'normal', deviation: 0.01 },
  large: { name: 'normal', deviation: 1 },
}

const x = standardNormal(ROWS, UNITS)
for (const [title, initializer] of Object.entries(initializers)) {
  const layers = Array.from({ length: DEPTH }, () => dense(UNITS, 'tanh', { initializer }))
  const network = new Network({ inputs: UNITS, layers, loss: 'squaredError', seed: 1 })
  const outputs = Object.values(network.forward(x))
  console.log(title.padEnd(11), ...outputs.map((output) => standardDeviation(output).toFixed(4)))
}

function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

// Weights are drawn by seed: those of a layer of that shape are such a matrix.
function standardNormal(rows: number, columns: number): Float32Array {
  const layer = dense(columns, 'linear', { name: 'x', initializer: { name: 'normal', deviation: 1 } })
  return new Network({ inputs: rows, layers: [layer], loss: 'squaredError' }).parameters['x.weight'].data
}
