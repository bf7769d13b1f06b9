/** Long work on the event loop's thread, cut into pieces between which other events have their turn. */

/** Work that stops now and then, at `yield`, and gives its result in the end. */
export type Paced<T> = Generator<void, T, void>

/** Milliseconds after which others have their turn. */
const MOST_MS = 5

/** Rows after which work on many of them stops for a moment: well below a millisecond of simple arithmetic. */
export const ROWS_AT_ONCE = 2 ** 14

let turned = 0

/** Lets other events have their turn where the work of this thread has gone on for some milliseconds. */
export async function breathe(): Promise<void> {
  if (performance.now() - turned < MOST_MS) return
  await new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
  turned = performance.now()
}

/** Does the work, and lets other events have their turn in between. */
export async function inTurns<T>(work: Paced<T>): Promise<T> {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
    await breathe()
  }
}

/** From and to of the pieces that so many rows are worked on by. */
export function* piecesOf(rows: number, rowsAtOnce = ROWS_AT_ONCE): Generator<readonly [number, number]> {
  for (let from = 0; from < rows; from += rowsAtOnce) yield [from, Math.min(rows, from + rowsAtOnce)]
}

/** Sorts numbers ascending in their place, as their own `sort` does: in runs, which are then merged two by two. */
export function* sortInTurns(values: Float64Array): Paced<Float64Array> {
  for (const [from, to] of piecesOf(values.length)) {
    values.subarray(from, to).sort()
    yield
  }
  let [sorted, spare] = [values, values.length > ROWS_AT_ONCE ? new Float64Array(values.length) : values]
  for (let run = ROWS_AT_ONCE; run < values.length; run *= 2) {
    for (let from = 0; from < values.length; from += 2 * run)
      yield* merge(
        sorted,
        spare,
        from,
        Math.min(values.length, from + run),
        Math.min(values.length, from + 2 * run),
      )
    ;[sorted, spare] = [spare, sorted]
  }
  if (sorted !== values) values.set(sorted)
  return values
}

function* merge(
  from: Float64Array,
  into: Float64Array,
  start: number,
  middle: number,
  end: number,
): Paced<void> {
  let [left, right] = [start, middle]
  for (let at = start; at < end; at++) {
    const isLeft = right === end || (left < middle && from[left] <= from[right])
    into[at] = isLeft ? from[left++] : from[right++]
    if (at % ROWS_AT_ONCE === 0) yield
  }
}

/** Does the work in one go. */
export function atOnce<T>(work: Paced<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
  }
}
