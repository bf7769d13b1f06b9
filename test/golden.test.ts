/** The programs of a few networks, pinned as text: a change of the compiler shows here instruction by instruction. */

import { expect, test } from 'vitest'
import { compileForward } from '../src/compiler/prediction.ts'
import { compileTraining, type TrainingPlan } from '../src/compiler/training.ts'
import { normalizeOptimizer } from '../src/compiler/optimizers.ts'
import { printProgram } from '../src/compiler/program.ts'
import { activation } from '../src/layers/activation.ts'
import { dense } from '../src/layers/dense.ts'
import { dropout } from '../src/layers/dropout.ts'
import { normalizeSpec } from '../src/spec.ts'

const plan: TrainingPlan = {
  batchSize: 4,
  totalRows: 13,
  trainRows: 10,
  validationRows: 3,
  optimizer: normalizeOptimizer('sgd'),
  areTargetsLabels: false,
}

test('logistic regression by SGD: one product forward, one backward, no gradient of x', async () => {
  const spec = normalizeSpec({ inputs: 3, layers: [dense(1, 'logistic')], loss: 'binaryCrossEntropy' })
  await expect(printProgram(compileTraining(spec, { ...plan, validationRows: 0 }))).toMatchFileSnapshot(
    'fixtures/golden/logistic-regression.txt',
  )
})

test('a classifier with dropout, l2, labels, Adam and early stopping', async () => {
  const spec = normalizeSpec({
    inputs: 5,
    layers: [
      dense(8, { name: 'leaky_relu', slope: 0.1 }),
      dropout(0.5),
      dense(4, 'tanh'),
      activation('logistic'),
      dense(3, 'softmax'),
    ],
    loss: 'categoricalCrossEntropy',
    l2: 0.01,
  })
  const text = printProgram(
    compileTraining(spec, {
      ...plan,
      optimizer: normalizeOptimizer('adam'),
      areTargetsLabels: true,
      patience: 2,
    }),
  )
  expect(text.match(/^ {2}softmax/gm)).toBeNull()
  await expect(text).toMatchFileSnapshot('fixtures/golden/classifier.txt')
})

test('prediction of two layers', async () => {
  const spec = normalizeSpec({
    inputs: 2,
    layers: [dense(8, 'tanh'), dense(1)],
    loss: 'binaryCrossEntropyFromLogits',
  })
  await expect(printProgram(compileForward(spec, 4))).toMatchFileSnapshot('fixtures/golden/prediction.txt')
})
