/**
 * The rows of a source of tables, for datasets: a first pass finds the columns that all tables agree on, and every reading
 * brings each table to these. Parses nothing: numbers are numbers and texts are texts already.
 */

import { DataError } from '../errors.ts'
import { numberBatch, tablesOf, type Chunk, type NumberBatch } from './chunks.ts'
import type { DatasetOrigin, Rejects } from './dataset-origin.ts'
import type { OpenCsvOptions } from './open-options.ts'
import { inTurns, type Paced } from '../paced.ts'
import { NumberSummary, RowSample, sampleCapacity, TextSummary, type SampledRows } from './summaries.ts'
import type {
  DatasetSchema,
  SchemaColumn,
  Survey,
  SurveyedColumn,
  SurveyWatcher,
  WatchSurvey,
} from './survey.ts'
import {
  asTexts,
  unknownColumn,
  type CategoricalColumn,
  type Column,
  type NumericColumn,
  type RowSource,
  type Table,
} from './table.ts'

/** What can be said of the columns of a source. */
export type SourceOptions = Pick<OpenCsvOptions, 'types' | 'columns' | 'schema'>

/** What the values of a column are: numbers, texts, booleans, or nothing at all so far. */
type Kind = 'numeric' | 'categorical' | 'boolean' | 'empty'

export class SourceRows implements DatasetOrigin {
  survey: Survey | undefined
  schema: DatasetSchema = { columns: [] }

  private constructor(
    private readonly source: RowSource,
    private readonly options: SourceOptions,
    private readonly watch?: WatchSurvey,
  ) {}

  /**
   * @throws DataError for a column that is asked for and not there, a number that is not finite, and texts in a column
   *   that is declared numeric
   */
  static async open(source: RowSource, options: SourceOptions, watch?: WatchSurvey): Promise<SourceRows> {
    const rows = new SourceRows(source, options, watch)
    const { schema, columns } = options
    if (schema === undefined) rows.schema = (await rows.surveyed()).schema
    else rows.schema = { columns: chosenColumns(schema.columns, columns, `${source.name}, schema`) }
    return rows
  }

  get name(): string {
    return this.source.name
  }

  get rejects(): Rejects {
    return { count: this.source.leftOut?.() ?? 0, records: [] }
  }

  async surveyed(): Promise<Survey> {
    const { types, columns, schema } = this.options
    const given = schema && this.schema.columns.map(({ name }) => name)
    this.survey ??= await surveyTables(this.source, {
      types: { ...Object.fromEntries(schema?.columns.map(({ name, type }) => [name, type]) ?? []), ...types },
      columns: columns ?? given,
      watch: this.watch && { by: this.watch, order: given },
    })
    return this.survey
  }

  async *chunks(): AsyncGenerator<Chunk> {
    const targets = this.schema.columns.map(targetOf)
    let first = 0
    for await (const table of this.source.chunks()) {
      const columns = targets.map((target) => conform(table, target, first))
      const numbers = Float64Array.from({ length: table.rows }, (_, row) => first + row)
      first += table.rows
      yield { table: { rows: table.rows, columns, source: this.name }, numbers }
    }
    if (this.survey !== undefined && first !== this.survey.rows)
      throw unlikeBefore(this.name, this.survey.rows, first)
  }

  tables(wanted: number): AsyncGenerator<Table> {
    return tablesOf(this.chunks(), wanted)
  }

  async *numbers(chosen: readonly number[], wanted: number): AsyncGenerator<NumberBatch> {
    for await (const table of this.tables(wanted)) yield numberBatch(table, chosen)
  }

  async close(): Promise<void> {
    await this.source.close?.()
  }
}

/** Who sees the rows, and the order in which the columns are wanted; default that of the tables. */
interface Watching {
  by: WatchSurvey
  order: readonly string[] | undefined
}

/** Descriptions of the columns of tables; the tables need not agree on types. */
export async function surveyTables(
  source: RowSource,
  {
    types = {},
    columns,
    watch,
  }: Pick<SourceOptions, 'types' | 'columns'> & { watch?: Watching | undefined } = {},
): Promise<Survey> {
  // Declared, or found so far. Whatever turns up late is known to the next pass.
  const kinds = new Map<string, Kind>()
  for (;;) {
    const pass = new TablePass(kinds, types, columns, watch)
    let first = 0
    for await (const table of source.chunks()) {
      // Waits for a watcher that still reads the rows, too.
      await inTurns(pass.add(table, first))
      if (pass.mustRepeat) break
      first += table.rows
    }
    if (pass.mustRepeat) continue
    for (const name of Object.keys(types))
      if (!kinds.has(name)) throw unknownColumn(source.name, name, [...kinds.keys()])
    return pass.finish(first, source.name)
  }
}

/** Sums up the columns of tables whose kinds are known; learns those that are not. */
class TablePass {
  mustRepeat = false
  private readonly numbers = new Map<string, NumberSummary>()
  private readonly texts = new Map<string, TextSummary>()
  private sample: RowSample | undefined
  private watcher: { sees: SurveyWatcher; names: readonly string[] } | undefined

  constructor(
    private readonly kinds: Map<string, Kind>,
    private readonly types: Readonly<Record<string, 'numeric' | 'categorical'>>,
    private readonly chosen: readonly string[] | undefined,
    private readonly watch: Watching | undefined,
  ) {}

  /** Takes in the next rows; where that shows that columns are others, the pass is to be made anew. */
  *add(table: Table, firstRow: number): Paced<Promise<void> | undefined> {
    for (const column of table.columns) this.learn(column, firstRow)
    if (this.mustRepeat) return undefined
    this.sample ??= new RowSample(sampleCapacity(this.kinds.size))
    const { rows } = table
    const sampled = this.sample.add(firstRow, rows)
    const made = new Map<string, SurveyedColumn>()
    for (const [name, kind] of this.kinds) {
      made.set(name, this.addColumn(name, kind, table, firstRow, sampled))
      yield
    }
    if (this.watch === undefined) return undefined
    this.watcher ??= watching(this.watch, this.chosen, [...this.kinds.keys()])
    const columns = this.watcher.names.map((name) => made.get(name))
    return yield* this.watcher.sees.add({ firstRow, rows, sampled, columns })
  }

  finish(rows: number, source: string): Survey {
    const all = [...this.kinds].map(([name, kind]): SchemaColumn => {
      if (kind === 'numeric' || kind === 'empty') return { name, type: 'numeric' }
      const categories = this.texts.get(name)?.categories()
      return {
        name,
        type: 'categorical',
        ...(categories === undefined ? {} : { categories }),
        ...(kind === 'boolean' ? { isBoolean: true } : {}),
      }
    })
    const columns = chosenColumns(all, this.chosen, source)
    return {
      schema: { columns },
      rows,
      columns: columns.map(({ name, type }) => this.summary(name, type).describe(name)),
    }
  }

  private learn(column: Column, first: number): void {
    const known = this.kinds.get(column.name)
    const declared = Object.hasOwn(this.types, column.name) ? this.types[column.name] : undefined
    const kind = declared ?? joined(known ?? 'empty', kindOf(column))
    if (kind === known) return
    this.kinds.set(column.name, kind)
    // Rows before this have been taken for something else. Before numbers, nothing is as good as numbers.
    const isLikeBefore = known === 'empty' && kind === 'numeric'
    if (first > 0 && !isLikeBefore) this.mustRepeat = true
  }

  private addColumn(
    name: string,
    kind: Kind,
    table: Table,
    first: number,
    sampled: SampledRows,
  ): SurveyedColumn {
    const isText = kind === 'categorical' || kind === 'boolean'
    const column = conform(table, targetOf({ name, type: isText ? 'categorical' : 'numeric' }), first)
    if (column.type === 'numeric') {
      checkFinite(column, first, table.source)
      this.summary(name, 'numeric').add(column.values, table.rows, first, sampled)
      return { values: column.values }
    }
    const used = onlyUsed(column)
    this.summary(name, 'categorical').add(used.texts, table.rows, column.missing)
    return used
  }

  private summary<T extends Column['type']>(
    name: string,
    type: T,
  ): T extends 'numeric' ? NumberSummary : TextSummary
  private summary(name: string, type: Column['type']): NumberSummary | TextSummary {
    const found = type === 'numeric' ? this.numbers.get(name) : this.texts.get(name)
    if (found !== undefined) return found
    if (type === 'numeric') {
      const made = new NumberSummary()
      this.numbers.set(name, made)
      return made
    }
    const made = new TextSummary()
    this.texts.set(name, made)
    return made
  }
}

function kindOf(column: Column): Kind {
  const rows = column.type === 'numeric' ? column.values.length : column.codes.length
  if (column.missing === rows) return 'empty'
  if (column.type === 'numeric') return 'numeric'
  return column.isBoolean === true ? 'boolean' : 'categorical'
}

function joined(a: Kind, b: Kind): Kind {
  if (a === 'empty' || a === b) return b
  return b === 'empty' ? a : 'categorical'
}

// A slice or a selection of a table has categories that none of its rows are of.
function onlyUsed({ codes, categories }: CategoricalColumn): { codes: Int32Array; texts: readonly string[] } {
  const places = new Int32Array(categories.length).fill(-1)
  for (const code of codes) if (code >= 0) places[code] = code
  const texts = categories.filter((_, code) => places[code] >= 0)
  if (texts.length === categories.length) return { codes, texts }
  let used = 0
  for (let code = 0; code < places.length; code++) if (places[code] >= 0) places[code] = used++
  return { codes: codes.map((code) => (code < 0 ? -1 : places[code])), texts }
}

function watching(
  { by, order }: Watching,
  chosen: readonly string[] | undefined,
  found: readonly string[],
): { sees: SurveyWatcher; names: readonly string[] } {
  const names = order ?? found.filter((name) => chosen?.includes(name) ?? true)
  return { sees: by(names), names }
}

function unlikeBefore(name: string, before: number, now: number): DataError {
  return new DataError({
    code: 'HADAMARD_SOURCE',
    where: name,
    expected: `the same rows at every reading, ${before} of them`,
    received: String(now),
    cure: 'Give rows that stay as they are while they are read: a copy of the files, or a function that gives the same rows each time',
  })
}

function checkFinite({ name, values }: NumericColumn, first: number, source = 'rows'): void {
  let row = 0
  while (row < values.length && Math.abs(values[row]) !== Infinity) row++
  if (row === values.length) return
  const where = `${source} row ${first + row}, column ${name}`
  const cure = 'Leave the row out, or make it a missing value'
  throw new DataError(
    { code: 'HADAMARD_NOT_FINITE', where, expected: 'a finite number', received: String(values[row]), cure },
    { column: name },
  )
}

function chosenColumns(
  all: readonly SchemaColumn[],
  chosen: readonly string[] | undefined,
  where: string,
): SchemaColumn[] {
  const names = all.map(({ name }) => name)
  const stranger = chosen?.find((name) => !names.includes(name))
  if (stranger !== undefined) throw unknownColumn(where, stranger, names)
  return all.filter(({ name }) => chosen?.includes(name) ?? true)
}

/** A column of the schema, with its codes where it has categories. */
interface Target {
  column: SchemaColumn
  codeOf: ReadonlyMap<string, number> | undefined
}

function targetOf(column: SchemaColumn): Target {
  const list = column.type === 'categorical' ? column.categories : undefined
  return { column, codeOf: list && new Map(list.map((text, code) => [text, code])) }
}

// The column of a table as the schema has it.
function conform(table: Table, { column, codeOf }: Target, firstRow: number): Column {
  const { name } = column
  const found = table.columns.find((candidate) => candidate.name === name) ?? emptyColumn(name, table.rows)
  if (column.type === 'numeric') {
    if (found.type === 'numeric') return found
    if (found.missing === table.rows) return emptyColumn(name, table.rows)
    throw notNumeric(table, found, firstRow)
  }
  const texts = asTexts(found)
  const flag = column.isBoolean === true ? { isBoolean: true } : {}
  if (codeOf === undefined) return { ...texts, ...flag }
  const renamed = texts.categories.map((text) => codeOf.get(text) ?? -1)
  const codes = texts.codes.map((code) => (code < 0 ? -1 : renamed[code]))
  const missing = codes.reduce((count, code) => count + (code < 0 ? 1 : 0), 0)
  return { name, type: 'categorical', codes, categories: column.categories ?? [], missing, ...flag }
}

function emptyColumn(name: string, rows: number): NumericColumn {
  return { name, type: 'numeric', values: new Float64Array(rows).fill(NaN), missing: rows }
}

function notNumeric(table: Table, { name, codes, categories }: CategoricalColumn, first: number): DataError {
  const row = codes.findIndex((code) => code >= 0)
  const where = `${table.source ?? 'rows'} row ${first + row}, column ${name}`
  const received = `'${categories[codes[row]]}'`
  return new DataError(
    {
      code: 'HADAMARD_COLUMN_TYPE',
      where,
      expected: 'a number, as the column is declared numeric',
      received,
    },
    { column: name },
  )
}
