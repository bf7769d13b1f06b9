/** Verification: runs every instruction on the fallback's exact mode and on the native core, and compares the outputs. */

import { ParityError } from '../errors.ts'
import { arithmeticOf, dtypeOf, type Dtype } from '../ops/arithmetic.ts'
import { opNamed } from '../ops/index.ts'
import { gemm } from '../ops/matmul.ts'
import type { Kernel } from '../ops/op.ts'
import type { Backend, OperandArray } from './backend.ts'
import { describeDifference, findDifference } from './compare.ts'
import { createInterpreter } from './fallback.ts'

/**
 * A backend that computes everything twice and throws a ParityError at the first number on which the two differ. What it
 * gives are the native core's numbers; it runs at the speed of the fallback.
 *
 * @param native the core, on the instruction set to verify
 */
export function createVerifier(native: Backend): Backend {
  const gemms = { float32: gemm(arithmeticOf('float32', true)), float64: gemm(arithmeticOf('float64', true)) }
  return {
    name: 'native',
    isa: native.isa,
    ...createInterpreter((op, dtype) => verifiedKernel(native, op, dtype)),
    gemm(...args) {
      const [transA, transB, m, n, k, , a, , , , , c] = args
      const shape = `trans=${transA},${transB} m=${m} n=${n} k=${k}`
      const runs = [() => gemms[dtypeOf(a)](...args), () => native.gemm(...args)]
      compareRuns([c], runs, () => ({ op: 'gemm', shape, operands: ['c'], isa: native.isa }))
    },
  }
}

function verifiedKernel(native: Backend, op: string, dtype: Dtype): Kernel {
  const { signature, kernel } = opNamed(op)
  const exact = kernel(arithmeticOf(dtype, true))
  const hasRows = signature.dims.includes('rows')
  const written = signature.operands.flatMap(({ isOutput }, i) => (isOutput ? [i] : []))
  return (call) => {
    const operands = signature.operands.map(({ type }, i) => {
      if (type === 'u32') return call.words[i]
      return type === 'f64' ? call.doubles[i] : call.operands[i]
    })
    const batch = { rows: hasRows ? call.rows : 0, cursor: call.cursor }
    const runs = [() => exact(call), () => native.call(op, call.dims, call.scalars, operands, batch)]
    compareRuns(
      written.map((i) => operands[i]),
      runs,
      () => ({
        op,
        shape: [...signature.dims.map((dim, i) => `${dim}=${call.dims[i]}`), `(${dtype})`].join(' '),
        operands: written.map((i) => signature.operands[i].name),
        isa: native.isa,
      }),
    )
  }
}

// Runs the expected computation, undoes it, runs the other one in the same memory, and compares what they wrote.
function compareRuns(
  outputs: readonly OperandArray[],
  [runExpected, run]: readonly (() => void)[],
  describe: () => { op: string; shape: string; operands: readonly string[]; isa: string },
): void {
  const before = outputs.map((output) => output.slice())
  runExpected()
  const expected = outputs.map((output) => output.slice())
  outputs.forEach((output, i) => output.set(before[i]))
  run()
  outputs.forEach((output, i) => {
    const difference = findDifference(expected[i], output)
    if (difference === undefined) return
    const { op, shape, operands, isa } = describe()
    throw new ParityError(
      `${op} on ${isa}, ${shape}: ${operands[i]} differs from the fallback at ${describeDifference(difference)}. ` +
        'Set HADAMARD_BACKEND=fallback, and please report this',
      { op, shape, operand: operands[i], ...difference },
    )
  })
}
