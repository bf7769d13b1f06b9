/** Derivatives of a network's predictions: products with the Jacobian, and the Jacobian itself. */

import type { Backend, Executable } from '../backends/backend.ts'
import { compileDerivatives } from '../compiler/inspection.ts'
import { slotNamed, type Program } from '../compiler/program.ts'
import { SpecError } from '../errors.ts'
import { activationName, hasGradient } from '../layers/activation.ts'
import { floatArray, type Dtype, type FloatArray, type FloatArrayOf } from '../ops/arithmetic.ts'
import { elementsIn } from '../shape.ts'
import { outputsOf, parametersOf, type NetworkSpec } from '../spec.ts'

/** A vector-Jacobian product: the gradient of Σ v∘output. */
export interface VectorJacobianProduct<D extends Dtype = Dtype> {
  /** By parameter name, in the parameter's layout; sums over the rows. */
  parameters: Record<string, FloatArrayOf<D>>
  /** [rows · inputs]. */
  input: FloatArrayOf<D>
}

/** Jacobians of a network's output with respect to its input. */
export interface Jacobian<D extends Dtype = Dtype> {
  /** `[rows, outputs, inputs]`. */
  readonly shape: readonly [number, number, number]
  /** Row-major: ∂ output k / ∂ input i of row r is at (r · outputs + k) · inputs + i. */
  readonly data: FloatArrayOf<D>
}

/** Rows of one pass for Jacobians; more only costs memory. */
const BLOCK_ROWS = 256

/** Derivatives of one network; keeps the program for the next call. */
export class Derivatives {
  readonly #spec: NetworkSpec
  readonly #backend: Backend
  #linked: { program: Program; executable: Executable } | undefined

  /** @throws SpecError if the network has an activation without a gradient */
  constructor(spec: NetworkSpec, backend: Backend) {
    checkHasGradient(spec)
    this.#spec = spec
    this.#backend = backend
  }

  /** The product of v [rows · outputs] with the Jacobian; all rows at once, since the sums run over them. */
  vjp(parameters: FloatArray, x: FloatArray, v: FloatArray): VectorJacobianProduct {
    const rows = x.length / this.#spec.inputs
    const { read, run } = this.#open(parameters, rows)
    run('vjp', x, v)
    const gradients = parametersOf(this.#spec).map(({ name, shape }) => [
      name,
      read(`gradient of ${name}`, elementsIn(shape, rows)),
    ])
    return {
      parameters: Object.fromEntries(gradients) as Record<string, FloatArray>,
      input: read('gradient of x', x.length),
    }
  }

  /** The Jacobians of all rows, an output at a time: v is 1 there and 0 elsewhere. */
  jacobian(parameters: FloatArray, x: FloatArray): Jacobian {
    const { inputs, dtype } = this.#spec
    const outputs = outputsOf(this.#spec)
    const rows = x.length / inputs
    const data = floatArray(dtype, rows * outputs * inputs)
    const { read, run } = this.#open(parameters, Math.min(rows, BLOCK_ROWS))
    for (let first = 0; first < rows; first += BLOCK_ROWS) {
      const block = x.subarray(first * inputs, (first + BLOCK_ROWS) * inputs)
      const count = block.length / inputs
      for (let k = 0; k < outputs; k++) {
        run(
          'input',
          block,
          floatArray(dtype, count * outputs).map((_, i) => Number(i % outputs === k)),
        )
        const gradient = read('gradient of x', block.length)
        for (let row = 0; row < count; row++) {
          const place = ((first + row) * outputs + k) * inputs
          data.set(gradient.subarray(row * inputs, (row + 1) * inputs), place)
        }
      }
    }
    return { shape: [rows, outputs, inputs], data }
  }

  // A program for that many rows or more, with the network's present weights.
  #open(
    parameters: FloatArray,
    rows: number,
  ): {
    read: (name: string, length: number) => FloatArray
    run: (entry: string, x: FloatArray, v: FloatArray) => void
  } {
    if (this.#linked === undefined || this.#linked.program.rows < rows) {
      const program = compileDerivatives(this.#spec, rows)
      this.#linked = { program, executable: this.#backend.link(program, [], { threads: 1 }) }
    }
    const { program, executable } = this.#linked
    executable.write(slotNamed(program, 'parameters'), parameters)
    return {
      read: (name, length) => executable.read(slotNamed(program, name), floatArray(this.#spec.dtype, length)),
      run: (entry, x, v) => {
        executable.write(slotNamed(program, 'x'), x)
        executable.write(slotNamed(program, 'v'), v)
        executable.runSync(entry, x.length / this.#spec.inputs)
      },
    }
  }
}

function checkHasGradient({ layers }: NetworkSpec): void {
  for (const [i, layer] of layers.entries()) {
    if (!('activation' in layer) || hasGradient(layer.activation)) continue
    throw new SpecError({
      code: 'HADAMARD_ACTIVATION',
      where: `derivatives: layers[${i}] (${layer.name})`,
      expected: 'an activation with a derivative',
      received: `'${activationName(layer)}', whose derivative is 0 wherever it has one`,
      cure: "Use 'logistic' or 'tanh' in its place",
    })
  }
}
