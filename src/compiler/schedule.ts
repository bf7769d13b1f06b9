/** Orders the nodes of an entry so that ops with the same split stand together: each change of split costs a barrier. */

import { opNamed } from '../ops/index.ts'
import { opsWithRunEffects } from './barriers.ts'
import { inputsOf, outputsOf, type Node, type Step, type Value } from './builder.ts'

/**
 * Reorders steps without changing what any of them reads: what rows need of the parameters, then rows as far as they go,
 * then what waits for them.
 *
 * Ops that act on the run itself, and repeats, stay where they are relative to everything else.
 */
export function schedule(steps: readonly Step[]): Step[] {
  const result: Step[] = []
  let segment: Node[] = []
  for (const step of steps) {
    if (step.kind === 'op' && !opsWithRunEffects.has(step.op)) {
      segment.push(step)
      continue
    }
    result.push(...scheduleSegment(segment), step)
    segment = []
  }
  return [...result, ...scheduleSegment(segment)]
}

// What rows will need and waits for nothing goes first; then, again and again, every node of one split that waits for
// nothing, in their old order.
function scheduleSegment(nodes: readonly Node[]): Node[] {
  const isRows = (node: Node): boolean => opNamed(node.op).split === 'rows'
  const readByRows = new Set(nodes.filter(isRows).flatMap(inputsOf))
  const result = takeReady(
    nodes,
    (node) => !isRows(node) && outputsOf(node).some((value) => readByRows.has(value)),
  )
  let waiting = nodes.filter((node) => !result.includes(node))
  while (waiting.length > 0) {
    const rows = takeReady(waiting, isRows)
    const others = rows.length > 0 ? [] : takeReady(waiting, (node) => !isRows(node))
    const taken = new Set([...rows, ...others])
    result.push(...taken)
    waiting = waiting.filter((node) => !taken.has(node))
  }
  return result
}

// Nodes that only need nodes before all waiting ones, or others that are taken here.
function takeReady(waiting: readonly Node[], isWanted: (node: Node) => boolean): Node[] {
  const taken: Node[] = []
  const left: Node[] = []
  for (const node of waiting) {
    if (isWanted(node) && !left.some((earlier) => conflicts(earlier, node))) taken.push(node)
    else left.push(node)
  }
  return taken
}

// One writes what the other reads or writes.
function conflicts(a: Node, b: Node): boolean {
  const touches = (written: Value[], all: readonly Value[]): boolean =>
    written.some((x) => all.some((y) => sharesMemory(x, y)))
  return touches(outputsOf(a), [...inputsOf(b), ...outputsOf(b)]) || touches(outputsOf(b), inputsOf(a))
}

function sharesMemory(a: Value, b: Value): boolean {
  if (a === b) return true
  if (a.home.kind === 'view') return sharesMemory(a.home.of, b)
  if (b.home.kind === 'view') return sharesMemory(a, b.home.of)
  if (a.home.kind === 'wholeRegion') return 'region' in b.home && a.home.region === b.home.region
  return b.home.kind === 'wholeRegion' && a.home.kind === 'region' && a.home.region === b.home.region
}
