/** Optimizers: their settings, and the nodes that update all parameters at once from all gradients. */

import { checkBoolean, checkInteger, checkNumber, checkOneOf, describeValue, type Limits } from '../check.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import type { Builder, Value } from './builder.ts'

interface OptimizerInfo {
  /** Default of each setting beside the learning rate. */
  readonly settings: Readonly<Record<string, number>>
  readonly learningRate: number
  /** Default factor of weight decay, 0 where none is named. */
  readonly weightDecay?: number
  /** Whether weight decay shrinks the weights themselves (AdamW) rather than adding to the gradient. */
  readonly isDecayDecoupled?: boolean
  /** What a state vector starts from where that is not 0. */
  readonly initialState?: (settings: Readonly<Record<string, number>>) => Readonly<Record<string, number>>
  /** Whether the optimizer takes all rows at once and is driven from outside the program; it then has no `emit`. */
  readonly isFullBatch?: boolean
  /** Adds what is done once per step, and gives what the update takes as its rate: doubles, of which the first scales it. */
  advance?(builder: Builder, rate: Value, settings: Readonly<Record<string, number>>): Value
  /** Adds the update; `state(name)` is a vector of the parameters' length that starts at 0. */
  emit?(
    builder: Builder,
    operands: { rate: Value; dw: Value; w: Value },
    settings: Readonly<Record<string, number>>,
    state: (name: string) => Value,
  ): void
}

const adam: OptimizerInfo = {
  settings: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  learningRate: 0.001,
  advance(builder, rate, { beta1, beta2 }) {
    const powers = builder.value('adam.powers', [2], { region: 'settings', type: 'f64' })
    const coefficients = builder.value('adam.coefficients', [2], { region: 'settings', type: 'f64' })
    builder.emit('adam_advance', { rate, powers }, { beta1, beta2 }, { coefficients })
    return coefficients
  },
  emit(builder, { rate: coefficients, dw, w }, { beta1, beta2, epsilon }, state) {
    const moments = { m: state('mean'), v: state('square') }
    builder.emit('adam', { coefficients, dw, ...moments, w }, { beta1, beta2, epsilon })
  },
}

const withMomentum = (op: string): OptimizerInfo => ({
  settings: { momentum: 0.9 },
  learningRate: 0.01,
  emit(builder, { rate, dw, w }, { momentum }, state) {
    builder.emit(op, { rate, dw, v: state('velocity'), w }, { mu: momentum })
  },
})

/** The optimizers by name, with their defaults. Formulas: docs/numerics.md. */
export const optimizerTable = {
  sgd: {
    settings: {},
    learningRate: 0.01,
    emit(builder, { rate, dw, w }) {
      builder.emit('sgd', { rate, dw, w })
    },
  },
  momentum: withMomentum('momentum'),
  nesterov: withMomentum('nesterov'),
  adam,
  adamw: { ...adam, weightDecay: 0.01, isDecayDecoupled: true },
  rmsprop: {
    settings: { rho: 0.9, epsilon: 1e-8, momentum: 0 },
    learningRate: 0.001,
    emit(builder, { rate, dw, w }, { rho, epsilon, momentum }, state) {
      const states = { v: state('square'), b: state('velocity') }
      builder.emit('rmsprop', { rate, dw, ...states, w }, { rho, epsilon, mu: momentum })
    },
  },
  adagrad: {
    settings: { epsilon: 1e-10, initialAccumulator: 0 },
    learningRate: 0.01,
    initialState: ({ initialAccumulator }) => ({ square: initialAccumulator }),
    emit(builder, { rate, dw, w }, { epsilon }, state) {
      builder.emit('adagrad', { rate, dw, v: state('square'), w }, { epsilon })
    },
  },
  adadelta: {
    settings: { rho: 0.9, epsilon: 1e-6 },
    learningRate: 1,
    emit(builder, { rate, dw, w }, { rho, epsilon }, state) {
      builder.emit('adadelta', { rate, dw, v: state('square'), a: state('moved'), w }, { rho, epsilon })
    },
  },
  // Source: Nocedal, Wright 2006, Numerical Optimization, chapter 7.2.
  lbfgs: {
    settings: { memory: 10, maxEvaluations: 25, tolerance: 1e-7 },
    learningRate: 1,
    isFullBatch: true,
  },
} satisfies Record<string, OptimizerInfo>

/**
 * Name of an optimizer.
 *
 * @useDeclaredType
 */
export type OptimizerName = keyof typeof optimizerTable

/** An optimizer as users may write it. */
export type Optimizer =
  | OptimizerName
  | {
      name: OptimizerName
      /** Default 0.001 for adam, adamw and rmsprop, 1 for adadelta, 0.01 for the others. */
      learningRate?: number
      /** λ: adds λ·w to the gradient, or for adamw takes rate·λ·w from the weight. Default 0.01 for adamw, else 0. */
      weightDecay?: number
      /** Whether weight decay acts on biases too, default true. */
      decayBiases?: boolean
      /** Largest Euclidean norm of all gradients together; longer ones are scaled down to it. Default none. */
      clipNorm?: number
      /** Largest absolute value of a gradient's element; before clipNorm. Default none. */
      clipValue?: number
      /**
       * Factors on the learning rate, at least 0, of kinds of parameters (`bias`, `factor`), layers (`dense1`) or single ones
       * (`dense1.bias`), the last going before the others; default 1 for all. 0 leaves parameters as they are.
       */
      rateFactors?: Readonly<Record<string, number>>
      /** Default 0.9 for momentum and nesterov, 0 for rmsprop; these only. */
      momentum?: number
      /** Default 0.9; adam and adamw only. */
      beta1?: number
      /** Default 0.999; adam and adamw only. */
      beta2?: number
      /** Default 0.9; rmsprop and adadelta only. */
      rho?: number
      /** Default 1e-8 for adam, adamw and rmsprop, 1e-10 for adagrad, 1e-6 for adadelta; these only. */
      epsilon?: number
      /** What adagrad's sum of squares starts from, default 0. */
      initialAccumulator?: number
      /** Steps that lbfgs remembers, an integer ≥ 1, default 10. */
      memory?: number
      /** Evaluations of one line search of lbfgs at most, an integer ≥ 1, default 25. */
      maxEvaluations?: number
      /** lbfgs ends when no element of the gradient is larger, default 1e-7. */
      tolerance?: number
    }

/** An optimizer with all settings filled in. */
export interface OptimizerSpec {
  readonly name: OptimizerName
  readonly learningRate: number
  readonly settings: Readonly<Record<string, number>>
  readonly weightDecay: number
  readonly decayBiases: boolean
  readonly clipNorm?: number
  readonly clipValue?: number
  readonly rateFactors?: Readonly<Record<string, number>>
}

const COMMON_SETTINGS = [
  'name',
  'learningRate',
  'weightDecay',
  'decayBiases',
  'clipNorm',
  'clipValue',
  'rateFactors',
]
const INTEGERS: readonly string[] = ['memory', 'maxEvaluations']
const LIMITS: Readonly<Record<string, Limits | undefined>> = {
  memory: { min: 1, max: 1000 },
  maxEvaluations: { min: 1 },
  tolerance: { min: 0 },
  epsilon: { above: 0 },
  initialAccumulator: { min: 0 },
}

/** What the compiler needs to know of an optimizer. */
export function optimizerInfo(name: OptimizerName): OptimizerInfo {
  return optimizerTable[name]
}

/**
 * Fills in and checks an optimizer.
 *
 * @throws SpecError if the name is unknown or a setting does not fit
 */
export function normalizeOptimizer(optimizer: Optimizer): OptimizerSpec {
  if (optimizer === null) rejectUnknownKeys('optimizer', optimizer, ['name', 'learningRate'])
  const given: { name: OptimizerName } & Record<string, unknown> =
    typeof optimizer === 'object' ? { ...optimizer } : { name: optimizer }
  checkOneOf('optimizer', given.name, Object.keys(optimizerTable))
  const info = optimizerInfo(given.name)
  const common = info.isFullBatch === true ? ['name'] : COMMON_SETTINGS
  rejectUnknownKeys(`optimizer ${given.name}`, given, [...common, ...Object.keys(info.settings)])
  const learningRate = given.learningRate ?? info.learningRate
  checkNumber('optimizer.learningRate', learningRate, { above: 0 })
  const { weightDecay = info.weightDecay ?? 0, decayBiases = true } = given
  checkNumber('optimizer.weightDecay', weightDecay, { min: 0 })
  checkBoolean('optimizer.decayBiases', decayBiases)
  const clips = Object.fromEntries(
    ['clipNorm', 'clipValue'].flatMap((name) => {
      const limit = given[name]
      if (limit === undefined) return []
      checkNumber(`optimizer.${name}`, limit, { above: 0 })
      return [[name, limit]]
    }),
  )
  const settings: Record<string, number> = {}
  for (const [name, value] of Object.entries(info.settings)) {
    const setting = given[name] ?? value
    const limits = LIMITS[name] ?? { min: 0, below: 1 }
    checkNumber(`optimizer.${name}`, setting, limits)
    if (INTEGERS.includes(name)) checkInteger(`optimizer.${name}`, setting, limits)
    settings[name] = setting
  }
  const factors = normalizeRateFactors(given.rateFactors)
  return { name: given.name, learningRate, settings, weightDecay, decayBiases, ...clips, ...factors }
}

function normalizeRateFactors(given: unknown): Pick<OptimizerSpec, 'rateFactors'> {
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new SpecError({
      where: 'optimizer.rateFactors',
      expected: 'factors by kind or name of parameters, such as { bias: 0.1 }',
      received: describeValue(given),
    })
  }
  const rateFactors = { ...given } as Record<string, number>
  for (const [name, factor] of Object.entries(rateFactors))
    checkNumber(`optimizer.rateFactors.${name}`, factor, { min: 0 })
  return { rateFactors }
}
