/** Model: raw rows in, answers out. An encoder, a network and the report of how they came to be. */

import type { OpenCsvOptions } from './data/open-options.ts'
import type { CsvInput } from './data/csv-files.ts'
import { Dataset } from './data/dataset.ts'
import { isOtherSource } from './data/open-dataset.ts'
import { readTable } from './data/read-table.ts'
import { Encoder, type ColumnCount } from './data/encoder.ts'
import { RowEncoder } from './data/row-encoder.ts'
import { rowNumbers } from './data/split.ts'
import type { Table } from './data/table.ts'
import type { ClassLabel } from './data/target.ts'
import type { BackendOptions } from './backends/choose.ts'
import { describeValue } from './check.ts'
import { DataError, reasonOf, SpecError } from './errors.ts'
import { parseUntrusted } from './json.ts'
import { describeLoss, lossOf } from './spec.ts'
import { classProbabilities, conformalSet, decideClass } from './model/answers.ts'
import { describeModel } from './model/describe.ts'
import {
  explainTable,
  normalizeExplanation,
  type Explanation,
  type ExplanationOptions,
} from './model/explain.ts'
import { fingerprint } from './model/fingerprint.ts'
import type { AnyModel } from './model/going-on.ts'
import type { GoingOnOptions } from './model/options.ts'
import { anySource, isInput, tableOfRows, type TrainSource } from './model/read-source.ts'
import { readReport, type Conformal, type Scores, type TrainReport } from './model/report.ts'
import { scoreRows, type Scorer } from './model/score.ts'
import { train } from './model/train.ts'
import { Network } from './network.ts'
import { inTurns } from './paced.ts'
import { modelBytes, readModelBytes, readModelFile, writeModelFile, type ModelFile } from './serialize.ts'

/** An answer of a classification model. */
export interface ClassPrediction {
  /** The class that is decided for, as the data have it: the most probable, or by the model's threshold. */
  prediction: ClassLabel
  /** Its probability. */
  probability: number
  /** Probability of every class. */
  probabilities: Record<string, number>
  /** Where the model was trained with a coverage: classes that hold the right one in that share of rows; may be empty. */
  set?: ClassLabel[]
}

/** An answer of a regression model. */
export interface NumberPrediction {
  /** In the unit of the data. */
  prediction: number
  /** Where the model was trained with a coverage: `[low, high]`, which holds the target in that share of rows. */
  interval?: [number, number]
}

/** An answer of a regression model of several targets. */
export interface NumbersPrediction {
  /** A number for each target, by its name, in the unit of the data. */
  prediction: Record<string, number>
  /** Where the model was trained with a coverage: `[low, high]` of each target, which holds it in that share of rows. */
  interval?: Record<string, [number, number]>
}

/** An answer of a model. */
export type Prediction = ClassPrediction | NumberPrediction | NumbersPrediction

/** Answers for the rows of a table, and what was met on the way. */
export interface TablePredictions<P extends Prediction> {
  /** `[rows]` */
  predictions: P[]
  /** Missing inputs by column. */
  missing: ColumnCount[]
  /** Texts that training did not have, by column; they say nothing to the network. */
  unseen: ColumnCount[]
  /** Numbers outside the range of the training rows, by column; the network has to guess beyond what it knows. */
  outside: ColumnCount[]
  /** Columns that the model does not use. */
  extra: string[]
}

/** Scores on rows, and what was met on the way. */
export interface ModelEvaluation extends Scores {
  /** Rows left out because a target is missing. */
  droppedRows: number
  /** Rows whose class training did not have; they count as wrong. */
  unseenClasses: number
  /** Texts that training did not have, by column. */
  unseen: ColumnCount[]
  /** Numbers outside the range of the training rows, by column. */
  outside: ColumnCount[]
  /** Whether these are the data that the model was trained on, test rows included. */
  isTrainingData: boolean
}

/** How a file for prediction is read, where it differs from what is found. */
export interface PredictionCsvOptions {
  delimiter?: ',' | ';' | '\t' | '|'
}

/** How a file to be scored is read. */
export interface EvaluationCsvOptions
  extends PredictionCsvOptions, Pick<OpenCsvOptions, 'onError' | 'onReject'> {}

/**
 * A trained model. Made by {@link train} and {@link loadModel}.
 *
 * `Row` is the type of raw rows; `P` that of answers: {@link ClassPrediction} (default), {@link NumberPrediction}, or of several
 * targets {@link NumbersPrediction}.
 *
 * @example
 * const model = await train('penguins.csv', { target: 'species', seed: 1 })
 * const [p] = model.predict([{ island: 'Dream', bill_length_mm: 39.5, bill_depth_mm: 16.7 }])
 * p.prediction // 'Adelie'
 */
export class Model<Row extends object = Record<string, unknown>, P extends Prediction = ClassPrediction> {
  /** The way from raw columns to inputs and back. */
  readonly encoder: Encoder
  readonly network: Network
  /** Data, course and scores of the training. */
  readonly report: TrainReport
  /** What predictOne uses again and again. */
  #one: { encoder: RowEncoder; x: Float32Array; outputs: Float32Array } | undefined

  constructor(parts: { encoder: Encoder; network: Network; report: TrainReport }) {
    this.encoder = parts.encoder
    this.network = parts.network
    this.report = parts.report
  }

  /**
   * Answers for raw rows: objects with the columns of the training data. A missing value counts as the training mean, or as
   * no category; further keys are left aside.
   *
   * @throws DataError for a column that no row has, and for text where training had numbers
   */
  predict(rows: readonly Row[]): P[] {
    const table = tableOfRows(rows, 'predict')
    return table.rows === 0 ? [] : this.predictTable(table).predictions
  }

  /**
   * The answer for one raw row, for servers: synchronous, and nothing is allocated but the answer.
   *
   * @param row a field for every column that {@link predict} needs, null where missing; target and columns that training
   *   left out may be there
   * @throws DataError naming fields that are missing or unknown, and a value that its column cannot have
   * @example
   * const { prediction } = model.predictOne({ island: 'Dream', bill_length_mm: 39.5, bill_depth_mm: 16.7 })
   */
  predictOne(row: Row): P {
    this.#one ??= {
      encoder: new RowEncoder(this.encoder.data),
      x: new Float32Array(this.encoder.width),
      outputs: new Float32Array(this.network.outputs),
    }
    const { encoder, x, outputs } = this.#one
    encoder.encode(row as Readonly<Record<string, unknown>>, x)
    return this.#decode(this.network.predict(x, outputs))[0] as P
  }

  /**
   * Answers for a table, such as `readCsv` gives.
   *
   * @throws DataError as {@link Model.predict} does
   */
  predictTable(table: Table): TablePredictions<P> {
    const { x, missing, unseen, outside, extra } = this.encoder.encode(table)
    const outputs = table.rows === 0 ? new Float32Array() : this.network.predict(x)
    return { predictions: this.#decode(outputs) as P[], missing, unseen, outside, extra }
  }

  /**
   * Reads an input of `openDataset` for prediction: its columns get the types they had in training.
   *
   * @throws DataError if a column is missing, or a value does not fit its type
   */
  async readTable(
    input: CsvInput,
    options: EvaluationCsvOptions & { hasTarget?: boolean } = {},
  ): Promise<Table> {
    const { hasTarget = false, ...csv } = options
    const types = this.encoder.columnTypes({ hasTarget })
    const { missingTexts } = this.report
    // Other sources than CSV have missing values of their own.
    const missing = missingTexts.length > 0 && !isOtherSource(input) ? missingTexts : undefined
    return readTable(input, { ...csv, types, dates: this.encoder.dateColumns(), missing })
  }

  /**
   * Scores the model on a CSV file or other data that `train` takes; rows without a target are left out, with `onError` wrong
   * records too.
   *
   * @throws DataError if there is no target column, or no row that can be scored
   */
  async evaluate(source: TrainSource<Row>, options: EvaluationCsvOptions = {}): Promise<ModelEvaluation> {
    return this.evaluateTable(await this.#tableOf(source, 'evaluate', { ...options, hasTarget: true }))
  }

  /** @internal What {@link Model.evaluate} does with a table. */
  async evaluateTable(table: Table): Promise<ModelEvaluation> {
    if (table.rows === 0) {
      throw new DataError({
        code: 'HADAMARD_NO_ROWS',
        where: table.source ?? 'evaluate',
        expected: 'rows to score',
        received: '0 rows',
      })
    }
    const scored = await inTurns(scoreRows(this.#scorer(), table, rowNumbers(table.rows)))
    const { unseen, outside } = this.encoder.encode(table)
    const isTrainingData = this.#isTrainingData(table)
    return {
      ...scored.scores,
      droppedRows: scored.droppedRows,
      unseenClasses: scored.unseenClasses,
      unseen,
      outside,
      isTrainingData,
    }
  }

  /**
   * Goes on training with more data, and leaves this model as it is. The encoder stays unless `refitEncoder` is set; split, seed,
   * weights, threshold and coverage are as for {@link train}, and where they are not given as they were.
   *
   * @returns a new model
   * @throws SpecError for an option that cannot be, or that the model has answered already; DataError naming columns that are
   *   missing, or classes that the model does not have
   * @example
   * const better = await model.fit('penguins-2010.csv', { epochs: 20 })
   */
  fit(source: TrainSource<Row>, options: Omit<GoingOnOptions<Row>, 'from'> = {}): Promise<Model<Row, P>> {
    return train<Row, P>(source, { ...options, from: this as AnyModel })
  }

  /**
   * What the model relies on, by raw columns: permutation importance with intervals, partial dependence, and for chosen
   * rows gradient × input and integrated gradients.
   *
   * @param source data that `train` takes, with the target where importance is wanted; rows that were not trained on tell what
   *   helps with new ones
   * @throws SpecError for an option that cannot be; DataError for data that do not fit the model
   * @example
   * const { importance, attributions } = await model.explain('penguins.csv', { rows: [0] })
   * importance[0] // { column: 'bill_length_mm', mean: 0.4…, deviation: 0.0…, interval: [0.4…, 0.4…] }
   */
  async explain(
    source: TrainSource<Row>,
    options: ExplanationOptions<Row> & PredictionCsvOptions = {},
  ): Promise<Explanation> {
    const { delimiter, ...given } = options
    const settings = normalizeExplanation(given)
    const table = await this.#tableOf(source, 'explain', { delimiter, hasTarget: settings.repeats > 0 })
    const explained = { ...this.#scorer(), metric: this.report.metric }
    return {
      ...explainTable(explained, table, settings),
      isTrainingData: this.#isTrainingData(table),
    }
  }

  /**
   * Rows of a table as the network takes them; those without a target, or of a class that training did not have, are left
   * out.
   *
   * @returns x [rows · inputs], and y: class indices [rows], or standardised numbers [rows · targets]
   * @throws DataError if the table has no target column, or no such row
   */
  encodeRows(table: Table): { x: Float32Array; y: Int32Array | Float64Array } {
    const target = this.encoder.encodeTarget(table)
    const isKnown = (i: number): boolean => target.task === 'regression' || target.classes[i] >= 0
    const rows = target.rows.filter((_, i) => isKnown(i))
    if (rows.length === 0) {
      throw new DataError({
        code: 'HADAMARD_NO_ROWS',
        where: table.source ?? 'rows',
        expected: `rows with a known value in column ${this.encoder.targets.map(({ name }) => name).join(' and ')}`,
        received: 'none',
      })
    }
    const y = target.task === 'regression' ? target.values : target.classes.filter((_, i) => isKnown(i))
    return { x: this.encoder.encode(table, rows).x, y }
  }

  /**
   * Writes the model to a file; an existing one is replaced whole or not at all.
   *
   * @throws DataError if the file cannot be written
   */
  async save(path: string): Promise<void> {
    await writeModelFile(path, this.#toFile())
  }

  /**
   * The model as the bytes of its file in memory that threads share: post it to worker threads and read it there with
   * {@link loadModel}, from one copy and without a file. Nothing writes to it.
   *
   * @example
   * new Worker('serve.js', { workerData: model.share() }) // there: await loadModel(workerData)
   */
  share(): SharedArrayBuffer {
    return modelBytes(this.#toFile())
  }

  #toFile(): ModelFile {
    const { train, validation, test, data, split, ...training } = this.report
    const metadata = new Map(
      Object.entries({
        encoder: this.encoder.toJSON(),
        split,
        metrics: { train, validation, test },
        data,
        training,
      }).map(([name, value]) => [name, JSON.stringify(value)]),
    )
    const { spec, parameters, state, optimizerState } = this.network
    return { spec, parameters, state, optimizerState, metadata }
  }

  /** The model as text: what it predicts from what, how well, and its layers. */
  summary(): string {
    return describeModel(this)
  }

  #tableOf(
    source: TrainSource<Row>,
    where: string,
    options: Parameters<Model['readTable']>[1],
  ): Promise<Table> | Table {
    if (isInput(source)) return this.readTable(source, options)
    return source instanceof Dataset ? source.toTable() : tableOfRows(source, where, anySource)
  }

  #scorer(): Scorer {
    const classRows = (this.report.classes ?? []).map(({ trainRows }) => trainRows)
    const { decision = {}, weight } = this.report
    return { encoder: this.encoder, network: this.network, classRows, decision, weight }
  }

  #isTrainingData(table: Table): boolean {
    return fingerprint(table).hash === this.report.data.hash
  }

  #decode(outputs: Float32Array): Prediction[] {
    const { encoder } = this
    const { decision = {} } = this.report
    const { conformal } = decision
    if (encoder.data.furtherTargets !== undefined) return numbersAnswers(encoder, outputs, decision.intervals)
    if (encoder.task === 'regression') {
      return Array.from(outputs, (output) => numberAnswer(encoder.decodeValue(output), conformal))
    }
    const { classes } = encoder
    const all = classProbabilities(outputs, this.network.outputs, decision.calibration?.temperature)
    const answers: Prediction[] = []
    for (let start = 0; start < all.length; start += classes.length) {
      const probabilities = all.length === classes.length ? all : all.subarray(start, start + classes.length)
      answers.push(classAnswer(decideClass(all, start, classes, decision), probabilities, classes, conformal))
    }
    return answers
  }
}

/**
 * Reads a model that {@link Model.save} or the command line has written, or that {@link Model.share} has given.
 *
 * @param source path of a model file, or its bytes
 * @throws DataError if the file is no model file, truncated, damaged or of another version; BackendError if the backend
 *   asked for cannot serve
 * @example
 * const model = await loadModel<Penguin>('penguins.model')
 */
export async function loadModel<
  Row extends object = Record<string, unknown>,
  P extends Prediction = ClassPrediction,
>(source: string | SharedArrayBuffer | Uint8Array, options: BackendOptions = {}): Promise<Model<Row, P>> {
  const isBytes = source instanceof SharedArrayBuffer || source instanceof Uint8Array
  if (typeof source !== 'string' && !isBytes) {
    throw new SpecError({
      where: 'loadModel',
      expected: 'the path of a model file, or its bytes',
      received: describeValue(source),
    })
  }
  const path = isBytes ? 'model' : source
  const file = isBytes
    ? await readModelBytes(source instanceof Uint8Array ? source : new Uint8Array(source))
    : await readModelFile(source)
  const encoder = readPart(file, path, 'encoder', (json) => Encoder.fromJSON(json))
  const report = readPart(file, path, 'training', () => reportOf(file))
  checkTogether(file, encoder, report, path)
  const network = new Network({ ...file.spec, ...options })
  network.setParameters(file.parameters)
  network.setState(file.state)
  network.setOptimizerState(file.optimizerState)
  return new Model({ encoder, network, report })
}

const PLAIN = { enumerable: true, writable: true, configurable: true }

function numberAnswer(prediction: number, conformal?: Conformal): NumberPrediction {
  if (conformal === undefined) return { prediction }
  return { prediction, interval: [prediction - conformal.quantile, prediction + conformal.quantile] }
}

function numbersAnswers(
  encoder: Encoder,
  outputs: Float32Array,
  intervals?: readonly Conformal[],
): NumbersPrediction[] {
  const names = encoder.targets.map(({ name }) => name)
  return Array.from({ length: outputs.length / names.length }, (_, row) => {
    const answers = names.map((_name, j) =>
      numberAnswer(encoder.decodeValue(outputs[row * names.length + j], j), intervals?.[j]),
    )
    return {
      prediction: byName(
        names,
        answers.map(({ prediction }) => prediction),
      ),
      ...(intervals === undefined
        ? {}
        : { interval: byName(names, answers.map(({ interval }) => interval) as [number, number][]) }),
    }
  })
}

function byName<T>(names: readonly ClassLabel[], values: ArrayLike<T>): Record<string, T> {
  const named: Record<string, T> = {}
  for (let i = 0; i < names.length; i++) {
    const name = String(names[i])
    // The one name that an assignment does not make a property of.
    if (name === '__proto__') Object.defineProperty(named, name, { ...PLAIN, value: values[i] })
    else named[name] = values[i]
  }
  return named
}

function classAnswer(
  index: number,
  probabilities: Float64Array,
  classes: readonly ClassLabel[],
  conformal?: Conformal,
): ClassPrediction {
  const answer = {
    prediction: classes[index],
    probability: probabilities[index],
    probabilities: byName(classes, probabilities),
  }
  return conformal === undefined
    ? answer
    : { ...answer, set: conformalSet(probabilities, classes, conformal) }
}

function reportOf({ metadata }: ModelFile): TrainReport {
  const parse = (name: string): object => {
    const json: unknown = parseUntrusted(metadata.get(name) ?? 'null')
    if (typeof json === 'object' && json !== null) return json
    throw new DataError({
      code: 'HADAMARD_MODEL_FILE',
      where: name,
      expected: 'an object',
      received: 'nothing',
    })
  }
  const parts = { ...parse('training'), ...parse('metrics'), split: parse('split'), data: parse('data') }
  return readReport(parts, 'report')
}

function readPart<T>({ metadata }: ModelFile, path: string, name: string, read: (json: unknown) => T): T {
  const text = metadata.get(name)
  if (text === undefined) {
    throw new DataError({
      code: 'HADAMARD_MODEL_FILE',
      where: path,
      expected: `a model with its ${name}`,
      received: 'a network alone',
      cure: 'Read it with Network.load',
    })
  }
  try {
    return read(parseUntrusted(text))
  } catch (error) {
    const reason = reasonOf(error)
    throw new DataError(`${path}: ${reason}`, { code: 'HADAMARD_MODEL_FILE', cause: error })
  }
}

// Each part may be sound and yet not fit the others.
function checkTogether({ spec }: ModelFile, encoder: Encoder, report: TrainReport, path: string): void {
  const { task } = lossOf(spec)
  const numbers = encoder.targets.length
  const outputs = { regression: numbers, margin: 1, binary: 1, classes: encoder.classes.length }[task]
  const last = spec.layers.at(-1)
  const width = last?.type === 'dense' ? last.units : outputs
  const isWhole =
    spec.outputs === undefined &&
    spec.inputs === encoder.width &&
    (task === 'regression') === (encoder.task === 'regression') &&
    (task !== 'binary' || encoder.classes.length === 2) &&
    width === outputs &&
    report.task === encoder.task &&
    (report.decision?.intervals ?? encoder.targets).length === encoder.targets.length &&
    (report.classes ?? []).length === encoder.classes.length
  if (isWhole) return
  throw new DataError({
    code: 'HADAMARD_MODEL_FILE',
    where: path,
    expected: `a network for the encoder's ${encoder.width} inputs and its ${encoder.task}`,
    received: `one with ${spec.inputs} inputs, ${width} outputs and the loss ${describeLoss(spec)}`,
  })
}
