/** Files of schemas: the columns of data with their types, printed by `hadamard schema`, edited, and read by `train`. */

import { readFile } from 'node:fs/promises'
import { describeValue } from '../check.ts'
import { unreadableFile } from '../data/csv-bytes.ts'
import { inferType, type ColumnType } from '../data/input.ts'
import type { DatasetSchema, SchemaColumn } from '../data/survey.ts'
import type { Table } from '../data/table.ts'
import { DataError } from '../errors.ts'
import { parseUntrusted } from '../json.ts'
import { columnTypes } from '../model/options.ts'

/** A column in a file. */
interface WrittenColumn {
  name: string
  type: ColumnType
  /** Of a categorical column; without them they are found. */
  categories?: string[]
}

/** The schema of a table as a text to be edited. */
export function schemaText({ columns }: Table): string {
  const written = columns.map((column): WrittenColumn => {
    const type = inferType(column)
    const list =
      type === 'categorical' && column.type === 'categorical' ? { categories: column.categories } : {}
    return { name: column.name, type, ...list }
  })
  return `{"columns":[\n${written.map((column) => `  ${JSON.stringify(column)}`).join(',\n')}\n]}\n`
}

/**
 * Reads a schema: what is to be read, and what the columns are taken as.
 *
 * @throws DataError where the file cannot be read or is no schema
 */
export async function readSchemaFile(
  path: string,
): Promise<{ schema: DatasetSchema; types: Record<string, ColumnType> }> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadableFile(path, error, 'a schema file')
  })
  const columns = columnsOf(text, path)
  const read = columns.filter(({ type }) => type !== 'ignored')
  return {
    schema: { columns: read.map(schemaColumn) },
    types: Object.fromEntries(read.map(({ name, type }) => [name, type])),
  }
}

function schemaColumn({ name, type, categories }: WrittenColumn): SchemaColumn {
  if (type === 'numeric') return { name, type }
  return { name, type: 'categorical', ...(categories === undefined ? {} : { categories }) }
}

function columnsOf(text: string, path: string): WrittenColumn[] {
  let json: unknown
  try {
    json = parseUntrusted(text)
  } catch (error) {
    const { message } = error as Error
    throw new DataError(
      { code: 'HADAMARD_SCHEMA', where: path, expected: 'a schema as JSON', received: message },
      { cause: error },
    )
  }
  const { columns } = (json ?? {}) as { columns?: unknown }
  if (!Array.isArray(columns) || columns.length === 0) {
    throw new DataError({
      code: 'HADAMARD_SCHEMA',
      where: path,
      expected: '{"columns":[{"name":…,"type":…},…]}',
      received: describeValue(columns ?? json),
      cure: 'Write one with: hadamard schema FILE --output SCHEMA.json',
    })
  }
  const names = new Set<string>()
  return columns.map((column: Partial<Record<string, unknown>> | null, index) => {
    const { name, type, categories } = column ?? {}
    const where = `${path}, columns[${index}]`
    if (typeof name !== 'string' || names.has(name)) {
      const received = typeof name === 'string' ? `'${name}' twice` : describeValue(name)
      throw new DataError({
        code: 'HADAMARD_SCHEMA',
        where: `${where}.name`,
        expected: 'a name of its own',
        received,
      })
    }
    names.add(name)
    if (!columnTypes.includes(type as 'numeric')) {
      const expected = `one of ${columnTypes.join(', ')}`
      throw new DataError(
        { code: 'HADAMARD_SCHEMA', where: `${where}.type`, expected, received: describeValue(type) },
        { column: name },
      )
    }
    const isList = Array.isArray(categories) && categories.every((entry) => typeof entry === 'string')
    if (categories !== undefined && !isList) {
      const received = describeValue(categories)
      throw new DataError(
        { code: 'HADAMARD_SCHEMA', where: `${where}.categories`, expected: 'a list of texts', received },
        { column: name },
      )
    }
    return { name, type: type as ColumnType, categories }
  })
}
