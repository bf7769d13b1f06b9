/** The addon's binary as a file: where it lies, whether this process can load it, and the cure where not. Loads nothing. */

import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { BackendError, complain } from '../errors.ts'
import { PACKAGE_ROOT } from '../package-root.ts'

/** What can be wrong with the binary. */
export type BinaryFault =
  'missing' | 'truncated' | 'wrongArchitecture' | 'unloadable' | 'otherVersion' | 'failsSelfTest'

/** What was expected of the binary, what came, and the cure. */
export interface BinaryTrouble {
  readonly fault: BinaryFault
  readonly expected: string
  readonly received: string
  readonly cure: string
}

/** The native core cannot serve because of its binary. */
export class BinaryError extends BackendError {
  readonly trouble: BinaryTrouble

  constructor(trouble: BinaryTrouble, where = 'native core', options?: ErrorOptions) {
    const code = trouble.fault === 'failsSelfTest' ? 'HADAMARD_SELF_TEST' : 'HADAMARD_NO_BINARY'
    super({ code, where, ...trouble }, options)
    this.name = BackendError.name
    this.trouble = trouble
  }

  /** Expected and received, without the cure. */
  get summary(): string {
    const { expected, received } = this.trouble
    return complain({ where: 'native core', expected, received })
  }
}

/** What the header of a binary says. */
interface BinaryHeader {
  platforms: readonly string[]
  archs: readonly (string | undefined)[]
  /** How long the file has to be for all that the header names to lie in it. */
  bytes: number
}

const NEEDS = 'python3, make and a C++20 compiler'
/** Enough for the headers of all formats. */
const HEADER_BYTES = 16_384

/**
 * Path of the binary: one that was compiled in place, else the prebuilt one for this platform.
 *
 * @throws BinaryError where there is none
 */
export function findBinary(): string {
  const resolver = createRequire(import.meta.url)('node-gyp-build') as { path: (root: string) => string }
  try {
    return resolver.path(PACKAGE_ROOT)
  } catch (cause) {
    const offered = prebuiltNames()
    const received = offered.length === 0 ? 'none' : `none; the package has ${offered.join(', ')}`
    const cure = `Compile it with npx hadamard build (needs ${NEEDS})`
    const expected = `a binary for ${thisPlatform()}`
    throw new BinaryError({ fault: 'missing', expected, received, cure }, undefined, { cause })
  }
}

/**
 * Looks at a binary before it is loaded: one that is cut off would end the process, not throw.
 *
 * @returns what is wrong with it, or undefined where it is whole and made for this platform
 */
export function examineBinary(path: string): BinaryTrouble | undefined {
  const { start, bytes } = readStart(path)
  const name = shortPath(path)
  const header = readHeader(start)
  if (header === undefined) {
    return {
      fault: 'unloadable',
      expected: `a binary for ${thisPlatform()}`,
      received: `${name}, a file of another kind`,
      cure: cureFor(path),
    }
  }
  if (bytes < header.bytes) {
    return {
      fault: 'truncated',
      expected: 'a whole binary',
      received: `${name}, cut off after ${bytes} of at least ${header.bytes} bytes`,
      cure: cureFor(path),
    }
  }
  const { platforms, archs } = header
  if (platforms.includes(process.platform) && archs.includes(process.arch)) return undefined
  return {
    fault: 'wrongArchitecture',
    expected: `a binary for ${process.platform}-${process.arch}`,
    received: `${name} for ${platforms[0]}-${archs.map((arch) => arch ?? 'another processor').join('+')}`,
    cure: cureFor(path),
  }
}

/** How a binary that does not serve is replaced: compiled anew where it was compiled, else installed anew. */
export function cureFor(path: string): string {
  const compile = `npx hadamard build (needs ${NEEDS})`
  if (!shortPath(path).includes('prebuilds')) {
    const elsewise = prebuiltNames().some((name) => name.startsWith(`${process.platform}-${process.arch}`))
    const folder = shortPath(join(PACKAGE_ROOT, 'build'))
    return `Compile it anew: ${compile}${elsewise ? `, or delete ${folder} to use the prebuilt one` : ''}`
  }
  return `Install it anew on this machine: delete ${shortPath(PACKAGE_ROOT) || '.'} and run npm install; or compile it: ${compile}`
}

/** A path as short as it can be said from the working directory. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') ? path : short
}

function thisPlatform(): string {
  return `${process.platform}-${process.arch}${libcName()}`
}

/** The C library of Linux, ` (glibc 2.36)`; nothing elsewhere. */
export function libcName(): string {
  if (process.platform !== 'linux') return ''
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime === undefined ? ' (musl)' : ` (glibc ${header.glibcVersionRuntime})`
}

// What the package has for whatever platform, such as linux-x64/hadamard.glibc.node.
function prebuiltNames(): string[] {
  const folder = join(PACKAGE_ROOT, 'prebuilds')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .flatMap((platform) => readdirSync(join(folder, platform)).map((file) => `${platform}/${file}`))
    .sort()
}

function readStart(path: string): { start: DataView; bytes: number } {
  const file = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(HEADER_BYTES)
    const length = readSync(file, buffer, 0, HEADER_BYTES, 0)
    return { start: new DataView(buffer.buffer, 0, length), bytes: fstatSync(file).size }
  } finally {
    closeSync(file)
  }
}

const FORMATS = [
  { magic: 0x7f45_4c46, read: elfHeader },
  { magic: 0x4d5a_9000, read: peHeader },
  { magic: 0xcffa_edfe, read: machHeader },
  { magic: 0xcafe_babe, read: fatHeader },
]

// Undefined where the start is that of no binary. A header that is cut off itself asks for more bytes than there are.
function readHeader(start: DataView): BinaryHeader | undefined {
  try {
    const magic = start.getUint32(0)
    return FORMATS.find((format) => format.magic === magic)?.read(start)
  } catch (error) {
    if (error instanceof RangeError) return { platforms: [], archs: [], bytes: start.byteLength + 1 }
    throw error
  }
}

const ELF_MACHINES = new Map([
  [3, 'ia32'],
  [21, 'ppc64'],
  [22, 's390x'],
  [40, 'arm'],
  [62, 'x64'],
  [183, 'arm64'],
  [243, 'riscv64'],
  [258, 'loong64'],
])

// Executable and Linkable Format, version 1: the tables of segments and sections, and the segments themselves.
function elfHeader(start: DataView): BinaryHeader {
  const isLittle = start.getUint8(5) === 1
  const is64 = start.getUint8(4) === 2
  const u16 = (at: number): number => start.getUint16(at, isLittle)
  const word = (at: number): number =>
    is64 ? Number(start.getBigUint64(at, isLittle)) : start.getUint32(at, isLittle)
  const archs = [ELF_MACHINES.get(u16(18))]
  const [segments, sections, counts] = is64 ? [32, 40, 54] : [28, 32, 42]
  const [segmentBytes, segmentCount] = [u16(counts), u16(counts + 2)]
  const ends = [
    word(segments) + segmentBytes * segmentCount,
    word(sections) + u16(counts + 4) * u16(counts + 6),
  ]
  for (let i = 0; i < segmentCount; i++) {
    const at = word(segments) + i * segmentBytes
    ends.push(word(at + (is64 ? 8 : 4)) + word(at + (is64 ? 32 : 16)))
  }
  return { platforms: ['linux', 'freebsd', 'openbsd', 'android', 'sunos'], archs, bytes: Math.max(...ends) }
}

const PE_MACHINES = new Map([
  [0x14c, 'ia32'],
  [0x8664, 'x64'],
  [0xaa64, 'arm64'],
])

// Portable Executable of Windows: the sections.
function peHeader(start: DataView): BinaryHeader {
  const at = start.getUint32(60, true)
  const table = at + 24 + start.getUint16(at + 20, true)
  const ends = Array.from({ length: start.getUint16(at + 6, true) }, (_, i) => {
    const section = table + 40 * i
    return start.getUint32(section + 16, true) + start.getUint32(section + 20, true)
  })
  const archs = [PE_MACHINES.get(start.getUint16(at + 4, true))]
  return { platforms: ['win32'], archs, bytes: Math.max(table, ...ends) }
}

const MACH_MACHINES = new Map([
  [0x0100_0007, 'x64'],
  [0x0100_000c, 'arm64'],
])
const LC_SEGMENT_64 = 0x19

// Mach-O of macOS for one processor: the segments.
function machHeader(start: DataView): BinaryHeader {
  const ends = [0]
  let at = 32
  for (let command = 0; command < start.getUint32(16, true); command++) {
    if (start.getUint32(at, true) === LC_SEGMENT_64) {
      ends.push(Number(start.getBigUint64(at + 40, true) + start.getBigUint64(at + 48, true)))
    }
    at += start.getUint32(at + 4, true)
  }
  const archs = [MACH_MACHINES.get(start.getUint32(4, true))]
  return { platforms: ['darwin'], archs, bytes: Math.max(at, ...ends) }
}

// Mach-O of macOS for several processors.
function fatHeader(start: DataView): BinaryHeader {
  const entries = Array.from({ length: start.getUint32(4) }, (_, i) => 8 + 20 * i)
  return {
    platforms: ['darwin'],
    archs: entries.map((at) => MACH_MACHINES.get(start.getUint32(at))),
    bytes: Math.max(...entries.map((at) => start.getUint32(at + 8) + start.getUint32(at + 12))),
  }
}
