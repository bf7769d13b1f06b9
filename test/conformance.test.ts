/** The conformance commands as tools call them: a line per case, the counts, the exit code. */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Network, abilities, dense } from '../src/index.ts'

const ROOT = join(import.meta.dirname, '..')
const PYTORCH = join(import.meta.dirname, 'fixtures', 'pytorch')
const folder = mkdtempSync(join(tmpdir(), 'hadamard-conformance-'))
afterAll(() => rmSync(folder, { recursive: true }))

// One module each, two folders below the root as the sources are: tsx would translate the whole library for every command.
const BUNDLES = join(ROOT, 'build', 'conformance')
beforeAll(() =>
  build({
    entryPoints: ['run.ts', 'csv-run.ts'].map((name) => join(ROOT, 'test', 'conformance', name)),
    outdir: BUNDLES,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  }),
)

function run(name: string, ...args: string[]): { code: number | null; lines: string[]; errors: string } {
  const command = [join(BUNDLES, `${name}.mjs`), ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: ROOT, encoding: 'utf8' })
  return { code: status, lines: stdout.trim().split('\n'), errors: stderr }
}

function folderOf(name: string, files: Record<string, unknown>): string {
  const path = join(folder, name)
  mkdirSync(path)
  for (const [file, content] of Object.entries(files)) {
    writeFileSync(join(path, file), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return path
}

const fixture = JSON.parse(readFileSync(join(PYTORCH, 'linear_mse_sgd.json'), 'utf8')) as {
  expected: Record<string, unknown>
}

describe('npm run conformance', () => {
  const float32 = ['--backend', 'fallback', '--dtype', 'float32']

  test('passes a folder of sound fixtures with exit code 0', () => {
    const command = ['run', '-s', 'conformance', '--', PYTORCH, ...float32]
    const { status, stdout } = spawnSync('npm', command, { cwd: ROOT, encoding: 'utf8' })
    expect(stdout).toMatch(/^ok linear_mse_sgd$/m)
    expect(stdout).toMatch(/^\d+ passed, 0 failed, 0 skipped\n$/m)
    expect(status).toBe(0)
  })

  test('names what fails and why, skips what needs an ability that is not there, and goes on', () => {
    const path = folderOf('mixed', {
      'a.json': '{"layers": [',
      'b.json': [],
      'c.json': { ...fixture, expected: { ...fixture.expected, loss: 'NaN' } },
      'd.json': { ...fixture, needs: ['no_bias', 'telepathy'] },
      'e.json': { ...fixture, loss: { name: 'mind_reading' } },
      'f.json': { ...fixture, needs: ['no_bias'] },
      'g.json': { ...fixture, x: [[1, 'one']] },
      'notes.txt': 'no fixture',
    })
    mkdirSync(join(path, 'h.json'))
    const { code, lines, errors } = run('run', path, ...float32)
    expect(lines.map((line) => line.slice(0, 30))).toEqual([
      expect.stringMatching(/^FAIL a .*JSON/),
      'FAIL b layers: expected a list',
      expect.stringMatching(/^FAIL c loss\[0\]: expected NaN/),
      'skip d needs telepathy',
      expect.stringMatching(/^FAIL e loss: expected one of/),
      'ok f',
      expect.stringMatching(/^FAIL g x: expected a number; r/),
      expect.stringMatching(/^FAIL h EISDIR/),
      '1 passed, 6 failed, 1 skipped',
    ])
    expect(code).toBe(1)
    expect(errors).toBe('')
  })

  test.each([
    ['an empty folder', () => [folderOf('empty', {})], /^$/],
    ['a folder that is not there', () => [join(folder, 'none')], /ENOENT/],
    ['an unknown dtype', () => [PYTORCH, '--dtype', 'float16'], /--dtype: expected float64 or float32/],
    ['a misspelled flag', () => [PYTORCH, '--back', 'native'], /--back/],
  ])('%s is exit code 1', (_, args, message) => {
    const { code, lines, errors } = run('run', ...args())
    expect(errors).toMatch(message)
    expect(lines).toEqual(['0 passed, 0 failed, 0 skipped'])
    expect(code).toBe(1)
  })
})

describe('npm run conformance:csv', () => {
  const CSV = join(import.meta.dirname, 'data', 'csv')

  test('skips files that nobody has generated', () => {
    const { code, lines } = run('csv-run', CSV, '--backend', 'fallback')
    expect(lines).toContain('ok 01_plain.csv')
    expect(lines).toContain('skip big_good.csv needs make_big.mjs')
    expect(lines.at(-1)).toMatch(/^\d+ passed, 0 failed, 4 skipped$/)
    expect(code).toBe(0)
  })

  test('generates them where the folder says how, and a file that is not there is a case too', () => {
    const path = join(folder, 'generated')
    cpSync(CSV, path, { recursive: true })
    writeFileSync(
      join(path, 'make_big.mjs'),
      `import { mkdirSync, writeFileSync } from 'node:fs'
       import { join } from 'node:path'
       const out = process.argv[2]
       mkdirSync(join(out, 'a_directory.csv'))
       writeFileSync(join(out, 'big_good.csv'), 'x,y,z\\n1,2,3\\n')
       writeFileSync(join(out, 'big_bad_token.csv'), 'x,y,z\\n'.padEnd(70_004, '\\n') + '1,abc,2\\n')`,
    )
    const { code, lines } = run('csv-run', path, '--backend', 'fallback')
    expect(lines).toContain('ok missing_file.csv')
    expect(lines).toContain('ok a_directory.csv')
    expect(lines).toContain('ok big_bad_token.csv')
    expect(lines).toContain('FAIL big_good.csv expected 100000; received 1')
    expect(code).toBe(1)
  })

  test.each([
    ['no manifest', {}, /ENOENT/],
    ['a manifest without files', { 'manifest.json': {} }, /expected a list `files`/],
    [
      'an unknown outcome',
      { 'manifest.json': { files: [{ file: 'a', outcome: 'maybe' }] } },
      /the outcome ok/,
    ],
    ['no case', { 'manifest.json': { files: [] } }, /^$/],
  ])('%s is exit code 1', (name, files, message) => {
    const { code, lines, errors } = run('csv-run', folderOf(name, files))
    expect(errors).toMatch(message)
    expect(lines).toEqual(['0 passed, 0 failed, 0 skipped'])
    expect(code).toBe(1)
  })
})

describe('abilities', () => {
  test('kink_left: where a derivative jumps at 0, it is the value from the left', () => {
    expect(abilities).toContain('kink_left')
    for (const [activation, slope] of [
      ['relu', 0],
      [{ name: 'leaky_relu', slope: 0.25 } as const, 0.25],
    ] as const) {
      const network = new Network({ inputs: 1, layers: [dense(1, activation)], loss: 'squaredError' })
      network.setParameters({ 'dense1.weight': [1], 'dense1.bias': [0] })
      expect(network.gradients([[0]], [[-1]]).input[0]).toBe(2 * slope)
    }
  })

  test('no_bias: a dense layer without one has a weight alone', () => {
    expect(abilities).toContain('no_bias')
    const layers = [dense(2, 'linear', { bias: false })]
    const network = new Network({ inputs: 1, layers, loss: 'squaredError' })
    expect(Object.keys(network.parameters)).toEqual(['dense1.weight'])
  })
})
