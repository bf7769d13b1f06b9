/** Shapes of values: `rows` for the batch, integers for the rest. */

/** Sizes of a value, outermost first; `rows` stands for the rows of the batch. */
export type Shape = readonly (number | 'rows')[]

/** Number of elements with `rows` set to a capacity. */
export function elementsIn(shape: Shape, rows: number): number {
  return shape.reduce<number>((count, size) => count * (size === 'rows' ? rows : size), 1)
}

/** A length rounded up to whole groups of 16, what 64 bytes of float32 hold: the unit of places in a program's arena. */
export function padded(length: number): number {
  return Math.ceil(length / 16) * 16
}

/**
 * A shape as text.
 *
 * @example
 * formatShape(['rows', 4]) // '[rows, 4]'
 */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}
