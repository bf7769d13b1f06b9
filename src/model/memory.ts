/** How much memory a training may take, and whether its rows fit into it whole. */

import { describeValue } from '../check.ts'
import { SpecError } from '../errors.ts'
import { memoryLeft } from '../memory-limit.ts'

/** Of what is free on the machine, or what its container may take. */
const DEFAULT_SHARE = 0.5
/** Bytes of memory that a byte of CSV, or of a table, takes at the most while it is read whole, encoded and trained on. */
const MEMORY_OF_FILE = 3

const unitBytes: Readonly<Record<string, number | undefined>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/**
 * A limit of memory in bytes.
 *
 * @param given a number of bytes, or a text such as `512MB` or `2GiB`
 * @throws SpecError where it is neither
 * @example
 * memoryBytes('1.5GB') // 1500000000
 */
export function memoryBytes(given: unknown): number {
  const [, digits = '', unit = ''] =
    typeof given === 'string' ? (/^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(given) ?? []) : []
  const bytes = typeof given === 'number' ? given : Number(digits) * (unitBytes[unit.toLowerCase()] ?? NaN)
  if (Number.isFinite(bytes) && bytes >= 1) return Math.floor(bytes)
  throw new SpecError({
    where: 'memory',
    expected: 'bytes, or a text such as 512MB or 2GB',
    received: describeValue(given),
  })
}

/** What a training may take where nobody says: half of what is free. */
export function defaultMemory(): number {
  return Math.floor(DEFAULT_SHARE * memoryLeft().bytes)
}

/** Bytes of rows, as CSV or as tables, that can be trained on whole in so much memory. */
export function mostWhole(memory: number): number {
  return memory / MEMORY_OF_FILE
}

/** Bytes for people: `512 MB`. */
export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`
}
