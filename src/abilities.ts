/** What the library offers beyond the basics, by the names that conformance fixtures use. */

/**
 * Abilities that a fixture may need; one that needs anything else is skipped by `npm run conformance`.
 *
 * - `dropout_mask`: dropout masks can be given (`trainStep`, `gradients`, `forward`)
 * - `no_bias`: dense layers without a bias
 * - `kink_left`: where a derivative jumps at 0, it is the value from the left
 */
export const abilities: readonly string[] = ['dropout_mask', 'no_bias', 'kink_left']
