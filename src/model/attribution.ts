/** What each column adds to the answer for a row: gradient × input and integrated gradients, in double. */

import type { Encoder } from '../data/encoder.ts'
import { inputWidth } from '../data/input.ts'
import { column as columnOf, valueAt, type Table, type Value } from '../data/table.ts'
import type { ClassLabel } from '../data/target.ts'
import { vectorTwinOf, type VectorTwin } from '../explain/vectors.ts'
import type { Answering } from './answering.ts'
import { classProbabilities, decideClass } from './answers.ts'

/** The answer for a row, shared out among the columns. */
export interface RowAttribution {
  /** Row number from 0. */
  row: number
  /** The class whose probability is shared out; undefined where the model predicts numbers. */
  label?: ClassLabel
  /** The one of several targets whose number is shared out. */
  target?: string
  /** That probability, or the number in the unit of the data. */
  output: number
  /** The same of the baseline. */
  baseline: number
  /** One for each column that the model uses, in their order. */
  columns: ColumnAttribution[]
  /** `output − baseline` less the sum of all integrated gradients: the error of the sum that stands for the integral. */
  gap: number
}

/** What a column adds, all of its inputs together. */
export interface ColumnAttribution {
  column: string
  value: Value
  /** Gradient of the answer at the row, times how far its inputs are from the baseline's. */
  gradientTimesInput: number
  /** The same along the straight way from the baseline to the row; they add up to `output − baseline`. */
  integratedGradients: number
}

const FEWEST_POINTS = 64
const MOST_POINTS = 8192
/** Points of one pass. */
const BLOCK = 256
/** Share of the difference that the sum may miss before more points are taken. */
const TOLERANCE = 1e-4

/**
 * Attributions for rows of a table: one for each, of several targets one for each of these. Embedded categories are their
 * vectors, whose components are added up.
 *
 * @param baseline rows [rows · inputs] whose mean is compared with; zeros are a row of which nothing is known: numbers at their
 *   mean, no category, of embedded ones the vector of those that are missing or seldom
 * @param label the class to explain; default the positive one of two classes, else the one that is decided for
 * @throws SpecError if an activation has no derivative
 * @source Sundararajan, Taly, Yan 2017, Axiomatic Attribution for Deep Networks, eq. 1 and proposition 1
 */
export function attributeRows(
  model: Answering,
  table: Table,
  rows: readonly number[],
  baseline: Float64Array,
  label?: ClassLabel,
): RowAttribution[] {
  const { encoder, decision } = model
  const twin = new DoubleModel(model)
  const x = twin.vectorsOf(encoder.encode(table, rows, 'float64').x)
  const width = x.length / rows.length
  const from = meanRow(twin.vectorsOf(baseline), width)
  const indicesOf = (answers: Float64Array): number[] => {
    if (encoder.task === 'regression')
      return model.chosen === undefined ? encoder.targets.map((_, j) => j) : [model.chosen]
    const chosen = label ?? decision.positive
    return [
      chosen === undefined
        ? decideClass(answers, 0, encoder.classes, decision)
        : encoder.classes.indexOf(chosen),
    ]
  }
  return rows.flatMap((row, i) => {
    const inputs = x.subarray(i * width, (i + 1) * width)
    const answers = twin.answers(inputs)
    return indicesOf(answers).map((index): RowAttribution => {
      const [output, baseline] = [answers[index], twin.answers(from)[index]]
      const distance = inputs.map((value, j) => value - from[j])
      const along = integrate(twin, index, from, distance, output - baseline)
      const gradient = twin.gradients(inputs, index)
      const byInput = {
        gradientTimesInput: gradient.map((value, j) => value * distance[j]),
        integratedGradients: along,
      }
      return {
        row,
        ...titleOf(encoder, index),
        output,
        baseline,
        columns: sumByColumn(model, twin.widths, { table, row }, byInput),
        gap: output - baseline - total(along),
      }
    })
  })
}

function titleOf(
  { task, classes, targets }: Encoder,
  index: number,
): Pick<RowAttribution, 'label' | 'target'> {
  if (task === 'classification') return { label: classes[index] }
  return targets.length === 1 ? {} : { target: targets[index].name }
}

function meanRow(x: Float64Array, width: number): Float64Array {
  const sums = new Float64Array(width)
  x.forEach((value, i) => (sums[i % width] += value))
  return sums.map((sum) => sum / (x.length / width))
}

// Midpoints of ever more parts of the way, until their sum is the difference that it must be.
function integrate(
  twin: DoubleModel,
  index: number,
  baseline: Float64Array,
  distance: Float64Array,
  difference: number,
): Float64Array {
  for (let points = FEWEST_POINTS; ; points *= 2) {
    const sums = new Float64Array(distance.length)
    for (let first = 0; first < points; first += BLOCK) {
      const count = Math.min(BLOCK, points - first)
      const way = new Float64Array(count * distance.length)
      for (let p = 0; p < count; p++) {
        const share = (first + p + 0.5) / points
        for (let j = 0; j < distance.length; j++)
          way[p * distance.length + j] = baseline[j] + share * distance[j]
      }
      twin.gradients(way, index).forEach((value, i) => (sums[i % distance.length] += value))
    }
    const parts = sums.map((sum, j) => (sum / points) * distance[j])
    const missed = Math.abs(difference - total(parts))
    if (missed <= TOLERANCE * Math.abs(difference) + Number.EPSILON || points >= MOST_POINTS) return parts
  }
}

/** A model's answers and their gradients in double, from encoded rows with vectors for embedded categories. */
class DoubleModel {
  readonly #network: VectorTwin['network']
  readonly #model: Answering
  readonly widths: VectorTwin['widths']
  readonly vectorsOf: VectorTwin['vectorsOf']

  constructor(model: Answering) {
    const { network, widths, vectorsOf } = vectorTwinOf(model.network)
    this.#model = model
    this.#network = network
    this.widths = widths
    this.vectorsOf = vectorsOf
  }

  /** [rows · classes], or [rows · targets]. */
  answers(x: Float64Array): Float64Array {
    return this.#answersTo(this.#network.predict(x))
  }

  /** Gradients of one answer with respect to the inputs of each row, [rows · inputs]. */
  gradients(x: Float64Array, index: number): Float64Array {
    const outputs = this.#network.predict(x)
    return this.#network.vjp(x, this.#slopes(outputs, index)).input
  }

  #answersTo(outputs: Float64Array): Float64Array {
    const { encoder, decision } = this.#model
    const width = encoder.targets.length
    if (encoder.task === 'regression')
      return outputs.map((output, i) => encoder.decodeValue(output, i % width))
    return classProbabilities(outputs, this.#network.outputs, decision.calibration?.temperature)
  }

  // Derivatives of the answer with respect to the network's outputs.
  #slopes(outputs: Float64Array, index: number): Float64Array {
    const { encoder, decision } = this.#model
    const { targets } = encoder
    const target = targets[index] ?? targets[0]
    // Beyond a range that answers are held within they do not move.
    if (target.task === 'regression') {
      const { deviation, mean } = target
      return outputs.map((output, i) =>
        i % targets.length === index && encoder.decodeValue(output, index) === output * deviation + mean
          ? deviation
          : 0,
      )
    }
    const width = this.#network.outputs
    const { temperature = 1 } = decision.calibration ?? {}
    if (temperature === 1) {
      if (width === 1) return outputs.map(() => (index === 1 ? 1 : -1))
      return outputs.map((_, i) => Number(i % width === index))
    }
    const answers = this.#answersTo(outputs)
    if (width === 1) {
      return outputs.map((q, row) => {
        const [p0, p1] = [answers[2 * row], answers[2 * row + 1]]
        return ((index === 1 ? 1 : -1) * p0 * p1) / (temperature * q * (1 - q) || 1)
      })
    }
    return outputs.map((q, i) => {
      const p = answers[i - (i % width) + index]
      return (p * (Number(i % width === index) - answers[i])) / (temperature * q || 1)
    })
  }
}

function sumByColumn(
  { encoder }: Answering,
  widths: readonly number[],
  { table, row }: { table: Table; row: number },
  byInput: Record<'gradientTimesInput' | 'integratedGradients', Float64Array>,
): ColumnAttribution[] {
  let first = 0
  let end = 0
  return encoder.data.inputs.map((input) => {
    const start = end
    end += total(widths.slice(first, first + inputWidth(input)))
    first += inputWidth(input)
    const value = valueAt(columnOf(table, input.name), row)
    const sum = (values: Float64Array): number => total(values.subarray(start, end))
    return {
      column: input.name,
      value,
      gradientTimesInput: sum(byInput.gradientTimesInput),
      integratedGradients: sum(byInput.integratedGradients),
    }
  })
}

function total(values: Float64Array | readonly number[]): number {
  return (values as readonly number[]).reduce((sum, value) => sum + value, 0)
}
