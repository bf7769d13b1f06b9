/** Shapes of values: `rows` for the batch, integers for the rest. */

/** Sizes of a value, outermost first; `rows` stands for the rows of the batch. */
export type Shape = readonly (number | 'rows')[]

/** Number of elements with `rows` set to a capacity. */
export function elementsIn(shape: Shape, rows: number): number {
  return shape.reduce<number>((count, size) => count * (size === 'rows' ? rows : size), 1)
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
