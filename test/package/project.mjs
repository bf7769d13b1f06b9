// Empty projects and programs run in them; the counts of all checks.

import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const folder = mkdtempSync(join(tmpdir(), 'hadamard-package-'))
export const counts = { passed: 0, failed: 0 }

/** Trains XOR and multiplies; prints `native 1 11` where all is right. */
export const xor = (print = 'console.log(') => `
import { Network, dense } from 'hadamard'
import { matmul } from 'hadamard/kernels'
const net = new Network({ inputs: 2, layers: [dense(8, 'tanh'), dense(1)], loss: 'binaryCrossEntropyFromLogits', seed: 3 })
const x = [[0, 0], [0, 1], [1, 0], [1, 1]], y = [0, 1, 1, 0]
await net.fit(x, y, { epochs: 300, optimizer: { name: 'adam', learningRate: 0.05 } })
const product = matmul(Float32Array.of(1, 2), Float32Array.of(3, 4), { m: 1, n: 1, k: 2 })
${print}[net.backend.name, net.evaluate(x, y).accuracy, product[0]].join(' '))
`

/** Runs a program to its end; a failure is no exception. */
export function run(cwd, command, args, env = process.env) {
  return new Promise((resolve) => {
    const options = { cwd, env, encoding: 'utf8', timeout: 540_000, maxBuffer: 2 ** 26 }
    execFile(command, args, options, (error, output, errors) => {
      resolve({ code: error === null ? 0 : error.code, output, errors, all: output + errors })
    }).stdin?.end()
  })
}

/** Counts a check and prints its line. */
export function check(name, isGood, detail = '') {
  counts[isGood ? 'passed' : 'failed']++
  console.log(isGood ? `ok ${name}` : `FAIL ${name}\n${detail}`)
  return isGood
}

/** A folder with a package.json and the program above. */
export function newProject(name) {
  const project = join(folder, name)
  mkdirSync(project)
  const manifest = { name, version: '1.0.0', type: 'module', private: true }
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(project, 'xor.mjs'), xor())
  return project
}
