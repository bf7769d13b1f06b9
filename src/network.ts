/** Network: numbers in, numbers out. */

import type { Backend } from './backends/backend.ts'
import { chooseBackend, type BackendOptions } from './backends/choose.ts'
import { compileStep } from './compiler/inspection.ts'
import { normalizeOptimizer, optimizerInfo, type Optimizer } from './compiler/optimizers.ts'
import { describeValue, type Limits } from './check.ts'
import { Dataset } from './data/dataset.ts'
import type { DatasetColumns } from './data/dataset-rows.ts'
import {
  evaluateDataset,
  predictDataset,
  prepareDatasetFit,
  type DatasetFitOptions,
  type DatasetPredictions,
} from './dataset-passes.ts'
import { evaluateRows, type Evaluation } from './evaluation.ts'
import { rejectUnknownKeys, SpecError } from './errors.ts'
import { ForwardPasses } from './forward-passes.ts'
import { warnOfPairing } from './layers/pairing.ts'
import { readModelFile, writeModelFile } from './serialize.ts'
import {
  arraysAt,
  checkedArrays,
  initialParameters,
  parameterPlaces,
  statePlaces,
  type ArrayPlace,
  type Parameter,
} from './parameters.ts'
import {
  dtypeOf,
  floatArray,
  isFloatArray,
  type Dtype,
  type FloatArray,
  type FloatArrayOf,
} from './ops/arithmetic.ts'
import { atOnce, type Paced } from './paced.ts'
import { samplePredictions, type SampledPrediction, type SampleOptions } from './sampling.ts'
import { joinLinearLayers } from './simplify.ts'
import { summarize } from './summary.ts'
import {
  customActivationOf,
  headsOf,
  isChain,
  normalizeSpec,
  outputsOf,
  stateOf,
  type NetworkOptions,
  type NetworkSpec,
} from './spec.ts'
import type { Rows, Targets } from './training/arrays.ts'
import { toDenseTargets, toInputs, toRowsOfOutputs, toTrainingData } from './training/data.ts'
import { Derivatives, type Jacobian, type VectorJacobianProduct } from './training/derivatives.ts'
import { CarriedOptimizer, checkOptimizerState, type OptimizerState } from './training/carried-optimizer.ts'
import type { PreparedFit } from './training/fit.ts'
import { normalizeFitOptions, type FitOptions, type Validation } from './training/options.ts'
import { prepareFit } from './training/prepare.ts'
import { warnOfUnscaledInputs } from './training/unscaled.ts'
import { FitRun, type EpochRecord, type History, type Progress, type ValidatedEpoch } from './training/run.ts'
import { prepareWindowFit, type WindowSource } from './training/window-fit.ts'
import { checkSomeWeight, toSampleWeights, type SampleWeights } from './training/weights.ts'
import {
  StepTrainer,
  stepOptionNames,
  type StepOptions,
  type StepResult,
  type Gradients,
} from './training/step.ts'

/**
 * A feed-forward network.
 *
 * Weights depend on the seed alone. Training runs on threads of its own; everything else is synchronous.
 *
 * @throws SpecError at the first option that cannot be; BackendError if the asked-for backend cannot serve
 * @example
 * const net = new Network({ inputs: 2, layers: [dense(8, 'tanh'), dense(1)], loss: 'binaryCrossEntropyFromLogits' })
 * await net.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], { epochs: 500, optimizer: { name: 'adam', learningRate: 0.05 } })
 * net.predict([[0, 1]]) // Float32Array [ ≈ 1 ]
 */
export class Network<D extends Dtype = 'float32'> {
  /** The network as plain data, all defaults filled in. */
  readonly spec: NetworkSpec
  readonly #backend: Backend
  readonly #outputs: number
  /** All parameters, then all state, as the region that programs start with: each padded to groups of 16. */
  #parameters: FloatArrayOf<D>
  #isFitting = false
  readonly #passes: ForwardPasses
  #trainer: StepTrainer | undefined
  #isTrainerCurrent = false
  #derivatives: Derivatives | undefined
  readonly #carried = new CarriedOptimizer()

  constructor(options: NetworkOptions<D> & BackendOptions) {
    this.spec = normalizeSpec(options)
    for (const { loss, activation } of headsOf(this.spec)) warnOfPairing(loss.name, activation)
    const { backend, isa, exact, verify } = options
    this.#backend = chooseBackend({ backend, isa, exact, verify }, reasonForFallback(this.spec))
    this.#outputs = outputsOf(this.spec)
    this.#parameters = initialParameters(this.spec) as FloatArrayOf<D>
    this.#passes = new ForwardPasses(this.spec, this.#backend, () => this.#parameters)
  }

  /** What runs: the native core with its instruction set, or the fallback, with the reason where no other can. */
  get backend(): { name: 'native' | 'fallback'; isa: string; reason?: string } {
    const { name, isa } = this.#backend
    const reason = reasonForFallback(this.spec)
    return { name, isa, ...(reason === undefined ? {} : { reason }) }
  }

  /** Outputs per row. */
  get outputs(): number {
    return this.#outputs
  }

  /** Copies of all parameters by name, such as `dense1.weight`. */
  get parameters(): Record<string, Parameter<D>> {
    return arraysAt(this.#parameters, parameterPlaces(this.spec))
  }

  /**
   * Copies of the arrays that training moves without gradients and prediction reads, by name: `batchNorm1.runningMean` and
   * `batchNorm1.runningVariance`. Empty for networks without batch norm.
   */
  get state(): Record<string, Parameter<D>> {
    return arraysAt(this.#parameters, statePlaces(this.spec))
  }

  /**
   * Sets parameters by name; those not named keep their values.
   *
   * @throws SpecError if a name is unknown or a length differs
   */
  setParameters(parameters: Record<string, ArrayLike<number> | Parameter>): void {
    this.#setArrays('setParameters', parameterPlaces(this.spec), parameters)
  }

  /**
   * Sets arrays of state by name; those not named keep their values.
   *
   * @throws SpecError if a name is unknown, a length differs, or a variance is negative
   */
  setState(state: Record<string, ArrayLike<number> | Parameter>): void {
    const limits = new Map(stateOf(this.spec).map((array) => [array.name, array.limits]))
    this.#setArrays('setState', statePlaces(this.spec), state, limits)
  }

  /** What the optimizer of the last fit with `keepOptimizer` has left; undefined before one. Model files keep it. */
  get optimizerState(): OptimizerState | undefined {
    return this.#carried.state
  }

  /**
   * Sets what the next fit with `keepOptimizer` goes on from; undefined lets it begin anew.
   *
   * @throws SpecError if it cannot be; that it fits network and optimizer the fit checks
   */
  setOptimizerState(state: OptimizerState | undefined): void {
    this.#assertIdle('setOptimizerState')
    if (state !== undefined) checkOptimizerState(state, this.spec.dtype)
    this.#carried.state = state
  }

  /**
   * Trains on the rows of a dataset, however many there are: they are packed into a temporary file, whose blocks are read in
   * random order, and the rows of a window of them are mixed (docs/data.md).
   *
   * @param dataset such as `openCsv` gives, or a view of it
   * @throws SpecError, DataError synchronously for options and columns that do not fit; the run rejects where a value does not
   * @example
   * const dataset = await openCsv('readings.csv')
   * await net.fit(dataset, { target: 'power', validation: 0.1, earlyStopping: true })
   */
  fit(dataset: Dataset, options: DatasetFitOptions, onProgress?: (progress: Progress) => void): FitRun
  /**
   * Trains on rows and targets; starts at once and does not block the event loop. Unscaled inputs are warned of (code
   * `HADAMARD_UNSCALED_INPUT`).
   *
   * @param x [rows, inputs]
   * @param y [rows, outputs] numbers, or class indices [rows]
   * @throws SpecError, DataError synchronously, before anything runs. The run rejects with a DivergenceError where a
   *   loss, gradient or weight is not finite; the last good weights are kept.
   */
  fit(
    x: Rows,
    y: Targets,
    options: FitOptions & { validation: Validation },
    onProgress?: (progress: Progress) => void,
  ): FitRun<ValidatedEpoch>
  fit(x: Rows, y: Targets, options?: FitOptions, onProgress?: (progress: Progress) => void): FitRun
  fit(
    x: Rows | Dataset,
    y: Targets | DatasetFitOptions,
    given?: FitOptions | ((progress: Progress) => void),
    onGiven?: (progress: Progress) => void,
  ): FitRun {
    this.#assertIdle('fit')
    const parts = { spec: this.spec, backend: this.#backend, parameters: this.#parameters.slice() }
    const keep = (parameters: FloatArray): void => this.#keep(parameters)
    let start: PreparedFit
    let onProgress = onGiven
    if (x instanceof Dataset) {
      start = prepareDatasetFit(x, y as DatasetFitOptions, parts, keep)
      onProgress = given as typeof onGiven
    } else {
      const settings = normalizeFitOptions((given ?? {}) as FitOptions)
      const carried = settings.keepOptimizer ? this.#carried : undefined
      const data = toTrainingData(this.spec, x, y as Targets, settings)
      warnOfUnscaledInputs(this.spec, data)
      start = prepareFit({ ...parts, settings, carried, ...data }, keep)
    }
    this.#isFitting = true
    return new FitRun((report: (epochs: readonly EpochRecord[]) => void): Promise<History> =>
      start(report, onProgress ?? (() => undefined)),
    )
  }

  /** @internal Trains on rows that come window by window. */
  fitWindows(
    source: WindowSource,
    windowRows: number,
    options: FitOptions,
    onProgress: (progress: Progress) => void = () => undefined,
  ): FitRun {
    this.#assertIdle('fit')
    const settings = normalizeFitOptions(options, source.rows.validation)
    const parts = { spec: this.spec, backend: this.#backend, parameters: this.#parameters.slice() }
    const start = prepareWindowFit({ ...parts, settings, source, windowRows }, (parameters) =>
      this.#keep(parameters),
    )
    this.#isFitting = true
    return new FitRun((report: (epochs: readonly EpochRecord[]) => void) => start(report, onProgress))
  }

  /**
   * Outputs for the rows of a dataset, in their order: `await` them for one array, or iterate for a batch after another.
   *
   * @param options.inputs names of the columns, default all
   * @throws SpecError while the network is fitting, or if the columns do not fit; DataError, when they are read, for a value
   *   that is missing
   * @example
   * for await (const outputs of net.predict(await openCsv('new.csv'))) console.log(outputs.length)
   */
  predict(dataset: Dataset, options?: Pick<DatasetColumns, 'inputs'>): DatasetPredictions<FloatArrayOf<D>>
  /**
   * Outputs for rows; logits come as probabilities. One row, in a typed array and with `out` given, allocates nothing and
   * takes a microsecond or so for small networks.
   *
   * @param x [rows, inputs]
   * @param out receives the result: of the network's element type, [rows · outputs] long, sharing no memory with x;
   *   default a new array. What it holds after an error is not defined.
   * @returns [rows · outputs], row by row: `out` where given
   * @throws SpecError while the network is fitting, or if `out` does not fit; DataError if x does not fit
   * @example
   * const net = new Network({ inputs: 2, layers: [dense(1)], loss: 'squaredError' })
   * net.setParameters({ 'dense1.weight': [3, 4] })
   * net.predict(Float32Array.of(1, 2), new Float32Array(1)) // Float32Array(1) [ 11 ]
   */
  predict(x: Rows, out?: FloatArrayOf<D>): FloatArrayOf<D>
  /**
   * Predictions with dropout acting (Monte Carlo dropout): their mean, and their deviation as a measure of how uncertain
   * the network is. The same seed gives the same masks, and more samples begin with those of fewer.
   *
   * @param x [rows, inputs]
   * @returns mean and deviation, each [rows · outputs]
   * @throws SpecError if the network has no dropout, an option does not fit, or while the network is fitting; DataError
   *   if x does not fit
   * @source Gal, Ghahramani 2016, Dropout as a Bayesian Approximation, section 4
   * @example
   * const net = new Network({ inputs: 2, layers: [dense(64, 'relu'), dropout(0.1), dense(1)], loss: 'squaredError' })
   * const { mean, deviation } = net.predict([[0.5, 1]], { samples: 100 })
   */
  predict(x: Rows, options: SampleOptions): SampledPrediction<D>
  predict(
    x: Rows | Dataset,
    given?: FloatArrayOf<D> | SampleOptions | Pick<DatasetColumns, 'inputs'>,
  ): FloatArrayOf<D> | SampledPrediction<D> | DatasetPredictions<FloatArrayOf<D>> {
    this.#assertIdle('predict')
    if (x instanceof Dataset) {
      const network = { spec: this.spec, predict: (rows: FloatArray) => this.predict(rows) }
      return predictDataset(network, x, (given ?? {}) as Pick<DatasetColumns, 'inputs'>)
    }
    if (given !== undefined && !isFloatArray(given)) {
      const flat = toInputs(this.spec, x)
      return samplePredictions(this.spec, this.#passes, flat, given as SampleOptions)
    }
    // What fits already is checked for infinities and NaN as it is copied.
    const flat = this.#isFlat(x) ? x : toInputs(this.spec, x)
    const out = given === undefined ? this.#newOutputs(flat) : this.#checkedOut(given, flat)
    if (flat.length === this.spec.inputs) this.#passes.row(flat, out)
    else atOnce(this.#passes.outputsInTurns(flat, out))
    return out
  }

  /** @internal What {@link predict} gives for flat rows, in pieces. */
  *predicting(flat: FloatArrayOf<D>): Paced<FloatArrayOf<D>> {
    const out = this.#newOutputs(flat)
    yield* this.#passes.outputsInTurns(flat, out)
    return out
  }

  /**
   * Loss and metrics on the rows of a dataset.
   *
   * @throws SpecError while the network is fitting, or if the columns do not fit; DataError if a value does not
   */
  evaluate(dataset: Dataset, columns: DatasetColumns): Promise<Evaluation>
  /**
   * Loss and metrics on data.
   *
   * @param options.sampleWeights a weight for every row, that its loss is multiplied by; metrics count every row once
   * @throws SpecError while the network is fitting; DataError if the data do not fit
   */
  evaluate(x: Rows, y: Targets, options?: { sampleWeights?: SampleWeights }): Evaluation
  evaluate(
    x: Rows | Dataset,
    y: Targets | DatasetColumns,
    options: { sampleWeights?: SampleWeights } = {},
  ): Evaluation | Promise<Evaluation> {
    this.#assertIdle('evaluate')
    if (x instanceof Dataset) return evaluateDataset(this, x, y as DatasetColumns)
    return atOnce(this.evaluating(x, y as Targets, options))
  }

  /** @internal What {@link evaluate} gives for arrays, in pieces. */
  *evaluating(x: Rows, y: Targets, options: { sampleWeights?: SampleWeights } = {}): Paced<Evaluation> {
    rejectUnknownKeys('evaluate', options, ['sampleWeights'])
    const { sampleWeights } = options
    // What fits already is checked for infinities and NaN as it is copied.
    const flat = this.#isFlat(x) ? x : toInputs(this.spec, x)
    const targets = toDenseTargets(this.spec, y, flat.length / this.spec.inputs)
    const rows = flat.length / this.spec.inputs
    const weights =
      sampleWeights === undefined ? undefined : toSampleWeights(sampleWeights, rows, this.spec.dtype)
    if (weights !== undefined) checkSomeWeight(weights, weights.keys(), 'sampleWeights')
    return yield* evaluateRows(this.spec, this.#passes, { flat, targets, weights })
  }

  /**
   * Outputs of all layers for a batch.
   *
   * @param options.training whether dropout acts, with the masks given as for {@link trainStep}, and batch norm takes the
   *   statistics of x; default false
   * @returns name of the layer → [rows · features]
   * @throws DataError if batch norm is to take the statistics of one row; SpecError for an unknown option
   */
  forward(
    x: Rows,
    options: { training?: boolean; dropoutMasks?: StepOptions['dropoutMasks'] } = {},
  ): Record<string, FloatArrayOf<D>> {
    this.#assertIdle('forward')
    rejectUnknownKeys('forward', options, ['training', 'dropoutMasks'])
    const training = options.training === true ? { dropoutMasks: options.dropoutMasks } : undefined
    return this.#stepTrainer().forward(toInputs(this.spec, x), training) as Record<string, FloatArrayOf<D>>
  }

  /**
   * Gradients of the objective (loss and penalty) with respect to all parameters and to x, in training mode. Batch norm
   * takes the statistics of the batch and keeps its state; for one of several rows it reads the state. Options may be those of
   * {@link trainStep}; an optimizer among them is for that step.
   *
   * @throws DataError if x is one row and the network has batch norm; SpecError for an unknown option
   */
  gradients(x: Rows, y: Targets, options: StepOptions & { optimizer?: Optimizer } = {}): Gradients<D> {
    this.#assertIdle('gradients')
    rejectUnknownKeys('gradients', options, stepOptionNames)
    const flat = toInputs(this.spec, x)
    return this.#stepTrainer().gradients(
      flat,
      toDenseTargets(this.spec, y, flat.length / this.spec.inputs),
      options,
    )
  }

  /**
   * Vector-Jacobian product: the gradient of Σ v∘output with respect to all parameters and to x, where output is what
   * {@link predict} gives (in prediction mode, logits squashed to probabilities). No Jacobian is formed.
   *
   * @param x [rows, inputs]
   * @param v [rows, outputs], the weight of each output; ∂L/∂output for the gradient of a loss L
   * @throws SpecError if an activation has no derivative, or while the network is fitting; DataError if x or v do not fit
   * @source Baydin et al. 2018, Automatic Differentiation in Machine Learning: a Survey, section 3.2
   * @example
   * const net = new Network({ inputs: 2, layers: [dense(1)], loss: 'squaredError' })
   * net.setParameters({ 'dense1.weight': [3, 4] })
   * net.vjp([[1, 2]], [[10]]).input // Float32Array(2) [ 30, 40 ]
   */
  vjp(x: Rows, v: Rows): VectorJacobianProduct<D> {
    this.#assertIdle('vjp')
    const flat = toInputs(this.spec, x)
    const weights = toRowsOfOutputs(this.spec, v, flat.length / this.spec.inputs, 'v')
    return this.#differentiator().vjp(this.#parameters, flat, weights)
  }

  /**
   * Derivatives of every output with respect to every input, row by row, where output is what {@link predict} gives. One
   * backward pass per output: for the gradient of a loss, or of any weighted sum of outputs, {@link vjp} needs one in all.
   *
   * @param x [rows, inputs]
   * @returns shape [rows, outputs, inputs], row-major
   * @throws SpecError if an activation has no derivative, or while the network is fitting; DataError if x does not fit
   * @source Bishop 2006, Pattern Recognition and Machine Learning, section 5.3.4
   * @example
   * const net = new Network({ inputs: 2, layers: [dense(1)], loss: 'squaredError' })
   * net.setParameters({ 'dense1.weight': [3, 4] })
   * net.jacobian([[1, 2]]).data // Float32Array(2) [ 3, 4 ]
   */
  jacobian(x: Rows): Jacobian<D> {
    this.#assertIdle('jacobian')
    return this.#differentiator().jacobian(this.#parameters, toInputs(this.spec, x))
  }

  /**
   * One update on the given rows, with an optimizer whose state lasts from call to call. Moves the state of batch norm.
   *
   * @param options.rows row numbers of this step's batch, default all
   * @param options.dropoutMasks by layer name, 1 = kept, [all rows · features]; default drawn
   * @returns objective, loss and penalty before the update
   * @throws DataError if x is one row and the network has batch norm; SpecError for an unknown option
   */
  trainStep(x: Rows, y: Targets, options: StepOptions & { optimizer?: Optimizer } = {}): StepResult {
    this.#assertIdle('trainStep')
    rejectUnknownKeys('trainStep', options, stepOptionNames)
    const flat = toInputs(this.spec, x)
    const targets = toDenseTargets(this.spec, y, flat.length / this.spec.inputs)
    const trainer = this.#stepTrainer(options.optimizer)
    const result = trainer.step(flat, targets, options)
    this.#parameters = trainer.parameters() as FloatArrayOf<D>
    this.#invalidate(true)
    return result
  }

  /**
   * Writes spec, parameters and state to a model file; an existing file is replaced whole or not at all.
   *
   * @throws SpecError while the network is fitting, or if it has a custom activation; DataError if the file cannot be
   *   written
   */
  async save(path: string): Promise<void> {
    this.#assertIdle('save')
    const { spec, parameters, state, optimizerState } = this
    await writeModelFile(path, { spec, parameters, state, optimizerState, metadata: new Map() })
  }

  /**
   * Reads a network from a model file; one that `train` has written serves too.
   *
   * @throws DataError if the file is no model file, truncated or damaged; BackendError if the backend cannot serve
   */
  static async load(path: string, options: BackendOptions = {}): Promise<Network<Dtype>> {
    const { spec, parameters, state, optimizerState } = await readModelFile(path)
    const network = new Network<Dtype>({ ...spec, ...options })
    network.setParameters(parameters)
    network.setState(state)
    network.setOptimizerState(optimizerState)
    return network
  }

  /**
   * An equivalent network with fewer layers: dense layers with no or linear activations between them become one, as a
   * product of matrices is a matrix. Predictions are the same but for rounding; penalties and further training are those of
   * the new weights.
   *
   * @returns a network of its own, with a copy of everything else
   * @throws SpecError while the network is fitting, or if its layers do not just follow one another
   * @source Bishop 2006, Pattern Recognition and Machine Learning, section 5.1
   * @example
   * const net = new Network({ inputs: 2, layers: [dense(9), dense(9), dense(1)], loss: 'squaredError' })
   * Object.keys(net.simplify().parameters) // [ 'dense3.weight', 'dense3.bias' ]
   */
  simplify(): Network<D> {
    this.#assertIdle('simplify')
    if (!isChain(this.spec)) {
      throw new SpecError({
        code: 'HADAMARD_NOT_POSSIBLE',
        where: 'simplify',
        expected: 'layers that follow one another, with one input and one output',
        received: 'a network with other connections',
      })
    }
    const { layers, parameters } = joinLinearLayers(this.spec, this.parameters)
    const { name: backend } = this.backend
    const simplified = new Network<D>({ ...this.spec, dtype: this.spec.dtype as D, layers, backend })
    simplified.setParameters(parameters)
    simplified.setState(this.state)
    return simplified
  }

  /** The network as text: layers with output shapes and parameters, loss, seed, backend. */
  summary(): string {
    const { name, isa } = this.#backend
    return `${summarize(this.spec)}; ${name} backend (${isa})`
  }

  #setArrays(
    action: string,
    places: readonly ArrayPlace[],
    arrays: Record<string, ArrayLike<number> | Parameter>,
    limits: ReadonlyMap<string, Limits> = new Map(),
  ): void {
    this.#assertIdle(action)
    const writes = checkedArrays(action, this.spec.dtype, places, arrays, limits)
    // Only now, so that a wrong one among them changes nothing.
    for (const { values, start } of writes) this.#parameters.set(values, start)
    this.#invalidate()
  }

  #assertIdle(action: string): void {
    if (!this.#isFitting) return
    throw new SpecError({
      code: 'HADAMARD_NETWORK_BUSY',
      where: action,
      expected: 'a network that is not fitting',
      received: 'a call while a fit runs',
      cure: 'Await the run first',
    })
  }

  // What a fit leaves behind.
  #keep(parameters: FloatArray): void {
    this.#parameters = parameters as FloatArrayOf<D>
    this.#isFitting = false
    this.#invalidate()
  }

  #invalidate(isTrainerCurrent = false): void {
    this.#passes.invalidate()
    this.#isTrainerCurrent = isTrainerCurrent
  }

  #differentiator(): Derivatives {
    return (this.#derivatives ??= new Derivatives(this.spec, this.#backend))
  }

  #stepTrainer(optimizer?: Optimizer): StepTrainer {
    const spec = optimizer === undefined ? undefined : normalizeOptimizer(optimizer)
    if (spec !== undefined && optimizerInfo(spec.name).isFullBatch === true) {
      throw new SpecError({
        code: 'HADAMARD_OPTION_CONFLICT',
        where: 'trainStep: optimizer',
        expected: 'an optimizer that works step by step',
        received: `'${spec.name}', which drives a whole fit`,
        cure: `Use fit(x, y, { optimizer: '${spec.name}' })`,
      })
    }
    if (this.#trainer === undefined || (spec !== undefined && !this.#trainer.uses(spec))) {
      this.#trainer = new StepTrainer(
        this.spec,
        this.#backend,
        this.#parameters,
        spec ?? normalizeOptimizer('adam'),
        compileStep,
      )
    } else if (!this.#isTrainerCurrent) this.#trainer.restart(this.#parameters)
    this.#isTrainerCurrent = true
    return this.#trainer
  }

  // Whether x is rows of numbers of the network's element type, one after another; they may be infinite or NaN.
  #isFlat(x: Rows): x is FloatArray {
    const { dtype, inputs } = this.spec
    return isFloatArray(x) && dtypeOf(x) === dtype && x.length > 0 && x.length % inputs === 0
  }

  #checkedOut(out: FloatArrayOf<D>, flat: FloatArray): FloatArrayOf<D> {
    const { dtype, inputs } = this.spec
    const length = (flat.length / inputs) * this.#outputs
    if (dtypeOf(out) === dtype && out.length === length) return out
    throw new SpecError({
      code: 'HADAMARD_SHAPE',
      where: 'predict: out',
      expected: `a ${dtype === 'float32' ? 'Float32Array' : 'Float64Array'} of ${length} elements, the outputs of all rows`,
      received: `${describeValue(out)} of ${out.length}`,
    })
  }

  #newOutputs(flat: FloatArray): FloatArrayOf<D> {
    const rows = flat.length / this.spec.inputs
    return floatArray(this.spec.dtype, rows * this.outputs) as FloatArrayOf<D>
  }
}

// Functions in TypeScript are out of the core's reach.
function reasonForFallback(spec: NetworkSpec): string | undefined {
  const name = customActivationOf(spec)
  return name === undefined ? undefined : `the activation '${name}' is a function in TypeScript`
}
