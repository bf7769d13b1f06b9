/** The rivals: how each is started, and how it is installed where it is absent. No rival is a dependency of the package. */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startChild } from '../child.ts'
import { compiled } from '../native-program.ts'
import type { Peer } from '../peer.ts'

/** Something that others would use in place of this library. */
export interface Rival {
  readonly name: string
  /** Tasks that it can do, where they are not training and prediction. */
  readonly tasks?: readonly string[]
  readonly install: string
  /** Whether a case takes a minute to open: it is measured only where it is asked for. */
  readonly isSlow?: boolean
  /** Starts it for cases on a number of threads; a text says why it is absent. */
  start(threads: number): Promise<Peer | string>
}

const HERE = import.meta.dirname
const DEBIAN_PYTHON = '/usr/bin/python3'
const NPM_INSTALL = 'npm install --prefix bench/rivals --ignore-scripts'
const OTHER_PYTHON = 'set HADAMARD_BENCH_PYTHON to an interpreter with'
const NETWORKS = ['train', 'infer']
/** What a matrix library does. */
const PRODUCTS = ['sgemm', 'dgemm']

/** All rivals, in the order in which they are measured. */
export const rivals: readonly Rival[] = [
  javascript('brain.js', 'brain.mjs', 'brain.js'),
  javascript('tfjs-cpu', 'tfjs.mjs', '@tensorflow/tfjs', ['cpu']),
  javascript('tfjs-wasm', 'tfjs.mjs', '@tensorflow/tfjs-backend-wasm', ['wasm']),
  { ...javascript('onnxruntime-node', 'onnxruntime.mjs', 'onnxruntime-node'), tasks: ['infer'] },
  python('pytorch-debian', 'pytorch.py', 'torch', {
    install: 'apt-get install python3-torch',
    interpreter: DEBIAN_PYTHON,
  }),
  python('scikit-learn', 'sklearn.py', 'sklearn', {
    install: 'apt-get install python3-sklearn',
    interpreter: DEBIAN_PYTHON,
  }),
  python('pytorch', 'pytorch.py', 'torch', { install: `${OTHER_PYTHON} PyTorch 2` }),
  {
    ...python('pytorch-compiled', 'pytorch.py', 'torch', {
      install: `${OTHER_PYTHON} PyTorch 2`,
      more: ['compiled'],
    }),
    isSlow: true,
  },
  python('jax', 'jax_epochs.py', 'jax', { install: `${OTHER_PYTHON} jax` }),
  {
    ...python('jax-fixed', 'jax_epochs.py', 'jax', { install: `${OTHER_PYTHON} jax`, more: ['fixed'] }),
    isSlow: true,
  },
  python('tensorflow', 'tensorflow_epochs.py', 'tensorflow', { install: `${OTHER_PYTHON} tensorflow` }),
  native('fann', 'libfann-dev', ['-lfloatfann'], ['train']),
  native('openblas', 'libopenblas-dev', ['-lopenblas'], PRODUCTS),
  native('onednn', 'libdnnl-dev', ['-ldnnl', '-fopenmp'], ['sgemm']),
  native('libxsmm', 'libxsmm-dev', ['-fopenmp', '-lxsmm', '-lxsmmnoblas', '-ldl', '-lm'], ['sgemm']),
  native('libm', 'libc6-dev', [], ['exp', 'logistic', 'tanh']),
]

function javascript(name: string, file: string, module: string, more: readonly string[] = []): Rival {
  return {
    name,
    install: NPM_INSTALL,
    start: () =>
      existsSync(join(HERE, 'node_modules', module))
        ? startChild(name, [process.execPath, join(HERE, file), ...more])
        : missing(`${module} is not installed`),
  }
}

function python(
  name: string,
  file: string,
  module: string,
  options: { install: string; interpreter?: string; more?: readonly string[] },
): Rival {
  const { install, interpreter = process.env.HADAMARD_BENCH_PYTHON, more = [] } = options
  return {
    name,
    install,
    start: (threads) => {
      if (interpreter === undefined) return missing('HADAMARD_BENCH_PYTHON is not set')
      if (!hasModule(interpreter, module)) return missing(`${interpreter} has no ${module}`)
      // The number comes first where a library fixes its threads when it starts; the others ignore it.
      return startChild(name, [interpreter, join(HERE, file), String(threads), ...more], {
        PYTHONDONTWRITEBYTECODE: '1',
        // What a library's own setting does not reach, as the threads of the BLAS beneath it.
        OPENBLAS_NUM_THREADS: String(threads),
        OMP_NUM_THREADS: String(threads),
      })
    },
  }
}

function hasModule(interpreter: string, module: string): boolean {
  const find = `import importlib.util, sys; sys.exit(importlib.util.find_spec(${JSON.stringify(module)}) is None)`
  return spawnSync(interpreter, ['-c', find], { cwd: '/' }).status === 0
}

function native(
  name: string,
  debianPackage: string,
  libraries: readonly string[],
  tasks: readonly string[],
): Rival {
  return {
    name,
    tasks,
    install: `apt-get install g++ ${debianPackage}`,
    start: () => {
      const program = compiled(join('rivals', `${name}.cc`), libraries)
      return typeof program === 'string' ? missing(program) : startChild(name, [program.path])
    },
  }
}

function missing(reason: string): Promise<string> {
  return Promise.resolve(reason)
}

/** Starts the rivals that can do one of the tasks; of those that are absent, says why and how they are installed. */
export async function startRivals(
  threads: number,
  options: { tasks: ReadonlySet<string>; names?: readonly string[]; includesSlow?: boolean },
): Promise<{ peers: Peer[]; absent: string[] }> {
  const { tasks, names, includesSlow = false } = options
  const peers: Peer[] = []
  const absent: string[] = []
  for (const rival of rivals) {
    const isWanted = names === undefined ? includesSlow || rival.isSlow !== true : names.includes(rival.name)
    if (!isWanted || !(rival.tasks ?? NETWORKS).some((task) => tasks.has(task))) continue
    const started = await rival.start(threads)
    if (typeof started === 'string') absent.push(`${rival.name}: absent, ${started} (${rival.install})`)
    else peers.push(started)
  }
  return { peers, absent }
}
