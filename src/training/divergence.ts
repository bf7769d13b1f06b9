/** What is told of a run that met infinities or NaN. */

import type { Executable } from '../backends/backend.ts'
import { flagOfStatus } from '../compiler/graph.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { DivergenceError, type Autopsy, type DivergenceCause, type PlacedValue } from '../errors.ts'
import { floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { outputsOf, parametersOf, type NetworkSpec } from '../spec.ts'
import type { FitJob } from './fit.ts'

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
  /** Of the batch; none where it is not known. */
  readonly rows?: readonly number[]
  /** Default that of the optimizer. */
  readonly learningRate?: number
}

/** An input or target beyond this is taken for one that was not scaled. */
const LARGE = 1000
/** Row numbers that a message names. */
const MOST_NAMED = 8

/** The error of a fit that diverged. */
export function divergenceOf(
  job: Pick<FitJob, 'spec' | 'settings'> & Partial<Pick<FitJob, 'x' | 'y'>>,
  { epoch, step, what, rows = [], learningRate = job.settings.optimizer.learningRate }: DivergencePoint,
): DivergenceError {
  const { spec, settings } = job
  const largest = {
    x: job.x && largestOf(job.x, spec.inputs, rows),
    // Class indices are no quantities.
    y: job.y && !(job.y instanceof Uint32Array) ? largestOf(job.y, outputsOf(spec), rows) : undefined,
  }
  const { name: optimizer } = settings.optimizer
  const likelyCause = causeOf(spec, largest)
  const layer = layerOf(spec, what)
  return divergenceError({ epoch, step, what, layer, rows, largest, likelyCause, optimizer, learningRate })
}

/** Words an autopsy, and completes it by the fix. */
export function divergenceError(found: Omit<Autopsy, 'fix'>): DivergenceError {
  const { epoch, step, what, largest, likelyCause, optimizer, learningRate } = found
  const lower = `lower the learning rate of ${optimizer} (now ${learningRate})`
  const fix = `${causes[likelyCause](largest)}: ${lower}, or scale inputs and targets to about -1..1`
  const isExplosion = what === EXPLODING
  return new DivergenceError(
    {
      where: `fit: epoch ${epoch}, step ${step}`,
      expected: isExplosion
        ? 'a loss that falls'
        : `a finite ${what === 'weights' ? 'set of weights' : what}`,
      received: `${isExplosion ? EXPLODING : 'infinity or NaN'}${batchText(found)}`,
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

const causes: Readonly<Record<DivergenceCause, (largest: Largest) => string>> = {
  learningRate: () => 'The weights have grown too large for the data',
  badValue: ({ x, y }) => {
    const [name, place] = isBad(x) ? ['x', x] : ['y', y]
    return `${name} has a value that is not finite${place === undefined ? '' : ` (${placeOf(place)})`}`
  },
  unscaledInput: ({ x }) => `An input is large${x === undefined ? '' : ` (${placeOf(x)})`}`,
  unscaledTarget: ({ y }) => `A target is large${y === undefined ? '' : ` (${placeOf(y)})`}`,
  logarithm: () => 'An activation takes logarithms, which of 0 are infinite',
}

function causeOf(spec: NetworkSpec, { x, y }: Largest): DivergenceCause {
  if (isBad(x) || isBad(y)) return 'badValue'
  if (x !== undefined && Math.abs(x.value) > LARGE) return 'unscaledInput'
  if (y !== undefined && Math.abs(y.value) > LARGE) return 'unscaledTarget'
  return spec.layers.some(takesLogarithms) ? 'logarithm' : 'learningRate'
}

function takesLogarithms(layer: NetworkSpec['layers'][number]): boolean {
  const activation = 'activation' in layer ? layer.activation : undefined
  return (
    typeof activation === 'object' && 'steps' in activation && activation.steps.some(({ op }) => op === 'log')
  )
}

function isBad(place: PlacedValue | undefined): boolean {
  return place !== undefined && !Number.isFinite(place.value)
}

function placeOf({ row, position, value, column, line }: PlacedValue): string {
  const where = line === undefined ? `row ${row}` : `line ${line}`
  return `${where}, ${column === undefined ? `position ${position}` : `column '${column}', scaled`}: ${value}`
}

function largestOf(values: FloatArray, width: number, rows: readonly number[]): PlacedValue | undefined {
  let largest: PlacedValue | undefined
  for (const row of rows) {
    for (let position = 0; position < width; position++) {
      const value = values[row * width + position]
      if (!Number.isFinite(value)) return { row, position, value }
      if (largest === undefined || Math.abs(value) > Math.abs(largest.value))
        largest = { row, position, value }
    }
  }
  return largest
}

function layerOf({ layers }: NetworkSpec, what: string): string | undefined {
  return layers.find(({ name }) => what.startsWith(`gradient of ${name}.`))?.name
}

function batchText({ rows, lines, file }: Omit<Autopsy, 'fix'>): string {
  if (rows.length === 0) return ''
  const numbers = lines ?? rows
  const more = numbers.length - MOST_NAMED
  const named = `${numbers.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  return ` in the batch of ${file === undefined ? 'rows' : `${file} lines`} ${named}`
}
