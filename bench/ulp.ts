/**
 * Worst error of exp, log, tanh and logistic over float32 inputs, in units in the last place of the exact result.
 * `npx tsx bench/ulp.ts 1` visits every float; a larger stride every n-th bit pattern. The reference is Math.* in double.
 */

import { chooseBackend } from '../src/backends/choose.ts'

const references: Record<string, (x: number) => number> = {
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  logistic: (x) => 1 / (1 + Math.exp(-x)),
}

const CHUNK = 1 << 20
const stride = Number(process.argv[2] ?? 64)
const backend = chooseBackend()
const bits = new Uint32Array(CHUNK)
const x = new Float32Array(bits.buffer)
const y = new Float32Array(CHUNK)

for (const [name, reference] of Object.entries(references)) {
  let worst = 0
  let at = 0
  for (let start = 0; start < 2 ** 32; start += CHUNK * stride) {
    for (let i = 0; i < CHUNK; i++) bits[i] = start + i * stride
    backend.call(name, [CHUNK, 1], [], [x, y])
    for (let i = 0; i < CHUNK; i++) {
      const exact = reference(x[i])
      if (Object.is(Math.fround(exact), y[i])) continue
      const error = Math.abs(exact - y[i]) / ulpOf(exact)
      if (!(error <= worst)) [worst, at] = [error, x[i]]
    }
  }
  console.log(
    `${name.padEnd(9)} ${worst.toFixed(3)} ulp at ${at} (stride ${stride}, ${backend.name} ${backend.isa})`,
  )
}

// Distance of neighbouring float32 values around a number, 2^-149 for subnormals; beyond the largest, its own.
function ulpOf(value: number): number {
  const exponent = Math.floor(Math.log2(Math.min(Math.abs(value), 3.4e38)))
  return 2 ** (Math.max(exponent, -126) - 23)
}
