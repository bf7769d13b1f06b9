/** The library in several worker threads at once, and over a thousand networks: the same bits, and flat memory. */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { isNativeUnderTest } from './support/backends.ts'

const INDEX = pathToFileURL(join(import.meta.dirname, '..', 'dist', 'index.js')).href
const backends = [...(isNativeUnderTest ? ['native'] : []), 'fallback']
const folder = mkdtempSync(join(tmpdir(), 'hadamard-workers-'))
afterAll(() => rmSync(folder, { recursive: true }))

// A thousand networks take half a minute on a busy machine.
const SLOWEST_MS = 300_000

// Runs a module in a process of its own; what it prints last is JSON.
async function run(name: string, backend: string, source: string): Promise<unknown> {
  const file = join(folder, `${name}-${backend}.mjs`)
  const env = { ...process.env, HADAMARD_BACKEND: backend }
  writeFileSync(file, source)
  const child = spawn(process.execPath, ['--expose-gc', file], { env, timeout: SLOWEST_MS - 10_000 })
  const output = { out: '', errors: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.errors += chunk.toString()))
  const ended = await new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })))
  expect({ ...(ended as object), errors: output.errors }).toEqual({ code: 0, signal: null, errors: '' })
  return JSON.parse(output.out.trim().split('\n').at(-1) ?? '')
}

describe.each(backends)('%s', (backend) => {
  test('trains in four workers and the main thread at once, each with the bits of a run alone', async () => {
    const result = (await run(
      'workers',
      backend,
      `
      import { createHash } from 'node:crypto'
      import { Worker, isMainThread, parentPort } from 'node:worker_threads'
      import { fileURLToPath } from 'node:url'
      import { Network, dense, dropout, train } from ${JSON.stringify(INDEX)}

      const x = new Float32Array(300 * 4).map((_, i) => Math.sin(i))
      const labels = new Uint8Array(300).map((_, i) => i % 3)
      const rows = Array.from({ length: 60 }, (_, i) => ({ a: i % 7, b: 'xyz'[i % 3], target: i % 7 > 3 ? 'yes' : 'no' }))
      async function bits() {
        const hash = createHash('sha256')
        for (const threads of [1, 2]) {
          const layers = [dense(32, 'relu'), dropout(0.3), dense(3)]
          const net = new Network({ inputs: 4, layers, loss: 'categoricalCrossEntropyFromLogits', seed: 5 })
          const history = await net.fit(x, labels, { epochs: 40, threads, validation: 0.2 })
          hash.update(JSON.stringify(history.epochs))
          for (const { data } of Object.values(net.parameters)) hash.update(data)
          hash.update(net.predict(x))
        }
        const model = await train(rows, { target: 'target', epochs: 20, seed: 2 })
        hash.update(JSON.stringify(model.predict(rows)))
        return hash.digest('hex')
      }
      if (isMainThread) {
        const alone = await bits()
        const start = () => new Promise((resolve, reject) => {
          const worker = new Worker(fileURLToPath(import.meta.url))
          worker.once('message', resolve)
          worker.once('error', reject)
        })
        const together = await Promise.all([bits(), ...Array.from({ length: 4 }, start)])
        // Again, in workers that come after others have ended.
        const later = await Promise.all([start(), start()])
        console.log(JSON.stringify({ alone, others: [...together, ...later] }))
      } else {
        parentPort.postMessage(await bits())
      }`,
    )) as { alone: string; others: string[] }
    expect(result.others).toEqual(Array.from({ length: 7 }, () => result.alone))
  })

  test(
    'a thousand networks trained, loaded and dropped leave memory as it was',
    async () => {
      const { before, after } = (await run(
        'memory',
        backend,
        `
      import { Network, dense, loadModel, train } from ${JSON.stringify(INDEX)}
      const x = new Float32Array(64 * 4).map((_, i) => Math.sin(i))
      const y = new Float32Array(64).map((_, i) => Math.cos(i))
      const rows = Array.from({ length: 40 }, (_, i) => ({ a: i % 7, target: i % 7 > 3 ? 'yes' : 'no' }))
      const path = ${JSON.stringify(join(folder, 'small.model'))} + '${backend}'
      await (await train(rows, { target: 'target', epochs: 2, hidden: [16] })).save(path)
      async function cycle() {
        const net = new Network({ inputs: 4, layers: [dense(64, 'tanh'), dense(1)], loss: 'squaredError' })
        await net.fit(x, y, { epochs: 2, threads: 2 })
        net.trainStep(x, y)
        net.predict(x)
        const model = await loadModel(path)
        model.predict(rows.slice(0, 3))
      }
      async function resident(cycles) {
        for (let i = 0; i < cycles; i++) await cycle()
        for (let i = 0; i < 5; i++) {
          globalThis.gc()
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        return process.memoryUsage().rss
      }
      // The heap and its fragments settle within some hundred cycles. One reading may be high; what leaks stays in all.
      const before = await resident(400)
      const readings = []
      for (let i = 0; i < 3; i++) readings.push(await resident(200))
      console.log(JSON.stringify({ before, after: Math.min(...readings) }))`,
      )) as { before: number; after: number }
      expect(after / before).toBeLessThan(1.05)
    },
    SLOWEST_MS,
  )

  test('networks that are dropped without a turn of the event loop give their memory back', async () => {
    const { before, after } = (await run(
      'memory-in-a-loop',
      backend,
      `
      import { Network, dense } from ${JSON.stringify(INDEX)}
      const x = new Float32Array(10)
      const zeros = { initializer: 'zeros' } // the memory is what matters; a million draws a network take long
      function resident(cycles) {
        for (let i = 0; i < cycles; i++) {
          new Network({ inputs: 10, layers: [dense(1000, 'linear', zeros), dense(1000, 'linear', zeros), dense(1)], loss: 'squaredError' }).predict(x)
        }
        globalThis.gc()
        return process.memoryUsage().rss
      }
      const before = resident(30)
      // The collector gives memory back in its own time, so one reading may be high; what is kept stays in all of them.
      const readings = Array.from({ length: 4 }, () => resident(60))
      const after = Math.min(...readings.slice(2))
      console.log(JSON.stringify({ before, after }))`,
    )) as { before: number; after: number }
    // An arena holds 4 MB: kept, the 180 networks before these readings would add 770 MB. Up to 110 MB wait to be freed.
    expect(after - before).toBeLessThan(240 * 2 ** 20)
  })
})
