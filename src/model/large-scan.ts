/** The first pass over a file larger than memory, as training sees it: parts, counts of columns and targets, and a sample of every part. */

import { chooseRowLoops } from '../backends/choose.ts'
import { numbersFrom } from '../data/chunks.ts'
import type { ColumnSpool } from '../data/column-spool.ts'
import type { EncoderData } from '../data/encoder.ts'
import type { RowLoops } from '../data/row-loops.ts'
import { RowSampleStore } from '../data/row-sample-store.ts'
import type { DatasetSchema, SchemaColumn, SurveyedRows, SurveyWatcher } from '../data/survey.ts'
import { countOf, type Column, type Table } from '../data/table.ts'
import { taskOfKinds, type NumberTarget } from '../data/target.ts'
import { categoriesOf, TrainingTally, type TrainingSummary } from '../data/training-summary.ts'
import { DataError } from '../errors.ts'
import { breathe, inTurns, type Paced } from '../paced.ts'
import { streamKey } from '../random.ts'
import {
  partNames,
  partRule,
  listedTexts,
  rowsWithAll,
  ruleColumns,
  type PartCounts,
  type PartRule,
  type TimeLimits,
} from './large-parts.ts'
import type { TrainSettings } from './options.ts'
import { noTrainingRows } from './parts.ts'
import type { ClassReport } from './report.ts'
import { TargetCounts } from './target-counts.ts'

const SAMPLE_BYTES = 24 * 2 ** 20
const MOST_SAMPLED = 2 ** 16

/** What a reading knows beforehand, and where it keeps the rows. */
export interface Scanning {
  /** Of the file; infinite where nobody knows yet. */
  readonly rows: number
  readonly times?: TimeLimits
  readonly spool?: ColumnSpool
}

/** Takes in the rows while they pass by. */
export class Scan implements SurveyWatcher {
  readonly tally: TrainingTally
  droppedRows = 0
  private readonly rule: PartRule
  private readonly samples: (RowSampleStore | undefined)[] = partNames.map(() => undefined)
  private readonly wanted: number
  private readonly loops: RowLoops
  private readonly drawKey: Uint32Array
  private readonly spool: ColumnSpool | undefined
  private readonly targetIndices: readonly number[]
  private readonly counts: readonly TargetCounts[]
  /** The texts that each target may have, where a schema lists them. */
  private readonly allowed: readonly (ReadonlySet<string> | undefined)[]
  private readonly partRows = partNames.map(() => 0)
  private readonly memory = [new Uint32Array(0), new Uint32Array(0)]

  constructor(
    private readonly names: readonly string[],
    private readonly settings: TrainSettings,
    { rows, times, spool }: Scanning,
  ) {
    spool?.restart()
    const { seed, targets, task } = settings
    this.spool = spool
    this.loops = chooseRowLoops(settings)
    this.tally = new TrainingTally(names.length, this.loops)
    this.rule = partRule(settings, rows, times, this.loops)
    this.drawKey = streamKey(seed, 'sample')
    this.targetIndices = targets.map((target) => names.indexOf(target))
    this.counts = targets.map(() => new TargetCounts(task))
    this.allowed = targets.map((target) => listedTexts(settings, target))
    this.wanted = Math.min(MOST_SAMPLED, Math.max(1000, Math.floor(SAMPLE_BYTES / (8 * names.length))))
  }

  *add(block: SurveyedRows): Paced<Promise<void> | undefined> {
    const { rows, firstRow, columns } = block
    const targets = this.targetIndices.map((index) => columns[index])
    const isKnown = rowsWithAll(rows, targets, this.allowed)
    const partedBy = ruleColumns(this.settings, (name) => columns[this.names.indexOf(name)])
    const numbers = numbersFrom(firstRow, rows)
    const partOf = yield* this.rule(numbers, partedBy)
    const isTrained = new Uint8Array(rows)
    for (let row = 0; row < rows; row++) {
      isTrained[row] = isKnown[row] === 1 && partOf[row] === 0 ? 1 : 0
      this.droppedRows += 1 - isKnown[row]
    }
    yield
    const pieces = this.tally.add(block, isTrained)
    yield
    targets.forEach((column, i) => {
      if (column !== undefined) this.counts[i].addRows(column, isKnown, isTrained)
    })
    const written = this.spool?.add(firstRow, rows, pieces, partOf)
    yield* this.addSamples(numbers, partOf, isKnown, pieces)
    return written
  }

  private *addSamples(
    numbers: Float64Array,
    partOf: Uint8Array,
    isKnown: Uint8Array,
    pieces: readonly (Float64Array | Int32Array)[],
  ): Paced<void> {
    const draws = this.scratch(0, numbers.length)
    this.loops.drawRows(this.drawKey, numbers, draws)
    for (const part of partNames.keys()) {
      const rows = this.candidates(part, partOf, isKnown, draws)
      if (rows.length === 0) continue
      const store = (this.samples[part] ??= new RowSampleStore(this.wanted, this.names.length, this.loops))
      yield
      store.add(rows, draws, pieces)
    }
  }

  // Counts the rows of a part, and finds those that may be in its sample.
  private candidates(part: number, partOf: Uint8Array, isKnown: Uint8Array, draws: Uint32Array): Uint32Array {
    const rows = this.scratch(1, partOf.length)
    const limit = this.samples[part]?.limit ?? Infinity
    let [found, count] = [0, 0]
    for (let row = 0; row < partOf.length; row++) {
      if (partOf[row] !== part || isKnown[row] === 0) continue
      count++
      if (draws[row] < limit) rows[found++] = row
    }
    this.partRows[part] += count
    return rows.subarray(0, found)
  }

  // Used again for every piece: what each leaves would wait for the collector.
  private scratch(place: number, rows: number): Uint32Array {
    if (this.memory[place].length < rows) this.memory[place] = new Uint32Array(2 * rows)
    return this.memory[place].subarray(0, rows)
  }

  get parts(): PartCounts {
    const [train, validation, test, calibration] = this.partRows
    return { train, validation, test, calibration }
  }

  /** What is to be predicted, and the rows of each class. */
  targets(
    { columns }: DatasetSchema,
    summary: TrainingSummary,
  ): Pick<EncoderData, 'target' | 'furtherTargets' | 'taskReason'> & { classes?: ClassReport[] } {
    const { targetIndices, counts, settings } = this
    const { task, reason } = taskOfKinds(
      counts.map((count, i) => {
        const column = columns[targetIndices[i]]
        return { name: column.name, type: column.type, ...count.inferred(column) }
      }),
      settings.task,
    )
    if (task === 'classification') {
      const column = columns[targetIndices[0]]
      const { name } = column
      const { classes, reports } = counts[0].classes(column, this.tally.othersOf(targetIndices[0]))
      return { target: { name, task, classes }, taskReason: reason, classes: reports }
    }
    const [target, ...furtherTargets] = targetIndices.map((index): NumberTarget => {
      const { name, type } = columns[index]
      if (type !== 'numeric') {
        throw textAsNumber(name)
      }
      const range = settings.preset === 'realmlp' ? { range: summary.rangeOf(index) } : {}
      return { name, task: 'regression', ...summary.scaleOf(index), ...range }
    })
    return { target, ...(furtherTargets.length === 0 ? {} : { furtherTargets }), taskReason: reason }
  }

  async sampleTable(
    { columns }: DatasetSchema,
    source: string,
  ): Promise<{ sample: Table; sampled: PartCounts }> {
    const [train, validation, test, calibration] = this.samples.map((store) => store?.rows ?? 0)
    if (train > 0) {
      const rows = train + validation + test + calibration
      const values = columns.map(() => new Float64Array(rows))
      let first = 0
      for (const store of this.samples) {
        if (store === undefined) continue
        await inTurns(store.copyTo(values, first))
        first += store.rows
      }
      const made: Column[] = []
      for (const [index, column] of columns.entries()) {
        made.push(this.sampledColumn(column, index, values[index]))
        await breathe()
      }
      return { sample: { rows, columns: made, source }, sampled: { train, validation, test, calibration } }
    }
    const { droppedRows } = this
    const known = this.partRows.reduce((sum, count) => sum + count, 0)
    if (known > 0) throw noTrainingRows(source, droppedRows + known)
    const names = this.settings.targets.join(' and ')
    const received = droppedRows > 0 ? `${droppedRows} rows, none with a value in column ${names}` : '0 rows'
    throw new DataError({ code: 'HADAMARD_NO_ROWS', where: source, expected: 'rows to train on', received })
  }

  private sampledColumn(column: SchemaColumn, index: number, values: Float64Array): Column {
    const { name } = column
    if (column.type === 'numeric')
      return { name, type: 'numeric', values, missing: countOf(values, Number.isNaN) }
    let missing = 0
    const categories = categoriesOf(column)
    const codeOf = this.tally.codesOf(index, categories)
    const codes = new Int32Array(values.length)
    for (let row = 0; row < codes.length; row++) {
      codes[row] = values[row] < 0 ? -1 : codeOf[values[row]]
      if (codes[row] < 0) missing++
    }
    return { name, type: 'categorical', codes, categories, missing, ...booleanFlag(column) }
  }
}

/** What a column of a table has where its schema says that the values are booleans. */
export function booleanFlag(column: SchemaColumn): { isBoolean?: true } {
  return column.type === 'categorical' && column.isBoolean === true ? { isBoolean: true } : {}
}

function textAsNumber(column: string): DataError {
  const expected = `classification, as column '${column}' has texts`
  return new DataError(
    { code: 'HADAMARD_TARGET_COLUMN', where: 'task', expected, received: 'regression' },
    { column },
  )
}
