/** What the checks for infinities and NaN cost: the program of a fit beside the same one with its checks taken out. */

import { chooseBackend } from '../src/backends/choose.ts'
import { normalizeOptimizer } from '../src/compiler/optimizers.ts'
import type { Instruction, Program } from '../src/compiler/program.ts'
import { compileTraining } from '../src/compiler/training.ts'
import { initialParameters } from '../src/parameters.ts'
import { normalizeSpec } from '../src/spec.ts'
import { toTrainingData } from '../src/training/data.ts'
import { dataOf as buffersOf, initializeArena } from '../src/training/fit.ts'
import { normalizeFitOptions } from '../src/training/options.ts'
import { dataOf, workloadNamed } from './workloads.ts'

const CASES = [
  { name: 'W1', batchSize: 4 },
  { name: 'W2', batchSize: 128 },
] as const
const ROUNDS = 200
const ROUND_MS = 4
const MOST = 0.02
const NO_REPORT = { report: { offset: 0, count: 0 }, onProgress: () => undefined }

/** Native, one thread; both programs take turns, each round a few milliseconds. */
export async function checkDivergence(): Promise<{ text: string; isMet: boolean }> {
  const found = []
  for (const one of CASES) found.push({ ...one, ...(await costOf(one)) })
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
  return {
    text: `${found
      .map(
        ({ name, batchSize, best, median }) =>
          `${name} b${batchSize}: ${percent(best)} of a step at best, median of ${ROUNDS} pairs ${percent(median)}`,
      )
      .join('; ')}; target: below ${percent(MOST)}`,
    isMet: found.every(({ best, median }) => best < MOST && median < MOST),
  }
}

async function costOf({
  name,
  batchSize,
}: (typeof CASES)[number]): Promise<{ best: number; median: number }> {
  const { network, optimizer, ...workload } = workloadNamed(name)
  const spec = normalizeSpec(network)
  const settings = normalizeFitOptions({ batchSize, optimizer, threads: 1 })
  const { x, y } = dataOf({ network, optimizer, ...workload, rows: 4096 })
  const data = toTrainingData(spec, x, y, settings)
  const program = compileTraining(spec, {
    batchSize,
    totalRows: 4096,
    trainRows: 4096,
    validationRows: 0,
    optimizer: normalizeOptimizer(optimizer),
    areTargetsLabels: data.y instanceof Uint32Array,
  })
  const backend = chooseBackend({ backend: 'native' })
  const [checked, unchecked] = [program, withoutChecks(program)].map((of) => {
    const job = { spec, backend, settings, parameters: initialParameters(spec), ...data }
    const executable = backend.link(of, buffersOf(job, of), { threads: 1 })
    initializeArena(of, executable, job)
    return async (epochs: number): Promise<number> => {
      const start = performance.now()
      await executable.run('epoch', epochs, NO_REPORT)
      return performance.now() - start
    }
  })
  await unchecked(10)
  const epochs = Math.max(1, Math.round(ROUND_MS / (await unchecked(1))))
  const times: [number, number][] = []
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 2 === 0) times.push([await checked(epochs), await unchecked(epochs)])
    else times.push([await unchecked(epochs), await checked(epochs)].reverse() as [number, number])
  }
  const least = (at: 0 | 1): number => Math.min(...times.map((pair) => pair[at]))
  const shares = times.map(([on, off]) => on / off - 1).sort((a, b) => a - b)
  return { best: least(0) / least(1) - 1, median: shares[ROUNDS / 2] }
}

// The program as it is but for its checks; with one thread, the barriers that they leave cost nothing.
function withoutChecks(program: Program): Program {
  const isCheck = (instruction: Instruction): boolean =>
    instruction.kind === 'op' && ['find_nonfinite', 'halt_if', 'halt_if_nonfinite'].includes(instruction.op)
  const entries = [...program.entries].map(
    ([name, instructions]) => [name, instructions.filter((one) => !isCheck(one))] as const,
  )
  return { ...program, entries: new Map(entries) }
}
