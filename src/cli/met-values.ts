/** What commands say of values that training did not have. */

import type { Encoder } from '../data/encoder.ts'
import { plural } from '../model/design.ts'

/** Of texts. */
export function unseenNote(column: string, count: number): string {
  return `column '${column}': ${plural(count, 'value')} that training did not have, taken as none of its categories`
}

/** Of numbers. */
export function outsideNote({ data }: Encoder, column: string, count: number): string {
  const input = data.inputs.find(({ name }) => name === column)
  const [low = NaN, high = NaN] = (input?.type === 'numeric' ? input.range : undefined) ?? []
  return `column '${column}': ${plural(count, 'value')} outside the range of training, ${low} to ${high}: such answers are guesses`
}
