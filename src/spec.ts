/** The network as plain data: defaults filled in, names given, everything checked. */

import { checkInteger, checkNumber, checkOneOf, describeValue } from './check.ts'
import { rejectUnknownKeys, SpecError } from './errors.ts'
import type { ParameterSpec, StateSpec } from './layers/layer.ts'
import { activationName, hasGradient, isCustom } from './layers/activation.ts'
import { layerTypeOf, type LayerSpec } from './layers/index.ts'
import { lossInfo, lossTable, normalizeLoss, type Loss, type LossSpec } from './layers/loss.ts'
import { defaultLoss } from './layers/pairing.ts'
import { DTYPES, type Dtype } from './ops/arithmetic.ts'
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
  readonly loss: LossSpec
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
const SPEC_OPTIONS = ['inputs', 'inputColumns', 'layers', 'loss', 'l2', 'l1', 'seed', 'dtype']
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
      where: 'layers',
      expected: 'an array of at least one layer',
      received: describeValue(layers),
    })
  }
  const named = layOutLayers(layers, Object.keys(inputs.inputColumns ?? {}))
  const spec: NetworkSpec = {
    ...inputs,
    layers: named,
    loss: normalizeLoss(options.loss === undefined ? defaultLoss(lastActivation(named)) : options.loss),
    l2,
    l1,
    seed,
    dtype,
  }
  if (parametersOf(spec).length === 0) {
    throw new SpecError({
      where: 'layers',
      expected: 'a layer with weights, such as dense(1)',
      received: 'none',
    })
  }
  checkOutput(spec)
  checkDifferentiable(spec)
  return spec
}

/** Parameters of a network in the order of its layers. */
export function parametersOf(spec: NetworkSpec): NamedParameter[] {
  return arraysOf(spec, (layer, features) => layerTypeOf(layer).parameters(layer, features))
}

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
export function wireNetwork(spec: NetworkSpec): WiredLayer[] {
  return wire(spec, [spec.layers[spec.layers.length - 1].name])
}

/** The layers that the output depends on, in the order in which they run. */
export function usedLayers(spec: NetworkSpec): WiredLayer[] {
  return wireNetwork(spec).filter(({ isUsed }) => isUsed)
}

/** The activation that gives a network's output. */
export function lastActivation(layers: NetworkSpec['layers']): string {
  const last = layers[layers.length - 1]
  return 'activation' in last ? activationName(last) : 'linear'
}

/** What a network's loss is, behind its last activation. */
export function lossOf({ loss, layers }: NetworkSpec): ReturnType<typeof lossInfo> {
  return lossInfo(loss.name, lastActivation(layers))
}

/** Whether rows are right or wrong: one class each, or one probability. Several independent ones are neither. */
export function hasAccuracy(spec: NetworkSpec): boolean {
  const { task } = lossOf(spec)
  return task === 'classes' || (task === 'binary' && outputsOf(spec) === 1)
}

/** Outputs of the network per row. */
export function outputsOf(spec: NetworkSpec): number {
  const last = spec.layers[spec.layers.length - 1].name
  return wireNetwork(spec).find(({ layer }) => layer.name === last)?.outputs ?? 0
}

/** The name of the first activation that is a function rather than data, if there is one. */
export function customActivationOf({ layers }: NetworkSpec): string | undefined {
  return layers
    .flatMap((layer) => ('activation' in layer && isCustom(layer) ? activationName(layer) : []))
    .at(0)
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
function checkOutput(spec: NetworkSpec): void {
  const { needs, task, squash, otherwise } = lossOf(spec)
  const activation = lastActivation(spec.layers)
  const where = `loss ${spec.loss.name}`
  const fromLogits = `${spec.loss.name}FromLogits`
  if (spec.layers[spec.layers.length - 1].type === 'dropout') {
    throw new SpecError({
      where: 'layers',
      expected: 'a last layer that gives the output',
      received: 'dropout',
    })
  }
  if (needs !== undefined && activation !== needs) {
    throw new SpecError({
      where,
      expected: `a last layer with the activation ${otherwise === undefined ? needs : `${needs} or ${otherwise.needs}`}`,
      received: activation,
      cure:
        `Use activation '${needs}'` +
        (fromLogits in lossTable ? `, or ${fromLogits} with a linear last layer` : ''),
    })
  }
  if (squash !== undefined && activation !== 'linear') {
    throw new SpecError({
      where,
      expected: 'a linear last layer, whose outputs are the logits',
      received: activation,
      cure: `Leave the activation out, or use ${spec.loss.name.replace('FromLogits', '')} with activation '${squash}'`,
    })
  }
  if (task === 'classes' && outputsOf(spec) < 2) {
    throw new SpecError({
      where,
      expected: 'at least 2 outputs, one per class',
      received: String(outputsOf(spec)),
    })
  }
}

// Only the loss that is made for a step can train a network that has one, and only as its end.
function checkDifferentiable({ layers, loss }: NetworkSpec): void {
  layers.forEach((layer, i) => {
    if (!('activation' in layer) || hasGradient(layer.activation)) return
    const isLast = i === layers.length - 1
    if (isLast && lossInfo(loss.name).needs === layer.activation) return
    throw new SpecError({
      where: `layers[${i}] (${layer.name})`,
      expected: 'an activation with a gradient',
      received: `'${activationName(layer)}'${isLast ? ` with the loss ${loss.name}` : ' before the last layer'}`,
      cure:
        (isLast ? `Train it by the perceptron rule with the loss 'perceptron', or use` : 'Use') +
        ` 'logistic' or 'tanh', whose gradients training can follow`,
    })
  })
}
