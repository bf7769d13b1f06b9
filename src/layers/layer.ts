/** What a layer is: plain data with a type, and a row in the layer table that knows its parameters and forward pass. */

import type { Limits } from '../check.ts'
import type { Builder, Value } from '../compiler/builder.ts'
import type { Initializer } from './initializers.ts'

/** A trainable array of a layer. */
export interface ParameterSpec {
  /** `weight` or `bias`; prefixed with the layer's name everywhere outside of the layer. */
  readonly name: string
  readonly shape: readonly number[]
  readonly initializer: Initializer
  /** Whether penalties such as l2 apply: weight matrices yes, biases no. */
  readonly isPenalised: boolean
}

/** An array of a layer that training moves without gradients, and prediction reads. */
export interface StateSpec {
  /** `runningMean`; prefixed with the layer's name everywhere outside of the layer. */
  readonly name: string
  readonly shape: readonly number[]
  /** What all its elements start from. */
  readonly initial: number
  /** What its elements may be. */
  readonly limits: Limits
}

/** What a layer may say of its place in the network. */
export interface Placement {
  /** Unique in the network; default the type with a number, dense1, dense2, … Initial weights depend on it. */
  readonly name?: string
  /** Name of the layer or input that it takes in, default the layer before, or for the first one all inputs. */
  readonly from?: string
}

/** What a layer with parameters may say of its place in the network. */
export interface SharedPlacement extends Placement {
  /** Name of a layer of the same type and sizes whose parameters this one uses; their gradients are summed. */
  readonly shareWith?: string
}

/** Names of the options of {@link SharedPlacement}; the first two are those of {@link Placement}. */
export const PLACEMENT = ['name', 'from', 'shareWith'] as const

/** The options of a layer's place that are given, as plain data. */
export function placement(options: SharedPlacement): SharedPlacement {
  return Object.fromEntries(
    PLACEMENT.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])),
  )
}

/** What the forward pass of a layer can ask for. */
export interface LayerContext {
  readonly builder: Builder
  /** What a merging layer takes in behind x. */
  readonly others: readonly Value[]
  /** The layer's name, unique in the network. */
  readonly name: string
  /** Whether batch norm looks at the batch. */
  readonly isTraining: boolean
  /** Whether dropout acts: in training, and in predictions that are sampled. */
  readonly isDropping: boolean
  /** The value of one of the layer's parameters. */
  readonly parameter: (name: string) => Value
  /** The value of one of the layer's arrays of state. */
  readonly state: (name: string) => Value
  /** Puts nodes off until the weights are updated: behind the checks of the gradients, once per step. */
  readonly atUpdate: (emit: () => void) => void
  /** The mask of a dropout layer for this batch. */
  readonly mask: (rate: number, units: number) => Value
}

/** A row of the layer table; `S` is the layer's plain data. */
export interface LayerType<S> {
  readonly type: string
  /** Checks the data and throws a SpecError that names `where`. */
  validate(spec: S, where: string): void
  /** Checks what a merging layer takes in, with features per row; left out by layers that take in one value. */
  checkInputs?(sources: readonly { name: string; size: number }[], where: string): void
  /** Features per row behind the layer. */
  outputs(spec: S, ...inputs: readonly number[]): number
  parameters(spec: S, inputs: number): readonly ParameterSpec[]
  /** Left out where the layer has none. */
  state?(spec: S, inputs: number): readonly StateSpec[]
  /** Whether a training batch of one row says nothing to the layer. */
  readonly needsBatches?: boolean
  /** The layer's settings in a few words, for summaries. */
  describe(spec: S): string
  /** Adds the layer's nodes and gives its output [rows, outputs]. */
  forward(spec: S, x: Value, context: LayerContext): Value
}
