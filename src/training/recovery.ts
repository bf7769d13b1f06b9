/** Rolling back a fit that diverged: the weights before its best epoch again, a fresh optimizer, a lower learning rate. */

import type { Executable } from '../backends/backend.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { floatArray, type FloatArray } from '../ops/arithmetic.ts'
import { initialOptimizerState } from './fit.ts'
import type { FitSettings } from './options.ts'
import type { Recovery } from './run.ts'

/** Times that a fit is rolled back before it is given up. */
const MOST_RECOVERIES = 10

/** Keeps the weights to go back to, and goes back. */
export class Rollback {
  readonly recoveries: Recovery[] = []
  private lowest = Infinity
  /** Weights that the present epoch began with. */
  private before: FloatArray

  /**
   * @param good parameters and state to begin with; replaced by those that the epoch with the lowest loss began with
   * @param rates the table of learning rates, where there is one
   */
  constructor(
    private readonly program: Program,
    private readonly executable: Executable,
    private readonly settings: FitSettings,
    private good: FloatArray,
    private readonly rates: FloatArray | undefined,
  ) {
    this.before = good
  }

  /** Looks at the weights after an epoch. */
  observe(loss: number): void {
    // The loss of an epoch tells of the weights that it began with; those at its end may be lost already.
    if (loss < this.lowest) [this.lowest, this.good] = [loss, this.before]
    this.before = this.executable.read(slotNamed(this.program, 'parameters'), this.good.slice())
  }

  /** Goes back, unless that has been done too often. */
  tryAgain({ epoch, step, what }: Pick<Recovery, 'epoch' | 'step' | 'what'>): boolean {
    const { program, executable, settings } = this
    const factor = settings.recover?.factor
    if (factor === undefined || this.recoveries.length === MOST_RECOVERIES) return false
    executable.write(slotNamed(program, 'parameters'), this.good)
    this.before = this.good
    this.clear('optimizer')
    for (const { name, values } of initialOptimizerState(settings.optimizer, program)) {
      if (program.slots.has(name)) executable.write(slotNamed(program, name), values)
    }
    for (const name of ['status', 'flags']) {
      const slot = slotNamed(program, name)
      executable.write(slot, new Uint32Array(slot.length))
    }
    this.recoveries.push({ epoch, step, what, learningRate: this.lowerRate(factor) })
    return true
  }

  private clear(region: string): void {
    const slot = this.program.slots.get(region)
    if (slot !== undefined) this.executable.write(slot, floatArray(this.program.dtype, slot.length))
  }

  // A rate that no table gives is the optimizer's, which a plateau may have lowered already.
  private lowerRate(factor: number): number {
    const { program, executable, rates, settings } = this
    if (rates !== undefined) {
      rates.forEach((rate, i) => (rates[i] = rate * factor))
      executable.write(slotNamed(program, 'rates'), rates)
      return settings.optimizer.learningRate * factor ** (this.recoveries.length + 1)
    }
    const slot = slotNamed(program, 'learningRate')
    const rate = executable.read(slot, new Float64Array(1))[0] * factor
    executable.write(slot, Float64Array.of(rate))
    return rate
  }
}
