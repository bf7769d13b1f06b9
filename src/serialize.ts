/** Networks to files and back: what the metadata say, and writing that leaves either the old file or the whole new one. */

import { createHash, randomBytes, type Hash } from 'node:crypto'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { endianness } from 'node:os'
import { dirname } from 'node:path'
import { describeLimits, describeValue, isWithin, type Limits } from './check.ts'
import { bytesOfDtype, dtypeOf, floatArray, type Dtype, type FloatArray } from './ops/arithmetic.ts'
import { DataError, reasonOf, SpecError } from './errors.ts'
import { parseUntrusted } from './json.ts'
import {
  decodeHeader,
  decodeLength,
  encodeHeader,
  PREFIX_BYTES,
  type Header,
  type TensorPlace,
} from './safetensors.ts'
import {
  customActivationOf,
  normalizeSpec,
  parametersOf,
  stateOf,
  type NetworkOptions,
  type NetworkSpec,
} from './spec.ts'
import { checkOptimizerState, type OptimizerState } from './training/carried-optimizer.ts'
import { libraryVersion } from './version.ts'

/** Version of the layout of metadata and tensors that this library writes. It reads all up to it. */
export const FORMAT_VERSION = 2
/** The last version whose files need no checksum. */
const LAST_UNCHECKED_VERSION = 1

/** Name that tells a model file of this library from other safetensors files. */
const FORMAT = 'hadamard'
/** What the names of tensors of state begin with. */
const STATE_PREFIX = 'state.'
/** Tensors that a reader may leave out. */
const OPTIONAL_PREFIX = 'optimizer.'
/** The vectors of an optimizer's state; its counters are in the metadata `optimizer`. */
const OPTIMIZER_VALUES = `${OPTIONAL_PREFIX}values`
const TENSOR_DTYPES = { float32: 'F32', float64: 'F64' } as const
/** The most names and values in a spec: thousands of layers. */
const MAX_SPEC_PARTS = 100_000

/** A parameter or an array of state with its shape, row by row. */
export interface StoredParameter {
  readonly shape: readonly number[]
  readonly data: FloatArray
}

/** What a model file holds. */
export interface ModelFile {
  readonly spec: NetworkSpec
  /** By name, such as `dense1.weight`; exactly those of the spec. */
  readonly parameters: Readonly<Record<string, StoredParameter>>
  /** By name, such as `batchNorm1.runningMean`; exactly those of the spec. */
  readonly state: Readonly<Record<string, StoredParameter>>
  /** What an optimizer has left, where that was asked for. */
  readonly optimizerState?: OptimizerState
  /** Further strings: `encoder`, `split`, `metrics`, …; each is JSON. */
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Writes a model file: to a temporary file in the same folder, flushed to the disk, then renamed.
 *
 * @throws DataError naming the path where it cannot be written; SpecError if the spec is more than data
 */
export async function writeModelFile(path: string, model: ModelFile): Promise<void> {
  await replaceFile(path, encodeModel(model, path))
}

/**
 * The bytes of a model file in memory that threads share.
 *
 * @throws SpecError if the spec is more than data
 */
export function modelBytes(model: ModelFile): SharedArrayBuffer {
  const parts = encodeModel(model, 'model')
  const shared = new SharedArrayBuffer(parts.reduce((sum, part) => sum + part.byteLength, 0))
  const bytes = new Uint8Array(shared)
  let next = 0
  for (const part of parts) {
    bytes.set(part, next)
    next += part.byteLength
  }
  return shared
}

function encodeModel(model: ModelFile, path: string): Uint8Array[] {
  const { spec, parameters, state, optimizerState, metadata } = model
  const custom = customActivationOf(spec)
  if (custom !== undefined) {
    throw new SpecError({
      code: 'HADAMARD_NOT_POSSIBLE',
      where: 'save',
      expected: 'a network that plain data describe',
      received: `the activation '${custom}', a function in TypeScript`,
      cure: 'Compose it of known ops by composed(), or keep network.parameters and build the network in code',
    })
  }
  const states = Object.entries(state).map(([name, array]) => [STATE_PREFIX + name, array] as const)
  const { values, ...counters } = optimizerState ?? {}
  const optimizer =
    values === undefined ? [] : [[OPTIMIZER_VALUES, { shape: [values.length], data: values }] as const]
  const arrays = [...Object.entries(parameters), ...states, ...optimizer]
  const tensors = new Map<string, TensorPlace>()
  let next = 0
  for (const [name, { shape, data }] of arrays) {
    const end = next + data.byteLength
    tensors.set(name, { dtype: TENSOR_DTYPES[spec.dtype], shape, begin: next, end })
    next = end
  }
  const all = new Map([
    ['format', FORMAT],
    ['format_version', String(FORMAT_VERSION)],
    ['library_version', libraryVersion],
    ['spec', JSON.stringify(spec)],
    ['seed', String(spec.seed)],
    ...(values === undefined ? [] : [['optimizer', JSON.stringify(counters)] as const]),
    ...metadata,
  ])
  const parts = arrays.map(([, { data }]) => littleEndian(data))
  const checksum = startChecksum({ metadata: all, tensors })
  for (const part of parts) checksum.update(part)
  all.set('checksum', checksum.digest('hex'))
  return [encodeHeader({ metadata: all, tensors }, path), ...parts]
}

/**
 * Reads a model file. Nothing in it is trusted: sizes are checked before memory is taken, the spec is checked as a user's
 * would be, and the tensors must be exactly the parameters and the state that the spec has.
 *
 * @throws DataError naming the file, what was expected and what came
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path)
    const { size } = await handle.stat()
    return await readFrom(fileContent(handle, size, path), path)
  } catch (error) {
    if (error instanceof DataError) throw error
    throw new DataError(
      { code: 'HADAMARD_FILE_READ', where: path, expected: 'a model file', received: fileTrouble(error) },
      { cause: error },
    )
  } finally {
    await handle?.close()
  }
}

/** Reads the bytes of a model file, see {@link readModelFile}. */
export async function readModelBytes(bytes: Uint8Array): Promise<ModelFile> {
  const read = (position: number, length: number): Promise<Uint8Array> =>
    Promise.resolve(new Uint8Array(bytes.subarray(position, position + length)))
  return readFrom({ size: bytes.byteLength, read }, 'model')
}

/** Where the bytes of a model come from; what is read is a copy. */
interface Content {
  readonly size: number
  read(position: number, length: number): Promise<Uint8Array>
}

function fileContent(handle: FileHandle, size: number, path: string): Content {
  return { size, read: (position, length) => readBytes(handle, position, length, path) }
}

async function readFrom(content: Content, path: string): Promise<ModelFile> {
  const { size } = content
  if (size < PREFIX_BYTES) {
    const received = size === 0 ? 'an empty file' : `${size} bytes: the file is truncated, or no model file`
    throw new DataError({ code: 'HADAMARD_MODEL_FILE', where: path, expected: 'a model file', received })
  }
  const length = decodeLength(await content.read(0, PREFIX_BYTES), size, path)
  const start = PREFIX_BYTES + length
  const header = decodeHeader(await content.read(PREFIX_BYTES, length), size - start, path)
  checkFormat(header.metadata, path)
  const spec = readSpec(header.metadata.get('spec'), path)
  checkTensors(header, spec, path)
  const tensors = await readTensors(content, start, header, spec, path)
  // In the order of the layers, whatever that of the file.
  const pick = (arrays: readonly { name: string }[], prefix = ''): Record<string, StoredParameter> =>
    Object.fromEntries(arrays.map(({ name }) => [name, tensors[prefix + name]]))
  return {
    spec,
    parameters: pick(parametersOf(spec)),
    state: pick(stateOf(spec), STATE_PREFIX),
    optimizerState: readOptimizer(header.metadata, tensors, spec, path),
    metadata: header.metadata,
  }
}

function readOptimizer(
  metadata: ReadonlyMap<string, string>,
  { [OPTIMIZER_VALUES]: values }: Partial<Record<string, StoredParameter>>,
  { dtype }: NetworkSpec,
  path: string,
): OptimizerState | undefined {
  const text = metadata.get('optimizer')
  if (text === undefined || values === undefined) return undefined
  try {
    const state = { ...(parseUntrusted(text) as object), values: values.data } as OptimizerState
    checkOptimizerState(state, dtype)
    return state
  } catch (error) {
    throw new DataError(`${path}: ${reasonOf(error)}`, { cause: error, code: 'HADAMARD_MODEL_FILE' })
  }
}

/** A tensor that the file of a network must have. */
interface ExpectedTensor {
  readonly shape: readonly number[]
  /** What its elements may be. */
  readonly limits: Limits
}

function expectedTensors(spec: NetworkSpec): Map<string, ExpectedTensor> {
  return new Map([
    ...parametersOf(spec).map(({ name, shape }) => [name, { shape, limits: {} }] as const),
    ...stateOf(spec).map(({ name, shape, limits }) => [STATE_PREFIX + name, { shape, limits }] as const),
  ])
}

// Reads all tensors in the order of the file, keeps those of the spec, and compares the checksum in the end.
async function readTensors(
  content: Content,
  start: number,
  header: Header,
  spec: NetworkSpec,
  path: string,
): Promise<Record<string, StoredParameter>> {
  const values = header.tensors.get(OPTIMIZER_VALUES)
  const expected = expectedTensors(spec)
  if (values?.dtype === TENSOR_DTYPES[spec.dtype])
    expected.set(OPTIMIZER_VALUES, { shape: values.shape, limits: {} })
  const found: Record<string, StoredParameter> = {}
  const checksum = startChecksum(header)
  for (const [name, { begin, end }] of [...header.tensors].sort(([, a], [, b]) => a.begin - b.begin)) {
    const bytes = await content.read(start + begin, end - begin)
    checksum.update(bytes)
    const tensor = expected.get(name)
    if (tensor === undefined) continue
    const { shape, limits } = tensor
    const data = fromLittleEndian(bytes, spec.dtype)
    const at = data.findIndex((value) => value - value !== 0 || !isWithin(value, limits))
    if (at >= 0) {
      throw new DataError({
        code: 'HADAMARD_MODEL_FILE',
        where: `${path}: tensor ${name}, element ${at}`,
        expected: `a finite number${describeLimits(limits)}`,
        received: String(data[at]),
      })
    }
    found[name] = { shape, data }
  }
  verifyChecksum(header.metadata, checksum.digest('hex'), path)
  return found
}

/**
 * SHA-256 of what a header says, to be fed the data: the JSON text of `[[name, text], …]` of the metadata but for the
 * checksum, and of `[[name, dtype, shape, begin, end], …]`, both sorted by name, in one list. The spelling of the header
 * plays no part.
 */
function startChecksum({ metadata, tensors }: Header): Hash {
  const texts = [...metadata].filter(([name]) => name !== 'checksum')
  const places = [...tensors].map(([name, place]): [string, ...unknown[]] => [
    name,
    place.dtype,
    place.shape,
    place.begin,
    place.end,
  ])
  const content = JSON.stringify([texts.sort(byName), places.sort(byName)])
  return createHash('sha256').update(content)
}

function byName([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]): number {
  return a < b ? -1 : 1
}

function verifyChecksum(metadata: ReadonlyMap<string, string>, found: string, path: string): void {
  const told = metadata.get('checksum')
  const needsNone = Number(metadata.get('format_version')) <= LAST_UNCHECKED_VERSION
  if (told === found || (told === undefined && needsNone)) return
  throw new DataError({
    code: 'HADAMARD_MODEL_FILE',
    where: path,
    expected: told === undefined ? 'a checksum' : `content with the checksum ${told}`,
    received: `${told === undefined ? 'none' : found}: the file is damaged, or was changed by something else`,
    cure: 'Take a copy of it, or train again',
  })
}

function checkFormat(metadata: ReadonlyMap<string, string>, path: string): void {
  const format = metadata.get('format')
  if (format !== FORMAT) {
    const received = `a safetensors file of ${format === undefined ? 'another origin' : describeValue(format)}`
    throw new DataError({
      code: 'HADAMARD_MODEL_FILE',
      where: path,
      expected: 'a model file of hadamard',
      received,
    })
  }
  const version = metadata.get('format_version')
  const versions = Array.from({ length: FORMAT_VERSION }, (_, i) => String(i + 1))
  if (version !== undefined && versions.includes(version)) return
  throw new DataError({
    code: 'HADAMARD_MODEL_VERSION',
    where: path,
    expected: `format version ${versions.join(' or ')}`,
    received: describeValue(version),
    cure: `It was written by hadamard ${metadata.get('library_version') ?? 'of unknown version'}; this is ${libraryVersion}`,
  })
}

function readSpec(text: string | undefined, path: string): NetworkSpec {
  try {
    const spec = parseUntrusted(text ?? '', MAX_SPEC_PARTS)
    if (typeof spec !== 'object' || spec === null) throw new Error(`received ${describeValue(spec)}`)
    return normalizeSpec(spec as NetworkOptions)
  } catch (error) {
    const reason = text === undefined ? 'nothing' : reasonOf(error)
    throw new DataError(
      {
        code: 'HADAMARD_MODEL_FILE',
        where: `${path}: spec`,
        expected: 'the network as JSON',
        received: reason,
      },
      { cause: error },
    )
  }
}

function checkTensors({ tensors }: Header, spec: NetworkSpec, path: string): void {
  const expected = expectedTensors(spec)
  const dtype = TENSOR_DTYPES[spec.dtype]
  for (const [name, { shape }] of expected) {
    const place = tensors.get(name)
    const isSame = place?.dtype === dtype && place.shape.join() === shape.join()
    if (isSame) continue
    const received = place === undefined ? 'none' : `${place.dtype} [${place.shape.join(', ')}]`
    throw new DataError({
      code: 'HADAMARD_MODEL_FILE',
      where: `${path}: tensor ${name}`,
      expected: `${dtype} [${shape.join(', ')}]`,
      received,
    })
  }
  for (const name of tensors.keys()) {
    if (expected.has(name) || name.startsWith(OPTIONAL_PREFIX)) continue
    throw new DataError({
      code: 'HADAMARD_MODEL_FILE',
      where: path,
      expected: `the tensors ${[...expected.keys()].join(', ')}`,
      received: `also ${describeValue(name)}`,
    })
  }
}

async function readBytes(
  handle: FileHandle,
  position: number,
  length: number,
  path: string,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(
      bytes,
      filled,
      Math.min(length - filled, 2 ** 30),
      position + filled,
    )
    if (bytesRead === 0) {
      const received = `its end after ${filled}: it is being changed`
      throw new DataError({
        code: 'HADAMARD_MODEL_FILE',
        where: path,
        expected: `${length} bytes at ${position}`,
        received,
      })
    }
    filled += bytesRead
  }
  return bytes
}

async function replaceFile(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const handle = await open(temporary, 'wx')
    try {
      for (const part of parts) await handle.writeFile(part)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw new DataError(
      {
        code: 'HADAMARD_FILE_WRITE',
        where: path,
        expected: 'a file that can be written',
        received: fileTrouble(error),
      },
      { cause: error },
    )
  }
}

// Makes the rename last through a power cut, where the system lets folders be opened.
async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path)
    await handle.sync().finally(() => handle.close())
  } catch {
    // Windows and some network file systems refuse this; the file itself is on the disk all the same.
  }
}

const fileTroubles: Readonly<Record<string, string | undefined>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a path through something that is no folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'a read-only file system',
  EISDIR: 'a folder',
  ENOSPC: 'a full disk',
  ERR_INVALID_ARG_VALUE: 'a path that no file can have',
}

/** What a file operation ran into, in words. */
export function fileTrouble(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return fileTroubles[code] ?? message
}

function littleEndian(data: FloatArray): Uint8Array {
  if (endianness() === 'LE') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return swapped(Buffer.from(data.slice().buffer), dtypeOf(data))
}

function fromLittleEndian(bytes: Uint8Array, dtype: Dtype): FloatArray {
  if (endianness() === 'BE') swapped(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), dtype)
  return floatArray(dtype, bytes.byteLength / bytesOfDtype(dtype), bytes.buffer, bytes.byteOffset)
}

function swapped(bytes: Buffer, dtype: Dtype): Buffer {
  return dtype === 'float32' ? bytes.swap32() : bytes.swap64()
}
