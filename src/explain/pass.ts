/** All numbers of one step of gradient descent on one row, as the library computes them in float64. */

import { DataError, SpecError } from '../errors.ts'
import { activationName, type ActivationData } from '../layers/activation.ts'
import { dense } from '../layers/dense.ts'
import { Network } from '../network.ts'
import type { Dtype } from '../ops/arithmetic.ts'
import { elementsIn } from '../shape.ts'
import { isChain, lossOf, parametersOf, type NetworkSpec } from '../spec.ts'
import type { Rows, Targets } from '../training/arrays.ts'
import { toDenseTargets, toInputs } from '../training/data.ts'
import { doubleOf } from './double.ts'

/** A dense layer in the pass, with the activation behind it. */
export interface PassLayer {
  readonly name: string
  readonly activation: ActivationData
  readonly inputs: number
  readonly units: number
  /** [inputs, units], before the step; its gradient; and behind the step. */
  readonly weight: Float64Array
  readonly weightGradient: Float64Array
  readonly newWeight: Float64Array
  /** [units], where the layer has a bias. Its gradient is `delta`. */
  readonly bias?: Float64Array
  readonly newBias?: Float64Array
  /** What the layer reads. */
  readonly from: Float64Array
  /** Net inputs, and what the activation makes of them. */
  readonly net: Float64Array
  readonly output: Float64Array
  /** Derivatives of the activation at the net inputs. */
  readonly slope: Float64Array
  /** Derivatives of the loss with respect to the net inputs. */
  readonly delta: Float64Array
}

/** One step on one row. */
export interface Pass {
  readonly spec: NetworkSpec
  readonly layers: readonly PassLayer[]
  readonly input: Float64Array
  readonly target: Float64Array
  readonly loss: number
  readonly learningRate: number
  /** Of the same row, behind the step. */
  readonly after: { readonly output: Float64Array; readonly loss: number }
}

/** A dense layer with what the network applies to it before the next. */
interface Stage {
  readonly name: string
  readonly units: number
  readonly hasBias: boolean
  readonly activation: ActivationData
}

/** Most parameters of a network that is written out: some pages. */
export const MAX_PARAMETERS = 100

/**
 * Computes the pass; the network stays as it is.
 *
 * @throws SpecError if the network is too large or has other layers; DataError if x and y are not one row
 */
export function passOf(network: Network<Dtype>, x: Rows, y: Targets, learningRate: number): Pass {
  const { spec } = network
  checkSize(spec)
  const stages = stagesOf(spec)
  const input = Float64Array.from(toInputs(spec, x))
  if (input.length !== spec.inputs) {
    throw new DataError({
      code: 'HADAMARD_SHAPE',
      where: 'explainStep: x',
      expected: 'one row',
      received: String(input.length / spec.inputs),
    })
  }
  const target = Float64Array.from(toDenseTargets(spec, y, 1))
  const twin = doubleOf(network)
  const { loss, parameters: gradients } = twin.gradients(input, target)
  const before = twin.parameters
  const prediction = twin.predict(input)
  const { net, delta } = unfolded(twin, stages, input, target)
  twin.trainStep(input, target, { optimizer: { name: 'sgd', learningRate } })
  const behind = twin.parameters
  let from: Float64Array = input
  const layers = stages.map(({ name, units, hasBias, activation: h }, i): PassLayer => {
    const [weight, bias] = [`${name}.weight`, `${name}.bias`]
    const isLast = i === stages.length - 1
    const own = networkOf(h, twin.backend.name)
    const layer = {
      name,
      activation: h,
      inputs: from.length,
      units,
      weight: before[weight].data,
      weightGradient: gradients[weight],
      newWeight: behind[weight].data,
      ...(hasBias ? { bias: before[bias].data, newBias: behind[bias].data } : {}),
      from,
      net: net[i],
      output: isLast ? prediction : own.predict(net[i]),
      slope: activationName(h) === 'softmax' ? new Float64Array() : own.jacobian(net[i]).data,
      delta: delta[i],
    }
    from = layer.output
    return layer
  })
  const after = { output: twin.predict(input), loss: twin.evaluate(input, target).loss }
  return { spec, layers, input, target, loss, learningRate, after }
}

function checkSize(spec: NetworkSpec): void {
  const count = parametersOf(spec).reduce((sum, { shape }) => sum + elementsIn(shape, 1), 0)
  if (count > MAX_PARAMETERS) {
    throw new SpecError({
      code: 'HADAMARD_NOT_POSSIBLE',
      where: 'explainStep',
      expected: `a network of at most ${MAX_PARAMETERS} parameters, which a reader can follow`,
      received: `${count} parameters`,
      cure: 'Explain a smaller network; gradients(x, y) has every number of this one',
    })
  }
  if (spec.l1 === 0 && spec.l2 === 0) return
  throw new SpecError({
    code: 'HADAMARD_NOT_POSSIBLE',
    where: 'explainStep',
    expected: 'a network without penalty',
    received: `l1 ${spec.l1}, l2 ${spec.l2}`,
    cure: 'Leave l1 and l2 out',
  })
}

function stagesOf(spec: NetworkSpec): Stage[] {
  if (!isChain(spec)) {
    throw new SpecError({
      code: 'HADAMARD_NOT_POSSIBLE',
      where: 'explainStep',
      expected: 'a chain of layers with one input and one output',
      received: 'layers that branch, merge or share weights',
    })
  }
  const stages: Stage[] = []
  for (const [i, layer] of spec.layers.entries()) {
    const last = stages.at(-1)
    if (layer.type === 'dense' && layer.parametrization === undefined) {
      const { name, units, bias: hasBias, slope, alpha, activation: h } = layer
      stages.push({ name, units, hasBias, activation: { activation: h, slope, alpha } })
    } else if (layer.type === 'activation' && last?.activation.activation === 'linear') {
      stages[stages.length - 1] = { ...last, activation: layer }
    } else {
      throw new SpecError({
        code: 'HADAMARD_NOT_POSSIBLE',
        where: `explainStep: layers[${i}] (${layer.name})`,
        expected: 'dense layers, each with one activation at most',
        received: layer.type === 'dense' ? 'a dense layer with the parametrization ntk' : layer.type,
      })
    }
  }
  const { squash } = lossOf(spec)
  if (squash !== undefined) stages.push({ ...stages.splice(-1)[0], activation: { activation: squash } })
  const softmax = stages.slice(0, -1).find(({ activation: h }) => activationName(h) === 'softmax')
  if (softmax === undefined) return stages
  throw new SpecError({
    code: 'HADAMARD_NOT_POSSIBLE',
    where: `explainStep: ${softmax.name}`,
    expected: 'activations that act element by element, or softmax as the last',
    received: 'softmax in a hidden layer',
  })
}

// Net inputs, and their errors: of one row, the gradient of a bias is the error of its unit. Layers without one get a 0.
function unfolded(
  twin: Network<'float64'>,
  stages: readonly Stage[],
  input: Float64Array,
  target: Float64Array,
): { net: Float64Array[]; delta: Float64Array[] } {
  const { squash } = lossOf(twin.spec)
  const layers = stages.flatMap(({ name, units, activation: h }, i) => [
    dense(units, 'linear', { name }),
    ...(i === stages.length - 1 && squash !== undefined
      ? []
      : [{ ...h, type: 'activation' as const, name: `${name}_h` }]),
  ])
  const network = new Network<'float64'>({
    ...twin.spec,
    layers,
    dtype: 'float64',
    backend: twin.backend.name,
  })
  network.setParameters(twin.parameters)
  const outputs = network.forward(input)
  const { parameters } = network.gradients(input, target)
  return {
    net: stages.map(({ name }) => outputs[name]),
    delta: stages.map(({ name }) => parameters[`${name}.bias`]),
  }
}

// A network that is the activation: of one input, which it passes on. Its loss plays no part; hinge goes with all of them.
function networkOf(h: ActivationData, backend: 'native' | 'fallback'): Network<'float64'> {
  const network = new Network<'float64'>({
    inputs: 1,
    layers: [dense(1, 'linear', { bias: false }), { ...h, type: 'activation', name: 'h' }],
    loss: 'hinge',
    dtype: 'float64',
    backend,
  })
  network.setParameters({ 'dense1.weight': [1] })
  return network
}
