// Runs netlib's level-3 BLAS testers (Debian: libblas-test) on the gemm of every instruction set of this machine: the
// shim of native/test/blas_shim.cc is loaded in front of the testers' own BLAS. A line per run, then the counts.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'hadamard-blas-'))
const ROUTINES = [
  { letter: 's', routine: 'SGEMM' },
  { letter: 'd', routine: 'DGEMM' },
]

// Sizes on both sides of the tiles and vectors, up to the testers' limit of 65; ratios are in units of the rounding.
const input = (letter, routine) => `'gemm.out'        NAME OF SUMMARY OUTPUT FILE
6                 UNIT NUMBER OF SUMMARY FILE
'gemm.snap'       NAME OF SNAPSHOT OUTPUT FILE
-1                UNIT NUMBER OF SNAPSHOT FILE (NOT USED IF .LT. 0)
F        LOGICAL FLAG, T TO REWIND SNAPSHOT FILE AFTER EACH RECORD.
F        LOGICAL FLAG, T TO STOP ON FAILURES.
T        LOGICAL FLAG, T TO TEST ERROR EXITS.
16.0     THRESHOLD VALUE OF TEST RATIO
9                 NUMBER OF VALUES OF N
0 1 2 3 5 9 17 35 65
3                 NUMBER OF VALUES OF ALPHA
0.0 1.0 0.7
3                 NUMBER OF VALUES OF BETA
0.0 1.0 1.3
${routine.padEnd(6)} T
${['SYMM', 'TRMM', 'TRSM', 'SYRK', 'SYR2K'].map((name) => `${(letter.toUpperCase() + name).padEnd(6)} F`).join('\n')}
`

function findTesters() {
  const folders = readdirSync('/usr/lib').map((name) => join('/usr/lib', name, 'blas'))
  const found = folders.find((folder) => existsSync(join(folder, 'xblat3s')))
  if (found !== undefined) return found
  throw new Error('expected the BLAS testers in /usr/lib/*/blas; found none. Install libblas-test')
}

// Links the shim with the libraries of the addon: what is tested is what is packed.
function buildShim() {
  const shim = join(folder, 'libblas_shim.so')
  const libraries = ['hadamard_core', 'kernels_scalar', 'kernels_avx2', 'kernels_avx512', 'kernels_neon']
    .map((name) => join(ROOT, 'build', 'Release', `${name}.a`))
    .filter((path) => existsSync(path))
  if (libraries.length < 2)
    throw new Error('expected the libraries of build/Release; found none. Run npm run build:native')
  const options = [
    '-shared',
    '-fPIC',
    '-std=c++20',
    '-O2',
    '-pthread',
    `-I${join(ROOT, 'native')}`,
    '-o',
    shim,
  ]
  const source = join(ROOT, 'native', 'test', 'blas_shim.cc')
  const args = [...options, source, '-Wl,--start-group', ...libraries, '-Wl,--end-group']
  const { status, stderr } = spawnSync(process.env.CXX ?? 'g++', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`g++ ${args.join(' ')} failed:\n${stderr}`)
  return shim
}

// The tester's exit code says nothing; its summary has a line for the error exits and one for the computed tests.
function run(tester, shim, isa, letter, routine) {
  const output = join(folder, 'gemm.out')
  rmSync(output, { force: true })
  const { status, signal, stderr } = spawnSync(tester, {
    cwd: folder,
    env: { ...process.env, LD_PRELOAD: shim, HADAMARD_ISA: isa },
    input: input(letter, routine),
    encoding: 'utf8',
    timeout: 300_000,
  })
  const summary = existsSync(output) ? readFileSync(output, 'utf8') : ''
  const calls = Number(
    new RegExp(`${routine} +PASSED THE COMPUTATIONAL TESTS \\( *(\\d+) CALLS\\)`).exec(summary)?.[1] ?? 0,
  )
  const hasPassedExits = new RegExp(`${routine} +PASSED THE TESTS OF ERROR-EXITS`).test(summary)
  const isOurs = stderr.includes(`blas_shim: ${isa}`)
  const isGood = isOurs && status === 0 && calls > 0 && hasPassedExits && !/\*{4}|FATAL|SUSPECT/.test(summary)
  const detail = isGood ? `${calls} calls, error exits` : `exit ${status ?? signal}\n${summary}${stderr}`
  console.log(`${isGood ? 'ok' : 'FAIL'} ${routine} on ${isa}: ${detail}`)
  return isGood
}

const counts = { passed: 0, failed: 0 }
try {
  const testers = findTesters()
  const shim = buildShim()
  const { isas } = createRequire(import.meta.url)('node-gyp-build')(ROOT).info()
  for (const isa of isas) {
    for (const { letter, routine } of ROUTINES) {
      counts[run(join(testers, `xblat3${letter}`), shim, isa, letter, routine) ? 'passed' : 'failed']++
    }
  }
} catch (error) {
  console.error(error.message)
  counts.failed++
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1
