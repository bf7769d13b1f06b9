/** Outputs of a network that has several: each a layer with a loss and a weight, checked against one another. */

import { checkNumber, checkOneOf, describeValue } from './check.ts'
import { rejectUnknownKeys, SpecError } from './errors.ts'
import { activationName } from './layers/activation.ts'
import type { LayerSpec } from './layers/index.ts'
import { lossInfo, normalizeLoss, type Loss, type LossSpec } from './layers/loss.ts'
import { defaultLoss } from './layers/pairing.ts'
import type { NamedLayer } from './wiring.ts'

/** One of several outputs. */
export interface Output {
  /** Name of the layer that gives it. */
  layer: string
  /** Default by the layer's activation, as for a network with one output. */
  loss?: Loss
  /** Factor of its loss in the sum that training lowers, above 0, default 1. */
  weight?: number
}

/** One of several outputs as plain data. */
export interface OutputSpec {
  readonly layer: string
  readonly loss: LossSpec
  readonly weight: number
}

/** The activation that gives a layer's output. */
export function activationOf(layer: LayerSpec): string {
  return 'activation' in layer ? activationName(layer) : 'linear'
}

/**
 * Fills in and checks several outputs.
 *
 * @throws SpecError if a layer is unknown or given twice, or the losses cannot be summed
 */
export function normalizeOutputs(outputs: readonly Output[], layers: readonly NamedLayer[]): OutputSpec[] {
  if (!Array.isArray(outputs) || outputs.length === 0) {
    const expected = 'an array of at least one output'
    throw new SpecError({
      code: 'HADAMARD_LOSS',
      where: 'outputs',
      expected,
      received: describeValue(outputs),
    })
  }
  const names = layers.map(({ name }) => name)
  const specs = (outputs as readonly Output[]).map((output, i): OutputSpec => {
    const where = `outputs[${i}]`
    rejectUnknownKeys(where, output, ['layer', 'loss', 'weight'])
    const { layer: name, loss, weight = 1 } = output
    checkOneOf(`${where}.layer`, name, names)
    checkNumber(`${where}.weight`, weight, { above: 0 })
    const layer = layers[names.indexOf(name)]
    return {
      layer: name,
      loss: normalizeLoss(loss === undefined ? defaultLoss(activationOf(layer)) : loss),
      weight,
    }
  })
  const twice = specs.find(({ layer }, i) => specs.findIndex((other) => other.layer === layer) !== i)
  if (twice !== undefined) {
    throw new SpecError({
      code: 'HADAMARD_LOSS',
      where: 'outputs',
      expected: 'different layers',
      received: `'${twice.layer}' twice`,
    })
  }
  checkSum(specs)
  return specs
}

// A sum over all rows and a mean over them are no sum of what single rows give, nor is what is raised and what is lowered.
function checkSum(specs: readonly OutputSpec[]): void {
  const raised = specs.find(({ loss }) => lossInfo(loss.name).isMaximised === true)
  if (raised !== undefined) {
    throw new SpecError({
      code: 'HADAMARD_LOSS',
      where: 'outputs',
      expected: 'losses, which training lowers',
      received: `${raised.loss.name} of ${raised.layer}, which training raises`,
      cure: 'Use a cross-entropy, its negative',
    })
  }
  const summed = specs.filter(({ loss }) => loss.reduction === 'sum')
  if (summed.length === 0 || summed.length === specs.length) return
  throw new SpecError({
    code: 'HADAMARD_LOSS',
    where: 'outputs',
    expected: "losses that are all sums over the rows (reduction 'sum'), or none",
    received: `${summed.length} of ${specs.length}`,
    cure: `Give each loss the same reduction, such as { name: '${summed[0].loss.name}', reduction: 'mean_samples' }`,
  })
}
