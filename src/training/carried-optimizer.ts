/** The state of an optimizer from one fit to the next, so that training goes on as if it had not been interrupted. */

import type { Executable } from '../backends/backend.ts'
import {
  optimizerInfo,
  optimizerTable,
  type OptimizerName,
  type OptimizerSpec,
} from '../compiler/optimizers.ts'
import { slotNamed, type Program, type Slot } from '../compiler/program.ts'
import { checkInteger, checkNumber, checkOneOf, describeValue } from '../check.ts'
import { rejectUnknownKeys, SpecError } from '../errors.ts'
import { dtypeOf, floatArray, isFloatArray, type Dtype, type FloatArray } from '../ops/arithmetic.ts'

/** What an optimizer has learnt of its steps. Plain data. */
export interface OptimizerState {
  readonly optimizer: OptimizerName
  /** Its vectors one after another, as programs of the network lay them out; of the network's element type. */
  readonly values: FloatArray
  /** Powers of β₁ and β₂ that Adam corrects its means by; 1 where the optimizer has none. */
  readonly powers: readonly [number, number]
  /** Steps and epochs that are over: what shuffles and masks are drawn by. */
  readonly steps: number
  readonly epochs: number
}

const POWERS = 'adam.powers'

/** Hands an optimizer's state on between the fits of one network. */
export class CarriedOptimizer {
  state: OptimizerState | undefined

  /**
   * Writes the state of the fit before into a program that is about to run; nothing on the first.
   *
   * @throws SpecError if it is that of another optimizer, or of a network of another size
   */
  resume(program: Program, executable: Executable, { name }: OptimizerSpec): void {
    const { state } = this
    if (state === undefined) return
    if (state.optimizer !== name) {
      throw new SpecError({
        code: 'HADAMARD_OPTION_CONFLICT',
        where: 'fit: optimizer',
        expected: `'${state.optimizer}', whose state the network has`,
        received: describeValue(name),
        cure: 'Leave `keepOptimizer` out to begin anew',
      })
    }
    const length = program.slots.get('optimizer')?.length ?? 0
    if (state.values.length !== length) {
      throw new SpecError({
        code: 'HADAMARD_PARAMETERS',
        where: 'fit: keepOptimizer',
        expected: `a state of ${length} numbers, as ${name} has for this network`,
        received: String(state.values.length),
      })
    }
    const write = (slot: string, values: FloatArray | Uint32Array): void => {
      if (program.slots.has(slot)) executable.write(slotNamed(program, slot), values)
    }
    write('optimizer', state.values)
    write(POWERS, Float64Array.from(state.powers))
    write('epoch', Uint32Array.of(state.epochs))
    // A schedule begins anew: its table ends with the epochs of the fit that it was made for.
    if (!program.slots.has('rates')) write('step', Uint32Array.of(state.steps))
  }

  /** Keeps what a program has at its end. */
  take(program: Program, executable: Executable, { name }: OptimizerSpec): void {
    const counter = (slot: string): number => executable.read(slotNamed(program, slot), new Uint32Array(1))[0]
    const powers = program.slots.has(POWERS)
      ? executable.read(slotNamed(program, POWERS), new Float64Array(2))
      : [1, 1]
    this.state = {
      optimizer: name,
      values: readAll(program.slots.get('optimizer'), program.dtype, executable),
      powers: [powers[0], powers[1]],
      steps: counter('step'),
      epochs: counter('epoch'),
    }
  }
}

/**
 * Checks a state that came from outside.
 *
 * @throws SpecError at the first part that cannot be
 */
export function checkOptimizerState(state: OptimizerState, dtype: Dtype): void {
  rejectUnknownKeys('optimizerState', state, ['optimizer', 'values', 'powers', 'steps', 'epochs'])
  const { optimizer, values, powers, steps, epochs } = state
  checkOneOf('optimizerState.optimizer', optimizer, Object.keys(optimizerTable))
  if (!isFloatArray(values) || dtypeOf(values) !== dtype) {
    throw new SpecError({
      code: 'HADAMARD_PARAMETERS',
      where: 'optimizerState.values',
      expected: `a ${dtype === 'float32' ? 'Float32Array' : 'Float64Array'}`,
      received: describeValue(values),
    })
  }
  values.forEach((value, i) => checkNumber(`optimizerState.values[${i}]`, value))
  if (!Array.isArray(powers) || powers.length !== 2) {
    throw new SpecError({
      code: 'HADAMARD_PARAMETERS',
      where: 'optimizerState.powers',
      expected: 'two numbers',
      received: describeValue(powers),
    })
  }
  powers.forEach((power, i) => checkNumber(`optimizerState.powers[${i}]`, power, { min: 0, max: 1 }))
  checkInteger('optimizerState.steps', steps, { min: 0, max: 2 ** 32 - 1 })
  checkInteger('optimizerState.epochs', epochs, { min: 0, max: 2 ** 32 - 1 })
}

/**
 * Refuses to keep what is not there: an optimizer that is driven from outside the program leaves nothing in it.
 *
 * @throws SpecError
 */
export function checkCarried(optimizer: OptimizerSpec): void {
  if (optimizerInfo(optimizer.name).isFullBatch !== true) return
  throw new SpecError({
    code: 'HADAMARD_NOT_POSSIBLE',
    where: 'fit: keepOptimizer',
    expected: 'an optimizer that works step by step',
    received: describeValue(optimizer.name),
  })
}

function readAll(slot: Slot | undefined, dtype: Dtype, executable: Executable): FloatArray {
  const values = floatArray(dtype, slot?.length ?? 0)
  return slot === undefined ? values : executable.read(slot, values)
}
