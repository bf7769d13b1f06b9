/** Reverse-mode differentiation of the nodes of an entry, by the gradient rules of the op table. */

import { InternalError } from '../errors.ts'
import { opNamed } from '../ops/index.ts'
import { inputsOf, namedOperands, outputsOf, type Builder, type Node, type Value } from './builder.ts'

/**
 * Adds the nodes that compute the gradients of a scalar with respect to `wanted`, given its gradients with respect to the
 * outputs. Gradients of a value that several nodes read are summed; nodes that lead to nothing wanted get none.
 *
 * @param forward the nodes to differentiate, in order
 * @returns the gradient of every value on the way, by value
 * @throws Error if an op on the way has no gradient rule
 */
export function differentiate(
  builder: Builder,
  forward: readonly Node[],
  outputGradients: ReadonlyMap<Value, Value>,
  wanted: Iterable<Value>,
): Map<Value, Value> {
  const needed = new Set<Value>(wanted)
  for (const node of forward) {
    if (inputsOf(node).some((input) => needed.has(input)))
      outputsOf(node).forEach((value) => needed.add(value))
  }
  const gradients = new Map(outputGradients)
  for (const node of [...forward].reverse()) {
    const [result] = outputsOf(node)
    const dy = gradients.get(result)
    if (dy === undefined || !needed.has(result)) continue
    const rule = opNamed(node.op).gradient
    if (rule === undefined) throw new InternalError(`${node.op} has no gradient rule`)
    const inputs = namedOperands(node)
    const rules = rule<Value>(builder, { inputs, output: result, scalars: node.scalars, dims: node.dims }, dy)
    for (const [name, emitGradient] of Object.entries(rules)) {
      const input = inputs[name]
      if (!needed.has(input)) continue
      const earlier = gradients.get(input)
      const gradient = emitGradient()
      gradients.set(input, earlier === undefined ? gradient : sum(builder, earlier, gradient))
    }
  }
  return gradients
}

// Gradients of what is computed for each row may be those of another value too, so their sum is a new one; that of a
// parameter is its own.
function sum(builder: Builder, earlier: Value, gradient: Value): Value {
  if (earlier.shape[0] === 'rows') return builder.emit('add', { a: earlier, b: gradient })
  return builder.emit('axpy', { x: gradient, y: earlier }, { alpha: 1 })
}
