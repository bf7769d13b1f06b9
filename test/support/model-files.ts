/** Model files taken apart and put together by hand, with the checksum computed as the format says. */

import { createHash } from 'node:crypto'

/** A tensor in a header. */
export interface Entry {
  dtype: string
  shape: number[]
  data_offsets: number[]
}

/** A header as JSON has it. */
export type HeaderJson = Record<string, Entry> & { __metadata__: Record<string, string> }

/** The header of a file. */
export function headerOf(file: Buffer): HeaderJson {
  return JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString()) as HeaderJson
}

/** The tensors of a file. */
export function dataOf(file: Buffer): Buffer {
  return file.subarray(8 + Number(file.readBigUInt64LE()))
}

/** A file of any header, also of one that is no JSON. */
export function fileOf(header: object | string | Uint8Array, data: Uint8Array): Buffer {
  const text =
    header instanceof Uint8Array
      ? header
      : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, data])
}

/** A file whose checksum is right, so that everything else of it is looked at. */
export function signedFileOf({ __metadata__: metadata, ...tensors }: HeaderJson, data: Uint8Array): Buffer {
  const byName = ([a]: [string, ...unknown[]], [b]: [string, ...unknown[]]): number => (a < b ? -1 : 1)
  const texts = Object.entries(metadata).filter(([name]) => name !== 'checksum')
  const places = Object.entries(tensors).map(([name, entry]): [string, ...unknown[]] => {
    const { dtype, shape, data_offsets: offsets } = entry
    return [name, dtype, shape, ...offsets]
  })
  const content = JSON.stringify([texts.sort(byName), places.sort(byName)])
  const checksum = createHash('sha256').update(content).update(data).digest('hex')
  return fileOf({ __metadata__: { ...metadata, checksum }, ...tensors }, data)
}
