/**
 * The parity suite where vitest cannot run: on an emulated processor. Bundled into one file by run.mjs.
 *
 * `record FILE` writes what the fallback computes, as digests; `check FILE` computes the same cases on every instruction
 * set of this machine and compares.
 */

import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Backend, OperandArray } from '../../src/backends/backend.ts'
import { createFallback } from '../../src/backends/fallback.ts'
import { createNative, loadBinding } from '../../src/backends/native.ts'
import { DTYPES } from '../../src/ops/arithmetic.ts'
import { ops } from '../../src/ops/index.ts'
import { parityCases } from '../support/parity.ts'
import { arenaAfterTraining, randomCase } from '../support/programs.ts'

const PROGRAMS = 12
const THREADS = [1, 2, 3]

type Digests = Record<string, string>

// One set of digests per backend; the cases are made once for all of them.
async function digestsOn(backends: readonly Backend[]): Promise<Digests[]> {
  const digests = backends.map((): Digests => ({}))
  for (const dtype of DTYPES) {
    for (const op of ops.values()) {
      const hashes = backends.map(() => createHash('sha256'))
      for (const { run } of parityCases(op, dtype)) {
        backends.forEach((backend, i) => run(backend).forEach((array) => hashes[i].update(canonical(array))))
      }
      hashes.forEach((hash, i) => (digests[i][`${op.name}, ${dtype}`] = hash.digest('hex')))
    }
    for (let seed = 0; seed < PROGRAMS; seed++) {
      for (const threads of THREADS) {
        for (const [i, backend] of backends.entries()) {
          const { arena } = await arenaAfterTraining(backend, randomCase(seed, dtype), threads)
          const name = `training of random network ${seed} on ${threads} threads, ${dtype}`
          digests[i][name] = createHash('sha256').update(arena).digest('hex')
        }
      }
    }
  }
  return digests
}

// Any NaN equals any NaN: payloads differ between processors.
function canonical(array: OperandArray): OperandArray {
  return array instanceof Uint32Array ? array : array.map((value) => (value !== value ? NaN : value))
}

async function check(expected: Digests): Promise<number> {
  const { isas, compiled } = loadBinding().info()
  const counts = { passed: 0, failed: 0 }
  console.log(`${process.arch}: instruction sets ${isas.join(', ')} of ${compiled.join(', ')}`)
  const received = await digestsOn(isas.map((isa) => createNative({ isa })))
  for (const [i, isa] of isas.entries()) {
    for (const [name, digest] of Object.entries(expected)) {
      const isEqual = received[i][name] === digest
      counts[isEqual ? 'passed' : 'failed']++
      if (!isEqual) console.log(`FAIL ${isa}: ${name} differs from the fallback`)
    }
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  return counts.failed
}

const [command, path] = process.argv.slice(2)
if (command === 'record') {
  const [digests] = await digestsOn([createFallback({ exact: true })])
  writeFileSync(path, JSON.stringify(digests))
} else {
  process.exitCode = (await check(JSON.parse(readFileSync(path, 'utf8')) as Digests)) > 0 ? 1 : 0
}
