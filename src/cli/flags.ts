/** Reading of flag values: texts to numbers, lists and pairs. Ranges are checked where the options are used. */

import { describeValue } from '../check.ts'
import { SpecError } from '../errors.ts'
import type { ColumnType } from '../data/input.ts'
import { columnTypes } from '../model/options.ts'
import type { Threshold } from '../model/threshold.ts'

/** A parser of the number of a flag; refuses everything that is not one. */
export function numberFlag(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isFinite(value)) return value
    throw new SpecError({ where: flag, expected: 'a number', received: describeValue(text) })
  }
}

/** A parser of numbers with commas between them. */
export function numbersFlag(flag: string): (text: string) => number[] {
  return (text) => text.split(',').map(numberFlag(flag))
}

/**
 * The names in a list with commas; `\,` stands for a comma in a name. A flag given twice adds to the list.
 *
 * @example
 * addNames('--ignore')('id,name', undefined) // ['id', 'name']
 */
export function addNames(flag: string): (text: string, previous: readonly string[] | undefined) => string[] {
  return (text, previous = []) => {
    const names = splitList(text)
    if (names.every((name) => name !== '')) return [...previous, ...names]
    throw new SpecError({
      where: flag,
      expected: 'names with commas between them',
      received: describeValue(text),
    })
  }
}

/** Texts with commas between them, of which one may be empty. */
export function addTexts(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), ...splitList(text)]
}

/**
 * Units of the hidden layers.
 *
 * @example
 * parseHidden('64,32') // [64, 32]
 */
export function parseHidden(text: string): number[] {
  if (text === 'none') return []
  return text.split(',').map((part) => {
    const units = Number(part)
    if (/^\s*\d+\s*$/.test(part) && units > 0) return units
    throw new SpecError({
      where: '--hidden',
      expected: "units such as 64,32, or 'none'",
      received: describeValue(text),
    })
  })
}

/** Other words for the types that people type. */
const OTHER_TYPE_WORDS: Readonly<Record<string, ColumnType>> = {
  number: 'numeric',
  category: 'categorical',
  bool: 'boolean',
  datetime: 'date',
  ignore: 'ignored',
}
const TYPE_WORDS: Readonly<Record<string, ColumnType>> = {
  ...OTHER_TYPE_WORDS,
  ...Object.fromEntries(columnTypes.map((type) => [type, type])),
}
/** The words that a type may be given by, for help and messages. */
export const typeWords = `${columnTypes.join(', ')} (or ${Object.keys(OTHER_TYPE_WORDS).join(', ')})`

/** Types of columns: `zip=category,when=date`. */
export function addTypes(
  text: string,
  previous: Readonly<Record<string, ColumnType>> | undefined,
): Record<string, ColumnType> {
  const pairs = splitList(text).map((pair): [string, ColumnType] => {
    const at = pair.lastIndexOf('=')
    const word = pair.slice(at + 1)
    if (at > 0 && Object.hasOwn(TYPE_WORDS, word)) return [pair.slice(0, at), TYPE_WORDS[word]]
    throw new SpecError({
      where: '--type',
      expected: `COLUMN=TYPE with commas between, TYPE one of ${typeWords}`,
      received: describeValue(pair),
    })
  })
  return Object.fromEntries([...Object.entries(previous ?? {}), ...pairs])
}

/**
 * Weights of classes: `balanced`, or `yes=5,no=1`.
 *
 * @example
 * parseClassWeight('yes=5,no=1') // { yes: 5, no: 1 }
 */
export function parseClassWeight(text: string): 'balanced' | Record<string, number> {
  if (text === 'balanced') return text
  const pairs = splitList(text).map((pair): [string, number] => {
    const at = pair.lastIndexOf('=')
    const weight = Number(pair.slice(at + 1))
    if (at > 0 && pair.slice(at + 1).trim() !== '' && Number.isFinite(weight) && weight >= 0)
      return [pair.slice(0, at), weight]
    throw new SpecError({
      where: '--class-weight',
      expected: "'balanced', or CLASS=WEIGHT with commas between, weights at least 0",
      received: describeValue(text),
    })
  })
  return Object.fromEntries(pairs)
}

/** A number, or a rule that `train` checks. */
export function parseThresholdFlag(text: string): Threshold {
  const value = Number(text)
  return text.trim() !== '' && Number.isFinite(value) ? value : (text as Threshold)
}

const secondsOf: Readonly<Record<string, number | undefined>> = { s: 1, m: 60, h: 3600 }

/**
 * A duration in seconds.
 *
 * @example
 * parseDuration('10m') // 600
 */
export function parseDuration(text: string): number {
  const parts = /^(\d+(?:\.\d+)?)([smh]?)$/.exec(text.trim())
  const seconds = parts === null ? 0 : Number(parts[1]) * (secondsOf[parts[2] || 's'] ?? 1)
  if (seconds > 0) return seconds
  throw new SpecError({
    where: '--max-time',
    expected: 'a time above 0 such as 90s, 10m or 2h',
    received: describeValue(text),
  })
}

const delimiters: Readonly<Record<string, ',' | ';' | '\t' | '|' | undefined>> = {
  ',': ',',
  ';': ';',
  '|': '|',
  '\t': '\t',
  '\\t': '\t',
  tab: '\t',
  comma: ',',
  semicolon: ';',
  pipe: '|',
}

/** The delimiter of a file, as a character or by name. */
export function parseDelimiter(text: string): ',' | ';' | '\t' | '|' {
  const delimiter = Object.hasOwn(delimiters, text) ? delimiters[text] : undefined
  if (delimiter !== undefined) return delimiter
  throw new SpecError({
    where: '--delimiter',
    expected: "',', ';', '|' or tab",
    received: describeValue(text),
  })
}

/** `learningRate` → `--learning-rate` */
export function flagName(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function splitList(text: string): string[] {
  return text.split(/(?<!\\),/).map((part) => part.replaceAll('\\,', ','))
}
