// Two spirals wound around each other (those of TensorFlow's Playground): each row a point, its class the arm it lies on.
// Rows between the training rows show that the arms were learned, not the points.

import { dense, Network } from 'hadamard'

const PER_ARM = 200
const points = [0, 1].flatMap((arm) =>
  Array.from({ length: PER_ARM }, (_, i) => {
    const angle = ((1.75 * i) / PER_ARM) * 2 * Math.PI + arm * Math.PI
    const radius = (5 * i) / PER_ARM
    return { x: [radius * Math.sin(angle), radius * Math.cos(angle)], y: arm, isTest: i % 2 === 1 }
  }),
)
const train = points.filter(({ isTest }) => !isTest)
const test = points.filter(({ isTest }) => isTest)

const layers = [dense(32, 'tanh'), dense(32, 'tanh'), dense(1)]
const network = new Network({ inputs: 2, layers, loss: 'binaryCrossEntropyFromLogits', seed: 1 })
const optimizer = { name: 'adam', learningRate: 0.01 } as const
await network.fit(train.map(({ x }) => x), train.map(({ y }) => y), { epochs: 200, optimizer }) // prettier-ignore

for (const [name, rows] of Object.entries({ train, test })) {
  const { accuracy } = network.evaluate(rows.map(({ x }) => x), rows.map(({ y }) => y)) // prettier-ignore
  console.log(name.padEnd(5), 'accuracy', accuracy?.toFixed(3))
}
