/**
 * The public surface in browsers: networks, metrics and explanations on the TypeScript fallback. What reads and writes files is
 * left out. `hadamard/kernels` is whole.
 */

export type { Evaluation } from '../evaluation.ts'
export { Network } from '../network.ts'
export type { Parameter } from '../parameters.ts'
export { dense, type DenseOptions } from '../layers/dense.ts'
export { dropout } from '../layers/dropout.ts'
export { embedding, type EmbeddingOptions } from '../layers/embedding.ts'
export { batchNorm, type BatchNormOptions } from '../layers/batch-norm.ts'
export { layerNorm, type LayerNormOptions } from '../layers/layer-norm.ts'
export { add, concat, multiply, residual, type MergeSpec, type Source } from '../layers/merge.ts'
export { scale } from '../layers/scale.ts'
export { activation, type Activation, type ActivationName } from '../layers/activation.ts'
export { composed, type ComposedActivation } from '../layers/composed.ts'
export { customActivation, type CustomActivation } from '../layers/custom.ts'
export type { LossName } from '../layers/loss.ts'
export type { NetworkOptions, NetworkSpec } from '../spec.ts'
export type { EarlyStopping, FitOptions, Validation } from '../training/options.ts'
export type { EpochRecord, FitRun, History, Progress } from '../training/run.ts'
export {
  accuracy,
  averagePrecision,
  balancedAccuracy,
  brierScore,
  calibrationError,
  confusionMatrix,
  f1,
  logLoss,
  meanAbsoluteError,
  meanSquaredError,
  precision,
  r2,
  recall,
  rocAuc,
  rootMeanSquaredError,
} from '../metrics/index.ts'
export { checkGradients, describeGradientCheck } from '../explain/check-gradients.ts'
export { explainStep } from '../explain/explain-step.ts'
export { BackendError, DataError, DivergenceError, SpecError } from '../errors.ts'
