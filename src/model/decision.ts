/** How answers are made of a trained network's outputs: learnt from rows that were not trained on. */

import { describeValue } from '../check.ts'
import type { Encoder } from '../data/encoder.ts'
import { nameList, type Table } from '../data/table.ts'
import type { ClassLabel, EncodedTarget } from '../data/target.ts'
import { DataError, SpecError } from '../errors.ts'
import type { Network } from '../network.ts'
import type { Paced } from '../paced.ts'
import { classProbabilities, conformalQuantile } from './answers.ts'
import { reliability, usefulTemperature, type Judged } from './calibrate.ts'
import { plural } from './design.ts'
import type { TrainSettings } from './options.ts'
import type { Parts } from './parts.ts'
import type { ClassReport, Conformal, Decision } from './report.ts'
import { rowWeights } from './row-weights.ts'
import { parseThreshold, tuneThreshold } from './threshold.ts'

type Settings = Pick<TrainSettings, 'calibrate' | 'coverage' | 'positive' | 'threshold' | 'weight'>

const FEW_ROWS = 20

/**
 * The positive one of two classes: as asked for, else true, the larger number, or the rarer text (of equal ones the second).
 *
 * @returns undefined where there are not two classes
 * @throws SpecError if one is asked for, or a threshold, and there are not two classes, or it is none of them
 */
export function positiveClass(
  { classes }: Encoder,
  reports: readonly ClassReport[] = [],
  { positive, threshold }: Pick<Settings, 'positive' | 'threshold'>,
): ClassLabel | undefined {
  if (classes.length !== 2) {
    const [option, given] = positive === undefined ? ['threshold', threshold] : ['positive', positive]
    if (given === undefined) return undefined
    throw new SpecError({
      code: 'HADAMARD_TASK',
      where: option,
      expected: 'a target with two classes',
      received: classes.length === 0 ? 'one with numbers' : plural(classes.length, 'class'),
    })
  }
  if (positive === undefined) {
    const isFirstRarer = typeof classes[0] === 'string' && reports[0].trainRows < reports[1].trainRows
    return classes[isFirstRarer ? 0 : 1]
  }
  const found = classes.find((label) => String(label) === String(positive))
  if (found !== undefined) return found
  throw new SpecError({
    code: 'HADAMARD_CLASS_UNKNOWN',
    where: 'positive',
    expected: `one of the classes ${nameList(classes.map(String))}`,
    received: describeValue(positive),
  })
}

/**
 * Calibration, threshold and conformal quantile, each from validation or calibration rows alone.
 *
 * @throws DataError if there are too few calibration rows for the coverage, or a threshold has no rows of both classes to be
 *   tuned on
 */
export function* learnDecision(
  network: Network,
  encoder: Encoder,
  table: Table,
  parts: Parts,
  settings: Settings,
  positive: ClassLabel | undefined,
): Paced<{ decision: Decision; warnings: string[] }> {
  const { coverage } = settings
  if (encoder.task === 'regression') {
    if (coverage === undefined) return { decision: {}, warnings: [] }
    const decision = yield* intervalsOf(network, encoder, table, parts.calibration, coverage)
    return { decision, warnings: [] }
  }
  const watched = yield* judge(network, encoder, table, parts.validation, settings.weight)
  yield
  const temperature =
    settings.calibrate && watched !== undefined ? yield* usefulTemperature(watched) : undefined
  const decision: Decision = {
    ...(positive === undefined ? {} : { positive }),
    ...(temperature === undefined || watched === undefined
      ? {}
      : {
          calibration: {
            temperature,
            rows: watched.classes.length,
            before: yield* reliability(watched, 1),
            after: yield* reliability(watched, temperature),
          },
        }),
  }
  yield
  const tuned = thresholdOf(encoder, watched, settings, decision)
  if (coverage !== undefined) {
    const judged = yield* judge(network, encoder, table, parts.calibration, undefined)
    const scores = judged === undefined ? [] : lacks(judged, temperature)
    decision.conformal = conformalOf(scores, coverage)
  }
  return { decision: { ...decision, ...tuned.part }, warnings: tuned.warnings }
}

// Of several targets each has intervals by itself.
function* intervalsOf(
  network: Network,
  encoder: Encoder,
  table: Table,
  rows: Uint32Array,
  coverage: number,
): Paced<Decision> {
  const target = encoder.encodeTarget(table, rows) as EncodedTarget & { task: 'regression' }
  const { x } = yield* encoder.encoding(table, target.rows)
  const outputs = yield* network.predicting(x)
  const width = encoder.targets.length
  const distances = target.raw.map((value, i) => Math.abs(value - encoder.decodeValue(outputs[i], i % width)))
  const found = encoder.targets.map((_, j) =>
    conformalOf(
      distances.filter((_distance, i) => i % width === j),
      coverage,
    ),
  )
  if (width === 1) return { conformal: found[0] }
  return { intervals: found.map((conformal, j) => ({ target: encoder.targets[j].name, ...conformal })) }
}

function thresholdOf(
  { classes }: Encoder,
  watched: Judged | undefined,
  { threshold }: Settings,
  { positive, calibration }: Decision,
): { part: Pick<Decision, 'threshold' | 'tunedFor'>; warnings: string[] } {
  if (threshold === undefined || positive === undefined) return { part: {}, warnings: [] }
  const rule = parseThreshold(threshold)
  if ('value' in rule) return { part: { threshold: rule.value }, warnings: [] }
  const index = classes.indexOf(positive)
  const isPositive = Array.from(watched?.classes ?? [], (label) => label === index)
  const positives = isPositive.filter(Boolean).length
  const fewest = Math.min(positives, isPositive.length - positives)
  if (watched === undefined || fewest === 0) {
    throw new DataError({
      code: 'HADAMARD_NO_ROWS',
      where: 'threshold',
      expected: 'validation rows of both classes to tune it on',
      received: `${plural(positives, 'row')} of '${String(positive)}' among ${isPositive.length}`,
      cure: 'Give `threshold` as a number, or a larger share as `validation`',
    })
  }
  const all = classProbabilities(watched.outputs, watched.width, calibration?.temperature)
  const probabilities = all.filter((_, i) => i % 2 === index)
  const few = `The threshold is tuned on ${plural(fewest, 'validation row')} of one of the classes: consider a larger share for validation.`
  return {
    part: {
      threshold: tuneThreshold(probabilities, isPositive, rule.goal, watched.weights),
      tunedFor: rule.name,
    },
    warnings: fewest < FEW_ROWS ? [few] : [],
  }
}

// How much the probability of the right class lacks of 1.
function lacks({ outputs, width, classes }: Judged, temperature?: number): number[] {
  const probabilities = classProbabilities(outputs, width, temperature)
  const count = Math.max(2, width)
  return Array.from(classes, (index, row) => 1 - probabilities[row * count + index])
}

function conformalOf(scores: ArrayLike<number>, coverage: number): Conformal {
  const quantile = conformalQuantile(scores, coverage)
  if (Number.isFinite(quantile)) return { coverage, quantile, rows: scores.length }
  throw new DataError({
    code: 'HADAMARD_NO_ROWS',
    where: 'coverage',
    expected: `at least ${Math.ceil(coverage / (1 - coverage))} rows to set a coverage of ${coverage} by`,
    received: plural(scores.length, 'row'),
    cure: 'Use more rows, or a lower `coverage`',
  })
}

function* judge(
  network: Network,
  encoder: Encoder,
  table: Table,
  rows: Uint32Array,
  weight: string | undefined,
): Paced<Judged | undefined> {
  const target = encoder.encodeTarget(table, rows)
  if (target.task === 'regression') return undefined
  const known = target.rows.filter((_, i) => target.classes[i] >= 0)
  if (known.length === 0) return undefined
  yield
  const { x } = yield* encoder.encoding(table, known)
  return {
    outputs: yield* network.predicting(x),
    width: network.outputs,
    classes: target.classes.filter((index) => index >= 0),
    weights: rowWeights(table, weight, known),
  }
}
