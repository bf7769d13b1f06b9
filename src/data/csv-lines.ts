/** The physical lines on which the records of a CSV begin, for those who want to look them up in the file. */

import { Tokenizer } from './csv-parser.ts'

/** Records of a file: `bytes[start, end)`, the first at the physical line `line`. */
export interface RecordBytes {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly line: number
}

/**
 * The line of each record.
 *
 * @param columns of the file; where there is one, blank lines are records
 * @param leftOut offsets in `bytes` that lie in records which are not to be counted
 * @example
 * recordLines({ bytes: Buffer.from('1,2\n\n3,4\n'), start: 0, end: 9, line: 2 }, ',', 2) // [ 2, 4 ]
 */
export function recordLines(
  { bytes, start, end, line }: RecordBytes,
  delimiter: number,
  columns: number,
  leftOut: readonly number[] = [],
): number[] {
  const field = new Tokenizer(bytes.subarray(0, end), delimiter, start, line)
  const lines: number[] = []
  while (!field.isAtEnd()) {
    if (columns > 1 && field.skipBlankLine()) continue
    const [from, at] = [field.position, field.line]
    do if (field.next() !== undefined) field.skipRecord()
    while (!field.isLast)
    if (!leftOut.some((offset) => offset >= from && offset < field.position)) lines.push(at)
  }
  return lines
}
