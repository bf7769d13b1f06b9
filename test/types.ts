/**
 * What the types refuse and what they infer. Nothing here runs: `tsc`, a part of `npm run lint`, fails where a line that must
 * not compile does, or an inferred type is another.
 */

import { expectTypeOf } from 'vitest'
import {
  accuracy,
  activation,
  add,
  batchNorm,
  checkGradients,
  confusionMatrix,
  crossValidate,
  dense,
  dropout,
  embedding,
  estimateTraining,
  f1,
  layerNorm,
  loadModel,
  logLoss,
  Network,
  openCsv,
  precision,
  readCsv,
  residual,
  rocAuc,
  train,
  type DatasetPredictions,
  type Evaluation,
  type FloatArray,
  type History,
  type Model,
  type NumberPrediction,
  type SampledPrediction,
  type Table,
  type ValidatedEpoch,
} from '../src/index.ts'
import { matmul } from '../src/kernels.ts'

interface Penguin {
  species: string
  mass: number | null
  island: 'Biscoe' | 'Dream'
}

type Unlabelled = Omit<Penguin, 'species'>

const x = [[0, 1]]
const y = [1]

export function networks(): void {
  const inputs = 2
  const layers = [dense(1)]
  new Network({
    inputs,
    layers,
    loss: 'huber',
    l2: 0.1,
    dtype: 'float64',
    backend: 'fallback',
    isa: 'avx2',
  })
  new Network({ inputs, layers, loss: { name: 'huber', delta: 2 } })
  // @ts-expect-error: an option of networks is misspelled
  new Network({ inputs, layers, los: 'huber' })
  // @ts-expect-error: an option is missing
  new Network({ layers })
  // @ts-expect-error: sizes are numbers
  new Network({ inputs: '2', layers })
  // @ts-expect-error: layers are a list
  new Network({ inputs, layers: dense(1) })
  // @ts-expect-error: a layer comes from a function of the library
  new Network({ inputs, layers: [{ units: 1 }] })
  // @ts-expect-error: no loss has this name
  new Network({ inputs, layers, loss: 'huberr' })
  // @ts-expect-error: nor here
  new Network({ inputs, layers, loss: { name: 'crossEntropy' } })
  // @ts-expect-error: a setting of losses is misspelled
  new Network({ inputs, layers, loss: { name: 'huber', delt: 2 } })
  // @ts-expect-error: no element type has this name
  new Network({ inputs, layers, dtype: 'float16' })
  // @ts-expect-error: no backend has this name
  new Network({ inputs, layers, backend: 'gpu' })
  // @ts-expect-error: an output names its layer
  new Network({ inputs, layers, outputs: [{ weight: 1 }] })
}

export function layers(): void {
  dense(4, 'relu', {
    bias: false,
    initializer: { name: 'normal', deviation: 0.1 },
    name: 'first',
    from: 'input',
  })
  dense(4, { name: 'leaky_relu', slope: 0.1 })
  // @ts-expect-error: the number of units is missing
  dense()
  // @ts-expect-error: the number of units is a number
  dense('4')
  // @ts-expect-error: no activation has this name
  dense(4, 'rellu')
  // @ts-expect-error: nor here
  dense(4, { name: 'leakyRelu' })
  // @ts-expect-error: a setting of activations is misspelled
  dense(4, { name: 'leaky_relu', slop: 0.1 })
  // @ts-expect-error: an option is misspelled
  dense(4, 'relu', { biass: false })
  // @ts-expect-error: no initializer has this name
  dense(4, 'relu', { initializer: 'xavier' })
  // @ts-expect-error: biases are there or not
  dense(4, 'relu', { bias: 0 })
  // @ts-expect-error: no activation has this name
  activation('sigmoid')
  // @ts-expect-error: a rate is a number
  dropout('0.1')
  // @ts-expect-error: an option is misspelled
  dropout(0.1, { nam: 'drop' })
  // @ts-expect-error: an option is misspelled
  batchNorm({ momentun: 0.1 })
  // @ts-expect-error: an option is misspelled
  layerNorm({ eps: 1e-5 })
  // @ts-expect-error: the number of units is missing
  embedding(3)
  // @ts-expect-error: layers that are added up are a list
  add('dense1')
  // @ts-expect-error: a residual goes around layers
  residual(['dense1'])
}

export async function fits(): Promise<void> {
  const net = new Network({ inputs: 2, layers: [dense(1)], loss: 'squaredError' })
  const run = net.fit(x, y, {
    epochs: 1,
    validation: 0.2,
    earlyStopping: { patience: 3 },
    schedule: 'cosine',
  })
  for await (const epoch of run) expectTypeOf(epoch).toEqualTypeOf<ValidatedEpoch>()
  expectTypeOf(await run).toEqualTypeOf<History<ValidatedEpoch>>()
  const unwatched = await net.fit(x, y, { epochs: 1 })
  expectTypeOf(unwatched).toEqualTypeOf<History>()
  // @ts-expect-error: without rows for validation there are no such scores
  expectTypeOf(unwatched.epochs[0].validation.loss).toBeNumber()
  // @ts-expect-error: an option of fits is misspelled
  void net.fit(x, y, { epoch: 1 })
  // @ts-expect-error: targets are missing
  void net.fit(x)
  // @ts-expect-error: numbers are no texts
  void net.fit([['0', '1']], y)
  // @ts-expect-error: nor are targets
  void net.fit(x, ['cat'])
  // @ts-expect-error: rows are lists of numbers
  void net.fit([{ a: 1 }], y)
  // @ts-expect-error: no optimizer has this name
  void net.fit(x, y, { optimizer: 'adamW' })
  // @ts-expect-error: nor here
  void net.fit(x, y, { optimizer: { name: 'sgdm' } })
  // @ts-expect-error: a setting of optimizers is misspelled
  void net.fit(x, y, { optimizer: { name: 'adam', learningrate: 0.1 } })
  // @ts-expect-error: no schedule has this name
  void net.fit(x, y, { schedule: 'cosinus' })
  // @ts-expect-error: an option of early stopping is misspelled
  void net.fit(x, y, { earlyStopping: { patient: 3 } })
  // @ts-expect-error: rows for validation have targets
  void net.fit(x, y, { validation: { x } })
  // @ts-expect-error: weights of classes are numbers
  void net.fit(x, y, { classWeights: { 0: 'heavy' } })
  // @ts-expect-error: an option of steps is misspelled
  net.trainStep(x, y, { optimiser: 'adam' })
  // @ts-expect-error: an option of checks is misspelled
  checkGradients(net, x, y, { tolerence: 1e-6 })
}

export async function predictions(): Promise<void> {
  const single = new Network({ inputs: 2, layers: [dense(1)] })
  const double = new Network({ inputs: 2, layers: [dense(1)], dtype: 'float64' })
  const data = await openCsv('penguins.csv')
  const shares = single.predict(x)
  expectTypeOf(shares).toEqualTypeOf<Float32Array>()
  const wide = double.predict(x)
  expectTypeOf(wide).toEqualTypeOf<Float64Array>()
  const sampled = double.predict(x, { samples: 10 })
  expectTypeOf(sampled).toEqualTypeOf<SampledPrediction<'float64'>>()
  const batches = single.predict(data, { inputs: ['mass'] })
  expectTypeOf(batches).toEqualTypeOf<DatasetPredictions<Float32Array>>()
  const scores = single.evaluate(x, y)
  expectTypeOf(scores).toEqualTypeOf<Evaluation>()
  const slopes = double.gradients(x, y).parameters['dense1.weight']
  expectTypeOf(slopes).toEqualTypeOf<Float64Array>()
  // @ts-expect-error: what is written to has the network's element type
  double.predict(x, new Float32Array(1))
  // @ts-expect-error: a dataset is scored by columns that are named
  void single.evaluate(data)
  // @ts-expect-error: and trained on by them
  void single.fit(data, { epochs: 1 })
  // @ts-expect-error: an option is misspelled
  single.predict(x, { sample: 10 })
}

export async function tables(): Promise<void> {
  const table = await readCsv('penguins.csv', { delimiter: ';', types: { mass: 'numeric' } })
  expectTypeOf(table).toEqualTypeOf<Table>()
  const typed = await openCsv<Penguin>('penguins.csv')
  for await (const island of typed.map((row) => row.island))
    expectTypeOf(island).toEqualTypeOf<Penguin['island']>()
  // @ts-expect-error: no column has this name
  typed.filter((row) => row.isle === 'Dream')
  // @ts-expect-error: an option is misspelled
  await openCsv('penguins.csv', { onErrors: 'skip' })
  // @ts-expect-error: errors are one of three things
  await openCsv('penguins.csv', { onError: 'ignore' })
  // @ts-expect-error: nor is this a delimiter
  await readCsv('penguins.csv', { delimiter: ' ' })
  // @ts-expect-error: a column is numeric or categorical
  await readCsv('penguins.csv', { types: { mass: 'number' } })
  // @ts-expect-error: an option is misspelled
  typed.split(0.2, { sede: 1 })
  // @ts-expect-error: columns are named by a list
  typed.numbers({ columns: 'mass' })
}

export async function models(penguins: Penguin[], unlabelled: Unlabelled): Promise<void> {
  const untyped = await train('penguins.csv', { target: 'species' })
  expectTypeOf(untyped).toEqualTypeOf<Model<object>>()
  const model = await train<Penguin>('penguins.csv', { target: 'species', splitBy: 'time:mass' })
  expectTypeOf(model).toEqualTypeOf<Model<Penguin>>()
  const priced = await train<Penguin, NumberPrediction>(penguins, {
    target: 'mass',
    types: { island: 'categorical' },
  })
  const mass = priced.predictOne(penguins[0]).prediction
  expectTypeOf(mass).toEqualTypeOf<number>()
  const loaded = await loadModel<Unlabelled>('penguins.model')
  const { probabilities } = loaded.predictOne(unlabelled)
  expectTypeOf(probabilities).toEqualTypeOf<Record<string, number>>()
  // @ts-expect-error: no column has this name
  await train<Penguin>('penguins.csv', { target: 'spezies' })
  // @ts-expect-error: nor one of these
  await train<Penguin>('penguins.csv', { target: ['mass', 'mas'] })
  // @ts-expect-error: nor here
  await train<Penguin>('penguins.csv', { target: 'species', ignore: ['iland'] })
  // @ts-expect-error: nor here
  await train<Penguin>('penguins.csv', { target: 'species', types: { mas: 'numeric' } })
  // @ts-expect-error: nor here
  await train<Penguin>('penguins.csv', { target: 'species', weight: 'masss' })
  // @ts-expect-error: nor here
  await train<Penguin>('penguins.csv', { target: 'species', group: 'isle' })
  // @ts-expect-error: nor here
  await train<Penguin>('penguins.csv', { target: 'species', splitBy: 'time:year' })
  // @ts-expect-error: rows are of another type
  await train<Penguin>([{ species: 'Adelie' }], { target: 'species' })
  // @ts-expect-error: the target is missing
  await train('penguins.csv', {})
  // @ts-expect-error: an option is misspelled
  await train('penguins.csv', { target: 'species', epoch: 3 })
  // @ts-expect-error: no preset has this name
  await train('penguins.csv', { target: 'species', preset: 'fast' })
  // @ts-expect-error: no activation has this name
  await train('penguins.csv', { target: 'species', activation: 'ReLU' })
  // @ts-expect-error: no optimizer has this name
  await train('penguins.csv', { target: 'species', optimizer: 'Adam' })
  // @ts-expect-error: no loss has this name
  await train('penguins.csv', { target: 'species', loss: 'mse' })
  // @ts-expect-error: no score has this name
  await train('penguins.csv', { target: 'species', metric: 'auc' })
  // @ts-expect-error: no scaling has this name
  await train('penguins.csv', { target: 'species', scale: 'minmax' })
  // @ts-expect-error: no task has this name
  await train('penguins.csv', { target: 'species', task: 'clustering' })
  // @ts-expect-error: a threshold is a number or one of the rules
  await train('penguins.csv', { target: 'species', threshold: 'f2' })
  // @ts-expect-error: an option is misspelled
  await crossValidate('penguins.csv', { target: 'species' }, { fold: 3 })
  // @ts-expect-error: an option is misspelled
  await crossValidate('penguins.csv', { target: 'species', hiden: [8] })
  // @ts-expect-error: an option is misspelled
  await estimateTraining('penguins.csv', { tarjet: 'species' })
  // @ts-expect-error: an option is misspelled
  await loadModel('penguins.model', { backends: 'native' })
}

export async function typedModels(model: Model<Unlabelled>, unlabelled: Unlabelled): Promise<void> {
  await model.explain('penguins.csv', { columns: ['mass'], baseline: { island: 'Dream' } })
  await model.fit('penguins.csv', { epochs: 3 })
  // @ts-expect-error: no column has this name
  model.predictOne({ ...unlabelled, mas: 4000 })
  // @ts-expect-error: a column is missing
  model.predictOne({ mass: 4000 })
  // @ts-expect-error: no island has this name
  model.predict([{ mass: 4000, island: 'Torgersen' }])
  // @ts-expect-error: one row is not a list of rows
  model.predict(unlabelled)
  // @ts-expect-error: no column has this name
  await model.explain('penguins.csv', { columns: ['masss'] })
  // @ts-expect-error: nor here
  await model.explain('penguins.csv', { baseline: { isle: 'Dream' } })
  // @ts-expect-error: an option is misspelled
  await model.explain('penguins.csv', { repeat: 3 })
  // @ts-expect-error: no column has this name
  await model.fit('penguins.csv', { ignore: ['isle'] })
  // @ts-expect-error: a class is known by its probability, a number by an interval
  expectTypeOf(model.predictOne(unlabelled).interval).toBeArray()
}

export function metrics(): void {
  const share = f1(['a', 'b'], ['a', 'a'], { positive: 'a', average: 'macro' })
  expectTypeOf(share).toEqualTypeOf<number>()
  // @ts-expect-error: an option is misspelled
  precision(['a'], ['a'], { postive: 'a' })
  // @ts-expect-error: no average has this name
  f1(['a'], ['a'], { average: 'mean' })
  // @ts-expect-error: labels are texts, numbers or booleans
  accuracy([{ label: 'a' }], ['a'])
  // @ts-expect-error: scores are numbers
  rocAuc([0, 1], ['0.1', '0.9'])
  // @ts-expect-error: an option is misspelled
  logLoss([0, 1], [0.1, 0.9], { weights: [1, 1] })
  // @ts-expect-error: an option is misspelled
  confusionMatrix(['a'], ['a'], { label: ['a'] })
}

export function kernels(a: Float32Array, b: Float32Array, c: Float64Array): FloatArray {
  const product = matmul(a, b, { m: 1, n: 1, k: 1 })
  expectTypeOf(product).toEqualTypeOf<Float32Array>()
  // @ts-expect-error: both have one element type
  matmul(a, c, { m: 1, n: 1, k: 1 })
  // @ts-expect-error: a size is missing
  matmul(a, b, { m: 1, n: 1 })
  // @ts-expect-error: an option is misspelled
  matmul(a, b, { m: 1, n: 1, k: 1, transposeA: true })
  return product
}
