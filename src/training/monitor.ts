/** Watches a network while it is trained: what its activations, gradients and updates are like, at an interval of epochs. */

import type { Executable } from '../backends/backend.ts'
import { compileMonitor, monitorSlots } from '../compiler/monitor.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import type { FloatArray } from '../ops/arithmetic.ts'
import type { Gemm } from '../ops/matmul.ts'
import { outputsOf, parametersOf, usedLayers, type NetworkSpec } from '../spec.ts'
import { pickRows } from './arrays.ts'
import { oneHot } from './data.ts'
import { objectiveSign, type FitJob } from './fit.ts'
import type { MonitorOptions } from './options.ts'
import { TrajectoryRecorder, type Trajectory } from './trajectory.ts'

/** How the elements of an array are distributed; `NaN`, in JSON `null`, where one of them is NaN. */
export interface Distribution {
  mean: number
  /** Standard deviation, the squares divided by their number. */
  deviation: number
  min: number
  /** Quartiles by linear interpolation between neighbours (type 7, the default of NumPy and R). */
  lowerQuartile: number
  median: number
  upperQuartile: number
  max: number
}

/** What a layer does with the rows that are looked at. */
export interface LayerMonitor {
  /** Its outputs. */
  activation: Distribution
  /** Gradient of the objective with respect to them; at an output whose activation is one with its loss, to its input. */
  gradient: Distribution
  /** Share of units whose output is 0 for every row; of layers with the activation relu. */
  deadUnits?: number
  /** Share of outputs beyond 95 % of the way from the middle of the activation's range to its end; of logistic, tanh and
   * gudermannian. */
  saturated?: number
}

/** What happens to a parameter. */
export interface ParameterMonitor {
  /** Its gradient as `network.gradients` gives it for the rows that are looked at, without dropout. */
  gradient: Distribution
  /**
   * Euclidean norm of the epoch's last update over that of the parameter before it; `null` before the first epoch, and where
   * the parameter was 0.
   */
  updateRatio: number | null
}

/** A look at the network behind an epoch. */
export interface MonitorRecord {
  /** 0 for the initial weights. */
  epoch: number
  /** By layer. */
  layers: Record<string, LayerMonitor>
  /** By parameter, such as `dense1.weight`. */
  parameters: Record<string, ParameterMonitor>
}

/** What a monitored fit has seen: plain data that `JSON.stringify` takes. */
export interface Monitor {
  /** Numbers of the rows that were looked at: evenly spaced training rows. */
  rows: number[]
  /** At the start, after every `every` epochs, and after the last epoch. */
  records: MonitorRecord[]
  /** The weights of the records, or of at most 64 evenly spaced ones, in the plane that shows most of their way. */
  trajectory: Trajectory
}

/** The monitor of one fit: a program of its own, so that what it sees changes no bit of the training. */
export class Monitoring {
  /** Epochs between two records. */
  readonly every: number
  readonly #spec: NetworkSpec
  readonly #program: Program
  readonly #executable: Executable
  readonly #rows: number[]
  readonly #records: MonitorRecord[] = []
  readonly #trajectory = new TrajectoryRecorder()
  readonly #weightCount: number
  readonly #gemm: Gemm

  constructor(job: FitJob, { every, rows }: Required<MonitorOptions>) {
    const { spec, backend, settings, trainRows, x, y, weights } = job
    const count = Math.min(rows, trainRows.length)
    this.every = every
    this.#gemm = backend.gemm
    this.#spec = spec
    this.#rows = Array.from(
      { length: count },
      (_, i) => trainRows[Math.floor((i * trainRows.length) / count)],
    )
    this.#program = compileMonitor(spec, count, weights !== undefined)
    this.#executable = backend.link(this.#program, [], { threads: settings.threads })
    this.#weightCount = slotNamed(this.#program, 'previous').length
    const areLabels = y instanceof Uint32Array
    const labels = areLabels ? this.#rows.map((row) => y[row]) : []
    this.#write('x', pickRows(x, spec.inputs, this.#rows))
    this.#write('t', areLabels ? oneHot(spec, labels) : pickRows(y, outputsOf(spec), this.#rows))
    if (weights !== undefined) this.#write('weights', pickRows(weights, 1, this.#rows))
  }

  /** The monitor that a fit's settings ask for. */
  static of(job: FitJob): Monitoring | undefined {
    const { monitor } = job.settings
    return monitor === undefined ? undefined : new Monitoring(job, monitor)
  }

  /** The epoch of the last record. */
  get lastEpoch(): number | undefined {
    return this.#records.at(-1)?.epoch
  }

  /**
   * Adds a record.
   *
   * @param parameters the region of parameters and state
   * @param previous the weights before the last update, where there was one
   */
  async observe(epoch: number, parameters: FloatArray, previous?: FloatArray): Promise<void> {
    this.#write('parameters', parameters)
    const weights = parameters.slice(0, this.#weightCount)
    this.#write('previous', previous ?? weights)
    const report = { offset: 0, count: 0 }
    await this.#executable.run('monitor', 1, { report, onProgress: () => undefined })
    this.#records.push(this.#read(epoch, previous !== undefined))
    this.#trajectory.add(epoch, weights)
  }

  /** What was seen. */
  async finish(): Promise<Monitor> {
    const trajectory = await this.#trajectory.project(this.#gemm)
    return { rows: this.#rows, records: this.#records, trajectory }
  }

  #read(epoch: number, hasUpdate: boolean): MonitorRecord {
    const sign = objectiveSign(this.#spec)
    const numbers = this.#results()
    const layers = usedLayers(this.#spec).map(({ layer: { name } }): [string, LayerMonitor] => {
      const activation = toDistribution(numbers(monitorSlots.activation(name)))
      const gradient = toDistribution(numbers(monitorSlots.backward(name)), sign)
      const [deadUnits] = numbers(monitorSlots.dead(name))
      const [saturated] = numbers(monitorSlots.saturated(name))
      return [
        name,
        {
          activation,
          gradient,
          ...(deadUnits === undefined ? {} : { deadUnits }),
          ...(saturated === undefined ? {} : { saturated }),
        },
      ]
    })
    const parameters = parametersOf(this.#spec).map(({ name }): [string, ParameterMonitor] => {
      const gradient = toDistribution(numbers(monitorSlots.gradient(name)), sign)
      const [update = 0, weight = 0] = numbers(monitorSlots.norms(name))
      return [name, { gradient, updateRatio: hasUpdate && weight > 0 ? update / weight : null }]
    })
    return { epoch, layers: Object.fromEntries(layers), parameters: Object.fromEntries(parameters) }
  }

  // Reads all results at once; gives those of a slot, none where the program has no such slot.
  #results(): (name: string) => readonly (number | undefined)[] {
    const { slots } = this.#program
    const metrics = slotNamed(this.#program, 'metrics')
    const values = this.#executable.read(metrics, new Float64Array(metrics.length))
    return (name) => {
      const slot = slots.get(name)
      const start = slot === undefined ? 0 : (slot.offset - metrics.offset) / values.BYTES_PER_ELEMENT
      return Array.from(values.subarray(start, start + (slot?.length ?? 0)))
    }
  }

  #write(name: string, values: FloatArray): void {
    this.#executable.write(slotNamed(this.#program, name), values)
  }
}

// The gradient of an objective that is raised is the negative of what the program lowers. Adding 0 turns −0 into 0, as JSON
// does.
function toDistribution(summary: readonly (number | undefined)[], sign: 1 | -1 = 1): Distribution {
  const [mean = NaN, deviation = NaN, ...ranks] = summary
  const signed = ranks.map((value = NaN) => sign * value + 0)
  const [min, lowerQuartile, median, upperQuartile, max] = sign === 1 ? signed : signed.reverse()
  return { mean: sign * mean + 0, deviation, min, lowerQuartile, median, upperQuartile, max }
}
