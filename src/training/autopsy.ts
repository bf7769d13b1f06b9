/** Looks at a run that halted, as it stands: which step, which rows, and which instruction failed first. */

import type { Backend, Executable } from '../backends/backend.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { parameterPlaces } from '../parameters.ts'
import { outputsOf, reductionOf, stateOf, type NetworkSpec } from '../spec.ts'
import { pickRows } from './arrays.ts'
import { oneHot } from './data.ts'
import { whatDiverged, type DivergencePoint } from './divergence.ts'
import type { FitSettings } from './options.ts'
import { firstFailure, type ReplayFailure } from './replay.ts'

/** A run that halted, with the arrays that its program reads. */
export interface HaltedRun {
  readonly spec: NetworkSpec
  readonly backend: Backend
  readonly settings: FitSettings
  readonly program: Program
  readonly executable: Executable
  readonly x: FloatArray
  readonly y: FloatArray | Uint32Array
  readonly weights?: FloatArray
  /** Elements of the region of parameters and state. */
  readonly regionLength: number
}

/** Where the run halted: its status word, the whole steps before, and the rows of a step by its number among these. */
export interface Halt {
  readonly status: number
  /** Steps since the order of the rows was drawn. */
  readonly steps: number
  /** Places in x of the rows that make a step. */
  readonly rowsOf: (step: number) => number[]
}

/** What a halted run tells: `isUpdate` where the last whole step's update is to blame and not the step that halted. */
export type Findings = Omit<DivergencePoint, 'epoch' | 'step'> & { readonly isUpdate: boolean }

/** Examines a halted run; its memory stays as it is. */
export function examine(run: HaltedRun, { status, steps, rowsOf }: Halt): Findings {
  const { spec } = run
  const parameters = weightsOf(run)
  const found = whatDiverged(spec, run, status)
  const ruined = parameterPlaces(spec).find(({ start, length }) =>
    parameters.subarray(start, start + length).some((weight) => !Number.isFinite(weight)),
  )
  const isUpdate =
    ruined !== undefined || found === 'weights' || stateOf(spec).some(({ name }) => name === found)
  const rows = rowsOf(isUpdate ? steps - 1 : steps)
  const failure: ReplayFailure | undefined =
    ruined === undefined
      ? failureOf(run, rows, parameters)
      : {
          op: updateOp(run.settings),
          phase: 'update',
          layer: ruined.name.slice(0, ruined.name.lastIndexOf('.')),
        }
  return {
    what: ruined === undefined ? found : 'weights',
    rows,
    failure,
    isUpdate,
    learningRate: currentRate(run),
    parameters,
  }
}

/** The region of parameters and state, as it is now. */
export function weightsOf({ spec, program, executable, regionLength }: HaltedRun): FloatArray {
  return executable.read(slotNamed(program, 'parameters'), floatArray(spec.dtype, regionLength))
}

/** The learning rate of the last step that was begun. */
export function currentRate({ program, executable }: Pick<HaltedRun, 'program' | 'executable'>): number {
  return executable.read(slotNamed(program, 'learningRate'), new Float64Array(1))[0]
}

/** The first instruction that fails on the rows of a step, batch by batch. */
export function failureOf(
  run: HaltedRun,
  rows: readonly number[],
  parameters: FloatArray,
): ReplayFailure | undefined {
  const { spec, settings, program, executable, x, y, weights } = run
  const isSummed = settings.accumulate > 1
  const batches = Math.ceil(rows.length / settings.batchSize)
  const [counted] = executable.read(slotNamed(program, 'step'), new Uint32Array(1))
  const keys = spec.layers.flatMap(({ name }): [string, Uint32Array][] => {
    const slot = program.slots.get(`${name}.key`)
    return slot === undefined ? [] : [[`${name}.key`, executable.read(slot, new Uint32Array(slot.length))]]
  })
  for (let i = 0; i < batches; i++) {
    const places = rows.slice(i * settings.batchSize, (i + 1) * settings.batchSize)
    const batch = {
      x: pickRows(x, spec.inputs, places),
      t:
        y instanceof Uint32Array
          ? oneHot(
              spec,
              places.map((place) => y[place]),
            )
          : pickRows(y, outputsOf(spec), places),
      ...(weights === undefined ? {} : { weights: pickRows(weights, 1, places) }),
      parameters,
      counters: new Map([...keys, ['step', Uint32Array.of(counted - batches + i)] as const]),
    }
    const failure = firstFailure(spec, run.backend, batch, isSummed ? 'sum' : reductionOf(spec))
    if (failure === undefined) continue
    return { ...failure, row: failure.row === undefined ? undefined : i * settings.batchSize + failure.row }
  }
  return undefined
}

// adamw differs from adam by its decay, which is an instruction of its own.
function updateOp({ optimizer: { name } }: FitSettings): string {
  return name === 'adamw' ? 'adam' : name
}
