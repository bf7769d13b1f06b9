/** What is told of a run that met infinities or NaN: where, on which rows, why most likely, and what to do. */

import type { Executable } from '../backends/backend.ts'
import { flagOfStatus } from '../compiler/graph.ts'
import { optimizerInfo, type OptimizerName } from '../compiler/optimizers.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { DivergenceError, type Autopsy, type AutopsyRow, type DivergenceCause } from '../errors.ts'
import type { PlacedValue } from '../errors.ts'
import { floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { parameterPlaces } from '../parameters.ts'
import { headsOf, outputsOf, parametersOf, usedLayers, type NetworkSpec } from '../spec.ts'
import { inputSlices } from '../wiring.ts'
import type { FitJob } from './fit.ts'
import type { ReplayFailure } from './replay.ts'

/** What was not finite, such as `loss` or `gradient of dense1.weight`, by the status word of a run that halted. */
export function whatDiverged(
  spec: NetworkSpec,
  { program, executable }: { program: Program; executable: Executable },
  status: number,
): string {
  const flag = flagOfStatus(spec, status)
  if (flag !== 'gradients') return flag
  // One flag for all of them; the halt has left them as they were found.
  const isBad = ({ name }: { name: string }): boolean => {
    const slot = slotNamed(program, `gradient of ${name}`)
    const gradient = executable.read(slot, floatArray(spec.dtype, slot.length))
    return gradient.some((element) => !Number.isFinite(element))
  }
  const parameter = parametersOf(spec).find(isBad)
  return parameter === undefined ? flag : `gradient of ${parameter.name}`
}

/** Where a fit stood when it diverged. */
export interface DivergencePoint {
  readonly epoch: number
  readonly step: number
  readonly what: string
  /** Places in x of the batch; none where it is not known. */
  readonly rows?: readonly number[]
  /** The instruction that failed, its row by the place in the batch. */
  readonly failure?: ReplayFailure
  readonly learningRate: number
  /** The weights of the step. */
  readonly parameters: FloatArray
}

/** The data of a fit, as far as a cause is looked for in them. */
export type ExaminedFit = Pick<FitJob, 'spec' | 'settings' | 'x' | 'y' | 'weights' | 'trainRows'>

/** Times the usual size beyond which a value stands alone. */
const OUTLIER = 1000
/** Row numbers that a message names, and rows that an autopsy has the values of. */
const MOST_NAMED = 8
/** Rows that tell the usual values of a column. */
const SAMPLE = 1000

/** The error of a fit that diverged. */
export function divergenceOf(fit: ExaminedFit, point: DivergencePoint): DivergenceError {
  const { spec, settings, weights } = fit
  const { epoch, step, what, rows = [], failure, learningRate } = point
  const largest = {
    x: largestOf(fit.x, fit.trainRows, spec.inputs, indexColumns(spec)),
    // Class indices are no quantities.
    y: fit.y instanceof Uint32Array ? undefined : largestOf(fit.y, fit.trainRows, outputsOf(spec)),
    ...(weights === undefined ? {} : { weight: largestOf(weights, fit.trainRows, 1) }),
  }
  const { op, phase, layer = layerOf(spec, what), row } = failure ?? {}
  const instruction =
    op === undefined || phase === undefined ? undefined : { op, phase, layer, row: rows[row ?? -1] }
  const { name: optimizer } = settings.optimizer
  const likelyCause = causeOf({ spec, optimizer, largest, point })
  return divergenceError({
    ...{ epoch, step, what, instruction, layer, rows, largest, likelyCause, optimizer, learningRate },
    samples: samplesOf(fit, rows, instruction?.row ?? largest.x?.row),
  })
}

/** A row of the data that a fit's rows come from. */
export interface RowOrigin {
  readonly row: number
  readonly file?: string
  readonly line?: number
  /** By column. */
  readonly values: NonNullable<AutopsyRow['values']>
}

/** What is known of a fit's rows where they come from. */
export interface DataOrigin {
  /** Rows by their numbers in the fit; those that are not found are left as they are. */
  readonly rows: ReadonlyMap<number, RowOrigin>
  readonly inputColumn: (position: number) => string | undefined
  readonly targetColumn: (position: number) => string | undefined
  readonly weightColumn?: string
  /** Bounds of the middle 90 % of a column. */
  readonly typical: (column: string) => readonly [number, number] | undefined
}

/** Numbers of the rows that an autopsy names. */
export function rowsNamed({ rows, largest }: Pick<Autopsy, 'rows' | 'largest'>): number[] {
  const places = Object.values(largest as Record<string, PlacedValue | undefined>)
  return [...new Set([...rows, ...places.flatMap((place) => (place === undefined ? [] : [place.row]))])]
}

/** The error of a fit in the terms of the data that its rows come from. */
export function divergenceIn(autopsy: Autopsy, { rows: origins, ...origin }: DataOrigin): DivergenceError {
  const { rows, largest, instruction } = autopsy
  const rowOf = (row: number): number => origins.get(row)?.row ?? row
  const placed = (place: PlacedValue | undefined, column: string | undefined): PlacedValue | undefined => {
    if (place === undefined) return undefined
    const found = origins.get(place.row)
    if (found === undefined) return place
    const { row, file, line, values } = found
    const isKnown = column !== undefined && Object.hasOwn(values, column)
    return {
      ...place,
      ...{ row, file, line, column },
      ...(isKnown ? { raw: values[column], typical: origin.typical(column) ?? place.typical } : {}),
    }
  }
  const { x, y, weight } = largest
  const batch = rows.map((row) => origins.get(row))
  const places = batch.flatMap((found) => {
    const { file = '', line } = found ?? {}
    return line === undefined ? [] : [{ file, line }]
  })
  const files = [...new Set(places.map(({ file }) => file))]
  return divergenceError({
    ...autopsy,
    rows: rows.map(rowOf),
    instruction: instruction && {
      ...instruction,
      ...(instruction.row === undefined ? {} : { row: rowOf(instruction.row) }),
    },
    ...(places.length < rows.length || rows.length === 0
      ? {}
      : {
          lines: places.map(({ line }) => line),
          ...(files.length === 1 ? { file: files[0] } : { files: places.map(({ file }) => file) }),
        }),
    samples: autopsy.samples.map((sample) => ({ ...sample, ...origins.get(sample.row) })),
    largest: {
      x: placed(x, x && origin.inputColumn(x.position)),
      y: placed(y, y && origin.targetColumn(y.position)),
      weight: placed(weight, origin.weightColumn),
    },
  })
}

/** Words an autopsy, and completes it by the fix. */
export function divergenceError(found: Omit<Autopsy, 'fix'>): DivergenceError {
  const { epoch, step, what, likelyCause } = found
  const { why, cure } = causes[likelyCause](found)
  const isExplosion = what === EXPLODING
  const fix = `${why}${isRateHigh(found) && likelyCause !== 'learningRate' ? `; the learning rate of ${found.learningRate}, ${rateText(found)}, adds to it` : ''}. ${cure}`
  return new DivergenceError(
    {
      where: `fit: epoch ${epoch}, step ${step}`,
      expected: isExplosion
        ? 'a loss that falls'
        : `a finite ${what === 'weights' ? 'set of weights' : what}`,
      received: `${isExplosion ? EXPLODING : `infinity or NaN${instructionText(found)}`}${batchText(found)}`,
      cure: `${fix}. The last good weights are kept`,
    },
    { autopsy: { ...found, fix } },
  )
}

/** What stands for `what` where the loss was found growing before it was infinite. */
export const EXPLODING = 'exploding loss'

/** Epochs in a row, each worse than the one before, that make an explosion. */
export const EPOCHS_OF_EXPLOSION = 3
/** How much worse than the first epoch the last one is. */
const EXPLOSION_FACTOR = 1000

/**
 * Whether losses explode: each of the last three epochs is worse than the one before, and the last is worse than a thousand
 * times the first epoch's loss plus 1. Losses of ordinary runs move up and down, and not by such factors.
 *
 * @param losses of epochs, to be lowered
 */
export function isExploding(losses: readonly number[]): boolean {
  const last = losses.slice(-EPOCHS_OF_EXPLOSION - 1)
  if (last.length <= EPOCHS_OF_EXPLOSION) return false
  const isRising = last.every((loss, i) => i === 0 || loss > last[i - 1])
  return isRising && last[EPOCHS_OF_EXPLOSION] > EXPLOSION_FACTOR * (Math.abs(losses[0]) + 1)
}

type Largest = Autopsy['largest']
type Found = Omit<Autopsy, 'fix'>

const causes: Readonly<Record<DivergenceCause, (found: Found) => { why: string; cure: string }>> = {
  learningRate: (found) => ({
    why: isRateHigh(found)
      ? `The learning rate is ${rateText(found)}`
      : 'The weights have grown too large for the data',
    cure: `Lower the learning rate of ${found.optimizer} (now ${found.learningRate}), or let the fit do so: recover: { factor: 0.5 }, --recover 0.5`,
  }),
  badValue: ({ largest }) => {
    const [name, place] = standingAlone(largest)
    return {
      why: `${capitalized(placeOf(name, place))}${Number.isFinite(place.value) ? ', far from all others' : ', not finite'}`,
      cure: 'Mend that value or leave the row out; if it is right, take the logarithm of the column or clip it',
    }
  },
  unscaledInput: ({ largest: { x } }) => ({
    why: `An input is large${x === undefined ? '' : `: ${placeOf('x', x)}`}`,
    cure: 'Scale inputs to mean 0 and deviation 1, as train() does, or begin with batchNorm()',
  }),
  unscaledTarget: ({ largest: { y } }) => ({
    why: `A target is large${y === undefined ? '' : `: ${placeOf('y', y)}`}`,
    cure: 'Scale targets to mean 0 and deviation 1, as train() does',
  }),
  sampleWeight: ({ largest: { weight } }) => ({
    why: `A weight is large${weight === undefined ? '' : `: ${placeOf('sampleWeights', weight)}`}`,
    cure: 'Divide the weights by their mean, and look whether that one is right',
  }),
  logarithm: ({ layer }) => ({
    why: `The activation${ofLayer(layer)} takes the logarithm of 0 or less`,
    cure: 'Keep what it takes above 0: softplus(x), or shift(relu(x), 1e-6)',
  }),
  division: ({ layer }) => ({
    why: `The activation${ofLayer(layer)} divides by 0`,
    cure: 'Keep the divisor away from 0: shift(softplus(x), 1e-6)',
  }),
  customActivation: ({ layer }) => ({
    why: `The activation function${ofLayer(layer)} gives no finite number`,
    cure: 'Look at what it gives, forward and backward, for the numbers that it gets',
  }),
  initialWeights: ({ layer }) => ({
    why: `The weights${ofLayer(layer)} were too large before the first step`,
    cure: 'Initialize with a smaller deviation, or look at what setParameters was given',
  }),
}

function ofLayer(layer: string | undefined): string {
  return layer === undefined ? '' : ` of layer ${layer}`
}

interface Evidence {
  readonly spec: NetworkSpec
  readonly optimizer: Found['optimizer']
  readonly largest: Largest
  readonly point: DivergencePoint
}

// What multiplies a step most, against inputs, targets and weights of about 1 and the optimizer's own rate. A gradient grows
// with the square of an input: once by the sums, once by itself.
function causeOf({ spec, optimizer, largest, point }: Evidence): DivergenceCause {
  const { step, failure, learningRate, parameters } = point
  const { x, y, weight } = largest
  if ([x, y, weight].some((place) => place !== undefined && !Number.isFinite(place.value))) return 'badValue'
  if (failure?.cause !== undefined) return failure.cause
  const isFirst = step === 1 && failure?.phase !== 'update'
  const excess = (place: PlacedValue | undefined, unscaled: DivergenceCause): [DivergenceCause, number] => {
    if (place === undefined) return [unscaled, 0]
    return isAlone(place) ? ['badValue', Math.abs(place.value)] : [unscaled, usualSize(place)]
  }
  const [ofInput, input] = excess(x, 'unscaledInput')
  const weighed = weight !== undefined && isAlone(weight) ? weight.value : 0
  // Before the first update the rate has done nothing, after it initial weights matter no more.
  const factors: [DivergenceCause, number][] = [
    ['learningRate', isFirst ? 0 : learningRate / usualRate(optimizer)],
    [ofInput, input ** 2],
    excess(y, 'unscaledTarget'),
    ['sampleWeight', weighed],
    ['initialWeights', isFirst ? largestWeight(spec, parameters) ** 2 : 0],
  ]
  const [most, factor] = factors.reduce((a, b) => (b[1] > a[1] ? b : a))
  return factor > 10 ? most : 'learningRate'
}

function largestWeight(spec: NetworkSpec, parameters: FloatArray): number {
  let largest = 0
  for (const { start, length } of parameterPlaces(spec))
    for (let i = start; i < start + length; i++) largest = Math.max(largest, Math.abs(parameters[i]))
  return largest
}

function usualSize({ typical = [0, 0] }: PlacedValue): number {
  return Math.max(1, ...typical.map(Math.abs))
}

function isAlone(place: PlacedValue): boolean {
  return !(Math.abs(place.value) <= OUTLIER * usualSize(place))
}

function standingAlone({ x, y, weight }: Largest): [string, PlacedValue] {
  const places = Object.entries({ x, y, sampleWeights: weight }).flatMap(([name, place]) =>
    place === undefined ? [] : [[name, place] as [string, PlacedValue]],
  )
  const isBad = ([, { value }]: [string, PlacedValue]): boolean => !Number.isFinite(value)
  return places.find(isBad) ?? places.reduce((a, b) => (Math.abs(b[1].value) > Math.abs(a[1].value) ? b : a))
}

function isRateHigh({ optimizer, learningRate }: Found): boolean {
  return learningRate >= 10 * usualRate(optimizer)
}

function usualRate(optimizer: string): number {
  return optimizerInfo(optimizer as OptimizerName).learningRate
}

function rateText({ optimizer, learningRate }: Found): string {
  const usual = usualRate(optimizer)
  return `${shortNumber(learningRate / usual)} times the default of ${optimizer}, ${usual}`
}

function placeOf(name: string, place: PlacedValue): string {
  const { row, position, value, column, typical, raw } = place
  const where = `in ${rowText(place, `row ${row}`)}`
  const what = column === undefined ? `position ${position} of ${name}` : `column '${column}'`
  const scaled =
    raw === undefined || typeof raw !== 'number' || Math.fround(raw) === Math.fround(value)
      ? ''
      : ` (scaled ${shortNumber(value)})`
  const usual =
    typical === undefined
      ? ''
      : `, where most are from ${shortNumber(typical[0])} to ${shortNumber(typical[1])}`
  return `${what} has ${typeof raw === 'number' ? shortNumber(raw) : (raw ?? shortNumber(value))}${scaled} ${where}${usual}`
}

function capitalized(text: string): string {
  return text[0].toUpperCase() + text.slice(1)
}

// Its file and line, else what is given.
function rowText({ file, line }: Pick<AutopsyRow, 'file' | 'line'>, otherwise: string): string {
  return line === undefined ? otherwise : `${file === undefined ? '' : `${file} `}line ${line}`
}

// Four digits, and no long rows of zeros.
function shortNumber(value: number): string {
  const short = Number(value.toPrecision(4))
  return short !== 0 && (Math.abs(short) >= 1e6 || Math.abs(short) < 1e-4)
    ? short.toExponential()
    : String(short)
}

// Columns that hold numbers of categories, which are no quantities.
function indexColumns(spec: NetworkSpec): ReadonlySet<number> {
  const slices = inputSlices(spec)
  const columns = usedLayers(spec).flatMap(({ layer, from }) => {
    const slice = layer.type === 'embedding' ? slices.get(from[0]) : undefined
    return slice === undefined ? [] : Array.from({ length: slice[1] }, (_, i) => slice[0] + i)
  })
  return new Set(columns)
}

function largestOf(
  values: FloatArray,
  rows: ArrayLike<number>,
  width: number,
  except: ReadonlySet<number> = new Set(),
): PlacedValue | undefined {
  let [row, position, size] = [-1, 0, -1]
  for (let i = 0; i < rows.length && size < Infinity; i++) {
    const start = rows[i] * width
    for (let j = 0; j < width; j++) {
      const value = Math.abs(values[start + j])
      if (value <= size || except.has(j)) continue
      ;[row, position, size] = [rows[i], j, Number.isNaN(value) ? Infinity : value]
    }
  }
  if (row < 0) return undefined
  const column = sampleOf(rows).map((at) => values[at * width + position])
  return { row, position, value: values[row * width + position], typical: typicalRange(column) }
}

function sampleOf(rows: ArrayLike<number>): number[] {
  const count = Math.min(SAMPLE, rows.length)
  return Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)])
}

/** Bounds of the middle 90 % of values, without those that are not finite. */
export function typicalRange(values: readonly number[]): readonly [number, number] | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const last = sorted.length - 1
  const [low, high] = [Math.ceil(0.05 * last), Math.floor(0.95 * last)]
  return [sorted[Math.min(low, high)], sorted[Math.max(low, high)]]
}

function samplesOf(
  { spec, x, y, weights }: ExaminedFit,
  rows: readonly number[],
  first: number | undefined,
): AutopsyRow[] {
  const width = y instanceof Uint32Array ? 1 : outputsOf(spec)
  const others = rows.filter((row) => row !== first)
  const chosen = first === undefined || !rows.includes(first) ? others : [first, ...others]
  return chosen.slice(0, MOST_NAMED).map((row) => ({
    row,
    x: Array.from(x.subarray(row * spec.inputs, (row + 1) * spec.inputs)),
    y: Array.from(y.subarray(row * width, (row + 1) * width)),
    ...(weights === undefined ? {} : { weight: weights[row] }),
  }))
}

function layerOf(spec: NetworkSpec, what: string): string | undefined {
  if (what === 'loss') return spec.outputs === undefined ? headsOf(spec)[0].layer : undefined
  return spec.layers.find(
    ({ name }) => what.startsWith(`gradient of ${name}.`) || what.startsWith(`${name}.`),
  )?.name
}

const phases = {
  forward: 'forward pass',
  loss: 'loss',
  backward: 'backward pass',
  update: "optimizer's update",
} as const

function instructionText({ instruction, samples }: Found): string {
  if (instruction === undefined) return ''
  const { op, phase, layer, row } = instruction
  const sample = samples.find((candidate) => candidate.row === row)
  const where = row === undefined ? '' : `, ${rowText(sample ?? {}, `row ${row}`)}`
  return `, first from ${op}${ofLayer(layer)} (${phases[phase]}${where}),`
}

function batchText({ rows, lines, file, files }: Found): string {
  if (rows.length === 0) return ''
  const numbers =
    lines?.map((line, i) => (files === undefined ? String(line) : `${files[i]}:${line}`)) ?? rows
  const more = numbers.length - MOST_NAMED
  const named = `${numbers.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  const kind = lines === undefined ? 'rows' : file === undefined ? 'lines' : `${file} lines`
  return ` in the batch of ${kind} ${named}`
}
