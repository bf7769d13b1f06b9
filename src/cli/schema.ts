/** `hadamard schema FILE`: the columns of a CSV file, as a table or as a TypeScript interface. */

import type { Command } from 'commander'
import type { CsvOptions } from '../data/csv.ts'
import { inferType } from '../data/input.ts'
import { readTable } from '../data/read-table.ts'
import type { Column, Table } from '../data/table.ts'
import { alignColumns } from '../model/align.ts'
import { dataHelp, inputOf } from './data-files.ts'
import { parseDelimiter } from './flags.ts'
import { schemaText } from './schema-file.ts'
import { checkWritten, openSink } from './sink.ts'

interface Flags {
  types?: boolean
  json?: boolean
  output?: string
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
    .argument('<file...>', dataHelp)
    .option(
      '--types',
      'print the interface for train<Row> and loadModel<Row>, in which null is a missing value',
    )
    .option('-o, --output <file>', 'write the columns as JSON, to be edited and given to train --schema')
    .option('--delimiter <char>', 'comma, semicolon, tab or pipe (default: found)', parseDelimiter)
    .option('--json', 'print one JSON line')
    .action(async (files: string[], { types = false, json = false, output, delimiter }: Flags) => {
      checkWritten({ '--output': output }, files)
      const table = await readTable(inputOf(files), { delimiter })
      if (output !== undefined) {
        const sink = await openSink(output)
        await sink.write(schemaText(table))
        await sink.end()
      }
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
