/** Ends in the middle: exits, terminated workers, and the fallback that nobody asked for. */

import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { isNativeUnderTest } from './support/backends.ts'

const ROOT = join(import.meta.dirname, '..')
const INDEX = join(ROOT, 'dist', 'index.js')
const folder = mkdtempSync(join(tmpdir(), 'hadamard-lifecycle-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Ended {
  code: number | null
  signal: string | null
  output: string
  errors: string
}

function runScript(source: string, env: Record<string, string> = {}): Promise<Ended> {
  const file = join(folder, `script-${Math.random().toString(36).slice(2)}.mjs`)
  writeFileSync(file, source)
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], { env: { ...process.env, ...env }, timeout: 30_000 })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    child.on('close', (code, signal) => resolve({ code, signal, output, errors }))
  })
}

const longFit = `
import { Network, dense } from ${JSON.stringify(INDEX)}
const rows = 20000
const x = new Float32Array(rows * 8).map((_, i) => Math.sin(i))
const y = new Float32Array(rows).map((_, i) => Math.cos(i))
const start = () => new Network({ inputs: 8, layers: [dense(64, 'relu'), dense(64, 'relu'), dense(1)], loss: 'squaredError' })
  .fit(x, y, { epochs: 1e6, threads: 2 })
`

describe('a process that ends during a run', () => {
  test('process.exit ends it at once with its own code', async () => {
    const ended = await runScript(`${longFit}; start(); start(); setTimeout(() => process.exit(7), 100)`)
    expect(ended).toMatchObject({ code: 7, signal: null, errors: '' })
  })

  test('an uncaught error elsewhere ends it with that error', async () => {
    const ended = await runScript(
      `${longFit}; start(); setTimeout(() => { throw new Error('elsewhere') }, 100)`,
    )
    expect(ended.code).toBe(1)
    expect(ended.errors).toContain('elsewhere')
  })

  test('a run keeps the process alive until it is done', async () => {
    const ended = await runScript(`
      import { Network, dense } from ${JSON.stringify(INDEX)}
      new Network({ inputs: 1, layers: [dense(4), dense(1)], loss: 'squaredError' })
        .fit([[1], [2], [3]], [1, 2, 3], { epochs: 2000 }).then((history) => console.log(history.epochs.length))`)
    expect(ended).toMatchObject({ code: 0, output: '2000\n', errors: '' })
  })

  test('worker.terminate joins the threads, and other workers go on', async () => {
    const ended = await runScript(`
      import { Worker, isMainThread, parentPort } from 'node:worker_threads'
      import { fileURLToPath } from 'node:url'
      ${longFit}
      if (isMainThread) {
        const workers = Array.from({ length: 3 }, () => new Worker(fileURLToPath(import.meta.url)))
        await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
        await new Promise((resolve) => setTimeout(resolve, 100))
        console.log(await Promise.all(workers.map((worker) => worker.terminate())))
        const history = await new Network({ inputs: 8, layers: [dense(1)], loss: 'squaredError' }).fit(x, y, { epochs: 2 })
        console.log(history.stopped)
      } else {
        start()
        parentPort.postMessage('started')
      }`)
    expect(ended).toMatchObject({ code: 0, signal: null, errors: '' })
    expect(ended.output).toBe('[ 1, 1, 1 ]\nepochs\n')
  })
})

describe('a package without a binary', () => {
  const copy = join(folder, 'package')
  mkdirSync(copy)
  cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true })
  cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'dir')
  const script = `
    import { Network, dense } from ${JSON.stringify(join(copy, 'dist', 'index.js'))}
    const nets = [1, 2].map(() => new Network({ inputs: 1, layers: [dense(1)], loss: 'squaredError' }))
    await nets[0].fit([[1], [2]], [1, 2], { epochs: 3 })
    console.log(nets[0].backend.name)`

  test('trains on the fallback, and says so once with the reason and the cure', async () => {
    const ended = await runScript(script, { HADAMARD_BACKEND: '' })
    expect(ended).toMatchObject({ code: 0, output: 'fallback\n' })
    expect(ended.errors.trim().split('\n')).toHaveLength(1)
    expect(ended.errors).toMatch(
      /^hadamard: using the slower TypeScript fallback\. .*Compile it with npx hadamard build/,
    )
  })

  test('is silent where the fallback is asked for', async () => {
    expect(await runScript(script, { HADAMARD_BACKEND: 'fallback' })).toMatchObject({
      output: 'fallback\n',
      errors: '',
    })
  })

  test('refuses where the native core is asked for', async () => {
    const ended = await runScript(script, { HADAMARD_BACKEND: 'native' })
    expect(ended.code).toBe(1)
    expect(ended.errors).toContain('BinaryError [BackendError]: native core: expected a binary for')
  })
})

test.runIf(isNativeUnderTest)('HADAMARD_ISA and HADAMARD_THREADS choose, and are checked', async () => {
  const script = `
    import { Network, dense } from ${JSON.stringify(INDEX)}
    const net = new Network({ inputs: 1, layers: [dense(1)], loss: 'squaredError' })
    console.log(net.backend.isa, (await net.fit([[1]], [1], { epochs: 1 })).threads)`
  expect((await runScript(script, { HADAMARD_ISA: 'scalar', HADAMARD_THREADS: '1' })).output).toBe(
    'scalar 1\n',
  )
  expect((await runScript(script, { HADAMARD_ISA: 'mmx' })).errors).toMatch(
    /isa: expected one of .*; received mmx/,
  )
  expect((await runScript(script, { HADAMARD_THREADS: 'two' })).errors).toMatch(
    /HADAMARD_THREADS: expected an integer at least 1/,
  )
})
