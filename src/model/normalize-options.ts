/** The options of `train` checked, with defaults for what is not given. */

import { checkBoolean, checkInteger, checkNumber, checkOneOf, describeValue } from '../check.ts'
import { normalizeOptimizer } from '../compiler/optimizers.ts'
import { scalings } from '../data/input.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { differentiableActivations } from '../layers/activation.ts'
import { normalizeRecover, rejectBatches } from '../training/options.ts'
import type { Origin } from './going-on.ts'
import { memoryBytes } from './memory.ts'
import { parseThreshold } from './threshold.ts'
import {
  trainLosses,
  metricNames,
  type TrainOptions,
  type TrainSettings,
  trainDefaults,
  realmlpDefaults,
  presets,
  plainOptions,
  trainOptionNames,
  columnTypes,
  timeColumn,
} from './options.ts'

/**
 * Checks the options of `train` and fills in defaults.
 *
 * @throws SpecError at the first option that is unknown, misspelled or out of range
 */
export function normalizeTrainOptions(options: TrainOptions, origin?: Origin): TrainSettings {
  if (typeof options !== 'object' || options === null) {
    throw new SpecError({
      where: 'train',
      expected: "options, at least { target: 'column' }",
      received: describeValue(options),
    })
  }
  rejectUnknownKeys('train', options, trainOptionNames)
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as TrainOptions
  const preset =
    given.preset ?? (plainOptions.some((name) => given[name] !== undefined) ? 'plain' : 'realmlp')
  checkOneOf('preset', preset, presets)
  const defaults = preset === 'plain' ? trainDefaults : realmlpDefaults
  const { target, ...others } = given
  const settings: TrainSettings = {
    ...defaults,
    ignore: [],
    ...others,
    preset,
    targets: targetNames(target),
  }
  checkNames(settings)
  checkNumbers(settings)
  checkHidden(settings.hidden)
  checkSplit(given, settings.targets)
  checkDecision(settings)
  checkGoingOn(settings, origin)
  normalizeRecover('recover', settings.recover)
  checkOutOfCore(settings)
  checkCallbacks(settings)
  return { ...settings, origin }
}

/**
 * Names of targets as a list.
 *
 * @throws SpecError for what are no names, and for a name twice
 */
export function targetNames(target: unknown): readonly string[] {
  const names: readonly unknown[] = Array.isArray(target) ? target : [target]
  if (names.length === 0 || !names.every((name): name is string => typeof name === 'string' && name !== '')) {
    throw new SpecError({
      where: 'target',
      expected: 'the name of the column to predict, or names of several',
      received: describeValue(target),
    })
  }
  const repeated = names.find((name, i) => names.indexOf(name) !== i)
  if (repeated === undefined) return names
  throw new SpecError({ where: 'target', expected: 'different columns', received: `'${repeated}' twice` })
}

function checkNames(options: TrainSettings): void {
  const { ignore, activation, optimizer, loss, metric, task, targets, types = {}, scale } = options
  checkOneOf('scale', scale, scalings)
  if (typeof types !== 'object' || types === null) {
    throw new SpecError({
      where: 'types',
      expected: 'an object of types by column',
      received: describeValue(types),
    })
  }
  for (const [name, type] of Object.entries(types)) checkOneOf(`types.${name}`, type, columnTypes)
  for (const target of targets) {
    if (!Object.hasOwn(types, target) || ['numeric', 'categorical'].includes(types[target] ?? '')) continue
    throw new SpecError({
      where: `types.${target}`,
      expected: 'numeric or categorical for the target',
      received: describeValue(types[target]),
    })
  }
  if (!Array.isArray(ignore) || ignore.some((name) => typeof name !== 'string')) {
    throw new SpecError({
      where: 'ignore',
      expected: 'an array of column names',
      received: describeValue(ignore),
    })
  }
  const ignored = targets.find((target) => ignore.includes(target))
  if (ignored !== undefined) {
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: 'ignore',
      expected: 'columns other than the target',
      received: describeValue(ignored),
    })
  }
  if (activation !== undefined) checkOneOf('activation', activation, differentiableActivations)
  normalizeOptimizer(optimizer ?? 'adam')
  if (loss !== undefined) checkOneOf('loss', loss, Object.values(trainLosses).flat())
  if (metric !== undefined) checkOneOf('metric', metric, metricNames)
  if (task !== undefined) checkOneOf('task', task, ['classification', 'regression'])
  if (options.onError !== undefined) checkOneOf('onError', options.onError, ['fail', 'skip', 'report'])
}

function checkNumbers(settings: TrainSettings): void {
  const { dropout, learningRate, batchSize, epochs, patience, validation, test, l2, seed, threads } = settings
  checkNumber('dropout', dropout, { min: 0, below: 1 })
  rejectBatches(settings.optimizer, settings, ['learningRate', 'batchSize', 'recover'])
  if (learningRate !== undefined) checkNumber('learningRate', learningRate, { above: 0 })
  if (batchSize !== undefined) checkInteger('batchSize', batchSize, { min: 1, max: 2 ** 24 })
  if (epochs !== undefined) checkInteger('epochs', epochs, { min: 1 })
  if (settings.maxTime !== undefined) checkNumber('maxTime', settings.maxTime, { above: 0 })
  if (patience !== Infinity) checkInteger('patience', patience, { min: 1 })
  checkNumber('validation', validation, { min: 0, below: 1 })
  checkNumber('test', test, { min: 0, below: 1 })
  checkNumber('l2', l2, { min: 0 })
  checkInteger('seed', seed, { min: 0 })
  if (threads !== undefined) checkInteger('threads', threads, { min: 1, max: 1024 })
}

function checkDecision(settings: TrainSettings): void {
  const { classWeight, weight, positive, threshold, calibrate, coverage, targets, validation } = settings
  checkClassWeight(classWeight)
  if (weight !== undefined) checkColumnName('weight', weight, targets)
  if (positive !== undefined && !['string', 'number', 'boolean'].includes(typeof positive)) {
    throw new SpecError({
      where: 'positive',
      expected: 'a class of the target',
      received: describeValue(positive),
    })
  }
  checkBoolean('calibrate', calibrate)
  if (coverage !== undefined) checkNumber('coverage', coverage, { above: 0, below: 1 })
  if (threshold === undefined || 'value' in parseThreshold(threshold) || validation !== 0) return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: 'threshold',
    expected: 'a number, as there are no validation rows to tune it on',
    received: describeValue(threshold),
    cure: 'Set `validation` above 0',
  })
}

function checkClassWeight(classWeight: unknown): void {
  if (classWeight === undefined || classWeight === 'balanced') return
  if (typeof classWeight !== 'object' || classWeight === null || Array.isArray(classWeight)) {
    throw new SpecError({
      where: 'classWeight',
      expected: "'balanced', or weights by class such as { yes: 5, no: 1 }",
      received: describeValue(classWeight),
    })
  }
  for (const [label, weight] of Object.entries(classWeight))
    checkNumber(`classWeight: ${label}`, weight, { min: 0 })
}

function checkColumnName(where: string, name: unknown, targets: readonly string[]): void {
  if (typeof name === 'string' && name !== '' && !targets.includes(name)) return
  throw new SpecError({
    where,
    expected: 'the name of a column other than the target',
    received: describeValue(name),
  })
}

function checkHidden(hidden: unknown): void {
  if (!Array.isArray(hidden)) {
    throw new SpecError({
      where: 'hidden',
      expected: 'an array of units, such as [64, 32]',
      received: describeValue(hidden),
    })
  }
  hidden.forEach((units, i) => checkInteger(`hidden[${i}]`, units, { min: 1, max: 2 ** 24 }))
}

function checkSplit(given: Partial<TrainOptions>, targets: readonly string[]): void {
  const { split, test, stratify, group, splitBy } = given

  if (stratify !== undefined) checkBoolean('stratify', stratify)
  if (group !== undefined) checkColumnName('group', group, targets)
  if (splitBy !== undefined) {
    if (typeof splitBy !== 'string' || !/^time:./.test(splitBy)) {
      throw new SpecError({
        where: 'splitBy',
        expected: 'time:COLUMN with the column of the times',
        received: describeValue(splitBy),
      })
    }
    checkColumnName('splitBy', timeColumn(splitBy), targets)
  }
  const rules = Object.entries({ group, splitBy, stratify: stratify === true ? stratify : undefined })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name)
  if (rules.length > 1) {
    const expected = 'one rule to part the rows by'
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: rules[0],
      expected,
      received: rules.map((name) => `\`${name}\``).join(' and '),
    })
  }
  if (split === undefined) return
  if (test !== undefined) {
    throw new SpecError({
      code: 'HADAMARD_OPTION_CONFLICT',
      where: 'split',
      expected: 'either `split` or `test`',
      received: 'both',
    })
  }
  const isRows = typeof split === 'object' && split !== null && 'train' in split && 'test' in split
  if (typeof split === 'string' || isRows) return
  const expected = 'the path of a split file, or { train, test } with row numbers'
  throw new SpecError({ where: 'split', expected, received: describeValue(split) })
}

function checkGoingOn({ refitEncoder, keepOptimizer, from }: TrainSettings, origin?: Origin): void {
  if (keepOptimizer !== undefined) checkBoolean('keepOptimizer', keepOptimizer)
  if (refitEncoder !== undefined) checkBoolean('refitEncoder', refitEncoder)
  if (refitEncoder === true && origin === undefined) {
    const expected = 'a model to go on from beside it'
    throw new SpecError({ where: 'refitEncoder', expected, received: 'none', cure: 'Set `from`' })
  }
  if (from === undefined || origin !== undefined) return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: 'from',
    expected: 'nothing here, where every model begins anew',
    received: describeValue(from),
  })
}

function checkOutOfCore({ memory, outOfCore, cache, shuffleWindow, from }: TrainSettings): void {
  if (memory !== undefined) memoryBytes(memory)
  if (outOfCore !== undefined) checkBoolean('outOfCore', outOfCore)
  if (shuffleWindow !== undefined) checkInteger('shuffleWindow', shuffleWindow, { min: 1, max: 2 ** 30 })
  if (cache !== undefined && cache !== false && (typeof cache !== 'string' || cache === ''))
    throw new SpecError({ where: 'cache', expected: 'a folder, or false', received: describeValue(cache) })
  const isAsked = outOfCore === true ? outOfCore : undefined
  const given = Object.entries({ outOfCore: isAsked, cache, shuffleWindow, memory })
  const asked = given.filter(([, value]) => value !== undefined).map(([name]) => name)
  const code = 'HADAMARD_OPTION_CONFLICT'
  if (from !== undefined && asked.length > 0) {
    const [where] = asked
    const expected = 'a new model: training that goes on has all rows in memory'
    throw new SpecError({
      code,
      where,
      expected,
      received: '`from` beside it',
      cure: `Leave out \`from\` or \`${where}\``,
    })
  }
  const [where] = asked.filter((name) => name !== 'memory')
  if (outOfCore === false && where !== undefined)
    throw new SpecError({ code, where, expected: 'training out of core', received: 'outOfCore: false' })
}

function checkCallbacks(settings: TrainSettings): void {
  for (const name of ['onStart', 'onEpoch', 'onProgress', 'onReject', 'onRead', 'onCache'] as const) {
    const given: unknown = settings[name]
    if (given === undefined || typeof given === 'function') continue
    throw new SpecError({ where: name, expected: 'a function', received: describeValue(given) })
  }
  if (settings.signal === undefined || settings.signal instanceof AbortSignal) return
  throw new SpecError({
    where: 'signal',
    expected: 'an AbortSignal',
    received: describeValue(settings.signal),
  })
}
