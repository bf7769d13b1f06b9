/** What an op is: a row in a table, with its signature, its TypeScript kernel and its gradient. */

import type { Arithmetic, FloatArray } from './arithmetic.ts'
import { parseSignature, type Signature } from './signature.ts'

/** An element-wise function that no table has, with its derivative by x and y. */
export interface CustomFunction {
  /** y of x. */
  readonly forward: (x: number) => number
  /** dy/dx of x and y. */
  readonly backward: (x: number, y: number) => number
}

/** One call of a kernel, the twin of `struct Call` in native/call.h. */
export interface Call {
  /** In the order of the signature; `rows` stands here as its capacity. */
  readonly dims: readonly number[]
  readonly scalars: readonly number[]
  /** Arrays of the program's element type, inputs first; index operands stand in `words`, doubles in `doubles`. */
  readonly operands: readonly FloatArray[]
  /** The same operands where the signature says u32. */
  readonly words: readonly Uint32Array[]
  /** The same operands where the signature says f64. */
  readonly doubles: readonly Float64Array[]
  /** Functions of the program; `struct Call` has none. */
  readonly functions: readonly CustomFunction[]
  /** Rows of this batch. */
  rows: number
  /** Rows of the epoch before this batch. */
  cursor: number
}

/** Computes one instruction on whole operands. */
export type Kernel = (call: Call) => void

/** What a gradient rule needs of the program builder; `V` is the builder's value. */
export interface Emitter<V> {
  /** Adds an instruction by op name and gives its first output; outputs that are not given are made. */
  emit(
    op: string,
    inputs: Record<string, V>,
    scalars?: Record<string, number>,
    outputs?: Record<string, V>,
  ): V
  /** A new value of another's shape: an output whose shape no input tells. */
  like(value: V): V
}

/** One instruction as a gradient rule sees it. */
export interface NodeView<V> {
  readonly inputs: Readonly<Record<string, V>>
  readonly output: V
  readonly scalars: Readonly<Record<string, number>>
  /** In the order of the signature; `rows` stands here as its capacity. */
  readonly dims: readonly number[]
}

/** Gradients of the inputs given the gradient of the output: a vector-Jacobian product. Each is emitted when called. */
export type Gradient = <V>(emitter: Emitter<V>, node: NodeView<V>, dy: V) => Record<string, () => V>

/** A row of the op table. */
export interface Op {
  /** The same string in C++, test titles and bench labels. */
  readonly name: string
  /** The dim that threads split, or `serial`. */
  readonly split: string
  readonly signature: Signature
  readonly kernel: (arithmetic: Arithmetic) => Kernel
  readonly gradient?: Gradient
}

/** Builds a row of the op table. */
export function defineOp(
  name: string,
  split: string,
  signature: string,
  kernel: (arithmetic: Arithmetic) => Kernel,
  gradient?: Gradient,
): Op {
  return { name, split, signature: parseSignature(signature), kernel, gradient }
}
