/** `hadamard schema FILE`: the columns of a CSV file, as a table or as a TypeScript interface. */

import type { Command } from 'commander'
import { readCsv, type CsvOptions } from '../data/csv.ts'
import { inferType } from '../data/input.ts'
import type { Column, Table } from '../data/table.ts'
import { alignColumns } from '../model/align.ts'
import { parseDelimiter } from './flags.ts'

interface Flags {
  types?: boolean
  json?: boolean
  delimiter?: CsvOptions['delimiter']
}

/** Adds the command. */
export function addSchema(program: Command): void {
  program
    .command('schema')
    .summary('show the columns of a CSV file')
    .description(
      'Show the columns of a CSV file with the types that train finds, or the TypeScript interface of its rows.',
    )
    .argument('<file>', 'CSV file with a header line')
    .option(
      '--types',
      'print the interface for train<Row> and loadModel<Row>, in which null is a missing value',
    )
    .option('--delimiter <char>', 'comma, semicolon, tab or pipe (default: found)', parseDelimiter)
    .option('--json', 'print one JSON line')
    .action(async (file: string, { types = false, json = false, delimiter }: Flags) => {
      const table = await readCsv(file, { delimiter })
      process.stdout.write(`${(types ? rowInterface(table) : schemaLines(table, json)).join('\n')}\n`)
    })
}

/** The rows of a table as a TypeScript interface. */
export function rowInterface({ columns }: Table): string[] {
  const field = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name))
  const typeOf = ({ type, missing }: Column): string =>
    (type === 'numeric' ? 'number' : 'string') + (missing > 0 ? ' | null' : '')
  return [
    'export interface Row {',
    ...columns.map((column) => `  ${field(column.name)}: ${typeOf(column)}`),
    '}',
  ]
}

function schemaLines({ rows, columns }: Table, isJson: boolean): string[] {
  const facts = columns.map((column) => ({
    name: column.name,
    type: inferType(column),
    missing: column.missing,
    ...(column.type === 'categorical' ? { categories: column.categories.length } : {}),
  }))
  if (isJson) return [JSON.stringify({ event: 'result', rows, columns: facts })]
  const lines = facts.map(({ name, type, missing, categories }) => [
    name,
    type,
    missing === 0 ? '-' : missing.toLocaleString('en'),
    categories === undefined ? '-' : categories.toLocaleString('en'),
  ])
  return alignColumns([['column', 'type', 'missing', 'different texts'], ...lines], [0, 1])
}
