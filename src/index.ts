/** The public surface of hadamard. */

export { train } from './model/train.ts'
export {
  crossValidate,
  type Comparison,
  type CrossValidation,
  type CrossValidationOptions,
  type FoldResult,
  type FoldScore,
} from './model/cross-validate.ts'
export type { Spread } from './metrics/spread.ts'
export {
  loadModel,
  Model,
  type ClassPrediction,
  type ModelEvaluation,
  type NumberPrediction,
  type NumbersPrediction,
  type Prediction,
  type EvaluationCsvOptions,
  type PredictionCsvOptions,
  type TablePredictions,
} from './model.ts'
export {
  compareModels,
  type ChangedRow,
  type ModelComparison,
  type PredictionDistance,
} from './model/compare.ts'
export type { RowPlace } from './model/compared-rows.ts'
export { estimateTraining, type TrainingEstimate } from './model/estimate.ts'
export type { Footprint } from './model/footprint.ts'
export {
  trainDefaults,
  type GivenSplit,
  type GoingOnOptions,
  type MetricName,
  type Preset,
  type TrainOptions,
} from './model/options.ts'
export type { ColumnAttribution, RowAttribution } from './model/attribution.ts'
export type { DependencePoint, PartialDependence } from './model/dependence.ts'
export type { Explanation, ExplanationOptions } from './model/explain.ts'
export type { ColumnImportance } from './model/importance.ts'
export type { TrainSource } from './model/read-source.ts'
export type { ClassWeight } from './model/row-weights.ts'
export type { ColumnType, Scaling } from './data/input.ts'
export type { Costs, Threshold } from './model/threshold.ts'
export type { ClassLabel } from './data/target.ts'
export type {
  BaselineScores,
  ClassReport,
  ColumnReport,
  Conformal,
  Decision,
  Fingerprint,
  Reliability,
  Scores,
  TargetConformal,
  TargetScores,
  TrainingPlan,
  TrainReport,
} from './model/report.ts'
export type { SampledPrediction, SampleOptions } from './sampling.ts'
export { readCsv, type CsvOptions } from './data/csv.ts'
export { Dataset, openCsv, type DatasetRow } from './data/dataset.ts'
export { openDataset } from './data/open-dataset.ts'
export type { RowIterable } from './data/object-rows.ts'
export type { SourceOptions } from './data/source-rows.ts'
export type { NumberBatch } from './data/chunks.ts'
export type { Rejects } from './data/dataset-origin.ts'
export type { OpenCsvOptions } from './data/open-options.ts'
export type { CsvInput } from './data/csv-files.ts'
export type { ReadProgress } from './data/read-progress.ts'
export type { CsvReject } from './data/csv-stream.ts'
export type { ExpectedDates } from './data/csv-dates.ts'
export type { DateOrder } from './data/dates.ts'
export type { DatasetSchema, SchemaColumn } from './data/survey.ts'
export type { ColumnDescription, NumberDescription, TextDescription } from './data/summaries.ts'
export {
  columnValues,
  type CategoricalColumn,
  type Column,
  type NumericColumn,
  type Table,
} from './data/table.ts'
export type { DatasetColumns } from './data/dataset-rows.ts'
export type { DatasetFitOptions, DatasetPredictions } from './dataset-passes.ts'
export type { Evaluation } from './evaluation.ts'
export { Network } from './network.ts'
export type { Parameter } from './parameters.ts'
export { dense, type DenseOptions } from './layers/dense.ts'
export { dropout } from './layers/dropout.ts'
export { batchNorm, type BatchNormOptions } from './layers/batch-norm.ts'
export { add, concat, multiply, residual, type MergeSpec, type Source } from './layers/merge.ts'
export { layerNorm, type LayerNormOptions } from './layers/layer-norm.ts'
export { scale, type ScaleSpec } from './layers/scale.ts'
export { embedding, type EmbeddingOptions, type EmbeddingSpec } from './layers/embedding.ts'
export {
  activation,
  type Activation,
  type ActivationData,
  type ActivationName,
  type OwnActivation,
} from './layers/activation.ts'
export {
  composed,
  type ComposableName,
  type ComposedActivation,
  type ComposedOps,
  type ComposedStep,
  type ComposedValue,
} from './layers/composed.ts'
export { customActivation, type CustomActivation } from './layers/custom.ts'
export type { Initializer, InitializerName, InitializerSettings } from './layers/initializers.ts'
export type { LayerSpec } from './layers/index.ts'
export type { Loss, LossName } from './layers/loss.ts'
export type { NetworkOptions, NetworkSpec } from './spec.ts'
export type { Output, OutputSpec } from './outputs.ts'
export type { BackendOptions } from './backends/choose.ts'
export type { Optimizer, OptimizerName } from './compiler/optimizers.ts'
export type { Rows, Targets } from './training/arrays.ts'
export type { EarlyStopping, FitOptions, MonitorOptions, Recover, Validation } from './training/options.ts'
export type {
  Distribution,
  LayerMonitor,
  Monitor,
  MonitorRecord,
  ParameterMonitor,
} from './training/monitor.ts'
export type { Trajectory } from './training/trajectory.ts'
export type {
  EpochRecord,
  FitRun,
  History,
  OutputScores,
  Progress,
  Recovery,
  StopReason,
  ValidatedEpoch,
  ValidationMetrics,
} from './training/run.ts'
export type { OptimizerState } from './training/carried-optimizer.ts'
export type { ClassWeights, SampleWeights } from './training/weights.ts'
export type { Jacobian, VectorJacobianProduct } from './training/derivatives.ts'
export type { Gradients, StepOptions, StepResult } from './training/step.ts'
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
  type Average,
  type CalibrationOptions,
  type ClassScoreOptions,
  type ConfusionMatrix,
  type ConfusionOptions,
  type Label,
  type MetricOptions,
  type NumberRows,
  type PositiveOptions,
  type ProbabilityOptions,
  type RegressionOptions,
} from './metrics/index.ts'
export {
  checkGradients,
  describeGradientCheck,
  type GradientCheck,
  type GradientCheckOptions,
  type TensorCheck,
} from './explain/check-gradients.ts'
export { explainStep, type ExplainOptions, type Notation } from './explain/explain-step.ts'
export { abilities } from './abilities.ts'
export {
  BackendError,
  DataError,
  DivergenceError,
  SpecError,
  type Autopsy,
  type AutopsyRow,
  type DivergenceCause,
  type FailedInstruction,
  type PlacedValue,
} from './errors.ts'
export { errorCodes, type ErrorCode, type ErrorCodeInfo } from './error-codes.ts'

// What the types above are made of, for those who name them.
export type { ByteStream } from './data/csv-bytes.ts'
export type { ColumnCount } from './data/encoder.ts'
export type { Value as CellValue } from './data/table.ts'
export type { Task } from './data/target.ts'
export type { Complaint, DataPlace } from './errors.ts'
export type { ActivationSettings, ActivationSpec } from './layers/activation.ts'
export type { BatchNormSpec } from './layers/batch-norm.ts'
export type { DenseSpec } from './layers/dense.ts'
export type { DropoutSpec } from './layers/dropout.ts'
export type { LayerNormSpec } from './layers/layer-norm.ts'
export type { Placement, SharedPlacement } from './layers/layer.ts'
export type { LossSettings, LossSpec } from './layers/loss.ts'
export type { AnyModel } from './model/going-on.ts'
export type { ColumnOf } from './model/options.ts'
export type { Dtype, FloatArray, FloatArrayOf } from './ops/arithmetic.ts'
export type { Reduction } from './ops/losses.ts'
export type { IntegerArray } from './training/arrays.ts'
export type { Schedule, ScheduleName } from './training/schedules.ts'
export type { NamedLayer } from './wiring.ts'
