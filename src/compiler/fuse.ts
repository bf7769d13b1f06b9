/** Joins products with the element-wise ops that follow them, and losses with their gradients: fewer passes over memory. */

import { namedOperands, outputsOf, type Node, type Step, type Value } from './builder.ts'

// op, the op that follows on its result, the operand that brings this result, what both become, and the operand that the
// follower adds under its name there.
const FUSIONS = [
  { op: 'matmul_nn', next: 'add_bias', through: 'x', fused: 'matmul_bias', extra: ['b', 'b'] },
  { op: 'matmul_bias', next: 'relu', through: 'x', fused: 'matmul_bias_relu', extra: undefined },
  { op: 'matmul_bias', next: 'tanh', through: 'x', fused: 'matmul_bias_tanh', extra: undefined },
  { op: 'matmul_bias', next: 'logistic', through: 'x', fused: 'matmul_bias_logistic', extra: undefined },
  {
    op: 'matmul_nn',
    next: 'tanh_backward',
    through: 'dy',
    fused: 'matmul_tanh_backward',
    extra: ['y', 'output'],
  },
  {
    op: 'matmul_nn',
    next: 'logistic_backward',
    through: 'dy',
    fused: 'matmul_logistic_backward',
    extra: ['y', 'output'],
  },
  {
    op: 'matmul_nn',
    next: 'relu_backward',
    through: 'dy',
    fused: 'matmul_relu_backward',
    extra: ['y', 'mask'],
  },
] as const

// Losses that share most of their work with their gradients.
const LOSSES = ['binary_cross_entropy_with_logits', 'categorical_cross_entropy_with_logits']

/** Fuses what can be, without changing a bit: where nothing else reads the result in between, nor can a user. */
export function fuse(steps: readonly Step[]): Step[] {
  const result = withoutVectorTransposes(joinGradients(steps))
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

// A loss and its gradient, computed of the same values, become one node where the loss stood.
function joinGradients(steps: readonly Step[]): Step[] {
  const result: Step[] = [...steps]
  result.forEach((step, i) => {
    if (step.kind !== 'op' || !LOSSES.includes(step.op)) return
    const [z, t, loss] = step.operands
    const at = result.findIndex(
      (other) => other.kind === 'op' && other.op === `${step.op}_backward` && other.operands[0] === z,
    )
    const backward = result[at] as Node | undefined
    if (backward?.operands[1] !== t) return
    const operands = [z, t, loss, backward.operands[2]]
    result[i] = { ...backward, op: `${step.op}_and_gradient`, operands }
    result.splice(at, 1)
  })
  return result
}

// A matrix of one row or one column lies in memory like its transpose: those who read the copy read the matrix.
function withoutVectorTransposes(steps: readonly Step[]): Step[] {
  const views = new Map<Value, Value>()
  for (const step of steps) {
    if (step.kind !== 'op' || step.op !== 'transpose' || !step.dims.includes(1)) continue
    const [of, copy] = step.operands
    if (!isTemporary(copy) || isTemporary(of)) continue
    views.set(copy, { ...copy, home: { kind: 'view', of, byteOffset: 0 }, isPinned: true })
  }
  return steps
    .filter((step) => step.kind !== 'op' || !outputsOf(step).some((value) => views.has(value)))
    .map((step) =>
      step.kind === 'op'
        ? { ...step, operands: step.operands.map((value) => views.get(value) ?? value) }
        : step,
    )
}

function isTemporary(value: Value): boolean {
  return !value.isPinned && value.home.kind === 'region' && value.home.region === 'activations'
}
