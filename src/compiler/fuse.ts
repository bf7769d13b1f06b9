/** Joins products with the element-wise ops that follow them: one pass over memory instead of two or three. */

import { namedOperands, outputsOf, type Node, type Step, type Value } from './builder.ts'

// op, the op that follows on its result, the operand that brings this result, what both become, and the operand that the
// follower adds under its name there.
const FUSIONS = [
  { op: 'matmul_nn', next: 'add_bias', through: 'x', fused: 'matmul_bias', extra: ['b', 'b'] },
  { op: 'matmul_bias', next: 'relu', through: 'x', fused: 'matmul_bias_relu', extra: undefined },
  {
    op: 'matmul_nn',
    next: 'relu_backward',
    through: 'dy',
    fused: 'matmul_relu_backward',
    extra: ['y', 'mask'],
  },
] as const

/** Fuses what can be, without changing a bit: where nothing else reads the result in between, nor can a user. */
export function fuse(steps: readonly Step[]): Step[] {
  const result = [...steps]
  for (let i = 0; i < result.length; i++) {
    for (let joined = fuseAt(result, i); joined !== undefined; joined = fuseAt(result, i)) {
      // The joined node stands where the later one stood, behind everything that it reads.
      result[joined.at] = joined.node
      result.splice(i, 1)
      i = joined.at - 1
    }
  }
  return result
}

function fuseAt(steps: readonly Step[], i: number): { at: number; node: Node } | undefined {
  const step = steps[i]
  if (step.kind !== 'op') return undefined
  const [between] = outputsOf(step)
  if (!isTemporary(between)) return undefined
  const readers = steps.flatMap((other, at) =>
    other.kind === 'op' && at !== i && other.operands.includes(between) ? [{ node: other, at }] : [],
  )
  if (readers.length !== 1) return undefined
  const [{ node: next, at }] = readers
  const fusion = FUSIONS.find(({ op, next: follower }) => op === step.op && follower === next.op)
  if (fusion === undefined) return undefined
  const { [fusion.through]: entered, ...others } = namedOperands(next)
  if (entered !== between) return undefined
  const inputs = step.operands.slice(0, -1)
  const extra = fusion.extra === undefined ? [] : [others[fusion.extra[0]]]
  const [output] = outputsOf(next)
  return { at, node: { ...step, op: fusion.fused, operands: [...inputs, ...extra, output] } }
}

function isTemporary(value: Value): boolean {
  return !value.isPinned && value.home.kind === 'region' && value.home.region === 'activations'
}
