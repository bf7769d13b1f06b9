/** What is measured, and against each other: this library's backends, and rivals. */

import type { Case } from './cases.ts'

/** A case that a peer has ready to run. */
export interface Meter {
  /** Repeats the case for about that long and gives items per second, as {@link Case.value} takes them. */
  rate(milliseconds: number): Promise<number>
}

/** Something that runs cases. */
export interface Peer {
  /** `hadamard-native`, `hadamard-native-avx2`, `hadamard-fallback`, or the rival's name. */
  readonly name: string
  readonly version: string
  /** Makes a case ready, or says why it cannot. The one opened before is gone then. */
  open(one: Case): Promise<Meter | string>
  close(): void
}
