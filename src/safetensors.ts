/** The safetensors container: header and tensor places, built and checked. Knows nothing of networks, and trusts no file. */

import { describeValue } from './check.ts'
import { DataError, reasonOf } from './errors.ts'
import { parseUntrusted } from './json.ts'

/** Element types of the container, with their bytes. */
const bytesOf: ReadonlyMap<string, number> = new Map([
  ['F32', 4],
  ['F64', 8],
  ['U32', 4],
  ['I32', 4],
  ['U64', 8],
  ['I64', 8],
  ['U8', 1],
  ['I8', 1],
  ['BOOL', 1],
])

/** The largest header that is written or read. */
export const MAX_HEADER_BYTES = 16 * 2 ** 20

/** The most names and values in a header: thousands of tensors. */
const MAX_HEADER_PARTS = 100_000

/** Bytes before the header: its length. */
export const PREFIX_BYTES = 8

/** A tensor's type, shape and place; offsets count from the end of the header. */
export interface TensorPlace {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

/** What a header says. */
export interface Header {
  /** Strings by name, of `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>
  readonly tensors: ReadonlyMap<string, TensorPlace>
}

/**
 * Length and header as they stand at the start of a file, padded with spaces to a multiple of 8.
 *
 * @throws DataError if the header is larger than 16 MiB
 */
export function encodeHeader({ metadata, tensors }: Header, path: string): Uint8Array {
  const entries = [...tensors].map(([name, { dtype, shape, begin, end }]) => [
    name,
    { dtype, shape, data_offsets: [begin, end] },
  ])
  const json = JSON.stringify(
    Object.fromEntries([['__metadata__', Object.fromEntries(metadata)], ...entries]),
  )
  const bytes = Buffer.from(json, 'utf8')
  const length = Math.ceil(bytes.length / 8) * 8
  if (length > MAX_HEADER_BYTES) {
    throw new DataError({
      code: 'HADAMARD_MODEL_FILE',
      where: path,
      expected: `a header of at most ${MAX_HEADER_BYTES} bytes`,
      received: `${length} bytes`,
      cure: 'Ignore text columns with very many categories',
    })
  }
  const out = Buffer.alloc(PREFIX_BYTES + length, ' ')
  out.writeBigUInt64LE(BigInt(length))
  bytes.copy(out, PREFIX_BYTES)
  return out
}

/**
 * The header's length from the first 8 bytes, checked against the file's size before anything is allocated.
 *
 * @throws DataError if it cannot be a safetensors file
 */
export function decodeLength(prefix: Uint8Array, fileBytes: number, path: string): number {
  const length = Buffer.from(prefix.buffer, prefix.byteOffset, prefix.byteLength).readBigUInt64LE()
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw wrong(
      path,
      'a model file, whose header has at most 16 MiB',
      `another kind of file (its first 8 bytes mean ${length})`,
    )
  }
  if (Number(length) > fileBytes - PREFIX_BYTES) {
    throw wrong(
      path,
      `${PREFIX_BYTES + Number(length)} bytes or more, as its header announces`,
      `${fileBytes}: the file is truncated, or no model file`,
    )
  }
  return Number(length)
}

/**
 * Reads a header: types, shapes and places are checked, places cover the data exactly, none overlaps another.
 *
 * @param dataBytes bytes behind the header
 * @throws DataError at the first thing that is not as it should be
 */
export function decodeHeader(bytes: Uint8Array, dataBytes: number, path: string): Header {
  if (bytes[0] !== 0x7b) throw wrong(path, 'a model file, whose header begins with {', 'another kind of file')
  let json: unknown
  try {
    json = parseUntrusted(new TextDecoder('utf-8', { fatal: true }).decode(bytes), MAX_HEADER_PARTS)
  } catch (error) {
    const reason = reasonOf(error)
    throw wrong(path, 'a header in JSON', `other text (${reason.split('\n')[0]})`)
  }
  const tensors = new Map<string, TensorPlace>()
  const metadata = new Map<string, string>()
  for (const [name, value] of entriesOf(json, `${path}: header`)) {
    if (name !== '__metadata__') {
      tensors.set(name, readPlace(value, `${path}: tensor ${name}`))
      continue
    }
    for (const [key, text] of entriesOf(value, `${path}: __metadata__`)) {
      if (typeof text !== 'string') throw wrong(`${path}: __metadata__.${key}`, 'a text', describeValue(text))
      metadata.set(key, text)
    }
  }
  checkCoverage(tensors, dataBytes, path)
  return { metadata, tensors }
}

function readPlace(value: unknown, where: string): TensorPlace {
  const fields = new Map(entriesOf(value, where))
  const dtype = fields.get('dtype')
  const shape = fields.get('shape')
  const offsets = fields.get('data_offsets')
  const bytes = typeof dtype === 'string' ? bytesOf.get(dtype) : undefined
  if (typeof dtype !== 'string' || bytes === undefined) {
    throw wrong(`${where}: dtype`, `one of ${[...bytesOf.keys()].join(', ')}`, describeValue(dtype))
  }
  if (!isSizes(shape)) throw wrong(`${where}: shape`, 'a list of sizes', describeValue(shape))
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw wrong(`${where}: data_offsets`, 'begin and end', describeValue(offsets))
  }
  const [begin, end] = offsets
  const expected = shape.reduce((product, size) => product * size, bytes)
  if (expected !== end - begin) {
    throw wrong(
      `${where}: data_offsets`,
      `${expected} bytes, as its shape [${shape.join(', ')}] needs`,
      `${end - begin}`,
    )
  }
  return { dtype, shape, begin, end }
}

// The format allows neither overlap nor holes.
function checkCoverage(tensors: ReadonlyMap<string, TensorPlace>, dataBytes: number, path: string): void {
  let next = 0
  for (const [name, { begin, end }] of [...tensors].sort(
    ([, a], [, b]) => a.begin - b.begin || a.end - b.end,
  )) {
    if (begin !== next) {
      const received = begin < next ? `${begin}, inside another tensor` : `${begin}, behind a gap`
      throw wrong(`${path}: tensor ${name}`, `data that begin at byte ${next}`, received)
    }
    next = end
  }
  if (next === dataBytes) return
  const state = dataBytes < next ? 'the file is truncated' : 'something follows the tensors'
  throw wrong(path, `${next} bytes of tensors, as its header announces`, `${dataBytes}: ${state}`)
}

function entriesOf(value: unknown, where: string): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  throw wrong(where, 'an object', describeValue(value))
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}

function wrong(where: string, expected: string, received: string): DataError {
  return new DataError({ code: 'HADAMARD_MODEL_FILE', where, expected, received })
}
