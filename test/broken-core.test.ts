/** A core with a wrong kernel, really compiled: the self-test, the verifier and the parity suite each catch it. */

import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Backend } from '../src/backends/backend.ts'
import type { Binding } from '../src/backends/native.ts'
import { selfTest } from '../src/backends/self-test.ts'
import { createVerifier } from '../src/backends/verify.ts'
import { ParityError } from '../src/errors.ts'
import { opNamed } from '../src/ops/index.ts'
import { isas, isNativeUnderTest } from './support/backends.ts'
import { parityDifference } from './support/parity.ts'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '..')
// What is included or compiled keeps its place below the root: by other paths make would compile everything anew.
const COPIED = ['package.json', 'binding.gyp', 'native', 'build', 'dist', 'node_modules/node-addon-api']

// The first op of the table that subtracts.
const FIRST = 'matmul_bias_tanh'

// The first subtraction of an instruction set's vectors, that of floats, with its arguments exchanged.
function breakSubtraction(path: string): void {
  const source = readFileSync(path, 'utf8')
  const broken = source.replace('operator-(Vec a, Vec b)', 'operator-(Vec b, Vec a)')
  expect(broken).not.toBe(source)
  writeFileSync(path, broken)
}

// Nobody measures this core's speed, and its compiler takes a fifth of the time so.
function compileQuickly(path: string): void {
  writeFileSync(path, `#pragma GCC optimize("O0")\n${readFileSync(path, 'utf8')}`)
}

describe.runIf(isNativeUnderTest)('a core whose float32 subtraction is wrong', () => {
  const [isa] = isas
  const folder = mkdtempSync(join(tmpdir(), 'hadamard-broken-'))
  let native: Backend

  beforeAll(async () => {
    // With their times, so that only the broken instruction set is compiled anew.
    for (const name of COPIED) {
      cpSync(join(ROOT, name), join(folder, name), { recursive: true, preserveTimestamps: true })
    }
    for (const name of readdirSync(join(ROOT, 'node_modules'))) {
      const link = join(folder, 'node_modules', name)
      if (!existsSync(link)) symlinkSync(join(ROOT, 'node_modules', name), link)
    }
    breakSubtraction(join(folder, 'native', 'simd', `vec_${isa}.h`))
    compileQuickly(join(folder, 'native', 'isa', `${isa}.cc`))
    await run(process.execPath, [join(folder, 'native', 'build.mjs')], { cwd: folder })
    const binding = createRequire(import.meta.url)(
      join(folder, 'build', 'Release', 'hadamard.node'),
    ) as Binding
    native = {
      name: 'native',
      isa,
      call: (op, dims, scalars, operands, batch) => {
        binding.call(isa, op, dims, scalars, operands, batch?.rows, batch?.cursor)
      },
      gemm: (...args) => {
        binding.gemm(isa, ...args)
      },
      link: () => {
        throw new Error('not used here')
      },
    }
  }, 600_000)
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  test('fails the self-test, which names the op', () => {
    expect(selfTest(native)).toMatch(new RegExp(`^${FIRST} \\(float32, .*element 0: expected .*$`))
  })

  test('fails verification with the op, the shape, the element, both values and their distance', () => {
    const verifier = createVerifier(native)
    const call = (): void => {
      verifier.call(
        'subtract',
        [1, 3],
        [],
        [Float32Array.of(1, 2, 3), Float32Array.of(1, 5, 3), new Float32Array(3)],
      )
    }
    expect(call).toThrow(ParityError)
    expect(call).toThrow(
      expect.objectContaining({
        op: 'subtract',
        shape: 'rows=1 n=3 (float32)',
        operand: 'y',
        element: 1,
        expected: -3,
        received: 3,
      }),
    )
  })

  test('fails the parity suite', () => {
    expect(parityDifference(opNamed('subtract'), native, 'float32')).toMatch(/element/)
  })

  const cli = (env: Record<string, string>, ...args: string[]): ReturnType<typeof run> =>
    run(process.execPath, [join(folder, 'dist', 'cli', 'main.js'), ...args], {
      env: { ...process.env, HADAMARD_BACKEND: '', ...env },
    })

  test('is refused with a warning, and the fallback serves', async () => {
    const data = join(ROOT, 'examples', 'data', 'penguins.csv')
    const model = join(folder, 'penguins.model')
    const { stderr } = await cli({}, 'train', data, '--target', 'species', '--epochs', '1', '--model', model)
    expect(stderr).toMatch(new RegExp(`using the slower TypeScript fallback.*self-test.*${FIRST}`))
  })

  test('is an error where the native core was asked for', async () => {
    await expect(cli({ HADAMARD_BACKEND: 'native' }, 'doctor')).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(new RegExp(`self-test.*${FIRST}.*\\n[^]*cure`)) as string,
    })
    const failure: unknown = await cli({}, 'doctor', '--json').catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 1 })
    expect(JSON.parse((failure as { stdout: string }).stdout)).toMatchObject({
      fault: 'failsSelfTest',
      cure: expect.stringMatching(
        /^Compile it anew: npx hadamard build.*HADAMARD_BACKEND=fallback$/,
      ) as string,
      runs: { backend: 'fallback' },
    })
  })
})
