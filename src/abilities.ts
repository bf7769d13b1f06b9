/** What the library offers beyond the basics, by the names that conformance fixtures use. */

/**
 * Abilities that a fixture may need; one that needs anything else is skipped by `npm run conformance`.
 *
 * - `dropout_mask`: dropout masks can be given (`trainStep`, `gradients`, `forward`)
 * - `no_bias`: dense layers without a bias
 * - `kink_left`: where a derivative jumps at 0, it is the value from the left
 * - `perceptron_rule`: a step output trained by the perceptron rule, with the loss `perceptron`
 * - `rmsprop_momentum`: RMSprop with a velocity
 * - `adagrad_initial`: the sum of squares that Adagrad starts from
 * - `decay_biases`: weight decay on all parameters, or on weight matrices only
 */
export const abilities: readonly string[] = [
  'dropout_mask',
  'no_bias',
  'kink_left',
  'perceptron_rule',
  'rmsprop_momentum',
  'adagrad_initial',
  'decay_biases',
]
