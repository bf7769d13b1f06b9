/** What `hadamard doctor` and the library say of a binary that is missing, cut off, of another platform, or no binary. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BinaryError, examineBinary, type BinaryFault } from '../src/backends/binary.ts'
import { isNativeUnderTest } from './support/backends.ts'

const ROOT = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'hadamard-doctor-'))
const prebuilds = join(folder, 'prebuilds', `${process.platform}-${process.arch}`)
const binary = join(prebuilds, 'hadamard.node')
afterAll(() => rmSync(folder, { recursive: true }))

/** The fields of `doctor --json` that are looked at here. */
interface Result {
  fault: BinaryFault | null
  message: string
  cure: string
  runs: { backend: string; isa?: string }
}

// The command as a process that finds its binary in the folder alone.
function doctor(args: string[] = [], env: Record<string, string> = {}): { code: number | null; out: string } {
  const main = join(ROOT, 'dist', 'cli', 'main.js')
  const { status, stdout } = spawnSync(process.execPath, [main, 'doctor', ...args], {
    cwd: folder,
    env: { ...process.env, HADAMARD_BACKEND: '', PREBUILDS_ONLY: '1', HADAMARD_PREBUILD: folder, ...env },
    encoding: 'utf8',
  })
  return { code: status, out: stdout }
}

function diagnose(): Result & { code: number | null } {
  const { code, out } = doctor(['--json'])
  return { ...(JSON.parse(out) as Result), code }
}

describe('a binary that is missing', () => {
  test('is told with the cure; the fallback runs, and serves where it was asked for', () => {
    rmSync(prebuilds, { recursive: true, force: true })
    expect(diagnose()).toMatchObject({
      code: 1,
      fault: 'missing',
      message: expect.stringMatching(/expected a binary for \w+-\w+.*; received none/) as string,
      cure: expect.stringMatching(/npx hadamard build \(needs python3/) as string,
      runs: { backend: 'fallback' },
    })
    expect(doctor(['--backend', 'native'])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/load error +native core: [^]*runs +nothing: [^]*cure +Compile/) as string,
    })
    expect(doctor([], { HADAMARD_BACKEND: 'fallback' })).toMatchObject({
      code: 0,
      out: expect.stringMatching(/runs +the TypeScript fallback \(asked for\)/) as string,
    })
  })
})

describe.runIf(isNativeUnderTest)('a binary that is damaged', () => {
  let whole: Buffer
  beforeAll(() => {
    const { path } = createRequire(import.meta.url)('node-gyp-build') as { path: (root: string) => string }
    whole = readFileSync(path(ROOT))
    mkdirSync(prebuilds, { recursive: true })
  })

  const troubleOf = (bytes: Uint8Array): ReturnType<typeof examineBinary> => {
    writeFileSync(binary, bytes)
    return examineBinary(binary)
  }

  test('is none where it is whole', () => {
    expect(troubleOf(whole)).toBeUndefined()
    expect(diagnose()).toMatchObject({ code: 0, fault: null, runs: { backend: 'native' } })
  })

  test('is found cut off, wherever it ends', () => {
    for (const bytes of [0, 1, 40, 63, 64, 500, 4096, whole.length >> 1, whole.length - 1]) {
      expect(troubleOf(whole.subarray(0, bytes)), `${bytes} bytes`).toMatchObject({ fault: 'truncated' })
    }
    writeFileSync(binary, whole.subarray(0, whole.length >> 1))
    const cut = `cut off after ${whole.length >> 1} of at least ${whole.length} bytes`
    expect(diagnose()).toMatchObject({
      code: 1,
      fault: 'truncated',
      message: expect.stringContaining(cut) as string,
      cure: expect.stringMatching(
        /^Install it anew.*npm install; or compile it: npx hadamard build/,
      ) as string,
      runs: { backend: 'fallback' },
    })
  })

  test('is found in a file of another kind', () => {
    const pointer =
      'version https://git-lfs.github.com/spec/v1\noid sha256:1234567890123456789012345678901234567890\n'
    expect(troubleOf(Buffer.from(pointer))).toMatchObject({
      fault: 'unloadable',
      received: expect.stringMatching(/a file of another kind$/) as string,
    })
  })

  test('is told as one line by the library, and the fallback serves', () => {
    writeFileSync(binary, whole.subarray(0, 5000))
    const script = `import { Network, dense } from ${JSON.stringify(join(ROOT, 'dist', 'index.js'))}
      console.log(new Network({ inputs: 1, layers: [dense(1)], loss: 'squaredError' }).backend.name)`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, HADAMARD_BACKEND: '', PREBUILDS_ONLY: '1', HADAMARD_PREBUILD: folder },
      encoding: 'utf8',
    })
    expect(stdout).toBe('fallback\n')
    expect(stderr).toMatch(/^hadamard: using the slower TypeScript fallback\. native core: .*cut off.*\n$/)
  })
})

describe.runIf(isNativeUnderTest && process.platform === 'linux')('a binary of another platform', () => {
  const machines = { x64: 62, arm64: 183, riscv64: 243 }

  test('is told with both platforms', () => {
    const [arch, machine] =
      process.arch === 'x64' ? (['arm64', machines.arm64] as const) : (['x64', machines.x64] as const)
    const { path } = createRequire(import.meta.url)('node-gyp-build') as { path: (root: string) => string }
    const foreign = readFileSync(path(ROOT))
    foreign.writeUInt16LE(machine, 18)
    writeFileSync(binary, foreign)
    expect(diagnose()).toMatchObject({
      code: 1,
      fault: 'wrongArchitecture',
      message: expect.stringMatching(
        new RegExp(`expected a binary for linux-${process.arch}; received .* for linux-${arch}$`),
      ) as string,
      cure: expect.stringMatching(/^Install it anew on this machine/) as string,
      runs: { backend: 'fallback' },
    })
  })

  // The smallest headers that are whole: what each format says of its platform, and where its file ends.
  test.each([
    ['win32', 'x64', peBinary(0x8664)],
    ['win32', 'arm64', peBinary(0xaa64)],
    ['darwin', 'x64', machBinary(0x0100_0007)],
    ['darwin', 'arm64', machBinary(0x0100_000c)],
  ])('is known by its header: %s-%s', (platform, arch, bytes) => {
    writeFileSync(binary, bytes)
    expect(examineBinary(binary)).toMatchObject({
      fault: 'wrongArchitecture',
      received: expect.stringMatching(new RegExp(`for ${platform}-${arch}$`)) as string,
    })
    writeFileSync(binary, bytes.subarray(0, bytes.length - 1))
    expect(examineBinary(binary)).toMatchObject({ fault: 'truncated' })
  })
})

test('the error of a binary has the type that users know', () => {
  const error = new BinaryError({ fault: 'missing', expected: 'a', received: 'b', cure: 'C' })
  expect([error.name, error.message]).toEqual([
    'BackendError',
    'native core: expected a; received b. C [HADAMARD_NO_BINARY]',
  ])
})

// A portable executable with one section of 512 bytes behind 512 bytes of headers.
function peBinary(machine: number): Buffer {
  const bytes = Buffer.alloc(1024)
  bytes.write('MZ\x90\0', 'latin1')
  bytes.writeUInt32LE(128, 60)
  bytes.write('PE\0\0', 128, 'latin1')
  bytes.writeUInt16LE(machine, 132)
  bytes.writeUInt16LE(1, 134)
  bytes.writeUInt16LE(240, 148)
  bytes.writeUInt32LE(512, 128 + 24 + 240 + 16)
  bytes.writeUInt32LE(512, 128 + 24 + 240 + 20)
  return bytes
}

// A Mach-O file with one segment of 512 bytes behind its command.
function machBinary(cpu: number): Buffer {
  const bytes = Buffer.alloc(1024)
  bytes.writeUInt32LE(0xfeed_facf, 0)
  bytes.writeUInt32LE(cpu, 4)
  bytes.writeUInt32LE(1, 16)
  bytes.writeUInt32LE(0x19, 32)
  bytes.writeUInt32LE(72, 36)
  bytes.writeBigUInt64LE(512n, 32 + 40)
  bytes.writeBigUInt64LE(512n, 32 + 48)
  return bytes
}
