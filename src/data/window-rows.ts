/** How many rows are mixed with one another where nobody says. It follows from the data alone, never from the machine. */

import { rowBytes, type RowLayout } from './packed-format.ts'

const WINDOW_BYTES = 2 ** 25
const MOST_ROWS = 2 ** 18
const LEAST_ROWS = 2 ** 10

/** Rows of a window by default: what 32 MiB hold, at most 262,144 and at least 1,024. */
export function windowRowsOf(layout: RowLayout): number {
  return Math.max(LEAST_ROWS, Math.min(MOST_ROWS, Math.floor(WINDOW_BYTES / rowBytes(layout))))
}
