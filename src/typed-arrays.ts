/**
 * Typed arrays by their internal slots. A subclass, a proxy, an own `length` or another realm's constructor decides
 * nothing here, and no code of the caller runs: what was checked is what is read.
 */

import { describeValue } from './check.ts'
import { SpecError } from './errors.ts'
import type { FloatArray } from './ops/arithmetic.ts'

/** Classes that hold a program's own element type. */
export const FLOAT_KINDS: readonly FloatKind[] = ['Float32Array', 'Float64Array']

/** A class of {@link FLOAT_KINDS}. */
export type FloatKind = 'Float32Array' | 'Float64Array'

/** Any class that operands have. */
export type ArrayKind = FloatKind | 'Uint32Array'

/** Where a typed array lies. */
export interface View<K extends ArrayKind = ArrayKind> {
  readonly kind: K
  readonly buffer: ArrayBufferLike
  readonly byteOffset: number
  /** In elements; 0 where the memory is gone. */
  readonly length: number
}

type Class = typeof Float32Array | typeof Float64Array | typeof Uint32Array
const CLASSES: Readonly<Record<ArrayKind, Class>> = { Float32Array, Float64Array, Uint32Array }

const prototype = Object.getPrototypeOf(Float32Array.prototype) as object
const slot = (key: string | symbol): ((array: unknown) => unknown) => {
  const read = Reflect.get(Object.getOwnPropertyDescriptor(prototype, key) as object, 'get') as () => unknown
  return (array) => Reflect.apply(read, array, [])
}
const kindOf = slot(Symbol.toStringTag) as (value: unknown) => string | undefined
const bufferOf = slot('buffer') as (array: unknown) => ArrayBufferLike
const byteOffsetOf = slot('byteOffset') as (array: unknown) => number
const lengthOf = slot('length') as (array: unknown) => number
// Throws where the buffer is detached, or was shrunk so far that the array lies outside of it.
const touch = Reflect.get(prototype, 'keys') as () => unknown

/**
 * The slots of a value that must be a typed array of one of the given classes.
 *
 * @throws SpecError if it is another value, or an array whose buffer is detached or too small for it
 */
export function viewOf<K extends ArrayKind>(where: string, value: unknown, kinds: readonly K[]): View<K> {
  const expected = (): string => kinds.map((name) => `a ${name}`).join(' or ')
  const kind = kindOf(value) as K
  if (!kinds.includes(kind)) {
    throw new SpecError({ where, expected: expected(), received: describeValue(value) })
  }
  const length = lengthOf(value)
  if (length === 0) {
    try {
      Reflect.apply(touch, value, [])
    } catch (cause) {
      const received = 'one whose buffer is detached or was shrunk'
      throw new SpecError(
        { code: 'HADAMARD_MEMORY', where, expected: `${expected()} with its memory`, received },
        { cause },
      )
    }
  }
  return { kind, buffer: bufferOf(value), byteOffset: byteOffsetOf(value), length }
}

/** A plain array on the first `length` elements of a view. */
export function arrayOn({ kind, buffer, byteOffset }: View, length: number): FloatArray | Uint32Array {
  return new CLASSES[kind](buffer as ArrayBuffer, byteOffset, length)
}

/** The array itself, or one on the same memory where it is of another realm: ours alone are told by `instanceof`. */
export function ownArray<T extends FloatArray>(array: T, view: View<FloatKind>): T {
  return array instanceof CLASSES[view.kind] ? array : (arrayOn(view, view.length) as T)
}

/**
 * A new array of zeros.
 *
 * @throws SpecError if there is no memory for it
 */
export function allocate(where: string, kind: ArrayKind, length: number): FloatArray | Uint32Array {
  try {
    return new CLASSES[kind](length)
  } catch (cause) {
    throw new SpecError(
      {
        code: 'HADAMARD_MEMORY',
        where,
        expected: 'a result that fits into memory',
        received: `${length} elements`,
      },
      { cause },
    )
  }
}

/** Whether the first elements of two views share memory, as many as `counts` says. */
export function overlaps(a: View, aCount: number, b: View, bCount: number): boolean {
  if (a.buffer !== b.buffer || aCount === 0 || bCount === 0) return false
  return (
    a.byteOffset < b.byteOffset + bCount * bytesPerElement(b) &&
    b.byteOffset < a.byteOffset + aCount * bytesPerElement(a)
  )
}

/** Bytes of one element of a view. */
export function bytesPerElement({ kind }: View): number {
  return CLASSES[kind].BYTES_PER_ELEMENT
}
