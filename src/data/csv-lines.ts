/** The physical lines on which the rows of a CSV begin, for those who want to look them up in the file. */

import { readBytes } from './csv-bytes.ts'
import { readHead } from './csv-head.ts'
import { Tokenizer } from './csv-parser.ts'

/**
 * The line of each row of a file that has been read without an error; the first line of the file is 1.
 *
 * @returns [rows]
 * @throws DataError where the file cannot be read
 * @example
 * await rowLines('penguins.csv') // Uint32Array(344) [ 2, 3, 4, … ]
 */
export async function rowLines(
  path: string,
  options: { delimiter?: ',' | ';' | '\t' | '|' } = {},
): Promise<Uint32Array> {
  const bytes = await readBytes(path)
  const { delimiter, start, line, names } = readHead(bytes, options, path)
  const field = new Tokenizer(bytes, delimiter, start, line)
  const lines: number[] = []
  while (!field.isAtEnd()) {
    if (names.length > 1 && field.skipBlankLine()) continue
    lines.push(field.line)
    do field.next()
    while (!field.isLast)
  }
  return Uint32Array.from(lines)
}
