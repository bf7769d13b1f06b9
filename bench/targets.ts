/** The speeds to reach, as data: of each check its cases, and what their figures are to be. */

import type { Case } from './cases.ts'
import type { Result } from './measure.ts'
import type { Peak } from './peak.ts'
import { format, gigaflops, shareOf } from './table.ts'

/** What results are judged by. */
export interface Measured {
  readonly results: readonly Result[]
  /** By number of threads; undefined where it cannot be measured. */
  readonly peaks: ReadonlyMap<number, Peak | undefined>
  /** All cores. */
  readonly threads: number
}

/** A line of a check; `isMet` is undefined where it is only reported, or where there is nothing to compare with. */
export interface Verdict {
  readonly text: string
  readonly isMet?: boolean
}

/** What a check demands of its results. */
export type Goal = (measured: Measured) => Verdict[]

/** Cases and goals of one row of the table of targets. */
export interface Target {
  readonly about: string
  readonly isOf: (one: Case) => boolean
  /** Whether it is measured on all cores too. */
  readonly isThreaded?: boolean
  /** Names of the peers of this library, default the native core on its best instruction set. */
  readonly ours?: readonly string[]
  readonly rivals: readonly string[]
  readonly goals: readonly Goal[]
}

const NATIVE = 'hadamard-native'
const FALLBACK = 'hadamard-fallback'
const NODE = ['brain.js', 'tfjs-cpu', 'tfjs-wasm']
const PYTHON = ['pytorch', 'pytorch-debian', 'pytorch-compiled', 'tensorflow', 'jax']
const MATRICES = ['onednn', 'libxsmm', 'openblas']

interface Where {
  /** Of the config, such as `W2 b128`. */
  readonly config?: string
  readonly task?: string
  readonly ours?: string
}

// Our results of a goal, on one thread unless said.
function oursAt({ results }: Measured, { config, task, ours = NATIVE }: Where, threads = 1): Result[] {
  return results.filter(
    ({ peer, of }) =>
      peer === ours &&
      of.threads === threads &&
      (config === undefined || of.config === config) &&
      (task === undefined || of.task === task),
  )
}

// The fastest of the named rivals in the same case.
function bestRival({ results }: Measured, of: Case, rivals: readonly string[]): Result | undefined {
  return results
    .filter((result) => result.of === of && rivals.includes(result.peer))
    .sort((a, b) => b.best - a.best)
    .at(0)
}

function label({ task, config, threads }: Case): string {
  return `${task} ${config}${threads > 1 ? ` on ${threads} threads` : ''}`
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** A share of the peak, in each case. */
export function share(atLeast: number, where: Where = {}): Goal {
  return (measured) =>
    oursAt(measured, where).map((result) => {
      const peak = measured.peaks.get(result.of.threads)
      const reached = peak && shareOf(result, peak)
      if (reached === undefined) return { text: `${label(result.of)}: share of the peak unknown` }
      const figure = `${format(gigaflops(result) ?? 0)} GFLOP/s, ${percent(reached)} of peak`
      return {
        text: `${label(result.of)}: ${figure} (target ${percent(atLeast)})`,
        isMet: reached >= atLeast,
      }
    })
}

/** Times the best of some rivals, in each case or, with `mean`, in the geometric mean; without a target it is only reported. */
export function ratio(
  atLeast: number | undefined,
  rivals: readonly string[],
  { mean = false, isThreaded = false, ...where }: Where & { mean?: boolean; isThreaded?: boolean } = {},
): Goal {
  return (measured) => {
    const pairs = oursAt(measured, where, isThreaded ? measured.threads : 1).map((ours) => ({
      ours,
      rival: bestRival(measured, ours.of, rivals),
    }))
    const verdicts = pairs.map(({ ours, rival }): Verdict => {
      if (rival === undefined) return { text: `${label(ours.of)}: none of ${rivals.join(', ')} is present` }
      const times = ours.best / rival.best
      const medians = (ours.median / rival.median).toFixed(2)
      const target = atLeast === undefined || mean ? '' : ` (target ${atLeast} ×)`
      return {
        text: `${label(ours.of)}: ${times.toFixed(2)} × ${rival.peer}, medians ${medians} ×${target}`,
        ...(target === '' ? {} : { isMet: times >= Number(atLeast) }),
      }
    })
    const known = pairs.flatMap(({ ours, rival }) =>
      rival === undefined ? [] : [Math.log(ours.best / rival.best)],
    )
    if (!mean || atLeast === undefined || known.length === 0) return verdicts
    const average = Math.exp(known.reduce((sum, value) => sum + value, 0) / known.length)
    return [
      ...verdicts,
      { text: `geometric mean ${average.toFixed(2)} × (target ${atLeast} ×)`, isMet: average >= atLeast },
    ]
  }
}

/** A time per call. */
export function microseconds(atMost: number, where: Where): Goal {
  return (measured) =>
    oursAt(measured, where).map(({ of, best, median }) => ({
      text: `${label(of)}: ${of.value(best).toFixed(2)} µs, median ${of.value(median).toFixed(2)} µs (target ${atMost} µs)`,
      isMet: of.value(best) <= atMost,
    }))
}

/** All threads beside one. */
export function speedup(atLeast: number, where: Where): Goal {
  return (measured) => {
    const [one] = oursAt(measured, where)
    const [all] = oursAt(measured, where, measured.threads)
    if (one === undefined || all === undefined) return []
    const times = all.best / one.best
    const text = `${label(all.of)}: ${times.toFixed(2)} × one thread (target ${atLeast} ×)`
    return [{ text, isMet: times >= atLeast }]
  }
}

const isCube = ({ config }: Case): boolean => /512x512x512|1024x1024x1024/.test(config)
const isNarrow = ({ config }: Case): boolean => /x(1|10)x/.test(config)
const trains =
  (name: string) =>
  ({ task, config }: Case): boolean =>
    task === 'train' && config.startsWith(`${name} `)

/** The rows of the table of targets that peers and the peak decide. */
export const targets: Readonly<Record<string, Target>> = {
  gemm: {
    about: 'float32 products of 512³ and 1024³',
    isOf: (one) => one.task === 'sgemm' && isCube(one),
    rivals: MATRICES,
    goals: [share(0.94), ratio(1, MATRICES)],
  },
  dgemm: {
    about: 'float64 products of 512³ and 1024³, which round twice per multiply-add',
    isOf: (one) => one.task === 'dgemm' && isCube(one),
    rivals: ['openblas'],
    goals: [share(0.94), ratio(undefined, ['openblas'])],
  },
  'gemm-mlp': {
    about: 'float32 products at the shapes of networks',
    isOf: (one) => one.task === 'sgemm' && !isCube(one) && !isNarrow(one),
    rivals: MATRICES,
    goals: [share(0.93), ratio(1, MATRICES, { mean: true })],
  },
  'gemm-narrow': {
    about: 'float32 products with 1 and 10 columns',
    isOf: (one) => one.task === 'sgemm' && isNarrow(one),
    rivals: MATRICES,
    goals: [ratio(1, ['openblas']), ratio(undefined, ['onednn', 'libxsmm'])],
  },
  w1: {
    about: 'W1, 2-8-1 tanh/logistic, SGD',
    isOf: trains('W1'),
    rivals: ['fann', ...NODE, ...PYTHON],
    goals: [
      ratio(2, ['fann'], { config: 'W1 b1' }),
      ratio(3, ['fann'], { config: 'W1 b4' }),
      ratio(undefined, PYTHON),
      ratio(undefined, NODE),
    ],
  },
  w2: {
    about: 'W2, 28-64-64-1, Adam',
    isOf: trains('W2'),
    rivals: [...NODE, ...PYTHON, 'jax-fixed'],
    goals: [
      share(0.68, { config: 'W2 b128' }),
      share(0.78, { config: 'W2 b1024' }),
      ratio(1.25, ['jax'], { config: 'W2 b128' }),
      ratio(1.45, ['jax'], { config: 'W2 b1024' }),
      ratio(1.2, ['jax', 'jax-fixed']),
      ratio(15, NODE, { config: 'W2 b128' }),
      ratio(8, NODE, { config: 'W2 b1024' }),
      ratio(undefined, PYTHON),
    ],
  },
  w3: {
    about: 'W3, 784-128-10, momentum',
    isOf: trains('W3'),
    isThreaded: true,
    rivals: [...NODE, ...PYTHON],
    goals: [
      share(0.72, { config: 'W3 b32' }),
      share(0.82, { config: 'W3 b128' }),
      ratio(1.15, ['jax'], { config: 'W3 b32' }),
      ratio(1.2, ['jax'], { config: 'W3 b128' }),
      ratio(1.3, PYTHON, { config: 'W3 b128', isThreaded: true }),
      ratio(undefined, [...NODE, ...PYTHON]),
    ],
  },
  w4: {
    about: 'W4, 256-1024-1024-10, Adam',
    isOf: trains('W4'),
    isThreaded: true,
    rivals: [...NODE, ...PYTHON],
    goals: [
      share(0.82),
      ratio(1.2, ['jax']),
      speedup(1.85, { config: 'W4 b256' }),
      ratio(1.2, PYTHON, { isThreaded: true }),
      ratio(undefined, [...NODE, ...PYTHON]),
    ],
  },
  w5: {
    about: 'W5, 64-(8×64)-1, Adam',
    isOf: trains('W5'),
    rivals: [...NODE, ...PYTHON],
    goals: [share(0.77), ratio(1.4, ['jax']), ratio(undefined, [...NODE, ...PYTHON])],
  },
  infer: {
    about: 'predict from JavaScript',
    isOf: ({ task }) => task === 'infer',
    rivals: ['onnxruntime-node', 'tfjs-wasm', ...PYTHON],
    goals: [
      microseconds(1.5, { config: 'W2 b1' }),
      microseconds(7, { config: 'W3 b1' }),
      ratio(7, ['onnxruntime-node'], { config: 'W2 b1' }),
      ratio(2.5, ['onnxruntime-node'], { config: 'W3 b1' }),
      ratio(1.25, ['onnxruntime-node', 'jax'], { config: 'W2 b1024' }),
      ratio(1.05, ['onnxruntime-node', 'jax'], { config: 'W3 b1024' }),
      ratio(undefined, PYTHON),
    ],
  },
  elementary: {
    about: 'exp, logistic and tanh beside std::',
    isOf: ({ job }) => job.kind === 'map',
    ours: [NATIVE, 'hadamard-native-avx2'],
    rivals: ['libm'],
    goals: [elementary()],
  },
  fallback: {
    about: 'the TypeScript fallback, W2 at batch 128 and W4',
    isOf: ({ task, config }) => task === 'train' && ['W2 b128', 'W4 b256'].includes(config),
    ours: [FALLBACK],
    rivals: ['brain.js', 'tfjs-wasm', 'tfjs-cpu'],
    goals: [
      ratio(8, ['brain.js'], { ours: FALLBACK }),
      ratio(1.2, ['tfjs-wasm'], { ours: FALLBACK }),
      ratio(undefined, ['tfjs-cpu'], { ours: FALLBACK }),
    ],
  },
}

// By the width of the vectors: twice as many lanes are no twice the speed.
function elementary(): Goal {
  const factors: Readonly<Record<string, number | undefined>> = { avx512: 8, avx2: 6 }
  return (measured) =>
    [NATIVE, 'hadamard-native-avx2'].flatMap((ours) => {
      const isa =
        measured.results
          .find(({ peer }) => peer === ours)
          ?.version.split(' ')
          .at(-1) ?? ''
      return ratio(factors[isa], ['libm'], { ours })(measured).map(({ text, ...rest }) => ({
        text: `${isa} ${text}`,
        ...rest,
      }))
    })
}
