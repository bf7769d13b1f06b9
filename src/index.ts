/** The public surface of hadamard. */

export { Network, type Evaluation, type Parameter } from './network.ts'
export { dense, type DenseOptions } from './layers/dense.ts'
export { dropout } from './layers/dropout.ts'
export { activation, type Activation, type ActivationName } from './layers/activation.ts'
