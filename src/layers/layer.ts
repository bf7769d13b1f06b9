/** What a layer is: plain data with a type, and a row in the layer table that knows its parameters and forward pass. */

import type { Builder, Value } from '../compiler/builder.ts'
import type { InitializerName } from './initializers.ts'

/** A trainable array of a layer. */
export interface ParameterSpec {
  /** `weight` or `bias`; prefixed with the layer's name everywhere outside of the layer. */
  readonly name: string
  readonly shape: readonly number[]
  readonly initializer: InitializerName
  /** Whether penalties such as l2 apply: weight matrices yes, biases no. */
  readonly isPenalised: boolean
}

/** What the forward pass of a layer can ask for. */
export interface LayerContext {
  readonly builder: Builder
  /** The layer's name, unique in the network. */
  readonly name: string
  /** Whether dropout acts. */
  readonly isTraining: boolean
  /** The value of one of the layer's parameters. */
  readonly parameter: (name: string) => Value
  /** The mask of a dropout layer for this batch. */
  readonly mask: (rate: number, units: number) => Value
}

/** A row of the layer table; `S` is the layer's plain data. */
export interface LayerType<S> {
  readonly type: string
  /** Checks the data and throws a SpecError that names `where`. */
  validate(spec: S, where: string): void
  /** Features per row behind the layer. */
  outputs(spec: S, inputs: number): number
  parameters(spec: S, inputs: number): readonly ParameterSpec[]
  /** Adds the layer's nodes and gives its output [rows, outputs]. */
  forward(spec: S, x: Value, context: LayerContext): Value
}
