/** Parts rows into those to train on and those held out: by a hash, by class, by a permutation or by a file. */

import { readFile } from 'node:fs/promises'
import { DataError, reasonOf, SpecError } from '../errors.ts'
import { atOnce, ROWS_AT_ONCE, type Paced } from '../paced.ts'
import type { RandomStream } from '../random.ts'
import { RowMarks } from './row-marks.ts'

/** Row numbers from 0 in two disjoint parts. */
export interface Split {
  train: Uint32Array
  /** The rows held out: for the test or for validation. */
  test: Uint32Array
}

const splitKeys = ['train', 'test'] as const
/** Row numbers of a split have 32 bits. */
export const MOST_ROWS = 2 ** 32

/** The draws a split needs; the streams of src/random.ts have them. */
export type SplitStream = Pick<RandomStream, 'uint32' | 'below'>

/**
 * Holds out the rows whose hash falls below the share. Whether a row is held out depends on the stream and its number
 * alone, so a file split in memory and the same file streamed agree. The parts are ascending; either may be empty in a
 * small file.
 *
 * @param rows row numbers to part
 * @param share of the rows to hold out, 0 to 1 without 1
 * @throws SpecError for another share
 * @example
 * hashSplit(rowNumbers(150), 0.2, randomStream(1, 'split.test')) // { train: […about 120], test: […about 30] }
 */
export function hashSplit(
  rows: ArrayLike<number>,
  share: number,
  stream: Pick<RandomStream, 'uint32'>,
): Split {
  checkShare(share)
  const limit = share * 2 ** 32
  return part(rows, (row) => stream.uint32(row) < limit)
}

/**
 * Holds out the same share of every class, drawn at random; both parts are ascending. The number held out is the share of
 * all rows, rounded; what the classes' shares leave over goes to the largest remainders, ties to the first class. No class
 * loses its last row to the part held out.
 *
 * @param classes the class of each of `rows`, an integer from 0; rows of class -1 are a class of their own
 * @throws SpecError for a share outside 0 to 1 without 1
 */
export function stratifiedSplit(
  rows: ArrayLike<number>,
  classes: ArrayLike<number>,
  share: number,
  stream: Pick<RandomStream, 'below'>,
): Split {
  return atOnce(stratifiedSplitInTurns(rows, classes, share, stream))
}

/** The same by pieces of the rows. */
export function* stratifiedSplitInTurns(
  rows: ArrayLike<number>,
  classes: ArrayLike<number>,
  share: number,
  stream: Pick<RandomStream, 'below'>,
): Paced<Split> {
  checkShare(share)
  const order = yield* permutationInTurns(rows.length, stream)
  const groups = new Map<number, number[]>()
  for (const index of order) {
    const group = groups.get(classes[index])
    if (group === undefined) groups.set(classes[index], [index])
    else group.push(index)
  }
  yield
  const sorted = [...groups].sort(([a], [b]) => a - b).map(([, group]) => group)
  const quotas = shareOut(
    sorted.map((group) => group.length),
    share,
  )
  const isHeld = new Uint8Array(rows.length)
  sorted.forEach((group, index) => {
    for (let i = 0; i < quotas[index]; i++) isHeld[group[i]] = 1
  })
  yield
  return part(rows, (_, index) => isHeld[index] === 1)
}

/**
 * Holds out the first rows of a random permutation: the share of all, rounded, at least 1 and at most all but 1 where the
 * share is above 0 and there are two rows. Both parts keep the order of the permutation.
 *
 * @throws SpecError for a share outside 0 to 1 without 1
 */
export function permutedSplit(
  rows: ArrayLike<number>,
  share: number,
  stream: Pick<RandomStream, 'below'>,
): Split {
  checkShare(share)
  const order = permutation(rows.length, stream).map((index) => rows[index])
  const wanted = share === 0 ? 0 : Math.max(1, Math.round(share * rows.length))
  const held = Math.max(0, Math.min(rows.length - 1, wanted))
  return { train: order.slice(held), test: order.slice(0, held) }
}

/**
 * A random order of the numbers 0 to `count - 1`.
 *
 * @source Durstenfeld 1964, Algorithm 235: Random permutation (Fisher and Yates)
 */
export function permutation(count: number, stream: Pick<RandomStream, 'below'>): Uint32Array {
  return atOnce(permutationInTurns(count, stream))
}

function* permutationInTurns(count: number, stream: Pick<RandomStream, 'below'>): Paced<Uint32Array> {
  const order = rowNumbers(count)
  for (let i = count - 1; i > 0; i--) {
    const other = stream.below(i + 1, i)
    const value = order[i]
    order[i] = order[other]
    order[other] = value
    if (i % ROWS_AT_ONCE === 0) yield
  }
  return order
}

/** So many numbers from `first` on, ascending. */
export function rowNumbers(count: number, first = 0): Uint32Array {
  const rows = new Uint32Array(count)
  for (let row = 0; row < count; row++) rows[row] = first + row
  return rows
}

/**
 * Reads a split file, see {@link parseSplit}.
 *
 * @param rows how many rows the table has
 * @throws DataError where the file cannot be read or is no split of `rows` rows
 */
export async function readSplit(path: string, rows: number): Promise<Split> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const received = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'a directory' : message
    throw new DataError(
      { code: 'HADAMARD_FILE_READ', where: path, expected: 'a split file', received },
      { cause: error },
    )
  }
  return parseSplit(text, rows, path)
}

/**
 * Reads a split written as JSON, `{"train":[…],"test":[…]}`, with row numbers from 0 that do not count the header. Other
 * keys are ignored; a row may be in neither part, but not in both, nor twice in one. The order of the numbers is kept.
 *
 * @param rows how many rows the table has, at most 2³²
 * @param source the file's name, for messages
 * @throws DataError naming the file and the offending number
 * @example
 * parseSplit('{"train":[2,0],"test":[1]}', 3, 'split.json') // { train: [2, 0], test: [1] }
 */
export function parseSplit(text: string, rows: number, source: string): Split {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    const received = `other text (${reasonOf(error)})`
    throw new DataError(
      { code: 'HADAMARD_SPLIT', where: source, expected: 'a split as JSON', received },
      { cause: error },
    )
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new DataError({
      code: 'HADAMARD_SPLIT',
      where: source,
      expected: 'an object {"train":[…],"test":[…]}',
      received: JSON.stringify(json),
    })
  }
  const seen = new RowMarks()
  return {
    train: rowList(json as Record<string, unknown>, 'train', rows, seen, source),
    test: rowList(json as Record<string, unknown>, 'test', rows, seen, source),
  }
}

function rowList(
  json: Record<string, unknown>,
  key: (typeof splitKeys)[number],
  rows: number,
  seen: RowMarks,
  source: string,
): Uint32Array {
  const where = `${source} ${key}`
  const list: unknown = Object.hasOwn(json, key) ? json[key] : undefined
  if (!Array.isArray(list) || list.length === 0) {
    const received = list === undefined ? 'none' : Array.isArray(list) ? 'an empty one' : typeof list
    throw new DataError({ code: 'HADAMARD_SPLIT', where, expected: 'a list of row numbers', received })
  }
  const mark = 1 + splitKeys.indexOf(key)
  return Uint32Array.from(list as unknown[], (row) => {
    if (typeof row !== 'number' || !Number.isInteger(row) || row < 0 || row >= rows)
      throw wrongRow(where, row, rows)
    const other = seen.get(row)
    if (other !== 0) {
      const received = other === mark ? `${row} twice` : `${row} in ${splitKeys[other - 1]} and in ${key}`
      throw new DataError({ code: 'HADAMARD_SPLIT', where, expected: 'every row at most once', received })
    }
    seen.set(row, mark)
    return row
  })
}

/** The error of what is no row of a table of so many rows. */
export function wrongRow(where: string, row: unknown, rows: number): DataError {
  const expected = rows === 0 ? 'no row, as the table has none' : `row numbers from 0 to ${rows - 1}`
  return new DataError({ code: 'HADAMARD_SPLIT', where, expected, received: JSON.stringify(row) })
}

function checkShare(share: number): void {
  if (typeof share === 'number' && share >= 0 && share < 1) return
  throw new SpecError({
    where: 'share',
    expected: 'a number from 0 to 1, without 1',
    received: String(share),
  })
}

// How many to take of each group: rounded in all, no group emptied, what is left over to the largest remainders.
function shareOut(sizes: readonly number[], share: number): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const quotas = sizes.map((size) => Math.min(size - 1, Math.floor(size * share)))
  let left = Math.round(total * share) - quotas.reduce((sum, quota) => sum + quota, 0)
  const byRemainder = sizes
    .map((size, index) => ({ index, remainder: size * share - Math.floor(size * share) }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index)
  for (const { index } of byRemainder) {
    if (left <= 0) break
    if (quotas[index] + 1 >= sizes[index]) continue
    quotas[index]++
    left--
  }
  return quotas
}

function part(rows: ArrayLike<number>, isHeldOut: (row: number, index: number) => boolean): Split {
  const train: number[] = []
  const test: number[] = []
  for (let index = 0; index < rows.length; index++)
    (isHeldOut(rows[index], index) ? test : train).push(rows[index])
  return { train: Uint32Array.from(train), test: Uint32Array.from(test) }
}
