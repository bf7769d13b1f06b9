/** What is told of a run that met infinities or NaN. */

import type { Executable } from '../backends/backend.ts'
import { flagOfStatus } from '../compiler/graph.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { DivergenceError } from '../errors.ts'
import { floatArray } from '../ops/arithmetic.ts'
import { parametersOf, type NetworkSpec } from '../spec.ts'
import type { FitJob } from './fit.ts'

/** What was not finite, such as `loss` or `gradient of dense1.weight`, by the status word of a run that halted. */
export function whatDiverged(
  spec: NetworkSpec,
  { program, executable }: { program: Program; executable: Executable },
  status: number,
): string {
  const flag = flagOfStatus(spec, status)
  if (flag !== 'gradients') return flag
  // One flag for all of them; the halt has left them as they were found.
  const isBad = ({ name }: { name: string }): boolean => {
    const slot = slotNamed(program, `gradient of ${name}`)
    const gradient = executable.read(slot, floatArray(spec.dtype, slot.length))
    return gradient.some((element) => !Number.isFinite(element))
  }
  const parameter = parametersOf(spec).find(isBad)
  return parameter === undefined ? flag : `gradient of ${parameter.name}`
}

/** The error of a fit that diverged. */
export function divergenceOf(
  job: Pick<FitJob, 'spec' | 'settings'>,
  { epoch, step, what }: { epoch: number; step: number; what: string },
): DivergenceError {
  const { name, learningRate } = job.settings.optimizer
  const cause =
    what === 'loss'
      ? 'The weights have grown too large for the data'
      : `The numbers have grown beyond what ${job.spec.dtype} holds`
  return new DivergenceError({
    where: `fit: epoch ${epoch}, step ${step}`,
    expected: `a finite ${what === 'weights' ? 'set of weights' : what}`,
    received: 'infinity or NaN',
    cure:
      `${cause}: lower the learning rate of ${name} (now ${learningRate}), or scale inputs and targets to about ` +
      '-1..1. The last good weights are kept',
  })
}
