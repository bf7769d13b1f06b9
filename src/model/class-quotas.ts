/** Holds the same share out of every class while rows pass by: of every few rows of a class so many, drawn at random. */

import { randomStream, type RandomStream } from '../random.ts'

/** Beyond so many values a target has no classes, which training tells in the end. */
const MOST_CLASSES = 100_000

/** A part that rows are held out for, as a place among the parts. */
export interface HeldPart {
  /** Of its stream of draws. */
  readonly name: string
  readonly part: number
  readonly share: number
}

interface Rule {
  readonly part: number
  readonly share: number
  readonly blockRows: number
  readonly stream: RandomStream
}

/** How many rows of a class have come so far, and how many of its last few were held out. */
interface Quota {
  rows: number
  held: number
}

/**
 * To which part the next row of a class belongs. Of every `blockRows` of its rows, about 1 / share, the share is held out,
 * rounded so that no error adds up: of n rows their number is within two of n · share. The first row of a class is trained on.
 */
export class ClassQuotas {
  private readonly rules: readonly Rule[]
  private readonly classes = new Map<string | number, Quota[]>()

  /** @param held the parts in the order in which rows are taken for them, each from what the others leave */
  constructor(seed: number, held: readonly HeldPart[]) {
    this.rules = held.map(({ name, part, share }) => ({
      part,
      share,
      blockRows: Math.max(2, Math.round(1 / Math.min(share, 1 - share))),
      stream: randomStream(seed, name),
    }))
  }

  /** The part of the next row of a class, 0 where it is not held out. */
  partOfNext(key: string | number, number: number): number {
    const quotas = this.classes.get(key)
    if (quotas !== undefined)
      return this.rules.find((rule, index) => isHeldNext(rule, quotas[index], number))?.part ?? 0
    if (this.classes.size < MOST_CLASSES)
      this.classes.set(
        key,
        this.rules.map(() => ({ rows: 0, held: 0 })),
      )
    return 0
  }
}

/** @source Knuth 1997, The Art of Computer Programming 2, 3.4.2, algorithm S: so many of a block, every choice as likely */
function isHeldNext({ stream, blockRows, share }: Rule, quota: Quota, number: number): boolean {
  const place = quota.rows % blockRows
  if (place === 0) quota.held = 0
  const start = quota.rows - place
  const wanted = Math.round((start + blockRows) * share) - Math.round(start * share)
  const isHeld = stream.below(blockRows - place, number) < wanted - quota.held
  if (isHeld) quota.held++
  quota.rows++
  return isHeld
}
