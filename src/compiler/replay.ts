/** A training step as nodes one by one, for finding the one that failed: nothing is reordered, and no result overwritten. */

import { parametersOf, type NetworkSpec, outputsOf as widthOf } from '../spec.ts'
import type { Reduction } from '../ops/losses.ts'
import { withoutDeadNodes } from './allocate.ts'
import { Builder, outputsOf, type Node, type Value } from './builder.ts'
import { fuse } from './fuse.ts'
import { addPenaltyGradient, backwardPass, declarePersistent, forwardPass, lossPerRow } from './graph.ts'
import { keepGradients, keepSum, weightSlot } from './slots.ts'

/** What a node is for. */
export type Phase = 'forward' | 'loss' | 'backward' | 'update'

/** The nodes of a step up to its update, in their order. */
export interface Replay {
  readonly nodes: readonly { readonly node: Node; readonly phase: Phase; readonly layer?: string }[]
  /** Values that the step begins with, by name: parameters, state, `x`, `t`, `weights`, `step`, `LAYER.key`. */
  readonly given: ReadonlyMap<string, Value>
  readonly functions: Builder['functions']
}

/**
 * Compiles the step of a batch of so many rows: forward pass in training mode, loss, gradients, and what layers do with the
 * update.
 */
export function compileReplay(
  spec: NetworkSpec,
  rows: number,
  { isWeighted, reduction }: { isWeighted: boolean; reduction: Reduction },
): Replay {
  const builder = new Builder(rows, spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const x = builder.value('x', ['rows', spec.inputs], { region: 'batch' })
  const t = builder.value('t', ['rows', widthOf(spec)], { region: 'batch' })
  const phases = new Map<Value, Phase>()
  let seen = 0
  const mark = (phase: Phase): void => {
    for (const step of builder.steps.slice(seen))
      if (step.kind === 'op') outputsOf(step).forEach((value) => phases.set(value, phase))
    seen = builder.steps.length
  }
  builder.beginEntry('step')
  const forward = forwardPass(builder, spec, persistent, x, { isTraining: true })
  mark('forward')
  const perRow = lossPerRow(builder, spec, forward, t, weightSlot(builder, isWeighted))
  keepSum(builder, 'loss', perRow)
  mark('loss')
  const found = backwardPass(builder, perRow, reduction, [...persistent.parameters.values()])
  const gradients = keepGradients(builder, persistent, found)
  addPenaltyGradient(builder, spec, persistent, gradients)
  mark('backward')
  for (const emit of forward.updates) emit()
  mark('update')
  gradients.forEach((value) => phases.set(value, 'backward'))

  const nodes = fuse(withoutDeadNodes(builder.steps)).filter((step): step is Node => step.kind === 'op')
  const layerOf = layerFinder(spec, forward.layerOf, perRow.heads[0].head.layer)
  const computed = new Set(nodes.flatMap(outputsOf))
  const given = nodes.flatMap((node) => node.operands).filter((value) => !computed.has(value))
  return {
    nodes: nodes.map((node) => {
      const phase = phases.get(outputsOf(node)[0]) ?? 'backward'
      return { node, phase, layer: layerOf(node, phase) }
    }),
    given: new Map([...given, ...persistent.state.values()].map((value) => [value.name, value])),
    functions: builder.functions,
  }
}

// By the layer that computes the value, by the parameter that is read or whose gradient is formed, or by what is read.
function layerFinder(
  spec: NetworkSpec,
  layerOf: ReadonlyMap<Value, string>,
  output: string,
): (node: Node, phase: Phase) => string | undefined {
  const owners = new Map(parametersOf(spec).map(({ name }) => [name, name.slice(0, name.lastIndexOf('.'))]))
  const ofName = ({ name }: Value): string | undefined => {
    const known = owners.get(name.replace(/^gradient of /, ''))
    if (known !== undefined) return known
    return spec.layers.find(
      (layer) => name.endsWith(` of ${layer.name}`) || name.startsWith(`${layer.name}.`),
    )?.name
  }
  return (node, phase) => {
    const values = [...outputsOf(node), ...node.operands]
    const named = values.map((value) => layerOf.get(outputsOf(node)[0]) ?? ofName(value)).find(Boolean)
    if (phase === 'forward') return named
    if (phase === 'loss') return ofName(outputsOf(node)[0]) ?? output
    return named ?? values.map((value) => layerOf.get(value)).find(Boolean)
  }
}
