/** One raw object to the inputs of a network, without allocating: what a server does with each request. */

import { describeValue } from '../check.ts'
import { DataError, nearestName } from '../errors.ts'
import type { EncoderData } from './encoder.ts'
import { inputWidth, writerOf, type InputWriter } from './input.ts'
import { nameList, type Value } from './table.ts'

/** The fields that a row must have, and those that it may have beside them. */
export class RowEncoder {
  readonly #names: readonly string[]
  readonly #writers: readonly InputWriter[]
  readonly #offsets: readonly number[]
  readonly #others: ReadonlySet<string>

  constructor({ inputs, target, furtherTargets = [], ignored }: EncoderData) {
    this.#names = inputs.map(({ name }) => name)
    this.#writers = inputs.map(writerOf)
    let offset = 0
    this.#offsets = inputs.map((input) => (offset += inputWidth(input)) - inputWidth(input))
    this.#others = new Set([target, ...furtherTargets].map(({ name }) => name).concat(ignored))
  }

  /**
   * Writes a row's inputs; null and NaN are missing values.
   *
   * @param row an object with a field for every input column; target and columns that training left out may be there
   * @throws DataError naming fields that are missing or unknown, and the value that a column cannot have
   */
  encode(row: Readonly<Record<string, unknown>>, x: Float32Array): void {
    x.fill(0)
    const names = this.#names
    for (let i = 0; i < names.length; i++) {
      const value = row[names[i]]
      if (value === undefined) throw this.#withoutFields(row)
      const outcome = this.#writers[i](value as Value, x, this.#offsets[i])
      if (outcome === 'wrong' || (typeof value === 'object' && value !== null))
        throw this.#wrongValue(i, value)
    }
    let fields = 0
    for (const name in row) if (row[name] !== undefined) fields++
    if (fields !== names.length) this.#checkOthers(row)
  }

  #withoutFields(row: Readonly<Record<string, unknown>>): DataError {
    if (typeof row !== 'object' || row === null) {
      return new DataError({
        code: 'HADAMARD_ROW',
        where: 'row',
        expected: 'an object with a field per column',
        received: describeValue(row),
      })
    }
    const absent = this.#names.filter((name) => row[name] === undefined)
    const unknown = Object.keys(row).filter((name) => !this.#isKnown(name))
    const nearest = nearestName(absent[0], unknown)
    return new DataError(
      {
        code: 'HADAMARD_ROW_FIELDS',
        where: 'row',
        expected: `the ${absent.length === 1 ? 'field' : 'fields'} ${nameList(absent)}, null where missing`,
        received: 'a row without',
        cure: nearest && `Is '${nearest}' misspelled`,
      },
      { column: absent[0] },
    )
  }

  #checkOthers(row: Readonly<Record<string, unknown>>): void {
    const unknown = Object.keys(row).filter((name) => row[name] !== undefined && !this.#isKnown(name))
    if (unknown.length === 0) return
    throw new DataError(
      {
        code: 'HADAMARD_ROW_FIELDS',
        where: 'row',
        expected: `no fields but those of training: ${nameList(this.#names)}`,
        received: nameList(unknown),
      },
      { column: unknown[0] },
    )
  }

  #isKnown(name: string): boolean {
    return this.#names.includes(name) || this.#others.has(name)
  }

  #wrongValue(index: number, value: unknown): DataError {
    const column = this.#names[index]
    return new DataError(
      {
        code: 'HADAMARD_ROW',
        where: `row, column ${column}`,
        expected: 'a value as in the training data',
        received: describeValue(value),
      },
      { column },
    )
  }
}
