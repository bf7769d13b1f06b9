/** Programs that predict and evaluate. */

import { hasAccuracy, isDecided, outputsOf, type NetworkSpec } from '../spec.ts'
import { allocate } from './allocate.ts'
import { Builder, type Value } from './builder.ts'
import {
  declarePersistent,
  forwardPass,
  lossPerRow,
  prediction,
  type HeadLoss,
  type Persistent,
} from './graph.ts'
import type { Program } from './program.ts'
import { keepSum, weightSlot } from './slots.ts'

/**
 * Compiles prediction for up to `rows` rows at once.
 *
 * Entries: `forward` (slot `x` in, `output` out, logits squashed to probabilities) and `evaluate` (slots `x`, `t` and,
 * where rows have weights, `weights` in, the sums over the rows `loss` and, for classification, `correct` out).
 */
export function compileForward(spec: NetworkSpec, rows: number, isWeighted = false): Program {
  const builder = new Builder(rows, spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const x = builder.value('x', ['rows', spec.inputs], { region: 'batch', isPinned: true })
  const t = builder.value('t', ['rows', outputsOf(spec)], { region: 'batch', isPinned: true })
  predictionEntry(builder, spec, persistent, x, false)

  builder.beginEntry('evaluate')
  const forward = forwardPass(builder, spec, persistent, x, { isTraining: false })
  const perRow = lossPerRow(builder, spec, forward, t, weightSlot(builder, isWeighted))
  keepSum(builder, 'loss', perRow)
  const correct: [string, HeadLoss][] = hasAccuracy(spec) ? [['correct', perRow.heads[0]]] : []
  if (spec.outputs !== undefined) {
    for (const each of perRow.heads) {
      const { head, loss } = each
      keepSum(builder, `loss of ${head.layer}`, { loss, weight: perRow.weight })
      if (isDecided(head)) correct.push([`correct of ${head.layer}`, each])
    }
  }
  for (const [name, { scores: y, answers: t }] of correct) {
    keepSum(builder, name, { loss: builder.emit('count_correct', { y, t }) })
  }
  return allocate(builder)
}

/**
 * Compiles predictions with dropout for up to `rows` rows at once.
 *
 * Entry: `forward` (slot `x` in, `output` out, logits squashed to probabilities). The masks follow from the slot `step`
 * and the slots `LAYER.key`.
 */
export function compileSampling(spec: NetworkSpec, rows: number): Program {
  const builder = new Builder(rows, spec.dtype)
  const persistent = declarePersistent(builder, spec)
  const x = builder.value('x', ['rows', spec.inputs], { region: 'batch', isPinned: true })
  predictionEntry(builder, spec, persistent, x, true)
  return allocate(builder)
}

function predictionEntry(
  builder: Builder,
  spec: NetworkSpec,
  persistent: Persistent,
  x: Value,
  isDropping: boolean,
): void {
  builder.beginEntry('forward')
  const forward = forwardPass(builder, spec, persistent, x, { isTraining: false, isDropping })
  const kept = builder.value('output', ['rows', outputsOf(spec)], { region: 'batch', isPinned: true })
  prediction(builder, spec, forward, kept)
}
