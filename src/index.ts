/** The public surface of hadamard. */

export { train } from './model/train.ts'
export {
  loadModel,
  Model,
  type ClassPrediction,
  type ModelEvaluation,
  type NumberPrediction,
  type Prediction,
  type PredictionCsvOptions,
  type TablePredictions,
} from './model.ts'
export { trainDefaults, type GivenSplit, type MetricName, type TrainOptions } from './model/options.ts'
export type {
  BaselineScores,
  ClassReport,
  ColumnReport,
  Fingerprint,
  Scores,
  TrainingPlan,
  TrainReport,
} from './model/report.ts'
export { Network, type Evaluation, type Parameter } from './network.ts'
export { dense, type DenseOptions } from './layers/dense.ts'
export { dropout } from './layers/dropout.ts'
export { activation, type Activation, type ActivationName } from './layers/activation.ts'
