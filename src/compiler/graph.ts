/** From a network's spec to nodes: parameters, forward pass, loss, gradients and checks. */

import { InternalError } from '../errors.ts'
import type { NetworkSpec } from '../spec.ts'
import { headsOf, parametersOf, stateOf, usedLayers, type Head } from '../spec.ts'
import { ALL_INPUTS, inputSlices } from '../wiring.ts'
import { layerTypeOf } from '../layers/index.ts'
import { concatColumns } from '../layers/merge.ts'
import { bytesOfDtype } from '../ops/arithmetic.ts'
import { opNamed } from '../ops/index.ts'
import { REDUCTIONS, type Reduction } from '../ops/losses.ts'
import { outputsOf, inputsOf, type Builder, type Node, type Value } from './builder.ts'
import { elementsIn } from '../shape.ts'
import { differentiate } from './differentiate.ts'
import { optimizerInfo, type OptimizerSpec } from './optimizers.ts'
import { rateGroups, type RateGroup } from './rate-groups.ts'

/** The values that live as long as the program: parameters, state, counters, flags. */
export interface Persistent {
  readonly parameters: ReadonlyMap<string, Value>
  /** All parameters as one vector. */
  readonly weights: Value
  readonly state: ReadonlyMap<string, Value>
  /** All parameters and state as one vector: what a run leaves behind. */
  readonly learned: Value
  readonly flags: Value
  readonly status: Value
  readonly rate: Value
  /** Steps done; the dropout masks' counter. */
  readonly step: Value
}

/** What a forward pass gives. */
export interface ForwardPass {
  /** By layer; without those that nothing uses. */
  readonly layerOutputs: ReadonlyMap<string, Value>
  readonly nodes: readonly Node[]
  /** The layer that each value is computed by. */
  readonly layerOf: ReadonlyMap<Value, string>
  /** What layers put off until the weights are updated. */
  readonly updates: readonly (() => void)[]
}

const WORD_BYTES = 4
/** Gradients up to which one thread looks at all of them: a look takes 100 ns, a meeting of threads 300. */
const MAX_SERIAL_CHECK = 4096

/** Declares parameters, state, settings and one flag per thing that is checked. */
export function declarePersistent(builder: Builder, spec: NetworkSpec): Persistent {
  const declare = (arrays: readonly { name: string; shape: readonly number[] }[]): Map<string, Value> =>
    new Map(arrays.map(({ name, shape }) => [name, builder.value(name, shape, { region: 'parameters' })]))
  // As parameters.ts lays them out: the weights are the first part of the region.
  const parameters = declare(parametersOf(spec))
  const weights = builder.wholeRegion('parameters')
  const state = declare(stateOf(spec))
  const setting = { region: 'settings', type: 'u32' } as const
  return {
    parameters,
    weights,
    state,
    learned: builder.wholeRegion('parameters'),
    status: builder.value('status', [1], setting),
    flags: builder.value('flags', [flagNames(spec).length], setting),
    step: builder.value('step', [1], setting),
    rate: builder.value('learningRate', [1], { region: 'metrics', type: 'f64' }),
  }
}

/** What the flags stand for, in their order: the loss, all gradients, the weights, each array of state. */
export function flagNames(spec: NetworkSpec): string[] {
  return ['loss', 'gradients', 'weights', ...stateOf(spec).map(({ name }) => name)]
}

/** The flag that a status word of a halted run tells of. */
export function flagOfStatus(spec: NetworkSpec, status: number): string {
  return flagNames(spec)[status - 1]
}

/** The flag of a name. */
export function flagOf(builder: Builder, spec: NetworkSpec, { flags }: Persistent, name: string): Value {
  return builder.view(`flag of ${name}`, flags, flagNames(spec).indexOf(name) * WORD_BYTES, [1])
}

/** Adds the forward pass to the current entry. */
export function forwardPass(
  builder: Builder,
  spec: NetworkSpec,
  { parameters, state: states, step }: Persistent,
  x: Value,
  {
    isTraining,
    isDropping = isTraining,
    areMasksGiven = false,
  }: { isTraining: boolean; isDropping?: boolean; areMasksGiven?: boolean },
): ForwardPass {
  const first = builder.steps.length
  const outputs = new Map<string, Value>()
  const layerOf = new Map<Value, string>()
  const updates: (() => void)[] = []
  const inputs = inputValues(builder, spec, x)
  for (const { layer, from, owner } of usedLayers(spec)) {
    const arrayOf = (arrays: ReadonlyMap<string, Value>) => (name: string) => {
      const found = arrays.get(`${owner}.${name}`)
      if (found === undefined) throw new InternalError(`layer ${layer.name} has no ${name}`)
      return found
    }
    const mask = (rate: number, units: number): Value => {
      if (areMasksGiven) return builder.value(`${layer.name}.mask`, ['rows', units], { region: 'batch' })
      const key = builder.value(`${layer.name}.key`, [2], { region: 'settings', type: 'u32' })
      const mask = builder.value(`${layer.name}.mask`, ['rows', units])
      return builder.emit('dropout_mask', { key, step }, { rate }, { mask })
    }
    const [source, ...others] = from.map((name) => outputs.get(name) ?? inputs(name))
    const before = builder.steps.length
    const output = layerTypeOf(layer).forward(layer, source, {
      builder,
      others,
      name: layer.name,
      isTraining,
      isDropping,
      parameter: arrayOf(parameters),
      state: arrayOf(states),
      atUpdate: (emit) => updates.push(emit),
      mask,
    })
    outputs.set(layer.name, output)
    for (const node of nodesFrom(builder, before))
      outputsOf(node).forEach((value) => layerOf.set(value, layer.name))
  }
  return { layerOutputs: outputs, nodes: nodesFrom(builder, first), layerOf, updates }
}

function nodesFrom(builder: Builder, first: number): Node[] {
  return builder.steps.slice(first).filter((node): node is Node => node.kind === 'op')
}

// The inputs by name; the columns of one are cut out when a layer first asks for them.
function inputValues(builder: Builder, spec: NetworkSpec, x: Value): (name: string) => Value {
  const slices = inputSlices(spec)
  const values = new Map([[ALL_INPUTS, x]])
  return (name) => {
    const slice = slices.get(name)
    if (slice === undefined) throw new InternalError(`no input is called ${name}`)
    const [first, columns] = slice
    const value =
      values.get(name) ??
      builder.emit('slice_columns', { x }, { first }, { y: builder.value(name, ['rows', columns]) })
    values.set(name, value)
    return value
  }
}

/** The losses per row of a forward pass, with what their gradients are computed from. */
export interface RowLosses {
  /** [rows], or of several outputs the weighted sum [rows, 1]. */
  readonly loss: Value
  readonly heads: readonly HeadLoss[]
  /** Weights of the rows [rows, 1], where they have any. */
  readonly weight?: Value
  /** The nodes of the forward pass. */
  readonly nodes: readonly Node[]
}

/** The loss per row of one output. */
export interface HeadLoss {
  readonly head: Head
  readonly loss: Value
  /** The value that the loss was computed from. */
  readonly logits: Value
  /** The value that tells right answers. */
  readonly scores: Value
  /** Targets as given. */
  readonly answers: Value
  /** Targets as the loss takes them: smoothed, where the loss smooths them. */
  readonly target: Value
  /** Its share in the objective: undefined where it is all of it. */
  readonly factor?: number
}

/** Adds the losses per row of a forward pass. */
export function lossPerRow(
  builder: Builder,
  spec: NetworkSpec,
  forward: ForwardPass,
  given: Value,
  weight?: Value,
): RowLosses {
  const isOne = spec.outputs === undefined
  const heads = headsOf(spec).map((head): HeadLoss => {
    const answers = isOne ? given : targetsOf(builder, head, given)
    // Of shape [rows, 1], losses can be scaled and added.
    const outputs: Record<string, Value> = isOne
      ? {}
      : { loss: builder.value(`loss of ${head.layer}`, ['rows', 1]) }
    const own = lossOfHead(builder, head, forward, answers, outputs)
    return isOne ? own : { ...own, factor: factorOf(head) }
  })
  const parts = heads.map(({ loss, factor }) =>
    factor === undefined || factor === 1 ? loss : builder.emit('scale', { x: loss }, { alpha: factor }),
  )
  const loss = parts.reduce((a, b) => builder.emit('add', { a, b }))
  return { loss, heads, weight, nodes: forward.nodes }
}

// The total is a mean over rows, so that means over elements are divided by the elements of a row.
function factorOf({ weight, columns, loss }: Head): number {
  return loss.reduction === 'mean_elements' ? weight / columns : weight
}

function targetsOf(builder: Builder, { layer, first, columns }: Head, x: Value): Value {
  const y = builder.value(`targets of ${layer}`, ['rows', columns])
  return builder.emit('slice_columns', { x }, { first }, { y })
}

function lossOfHead(
  builder: Builder,
  head: Head,
  { layerOutputs, nodes }: ForwardPass,
  answers: Value,
  outputs: Record<string, Value>,
): HeadLoss {
  const { op, needs, hasDecisions = false } = head.info
  const output = valueNamed(layerOutputs, head.layer)
  const target = smoothedTarget(builder, head, answers)
  // The last activation and the loss are one function of the activation's input: exact where the composition saturates.
  const last = nodes.find((node) => needs !== undefined && outputsOf(node)[0] === output)
  const logits = last === undefined ? output : inputsOf(last)[0]
  const loss = builder.emit(op, lossOperands(op, logits, target), lossScalars(head), outputs)
  return { head, loss, logits, scores: hasDecisions ? output : logits, answers, target }
}

function valueNamed(values: ReadonlyMap<string, Value>, name: string): Value {
  const value = values.get(name)
  if (value === undefined) throw new InternalError(`no layer that is used is called ${name}`)
  return value
}

/** Adds what `predict` gives: the outputs side by side, logits squashed; the last node writes it to `y`. */
export function prediction(builder: Builder, spec: NetworkSpec, forward: ForwardPass, y: Value): void {
  const heads = headsOf(spec)
  const squashed = (head: Head, outputs: Record<string, Value> = {}): Value => {
    const x = valueNamed(forward.layerOutputs, head.layer)
    const { squash } = head.info
    return squash === undefined
      ? builder.emit('scale', { x }, { alpha: 1 }, outputs)
      : builder.emit(squash, { x }, {}, outputs)
  }
  if (heads.length === 1) {
    squashed(heads[0], { y })
    return
  }
  const x = heads.map((head) => squashed(head)).reduce((a, b) => concatColumns(builder, a, b, 'output'))
  builder.emit('scale', { x }, { alpha: 1 }, { y })
}

/** Adds the sum of the rows' losses, those of one output or all together, each times its weight. */
export function sumOfLosses(
  builder: Builder,
  { loss, weight }: { loss: Value; weight?: Value },
  outputs: Record<string, Value> = {},
): Value {
  return weight === undefined
    ? builder.emit('sum', { x: loss }, {}, outputs)
    : builder.emit('weighted_sum', { x: loss, weight }, {}, outputs)
}

/** Adds the gradients of the loss with respect to the wanted values. */
export function backwardPass(
  builder: Builder,
  { heads, weight, nodes }: RowLosses,
  reduction: Reduction,
  wanted: readonly Value[],
): Map<Value, Value> {
  const seeds = new Map<Value, Value>()
  for (const { head, logits, target, factor = 1 } of heads) {
    const { op } = head.info
    const scalars = { ...lossScalars(head), reduction: REDUCTIONS.indexOf(reduction) }
    const whole = builder.emit(`${op}_backward`, lossOperands(op, logits, target), scalars)
    const x = factor === 1 ? whole : builder.emit('scale', { x: whole }, { alpha: factor })
    const seed = weight === undefined ? x : builder.emit('weigh_rows', { x, weight })
    const earlier = seeds.get(logits)
    seeds.set(logits, earlier === undefined ? seed : builder.emit('add', { a: earlier, b: seed }))
  }
  return differentiate(builder, nodes, seeds, wanted)
}

/** Adds what follows the gradients: checks, the update of all parameters, and what layers do with it. */
export function update(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  gradients: ReadonlyMap<string, Value>,
  { updates }: Pick<ForwardPass, 'updates'>,
  optimizer: OptimizerSpec,
): void {
  const { weights: w, rate } = persistent
  const dw = builder.wholeRegion('gradients')
  haltIfNonfinite(builder, spec, persistent, dw)
  for (const emit of updates) emit()
  const { settings } = optimizer
  const info = optimizerInfo(optimizer.name)
  clip(builder, dw, optimizer)
  const groups = rateGroups(spec, optimizer)
  decayWeights(builder, { w, dw }, spec, persistent, gradients, { optimizer, groups })
  if (info.emit === undefined) throw new InternalError(`${optimizer.name} does not work step by step`)
  const rates = ratesOf(builder, info.advance?.(builder, rate, settings) ?? rate, groups)
  const states = new Map<string, Value>()
  const state = (name: string): Value => {
    const made = states.get(name) ?? builder.value(`optimizer.${name}`, w.shape, { region: 'optimizer' })
    states.set(name, made)
    return made
  }
  groups.forEach((group, i) => {
    const part = (of: Value): Value => partOf(builder, of, group, groups.length)
    info.emit?.(builder, { rate: rates[i], dw: part(dw), w: part(w) }, settings, (name) => part(state(name)))
  })
}

// Ends the run before the update where the loss or a gradient is not finite.
function haltIfNonfinite(builder: Builder, spec: NetworkSpec, persistent: Persistent, dw: Value): void {
  const { flags, status } = persistent
  if (elementsIn(dw.shape, builder.rows) <= MAX_SERIAL_CHECK) {
    const own = flagNames(spec).indexOf('gradients') + 1
    const checked = builder.view('flags of the step', flags, 0, [own])
    builder.emit('halt_if_nonfinite', { x: dw, flags: checked, status })
  } else {
    builder.emit('find_nonfinite', { x: dw, flag: flagOf(builder, spec, persistent, 'gradients') })
    builder.emit('halt_if', { flags, status })
  }
}

// The rate of each group, one value for each factor.
function ratesOf(builder: Builder, x: Value, groups: readonly RateGroup[]): Value[] {
  const scaled = new Map([[1, x]])
  for (const { factor } of groups) {
    if (scaled.has(factor)) continue
    const y = builder.value(`${factor} of ${x.name}`, x.shape, { region: 'settings', type: 'f64' })
    scaled.set(factor, builder.emit('scale_first', { x }, { factor }, { y }))
  }
  return groups.map(({ factor }) => scaled.get(factor) ?? x)
}

// What belongs to a group of parameters, of a vector that is laid out as these are.
function partOf(builder: Builder, of: Value, { start, length }: RateGroup, groups: number): Value {
  if (groups === 1) return of
  return builder.view(`part of ${of.name}`, of, start * bytesOfDtype(builder.dtype), [length])
}

// Before the update; what is taken from the weights themselves goes by their own rate.
function decayWeights(
  builder: Builder,
  vectors: { w: Value; dw: Value },
  spec: NetworkSpec,
  persistent: Persistent,
  gradients: ReadonlyMap<string, Value>,
  { optimizer, groups }: { optimizer: OptimizerSpec; groups: readonly RateGroup[] },
): void {
  const { weightDecay: alpha, decayBiases } = optimizer
  if (alpha === 0) return
  const isDecoupled = optimizerInfo(optimizer.name).isDecayDecoupled === true
  const rates = isDecoupled ? ratesOf(builder, persistent.rate, groups) : []
  if (rates.length <= 1) {
    for (const { x, y } of decayedParts(vectors, spec, persistent, gradients, decayBiases)) {
      if (isDecoupled) builder.emit('decay', { rate: rates[0], w: x }, { alpha })
      else builder.emit('axpy', { x, y }, { alpha })
    }
    return
  }
  for (const { name, isPenalised } of parametersOf(spec)) {
    const w = persistent.parameters.get(name)
    if (w === undefined || !(decayBiases || isPenalised)) continue
    const rate = rates[groups.findIndex(({ names }) => names.includes(name))]
    builder.emit('decay', { rate, w }, { alpha })
  }
}

// Values first, then the norm of what is left, as one vector over all parameters.
function clip(builder: Builder, dw: Value, { clipValue, clipNorm }: OptimizerSpec): void {
  if (clipValue !== undefined) builder.emit('clip_value', { dw }, { limit: clipValue })
  if (clipNorm === undefined) return
  const norm = builder.value('gradient norm', [1], { region: 'settings', type: 'f64' })
  builder.emit('euclidean_norm', { x: dw }, {}, { norm })
  builder.emit('clip_norm', { norm, dw }, { limit: clipNorm })
}

// What weight decay acts on, with its gradients: everything as one vector, or the weight matrices.
function decayedParts(
  { w, dw }: { w: Value; dw: Value },
  spec: NetworkSpec,
  { parameters }: Persistent,
  gradients: ReadonlyMap<string, Value>,
  areBiasesDecayed: boolean,
): { x: Value; y: Value }[] {
  if (areBiasesDecayed) return [{ x: w, y: dw }]
  return parametersOf(spec).flatMap(({ name, isPenalised }) => {
    const x = parameters.get(name)
    const y = gradients.get(name)
    return isPenalised && x !== undefined && y !== undefined ? [{ x, y }] : []
  })
}

/** Adds λ₂·W + λ₁·sign(W) to the gradients of the penalised parameters. */
export function addPenaltyGradient(
  builder: Builder,
  spec: NetworkSpec,
  { parameters }: Persistent,
  gradients: ReadonlyMap<string, Value>,
): void {
  const { l1, l2 } = spec
  if (l1 === 0 && l2 === 0) return
  for (const { name, isPenalised } of parametersOf(spec)) {
    const x = parameters.get(name)
    const y = gradients.get(name)
    if (!isPenalised || x === undefined || y === undefined) continue
    if (l2 > 0) builder.emit('axpy', { x, y }, { alpha: l2 })
    if (l1 > 0) builder.emit('add_sign', { x, y }, { alpha: l1 })
  }
}

function smoothedTarget(builder: Builder, { loss, info, columns }: Head, t: Value): Value {
  const { labelSmoothing: smoothing = 0 } = loss
  if (smoothing === 0) return t
  const classes = info.task === 'classes' ? columns : 2
  return builder.emit('smooth_labels', { t }, { smoothing, classes })
}

function lossScalars({ loss: { factor, delta } }: Head): Record<string, number> {
  return { ...(factor === undefined ? {} : { factor }), ...(delta === undefined ? {} : { delta }) }
}

// The ops call the network's output y where it is compared as it is, and z where it is a logit.
function lossOperands(op: string, output: Value, target: Value): Record<string, Value> {
  return { [opNamed(op).signature.operands[0].name]: output, t: target }
}
