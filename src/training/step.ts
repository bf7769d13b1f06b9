/** One step at a time, with every number in reach: what tests, tools and explanations use. */

import type { Backend, Executable } from '../backends/backend.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import type { OptimizerSpec } from '../compiler/optimizers.ts'
import { DivergenceError, SpecError } from '../errors.ts'
import { floatArray, type Dtype, type FloatArray, type FloatArrayOf } from '../ops/arithmetic.ts'
import { randomStream } from '../random.ts'
import { outputsOf, parametersOf, usedLayers, type NetworkSpec } from '../spec.ts'
import { pickRows } from './arrays.ts'
import { whatDiverged } from './divergence.ts'
import { checkBatches, initialOptimizerState, lossScale, objectiveSign } from './fit.ts'
import { checkSomeWeight, toSampleWeights, type SampleWeights } from './weights.ts'

/** Settings of a single step. */
export interface StepOptions {
  /** Row numbers of this step's batch, default all rows. */
  rows?: ArrayLike<number>
  /** A weight for every row of x, that its loss and gradients are multiplied by; default 1. */
  sampleWeights?: SampleWeights
  /** Masks of dropout layers by name, 1 = kept, [all rows · features]; default drawn from the seed, anew at each step. */
  dropoutMasks?: Record<string, ArrayLike<number>>
}

/** Names of all options of a step; one object serves its gradients and the step. */
export const stepOptionNames = ['rows', 'sampleWeights', 'dropoutMasks', 'optimizer'] as const

// That of one step, with rows that have weights or not.
type Compile = (spec: NetworkSpec, rows: number, optimizer: OptimizerSpec, isWeighted: boolean) => Program

/** What a step reports, before its update. */
export interface StepResult {
  /** Loss and penalty: the loss plus it, or, where training raises the loss, minus it. */
  objective: number
  loss: number
  /** λ₂/2·ΣW² + λ₁·Σ|W|. */
  penalty: number
}

/** Gradients of the objective. */
export interface Gradients<D extends Dtype = Dtype> extends StepResult {
  /** By parameter name, in the parameter's layout. */
  parameters: Record<string, FloatArrayOf<D>>
  /** [rows · inputs]. */
  input: FloatArrayOf<D>
  /** Outputs of the layers in training mode, by name. */
  layerOutputs: Record<string, FloatArrayOf<D>>
}

/** Runs single steps of a network; keeps the optimizer's state between them. */
export class StepTrainer {
  readonly #spec: NetworkSpec
  readonly #backend: Backend
  readonly #optimizer: OptimizerSpec
  readonly #compile: Compile
  readonly #parameterCount: number
  #linked: { program: Program; executable: Executable }
  #steps = 0

  constructor(
    spec: NetworkSpec,
    backend: Backend,
    parameters: FloatArray,
    optimizer: OptimizerSpec,
    compile: Compile,
  ) {
    this.#spec = spec
    this.#backend = backend
    this.#optimizer = optimizer
    this.#compile = compile
    this.#parameterCount = parameters.length
    this.#linked = this.#link(1, false)
    this.restart(parameters)
  }

  /** Begins anew from the given region of parameters and state, as a new trainer would. */
  restart(parameters: FloatArray): void {
    const { program } = this.#linked
    this.#steps = 0
    this.#write('parameters', parameters)
    const state = program.slots.get('optimizer')
    if (state !== undefined && state.length > 0) {
      this.#write('optimizer', floatArray(this.#spec.dtype, state.length))
    }
    for (const { name, values } of initialOptimizerState(this.#optimizer, program)) this.#write(name, values)
  }

  /** Whether the trainer's optimizer is this one. */
  uses(optimizer: OptimizerSpec): boolean {
    return JSON.stringify(optimizer) === JSON.stringify(this.#optimizer)
  }

  /** The region of parameters and state. */
  parameters(): FloatArray {
    return this.#read('parameters', this.#parameterCount)
  }

  /** Outputs of all layers, in prediction mode or, given its options, in training mode. */
  forward(x: FloatArray, training?: Pick<StepOptions, 'dropoutMasks'>): Record<string, FloatArray> {
    const rows = x.length / this.#spec.inputs
    if (training === undefined) {
      this.#reserve(rows)
      this.#write('x', x)
    } else {
      const targets = floatArray(this.#spec.dtype, rows * outputsOf(this.#spec))
      this.#load(x, targets, training)
    }
    this.#linked.executable.runSync(training === undefined ? 'forward' : 'gradient', rows)
    return this.#layerOutputs(rows)
  }

  /** Gradients on a batch. */
  gradients(x: FloatArray, targets: FloatArray, options: StepOptions): Gradients {
    const rows = this.#load(x, targets, options)
    const result = this.#runGradient(rows)
    return {
      ...result,
      parameters: Object.fromEntries(
        parametersOf(this.#spec).map(({ name, shape }) => [
          name,
          this.#readGradient(
            name,
            shape.reduce((a, b) => a * b, 1),
          ),
        ]),
      ),
      input: this.#readGradient('x', rows * this.#spec.inputs),
      layerOutputs: this.#layerOutputs(rows),
    }
  }

  /** One update. */
  step(x: FloatArray, targets: FloatArray, options: StepOptions): StepResult {
    const rows = this.#load(x, targets, options)
    const result = this.#runGradient(rows)
    this.#write('learningRate', Float64Array.of(this.#optimizer.learningRate))
    this.#linked.executable.runSync('update', rows)
    const [status] = this.#linked.executable.read(
      slotNamed(this.#linked.program, 'status'),
      new Uint32Array(1),
    )
    if (status !== 0) {
      const what = whatDiverged(this.#spec, this.#linked, status)
      this.#lowerFlags()
      throw new DivergenceError({
        where: `trainStep ${this.#steps + 1}`,
        expected: `a finite ${what}`,
        received: 'infinity or NaN',
        cure: 'Lower the learning rate or scale the data. The weights are those before this step',
      })
    }
    this.#steps++
    return result
  }

  // A step that failed must not halt whatever runs behind it.
  #lowerFlags(): void {
    const { program, executable } = this.#linked
    for (const name of ['status', 'flags']) {
      const slot = slotNamed(program, name)
      executable.write(slot, new Uint32Array(slot.length))
    }
  }

  #runGradient(rows: number): StepResult {
    this.#linked.executable.runSync('gradient', rows)
    const loss = this.#read('loss', 1)[0] * lossScale(this.#spec, rows)
    const { l1, l2 } = this.#spec
    let penalty = 0
    for (const { name, isPenalised } of parametersOf(this.#spec)) {
      if (!isPenalised) continue
      penalty += (l2 / 2) * this.#read(`squared norm of ${name}`, 1)[0]
      penalty += l1 * this.#read(`absolute sum of ${name}`, 1)[0]
    }
    return { objective: loss + objectiveSign(this.#spec) * penalty, loss, penalty }
  }

  // Writes the batch; a larger batch than ever before needs a program of that size, and the first weights one with them.
  #load(x: FloatArray, targets: FloatArray, { rows, sampleWeights, dropoutMasks }: StepOptions): number {
    const { inputs } = this.#spec
    const total = x.length / inputs
    checkBatches(this.#spec, total)
    // By index: a typed array that has lost its memory has a length, 0, but nothing to iterate over.
    const batch = Array.from({ length: rows?.length ?? total }, (_, i) => (rows === undefined ? i : rows[i]))
    const outside = batch.find((row) => !Number.isInteger(row) || row < 0 || row >= total)
    if (outside !== undefined || batch.length === 0) {
      throw new SpecError({
        where: 'rows',
        expected: `row numbers below ${total}, at least one`,
        received: String(outside ?? 'none'),
      })
    }
    const weights =
      sampleWeights === undefined ? undefined : toSampleWeights(sampleWeights, total, this.#spec.dtype)
    if (weights !== undefined) checkSomeWeight(weights, batch, 'sampleWeights')
    this.#reserve(batch.length, weights !== undefined)
    this.#write('x', pickRows(x, inputs, batch))
    this.#write('t', pickRows(targets, targets.length / total, batch))
    this.#write(
      'weights',
      weights === undefined
        ? floatArray(this.#spec.dtype, batch.length).fill(1)
        : pickRows(weights, 1, batch),
    )
    this.#writeMasks(batch, total, dropoutMasks)
    return batch.length
  }

  #writeMasks(batch: readonly number[], total: number, masks: StepOptions['dropoutMasks']): void {
    for (const { layer, outputs: units } of usedLayers(this.#spec)) {
      if (layer.type !== 'dropout' || layer.rate === 0) continue
      const values = floatArray(this.#spec.dtype, batch.length * units)
      this.#fillMask(values, layer.name, layer.rate, { batch, total, units, given: masks?.[layer.name] })
      this.#write(`${layer.name}.mask`, values)
    }
  }

  // 0 or 1/(1 − rate), from the given mask or from the seed's draw for this step.
  #fillMask(
    values: FloatArray,
    name: string,
    rate: number,
    {
      batch,
      total,
      units,
      given,
    }: { batch: readonly number[]; total: number; units: number; given?: ArrayLike<number> },
  ): void {
    if (given !== undefined && given.length !== total * units) {
      throw new SpecError({
        code: 'HADAMARD_SHAPE',
        where: `dropoutMasks.${name}`,
        expected: `${total * units} values, ${units} for each row of x`,
        received: String(given.length),
      })
    }
    const random = randomStream(this.#spec.seed, name)
    batch.forEach((row, r) => {
      for (let j = 0; j < units; j++) {
        const isKept =
          given === undefined
            ? random.uniform((this.#steps * total + row) * units + j) >= rate
            : given[row * units + j] !== 0
        values[r * units + j] = isKept ? 1 / (1 - rate) : 0
      }
    })
  }

  #layerOutputs(rows: number): Record<string, FloatArray> {
    return Object.fromEntries(
      usedLayers(this.#spec).map(({ layer: { name }, outputs }) => [
        name,
        this.#read(`output of ${name}`, rows * outputs),
      ]),
    )
  }

  // Moves everything that lasts (parameters, optimizer state, counters) into a program for more rows, or for weights. One
  // for weights stays: a weight of 1 changes no bit.
  #reserve(rows: number, isWeighted = false): void {
    const { program, executable } = this.#linked
    const hasWeights = program.slots.has('weights')
    if (rows <= program.rows && (hasWeights || !isWeighted)) return
    this.#linked = this.#link(Math.max(rows, program.rows), hasWeights || isWeighted)
    for (const name of ['parameters', 'optimizer', 'adam.powers']) {
      const slot = program.slots.get(name)
      if (slot === undefined || slot.length === 0) continue
      const values = floatArray(slot.type === 'f64' ? 'float64' : this.#spec.dtype, slot.length)
      this.#write(name, executable.read(slot, values))
    }
  }

  #link(rows: number, isWeighted: boolean): { program: Program; executable: Executable } {
    const program = this.#compile(this.#spec, rows, this.#optimizer, isWeighted)
    return { program, executable: this.#backend.link(program, [], { threads: 1 }) }
  }

  #read(name: string, length: number): FloatArray {
    const values = floatArray(this.#spec.dtype, length)
    return this.#linked.executable.read(slotNamed(this.#linked.program, name), values)
  }

  // Of the objective as users see it, which may be the negative of what the program lowers.
  #readGradient(name: string, length: number): FloatArray {
    const gradient = this.#read(`gradient of ${name}`, length)
    return objectiveSign(this.#spec) === 1 ? gradient : gradient.map((value) => -value)
  }

  #write(name: string, values: FloatArray): void {
    const slot = this.#linked.program.slots.get(name)
    if (slot !== undefined) this.#linked.executable.write(slot, values)
  }
}
