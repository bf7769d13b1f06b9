/** Metrics of predictions against targets. */

export type { Label, MetricOptions, NumberRows, PositiveOptions } from './arguments.ts'
export {
  accuracy,
  balancedAccuracy,
  confusionMatrix,
  f1,
  precision,
  recall,
  type Average,
  type ClassScoreOptions,
  type ConfusionMatrix,
  type ConfusionOptions,
} from './classification.ts'
export { averagePrecision, rocAuc } from './ranking.ts'
export {
  brierScore,
  calibrationError,
  logLoss,
  type CalibrationOptions,
  type ProbabilityOptions,
} from './probability.ts'
export {
  meanAbsoluteError,
  meanSquaredError,
  r2,
  rootMeanSquaredError,
  type RegressionOptions,
} from './regression.ts'
