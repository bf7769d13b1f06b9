/** Where numbers that fade become 0: before they are subnormal, or would make products that are. */

import type { Arithmetic } from './arithmetic.ts'

/**
 * A state that decays towards 0 is 0 below the normal numbers: processors take a hundred times longer for those, and a unit
 * that no longer learns would stay there for ever.
 */
export function settled({ smallestNormal }: Arithmetic, x: number): number {
  return Math.abs(x) < smallestNormal ? 0 : x
}

/**
 * A weight or an error is so sooner, while its products are still normal. Others learn from these, and would stay where they
 * are once there is nothing to learn from.
 */
export function settledFactor({ smallestNormal }: Arithmetic, x: number): number {
  return Math.abs(x) < smallestNormal * 2 ** 30 ? 0 : x
}

/**
 * What will be squared, and perhaps multiplied by the rest to 1 of a decay rate: the root of the smallest normal number, and
 * a little more.
 */
export function settledBase({ smallestNormal }: Arithmetic, x: number): number {
  return Math.abs(x) < Math.sqrt(smallestNormal) * 2 ** 8 ? 0 : x
}
