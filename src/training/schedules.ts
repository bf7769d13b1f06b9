/** Learning-rate schedules: how the rate moves over the epochs of a fit. */

import { checkInteger, checkNumber, checkOneOf, type Limits } from '../check.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { float64Functions } from '../ops/math-float64.ts'

interface ScheduleInfo {
  readonly settings: Readonly<Record<string, { default: number; limits: Limits; isInteger?: boolean }>>
  /**
   * Factor on the learning rate.
   *
   * @param epoch whole epochs done
   * @param share part of the run that is done, behind the warm-up, from 0 to below 1
   */
  readonly factor: (settings: Readonly<Record<string, number>>, epoch: number, share: number) => number
  /** Whether the factor changes within an epoch. */
  readonly isContinuous?: boolean
}

const SHARE = { min: 0, max: 1 }

/**
 * The schedules by name. `plateau` is decided while training: the core multiplies the rate after `patience` epochs whose
 * watched loss (validation, else training) has not fallen by more than `minDelta`.
 */
export const scheduleTable = {
  constant: { settings: {}, factor: () => 1 },
  step: {
    settings: {
      every: { default: 30, limits: { min: 1 }, isInteger: true },
      factor: { default: 0.1, limits: { above: 0, max: 1 } },
    },
    factor: ({ every, factor }, epoch) => power(factor, Math.floor(epoch / every)),
  },
  exponential: {
    settings: { factor: { default: 0.95, limits: { above: 0, max: 1 } } },
    factor: ({ factor }, epoch) => power(factor, epoch),
  },
  inverseTime: {
    settings: { decay: { default: 0.1, limits: { min: 0 } } },
    factor: ({ decay }, epoch) => 1 / (1 + decay * epoch),
  },
  cosine: {
    settings: { final: { default: 0, limits: SHARE } },
    factor: ({ final }, _, share) => final + (1 - final) * halfCosine(share),
    isContinuous: true,
  },
  // Source: Holzmüller, Grinsztajn, Steinwart 2024, Better by Default, appendix A.
  coslog4: {
    settings: {},
    factor: (_, __, share) => coslog4(share),
    isContinuous: true,
  },
  plateau: {
    settings: {
      factor: { default: 0.1, limits: { above: 0, below: 1 } },
      patience: { default: 5, limits: { min: 1 }, isInteger: true },
      minDelta: { default: 0, limits: { min: 0 } },
      final: { default: 0, limits: SHARE },
    },
    factor: () => 1,
  },
} satisfies Record<string, ScheduleInfo>

/**
 * Name of a schedule.
 *
 * @useDeclaredType
 */
export type ScheduleName = keyof typeof scheduleTable

/** A schedule as users may write it; factors act on the optimizer's learning rate. */
export type Schedule =
  | ScheduleName
  | {
      name: ScheduleName
      /** Epochs, or a part of one, over which the rate first rises linearly to its full value; default 0; not for plateau. */
      warmup?: number
      /** Default 0.1 every 30 epochs for step, 0.95 each epoch for exponential, 0.1 for plateau; these only. */
      factor?: number
      /** Epochs between two steps, an integer ≥ 1, default 30; step only. */
      every?: number
      /** Default 0.1: the rate is divided by 1 + decay·epoch; inverseTime only. */
      decay?: number
      /** Share of the rate that is left in the end, 0 to 1, default 0; cosine and plateau only. */
      final?: number
      /** Epochs without improvement before the rate falls, an integer ≥ 1, default 5; plateau only. */
      patience?: number
      /** Improvement of the loss that counts, default 0; plateau only. */
      minDelta?: number
    }
  | ((epoch: number) => number)

/** A schedule with all settings filled in, or the user's function of the epoch, from 0. */
export type ScheduleSpec =
  | {
      readonly name: ScheduleName
      readonly warmup: number
      readonly settings: Readonly<Record<string, number>>
    }
  | { readonly name: 'custom'; readonly factor: (epoch: number) => number }

/** Rates of a run: entry i holds for steps [i·stride, (i + 1)·stride), the last one for all behind it. */
export interface RateTable {
  readonly rates: Float64Array
  readonly stride: number
}

/** Bounds the memory of a table; longer runs change the rate every so many steps. */
const MAX_ENTRIES = 2 ** 20

/**
 * Fills in and checks a schedule.
 *
 * @throws SpecError if the name is unknown or a setting does not fit
 */
export function normalizeSchedule(schedule: Schedule): ScheduleSpec {
  if (typeof schedule === 'function') return { name: 'custom', factor: schedule }
  const given: { name: ScheduleName } & Record<string, unknown> =
    typeof schedule === 'object' && schedule !== null ? { ...schedule } : { name: schedule }
  checkOneOf('fit: schedule', given.name, Object.keys(scheduleTable))
  const info: ScheduleInfo = scheduleTable[given.name]
  const hasWarmup = given.name !== 'plateau'
  rejectUnknownKeys(`fit: schedule ${given.name}`, given, [
    'name',
    ...(hasWarmup ? ['warmup'] : []),
    ...Object.keys(info.settings),
  ])
  const warmup = given.warmup ?? 0
  checkNumber('fit: schedule.warmup', warmup, { min: 0 })
  const settings: Record<string, number> = {}
  for (const [name, { default: value, limits, isInteger }] of Object.entries(info.settings)) {
    const setting = given[name] ?? value
    checkNumber(`fit: schedule.${name}`, setting, limits)
    if (isInteger === true) checkInteger(`fit: schedule.${name}`, setting, limits)
    settings[name] = setting
  }
  return { name: given.name, warmup, settings }
}

/**
 * The learning rates of a run, step by step; the same numbers on every machine.
 *
 * @param rate the optimizer's learning rate
 * @param stepsPerEpoch batches of an epoch
 * @throws SpecError if a function of the user's gives no usable factor
 */
export function rateTable(
  schedule: ScheduleSpec,
  rate: number,
  { epochs, stepsPerEpoch }: { epochs: number; stepsPerEpoch: number },
): RateTable {
  const isContinuous =
    schedule.name !== 'custom' &&
    (schedule.warmup > 0 || (scheduleTable[schedule.name] as ScheduleInfo).isContinuous === true)
  const unit = isContinuous ? 1 : stepsPerEpoch
  const units = isContinuous ? epochs * stepsPerEpoch : epochs
  const unitsPerEntry = Math.ceil(units / MAX_ENTRIES)
  const stride = unit * unitsPerEntry
  const rates = Float64Array.from({ length: Math.ceil(units / unitsPerEntry) }, (_, i) => {
    return rate * factorAt(schedule, i * stride, { epochs, stepsPerEpoch })
  })
  return { rates, stride }
}

function factorAt(
  schedule: ScheduleSpec,
  step: number,
  { epochs, stepsPerEpoch }: { epochs: number; stepsPerEpoch: number },
): number {
  const epoch = Math.floor(step / stepsPerEpoch)
  if (schedule.name === 'custom') return customFactor(schedule.factor, epoch)
  const warmupSteps = Math.round(schedule.warmup * stepsPerEpoch)
  if (step < warmupSteps) return (step + 1) / warmupSteps
  const share = (step - warmupSteps) / (epochs * stepsPerEpoch - warmupSteps)
  const info: ScheduleInfo = scheduleTable[schedule.name]
  return info.factor(schedule.settings, epoch, share)
}

function customFactor(factor: (epoch: number) => number, epoch: number): number {
  const value: unknown = factor(epoch)
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw new SpecError({
    where: `fit: schedule(${epoch})`,
    expected: 'a factor on the learning rate, a number ≥ 0',
    received: String(value),
  })
}

// Math.pow and Math.cos may differ in their last bit between engines; products and a series do not.
function power(base: number, exponent: number): number {
  if (exponent === 0) return 1
  const root = power(base, Math.floor(exponent / 2))
  return exponent % 2 === 0 ? root * root : root * root * base
}

// (1 + cos(π·share)) / 2 = cos²(π·share / 2), by the Taylor series of cos on [0, π/2].
function halfCosine(share: number): number {
  const square = ((Math.PI / 2) * share) ** 2
  let term = 1
  let cosine = 1
  for (let n = 2; n <= 22; n += 2) {
    term *= -square / (n * (n - 1))
    cosine += term
  }
  return cosine * cosine
}

// (1 − cos(2π·log₂(1 + 15·share))) / 2: from 0 to 1 and back four times, each time over twice as many steps.
function coslog4(share: number): number {
  const turns = float64Functions.log(1 + 15 * share) / Math.LN2
  return halfCosine(Math.abs(2 * (turns - Math.floor(turns)) - 1))
}
