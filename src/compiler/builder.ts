/** The graph that a program is compiled from: values, and nodes (ops on values) in the order in which they run. */

import { InternalError } from '../errors.ts'
import type { Dtype } from '../ops/arithmetic.ts'
import type { CustomFunction, Emitter } from '../ops/op.ts'
import { opNamed } from '../ops/index.ts'
import type { ElementType, OperandPattern, Signature } from '../ops/signature.ts'
import { elementsIn, formatShape, padded, type Shape } from '../shape.ts'

/** Parts of the arena, in the order in which they lie there. */
export const REGIONS = [
  'settings',
  'parameters',
  'optimizer',
  'gradients',
  'parts',
  'activations',
  'batch',
  'metrics',
  'scratch',
] as const

/** A part of the arena. */
export type Region = (typeof REGIONS)[number]

/** Where a value lies: in a region of the arena, in a data buffer, or inside another value. */
export type Home =
  | { readonly kind: 'region'; readonly region: Region }
  | { readonly kind: 'buffer'; readonly index: number }
  | { readonly kind: 'view'; readonly of: Value; readonly byteOffset: number }
  | { readonly kind: 'wholeRegion'; readonly region: Region }

/** An array that instructions read or write. */
export interface Value {
  readonly id: number
  readonly name: string
  readonly shape: Shape
  readonly type: ElementType
  readonly home: Home
  /** Kept though no later instruction reads it, and never overwritten in place: users read it. */
  readonly isPinned: boolean
}

/** One op on values. */
export interface Node {
  readonly kind: 'op'
  readonly op: string
  readonly dims: readonly number[]
  readonly scalars: Readonly<Record<string, number>>
  /** In the order of the signature's operands. */
  readonly operands: readonly Value[]
}

/** Another entry, repeated over the rows of an epoch. */
export interface Repeat {
  readonly kind: 'repeat'
  readonly entry: string
  readonly total: number
  readonly batch: number
}

/** What an entry consists of. */
export type Step = Node | Repeat

/** How a value is made other than by default (activations, not pinned, program's element type). */
export interface ValueOptions {
  region?: Region
  type?: ElementType
  isPinned?: boolean
}

/** Collects values and the nodes of the entry that is being written. */
export class Builder implements Emitter<Value> {
  readonly rows: number
  readonly dtype: Dtype
  readonly values: Value[] = []
  readonly entries = new Map<string, Step[]>()
  readonly buffers: string[] = []
  readonly functions: CustomFunction[] = []
  #steps: Step[] = []

  /**
   * @param rows the largest batch
   * @param dtype element type of the program
   */
  constructor(rows: number, dtype: Dtype) {
    this.rows = rows
    this.dtype = dtype
  }

  /** Starts the entry that following nodes go to. */
  beginEntry(name: string): void {
    this.#steps = []
    this.entries.set(name, this.#steps)
  }

  /** Nodes of the current entry so far. */
  get steps(): readonly Step[] {
    return this.#steps
  }

  /** A value in the arena. */
  value(
    name: string,
    shape: Shape,
    { region = 'activations', type = 'f', isPinned = false }: ValueOptions = {},
  ): Value {
    return this.#add(name, shape, type, { kind: 'region', region }, isPinned)
  }

  /** A temporary value of another's shape. */
  like({ name, shape }: Value): Value {
    return this.value(name, shape)
  }

  /** A data buffer that the program is linked with. */
  buffer(name: string, shape: Shape, type: ElementType = 'f'): Value {
    this.buffers.push(name)
    return this.#add(name, shape, type, { kind: 'buffer', index: this.buffers.length }, true)
  }

  /** The number of a function that the program carries. */
  functionIndex(given: CustomFunction): number {
    if (!this.functions.includes(given)) this.functions.push(given)
    return this.functions.indexOf(given)
  }

  /** A part of another value. */
  view(name: string, of: Value, byteOffset: number, shape: Shape): Value {
    return this.#add(name, shape, of.type, { kind: 'view', of, byteOffset }, true)
  }

  /** All of a region as one vector; its length is that of the values added to it by now, with their padding. */
  wholeRegion(region: Region): Value {
    const length = this.values
      .filter(({ home }) => home.kind === 'region' && home.region === region)
      .reduce((total, value) => total + paddedLength(value, this.rows), 0)
    return this.#add(region, [length], 'f', { kind: 'wholeRegion', region }, true)
  }

  /** Adds a node and gives its first output; outputs that are not given are made. */
  emit(
    op: string,
    inputs: Record<string, Value>,
    scalars: Record<string, number> = {},
    outputs: Record<string, Value> = {},
    name = op,
  ): Value {
    const { signature } = opNamed(op)
    const given = { ...inputs, ...outputs }
    const dims = this.#inferDims(op, signature, given)
    const operands = signature.operands.map(
      (pattern) =>
        (given[pattern.name] as Value | undefined) ??
        this.#add(
          name,
          this.#shapeOf(pattern, signature, dims),
          pattern.type,
          { kind: 'region', region: 'activations' },
          false,
        ),
    )
    this.#steps.push({ kind: 'op', op, dims, scalars, operands })
    const first = signature.operands.findIndex((operand) => operand.isOutput)
    return operands[first]
  }

  /** Adds a repeat of another entry over `total` rows. */
  repeat(entry: string, total: number, batch: number): void {
    this.#steps.push({ kind: 'repeat', entry, total, batch })
  }

  /** Makes the nodes of the current entry use `to` in the place of `from`: the node that computes it writes there. */
  redirect(from: Value, to: Value): void {
    this.#steps.forEach((step, i) => {
      if (step.kind !== 'op' || !step.operands.includes(from)) return
      this.#steps[i] = { ...step, operands: step.operands.map((value) => (value === from ? to : value)) }
    })
  }

  #add(name: string, shape: Shape, type: ElementType, home: Home, isPinned: boolean): Value {
    const value = { id: this.values.length, name, shape, type, home, isPinned }
    this.values.push(value)
    return value
  }

  // Binds each dim of the signature to the sizes of the given operands.
  #inferDims(op: string, { dims, operands }: Signature, given: Record<string, Value>): number[] {
    const sizes = new Map<string, number>([['rows', this.rows]])
    for (const pattern of operands) {
      const value = given[pattern.name] as Value | undefined
      if (value === undefined) continue
      // A vector pattern takes a value of any shape as its elements in a row.
      const flat = pattern.shape.length === 1 && value.shape.length !== 1
      const shape = flat ? [elementsIn(value.shape, this.rows)] : value.shape
      pattern.shape.forEach((dim, i) => {
        const size = shape[i] === 'rows' ? this.rows : shape[i]
        const expected = typeof dim === 'number' ? dim : sizes.get(dim)
        if (size === undefined || (expected !== undefined && expected !== size)) {
          throw new InternalError(
            `${op}: ${pattern.name} ${formatShape(value.shape)} does not fit ${dim} = ${expected}`,
          )
        }
        if (typeof dim === 'string') sizes.set(dim, size)
      })
    }
    return dims.map((dim) => {
      const size = sizes.get(dim)
      if (size === undefined) throw new InternalError(`${op}: no operand gives ${dim}`)
      return size
    })
  }

  #shapeOf(pattern: OperandPattern, { dims }: Signature, sizes: readonly number[]): Shape {
    return pattern.shape.map((dim) =>
      dim === 'rows' || typeof dim === 'number' ? dim : sizes[dims.indexOf(dim)],
    )
  }
}

/** Elements that a value takes in the arena: whole groups of 16, so that regions are laid out alike in every dtype. */
export function paddedLength({ shape, type }: Value, rows: number): number {
  const length = elementsIn(shape, rows)
  return type === 'f' ? padded(length) : length
}

/** Operands of a node by name. */
export function namedOperands(node: Node): Record<string, Value> {
  const { signature } = opNamed(node.op)
  return Object.fromEntries(signature.operands.map((operand, i) => [operand.name, node.operands[i]]))
}

/** Operands that a node writes. */
export function outputsOf(node: Node): Value[] {
  return node.operands.filter((_, i) => opNamed(node.op).signature.operands[i].isOutput)
}

/** Operands that a node reads. */
export function inputsOf(node: Node): Value[] {
  return node.operands.filter((_, i) => opNamed(node.op).signature.operands[i].isInput)
}
