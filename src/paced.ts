/** Long work on the event loop's thread, cut into pieces between which other events have their turn. */

/** Work that stops now and then, at `yield`, and gives its result in the end. */
export type Paced<T> = Generator<void, T, void>

/** Milliseconds after which others have their turn. */
const MOST_MS = 5

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

/** Does the work in one go. */
export function atOnce<T>(work: Paced<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
  }
}
