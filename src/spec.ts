/** The network as plain data: defaults filled in, names given, everything checked. */

import { checkInteger, checkNumber, checkOneOf, describeValue } from './check.ts'
import { InternalError, rejectUnknownKeys, SpecError } from './errors.ts'
import type { ParameterSpec, StateSpec } from './layers/layer.ts'
import { activationName, hasGradient, isCustom } from './layers/activation.ts'
import { layerTypeOf, type LayerSpec } from './layers/index.ts'
import { lossInfo, lossTable, normalizeLoss, type Loss, type LossSpec } from './layers/loss.ts'
import { defaultLoss } from './layers/pairing.ts'
import { DTYPES, type Dtype } from './ops/arithmetic.ts'
import type { Reduction } from './ops/losses.ts'
import { activationOf, normalizeOutputs, type Output, type OutputSpec } from './outputs.ts'
import { ALL_INPUTS, layOutLayers, wire, type NamedLayer, type WiredLayer } from './wiring.ts'

/** What `new Network` takes. */
export interface NetworkOptions<D extends Dtype = Dtype> {
  /**
   * Features per row, an integer ≥ 1; or several inputs, `{ image: 64, age: 1 }`, whose columns stand side by side in x in
   * this order. Layers take one in by its name (`from`), or all as `input`.
   */
  inputs: number | Readonly<Record<string, number>>
  /**
   * Layers, each behind the one before unless its `from` names another; the last gives the output. At least one has
   * parameters.
   */
  layers: readonly LayerSpec[]
  /**
   * What training minimises, or, for logLikelihood, maximises. Default by the last activation: linear squaredError,
   * logistic binaryCrossEntropy, softmax categoricalCrossEntropy; behind any other it has to be named. A regression loss
   * on a logistic or softmax output is warned of once (code `HADAMARD_LOSS_PAIRING`, for `node --disable-warning`).
   */
  loss?: Loss
  /**
   * Several outputs in the place of `loss`. Their columns stand side by side in y, in predictions and in this order; training
   * lowers the sum of their losses, each times its weight.
   */
  outputs?: readonly Output[]
  /** λ of the penalty λ/2·ΣW² on weight matrices, default 0. */
  l2?: number
  /** λ of the penalty λ·Σ|W| on weight matrices, default 0. */
  l1?: number
  /** Seed of weights, shuffles and dropout: an integer from 0 to 2⁵³ − 1, default 0. */
  seed?: number
  /** Element type, default float32. */
  dtype?: D
  /** Columns of several inputs where `inputs` is their sum, as in a network's spec. */
  inputColumns?: Readonly<Record<string, number>>
}

/** A network as plain data; survives JSON, but for custom activations. */
export interface NetworkSpec {
  readonly inputs: number
  readonly inputColumns?: Readonly<Record<string, number>>
  /** Branches of merging layers stand before them. */
  readonly layers: readonly NamedLayer[]
  /** Left out where there are several outputs. */
  readonly loss?: LossSpec
  readonly outputs?: readonly OutputSpec[]
  readonly l2: number
  readonly l1: number
  readonly seed: number
  readonly dtype: Dtype
}

/** A parameter with the name that it has in the network, `dense1.weight`. */
export interface NamedParameter extends ParameterSpec {
  readonly layer: string
}

/** An array of state with the name that it has in the network, `batchNorm1.runningMean`. */
export interface NamedState extends StateSpec {
  readonly layer: string
}

const FEATURES = { min: 1, max: 2 ** 24 } as const
const SPEC_OPTIONS = ['inputs', 'inputColumns', 'layers', 'loss', 'outputs', 'l2', 'l1', 'seed', 'dtype']
// Taken by the same object; what they may be is checked where the backend is chosen.
const BACKEND_OPTIONS = ['backend', 'isa', 'exact', 'verify']

/**
 * Checks options and fills in defaults.
 *
 * @throws SpecError at the first thing that cannot be
 */
export function normalizeSpec(options: NetworkOptions): NetworkSpec {
  rejectUnknownKeys('Network', options, [...SPEC_OPTIONS, ...BACKEND_OPTIONS])
  const { layers, l2 = 0, l1 = 0, seed = 0, dtype = 'float32' } = options
  const inputs = normalizeInputs(options)
  checkNumber('l2', l2, { min: 0 })
  checkNumber('l1', l1, { min: 0 })
  checkInteger('seed', seed, { min: 0 })
  checkOneOf('dtype', dtype, DTYPES)
  if (!Array.isArray(layers) || layers.length === 0) {
    throw new SpecError({
      code: 'HADAMARD_LAYER',
      where: 'layers',
      expected: 'an array of at least one layer',
      received: describeValue(layers),
    })
  }
  const named = layOutLayers(layers, Object.keys(inputs.inputColumns ?? {}))
  const spec: NetworkSpec = {
    ...inputs,
    layers: named,
    ...normalizeGoal(options, named),
    l2,
    l1,
    seed,
    dtype,
  }
  if (parametersOf(spec).length === 0) {
    throw new SpecError({
      code: 'HADAMARD_LAYER',
      where: 'layers',
      expected: 'a layer with weights, such as dense(1)',
      received: 'none',
    })
  }
  for (const head of headsOf(spec)) checkOutput(head, spec)
  checkDifferentiable(spec)
  return spec
}

// What follows from a spec, computed once: a spec never changes.
function remembered<T>(compute: (spec: NetworkSpec) => T): (spec: NetworkSpec) => T {
  const known = new WeakMap<NetworkSpec, { readonly value: T }>()
  return (spec) => {
    const found = known.get(spec) ?? { value: compute(spec) }
    known.set(spec, found)
    return found.value
  }
}

/** Parameters of a network in the order of its layers. */
export const parametersOf = remembered((spec): readonly NamedParameter[] =>
  arraysOf(spec, (layer, features) => layerTypeOf(layer).parameters(layer, features)),
)

/** State of a network in the order of its layers: running statistics, under names such as `batchNorm1.runningMean`. */
export function stateOf(spec: NetworkSpec): NamedState[] {
  return arraysOf(spec, (layer, features) => layerTypeOf(layer).state?.(layer, features) ?? [])
}

// Arrays of all layers that own any and are used, in the order of the list, named after the layers.
function arraysOf<A extends { readonly name: string }>(
  spec: NetworkSpec,
  arrays: (layer: LayerSpec, features: number) => readonly A[],
): (A & { readonly layer: string })[] {
  const wired = wireNetwork(spec)
  const owners = new Set(wired.flatMap(({ isUsed, owner }) => (isUsed ? [owner] : [])))
  const inputs = new Map(wired.map((each) => [each.layer.name, each.inputs[0]]))
  return spec.layers
    .filter(({ name }) => owners.has(name))
    .flatMap((layer) =>
      arrays(layer, inputs.get(layer.name) ?? 0).map((array) => ({
        ...array,
        name: `${layer.name}.${array.name}`,
        layer: layer.name,
      })),
    )
}

/** The layers of a network in the order in which they run. */
export const wireNetwork = remembered((spec): readonly WiredLayer[] =>
  wire(
    spec,
    goalsOf(spec).map(({ layer }) => layer),
  ),
)

/** Whether each layer takes in the one before it alone, and the last gives the only output. */
export function isChain({ inputColumns, outputs, layers }: NetworkSpec): boolean {
  const isPlain = inputColumns === undefined && outputs === undefined
  return isPlain && !layers.some((layer) => 'from' in layer || 'shareWith' in layer)
}

/** The layers that an output depends on, in the order in which they run. */
export function usedLayers(spec: NetworkSpec): WiredLayer[] {
  return wireNetwork(spec).filter(({ isUsed }) => isUsed)
}

/** An output of a network with its loss and its columns in y. */
export interface Head extends OutputSpec {
  readonly first: number
  readonly columns: number
  /** The activation that gives it. */
  readonly activation: string
  /** What its loss is, behind that activation. */
  readonly info: ReturnType<typeof lossInfo>
}

/** The outputs of a network, most often one. */
export const headsOf = remembered((spec): readonly Head[] => {
  const wired = wireNetwork(spec)
  let first = 0
  return goalsOf(spec).map((goal) => {
    const found = wired.find(({ layer }) => layer.name === goal.layer)
    if (found === undefined) throw new InternalError(`no layer is called ${goal.layer}`)
    const activation = activationOf(found.layer)
    const columns = found.outputs
    first += columns
    return {
      ...goal,
      first: first - columns,
      columns,
      activation,
      info: lossInfo(goal.loss.name, activation),
    }
  })
})

/** What a network's loss is, behind its last activation; of several outputs the first one's. */
export function lossOf(spec: NetworkSpec): ReturnType<typeof lossInfo> {
  return headsOf(spec)[0].info
}

/** How the losses of rows become one number: that of several outputs is a sum over the rows or a mean. */
export function reductionOf({ loss, outputs }: NetworkSpec): Reduction {
  if (outputs === undefined) return loss?.reduction ?? 'mean_samples'
  return outputs.some((output) => output.loss.reduction === 'sum') ? 'sum' : 'mean_samples'
}

/** Whether rows are right or wrong: one class each, or one probability. Several independent ones are neither. */
export function isDecided({ info, columns }: Head): boolean {
  return info.task === 'classes' || (info.task === 'binary' && columns === 1)
}

/** Whether a network has one output, and its rows are right or wrong. */
export function hasAccuracy(spec: NetworkSpec): boolean {
  return spec.outputs === undefined && headsOf(spec).every(isDecided)
}

/** Outputs of the network per row. */
export function outputsOf(spec: NetworkSpec): number {
  return headsOf(spec).reduce((sum, { columns }) => sum + columns, 0)
}

/** The loss of a network in words. */
export function describeLoss(spec: NetworkSpec): string {
  if (spec.outputs === undefined) return goalsOf(spec)[0].loss.name
  return spec.outputs
    .map(({ layer, loss, weight }) => `${weight === 1 ? '' : `${weight}·`}${loss.name} of ${layer}`)
    .join(' + ')
}

// The outputs without what follows from the layers.
function goalsOf({ layers, loss, outputs }: NetworkSpec): readonly OutputSpec[] {
  if (outputs !== undefined) return outputs
  if (loss === undefined) throw new InternalError('a spec has a loss or outputs')
  return [{ layer: layers[layers.length - 1].name, loss, weight: 1 }]
}

/** The name of the first activation that is a function rather than data, if there is one. */
export function customActivationOf({ layers }: NetworkSpec): string | undefined {
  return layers
    .flatMap((layer) => ('activation' in layer && isCustom(layer) ? activationName(layer) : []))
    .at(0)
}

// One loss, or several outputs.
function normalizeGoal(
  { loss, outputs }: NetworkOptions,
  layers: readonly NamedLayer[],
): Pick<NetworkSpec, 'loss' | 'outputs'> {
  if (outputs === undefined) {
    const last = layers[layers.length - 1]
    return { loss: normalizeLoss(loss === undefined ? defaultLoss(activationOf(last)) : loss) }
  }
  if (loss === undefined) return { outputs: normalizeOutputs(outputs, layers) }
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: 'loss',
    expected: 'no loss beside outputs, which have one each',
    received: describeValue(loss),
  })
}

// One input, or several with their columns.
function normalizeInputs({
  inputs,
  inputColumns,
}: NetworkOptions): Pick<NetworkSpec, 'inputs' | 'inputColumns'> {
  const columns = typeof inputs === 'object' ? inputs : inputColumns
  if (columns === undefined) {
    checkInteger('inputs', inputs, FEATURES)
    return { inputs }
  }
  const where = typeof inputs === 'object' ? 'inputs' : 'inputColumns'
  let total = 0
  for (const [name, size] of Object.entries(columns)) {
    // Names that look like numbers would not keep their order.
    if (!/^[A-Za-z_][\w-]*$/.test(name) || name === ALL_INPUTS) {
      throw new SpecError({
        code: 'HADAMARD_WIRING',
        where,
        expected: `names of letters, digits, _ and - that begin with a letter, other than ${ALL_INPUTS}`,
        received: `'${name}'`,
      })
    }
    checkInteger(`${where}.${name}`, size, FEATURES)
    total += size
  }
  checkInteger(where === 'inputs' ? 'columns of all inputs' : 'inputs', where === 'inputs' ? total : inputs, {
    ...FEATURES,
    ...(where === 'inputs' ? {} : { min: total, max: total }),
  })
  return { inputs: total, inputColumns: columns }
}

// The loss may need a certain last activation, and softmax is of no use with one output.
function checkOutput({ layer, loss, columns, activation, info }: Head, spec: NetworkSpec): void {
  const { needs, task, squash, otherwise } = info
  const [of, last] = spec.outputs === undefined ? ['', 'last layer'] : [` of ${layer}`, 'layer']
  const where = `loss ${loss.name}${of}`
  const fromLogits = `${loss.name}FromLogits`
  if (spec.layers.find(({ name }) => name === layer)?.type === 'dropout') {
    throw new SpecError({
      code: 'HADAMARD_LOSS',
      where: 'layers',
      expected: `a ${last} that gives the output`,
      received: 'dropout',
    })
  }
  if (needs !== undefined && activation !== needs) {
    throw new SpecError({
      code: 'HADAMARD_LOSS',
      where,
      expected: `a ${last} with the activation ${otherwise === undefined ? needs : `${needs} or ${otherwise.needs}`}`,
      received: activation,
      cure:
        `Use activation '${needs}'` +
        (fromLogits in lossTable ? `, or ${fromLogits} with a linear ${last}` : ''),
    })
  }
  if (squash !== undefined && activation !== 'linear') {
    throw new SpecError({
      code: 'HADAMARD_LOSS',
      where,
      expected: `a linear ${last}, whose outputs are the logits`,
      received: activation,
      cure: `Leave the activation out, or use ${loss.name.replace('FromLogits', '')} with activation '${squash}'`,
    })
  }
  if (task === 'classes' && columns < 2) {
    throw new SpecError({
      code: 'HADAMARD_LOSS',
      where,
      expected: 'at least 2 outputs, one per class',
      received: String(columns),
    })
  }
}

// Only the loss that is made for a step can train a network that has one, and only as its end.
function checkDifferentiable(spec: NetworkSpec): void {
  const read = new Set(usedLayers(spec).flatMap(({ from }) => from))
  spec.layers.forEach((layer, i) => {
    if (!('activation' in layer) || hasGradient(layer.activation)) return
    const head = read.has(layer.name) ? undefined : headsOf(spec).find((each) => each.layer === layer.name)
    if (head?.info.needs === layer.activation) return
    throw new SpecError({
      code: 'HADAMARD_ACTIVATION',
      where: `layers[${i}] (${layer.name})`,
      expected: 'an activation with a gradient',
      received: `'${activationName(layer)}'${head === undefined ? ' before the last layer' : ` with the loss ${head.loss.name}`}`,
      cure:
        (head === undefined ? 'Use' : `Train it by the perceptron rule with the loss 'perceptron', or use`) +
        ` 'logistic' or 'tanh', whose gradients training can follow`,
    })
  })
}
