/** Network: numbers in, numbers out. */

import type { Backend, Executable } from './backends/backend.ts'
import { chooseBackend, type BackendOptions } from './backends/choose.ts'
import { compileForward, compileStep } from './compiler/compile.ts'
import { normalizeOptimizer, type Optimizer } from './compiler/optimizers.ts'
import { slotNamed, type Program } from './compiler/program.ts'
import { DataError, SpecError } from './errors.ts'
import { initialize } from './layers/initializers.ts'
import { lossInfo } from './layers/loss.ts'
import { randomStream } from './random.ts'
import { elementsIn } from './shape.ts'
import {
  layerOutputs,
  normalizeSpec,
  outputsOf,
  parametersOf,
  type NetworkOptions,
  type NetworkSpec,
} from './spec.ts'
import {
  allocate,
  isIntegerArray,
  toLabels,
  toRows,
  toSharedIndices,
  type IntegerArray,
  type Rows,
  type Targets,
} from './training/arrays.ts'
import { lossScale, prepareFit } from './training/fit.ts'
import { regressionMetrics, type RegressionMetrics } from './training/metrics.ts'
import {
  normalizeFitOptions,
  type FitOptions,
  type FitSettings,
  type Validation,
} from './training/options.ts'
import { FitRun, type EpochRecord, type History, type Progress, type ValidatedEpoch } from './training/run.ts'
import { StepTrainer, type StepOptions, type StepResult, type Gradients } from './training/step.ts'

/** A trainable array with its shape. */
export interface Parameter {
  /** `[in, units]` for weights, `[units]` for biases. */
  readonly shape: readonly number[]
  /** Row-major copy of the values. */
  readonly data: Float32Array
}

/** Loss and metrics of a network on data. */
export interface Evaluation extends Partial<RegressionMetrics> {
  rows: number
  /** Without penalty. */
  loss: number
  /** Share of right answers, for classification. */
  accuracy?: number
}

/** Rows of one prediction pass; the last may have fewer. */
const BLOCK_ROWS = 256

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
export class Network {
  /** The network as plain data, all defaults filled in. */
  readonly spec: NetworkSpec
  readonly #backend: Backend
  /** All parameters as the region that programs start with: each padded to 64 bytes. */
  #parameters: Float32Array
  #isFitting = false
  #forward = new Map<number, { program: Program; executable: Executable; isFresh: boolean }>()
  #trainer: StepTrainer | undefined

  constructor(options: NetworkOptions & BackendOptions) {
    const { backend, isa, exact, ...rest } = options
    this.spec = normalizeSpec(rest)
    this.#backend = chooseBackend({ backend, isa, exact })
    this.#parameters = initialParameters(this.spec)
  }

  /** What runs: the native core with its instruction set, or the fallback. */
  get backend(): { name: 'native' | 'fallback'; isa: string } {
    return { name: this.#backend.name, isa: this.#backend.isa }
  }

  /** Outputs per row. */
  get outputs(): number {
    return outputsOf(this.spec)
  }

  /** Copies of all parameters by name, such as `dense1.weight`. */
  get parameters(): Record<string, Parameter> {
    return Object.fromEntries(
      this.#places().map(({ name, shape, start, length }) => [
        name,
        { shape, data: this.#parameters.slice(start, start + length) },
      ]),
    )
  }

  /**
   * Sets parameters by name; those not named keep their values.
   *
   * @throws SpecError if a name is unknown or a length differs
   */
  setParameters(parameters: Record<string, ArrayLike<number> | Parameter>): void {
    this.#assertIdle('setParameters')
    const places = new Map(this.#places().map((place) => [place.name, place]))
    for (const [name, given] of Object.entries(parameters)) {
      const place = places.get(name)
      const values = 'data' in given ? given.data : given
      if (place === undefined || values.length !== place.length) {
        throw new SpecError({
          where: `setParameters: ${name}`,
          expected:
            place === undefined ? `one of ${[...places.keys()].join(', ')}` : `${place.length} numbers`,
          received: place === undefined ? `'${name}'` : `${values.length}`,
        })
      }
      this.#parameters.set(values, place.start)
    }
    this.#invalidate()
  }

  /**
   * Trains on rows and targets; starts at once and does not block the event loop.
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
  fit(x: Rows, y: Targets, options: FitOptions = {}, onProgress?: (progress: Progress) => void): FitRun {
    this.#assertIdle('fit')
    const settings = normalizeFitOptions(options)
    const data = this.#trainingData(x, y, settings)
    const start = prepareFit(
      { spec: this.spec, backend: this.#backend, settings, parameters: this.#parameters.slice(), ...data },
      (parameters) => {
        this.#parameters = parameters
        this.#isFitting = false
        this.#invalidate()
      },
    )
    this.#isFitting = true
    return new FitRun((report: (epochs: readonly EpochRecord[]) => void): Promise<History> =>
      start(report, onProgress ?? (() => undefined)),
    )
  }

  /**
   * Outputs for rows; logits come as probabilities.
   *
   * @param x [rows, inputs]
   * @returns [rows · outputs], row by row
   * @throws SpecError while the network is fitting; DataError if x does not fit
   */
  predict(x: Rows): Float32Array {
    this.#assertIdle('predict')
    const flat = toRows(x, this.#inputExpectation())
    const out = new Float32Array((flat.length / this.spec.inputs) * this.outputs)
    this.#forEachBlock(flat, (run, first, rows) => {
      run('forward')
      run.read('output', out.subarray(first * this.outputs, (first + rows) * this.outputs))
    })
    return out
  }

  /**
   * Loss and metrics on data.
   *
   * @throws SpecError while the network is fitting; DataError if the data do not fit
   */
  evaluate(x: Rows, y: Targets): Evaluation {
    this.#assertIdle('evaluate')
    const flat = toRows(x, this.#inputExpectation())
    const targets = this.#denseTargets(y, flat.length / this.spec.inputs)
    const rows = flat.length / this.spec.inputs
    const sum = new Float32Array(1)
    const totals = { loss: 0, correct: 0 }
    const hasClasses = lossInfo(this.spec.loss.name).task !== 'regression'
    this.#forEachBlock(flat, (run, first, count) => {
      run.write('t', targets.subarray(first * this.outputs, (first + count) * this.outputs))
      run('evaluate')
      totals.loss += run.read('loss', sum)[0]
      if (hasClasses) totals.correct += run.read('correct', sum)[0]
    })
    const loss = totals.loss * lossScale(this.spec, rows)
    if (hasClasses) return { rows, loss, accuracy: totals.correct / rows }
    return { rows, loss, ...regressionMetrics(this.predict(flat), targets, this.outputs) }
  }

  /**
   * Outputs of all layers for a batch.
   *
   * @param options.training whether dropout acts, with the masks given as for {@link trainStep}; default false
   * @returns name of the layer → [rows · features]
   */
  forward(
    x: Rows,
    options: { training?: boolean; dropoutMasks?: StepOptions['dropoutMasks'] } = {},
  ): Record<string, Float32Array> {
    this.#assertIdle('forward')
    const masks = options.training === true ? options.dropoutMasks : 'none'
    return this.#stepTrainer().forward(toRows(x, this.#inputExpectation()), masks)
  }

  /**
   * Gradients of the objective (loss and penalty) with respect to all parameters and to x, in training mode.
   */
  gradients(x: Rows, y: Targets, options: StepOptions = {}): Gradients {
    this.#assertIdle('gradients')
    const flat = toRows(x, this.#inputExpectation())
    return this.#stepTrainer().gradients(flat, this.#denseTargets(y, flat.length / this.spec.inputs), options)
  }

  /**
   * One update on the given rows, with an optimizer whose state lasts from call to call.
   *
   * @param options.rows row numbers of this step's batch, default all
   * @param options.dropoutMasks by layer name, 1 = kept, [all rows · features]; default drawn
   * @returns objective, loss and penalty before the update
   */
  trainStep(x: Rows, y: Targets, options: StepOptions & { optimizer?: Optimizer } = {}): StepResult {
    this.#assertIdle('trainStep')
    const flat = toRows(x, this.#inputExpectation())
    const targets = this.#denseTargets(y, flat.length / this.spec.inputs)
    const trainer = this.#stepTrainer(options.optimizer)
    const result = trainer.step(flat, targets, options)
    this.#parameters = trainer.parameters()
    this.#invalidate(true)
    return result
  }

  /** The network as text: layers with output shapes and parameters, loss, seed, backend. */
  summary(): string {
    const parameters = parametersOf(this.spec)
    const sizes = layerOutputs(this.spec)
    const rows = this.spec.layers.map((layer, i) => {
      const count = parameters
        .filter((p) => p.layer === layer.name)
        .reduce((sum, p) => sum + elementsIn(p.shape, 1), 0)
      const detail =
        layer.type === 'dropout'
          ? `rate ${layer.rate}`
          : layer.slope === undefined
            ? layer.activation
            : `${layer.activation}(${layer.slope})`
      return [layer.name, detail, `[batch, ${sizes[i]}]`, count.toLocaleString('en')]
    })
    const table = [
      ['layer', 'activation', 'output', 'parameters'],
      ['input', '', `[batch, ${this.spec.inputs}]`, '0'],
      ...rows,
    ]
    const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)))
    const lines = table.map((row) =>
      row.map((cell, i) => (i === 3 ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  '),
    )
    const total = parameters.reduce((sum, p) => sum + elementsIn(p.shape, 1), 0)
    const depth = this.spec.layers.filter((layer) => parameters.some((p) => p.layer === layer.name)).length
    const { loss, l2, seed } = this.spec
    return [
      ...lines,
      `${total.toLocaleString('en')} parameters in ${depth} layers; loss ${loss.name}${l2 > 0 ? `, l2 ${l2}` : ''}; seed ${seed}; ` +
        `${this.#backend.name} backend (${this.#backend.isa})`,
    ].join('\n')
  }

  #assertIdle(action: string): void {
    if (!this.#isFitting) return
    throw new SpecError({
      where: action,
      expected: 'a network that is not fitting',
      received: 'a call while a fit runs',
      cure: 'Await the run first',
    })
  }

  #invalidate(isTrainerCurrent = false): void {
    for (const cached of this.#forward.values()) cached.isFresh = false
    if (!isTrainerCurrent) this.#trainer = undefined
  }

  #stepTrainer(optimizer?: Optimizer): StepTrainer {
    const spec = optimizer === undefined ? undefined : normalizeOptimizer(optimizer)
    if (this.#trainer === undefined || (spec !== undefined && !this.#trainer.uses(spec))) {
      this.#trainer = new StepTrainer(
        this.spec,
        this.#backend,
        this.#parameters,
        spec ?? normalizeOptimizer('adam'),
        compileStep,
      )
    }
    return this.#trainer
  }

  #inputExpectation(): { where: string; features: number; reason: string } {
    return { where: 'x', features: this.spec.inputs, reason: "as the network's inputs" }
  }

  #places(): { name: string; shape: readonly number[]; start: number; length: number }[] {
    return parameterPlaces(this.spec)
  }

  // Targets as [rows · outputs] numbers; class indices become one-hot rows.
  #denseTargets(y: Targets, rows: number): Float32Array {
    const { outputs } = this
    const targets = this.#targets(y, rows, false)
    if (targets instanceof Float32Array) return targets
    const oneHot = new Float32Array(rows * outputs)
    targets.forEach((label, row) => (oneHot[row * outputs + label] = 1))
    return oneHot
  }

  #targets(y: Targets, rows: number, isShared: boolean): Float32Array | Uint32Array {
    const { outputs } = this
    const { task } = lossInfo(this.spec.loss.name)
    if (isClassIndices(y, outputs)) {
      if (task === 'regression' || (task === 'binary' && outputs > 1)) {
        throw new DataError({
          where: 'y',
          expected: `numbers, ${outputs} per row, for the loss ${this.spec.loss.name}`,
          received: 'an integer array, which means class indices',
          cure: 'Use Float32Array.from(y)',
        })
      }
      const labels = toLabels(y, task === 'binary' ? 2 : outputs)
      checkRows(labels.length, rows)
      return task === 'binary' ? new Float32Array(allocate(rows, isShared)).map((_, i) => labels[i]) : labels
    }
    const targets = toRows(
      y as Rows,
      { where: 'y', features: outputs, reason: "as the network's outputs" },
      { isShared },
    )
    checkRows(targets.length / outputs, rows)
    if (task === 'regression') return targets
    const outside = targets.findIndex((value) => value < 0 || value > 1)
    if (outside >= 0) {
      throw new DataError({
        where: `y: row ${Math.floor(outside / outputs)}`,
        expected: `targets from 0 to 1 for the loss ${this.spec.loss.name}`,
        received: String(targets[outside]),
      })
    }
    return targets
  }

  #trainingData(
    x: Rows,
    y: Targets,
    settings: FitSettings,
  ): {
    x: Float32Array
    y: Float32Array | Uint32Array
    trainRows: Uint32Array
    validationRows: Uint32Array
  } {
    const { inputs, seed } = this.spec
    const { validation } = settings
    const shared = { isShared: true }
    const flat = toRows(x, this.#inputExpectation(), shared)
    const rows = flat.length / inputs
    const targets = this.#targets(y, rows, true)
    if (typeof validation === 'object' && !(validation instanceof Uint32Array)) {
      const moreX = toRows(validation.x, { ...this.#inputExpectation(), where: 'validation.x' })
      const more = moreX.length / inputs
      const moreY = this.#targets(validation.y, more, false)
      return {
        x: concatenate(flat, moreX),
        y: targets instanceof Uint32Array ? concatenateLabels(targets, moreY) : concatenate(targets, moreY),
        trainRows: toSharedIndices(Array.from({ length: rows }, (_, i) => i)),
        validationRows: toSharedIndices(Array.from({ length: more }, (_, i) => rows + i)),
      }
    }
    const validationRows =
      typeof validation === 'number' ? drawRows(rows, validation, seed) : (validation ?? new Uint32Array())
    return {
      x: flat,
      y: isOnSharedMemory(targets) ? targets : copyShared(targets),
      ...divideRows(rows, validationRows),
    }
  }

  // Runs a forward program over all rows in blocks; `run.read` and `run.write` reach its slots.
  #forEachBlock(flat: Float32Array, body: (run: BlockRun, first: number, rows: number) => void): void {
    const { inputs } = this.spec
    const total = flat.length / inputs
    const capacity = total === 1 ? 1 : BLOCK_ROWS
    const cached = this.#forward.get(capacity) ?? this.#linkForward(capacity)
    const { program, executable } = cached
    if (!cached.isFresh) executable.write(slotNamed(program, 'parameters'), this.#parameters)
    cached.isFresh = true
    for (let first = 0; first < total; first += capacity) {
      const rows = Math.min(capacity, total - first)
      const run: BlockRun = Object.assign((entry: string) => executable.runSync(entry, rows), {
        read: (name: string, out: Float32Array) => executable.read(slotNamed(program, name), out),
        write: (name: string, values: Float32Array) => executable.write(slotNamed(program, name), values),
      })
      run.write('x', flat.subarray(first * inputs, (first + rows) * inputs))
      body(run, first, rows)
    }
  }

  #linkForward(capacity: number): { program: Program; executable: Executable; isFresh: boolean } {
    const program = compileForward(this.spec, capacity)
    const linked = { program, executable: this.#backend.link(program, [], { threads: 1 }), isFresh: false }
    this.#forward.set(capacity, linked)
    return linked
  }
}

interface BlockRun {
  (entry: string): void
  read(name: string, out: Float32Array): Float32Array
  write(name: string, values: Float32Array): void
}

// Where each parameter stands in the region of all parameters, in elements.
function parameterPlaces(
  spec: NetworkSpec,
): { name: string; shape: readonly number[]; start: number; length: number }[] {
  let next = 0
  return parametersOf(spec).map(({ name, shape }) => {
    const place = { name, shape, start: next, length: elementsIn(shape, 1) }
    next += Math.ceil(place.length / 16) * 16
    return place
  })
}

function initialParameters(spec: NetworkSpec): Float32Array {
  const places = parameterPlaces(spec)
  const last = places[places.length - 1]
  const region = new Float32Array(Math.ceil((last.start + last.length) / 16) * 16)
  parametersOf(spec).forEach(({ initializer, name, shape }, i) => {
    region.set(initialize(initializer, spec.seed, name, shape), places[i].start)
  })
  return region
}

function isClassIndices(y: Targets, outputs: number): y is IntegerArray | number[] {
  if (isIntegerArray(y)) return true
  return outputs > 1 && Array.isArray(y) && y.length > 0 && y.every((label) => typeof label === 'number')
}

function checkRows(received: number, expected: number): void {
  if (received === expected) return
  throw new DataError({ where: 'y', expected: `${expected} rows, as in x`, received: String(received) })
}

// The first rows of a seeded permutation.
function drawRows(rows: number, share: number, seed: number): Uint32Array {
  const random = randomStream(seed, 'validation')
  const order = Uint32Array.from({ length: rows }, (_, i) => i)
  for (let i = rows - 1; i > 0; i--) {
    const j = random.below(i + 1, i)
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order.slice(0, Math.round(rows * share))
}

function divideRows(
  rows: number,
  validation: Uint32Array,
): { trainRows: Uint32Array; validationRows: Uint32Array } {
  const isHeldOut = new Uint8Array(rows)
  for (const row of validation) {
    if (row >= rows || isHeldOut[row] === 1) {
      throw new DataError({
        where: 'fit: validation',
        expected: `different row numbers below ${rows}`,
        received: isHeldOut[row] === 1 ? `${row} twice` : String(row),
      })
    }
    isHeldOut[row] = 1
  }
  const train = Uint32Array.from({ length: rows }, (_, i) => i).filter((row) => isHeldOut[row] === 0)
  if (train.length === 0) {
    throw new DataError({
      where: 'fit: validation',
      expected: 'at least one row left to train on',
      received: 'all rows',
    })
  }
  return { trainRows: toSharedIndices(train), validationRows: toSharedIndices(validation) }
}

function isOnSharedMemory(array: Float32Array | Uint32Array): boolean {
  return array.buffer instanceof SharedArrayBuffer
}

function copyShared(array: Float32Array | Uint32Array): Float32Array | Uint32Array {
  if (array instanceof Uint32Array) return toSharedIndices(array)
  return concatenate(array, new Float32Array(0))
}

function concatenate(a: Float32Array, b: ArrayLike<number>): Float32Array {
  const both = allocate(a.length + b.length, true)
  both.set(a)
  both.set(b, a.length)
  return both
}

function concatenateLabels(a: Uint32Array, b: ArrayLike<number>): Uint32Array {
  const both = toSharedIndices(new Uint32Array(a.length + b.length))
  both.set(a)
  both.set(b, a.length)
  return both
}
