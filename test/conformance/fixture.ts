/** The fixture format in the library's words: the only place that knows both. It checks no number. */

import {
  activation,
  dense,
  dropout,
  type ActivationName,
  type LayerSpec,
  type NetworkOptions,
  type Optimizer,
} from '../../src/index.ts'

/** Numbers in nested arrays; those that JSON cannot write are texts. */
export type Nested = number | 'NaN' | 'Infinity' | '-Infinity' | readonly Nested[]

/** Arrays by position and name, such as `0.W`. */
export type NestedByKey = Readonly<Record<string, Nested>>

interface LayerJson {
  readonly type: string
  readonly name?: string
  readonly out: number
  readonly bias?: boolean
  readonly rate: number
  readonly mask?: Nested
  readonly features?: number
  readonly eps?: number
  readonly momentum?: number
  readonly [setting: string]: unknown
}

/** One fixture file; see the format's README for the fields. */
export interface Fixture {
  readonly needs: readonly string[]
  readonly layers: readonly LayerJson[]
  readonly loss: { readonly name: string } & Readonly<Record<string, unknown>>
  readonly penalty?: { readonly l1?: number; readonly l2?: number } | null
  readonly optimizer: {
    readonly name: string
    readonly momentum?: number
    readonly nesterov?: boolean
  } & Readonly<Record<string, unknown>>
  readonly batches: readonly (readonly number[])[] | null
  readonly x: readonly Nested[]
  readonly y: readonly Nested[]
  readonly params: NestedByKey
  readonly state?: NestedByKey | null
  /** `after_N` and `eval_output_after_N` for any number of steps, beside the keys named here. */
  readonly expected: {
    readonly layer_outputs?: readonly Nested[]
    readonly gradients?: NestedByKey
    readonly objectives?: readonly Nested[]
    readonly [key: string]: unknown
  }
  readonly float32_gap?: Readonly<Record<string, number>>
}

// A new layer, loss, setting or parameter of the format is a line in one of these tables. What they do not have goes to
// the library as it is, whose own message then says what it does not know.
const LAYERS: Readonly<Record<string, (layer: LayerJson, name: string) => object>> = {
  dense: ({ out, bias }, name) => dense(out, 'linear', { name, bias: bias ?? true }),
  activation: ({ name: given, approximate, ...json }, name) => ({
    ...activation({
      name: (given === 'gelu' && approximate === 'tanh' ? 'gelu_tanh' : given) as ActivationName,
      ...settingsOf(json, ['type']),
    }),
    name,
  }),
  dropout: ({ rate }, name) => dropout(rate, { name }),
  batchnorm: ({ eps, momentum }, name) => ({ type: 'batchNorm', name, epsilon: eps, momentum }),
}

const LOSSES: Readonly<Record<string, string | undefined>> = {
  squared_error: 'squaredError',
  absolute_error: 'absoluteError',
  log_likelihood: 'logLikelihood',
  binary_cross_entropy: 'binaryCrossEntropy',
  binary_cross_entropy_with_logits: 'binaryCrossEntropyFromLogits',
  categorical_cross_entropy: 'categoricalCrossEntropy',
  categorical_cross_entropy_with_logits: 'categoricalCrossEntropyFromLogits',
}

// Its rule is gradient descent on the loss of that name.
const OPTIMIZERS: Readonly<Record<string, string | undefined>> = { perceptron: 'sgd' }

const SETTINGS: Readonly<Record<string, string | undefined>> = {
  lr: 'learningRate',
  eps: 'epsilon',
  weight_decay: 'weightDecay',
  label_smoothing: 'labelSmoothing',
  initial_accumulator: 'initialAccumulator',
  lr_decay: 'learningRateDecay',
}

const PARAMETERS: Readonly<Record<string, string | undefined>> = {
  W: 'weight',
  b: 'bias',
  running_mean: 'runningMean',
  running_var: 'runningVariance',
}

/** Settings that at 0 are left away, so that what does not use them does not need them. */
const NEUTRAL_AT_ZERO: readonly string[] = ['momentum', 'weight_decay', 'initial_accumulator', 'lr_decay']

/** Optimizers whose rounding noise grows: the format allows more after ten steps. */
const ADAPTIVE: readonly string[] = ['adam', 'adamw', 'rmsprop', 'adagrad', 'adadelta']

/**
 * Reads a fixture.
 *
 * @throws Error saying which part is missing or of another kind
 */
export function parseFixture(text: string): Fixture {
  const json = JSON.parse(text) as Partial<Record<keyof Fixture, unknown>> | null
  const parts: [keyof Fixture, (part: unknown) => boolean, string][] = [
    ['layers', (part) => Array.isArray(part) && part.length > 0 && part.every(isObject), 'a list of layers'],
    ['loss', isObject, 'an object'],
    ['optimizer', isObject, 'an object'],
    ['x', (part) => Array.isArray(part) && part.length > 0, 'rows'],
    ['y', (part) => Array.isArray(part) && part.length > 0, 'rows'],
    ['params', isObject, 'an object'],
    ['expected', isObject, 'an object'],
  ]
  for (const [name, isGood, expected] of parts) {
    if (!isGood(json?.[name])) throw new Error(`${name}: expected ${expected}`)
  }
  const needs = json?.needs ?? []
  if (!Array.isArray(needs)) throw new Error('needs: expected a list')
  return { ...(json as Fixture), needs: needs.map(String) }
}

/** The network of a fixture; layer i is called `layer<i>`. */
export function networkOf({ layers, loss, penalty, x }: Fixture): NetworkOptions {
  const { l1 = 0, l2 = 0 } = penalty ?? {}
  return {
    inputs: numbersOf(x[0], 'x').length,
    layers: layers.map((layer, i) => {
      const translate = Object.hasOwn(LAYERS, layer.type) ? LAYERS[layer.type] : () => layer
      return translate(layer, `layer${i}`) as LayerSpec
    }),
    loss: { ...settingsOf(loss), name: LOSSES[loss.name] ?? loss.name } as NetworkOptions['loss'],
    l2,
    ...(l1 === 0 ? {} : { l1 }),
  }
}

/** The optimizer of a fixture. */
export function optimizerOf({ optimizer }: Fixture): Optimizer {
  const { name, nesterov = false, weight_decay_on: decayed = 'all', ...json } = optimizer
  const settings = settingsOf(json)
  const hasMomentum = name === 'sgd' && 'momentum' in settings
  return {
    name: hasMomentum ? (nesterov ? 'nesterov' : 'momentum') : (OPTIMIZERS[name] ?? name),
    ...settings,
    ...('weightDecay' in settings ? { decayBiases: decayed === 'all' } : {}),
  } as Optimizer
}

/** Whether the optimizer is one of those that the format allows more after ten steps. */
export function isAdaptive({ optimizer }: Fixture): boolean {
  return ADAPTIVE.includes(optimizer.name)
}

/** Whether the network's raw outputs are logits, which `predict` turns into probabilities. */
export function hasLogits({ loss }: Fixture): boolean {
  return loss.name.endsWith('_with_logits')
}

/** `0.W` → `layer0.weight`. */
export function libraryName(key: string): string {
  const [layer, name] = key.split('.')
  return `layer${layer}.${PARAMETERS[name] ?? name}`
}

/** Whether a key names a running statistic rather than a parameter. */
export function isState(key: string): boolean {
  return key.includes('.running_')
}

/** Arrays under the library's names. */
export function arraysOf(arrays: NestedByKey): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(arrays).map(([key, values]) => [libraryName(key), numbersOf(values, key)]),
  )
}

/** Dropout masks by layer name. */
export function masksOf({ layers }: Fixture): Record<string, number[]> {
  return Object.fromEntries(
    layers.flatMap(({ type, mask }, i) =>
      type === 'dropout' && mask !== undefined ? [[`layer${i}`, numbersOf(mask, `layers[${i}].mask`)]] : [],
    ),
  )
}

/** Nested arrays as one; texts such as "NaN" as the numbers they stand for. */
export function numbersOf(values: unknown, where: string): number[] {
  if (Array.isArray(values)) return values.flatMap((value) => numbersOf(value, where))
  if (typeof values === 'number') return [values]
  if (values === 'NaN' || values === 'Infinity' || values === '-Infinity') return [Number(values)]
  throw new Error(`${where}: expected a number; received ${JSON.stringify(values)}`)
}

// Settings under the library's names, without those at a value that changes nothing.
function settingsOf(
  json: Readonly<Record<string, unknown>>,
  left: readonly string[] = ['name'],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(json)
      .filter(([key, value]) => !left.includes(key) && !(value === 0 && NEUTRAL_AT_ZERO.includes(key)))
      .map(([key, value]) => [SETTINGS[key] ?? key, value]),
  )
}

function isObject(part: unknown): boolean {
  return typeof part === 'object' && part !== null && !Array.isArray(part)
}
