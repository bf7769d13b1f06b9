/** Signatures of ops: the one line per op that TypeScript and C++ share, and the shapes that follow from it. */

import { SpecError } from '../errors.ts'

/** Element type of an operand: the program's own (`f`), unsigned 32-bit or double. */
export type ElementType = 'f' | 'u32' | 'f64'

/** One operand of an op, as its signature declares it. */
export interface OperandPattern {
  readonly name: string
  readonly type: ElementType
  /** Dims by name, or integers. */
  readonly shape: readonly (string | number)[]
  readonly isInput: boolean
  readonly isOutput: boolean
  /** Operands whose memory this output may be. */
  readonly mayAlias: readonly string[]
}

/** `(dims | scalars | inputs) -> outputs`, parsed. */
export interface Signature {
  readonly text: string
  readonly dims: readonly string[]
  readonly scalars: readonly string[]
  /** Inputs in order, then the outputs that are not inputs. */
  readonly operands: readonly OperandPattern[]
}

const OPERAND = /([A-Za-z]\w*)((?:~\w+)*)(?::(u32|f64))?\[([^\]]*)\]/g

/**
 * Parses a signature.
 *
 * @example
 * parseSignature('(rows n | slope | x[rows n]) -> y~x[rows n]').operands[1].mayAlias // ['x']
 */
export function parseSignature(text: string): Signature {
  const match = /^\(([^|]*)\|([^|]*)\|([^)]*)\) -> (.*)$/.exec(text)
  if (!match) {
    throw new SpecError({
      where: 'signature',
      expected: '(dims | scalars | inputs) -> outputs',
      received: text,
    })
  }
  const [, dims, scalars, inputs, outputs] = match
  const operands = parseOperands(inputs, true)
  for (const output of parseOperands(outputs, false)) {
    const inPlace = operands.findIndex((operand) => operand.name === output.name)
    if (inPlace < 0) operands.push(output)
    else operands[inPlace] = { ...operands[inPlace], isOutput: true }
  }
  return { text, dims: words(dims), scalars: words(scalars), operands }
}

/** How many elements an operand has, dims taken from `dims` in the order of the signature. */
export function elementCount(signature: Signature, operand: OperandPattern, dims: readonly number[]): number {
  return operand.shape.reduce<number>(
    (count, size) => count * (typeof size === 'number' ? size : dims[signature.dims.indexOf(size)]),
    1,
  )
}

function words(text: string): string[] {
  return text.trim().split(/\s+/).filter(Boolean)
}

function parseOperands(text: string, isInput: boolean): OperandPattern[] {
  return Array.from(text.matchAll(OPERAND), ([, name, aliases, type, shape]) => ({
    name,
    type: (type as ElementType | undefined) ?? 'f',
    shape: words(shape).map((size) => (/^\d+$/.test(size) ? Number(size) : size)),
    isInput,
    isOutput: !isInput,
    mayAlias: aliases.split('~').filter(Boolean),
  }))
}
